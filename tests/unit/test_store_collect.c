/* Journals taken together: which spec and which records rule, and what does not go together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/collect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text_of_spec[] = "name: tri\n"
                                   "seed: 7\n"
                                   "grid:\n"
                                   "  prior: [{name: three, kind: discrete, atoms: [[-1], [0], [2]]}]\n"
                                   "  forward_model: [identity]\n"
                                   "  noise_level: [0.3]\n"
                                   "  approximation: [fsr, tmpd]\n"
                                   "  n_train: [64]\n"
                                   "times: [0.1]\n";

typedef struct fixture {
  fsl_ctx ctx;
  fsl_log log;
  size_t warnings;
  char said[512]; /* the last */
  fsl_spec spec;
  fsl_grid grid;
  fsl_job_index *index;
  fsl_ledger *ledger;
  size_t job;                      /* number of a run job */
  const fsl_journal_record *found; /* of that job */
} fixture;

static void keep_warning(void *self, fsl_log_level level, const char *text) {
  fixture *const f = self;
  f->warnings += level == FSL_LOG_WARN;
  snprintf(f->said, sizeof f->said, "%s", text);
}

static int begin(void **state) {
  const char *errors = "";
  fixture *const f = calloc(1, sizeof *f);
  if (f == NULL) return -1;
  f->log = (fsl_log){f, FSL_LOG_WARN, keep_warning};
  f->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo, .log = &f->log};
  *state = f;
  if (fsl_spec_parse(&f->ctx, &fsl_standard_catalog, "s", text_of_spec, strlen(text_of_spec), 0, NULL, &f->spec,
                     &errors) != FSL_OK ||
      fsl_grid_create(&f->ctx, &f->spec, &f->grid) != FSL_OK ||
      fsl_job_index_create(&f->ctx, &f->grid, &f->index) != FSL_OK)
    return -1;
  while (f->job < f->grid.n_jobs && f->grid.jobs[f->job].type != FSL_JOB_RUN) f->job++;
  return f->job == f->grid.n_jobs ? -1 : 0;
}

static int end(void **state) {
  fixture *const f = *state;
  fsl_arena_destroy(f->ctx.arena);
  free(f);
  return 0;
}

/* ---- campaigns --------------------------------------------------------------------------------------------------- */

static fsl_journal_contents journal(const char *path, const char *name, uint64_t seed) {
  return (fsl_journal_contents){.path = path, .campaign = {name, seed, 0, "", ""}};
}

static void journals_of_one_campaign_go_together(void **state) {
  fixture *const f = *state;
  const fsl_journal_contents same[] = {journal("a.journal", "tri", 7), journal("b.journal", "tri", 7)};
  assert_int_equal(fsl_collect_check(&f->ctx, 2, same), FSL_OK);
  assert_int_equal(fsl_collect_check(&f->ctx, 0, same), FSL_OK);
  assert_int_equal(f->warnings, 0);
}

static void another_campaign_is_refused_and_both_are_named(void **state) {
  fixture *const f = *state;
  const fsl_journal_contents other[] = {journal("a.journal", "tri", 7), journal("b.journal", "mix", 7)};
  assert_int_equal(fsl_collect_check(&f->ctx, 2, other), FSL_EINPUT);
  assert_string_equal(f->ctx.error, "b.journal belongs to campaign 'mix' (seed 7), a.journal to 'tri' (seed 7)");
  const fsl_journal_contents seed[] = {journal("a.journal", "tri", 7), journal("b.journal", "tri", 8)};
  assert_int_equal(fsl_collect_check(&f->ctx, 2, seed), FSL_EINPUT);
  assert_non_null(strstr(f->ctx.error, "(seed 8)"));
}

/* Records are named by content: without the header they still find their jobs. */
static void a_lost_header_is_tolerated(void **state) {
  fixture *const f = *state;
  const fsl_journal_contents first[] = {journal("a.journal", "", 0), journal("b.journal", "tri", 7),
                                        journal("c.journal", "tri", 7)};
  assert_int_equal(fsl_collect_check(&f->ctx, 3, first), FSL_OK);
  const fsl_journal_contents foreign[] = {journal("a.journal", "", 0), journal("b.journal", "tri", 7),
                                          journal("c.journal", "mix", 7)};
  assert_int_equal(fsl_collect_check(&f->ctx, 3, foreign), FSL_EINPUT);
}

static void different_builds_are_warned_of_once(void **state) {
  fixture *const f = *state;
  const fsl_journal_run runs[] = {
      {.signature = "v3 gcc"}, {.signature = "v3 gcc"}, {.signature = "v4 gcc"}, {.signature = "v3 clang"}};
  fsl_journal_contents j[] = {journal("a.journal", "tri", 7), journal("b.journal", "tri", 7)};
  j[0].runs = runs;
  j[0].n_runs = 2;
  fsl_collect_warn_mixed(&f->ctx, 2, j, NULL);
  fsl_collect_warn_mixed(&f->ctx, 2, j, "v3 gcc");
  assert_int_equal(f->warnings, 0);
  fsl_collect_warn_mixed(&f->ctx, 2, j, "v4 clang"); /* the run under way */
  assert_int_equal(f->warnings, 1);
  assert_non_null(strstr(f->said, "v4 clang; v3 gcc"));
  j[1].runs = runs + 2;
  j[1].n_runs = 2;
  fsl_collect_warn_mixed(&f->ctx, 2, j, NULL);
  assert_int_equal(f->warnings, 2);
  assert_non_null(strstr(f->said, "v3 gcc; v4 gcc"));
}

/* ---- specs ------------------------------------------------------------------------------------------------------- */

static void the_newest_spec_rules_in_whichever_journal_it_is(void **state) {
  (void)state;
  fsl_journal_contents j[] = {journal("a", "tri", 7), journal("b", "tri", 7), journal("c", "tri", 7)};
  assert_null(fsl_collect_spec(3, j));
  j[0].campaign.spec_text = "old";
  j[0].campaign.spec_time = 5;
  assert_ptr_equal(fsl_collect_spec(3, j), &j[0].campaign);
  j[1].campaign.spec_text = "new";
  j[1].campaign.spec_time = 9;
  j[2].campaign.spec_text = "between";
  j[2].campaign.spec_time = 7;
  assert_ptr_equal(fsl_collect_spec(3, j), &j[1].campaign);
  j[1].campaign.spec_text = ""; /* lost */
  assert_ptr_equal(fsl_collect_spec(3, j), &j[2].campaign);
  assert_null(fsl_collect_spec(0, j));
}

static void different_specs_are_named_with_the_one_that_rules(void **state) {
  fixture *const f = *state;
  fsl_journal_contents j[] = {journal("a.journal", "tri", 7), journal("b.journal", "tri", 7),
                              journal("c.journal", "tri", 7)};
  for (size_t i = 0; i < 3; i++) j[i].campaign.spec_text = "one";
  for (size_t i = 0; i < 3; i++) j[i].campaign.spec_time = 1780142400000000000u + i * 1000000000u;
  assert_int_equal(fsl_collect_warn_specs(&f->ctx, 3, j, UINT64_MAX), FSL_OK);
  assert_int_equal(fsl_collect_warn_specs(&f->ctx, 0, j, 0), FSL_OK);
  assert_int_equal(f->warnings, 0);
  j[1].campaign.spec_text = "two";
  assert_int_equal(fsl_collect_warn_specs(&f->ctx, 3, j, UINT64_MAX), FSL_OK);
  assert_int_equal(f->warnings, 1);
  assert_string_equal(f->said, "the journals hold different specs: the one of c.journal (2026-05-30T12:00:02Z) rules, "
                               "since it was written last; different is that of b.journal (2026-05-30T12:00:01Z)");
  j[1].campaign.spec_text = ""; /* lost: nothing is known to differ */
  assert_int_equal(fsl_collect_warn_specs(&f->ctx, 3, j, UINT64_MAX), FSL_OK);
  assert_int_equal(f->warnings, 1);
}

static void a_clock_that_went_back_is_named(void **state) {
  fixture *const f = *state;
  const fsl_journal_run runs[] = {{.began = 5, .ended = 6}, {.began = 7, .ended = 8}, {.began = 6, .ended = 9}};
  fsl_journal_contents j[] = {journal("a.journal", "tri", 7), journal("b.journal", "tri", 7)};
  for (size_t i = 0; i < 2; i++) j[i].campaign.spec_text = "one";
  j[0].runs = j[1].runs = runs;
  j[0].n_runs = j[1].n_runs = 2;
  assert_int_equal(fsl_collect_warn_specs(&f->ctx, 2, j, 10), FSL_OK);
  assert_int_equal(f->warnings, 0);
  j[1].n_runs = 3;
  assert_int_equal(fsl_collect_warn_specs(&f->ctx, 2, j, 10), FSL_OK);
  assert_int_equal(f->warnings, 1);
  assert_non_null(strstr(f->said, "b.journal: the clock went back"));
  assert_non_null(strstr(f->said, "the one of b.journal rules"));
  j[1].n_runs = 2;
  j[0].campaign.spec_time = 11; /* tomorrow's */
  assert_int_equal(fsl_collect_warn_specs(&f->ctx, 2, j, 10), FSL_OK);
  assert_int_equal(f->warnings, 2);
  assert_non_null(strstr(f->said, "a.journal: the clock went back"));
  assert_non_null(strstr(f->said, "the one of a.journal rules"));
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static fsl_journal_record record(const fixture *f, fsl_record_status status, uint64_t data) {
  return (fsl_journal_record){.job = f->grid.jobs[f->job].identity, .status = status, .data = {0, data}};
}

static void note_found(void *self, size_t job, const fsl_journal_record *found) {
  fixture *const f = self;
  assert_int_equal(job, f->job);
  f->found = found;
}

/* The record that rules of those of two journals, as the ledger has it. */
static const fsl_journal_record *rule(fixture *f, size_t n_first, const fsl_journal_record *first, size_t n_second,
                                      const fsl_journal_record *second) {
  static const fsl_entry_state states[] = {FSL_ENTRY_DONE, FSL_ENTRY_FAILED, FSL_ENTRY_TIMED_OUT};
  fsl_journal_contents j[] = {journal("a.journal", "tri", 7), journal("b.journal", "tri", 7)};
  j[0].records = first;
  j[0].n_records = n_first;
  j[1].records = second;
  j[1].n_records = n_second;
  f->found = NULL;
  assert_int_equal(fsl_ledger_create(&f->ctx, &f->grid, 2, &f->ledger), FSL_OK);
  const fsl_status status = fsl_collect_records(&f->ctx, &f->spec, &f->grid, f->index, 2, j, f->ledger, note_found, f);
  for (size_t i = 0; i < f->grid.n_jobs; i++)
    if (i != f->job) assert_int_equal(fsl_ledger_state(f->ledger, i), FSL_ENTRY_NONE);
  if (status != FSL_OK) return NULL;
  assert_int_equal(fsl_ledger_state(f->ledger, f->job), f->found == NULL ? FSL_ENTRY_NONE : states[f->found->status]);
  const bool in_first = f->found >= first && f->found < first + n_first;
  if (f->found != NULL) assert_string_equal(fsl_ledger_path(f->ledger, f->job), in_first ? "a.journal" : "b.journal");
  return f->found;
}

static void a_finished_record_rules_over_a_failed_one(void **state) {
  fixture *const f = *state;
  const fsl_journal_record done = record(f, FSL_RECORD_DONE, 1), failed = record(f, FSL_RECORD_FAILED, 2);
  const fsl_journal_record both[] = {done, failed}, turned[] = {failed, done};
  assert_ptr_equal(rule(f, 2, both, 0, NULL), &both[0]);
  assert_ptr_equal(rule(f, 2, turned, 0, NULL), &turned[1]);
  assert_ptr_equal(rule(f, 1, &done, 1, &failed), &done);
  assert_ptr_equal(rule(f, 1, &failed, 1, &done), &done);
}

static void of_failed_records_the_later_one_rules(void **state) {
  fixture *const f = *state;
  const fsl_journal_record failed[] = {record(f, FSL_RECORD_FAILED, 1), record(f, FSL_RECORD_TIMED_OUT, 2)};
  assert_ptr_equal(rule(f, 2, failed, 0, NULL), &failed[1]);
  assert_ptr_equal(rule(f, 1, &failed[1], 1, &failed[0]), &failed[0]);
}

static void equal_results_are_one(void **state) {
  fixture *const f = *state;
  const fsl_journal_record twice[] = {record(f, FSL_RECORD_DONE, 4), record(f, FSL_RECORD_DONE, 4)};
  assert_ptr_equal(rule(f, 1, &twice[0], 1, &twice[1]), &twice[0]);
}

static void results_that_differ_are_refused_and_the_job_is_named(void **state) {
  fixture *const f = *state;
  const fsl_journal_record two[] = {record(f, FSL_RECORD_DONE, 4), record(f, FSL_RECORD_DONE, 5)};
  assert_null(rule(f, 1, &two[0], 1, &two[1]));
  assert_non_null(strstr(f->ctx.error, "run job three / identity / 0.3 / fsr / N 64 / replicate 0 / observation 0"));
  assert_non_null(strstr(f->ctx.error, "one in a.journal, one in b.journal"));
  const fsl_journal_record between[] = {two[0], record(f, FSL_RECORD_FAILED, 6), two[1]};
  assert_null(rule(f, 3, between, 0, NULL));
}

static void records_of_other_jobs_are_passed_over(void **state) {
  fixture *const f = *state;
  const fsl_journal_record others[] = {
      {.job = {1, 2}, .data = {0, 1}}, {.job = {1, 2}, .data = {0, 2}}, record(f, FSL_RECORD_DONE, 1)};
  assert_ptr_equal(rule(f, 3, others, 2, others), &others[2]);
  assert_null(rule(f, 2, others, 0, NULL));
}

/* ---- provenance -------------------------------------------------------------------------------------------------- */

static void times_are_printed_in_utc(void **state) {
  fixture *const f = *state;
  assert_string_equal(fsl_provenance_time(f->ctx.arena, 1780142400000000000u), "2026-05-30T12:00:00Z");
  assert_string_equal(fsl_provenance_time(f->ctx.arena, 1780142400999999999u), "2026-05-30T12:00:00Z");
  assert_string_equal(fsl_provenance_time(f->ctx.arena, 0), "");
  assert_non_null(fsl_provenance_time(f->ctx.arena, UINT64_MAX));
}

static void the_provenance_spans_all_runs(void **state) {
  static const uint64_t day = 86400000000000u, start = 1780142400000000000u;
  fixture *const f = *state;
  const fsl_journal_run first[] = {
      {.began = start + day, .ended = start + 2 * day, .ranks = 4, .signature = "s", .slurm = "middle"},
      {.began = start + 3 * day, .ranks = 2, .signature = "s", .slurm = "last"}};
  const fsl_journal_run second[] = {
      {.began = start, .ended = start + 4 * day, .ranks = 9, .signature = "s", .slurm = "first"}};
  fsl_journal_contents j[] = {journal("a.journal", "tri", 7), journal("b.journal", "tri", 7)};
  fsl_provenance p;
  assert_int_equal(fsl_collect_provenance(&f->ctx, 2, j, "fslens gather", &p), FSL_OK);
  assert_true(p.started[0] == '\0' && p.ended[0] == '\0' && p.slurm[0] == '\0' && p.ranks == 0);
  j[0].runs = first;
  j[0].n_runs = 2;
  j[1].runs = second;
  j[1].n_runs = 1;
  assert_int_equal(fsl_collect_provenance(&f->ctx, 2, j, "fslens gather", &p), FSL_OK);
  assert_string_equal(p.started, "2026-05-30T12:00:00Z");
  assert_string_equal(p.ended, "2026-06-03T12:00:00Z");
  assert_string_equal(p.slurm, "last");
  assert_string_equal(p.command, "fslens gather");
  assert_int_equal(p.ranks, 9);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

static void the_provenance_names_each_signature_once(void **state) {
  fixture *const f = *state;
  const fsl_journal_run runs[] = {
      {.signature = "build, kernels v3"}, {.signature = "build, kernels v3"}, {.signature = "kernels v3"}};
  fsl_journal_contents j[] = {journal("a.journal", "tri", 7), journal("b.journal", "tri", 7)};
  j[1].runs = runs;
  j[1].n_runs = 3;
  fsl_provenance p;
  assert_int_equal(fsl_collect_provenance(&f->ctx, 2, j, "fslens gather", &p), FSL_OK);
  assert_string_equal(p.signatures, "build, kernels v3\nkernels v3");
  assert_string_equal(fsl_provenance_signatures(f->ctx.arena, 2, j, "kernels v3"), p.signatures);
  assert_string_equal(fsl_provenance_signatures(f->ctx.arena, 2, j, "kernels v4"),
                      "build, kernels v3\nkernels v3\nkernels v4");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(journals_of_one_campaign_go_together),
      CASE(another_campaign_is_refused_and_both_are_named),
      CASE(a_lost_header_is_tolerated),
      CASE(different_builds_are_warned_of_once),
      CASE(the_newest_spec_rules_in_whichever_journal_it_is),
      CASE(different_specs_are_named_with_the_one_that_rules),
      CASE(a_clock_that_went_back_is_named),
      CASE(a_finished_record_rules_over_a_failed_one),
      CASE(of_failed_records_the_later_one_rules),
      CASE(equal_results_are_one),
      CASE(results_that_differ_are_refused_and_the_job_is_named),
      CASE(records_of_other_jobs_are_passed_over),
      CASE(times_are_printed_in_utc),
      CASE(the_provenance_spans_all_runs),
      CASE(the_provenance_names_each_signature_once),
  };
  return cmocka_run_group_tests_name("collect", tests, NULL, NULL);
}
