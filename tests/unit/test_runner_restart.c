/* Whether a supervised run that ended is started again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/restart.h"

static fsl_verdict decide_first(fsl_ending ending) {
  fsl_restarts r = {.records = 3, .began = 7};
  return fsl_restart_decide(&r, &ending);
}

static void an_end_in_order_is_passed_on(void **state) {
  (void)state;
  static const int in_order[] = {0, 2, 3, 75};
  for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++) {
    const fsl_verdict v = decide_first((fsl_ending){.status = in_order[i], .records = 3, .began = 7});
    assert_false(v.again);
    assert_int_equal(v.status, in_order[i]);
  }
}

static void a_death_of_a_run_is_followed_by_another_start(void **state) {
  (void)state;
  static const int deaths[] = {1, 9, 134, 137, 139, 255};
  for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++)
    assert_true(decide_first((fsl_ending){.status = deaths[i], .records = 3, .began = 8}).again);
  assert_true(decide_first((fsl_ending){.status = 75, .records = 3, .began = 8, .reason = FSL_END_GAVE_UP}).again);
}

static void a_death_after_a_wish_to_stop_ends_with_75(void **state) {
  (void)state;
  const fsl_verdict v = decide_first((fsl_ending){.status = 137, .asked = true, .began = 8});
  assert_false(v.again);
  assert_int_equal(v.status, 75);
}

/* MPICH 4.0's mpirun ends with 0 after a signal. */
static void a_stop_whose_status_the_launcher_lost_is_75(void **state) {
  (void)state;
  const fsl_verdict v = decide_first((fsl_ending){.status = 0, .asked = true, .began = 8, .reason = FSL_END_STOPPED});
  assert_false(v.again);
  assert_int_equal(v.status, 75);
  assert_int_equal(decide_first((fsl_ending){.status = 0, .began = 7, .reason = FSL_END_STOPPED}).status, 0);
  assert_int_equal(decide_first((fsl_ending){.status = 0, .began = 8, .reason = FSL_END_FINISHED}).status, 0);
}

static void the_fifth_fruitless_death_is_the_last(void **state) {
  (void)state;
  fsl_restarts r = {0};
  const fsl_ending ending = {.status = 137, .began = 1};
  for (int i = 1; i <= 4; i++) {
    const fsl_verdict v = fsl_restart_decide(&r, &ending);
    assert_true(v.again);
    assert_true(v.pause == 1 << i);
  }
  const fsl_verdict last = fsl_restart_decide(&r, &ending);
  assert_false(last.again);
  assert_int_equal(last.status, 1);
  assert_int_equal(last.gave_up, FSL_NO_PROGRESS);
}

static void a_record_starts_the_count_anew(void **state) {
  (void)state;
  fsl_restarts r = {0};
  for (size_t i = 0; i < 20; i++)
    assert_true(fsl_restart_decide(&r, &(fsl_ending){.status = 137, .began = 1 + i, .records = i / 3}).again);
}

/* mpirun with a wrong option, or without the program. */
static void a_launcher_that_refuses_is_started_once(void **state) {
  (void)state;
  static const int refusals[] = {1, 127, 213, 255};
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    const fsl_verdict v = decide_first((fsl_ending){.status = refusals[i], .records = 3, .began = 7});
    assert_false(v.again);
    assert_int_equal(v.status, 1);
    assert_int_equal(v.gave_up, FSL_NEVER_BEGAN);
  }
}

/* What a signal ended was no refusal. */
static void a_death_before_the_run_began_is_followed_by_another_start(void **state) {
  (void)state;
  assert_true(decide_first((fsl_ending){.status = 137, .records = 3, .began = 7}).again);
  assert_true(decide_first((fsl_ending){.status = 139, .records = 3, .began = 7}).again);
}

static void a_launcher_that_refuses_later_is_started_again(void **state) {
  (void)state;
  fsl_restarts r = {.began = 7};
  assert_true(fsl_restart_decide(&r, &(fsl_ending){.status = 139, .began = 8}).again);
  assert_true(fsl_restart_decide(&r, &(fsl_ending){.status = 1, .began = 8}).again);
}

static void the_exit_status_tells_a_death_from_a_stop(void **state) {
  (void)state;
  static const int deaths[] = {9, 134, 137, 139, 255}, stops[] = {0, 1, 2, 3, 75};
  for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++) {
    assert_true(fsl_restart_was_death(&(fsl_ending){.status = deaths[i], .reason = FSL_END_STOPPED}));
    assert_false(fsl_restart_was_death(&(fsl_ending){.status = deaths[i], .reason = FSL_END_DIED}));
    assert_false(fsl_restart_was_death(&(fsl_ending){.status = deaths[i], .reason = FSL_END_STOPPED, .asked = true}));
  }
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
    assert_false(fsl_restart_was_death(&(fsl_ending){.status = stops[i], .reason = FSL_END_STOPPED}));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_end_in_order_is_passed_on),
      cmocka_unit_test(a_death_of_a_run_is_followed_by_another_start),
      cmocka_unit_test(a_death_after_a_wish_to_stop_ends_with_75),
      cmocka_unit_test(a_stop_whose_status_the_launcher_lost_is_75),
      cmocka_unit_test(the_fifth_fruitless_death_is_the_last),
      cmocka_unit_test(a_record_starts_the_count_anew),
      cmocka_unit_test(a_launcher_that_refuses_is_started_once),
      cmocka_unit_test(a_death_before_the_run_began_is_followed_by_another_start),
      cmocka_unit_test(a_launcher_that_refuses_later_is_started_again),
      cmocka_unit_test(the_exit_status_tells_a_death_from_a_stop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
