/* The journal of version 1 that is checked in, made by tests/golden/make_version_1.py from the description of the
 * format alone: every field of it is read, and it can be gone on with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "fetch.h"
#include "store/journal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 8192 };

static const fsl_hash job_a = {0x0123456789abcdefu, 0xfedcba9876543210u}, job_b = {1, 2},
                      job_c = {UINT64_MAX, (uint64_t)1 << 63};

static int begin(void **state) {
  static const fsl_ctx fresh = {.team = &fsl_team_solo};
  fsl_ctx *const ctx = malloc(sizeof *ctx);
  if (ctx == NULL) return -1;
  *ctx = fresh;
  ctx->arena = fsl_arena_create(0);
  *state = ctx;
  return ctx->arena == NULL ? -1 : 0;
}

static int end(void **state) {
  fsl_ctx *const ctx = *state;
  fsl_arena_destroy(ctx->arena);
  free(ctx);
  return 0;
}

static const char *sample_path(fsl_ctx *ctx) {
  const char *const root = getenv("FSL_TEST_ROOT");
  return fsl_text_format(ctx->arena, "%s/tests/golden/version-1.journal", root == NULL ? "." : root);
}

static fsl_journal_contents read_sample(fsl_ctx *ctx) {
  fsl_journal_contents got;
  assert_int_equal(fsl_journal_read(ctx, sample_path(ctx), &got), FSL_OK);
  assert_true(got.n_damaged == 0 && got.damaged_bytes == 0 && got.torn_bytes == 0);
  return got;
}

static void the_campaign_and_its_spec_are_read(void **state) {
  const fsl_journal_contents got = read_sample(*state);
  assert_string_equal(got.campaign.name, "tri-modal");
  assert_true(got.campaign.seed == 0x0102030405060708u && got.campaign.spec_time == 1780142400000000000u);
  assert_string_equal(got.campaign.spec_file, "/home/me/tri.yaml");
  assert_string_equal(got.campaign.spec_text, "name: tri-modal\nseed: 7\n");
}

static void the_runs_are_read(void **state) {
  const fsl_journal_contents got = read_sample(*state);
  assert_int_equal(got.n_runs, 2);
  const fsl_journal_run *const died = &got.runs[0], *const second = &got.runs[1];
  assert_true(died->began == 1780142400000000001u && died->ended == 0 && died->reason == FSL_END_DIED);
  assert_true(died->ranks == 5 && died->shard == 1 && died->shards == 1);
  assert_string_equal(died->host, "node1");
  assert_string_equal(died->signature, "x86-64-v3 gcc");
  assert_string_equal(died->command, "fslens run tri.yaml");
  assert_string_equal(died->slurm, "");
  assert_true(second->began == 1780142460000000000u && second->ended == 1780142520000000000u);
  assert_true(second->reason == FSL_END_DEADLINE && second->ranks == 3 && second->shard == 2 && second->shards == 3);
  assert_string_equal(second->host, "node2");
  assert_string_equal(second->signature, "x86-64-v4 gcc");
  assert_string_equal(second->command, "fslens run tri.yaml --array 2/3");
  assert_string_equal(second->slurm, "SLURM_JOB_ID=7");
}

static bool is_start(const fsl_journal_start *s, fsl_hash job, unsigned attempt, bool alone) {
  return fsl_hash_compare(s->job, job) == 0 && s->attempt == attempt && s->alone == alone;
}

static void the_starts_are_read(void **state) {
  const fsl_journal_contents got = read_sample(*state);
  assert_int_equal(got.n_starts, 4);
  assert_true(is_start(&got.starts[0], job_a, 1, false));
  assert_true(is_start(&got.starts[1], job_b, 1, false));
  assert_true(is_start(&got.starts[2], job_b, 2, true));
  assert_true(is_start(&got.starts[3], job_c, 1, false));
}

static void the_events_are_in_order(void **state) {
  static const fsl_journal_event wanted[] = {
      {FSL_EVENT_RUN, 0},   {FSL_EVENT_START, 0},  {FSL_EVENT_START, 1}, {FSL_EVENT_RESULT, 0}, {FSL_EVENT_RUN, 1},
      {FSL_EVENT_START, 2}, {FSL_EVENT_RESULT, 1}, {FSL_EVENT_START, 3}, {FSL_EVENT_RESULT, 2}, {FSL_EVENT_END, 1}};
  const fsl_journal_contents got = read_sample(*state);
  assert_int_equal(got.n_events, sizeof wanted / sizeof *wanted);
  for (size_t i = 0; i < got.n_events; i++)
    assert_true(got.events[i].type == wanted[i].type && got.events[i].index == wanted[i].index);
}

static void check_field(const fsl_record *record, size_t i, const char *name, size_t rank, const size_t *shape) {
  const fsl_field *const field = &record->fields[i];
  assert_string_equal(field->name, name);
  assert_int_equal(field->rank, rank);
  for (size_t k = 0; k < rank; k++) assert_int_equal(field->shape[k], shape[k]);
}

static void the_finished_record_is_read(void **state) {
  const fsl_journal_contents got = read_sample(*state);
  fsl_record read;
  const fsl_record *const r = &read;
  assert_int_equal(fetch(*state, &got, 0, &read), FSL_OK);
  assert_true(got.n_records == 3 && fsl_hash_compare(r->job, job_a) == 0 && r->status == FSL_RECORD_DONE);
  assert_string_equal(r->error, "");
  assert_string_equal(r->host, "node1");
  assert_true(r->seconds == 1.5 && r->ranks == 4 && r->attempts == 1 && r->n_fields == 4);
  check_field(r, 0, "mean_error", 1, (const size_t[]){2});
  check_field(r, 1, "mode_weight", 2, (const size_t[]){2, 3});
  check_field(r, 2, "ess", 0, NULL);
  check_field(r, 3, "nothing", 2, (const size_t[]){0, 5});
  const double *const error = r->fields[0].data, *const weight = r->fields[1].data;
  assert_true(error[0] == 0.125 && error[1] == 1e-300 && r->fields[2].data[0] == 400);
  assert_true(weight[0] == 0.5 && weight[1] == 0.25 && weight[2] == 0.25 && isnan(weight[3]));
  assert_true(weight[4] == INFINITY && weight[5] == 0 && signbit(weight[5]));
}

static void the_failed_records_are_read(void **state) {
  const fsl_journal_contents got = read_sample(*state);
  fsl_record both[2];
  const fsl_record *const failed = &both[0], *const late = &both[1];
  for (size_t i = 0; i < 2; i++) assert_int_equal(fetch(*state, &got, 1 + i, &both[i]), FSL_OK);
  assert_true(fsl_hash_compare(failed->job, job_b) == 0 && failed->status == FSL_RECORD_FAILED);
  assert_string_equal(failed->error, "no finite score at t = .1 (\u03c3\u00b2 \u2192 0)");
  assert_string_equal(failed->host, "node2");
  assert_true(failed->seconds == 0.25 && failed->ranks == 1 && failed->attempts == 2 && failed->n_fields == 0);
  assert_true(fsl_hash_compare(late->job, job_c) == 0 && late->status == FSL_RECORD_TIMED_OUT);
  assert_string_equal(late->error, "it ran past its limit");
  assert_string_equal(late->host, "node2");
  assert_true(late->seconds == 60 && late->ranks == 2 && late->attempts == 1 && late->n_fields == 0);
}

static size_t load(const char *path, uint8_t bytes[MOST_BYTES]) {
  FILE *const file = fopen(path, "rb");
  assert_non_null(file);
  const size_t n = fread(bytes, 1, MOST_BYTES, file);
  fclose(file);
  assert_true(n < MOST_BYTES);
  return n;
}

/* Its records encode to the bytes they were read from, and what is appended goes behind. */
static void it_is_gone_on_with(void **state) {
  fsl_ctx *const ctx = *state;
  uint8_t before[MOST_BYTES], after[MOST_BYTES], *bytes;
  char path[] = "/tmp/fslens-golden-XXXXXX";
  fsl_journal_contents got = read_sample(ctx);
  fsl_journal *journal;
  size_t size;
  const int file = mkstemp(path);
  const size_t n = load(sample_path(ctx), before);
  assert_true(file >= 0 && write(file, before, n) == (ssize_t)n);
  close(file);
  const fsl_journal_campaign same = got.campaign;
  fsl_record first;
  assert_int_equal(fetch(ctx, &got, 0, &first), FSL_OK);
  assert_int_equal(fsl_record_encode(ctx, &first, &bytes, &size), FSL_OK);
  assert_non_null(memmem(before, n, bytes, size));
  assert_int_equal(fsl_journal_open(ctx, path, &same, 0, &journal, &got), FSL_OK);
  assert_int_equal(fsl_journal_write(ctx, journal, bytes, size), FSL_OK);
  assert_int_equal(fsl_journal_close(ctx, journal), FSL_OK);
  assert_int_equal(load(path, after), n + 32 + size);
  assert_memory_equal(after, before, n);
  assert_memory_equal(after + n + 32, bytes, size);
  unlink(path);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(the_campaign_and_its_spec_are_read),
      CASE(the_runs_are_read),
      CASE(the_starts_are_read),
      CASE(the_events_are_in_order),
      CASE(the_finished_record_is_read),
      CASE(the_failed_records_are_read),
      CASE(it_is_gone_on_with),
  };
  return cmocka_run_group_tests_name("version 1", tests, NULL, NULL);
}
