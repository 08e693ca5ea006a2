/* Sampled truths against quadrature and each other. */
#include "truth/methods.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static fsl_ctx ctx;

static int begin(void **state) {
  (void)state;
  ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  return ctx.arena == NULL;
}

static int end(void **state) {
  (void)state;
  fsl_arena_destroy(ctx.arena);
  return 0;
}

static void assert_near(double found, double expected, double tolerance, const char *what) {
  if (fabs(found - expected) <= tolerance) return;
  fail_msg("%s: %.17g where %.17g is true, off by %.3g", what, found, expected, found - expected);
}

static void ok(fsl_status status) {
  if (status != FSL_OK) fail_msg("%s: %s", fsl_status_name(status), ctx.error);
}

/* ---- problems ------------------------------------------------------------------------------------------- */

static void value_abs(const fsl_forward_model *model, const double *x, double *y) {
  for (size_t i = 0; i < model->m; i++) y[i] = fabs(x[i]);
}

static void value_product(const fsl_forward_model *model, const double *x, double *y) {
  (void)model;
  y[0] = x[0] * x[1];
}

typedef struct setting {
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
  double log_weight[4], mean[8], values[8], y[2], std[2];
  fsl_covariance covariance[4];
  uint32_t covariance_of[4];
} setting;

/* Components with diagonal covariances. */
static void make(setting *s, size_t d, size_t n, const double *weight, const double *mean, const double *variance,
                 void (*value)(const fsl_forward_model *, const double *, double *), size_t m, const double *y,
                 double std) {
  *s = (setting){0};
  for (size_t k = 0; k < n; k++) {
    s->log_weight[k] = log(weight[k]);
    s->covariance[k] = (fsl_covariance){s->values + k * d, NULL, false};
    s->covariance_of[k] = (uint32_t)k;
  }
  memcpy(s->mean, mean, n * d * sizeof *mean);
  memcpy(s->values, variance, n * d * sizeof *variance);
  s->prior.d = d;
  s->prior.population = (fsl_mixture){.d = d,
                                      .n = n,
                                      .log_weight = s->log_weight,
                                      .mean = s->mean,
                                      .n_covariances = n,
                                      .covariance = s->covariance,
                                      .covariance_of = s->covariance_of,
                                      .n_modes = n};
  for (size_t i = 0; i < m; i++) {
    s->y[i] = y[i];
    s->std[i] = std;
  }
  s->model = (fsl_forward_model){.d = d, .m = m, .value = value};
  s->problem = (fsl_problem){&s->prior, &s->model, {m, s->std}, s->y, NULL};
}

/* x1 x2 is measured; a third coordinate, of no consequence, takes the problem out of quadrature's reach. */
static void product_problem(setting *s, size_t d) {
  const double weight[] = {0.6, 0.4}, y = 0.8;
  const double mean2[] = {1, 1, -1, -0.8}, variance2[] = {0.3, 0.3, 0.25, 0.2};
  const double mean3[] = {1, 1, 0.5, -1, -0.8, 0.5}, variance3[] = {0.3, 0.3, 1, 0.25, 0.2, 1};
  make(s, d, 2, weight, d == 2 ? mean2 : mean3, d == 2 ? variance2 : variance3, value_product, 1, &y, 0.2);
}

static void compare(const fsl_truth *t, const fsl_truth *exact) {
  const double error = t->stated_error;
  double mean[3], covariance[9], mode_weight[2];
  assert_int_equal(t->method, FSL_TRUTH_SAMPLED);
  assert_true(t->known && t->ess > 8192);
  assert_near(error, 1 / sqrt(t->ess), 1e-15, "stated error");
  assert_near(t->log_evidence, exact->log_evidence, 5 * error, "log evidence");
  assert_near(t->chi2 / exact->chi2, 1, 0.01, "chi^2");
  for (size_t i = 0; i < 2; i++) {
    const double variance = exact->covariance[3 * i];
    assert_near(t->mean[i], exact->mean[i], 5 * error * sqrt(variance), "mean");
    assert_near(t->covariance[4 * i] / variance, 1, 5 * error, "variance");
    assert_near(t->mode_weight[i], exact->mode_weight[i], 5 * error, "mode weight");
  }
  assert_near(t->mean[2], 0.5, 5 * error, "mean of what is not measured");
  /* The law says the same up to its own thinning. */
  ok(fsl_mixture_moments(&ctx, &t->law, mean, covariance));
  fsl_mixture_mode_weights(&t->law, mode_weight);
  assert_true(t->law.n * (4 * sizeof(double) + sizeof(uint32_t)) <= (64u << 20) + 64);
  for (size_t i = 0; i < 3; i++) assert_near(mean[i], t->mean[i], error, "mean of the law");
  for (size_t i = 0; i < 2; i++) assert_near(mode_weight[i], t->mode_weight[i], error, "mode weight of the law");
}

static void both_copies_keep_within_their_stated_error_and_differ(void **state) {
  (void)state;
  setting plane, space;
  fsl_truth exact, t[2];
  product_problem(&plane, 2);
  product_problem(&space, 3);
  ok(fsl_truth_find(&ctx, &plane.problem, (fsl_key){{1, 2}}, 0, 8192, &exact));
  assert_int_equal(exact.method, FSL_TRUTH_QUADRATURE);
  for (unsigned copy = 0; copy < 2; copy++) {
    ok(fsl_truth_find(&ctx, &space.problem, (fsl_key){{1, 2}}, copy, 8192, &t[copy]));
    compare(&t[copy], &exact);
  }
  assert_true(t[0].log_evidence != t[1].log_evidence && t[0].law.mean[0] != t[1].law.mean[0]);
}

static void few_effective_draws_claim_nothing(void **state) {
  (void)state;
  setting s;
  fsl_truth t = {.known = true};
  const double weight = 1, mean = 0, variance = 1, y = 9;
  make(&s, 1, 1, &weight, &mean, &variance, value_abs, 1, &y, 0.001);
  ok(fsl_truth_sampled(&ctx, &s.problem, (fsl_key){{3, 4}}, 100, &t));
  assert_false(t.known);
  assert_true(t.ess < 400 && isnan(t.mean[0]) && isnan(t.covariance[0]) && isnan(t.mode_weight[0]));
  assert_true(isnan(t.log_evidence) && isnan(t.stated_error) && isnan(t.chi2));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(both_copies_keep_within_their_stated_error_and_differ),
      CASE(few_effective_draws_claim_nothing),
  };
  return cmocka_run_group_tests_name("truth, sampled", tests, NULL, NULL);
}
