/* When a job that does not come back is given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/overdue.h"

#include <math.h>

static const double not_stopped = -INFINITY;

static void without_limit_or_stop_a_job_may_run_for_ever(void **state) {
  (void)state;
  assert_int_equal(fsl_overdue_find(INFINITY, 1e9, not_stopped), FSL_IN_TIME);
  assert_int_equal(fsl_overdue_find(INFINITY, 1e9, -1), FSL_IN_TIME);
}

/* 5 seconds, or a tenth of the limit. */
static void a_limit_has_a_grace(void **state) {
  (void)state;
  assert_int_equal(fsl_overdue_find(2, 1, not_stopped), FSL_IN_TIME);
  assert_int_equal(fsl_overdue_find(2, 6.9, not_stopped), FSL_IN_TIME);
  assert_int_equal(fsl_overdue_find(2, 7.1, not_stopped), FSL_PAST_LIMIT);
  assert_int_equal(fsl_overdue_find(3600, 3959, not_stopped), FSL_IN_TIME);
  assert_int_equal(fsl_overdue_find(3600, 3961, not_stopped), FSL_PAST_LIMIT);
  assert_int_equal(fsl_overdue_find(0, 5.1, not_stopped), FSL_PAST_LIMIT);
}

/* Within the 5 seconds that are promised. */
static void a_stop_has_a_shorter_one(void **state) {
  (void)state;
  assert_int_equal(fsl_overdue_find(INFINITY, 100, 0), FSL_IN_TIME);
  assert_int_equal(fsl_overdue_find(INFINITY, 100, 2.9), FSL_IN_TIME);
  assert_int_equal(fsl_overdue_find(INFINITY, 100, 3.1), FSL_PAST_STOP);
}

/* A job that was to stop anyway is not recorded as timed out. */
static void a_stop_rules_over_a_limit(void **state) {
  (void)state;
  assert_int_equal(fsl_overdue_find(2, 100, 3.1), FSL_PAST_STOP);
  assert_int_equal(fsl_overdue_find(2, 100, 1), FSL_PAST_LIMIT);
  assert_int_equal(fsl_overdue_find(200, 100, 3.1), FSL_PAST_STOP);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_limit_or_stop_a_job_may_run_for_ever),
      cmocka_unit_test(a_limit_has_a_grace),
      cmocka_unit_test(a_stop_has_a_shorter_one),
      cmocka_unit_test(a_stop_rules_over_a_limit),
  };
  return cmocka_run_group_tests_name("overdue", tests, NULL, NULL);
}
