/* Whom a death accuses, from what the journal says.
 *
 * A journal is told in letters: R a run begins, a to d a job starts, !a it starts alone on purpose, A to D its result,
 * 0 to 5 the run ends for that fsl_journal_reason, # something is lost to damage, z and Z a job that the grid does not
 * have. The verdict has a letter for each of the jobs a to d: - nothing, s suspect, x condemned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/suspects.h"

#include <string.h>

enum { N_JOBS = 4, MOST = 64 };

typedef struct judgement {
  char verdict[N_JOBS + 1];
  unsigned attempts[N_JOBS];
  bool flying; /* any */
} judgement;

typedef struct told {
  fsl_journal_contents contents;
  fsl_journal_run runs[MOST];
  fsl_journal_start starts[MOST];
  fsl_journal_record records[MOST];
  fsl_journal_event events[MOST];
} told;

static fsl_hash identity(char letter) {
  return (fsl_hash){7, (uint64_t)(letter | 0x20)};
}

static void add_event(fsl_journal_contents *c, told *t, fsl_journal_event_type type, size_t index) {
  assert_true(c->n_events < MOST);
  t->events[c->n_events++] = (fsl_journal_event){type, (uint32_t)index};
}

static void tell(told *t, const char *story) {
  *t = (told){.contents = {.runs = t->runs, .starts = t->starts, .records = t->records, .events = t->events}};
  fsl_journal_contents *const c = &t->contents;
  for (const char *at = story; *at != '\0'; at++) {
    const bool alone = *at == '!';
    at += alone;
    if (*at == ' ') continue;
    if (*at == 'R') {
      add_event(c, t, FSL_EVENT_RUN, c->n_runs++);
    } else if (*at == '#') {
      add_event(c, t, FSL_EVENT_DAMAGE, 0);
    } else if (*at >= '0' && *at <= '5') {
      t->runs[c->n_runs - 1].reason = (fsl_journal_reason)(*at - '0');
      add_event(c, t, FSL_EVENT_END, c->n_runs - 1);
    } else if (*at >= 'a' && *at <= 'z') {
      t->starts[c->n_starts] = (fsl_journal_start){identity(*at), 1, alone};
      add_event(c, t, FSL_EVENT_START, c->n_starts++);
    } else {
      t->records[c->n_records] = (fsl_journal_record){.job = identity(*at)};
      add_event(c, t, FSL_EVENT_RESULT, c->n_records++);
    }
  }
}

/* Of n journals, one after the other. */
static judgement judge_all(size_t n, const char *const *stories) {
  static const fsl_job a = {0};
  fsl_job jobs[N_JOBS] = {a, a, a, a};
  fsl_job_history history[N_JOBS] = {0};
  judgement out = {0};
  fsl_job_index *index;
  fsl_ctx ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  for (int i = 0; i < N_JOBS; i++) jobs[i].identity = identity((char)('a' + i));
  const fsl_grid grid = {.n_jobs = N_JOBS, .jobs = jobs};
  assert_int_equal(fsl_job_index_create(&ctx, &grid, &index), FSL_OK);
  for (size_t i = 0; i < n; i++) {
    told t;
    tell(&t, stories[i]);
    fsl_history_read(index, &t.contents, N_JOBS, history);
  }
  for (int i = 0; i < N_JOBS; i++) {
    out.verdict[i] = history[i].condemned ? 'x' : history[i].suspect ? 's' : '-';
    out.attempts[i] = history[i].attempts;
    out.flying = out.flying || history[i].flying;
  }
  fsl_arena_destroy(ctx.arena);
  return out;
}

static judgement judge(const char *story) {
  return judge_all(1, &story);
}

#define EXPECT(story, wanted) assert_string_equal(judge(story).verdict, wanted)

static void a_death_accuses_all_that_were_in_flight(void **state) {
  (void)state;
  EXPECT("", "----");
  EXPECT("R abc A", "-ss-");
  EXPECT("R abc AB C", "----");
  EXPECT("R abc A 0", "-ss-"); /* a witness wrote the death down */
  EXPECT("R ab A R c", "-ss-");
}

static void one_that_was_alone_by_chance_is_a_suspect_only(void **state) {
  (void)state;
  EXPECT("R a", "s---");
  EXPECT("R abc BC", "s---");
  EXPECT("R a R a", "s---");
}

static void a_suspect_alone_at_a_death_is_condemned(void **state) {
  (void)state;
  EXPECT("R ab R !a", "xs--");
  EXPECT("R ab R !a A !b", "-x--");
  EXPECT("R ab R !a 0", "xs--");
  EXPECT("R ab R !a A b", "-s--"); /* the second one was not alone on purpose */
  EXPECT("R ab R !a b", "ss--");   /* nor was the first, as it turned out */
  EXPECT("R a R !a a", "s---");    /* the last start counts */
}

static void a_condemned_job_stays_so_until_it_has_a_result(void **state) {
  (void)state;
  EXPECT("R a R !a R b B 1", "x---");
  EXPECT("R a R !a R bA", "-s--");
}

static void a_result_clears(void **state) {
  (void)state;
  EXPECT("R ab R !a A", "-s--");
  EXPECT("R ab R !a A !b B cd CD 1", "----");
  EXPECT("R ab A R B", "----");
}

static void runs_that_ended_themselves_accuse_nobody(void **state) {
  (void)state;
  const char *const ends = "12345";
  for (const char *end = ends; *end != '\0'; end++) {
    char several[] = "R ab ?", alone[] = "R ab R !a ?";
    several[5] = alone[10] = *end;
    EXPECT(several, "----");
    EXPECT(alone, "ss--"); /* what the first run said still holds */
  }
}

/* A stop is written when it is asked for: what comes in behind still counts, and what does not is not accused. */
static void a_death_after_a_stop_accuses_nobody(void **state) {
  (void)state;
  EXPECT("R abc 2 A", "----");
  EXPECT("R abc 2 A 2", "----");
  EXPECT("R abc 3 A", "----");
  EXPECT("R abc 2 A 0", "-ss-"); /* mpirun ended it for a dead rank: whoever saw that wrote it behind */
}

static void jobs_handed_ahead_are_in_flight_too(void **state) {
  (void)state;
  EXPECT("R abcd ABC", "---s");
  EXPECT("R ab A cd", "-sss");
}

static void jobs_of_another_grid_accuse_nobody_of_this_one(void **state) {
  (void)state;
  EXPECT("R z", "----");
  EXPECT("R az A Z", "----");
  EXPECT("R az", "s---");
  EXPECT("R z R !z", "----");
}

static void events_without_their_run_accuse_nobody(void **state) {
  (void)state;
  EXPECT("ab A", "----");
  EXPECT("ab R c", "--s-");
  EXPECT("!a", "----");
}

/* A result or an end may be what is lost. */
static void damage_in_a_run_condemns_nobody(void **state) {
  (void)state;
  EXPECT("R ab R !a # R c C 1", "ss--");
  EXPECT("R ab R # !a", "ss--");
  EXPECT("R ab # R !a", "xs--");      /* the run of the death is whole */
  EXPECT("R a # !a", "s---");         /* the second run's beginning is lost */
  EXPECT("R ab R !a # R !a", "xs--"); /* and again, in a whole one */
  EXPECT("R ab R !a A # R !b", "-x--");
}

static void attempts_count_over_runs_and_journals(void **state) {
  (void)state;
  const char *const stories[] = {"R ab A R b", "R b c C 1", "ab"};
  const judgement j = judge_all(3, stories);
  assert_true(j.attempts[0] == 2 && j.attempts[1] == 4 && j.attempts[2] == 1 && j.attempts[3] == 0);
}

static void journals_are_judged_one_by_one(void **state) {
  (void)state;
  const char *const both_died[] = {"R a", "R !b"}, *const cleared[] = {"R ab", "R A b B 1"},
                    *const again[] = {"R a", "R !a"};
  assert_string_equal(judge_all(2, both_died).verdict, "sx--");
  assert_string_equal(judge_all(2, cleared).verdict, "----");
  assert_string_equal(judge_all(2, again).verdict, "x---");
  assert_false(judge_all(2, both_died).flying);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_death_accuses_all_that_were_in_flight),
      cmocka_unit_test(one_that_was_alone_by_chance_is_a_suspect_only),
      cmocka_unit_test(a_suspect_alone_at_a_death_is_condemned),
      cmocka_unit_test(a_condemned_job_stays_so_until_it_has_a_result),
      cmocka_unit_test(a_result_clears),
      cmocka_unit_test(runs_that_ended_themselves_accuse_nobody),
      cmocka_unit_test(a_death_after_a_stop_accuses_nobody),
      cmocka_unit_test(jobs_handed_ahead_are_in_flight_too),
      cmocka_unit_test(jobs_of_another_grid_accuse_nobody_of_this_one),
      cmocka_unit_test(events_without_their_run_accuse_nobody),
      cmocka_unit_test(damage_in_a_run_condemns_nobody),
      cmocka_unit_test(attempts_count_over_runs_and_journals),
      cmocka_unit_test(journals_are_judged_one_by_one),
  };
  return cmocka_run_group_tests_name("suspects", tests, NULL, NULL);
}
