/* How long a job may take, learnt from those that are done: the bound holds for about 95 of 100, and gets tighter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/calibration.h"

#include <math.h>

static const fsl_job run_job = {.type = FSL_JOB_RUN, .cost = 3};
static const fsl_key key = {{20260530, 7}};

/* The share of fresh jobs under the bound, exactly, on average over `rounds` campaigns of n jobs whose seconds over
 * their cost are exp(N(mean, spread^2)). */
static double coverage(size_t n, double mean, double spread) {
  enum { ROUNDS = 2000, MOST = 200 };
  double normal[MOST], covered = 0;
  for (uint64_t round = 0; round < ROUNDS; round++) {
    fsl_calibration c = {0};
    fsl_normals(key, round, 0, n, normal);
    for (size_t i = 0; i < n; i++) {
      const int ranks = 1 << i % 3;
      fsl_calibration_add(&c, &run_job, run_job.cost * exp(mean + spread * normal[i]) / ranks, ranks);
    }
    const double bound = log(fsl_calibration_upper(&c, &run_job, 1) / run_job.cost);
    covered += 0.5 * erfc((mean - bound) / spread / sqrt(2));
  }
  return covered / ROUNDS;
}

/* Where the costs are right on average and scatter as the prior says. */
static void the_bound_covers_about_95_of_100(void **state) {
  (void)state;
  const size_t n[] = {5, 20, 200};
  for (int i = 0; i < 3; i++) {
    assert_true(fabs(coverage(n[i], 0, 0.92) - 0.95) < 0.025);
    assert_true(fabs(coverage(n[i], 0, 0.6) - 0.95) < 0.025);
  }
}

/* A machine that is three times slower or seven times faster than the costs say, and jobs that scatter little or much:
 * too careful at first at worst, and right in the end. */
static void the_bound_finds_the_machine(void **state) {
  (void)state;
  const double means[] = {-2, 1}, spreads[] = {0.3, 0.6, 0.92};
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < 3; k++) {
      assert_true(coverage(5, means[i], spreads[k]) > 0.9);
      assert_true(coverage(20, means[i], spreads[k]) > 0.93);
      assert_true(fabs(coverage(200, means[i], spreads[k]) - 0.95) < 0.035);
    }
}

static void the_bound_shrinks_as_jobs_come_in(void **state) {
  (void)state;
  fsl_calibration c = {0};
  double before = fsl_calibration_upper(&c, &run_job, 1);
  assert_true(before > 4 * run_job.cost && before < 10 * run_job.cost); /* knows nothing yet */
  for (int i = 0; i < 100; i++) {
    fsl_calibration_add(&c, &run_job, run_job.cost * 1.1, 1);
    fsl_calibration_add(&c, &run_job, run_job.cost / 1.1, 1);
    const double now = fsl_calibration_upper(&c, &run_job, 1);
    assert_true(now < before);
    before = now;
  }
  assert_true(before > 1.1 * run_job.cost && before < 1.5 * run_job.cost);
}

static void types_of_jobs_are_apart(void **state) {
  (void)state;
  fsl_calibration c = {0};
  const fsl_job truth = {.type = FSL_JOB_TRUTH, .cost = run_job.cost}, budget = {.type = FSL_JOB_BUDGET, .cost = 1};
  const double before = fsl_calibration_upper(&c, &truth, 1);
  for (int i = 0; i < 50; i++) {
    fsl_calibration_add(&c, &run_job, 100 * run_job.cost, 1);
    fsl_calibration_add(&c, &budget, 1e-3 * budget.cost, 1);
  }
  assert_true(fsl_calibration_upper(&c, &truth, 1) == before);
  assert_true(fsl_calibration_upper(&c, &run_job, 1) > 90 * run_job.cost);
  assert_true(fsl_calibration_upper(&c, &budget, 1) < 0.1 * budget.cost);
}

static void ranks_divide(void **state) {
  (void)state;
  fsl_calibration one = {0}, shared = {0};
  for (int i = 1; i < 9; i++) {
    fsl_calibration_add(&one, &run_job, i, 1);
    fsl_calibration_add(&shared, &run_job, i / 4.0, 4);
  }
  const double bound = fsl_calibration_upper(&one, &run_job, 1);
  assert_true(fabs(fsl_calibration_upper(&shared, &run_job, 1) / bound - 1) < 1e-12);
  assert_true(fabs(fsl_calibration_upper(&one, &run_job, 8) / bound - 0.125) < 1e-12);
}

static void cost_multiplies(void **state) {
  (void)state;
  fsl_calibration c = {0};
  const fsl_job long_job = {.type = FSL_JOB_RUN, .cost = 10 * run_job.cost};
  fsl_calibration_add(&c, &run_job, 5, 1);
  const double ratio = fsl_calibration_upper(&c, &long_job, 1) / fsl_calibration_upper(&c, &run_job, 1);
  assert_true(fabs(ratio - 10) < 1e-12);
}

/* Records are read from files that anybody may have written. */
static void garbage_is_passed_over(void **state) {
  (void)state;
  const double garbage[] = {0, -1, NAN, INFINITY, -INFINITY};
  const fsl_job free_job = {.type = FSL_JOB_RUN}, strange = {.type = FSL_JOB_RUN, .cost = NAN};
  fsl_calibration c = {0};
  fsl_calibration_add(&c, &run_job, 2, 1);
  const double before = fsl_calibration_upper(&c, &run_job, 1);
  for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) fsl_calibration_add(&c, &run_job, garbage[i], 1);
  fsl_calibration_add(&c, &run_job, 2, 0);
  fsl_calibration_add(&c, &run_job, 2, -4);
  fsl_calibration_add(&c, &free_job, 2, 1);
  fsl_calibration_add(&c, &strange, 2, 1);
  assert_true(fsl_calibration_upper(&c, &run_job, 1) == before);
}

static void the_reserve_grows_with_the_cells(void **state) {
  (void)state;
  double before = 0;
  for (size_t cells = 1; cells <= 10000000; cells *= 10) {
    const double now = fsl_gather_reserve(cells);
    assert_true(now > before && now >= 1);
    before = now;
  }
  assert_true(fsl_gather_reserve(960000) > 2 * 120); /* twice what they took */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_bound_covers_about_95_of_100),
      cmocka_unit_test(the_bound_finds_the_machine),
      cmocka_unit_test(the_bound_shrinks_as_jobs_come_in),
      cmocka_unit_test(types_of_jobs_are_apart),
      cmocka_unit_test(ranks_divide),
      cmocka_unit_test(cost_multiplies),
      cmocka_unit_test(garbage_is_passed_over),
      cmocka_unit_test(the_reserve_grows_with_the_cells),
  };
  return cmocka_run_group_tests_name("calibration", tests, NULL, NULL);
}
