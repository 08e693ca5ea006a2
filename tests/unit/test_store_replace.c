/* A results file takes the place of an older one: what is left out is said, what would be lost is kept. And the ledger
 * that the new one comes from, over more journals than are open at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/collect.h"
#include "store/h5.h"
#include "store/replace.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define must(call) assert_int_equal((call), FSL_OK)

static const char text_of_spec[] = "name: tri\n"
                                   "seed: 7\n"
                                   "grid:\n"
                                   "  prior: [{name: three, kind: discrete, atoms: [[-1], [0], [2]]}]\n"
                                   "  forward_model: [identity]\n"
                                   "  noise_level: [0.3]\n"
                                   "  approximation: [fsr, tmpd]\n"
                                   "  n_train: [64, 100]\n"
                                   "times: [0.1]\n";

static const char narrower[] = "grid.n_train=[64]";

/* One spec, and what a file of it is made from. */
typedef struct side {
  fsl_spec spec;
  fsl_grid grid;
  fsl_job_index *index;
  fsl_ledger *ledger;
  fsl_replacement by;
} side;

typedef struct bench {
  fsl_ctx ctx;
  fsl_log log;
  size_t warnings;
  char said[1024]; /* the last */
  char folder[32];
  const char *out, *journal;
  side wide, narrow;
  fsl_journal_contents contents;
} bench;

static const fsl_provenance provenance = {"", "", "fslens", "", "", 1};

static void hear(void *self, fsl_log_level level, const char *text) {
  bench *const b = self;
  b->warnings += level == FSL_LOG_WARN;
  snprintf(b->said, sizeof b->said, "%s", text);
}

static void parse(bench *b, size_t n, const char *const *overrides, side *s) {
  const char *errors = "";
  must(fsl_spec_parse(&b->ctx, &fsl_standard_catalog, "tri spec.yaml", text_of_spec, strlen(text_of_spec), n, overrides,
                      &s->spec, &errors));
  must(fsl_grid_create(&b->ctx, &s->spec, &s->grid));
  must(fsl_job_index_create(&b->ctx, &s->grid, &s->index));
}

/* Finished records without values of jobs first .. end - 1 of a grid, appended to a journal. */
static void write_journal(bench *b, const char *path, const fsl_grid *grid, size_t first, size_t end,
                          fsl_record_status status) {
  const fsl_journal_campaign campaign = {"tri", 7, 1, "s", "name: tri\n"};
  fsl_journal_contents before;
  fsl_journal *journal;
  must(fsl_journal_open(&b->ctx, path, &campaign, 0, &journal, &before));
  for (size_t i = first; i < end; i++) {
    const fsl_record record = {.job = grid->jobs[i].identity,
                               .status = status,
                               .error = "",
                               .host = "here",
                               .seconds = (double)i,
                               .ranks = 1,
                               .attempts = 1};
    uint8_t *bytes;
    size_t size;
    must(fsl_record_encode(&b->ctx, &record, &bytes, &size));
    must(fsl_journal_write(&b->ctx, journal, bytes, size));
  }
  must(fsl_journal_close(&b->ctx, journal));
}

/* Takes the journal as it is now for both. */
static void take_journal(bench *b) {
  side *const sides[] = {&b->wide, &b->narrow};
  must(fsl_journal_read(&b->ctx, b->journal, &b->contents));
  for (size_t i = 0; i < 2; i++) {
    side *const s = sides[i];
    if (s->ledger != NULL) fsl_ledger_close(s->ledger);
    must(fsl_ledger_create(&b->ctx, &s->grid, 1, &s->ledger));
    must(fsl_collect_records(&b->ctx, &s->spec, &s->grid, s->index, 1, &b->contents, s->ledger, NULL, NULL));
    s->by = (fsl_replacement){&s->spec, &s->grid, s->index, s->ledger, 1, &b->contents, b->out};
  }
}

static int begin(void **state) {
  static const char *const overrides[] = {narrower};
  bench *const b = calloc(1, sizeof *b);
  if (b == NULL) return -1;
  b->log = (fsl_log){b, FSL_LOG_WARN, hear};
  b->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo, .log = &b->log};
  snprintf(b->folder, sizeof b->folder, "/tmp/fslens-replace-XXXXXX");
  if (mkdtemp(b->folder) == NULL) return -1;
  b->out = fsl_text_format(b->ctx.arena, "%s/out.h5", b->folder);
  b->journal = fsl_text_format(b->ctx.arena, "%s/out.h5.journal", b->folder);
  parse(b, 0, NULL, &b->wide);
  parse(b, 1, overrides, &b->narrow);
  write_journal(b, b->journal, &b->wide.grid, 0, b->wide.grid.n_jobs, FSL_RECORD_DONE);
  take_journal(b);
  *state = b;
  return 0;
}

/* Names in the folder; removes them where asked for. */
static size_t count_names(const bench *b, bool remove) {
  size_t n = 0;
  DIR *const folder = opendir(b->folder);
  assert_non_null(folder);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    n++;
    if (remove) unlinkat(dirfd(folder), entry->d_name, 0);
  }
  closedir(folder);
  return n;
}

static int end(void **state) {
  bench *const b = *state;
  fsl_ledger_close(b->wide.ledger);
  fsl_ledger_close(b->narrow.ledger);
  count_names(b, true);
  rmdir(b->folder);
  fsl_arena_destroy(b->ctx.arena);
  free(b);
  return 0;
}

static void replace_by(bench *b, const side *s) {
  const fsl_status status = fsl_results_replace(&b->ctx, b->out, &s->by, &provenance);
  if (status != FSL_OK) fail_msg("%s", b->ctx.error);
}

static void expect_said(const bench *b, const char *words) {
  if (strstr(b->said, words) == NULL) fail_msg("\"%s\" is not in \"%s\"", words, b->said);
}

static void a_smaller_grid_says_what_it_leaves_out_and_the_way_back(void **state) {
  bench *const b = *state;
  char words[256];
  replace_by(b, &b->wide);
  replace_by(b, &b->wide);
  assert_int_equal(b->warnings, 0);
  replace_by(b, &b->narrow);
  assert_int_equal(b->warnings, 1);
  snprintf(words, sizeof words, "had 4 finished cells of 4, and now has 2 of 2: %zu results of jobs that it had",
           b->wide.grid.n_jobs - b->narrow.grid.n_jobs);
  expect_said(b, words);
  snprintf(words, sizeof words, "They stay in %s; `fslens run 'tri spec.yaml' -o %s` brings", b->journal, b->out);
  expect_said(b, words);
  replace_by(b, &b->narrow);
  replace_by(b, &b->wide);
  assert_int_equal(b->warnings, 1);
  assert_int_equal(count_names(b, false), 2);
}

/* Here one job of the same spec, whose record does not rule any more. */
static void a_single_result_that_is_left_out_is_said_too(void **state) {
  bench *const b = *state;
  size_t job = 0;
  while (b->wide.grid.jobs[job].type != FSL_JOB_RUN) job++;
  replace_by(b, &b->wide);
  fsl_ledger_strike(b->wide.ledger, job);
  replace_by(b, &b->wide);
  assert_int_equal(b->warnings, 1);
  expect_said(b, "had 4 finished cells of 4, and now has 3 of 4: 1 results of jobs that it had");
  assert_int_equal(count_names(b, false), 2);
}

static void what_no_journal_has_is_kept(void **state) {
  bench *const b = *state;
  char words[256];
  replace_by(b, &b->wide);
  b->narrow.by.n_journals = 0;
  replace_by(b, &b->narrow);
  assert_int_equal(b->warnings, 1);
  snprintf(words, sizeof words, "%zu results of jobs that it had are in no journal",
           b->wide.grid.n_jobs - b->narrow.grid.n_jobs);
  expect_said(b, words);
  snprintf(words, sizeof words, "is kept as %s.old-1", b->out);
  expect_said(b, words);
  assert_int_equal(count_names(b, false), 3);
}

/* A journal that holds them as failed, or all of them but one, does not have them. */
static void what_the_journal_lost_in_part_is_kept_too(void **state) {
  bench *const b = *state;
  const size_t n = b->wide.grid.n_jobs;
  size_t gone = n;
  for (size_t i = 0; i < n; i++)
    if (fsl_job_index_find(b->narrow.index, b->wide.grid.jobs[i].identity) < 0) gone = i;
  assert_true(gone < n);
  replace_by(b, &b->wide);
  assert_int_equal(unlink(b->journal), 0);
  write_journal(b, b->journal, &b->wide.grid, 0, gone, FSL_RECORD_DONE);
  write_journal(b, b->journal, &b->wide.grid, gone, gone + 1, FSL_RECORD_FAILED);
  write_journal(b, b->journal, &b->wide.grid, gone + 1, n, FSL_RECORD_DONE);
  take_journal(b);
  replace_by(b, &b->narrow);
  assert_int_equal(b->warnings, 1);
  expect_said(b, ": 1 results of jobs that it had are in no journal");
  assert_int_equal(count_names(b, false), 3);
}

static void results_beyond_the_grid_are_counted_once(void **state) {
  bench *const b = *state;
  const fsl_journal_contents twice[] = {b->contents, b->contents};
  size_t n = 99;
  must(fsl_results_beyond(&b->ctx, &b->wide.by, &n));
  assert_int_equal(n, 0);
  b->narrow.by.journals = twice;
  b->narrow.by.n_journals = 2;
  must(fsl_results_beyond(&b->ctx, &b->narrow.by, &n));
  assert_int_equal(n, b->wide.grid.n_jobs - b->narrow.grid.n_jobs);
  assert_int_equal(unlink(b->journal), 0);
  write_journal(b, b->journal, &b->wide.grid, 0, b->wide.grid.n_jobs, FSL_RECORD_FAILED);
  take_journal(b);
  must(fsl_results_beyond(&b->ctx, &b->narrow.by, &n));
  assert_int_equal(n, 0);
}

static void the_way_back_names_the_overrides(void **state) {
  bench *const b = *state;
  const char *const plain = fsl_text_format(b->ctx.arena, "fslens run 'tri spec.yaml' -o %s", b->out);
  const char *const with = fsl_text_format(b->ctx.arena, "%s --set 'grid.n_train=[64]'", plain);
  const char *const kept = b->narrow.spec.text;
  assert_string_equal(fsl_results_command(b->ctx.arena, &b->wide.by, kept, SIZE_MAX), with);
  assert_string_equal(fsl_results_command(b->ctx.arena, &b->wide.by, kept, 0), plain);
  assert_string_equal(fsl_results_command(b->ctx.arena, &b->narrow.by, b->wide.spec.text, SIZE_MAX), plain);
  assert_null(fsl_results_command(b->ctx.arena, &b->wide.by, "name: tri\n", SIZE_MAX));
  b->wide.by.output = NULL;
  assert_null(fsl_results_command(b->ctx.arena, &b->wide.by, kept, SIZE_MAX));
}

static size_t count_open(void) {
  size_t n = 0;
  DIR *const folder = opendir("/proc/self/fd");
  assert_non_null(folder);
  while (readdir(folder) != NULL) n++;
  closedir(folder);
  return n;
}

/* Job j is in journal i when i leaves the remainder j: each journal is opened, given up for another, and opened again.
 */
static void more_journals_than_are_open_at_a_time_are_read(void **state) {
  enum { JOURNALS = 130, MOST_OPEN = 64 };
  bench *const b = *state;
  const fsl_grid *const grid = &b->wide.grid;
  const size_t before = count_open();
  fsl_journal_contents contents;
  fsl_ledger *ledger;
  const char *path[JOURNALS];
  must(fsl_ledger_create(&b->ctx, grid, JOURNALS, &ledger));
  for (size_t i = 0; i < JOURNALS; i++) {
    path[i] = fsl_text_format(b->ctx.arena, "%s/%zu.journal", b->folder, i);
    fsl_ledger_name(ledger, i, path[i]);
    write_journal(b, path[i], grid, i % grid->n_jobs, i % grid->n_jobs + 1, FSL_RECORD_DONE);
  }
  const fsl_record_source source = fsl_ledger_source(ledger);
  for (size_t round = 0; round < 2; round++)
    for (size_t i = 0; i < JOURNALS; i++) {
      const size_t job = i % grid->n_jobs;
      fsl_record record;
      bool found = false;
      must(fsl_journal_read(&b->ctx, path[i], &contents));
      fsl_ledger_enter(ledger, job, i, contents.records[0].place, FSL_RECORD_DONE);
      must(source.read(&b->ctx, source.self, job, true, &record, &found));
      assert_true(found && fsl_hash_compare(record.job, grid->jobs[job].identity) == 0);
      assert_true(record.seconds == (double)job);
      assert_string_equal(fsl_ledger_path(ledger, job), path[i]);
      assert_true(count_open() <= before + MOST_OPEN);
      fsl_ledger_strike(ledger, job);
      must(source.read(&b->ctx, source.self, job, true, &record, &found));
      assert_false(found);
    }
  assert_int_equal(count_open(), before + MOST_OPEN);
  fsl_ledger_close(ledger);
  fsl_ledger_close(NULL);
  assert_int_equal(count_open(), before);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(a_smaller_grid_says_what_it_leaves_out_and_the_way_back),
      CASE(a_single_result_that_is_left_out_is_said_too),
      CASE(what_no_journal_has_is_kept),
      CASE(what_the_journal_lost_in_part_is_kept_too),
      CASE(results_beyond_the_grid_are_counted_once),
      CASE(the_way_back_names_the_overrides),
      CASE(more_journals_than_are_open_at_a_time_are_read),
  };
  fsl_h5_start();
  return cmocka_run_group_tests_name("replace", tests, NULL, NULL);
}
