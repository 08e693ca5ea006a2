/* Closed-form and quadrature truths against brute force and each other. */
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

static void value_sin(const fsl_forward_model *model, const double *x, double *y) {
  for (size_t i = 0; i < model->m; i++) y[i] = sin(5 * x[i]);
}

static void value_clip(const fsl_forward_model *model, const double *x, double *y) {
  for (size_t i = 0; i < model->m; i++) y[i] = fmin(1, fmax(-1, 2 * x[i]));
}

static void value_identity(const fsl_forward_model *model, const double *x, double *y) {
  for (size_t i = 0; i < model->m; i++) y[i] = x[i];
}

static void apply_identity(const fsl_forward_model *model, const double *x, double *y) {
  value_identity(model, x, y);
}

static void transpose_identity(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)x;
  for (size_t i = 0; i < model->d; i++) out[i] = i < model->m ? u[i] : 0;
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

static const double bumps_weight[] = {0.4, 0.6}, bumps_mean[] = {-1.0, 1.5}, bumps_variance[] = {0.16, 0.36};

static void make_bumps(setting *s, void (*value)(const fsl_forward_model *, const double *, double *), double y,
                       double std) {
  make(s, 1, 2, bumps_weight, bumps_mean, bumps_variance, value, 1, &y, std);
}

/* ---- brute force: midpoints in long double --------------------------------------------------------------- */

typedef struct brute {
  long double evidence, mean, variance, chi2, mode0;
} brute;

static long double normal(long double x, long double mean, long double variance) {
  return expl(-(x - mean) * (x - mean) / (2 * variance)) / sqrtl(2 * 3.14159265358979323846264338327950288L * variance);
}

static brute integrate(const setting *s, double low, double high) {
  enum { N = 1 << 20 };
  brute b = {0};
  long double square = 0, first = 0, second = 0;
  const long double h = ((long double)high - low) / N;
  for (size_t i = 0; i < N; i++) {
    const double x = (double)(low + h * ((long double)i + 0.5L));
    double z;
    s->model.value(&s->model, &x, &z);
    const long double l = normal(s->y[0], z, (long double)s->std[0] * s->std[0]);
    const long double p0 = 0.4L * normal(x, -1, 0.16L), p = p0 + 0.6L * normal(x, 1.5L, 0.36L);
    b.evidence += h * p * l;
    b.mode0 += h * p0 * l;
    square += h * p * l * l;
    first += h * p * l * x;
    second += h * p * l * x * x;
  }
  b.mean = first / b.evidence;
  b.variance = second / b.evidence - b.mean * b.mean;
  b.mode0 /= b.evidence;
  b.chi2 = square / (b.evidence * b.evidence);
  return b;
}

static void against_brute_force(const setting *s, double low, double high, double tolerance) {
  fsl_truth t;
  const brute b = integrate(s, low, high);
  ok(fsl_truth_find(&ctx, &s->problem, (fsl_key){{1, 2}}, 0, 8192, &t));
  assert_int_equal(t.method, FSL_TRUTH_QUADRATURE);
  assert_near(t.log_evidence, (double)logl(b.evidence), tolerance, "log evidence");
  assert_near(t.mean[0], (double)b.mean, tolerance, "mean");
  assert_near(t.covariance[0], (double)b.variance, tolerance, "variance");
  assert_near(t.chi2 / (double)b.chi2, 1, tolerance, "chi^2");
  assert_near(t.mode_weight[0], (double)b.mode0, tolerance, "mode weight");
  assert_true(t.stated_error < 1e-6);
}

static void kinks_and_sharp_measurements_are_resolved(void **state) {
  (void)state;
  setting s;
  make_bumps(&s, value_abs, 1.2, 0.01);
  against_brute_force(&s, -3, 3, 1e-8);
  make_bumps(&s, value_abs, 0.005, 0.01); /* at the kink */
  against_brute_force(&s, -0.25, 0.25, 1e-8);
  make_bumps(&s, value_sin, 0.3, 0.01);
  against_brute_force(&s, -5, 6, 1e-8);
  make_bumps(&s, value_sin, 1.0, 0.01);
  against_brute_force(&s, -5, 6, 1e-8);
  make_bumps(&s, value_clip, 1.0, 0.01); /* saturated: half a line explains it */
  against_brute_force(&s, -4, 8, 1e-8);
  make_bumps(&s, value_clip, -0.2, 0.01);
  against_brute_force(&s, -1, 1, 1e-8);
}

/* Ten thousand times sharper still, where no fixed grid would see the likelihood: there the posterior is two normals.
 */
static void a_needle_is_not_missed(void **state) {
  (void)state;
  setting s;
  fsl_truth t;
  make_bumps(&s, value_abs, 1.2, 1e-6);
  ok(fsl_truth_find(&ctx, &s.problem, (fsl_key){{1, 2}}, 0, 8192, &t));
  const double left = 0.4 * (double)normal(-1.2, -1, 0.16L) + 0.6 * (double)normal(-1.2, 1.5L, 0.36L);
  const double right = 0.4 * (double)normal(1.2, -1, 0.16L) + 0.6 * (double)normal(1.2, 1.5L, 0.36L);
  assert_near(t.log_evidence, log(left + right), 1e-8, "log evidence");
  assert_near(t.mean[0], 1.2 * (right - left) / (right + left), 1e-5, "mean");
}

/* |x| = 50 under priors near 0: outside of any box of nine standard deviations. For x > 0 it is a linear problem. */
static void a_far_measurement_is_reached(void **state) {
  (void)state;
  setting s;
  fsl_truth t;
  const double weight = 1, mean = 0.5, variance = 1, y = 50, noise = 0.01;
  make(&s, 1, 1, &weight, &mean, &variance, value_abs, 1, &y, 0.1);
  ok(fsl_truth_find(&ctx, &s.problem, (fsl_key){{1, 2}}, 0, 8192, &t));
  const double gain = 1 / (1 + noise);
  assert_near(t.mean[0], 0.5 + gain * (y - 0.5), 1e-8, "mean");
  assert_near(t.covariance[0], noise * gain, 1e-8, "variance");
  assert_near(t.log_evidence, -0.5 * (49.5 * 49.5) * gain - 0.5 * log(2 * 3.14159265358979323846 / gain), 1e-8,
              "log evidence");
}

/* A component with a degenerate covariance is a line, one without any an atom. */
static void degenerate_components_are_integrated_where_they_live(void **state) {
  (void)state;
  setting s;
  fsl_truth t;
  const double weight[] = {0.5, 0.5}, mean[] = {0, 1, 2, 0.5}, variance[] = {1, 0, 0, 0}, y = 1.0;
  make(&s, 2, 2, weight, mean, variance, value_product, 1, &y, 0.5); /* x1 x2: N(0, 1) x 1, and 2 x 0.5 */
  ok(fsl_truth_find(&ctx, &s.problem, (fsl_key){{1, 2}}, 0, 8192, &t));
  const double line = (double)normal(1, 0, 1.25L), atom = (double)normal(1, 1, 0.25L);
  assert_int_equal(t.method, FSL_TRUTH_QUADRATURE);
  assert_near(t.log_evidence, log(0.5 * line + 0.5 * atom), 1e-10, "log evidence");
  assert_near(t.mode_weight[0], line / (line + atom), 1e-10, "mode weight");
  assert_near(t.mean[0], (0.8 * line + 2 * atom) / (line + atom), 1e-10, "mean");
}

/* In two dimensions kinks lie on lines; components are independent, so the answer is a product. */
static void kinks_in_two_dimensions_are_resolved(void **state) {
  (void)state;
  setting one, two;
  fsl_truth t1, t2;
  const double weight = 1, mean[] = {0.3, 0.3}, variance[] = {0.5, 0.5}, y[] = {0.4, 0.4};
  make(&one, 1, 1, &weight, mean, variance, value_abs, 1, y, 0.1);
  make(&two, 2, 1, &weight, mean, variance, value_abs, 2, y, 0.1);
  ok(fsl_truth_find(&ctx, &one.problem, (fsl_key){{1, 2}}, 0, 8192, &t1));
  ok(fsl_truth_find(&ctx, &two.problem, (fsl_key){{1, 2}}, 0, 8192, &t2));
  assert_near(t2.log_evidence, 2 * t1.log_evidence, 1e-8, "log evidence");
  for (size_t i = 0; i < 2; i++) {
    assert_near(t2.mean[i], t1.mean[0], 1e-8, "mean");
    assert_near(t2.covariance[3 * i], t1.covariance[0], 1e-8, "variance");
  }
  assert_near(t2.covariance[1], 0, 1e-8, "covariance");
}

static void closed_and_integrated_truths_agree(void **state) {
  (void)state;
  setting s;
  fsl_truth closed, integrated;
  const double weight[] = {0.3, 0.7}, mean[] = {-1, 0, 1, 0.5}, variance[] = {0.5, 1, 1, 0.25}, y[] = {0.2, 0.7};
  make(&s, 2, 2, weight, mean, variance, value_identity, 2, y, 0.3);
  s.model.linear = true;
  s.model.apply = apply_identity;
  s.model.jacobian_t = transpose_identity;
  ok(fsl_truth_find(&ctx, &s.problem, (fsl_key){{1, 2}}, 0, 8192, &closed));
  integrated = (fsl_truth){0};
  ok(fsl_truth_quadrature(&ctx, &s.problem, &integrated));
  assert_int_equal(closed.method, FSL_TRUTH_CLOSED);
  assert_near(integrated.chi2 / closed.chi2, 1, 1e-8, "chi^2");
  assert_near(integrated.log_evidence, closed.log_evidence, 1e-8, "log evidence");
  for (size_t i = 0; i < 2; i++) assert_near(integrated.mean[i], closed.mean[i], 1e-8, "mean");
  for (size_t i = 0; i < 4; i++) assert_near(integrated.covariance[i], closed.covariance[i], 1e-8, "covariance");
}

/* A sharp ridge takes millions of nodes; the law has at most 2^18 of them and says the same. */
static void a_thinned_law_keeps_moments_and_modes(void **state) {
  (void)state;
  setting s;
  fsl_truth t;
  double mean[2], covariance[4], mode_weight[2];
  const double weight[] = {0.6, 0.4}, means[] = {1, 1, -1, -0.8}, variance[] = {0.3, 0.3, 0.25, 0.2}, y = 0.8;
  make(&s, 2, 2, weight, means, variance, value_product, 1, &y, 0.005);
  ok(fsl_truth_find(&ctx, &s.problem, (fsl_key){{1, 2}}, 0, 8192, &t));
  assert_true(t.law.n <= 1 << 18 && t.stated_error < 1e-6);
  ok(fsl_mixture_moments(&ctx, &t.law, mean, covariance));
  fsl_mixture_mode_weights(&t.law, mode_weight);
  assert_near(t.mode_weight[0] + t.mode_weight[1], 1, 1e-14, "sum of the mode weights");
  for (size_t i = 0; i < 2; i++) {
    assert_near(mean[i], t.mean[i], 1e-4, "mean of the law");
    assert_near(mode_weight[i], t.mode_weight[i], 1e-5, "mode weight of the law");
  }
  for (size_t i = 0; i < 4; i++) assert_near(covariance[i], t.covariance[i], 1e-4, "covariance of the law");
}

/* Two atoms, by hand. */
static void atoms_are_reweighted_under_any_model(void **state) {
  (void)state;
  setting s;
  fsl_truth t;
  const double weight[] = {0.25, 0.75}, mean[] = {-1, 2}, variance[] = {0, 0}, y = 1.5;
  make(&s, 1, 2, weight, mean, variance, value_abs, 1, &y, 0.5);
  ok(fsl_truth_find(&ctx, &s.problem, (fsl_key){{1, 2}}, 0, 8192, &t));
  const double l = (double)normal(0.5L, 0, 0.25L); /* both are 0.5 away */
  assert_int_equal(t.method, FSL_TRUTH_CLOSED);
  assert_near(t.log_evidence, log(l), 1e-13, "log evidence");
  assert_near(t.mode_weight[0], 0.25, 1e-14, "mode weight");
  assert_near(t.mean[0], 1.25, 1e-14, "mean");
  assert_near(t.chi2, 1, 1e-13, "chi^2");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(kinks_and_sharp_measurements_are_resolved),
      CASE(a_needle_is_not_missed),
      CASE(a_far_measurement_is_reached),
      CASE(degenerate_components_are_integrated_where_they_live),
      CASE(kinks_in_two_dimensions_are_resolved),
      CASE(closed_and_integrated_truths_agree),
      CASE(a_thinned_law_keeps_moments_and_modes),
      CASE(atoms_are_reweighted_under_any_model),
  };
  return cmocka_run_group_tests_name("truth, quadrature", tests, NULL, NULL);
}
