/* Pareto k-hat against tails of known shape; and the table of metrics. */
#include "metric/khat.h"
#include "metric/metric.h"

#include "base/linalg.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(value, expected, error) assert_true(fabs((value) - (expected)) <= (error))

static fsl_ctx context(void) {
  return (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
}

/* Weights u^-k have a tail of shape k. */
static double khat_of(double shape, size_t n, uint32_t seed) {
  fsl_ctx ctx = context();
  double *w = malloc(n * sizeof *w), khat;
  fsl_uniforms((fsl_key){{seed, 0}}, 0, 0, n, w);
  for (size_t i = 0; i < n; i++) w[i] = -shape * log(w[i]);
  assert_int_equal(fsl_pareto_khat(&ctx, n, w, &khat), FSL_OK);
  free(w);
  fsl_arena_destroy(ctx.arena);
  return khat;
}

static void khat_finds_the_shape_of_a_pareto_tail(void **state) {
  (void)state;
  const double shapes[] = {0.2, 0.5, 0.9};
  for (int i = 0; i < 3; i++) {
    double mean = 0;
    for (uint32_t seed = 0; seed < 10; seed++) mean += khat_of(shapes[i], 10000, seed) / 10;
    assert_near(mean, shapes[i], 0.06); /* scatter of one is about (1 + k)/sqrt 300 */
  }
}

static void the_fit_recovers_a_generalised_pareto_by_its_quantiles(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  double x[500], shape;
  for (int i = 0; i < 500; i++) x[i] = (pow(1 - (i + 0.5) / 500, -0.7) - 1) / 0.7;
  assert_int_equal(fsl_pareto_shape(&ctx, 500, x, &shape), FSL_OK);
  assert_near(shape, 0.7, 0.03);
  fsl_arena_destroy(ctx.arena);
}

static void khat_does_not_depend_on_the_scale_of_the_weights(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  double w[1000], first, second;
  fsl_uniforms((fsl_key){{9, 0}}, 0, 0, 1000, w);
  for (int i = 0; i < 1000; i++) w[i] = -0.5 * log(w[i]);
  assert_int_equal(fsl_pareto_khat(&ctx, 1000, w, &first), FSL_OK);
  for (int i = 0; i < 1000; i++) w[i] -= 5000;
  assert_int_equal(fsl_pareto_khat(&ctx, 1000, w, &second), FSL_OK);
  assert_near(first, second, 1e-9);
  fsl_arena_destroy(ctx.arena);
}

static void equal_or_few_weights_have_no_khat(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  double w[100] = {0}, khat;
  assert_int_equal(fsl_pareto_khat(&ctx, 100, w, &khat), FSL_OK);
  assert_true(isnan(khat));
  assert_int_equal(fsl_pareto_khat(&ctx, 10, w, &khat), FSL_OK);
  assert_true(isnan(khat));
  fsl_arena_destroy(ctx.arena);
}

static void every_metric_has_its_entry(void **state) {
  (void)state;
  static const char *const names[FSL_N_METRICS] = {"mean_error",
                                                   "spread_ratio",
                                                   "spread_min",
                                                   "spread_max",
                                                   "within_mode_spread",
                                                   "sliced_w1",
                                                   "max_sliced_w1",
                                                   "mmd2",
                                                   "mode_weight_tv",
                                                   "prior_hallucination",
                                                   "likelihood_hallucination",
                                                   "escape",
                                                   "stopping_error",
                                                   "score_error",
                                                   "score_error_abs",
                                                   "path_kl",
                                                   "nonfinite_fraction"};
  for (int i = 0; i < FSL_N_METRICS; i++) {
    assert_string_equal(fsl_metrics[i].head.name, names[i]);
    assert_non_null(fsl_metrics[i].head.help);
    assert_non_null(fsl_metrics[i].long_name);
    assert_non_null(fsl_metrics[i].units);
    assert_true(fsl_metrics[i].has_floor || !fsl_metrics[i].has_floor_lo);
  }
  assert_string_equal(fsl_metrics[FSL_PATH_KL].units, "nat");
  assert_int_equal(fsl_pooled_modes(3), 3);
  assert_int_equal(fsl_pooled_modes(64), 64);
  assert_int_equal(fsl_pooled_modes(1797), 64);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(khat_finds_the_shape_of_a_pareto_tail),
      cmocka_unit_test(the_fit_recovers_a_generalised_pareto_by_its_quantiles),
      cmocka_unit_test(khat_does_not_depend_on_the_scale_of_the_weights),
      cmocka_unit_test(equal_or_few_weights_have_no_khat),
      cmocka_unit_test(every_metric_has_its_entry),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
