/* In which order jobs start, and which follow the one a worker had: pure functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/calibration.h"
#include "runner/turns.h"

#include <math.h>

enum { N = 9 };

/* Families 1 to 3 of about 10 s, the jobs of each apart; a long one, a short one and a suspect. */
static void set_turns(fsl_turn *turns) {
  static const struct {
    double seconds;
    uint64_t family;
    bool suspect;
  } job[N] = {{10, 1, false},   {10.5, 2, false}, {10, 3, false}, {10.2, 1, false}, {10.1, 2, false},
              {10.3, 3, false}, {100, 3, false},  {1, 1, false},  {0.1, 2, true}};
  for (int i = 0; i < N; i++)
    turns[i] = (fsl_turn){.job = i, .seconds = job[i].seconds, .family = job[i].family, .suspect = job[i].suspect};
  fsl_turns_sort(0, N, turns);
}

static void suspects_come_first_and_then_the_longest(void **state) {
  (void)state;
  fsl_turn turns[N];
  set_turns(turns);
  assert_int_equal(turns[0].job, 8);
  assert_int_equal(turns[1].job, 6);
  assert_int_equal(turns[N - 1].job, 7);
  for (int i = 2; i < N; i++) assert_true(turns[i].seconds <= turns[i - 1].seconds * sqrt(2) || i == 1);
}

static void jobs_of_about_one_length_stand_by_family(void **state) {
  (void)state;
  static const int64_t wanted[N] = {8, 6, 3, 0, 1, 4, 5, 2, 7};
  fsl_turn turns[N];
  set_turns(turns);
  for (int i = 0; i < N; i++) assert_int_equal(turns[i].job, wanted[i]);
  assert_true(turns[2].first == 2 && turns[2].end == 4 && turns[3].first == 2 && turns[3].end == 4);
  assert_true(turns[1].end == 2); /* as long as none of its family */
}

static void a_new_worker_begins_a_family_that_nobody_has_begun(void **state) {
  (void)state;
  fsl_turn turns[N];
  bool started[N] = {[8] = true, [6] = true};
  set_turns(turns);
  assert_int_equal(fsl_turns_unbegun(N, turns, started, 2), 2);
  started[3] = true;
  assert_int_equal(turns[fsl_turns_unbegun(N, turns, started, 2)].job, 1);
  assert_int_equal(turns[fsl_turns_unbegun(N, turns, started, 3)].job, 1); /* from inside a run */
  started[1] = started[5] = true;
  assert_int_equal(fsl_turns_unbegun(N, turns, started, 3), N); /* the short one is not as long */
  assert_int_equal(fsl_turns_unbegun(N, turns, started, N), N);
}

static void a_worker_goes_on_with_its_family(void **state) {
  (void)state;
  fsl_turn turns[N];
  bool started[N] = {[8] = true, [6] = true, [3] = true};
  set_turns(turns);
  assert_int_equal(turns[fsl_turns_kin(N, turns, started, 2)].job, 0);
  started[0] = true;
  assert_int_equal(fsl_turns_kin(N, turns, started, 2), N);
  assert_int_equal(fsl_turns_kin(N, turns, started, 1), N); /* alone in its run */
}

static void sorting_anew_leaves_what_has_started(void **state) {
  (void)state;
  fsl_turn turns[N];
  set_turns(turns);
  for (int i = 2; i < N; i++)
    if (turns[i].job == 7) turns[i].seconds = 1000;
  fsl_turns_sort(2, N, turns);
  assert_int_equal(turns[0].job, 8);
  assert_int_equal(turns[1].job, 6);
  assert_int_equal(turns[2].job, 7);
  assert_true(turns[2].first == 2 && turns[2].end == 3);
}

static void jobs_without_a_length_come_last(void **state) {
  (void)state;
  fsl_turn turns[3] = {{.job = 0, .seconds = 0}, {.job = 1, .seconds = NAN}, {.job = 2, .seconds = 1e-9}};
  fsl_turns_sort(0, 3, turns);
  assert_int_equal(turns[0].job, 2);
}

/* What was measured of one type says nothing of the others. */
static void expected_seconds_follow_what_was_measured(void **state) {
  (void)state;
  fsl_calibration c = {0};
  const fsl_job job = {.type = FSL_JOB_TRUTH, .cost = 0.01};
  assert_true(fsl_calibration_factor(&c, FSL_JOB_TRUTH) == 1);
  for (int i = 0; i < 200; i++) fsl_calibration_add(&c, &job, 0.5, 1);
  assert_true(fabs(fsl_calibration_factor(&c, FSL_JOB_TRUTH) - 50) < 3);
  assert_true(fsl_calibration_factor(&c, FSL_JOB_RUN) == 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(suspects_come_first_and_then_the_longest),
      cmocka_unit_test(jobs_of_about_one_length_stand_by_family),
      cmocka_unit_test(a_new_worker_begins_a_family_that_nobody_has_begun),
      cmocka_unit_test(a_worker_goes_on_with_its_family),
      cmocka_unit_test(sorting_anew_leaves_what_has_started),
      cmocka_unit_test(jobs_without_a_length_come_last),
      cmocka_unit_test(expected_seconds_follow_what_was_measured),
  };
  return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
