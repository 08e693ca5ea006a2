/* The journal keeps what it acknowledged: round trips, torn tails at every byte, flipped bits, foreign campaigns. */
#include "fetch.h"
#include "store/crc32c.h"
#include "store/journal.h"
#include "store/journal_paths.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_RECORDS = 3 };

typedef struct bench {
  fsl_ctx ctx;
  fsl_log log;
  char path[64];
  size_t warnings;
  uint64_t clock;
} bench;

static void count_warning(void *self, fsl_log_level level, const char *text) {
  bench *const b = self;
  (void)text;
  b->warnings += level == FSL_LOG_WARN;
}

static int begin(void **state) {
  bench *const b = calloc(1, sizeof *b);
  if (b == NULL) return -1;
  snprintf(b->path, sizeof b->path, "/tmp/fslens-journal-XXXXXX");
  const int file = mkstemp(b->path);
  if (file < 0) return -1;
  close(file);
  unlink(b->path);
  b->log = (fsl_log){b, FSL_LOG_WARN, count_warning};
  b->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo, .log = &b->log};
  *state = b;
  return 0;
}

static int end(void **state) {
  bench *const b = *state;
  unlink(b->path);
  fsl_arena_destroy(b->ctx.arena);
  free(b);
  return 0;
}

static fsl_record example(uint64_t i, const fsl_field *field) {
  return (fsl_record){.job = {i, ~i},
                      .status = i == 1 ? FSL_RECORD_FAILED : FSL_RECORD_DONE,
                      .n_fields = 1,
                      .fields = field,
                      .error = i == 1 ? "no luck" : "",
                      .host = "here",
                      .seconds = 1.5,
                      .ranks = 1,
                      .attempts = 1};
}

static fsl_status append(bench *b, fsl_journal *journal, uint64_t i) {
  const double data[3] = {(double)i, 0.1, -1e300};
  const fsl_field field = {"mean_error", 1, {3}, data};
  const fsl_record record = example(i, &field);
  uint8_t *bytes;
  size_t size;
  FSL_TRY(fsl_record_encode(&b->ctx, &record, &bytes, &size));
  FSL_TRY(fsl_journal_write(&b->ctx, journal, bytes, size));
  return fsl_journal_sync(&b->ctx, journal);
}

static fsl_journal *open_as(bench *b, const char *name, uint64_t seed, const char *text) {
  const fsl_journal_campaign campaign = {name, seed, ++b->clock, "spec.yaml", text};
  fsl_journal_contents before;
  fsl_journal *journal = NULL;
  const fsl_status status = fsl_journal_open(&b->ctx, b->path, &campaign, 0, &journal, &before);
  return status == FSL_OK ? journal : NULL;
}

static void write_example(bench *b) {
  fsl_journal *const journal = open_as(b, "tri", 7, "name: tri\n");
  assert_non_null(journal);
  for (uint64_t i = 0; i < N_RECORDS; i++) assert_int_equal(append(b, journal, i), FSL_OK);
  assert_int_equal(fsl_journal_close(&b->ctx, journal), FSL_OK);
}

static size_t load(const char *path, uint8_t *bytes, size_t room) {
  FILE *const file = fopen(path, "rb");
  assert_non_null(file);
  const size_t n = fread(bytes, 1, room, file);
  fclose(file);
  assert_true(n < room);
  return n;
}

static void store(const char *path, const uint8_t *bytes, size_t n) {
  FILE *const file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  fclose(file);
}

static void crc_is_the_published_one(void **state) {
  (void)state;
  uint8_t zeros[32] = {0}, ones[32];
  memset(ones, 0xff, sizeof ones);
  assert_int_equal(fsl_crc32c((const uint8_t *)"123456789", 9), 0xe3069283u);
  assert_int_equal(fsl_crc32c(zeros, 32), 0x8a9136aau); /* RFC 3720, B.4 */
  assert_int_equal(fsl_crc32c(ones, 32), 0x62a8ab43u);
  assert_int_equal(fsl_crc32c(zeros, 0), 0);
}

static void what_was_appended_is_read_back(void **state) {
  bench *const b = *state;
  fsl_journal_contents got;
  write_example(b);
  assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_OK);
  assert_string_equal(got.campaign.name, "tri");
  assert_int_equal(got.campaign.seed, 7);
  assert_string_equal(got.campaign.spec_file, "spec.yaml");
  assert_string_equal(got.campaign.spec_text, "name: tri\n");
  assert_int_equal(got.torn_bytes, 0);
  assert_int_equal(got.n_records, N_RECORDS);
  for (uint64_t i = 0; i < N_RECORDS; i++) {
    fsl_record record;
    assert_int_equal(fetch(&b->ctx, &got, i, &record), FSL_OK);
    assert_true(record.status == got.records[i].status && record.seconds == got.records[i].seconds);
    assert_int_equal(fsl_hash_compare(record.data, got.records[i].data), 0);
    const fsl_field *const field = fsl_record_field(&record, "mean_error");
    assert_int_equal(got.records[i].job.high, i);
    assert_non_null(field);
    assert_true(field->data[0] == (double)i && field->data[1] == 0.1 && field->data[2] == -1e300);
  }
  assert_int_equal(got.records[1].status, FSL_RECORD_FAILED);
  fsl_record failed;
  assert_int_equal(fetch(&b->ctx, &got, 1, &failed), FSL_OK);
  assert_string_equal(failed.error, "no luck");
}

/* One block of `size` bytes of payload at `bytes`; returns what follows it. */
static const uint8_t *expect_block(const uint8_t *bytes, uint8_t type, const uint8_t *payload, size_t size) {
  const uint8_t frame[24] = {0x89, 'f', 's', 'l', 'J', 13, 10, 26, 1, 0, type, 0, 0, 0, 0, 0, (uint8_t)size};
  assert_memory_equal(bytes, frame, sizeof frame);
  assert_memory_equal(bytes + 32, payload, size);
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(bytes[24 + i], (uint8_t)(fsl_crc32c(payload, size) >> (8 * i)));
    assert_int_equal(bytes[28 + i], (uint8_t)(fsl_crc32c(bytes, 28) >> (8 * i)));
  }
  return bytes + 32 + size;
}

static void bytes_are_those_of_the_header_comment(void **state) {
  bench *const b = *state;
  uint8_t bytes[4096];
  fsl_journal *const journal = open_as(b, "tri", 0x0102030405060708u, "x: 1\n");
  assert_non_null(journal);
  const fsl_journal_run run = {
      .began = 2, .ranks = 3, .shard = 1, .shards = 4, .host = "h", .signature = "s", .command = "c", .slurm = ""};
  const fsl_journal_start start = {{1, 2}, 3, true};
  assert_int_equal(fsl_journal_begin(&b->ctx, journal, &run), FSL_OK);
  assert_int_equal(fsl_journal_started(&b->ctx, journal, &start), FSL_OK);
  assert_int_equal(fsl_journal_end(&b->ctx, journal, 9, FSL_END_DEADLINE), FSL_OK);
  assert_int_equal(fsl_journal_close(&b->ctx, journal), FSL_OK);
  const size_t size = load(b->path, bytes, sizeof bytes);
  const uint8_t *at = expect_block(bytes, 1, (const uint8_t *)"\1\0\0\0\10\7\6\5\4\3\2\1\3\0\0\0tri", 19);
  at = expect_block(at, 2, (const uint8_t *)"\1\0\0\0\0\0\0\0\11\0\0\0spec.yaml\5\0\0\0x: 1\n", 30);
  at = expect_block(at, 4,
                    (const uint8_t *)"\2\0\0\0\0\0\0\0\3\0\0\0\1\0\0\0\4\0\0\0\1\0\0\0h\1\0\0\0s\1\0\0\0c\0\0\0\0", 39);
  at = expect_block(at, 5, (const uint8_t *)"\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\1\0\0\0", 24);
  at = expect_block(at, 6, (const uint8_t *)"\11\0\0\0\0\0\0\0\3\0\0\0", 12);
  assert_int_equal(at - bytes, size);
}

static void runs_starts_and_ends_are_read_back_in_order(void **state) {
  bench *const b = *state;
  fsl_journal_contents got;
  const fsl_journal_run run = {.began = 5,
                               .ranks = 3,
                               .shard = 2,
                               .shards = 4,
                               .host = "node",
                               .signature = "sig",
                               .command = "fslens run",
                               .slurm = "SLURM_JOB_ID=7"};
  const fsl_journal_start start = {{1, ~(uint64_t)1}, 2, true};
  fsl_journal *const journal = open_as(b, "tri", 7, "name: tri\n");
  assert_non_null(journal);
  assert_int_equal(fsl_journal_begin(&b->ctx, journal, &run), FSL_OK);
  assert_int_equal(fsl_journal_started(&b->ctx, journal, &start), FSL_OK);
  assert_int_equal(append(b, journal, 1), FSL_OK);
  assert_int_equal(fsl_journal_end(&b->ctx, journal, 8, FSL_END_STOPPED), FSL_OK);
  assert_int_equal(fsl_journal_close(&b->ctx, journal), FSL_OK);
  assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_OK);
  assert_int_equal(got.n_runs, 1);
  assert_true(got.runs[0].began == 5 && got.runs[0].ended == 8 && got.runs[0].reason == FSL_END_STOPPED);
  assert_true(got.runs[0].ranks == 3 && got.runs[0].shard == 2 && got.runs[0].shards == 4);
  assert_string_equal(got.runs[0].slurm, "SLURM_JOB_ID=7");
  assert_true(got.n_starts == 1 && got.starts[0].job.high == 1 && got.starts[0].attempt == 2 && got.starts[0].alone);
  const fsl_journal_event_type wanted[] = {FSL_EVENT_RUN, FSL_EVENT_START, FSL_EVENT_RESULT, FSL_EVENT_END};
  assert_int_equal(got.n_events, 4);
  for (size_t i = 0; i < 4; i++) assert_int_equal(got.events[i].type, wanted[i]);
}

static void reopening_appends_after_what_is_there(void **state) {
  bench *const b = *state;
  fsl_journal_contents got;
  write_example(b);
  write_example(b);
  assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_OK);
  assert_int_equal(got.n_records, 2 * N_RECORDS);
  assert_int_equal(b->warnings, 0);
}

static void another_spec_is_appended_once(void **state) {
  bench *const b = *state;
  uint8_t bytes[8192];
  fsl_journal_contents got;
  size_t size = 0;
  write_example(b);
  for (int i = 0; i < 2; i++) {
    fsl_journal *const journal = open_as(b, "tri", 7, "name: tri # wider\n");
    assert_non_null(journal);
    assert_int_equal(fsl_journal_close(&b->ctx, journal), FSL_OK);
    if (i == 0) size = load(b->path, bytes, sizeof bytes);
  }
  assert_int_equal(load(b->path, bytes, sizeof bytes), size);
  assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_OK);
  assert_string_equal(got.campaign.spec_text, "name: tri # wider\n");
  assert_string_equal(got.campaign.name, "tri");
  assert_int_equal(got.n_records, N_RECORDS);
}

/* Cut after every byte: reading keeps all whole records and changes nothing, opening cuts, and appends follow. */
static void a_tail_torn_at_any_byte_costs_that_record_only(void **state) {
  bench *const b = *state;
  static uint8_t whole[8192], cut[8192];
  fsl_journal_contents got;
  write_example(b);
  const size_t size = load(b->path, whole, sizeof whole);
  size_t before = 0;
  for (size_t n = 0; n < size; n++) {
    store(b->path, whole, n);
    assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_OK);
    assert_true(got.n_records == before || got.n_records == before + 1);
    before = got.n_records;
    assert_int_equal(load(b->path, cut, sizeof cut), n);
    assert_memory_equal(cut, whole, n);
    b->warnings = 0;
    fsl_journal *const journal = open_as(b, "tri", 7, "name: tri\n");
    assert_non_null(journal);
    assert_int_equal(b->warnings, got.torn_bytes > 0);
    assert_int_equal(append(b, journal, 99), FSL_OK);
    assert_int_equal(fsl_journal_close(&b->ctx, journal), FSL_OK);
    assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_OK);
    assert_int_equal(got.torn_bytes, 0);
    assert_int_equal(got.n_records, before + 1);
    assert_int_equal(got.records[before].job.high, 99);
  }
  assert_int_equal(before, N_RECORDS - 1);
}

/* One flipped bit of each byte: no crash, no wrong record, and one record lost at most: reading and opening alike. */
static void a_flipped_bit_costs_one_record_at_most(void **state) {
  bench *const b = *state;
  static uint8_t whole[8192];
  fsl_journal_contents got;
  write_example(b);
  const size_t size = load(b->path, whole, sizeof whole);
  for (size_t byte = 0; byte < size; byte++) {
    const size_t bit = 8 * byte + byte % 8;
    const fsl_arena_mark mark = fsl_arena_now(b->ctx.arena);
    whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
    store(b->path, whole, size);
    assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_OK);
    assert_true(got.n_records >= N_RECORDS - 1);
    assert_true(got.n_damaged + (got.torn_bytes > 0) == 1);
    for (uint64_t i = 0, next = 0; i < got.n_records; i++, next++) {
      next += got.records[i].job.high != next;
      assert_int_equal(got.records[i].job.high, next);
      fsl_record record;
      assert_int_equal(fetch(&b->ctx, &got, i, &record), FSL_OK);
      assert_true(record.fields[0].data[2] == -1e300);
    }
    const size_t records = got.n_records;
    fsl_journal *const journal = open_as(b, "tri", 7, "name: tri\n");
    assert_non_null(journal);
    assert_int_equal(fsl_journal_close(&b->ctx, journal), FSL_OK);
    assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_OK);
    assert_int_equal(got.n_records, records);
    assert_string_equal(got.campaign.name, "tri");
    assert_string_equal(got.campaign.spec_text, "name: tri\n");
    whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
    fsl_arena_release(b->ctx.arena, mark);
  }
}

static void another_campaign_is_refused_and_left_alone(void **state) {
  bench *const b = *state;
  static uint8_t before[8192], after[8192];
  write_example(b);
  size_t size = load(b->path, before, sizeof before);
  before[size++] = 0x89; /* a torn tail as well */
  store(b->path, before, size);
  assert_null(open_as(b, "tri", 8, "name: tri\n"));
  assert_non_null(strstr(b->ctx.error, "seed 7, not 8"));
  assert_null(open_as(b, "other", 7, "name: tri\n"));
  assert_non_null(strstr(b->ctx.error, "campaign \"tri\", not to \"other\""));
  assert_int_equal(load(b->path, after, sizeof after), size);
  assert_memory_equal(before, after, size);
}

/* Recomputes the checks of the block at `at` after a change. */
static void seal(uint8_t *block) {
  const uint32_t payload = fsl_crc32c(block + 32, block[16] + 256u * block[17]);
  for (size_t i = 0; i < 4; i++) block[24 + i] = (uint8_t)(payload >> (8 * i));
  const uint32_t frame = fsl_crc32c(block, 28);
  for (size_t i = 0; i < 4; i++) block[28 + i] = (uint8_t)(frame >> (8 * i));
}

static void newer_and_foreign_files_are_refused(void **state) {
  bench *const b = *state;
  static uint8_t bytes[8192];
  fsl_journal_contents got;
  write_example(b);
  const size_t size = load(b->path, bytes, sizeof bytes);
  bytes[8] = 2;
  seal(bytes);
  store(b->path, bytes, size);
  assert_null(open_as(b, "tri", 7, "name: tri\n"));
  assert_non_null(strstr(b->ctx.error, "version 2"));
  assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_EINPUT);
  bytes[8] = 1;
  bytes[10] = 7;
  seal(bytes);
  store(b->path, bytes, size);
  assert_null(open_as(b, "tri", 7, "name: tri\n"));
  assert_non_null(strstr(b->ctx.error, "unknown type 7"));
  store(b->path, (const uint8_t *)"my thesis", 9);
  assert_null(open_as(b, "tri", 7, "name: tri\n"));
  assert_non_null(strstr(b->ctx.error, "not a journal"));
  assert_int_equal(load(b->path, bytes, sizeof bytes), 9);
}

/* Texts and counts that lie, behind checks that hold. */
static void lying_lengths_are_refused(void **state) {
  bench *const b = *state;
  static uint8_t whole[8192], bytes[8192];
  fsl_journal_contents got;
  write_example(b);
  const size_t size = load(b->path, whole, sizeof whole);
  for (size_t at = 32; at < size - 3; at++) {
    const fsl_arena_mark mark = fsl_arena_now(b->ctx.arena);
    memcpy(bytes, whole, size);
    size_t block = 0;
    while (block + 32 + bytes[block + 16] + 256u * bytes[block + 17] <= at)
      block += 32 + bytes[block + 16] + 256u * bytes[block + 17];
    if (at >= block + 32) {
      bytes[at] = 0xff;
      bytes[at + 3 < size ? at + 3 : at] ^= 0x7f;
      seal(bytes + block);
      store(b->path, bytes, size);
      const fsl_status status = fsl_journal_read(&b->ctx, b->path, &got);
      assert_true(status == FSL_OK || status == FSL_EINPUT);
    }
    fsl_arena_release(b->ctx.arena, mark);
  }
}

static void a_missing_file_or_folder_is_an_error(void **state) {
  bench *const b = *state;
  fsl_journal_contents got;
  assert_int_equal(fsl_journal_read(&b->ctx, b->path, &got), FSL_EIO);
  snprintf(b->path, sizeof b->path, "/tmp/no-such-folder-of-fslens/x.journal");
  assert_null(open_as(b, "tri", 7, "name: tri\n"));
  snprintf(b->path, sizeof b->path, "/tmp");
  assert_null(open_as(b, "tri", 7, "name: tri\n"));
  b->path[0] = '\0';
}

/* Past its size limit a file takes no byte: the failure is reported, and nothing is written after it. */
static void a_failed_write_is_final(void **state) {
  bench *const b = *state;
  static uint8_t bytes[8192];
  struct rlimit old, tight;
  write_example(b);
  fsl_journal *const journal = open_as(b, "tri", 7, "name: tri\n");
  assert_non_null(journal);
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  tight = old;
  tight.rlim_cur = load(b->path, bytes, sizeof bytes) + 40;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const fsl_status first = append(b, journal, 99);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  assert_int_equal(first, FSL_EIO);
  assert_int_equal(append(b, journal, 100), FSL_EIO);
  assert_int_equal(fsl_journal_sync(&b->ctx, journal), FSL_EIO);
  assert_int_equal(fsl_journal_close(&b->ctx, journal), FSL_EIO);
  write_example(b); /* cuts what was half written */
  assert_int_equal(b->warnings, 1);
}

static void the_journal_lies_beside_the_results(void **state) {
  bench *const b = *state;
  assert_string_equal(fsl_journal_path(b->ctx.arena, "a/out.h5", (fsl_shard){0}), "a/out.journal");
  assert_string_equal(fsl_journal_path(b->ctx.arena, "out", (fsl_shard){0}), "out.journal");
  assert_string_equal(fsl_journal_path(b->ctx.arena, ".h5", (fsl_shard){0}), ".h5.journal");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(crc_is_the_published_one),
      CASE(what_was_appended_is_read_back),
      CASE(bytes_are_those_of_the_header_comment),
      CASE(runs_starts_and_ends_are_read_back_in_order),
      CASE(reopening_appends_after_what_is_there),
      CASE(another_spec_is_appended_once),
      CASE(a_tail_torn_at_any_byte_costs_that_record_only),
      CASE(a_flipped_bit_costs_one_record_at_most),
      CASE(another_campaign_is_refused_and_left_alone),
      CASE(newer_and_foreign_files_are_refused),
      CASE(lying_lengths_are_refused),
      CASE(a_missing_file_or_folder_is_an_error),
      CASE(a_failed_write_is_final),
      CASE(the_journal_lies_beside_the_results),
  };
  return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
