/* A thousand damaged journals: reading never crashes, every record that stands whole comes back as it was written and
 * nothing else does, and appending goes on behind. Built with the sanitizers. `test_store_damage ROUNDS [SEED]` makes
 * other rounds; without SEED it comes from the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "damaged_journal.h"
#include "fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct world {
  fsl_ctx ctx;
  fsl_log log;
  size_t warnings, rounds;
  uint64_t seed;
  char path[64];
  damager damager;
  image first, second; /* undamaged, of one campaign */
  image now;           /* under the knife */
  image later;         /* after it was appended to */
} world;

/* What the property says, and where it does not hold. */
#define WANT(condition)                                                                                                \
  do {                                                                                                                 \
    if (!(condition)) return #condition;                                                                               \
  } while (0)

static const char *const first_spec = "name: damage\n", *const second_spec = "name: damage # wider\n";

static fsl_journal_campaign campaign(const char *spec, uint64_t time) {
  return (fsl_journal_campaign){"damage", 7, time, "/home/me/damage.yaml", spec};
}

static void load(const char *path, image *m) {
  FILE *const file = fopen(path, "rb");
  assert_non_null(file);
  m->size = fread(m->bytes, 1, MOST_BYTES, file);
  fclose(file);
  assert_true(m->size < MOST_BYTES);
}

static void store(const char *path, const image *m) {
  FILE *const file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(m->bytes, 1, m->size, file), m->size);
  assert_int_equal(fclose(file), 0);
}

/* ---- a journal as it is written ---------------------------------------------------------------------------------- */

static double any_real(damager *d) {
  const uint64_t bits = below(d, 3) == 0 ? next_random(d) : 0x3ff0000000000000u | next_random(d) >> 12;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* A record of up to 5 kB. Failed ones have a text that looks like the start of a block. */
static fsl_status write_record(world *w, fsl_journal *journal) {
  damager *const d = &w->damager;
  double data[640];
  fsl_field field[3] = {
      {"mean_error", 1, {1 + below(d, 8)}, data}, {"ess", 0, {0}, data}, {"mode_weight", 2, {0}, data}};
  field[2].shape[0] = below(d, 5);
  field[2].shape[1] = below(d, 128);
  const bool failed = below(d, 5) == 0;
  for (size_t i = 0; i < sizeof data / sizeof *data; i++) data[i] = any_real(d);
  const fsl_record record = {.job = {next_random(d), next_random(d)},
                             .status = failed ? FSL_RECORD_FAILED : FSL_RECORD_DONE,
                             .n_fields = 1 + below(d, 3),
                             .fields = field,
                             .error = failed ? "no luck: \x89"
                                               "fslJ\r\n\x1a\x01"
                                             : "",
                             .host = "node12",
                             .seconds = 1e-3 * (double)below(d, 100000),
                             .ranks = 1 << below(d, 4),
                             .attempts = 1};
  uint8_t *bytes;
  size_t size;
  FSL_TRY(fsl_record_encode(&w->ctx, &record, &bytes, &size));
  return fsl_journal_write(&w->ctx, journal, bytes, size);
}

static fsl_status write_run(world *w, fsl_journal *journal, uint64_t time, bool dies) {
  damager *const d = &w->damager;
  const fsl_journal_run run = {.began = time,
                               .ranks = 1 + (unsigned)below(d, 64),
                               .shard = 1,
                               .shards = 1,
                               .host = "node12",
                               .signature = "v4 zen",
                               .command = "fslens run damage.yaml",
                               .slurm = below(d, 2) == 0 ? "" : "SLURM_JOB_ID=7"};
  FSL_TRY(fsl_journal_begin(&w->ctx, journal, &run));
  for (size_t i = 0, n = 8 + below(d, 12); i < n; i++) {
    const fsl_journal_start start = {{next_random(d), i}, 1 + (unsigned)below(d, 3), below(d, 9) == 0};
    FSL_TRY(fsl_journal_started(&w->ctx, journal, &start));
    if (i > 0) FSL_TRY(write_record(w, journal));
  }
  return dies ? FSL_OK : fsl_journal_end(&w->ctx, journal, time + 5, (fsl_journal_reason)(1 + below(d, 5)));
}

/* Three runs, one of which died, under two specs; all its blocks are known from then on. */
static void write_journal(world *w, image *out, uint64_t time) {
  fsl_journal_contents before;
  for (uint64_t i = 0; i < 3; i++) {
    const fsl_journal_campaign c = campaign(i < 2 ? first_spec : second_spec, time + 10 * i);
    fsl_journal *journal;
    assert_int_equal(fsl_journal_open(&w->ctx, w->path, &c, 0, &journal, &before), FSL_OK);
    assert_int_equal(write_run(w, journal, time + 10 * i + 1, i == 1), FSL_OK);
    assert_int_equal(fsl_journal_close(&w->ctx, journal), FSL_OK);
  }
  load(w->path, out);
  unlink(w->path);
  know(&w->damager, out->bytes, 0, out->size);
  w->damager.n_lasting = w->damager.n_known;
}

static void count_warning(void *self, fsl_log_level level, const char *text) {
  world *const w = self;
  (void)text;
  w->warnings += level == FSL_LOG_WARN;
}

static int begin(void **state) {
  world *const w = *state;
  struct stat about;
  const char *const memory = "/dev/shm"; /* many small files: better not on a disk */
  const bool in_memory = stat(memory, &about) == 0 && access(memory, W_OK) == 0;
  snprintf(w->path, sizeof w->path, "%s/fslens-damage-%ld", in_memory ? memory : "/tmp", (long)getpid());
  w->log = (fsl_log){w, FSL_LOG_WARN, count_warning};
  w->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo, .log = &w->log};
  w->damager = (damager){.random = w->seed, .arena = w->ctx.arena};
  write_journal(w, &w->first, 1000);
  write_journal(w, &w->second, 2000);
  return 0;
}

static int end(void **state) {
  world *const w = *state;
  unlink(w->path);
  fsl_arena_destroy(w->ctx.arena);
  return 0;
}

/* ---- what was read against what stands --------------------------------------------------------------------------- */

typedef struct reader { /* where reading must have come to */
  size_t n_events, n_records, n_runs, n_starts;
  const uint8_t *campaign, *spec, *end; /* payloads; end: of the last run */
} reader;

static bool is_event(const fsl_journal_contents *got, reader *r, fsl_journal_event_type type, size_t index) {
  if (r->n_events >= got->n_events) return false;
  const fsl_journal_event *const e = &got->events[r->n_events++];
  return e->type == type && e->index == index;
}

static const char *check_record(world *w, const fsl_journal_contents *got, reader *r, const known_block *k) {
  uint8_t *bytes;
  size_t size;
  WANT(is_event(got, r, FSL_EVENT_RESULT, r->n_records) && r->n_records < got->n_records);
  const fsl_journal_record *const known = &got->records[r->n_records++];
  fsl_record record;
  WANT(fetch(&w->ctx, got, r->n_records - 1, &record) == FSL_OK);
  WANT(record.status == known->status && fsl_hash_compare(record.data, known->data) == 0);
  WANT(fsl_record_encode(&w->ctx, &record, &bytes, &size) == FSL_OK);
  WANT(size == k->size - FRAME && memcmp(bytes, k->bytes + FRAME, size) == 0);
  const fsl_hash data = fsl_hash_of(bytes + 12, (size_t)number_at(bytes + 4, 8));
  WANT(fsl_hash_compare(known->data, data) == 0);
  return NULL;
}

static const char *check_run(const fsl_journal_contents *got, reader *r, const known_block *k) {
  uint8_t bytes[512], *at = bytes;
  WANT(is_event(got, r, FSL_EVENT_RUN, r->n_runs) && r->n_runs < got->n_runs);
  const fsl_journal_run *const run = &got->runs[r->n_runs++];
  at = fsl_put_number(at, run->began, 8);
  at = fsl_put_number(at, run->ranks, 4);
  at = fsl_put_number(at, run->shard, 4);
  at = fsl_put_number(at, run->shards, 4);
  at = fsl_put_text(at, run->host);
  at = fsl_put_text(at, run->signature);
  at = fsl_put_text(at, run->command);
  at = fsl_put_text(at, run->slurm);
  WANT((size_t)(at - bytes) == k->size - FRAME && memcmp(bytes, k->bytes + FRAME, k->size - FRAME) == 0);
  return NULL;
}

static const char *check_start(const fsl_journal_contents *got, reader *r, const uint8_t *payload) {
  WANT(is_event(got, r, FSL_EVENT_START, r->n_starts) && r->n_starts < got->n_starts);
  const fsl_journal_start *const start = &got->starts[r->n_starts++];
  WANT(start->job.high == number_at(payload, 8) && start->job.low == number_at(payload + 8, 8));
  WANT(start->attempt == number_at(payload + 16, 4) && start->alone == (number_at(payload + 20, 4) != 0));
  return NULL;
}

/* The last run that was read: its last end. */
static const char *check_last_run(const fsl_journal_contents *got, reader *r) {
  if (r->n_runs == 0) return NULL;
  const fsl_journal_run *const run = &got->runs[r->n_runs - 1];
  WANT(run->ended == (r->end == NULL ? 0 : number_at(r->end, 8)));
  WANT(run->reason == (r->end == NULL ? FSL_END_DIED : number_at(r->end + 8, 4)));
  r->end = NULL;
  return NULL;
}

static const char *check_block(world *w, const fsl_journal_contents *got, reader *r, const known_block *k) {
  const uint8_t *const payload = k->bytes + FRAME;
  const uint64_t type = number_at(k->bytes + 10, 2);
  if (k->lies) return is_event(got, r, FSL_EVENT_DAMAGE, 0) ? NULL : "what does not parse is damage";
  if (type == FSL_BLOCK_CAMPAIGN) r->campaign = payload;
  if (type == FSL_BLOCK_SPEC) r->spec = payload;
  if (type == FSL_BLOCK_RESULT) return check_record(w, got, r, k);
  if (type == FSL_BLOCK_START) return check_start(got, r, payload);
  if (type == FSL_BLOCK_RUN) {
    const char *const wrong = check_last_run(got, r);
    return wrong != NULL ? wrong : check_run(got, r, k);
  }
  if (type != FSL_BLOCK_END || r->n_runs == 0) return NULL;
  r->end = payload;
  return is_event(got, r, FSL_EVENT_END, r->n_runs - 1) ? NULL : "an end belongs to the run before it";
}

static bool is_text(const uint8_t *at, const char *text) {
  return number_at(at, 4) == strlen(text) && memcmp(at + 4, text, strlen(text)) == 0;
}

static const char *check_campaign(const fsl_journal_contents *got, const reader *r) {
  const fsl_journal_campaign *const c = &got->campaign;
  if (r->campaign == NULL) {
    WANT(c->name[0] == '\0' && c->seed == 0);
  } else {
    WANT(is_text(r->campaign + 12, c->name) && c->seed == number_at(r->campaign + 4, 8));
  }
  if (r->spec == NULL) {
    WANT(c->spec_file[0] == '\0' && c->spec_text[0] == '\0' && c->spec_time == 0);
  } else {
    WANT(c->spec_time == number_at(r->spec, 8) && is_text(r->spec + 8, c->spec_file));
    WANT(is_text(r->spec + 12 + strlen(c->spec_file), c->spec_text));
  }
  return NULL;
}

/* NULL where the contents are exactly what stands in the file. */
static const char *check_contents(world *w, const image *m, const standing *s, const fsl_journal_contents *got) {
  reader r = {0};
  const char *wrong = NULL;
  for (size_t i = 0; wrong == NULL && i < s->n; i++) {
    if (s->behind_damage[i]) WANT(is_event(got, &r, FSL_EVENT_DAMAGE, 0));
    wrong = check_block(w, got, &r, s->block[i]);
  }
  if (wrong == NULL) wrong = check_last_run(got, &r);
  if (wrong == NULL) wrong = check_campaign(got, &r);
  if (wrong != NULL) return wrong;
  WANT(got->torn_bytes == m->size - s->end);
  if (got->torn_bytes > 0) WANT(is_event(got, &r, FSL_EVENT_DAMAGE, 0));
  WANT(r.n_events == got->n_events && r.n_records == got->n_records);
  WANT(r.n_runs == got->n_runs && r.n_starts == got->n_starts);
  WANT(s->n_damaged == got->n_damaged && s->damaged_bytes == got->damaged_bytes);
  return NULL;
}

/* A file without a whole block is a journal where it is empty or starts like a block. */
static bool is_journal(const image *m, const standing *s) {
  static const uint8_t magic[8] = {0x89, 'f', 's', 'l', 'J', '\r', '\n', 0x1a};
  return s->n > 0 || memcmp(m->bytes, magic, m->size < sizeof magic ? m->size : sizeof magic) == 0;
}

static const char *check_reading(world *w, const image *m, const standing *s) {
  fsl_journal_contents got;
  const fsl_status status = fsl_journal_read(&w->ctx, w->path, &got);
  if (!is_journal(m, s)) return status == FSL_EINPUT ? NULL : "no journal is refused";
  WANT(status == FSL_OK);
  return check_contents(w, m, s, &got);
}

/* ---- appending --------------------------------------------------------------------------------------------------- */

static bool has_type(const standing *s, fsl_block_type type) {
  for (size_t i = 0; i < s->n; i++)
    if (!s->block[i]->lies && number_at(s->block[i]->bytes + 10, 2) == type) return true;
  return false;
}

/* Behind the last whole block: the campaign where none stands, the spec where the newest is another, and a record. */
static const char *check_appended(world *w, const standing *s, bool new_spec) {
  damager *const d = &w->damager;
  const size_t before = d->n_known;
  load(w->path, &w->later);
  WANT(w->later.size > s->end && memcmp(w->later.bytes, w->now.bytes, s->end) == 0);
  know(d, w->later.bytes, s->end, w->later.size);
  standing after;
  look_for_blocks(d, &w->later, &after);
  const size_t header = !has_type(s, FSL_BLOCK_CAMPAIGN), spec = new_spec;
  WANT(d->n_known - before == header + spec + 1 && after.end == w->later.size);
  for (size_t i = before; i < d->n_known; i++)
    WANT(number_at(d->known[i].bytes + 10, 2) == (i < before + header          ? FSL_BLOCK_CAMPAIGN
                                                  : i < before + header + spec ? FSL_BLOCK_SPEC
                                                                               : FSL_BLOCK_RESULT));
  return check_reading(w, &w->later, &after);
}

static const char *check_opening(world *w, const standing *s) {
  fsl_journal_contents got;
  fsl_journal *journal;
  const char *const spec = below(&w->damager, 2) == 0 ? first_spec : second_spec;
  const fsl_journal_campaign c = campaign(spec, 3000);
  w->warnings = 0;
  const fsl_status status = fsl_journal_open(&w->ctx, w->path, &c, 0, &journal, &got);
  if (!is_journal(&w->now, s)) {
    load(w->path, &w->later);
    WANT(status == FSL_EINPUT && journal == NULL);
    WANT(w->later.size == w->now.size && memcmp(w->later.bytes, w->now.bytes, w->now.size) == 0);
    return NULL;
  }
  WANT(status == FSL_OK);
  const char *const wrong = check_contents(w, &w->now, s, &got);
  const bool new_spec = strcmp(got.campaign.spec_text, spec) != 0;
  const fsl_status written = write_record(w, journal);
  WANT(fsl_journal_close(&w->ctx, journal) == FSL_OK && written == FSL_OK);
  WANT(w->warnings == (size_t)(got.torn_bytes > 0) + (size_t)(got.n_damaged > 0));
  return wrong != NULL ? wrong : check_appended(w, s, new_spec);
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static const char *check_round(world *w, uint64_t seed) {
  damager *const d = &w->damager;
  d->random = seed;
  d->n_known = d->n_lasting;
  w->now.size = 0;
  put_in(&w->now, 0, w->first.bytes, w->first.size);
  for (size_t i = 0, n = 1 + below(d, 4); i < n; i++) damage(d, &w->now, &w->second);
  standing s;
  look_for_blocks(d, &w->now, &s);
  store(w->path, &w->now);
  const char *const wrong = check_reading(w, &w->now, &s);
  return wrong != NULL ? wrong : check_opening(w, &s);
}

static void what_stands_is_read_and_nothing_else(void **state) {
  world *const w = *state;
  for (size_t i = 0; i < w->rounds; i++) {
    const fsl_arena_mark mark = fsl_arena_now(w->ctx.arena);
    const char *const wrong = check_round(w, w->seed + i);
    if (wrong != NULL) fail_msg("not so in the round of seed %" PRIu64 ": %s", w->seed + i, wrong);
    fsl_arena_release(w->ctx.arena, mark);
  }
}

/* Thousands of frames whose own check holds, of payloads that reach to the end and fail theirs: their square would take
 * hours in a large file. */
static void hostile_files_end_soon(void **state) {
  world *const w = *state;
  fsl_journal_contents got;
  fsl_journal *journal;
  const fsl_journal_campaign c = campaign(first_spec, 1);
  w->now.size = 0;
  put_in(&w->now, 0, w->first.bytes, w->first.size);
  for (uint8_t frame[FRAME]; w->now.size < MOST_BYTES - FRAME;) {
    memcpy(frame, w->first.bytes, FRAME);
    set_number(frame + 16, MOST_BYTES - w->now.size - 2 * (size_t)FRAME, 8);
    seal_frame(frame);
    put_in(&w->now, w->now.size, frame, FRAME);
  }
  store(w->path, &w->now);
  const clock_t before = clock();
  assert_int_equal(fsl_journal_read(&w->ctx, w->path, &got), FSL_EINPUT);
  assert_non_null(strstr(w->ctx.error, "damaged all over"));
  assert_int_equal(fsl_journal_open(&w->ctx, w->path, &c, 0, &journal, &got), FSL_EINPUT);
  assert_true((double)(clock() - before) / CLOCKS_PER_SEC < 2);
  load(w->path, &w->later);
  assert_int_equal(w->later.size, w->now.size);
  assert_memory_equal(w->later.bytes, w->now.bytes, w->now.size);
}

static void an_empty_file_is_a_new_journal_and_zeros_are_none(void **state) {
  world *const w = *state;
  for (size_t size = 0; size <= 8192; size = 2 * size + 1) {
    w->now.size = size;
    memset(w->now.bytes, 0, size);
    store(w->path, &w->now);
    standing s;
    w->damager.n_known = w->damager.n_lasting;
    look_for_blocks(&w->damager, &w->now, &s);
    assert_null(check_reading(w, &w->now, &s));
    assert_null(check_opening(w, &s));
  }
}

static void a_pipe_is_refused_and_not_waited_for(void **state) {
  world *const w = *state;
  fsl_journal_contents got;
  unlink(w->path);
  assert_int_equal(mkfifo(w->path, 0600), 0);
  assert_int_equal(fsl_journal_read(&w->ctx, w->path, &got), FSL_EINPUT);
  assert_non_null(strstr(w->ctx.error, "not a regular file"));
}

/* A newer fslens wrote it: going on beside it would lead to two results of one job. */
static void a_record_of_a_newer_version_is_refused(void **state) {
  world *const w = *state;
  fsl_journal_contents got;
  standing s;
  w->now.size = 0;
  put_in(&w->now, 0, w->first.bytes, w->first.size);
  look_for_blocks(&w->damager, &w->now, &s);
  size_t i = 0;
  while (number_at(s.block[i]->bytes + 10, 2) != FSL_BLOCK_RESULT) i++;
  w->now.bytes[s.at[i] + FRAME] = 2;
  seal(w->now.bytes + s.at[i], s.block[i]->size);
  store(w->path, &w->now);
  assert_int_equal(fsl_journal_read(&w->ctx, w->path, &got), FSL_EINPUT);
  assert_non_null(strstr(w->ctx.error, "a record of version 2; this fslens knows version 1"));
}

static void the_journals_were_realistic(void **state) {
  const world *const w = *state;
  standing s;
  size_t n[FSL_BLOCK_END + 1] = {0};
  look_for_blocks(&w->damager, &w->first, &s);
  for (size_t i = 0; i < s.n; i++) n[number_at(s.block[i]->bytes + 10, 2)]++;
  assert_true(n[FSL_BLOCK_CAMPAIGN] == 1 && n[FSL_BLOCK_SPEC] == 2 && n[FSL_BLOCK_RUN] == 3 && n[FSL_BLOCK_END] == 2);
  assert_true(n[FSL_BLOCK_RESULT] >= 20 && n[FSL_BLOCK_START] == n[FSL_BLOCK_RESULT] + 3);
  assert_true(w->first.size > 10000 && s.end == w->first.size);
}

#define CASE(test, world) cmocka_unit_test_prestate_setup_teardown(test, begin, end, world)

int main(int argc, char **argv) {
  world *const w = calloc(1, sizeof *w);
  if (w == NULL) return 1;
  w->rounds = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1000;
  w->seed = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? (uint64_t)time(NULL) : 20260530;
  printf("%zu rounds from seed %" PRIu64 "\n", w->rounds, w->seed);
  const struct CMUnitTest tests[] = {
      CASE(the_journals_were_realistic, w),
      CASE(what_stands_is_read_and_nothing_else, w),
      CASE(hostile_files_end_soon, w),
      CASE(an_empty_file_is_a_new_journal_and_zeros_are_none, w),
      CASE(a_pipe_is_refused_and_not_waited_for, w),
      CASE(a_record_of_a_newer_version_is_refused, w),
  };
  const int failed = cmocka_run_group_tests_name("damaged journals", tests, NULL, NULL);
  free(w);
  return failed;
}
