/* Closed-form and quadrature truths against the golden posteriors. */
#include "base/linalg.h"
#include "truth/truth.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include <cmocka.h>

enum { MAX = 4096 };

/* A problem read from a group of the golden file, and what is known of its posterior. */
typedef struct golden {
  fsl_ctx ctx;
  size_t d, m, n;
  double weights[16], means[128], covariances[1024], matrix[64], bias[8], std[8], y[8];
  double mean[8], covariance[64], log_evidence, region[4], post_weights[16];
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
} golden;

static size_t read_into(hid_t file, const char *group, const char *name, double *out, size_t room) {
  char path[128];
  hsize_t shape[3] = {1, 1, 1};
  snprintf(path, sizeof path, "%s/%s", group, name);
  if (H5Lexists(file, path, H5P_DEFAULT) <= 0) return 0;
  const hid_t set = H5Dopen2(file, path, H5P_DEFAULT), space = H5Dget_space(set);
  assert_true(H5Sget_simple_extent_ndims(space) <= 3);
  H5Sget_simple_extent_dims(space, shape, NULL);
  const size_t n = (size_t)H5Sget_simple_extent_npoints(space);
  assert_true(n <= room);
  assert_true(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
  H5Sclose(space);
  H5Dclose(set);
  return n;
}

static void linear_value(const fsl_forward_model *model, const double *x, double *y) {
  const golden *const g = model->self;
  fsl_matvec(g->m, g->d, g->matrix, x, y);
  for (size_t i = 0; i < g->m; i++) y[i] += g->bias[i];
}

static void linear_apply(const fsl_forward_model *model, const double *v, double *out) {
  const golden *const g = model->self;
  fsl_matvec(g->m, g->d, g->matrix, v, out);
}

static void linear_jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  const golden *const g = model->self;
  (void)x;
  fsl_matvec_t(g->m, g->d, g->matrix, u, out);
}

static void square_value(const fsl_forward_model *model, const double *x, double *y) {
  (void)model;
  y[0] = x[0] * x[0];
}

static void product_value(const fsl_forward_model *model, const double *x, double *y) {
  (void)model;
  y[0] = x[0] * x[1];
}

static void make_mixture(golden *g) {
  double *log_weight, *values, *vectors;
  fsl_covariance *covariance;
  uint32_t *covariance_of;
  fsl_arena *const a = g->ctx.arena;
  log_weight = fsl_arena_get(a, g->n, sizeof *log_weight);
  covariance = fsl_arena_get(a, g->n, sizeof *covariance);
  covariance_of = fsl_arena_get(a, g->n, sizeof *covariance_of);
  for (size_t k = 0; k < g->n; k++) {
    values = fsl_arena_get(a, g->d, sizeof *values);
    vectors = fsl_arena_get(a, g->d * g->d, sizeof *vectors);
    assert_int_equal(fsl_symmetric_eigen(&g->ctx, g->d, g->covariances + k * g->d * g->d, values, vectors), FSL_OK);
    covariance[k] = (fsl_covariance){values, vectors, false};
    covariance_of[k] = (uint32_t)k;
    log_weight[k] = log(g->weights[k]);
  }
  g->prior = (fsl_prior){.d = g->d,
                         .population = {.d = g->d,
                                        .n = g->n,
                                        .log_weight = log_weight,
                                        .mean = g->means,
                                        .n_covariances = g->n,
                                        .covariance = covariance,
                                        .covariance_of = covariance_of,
                                        .n_modes = g->n}};
}

static golden *read_golden(const char *name) {
  const char *const root = getenv("FSL_TEST_ROOT");
  char path[1024], group[64];
  golden *const g = calloc(1, sizeof *g);
  assert_non_null(g);
  snprintf(path, sizeof path, "%s/tests/golden/truth.h5", root == NULL ? "." : root);
  snprintf(group, sizeof group, "%s", name);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(file >= 0);
  g->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  g->n = read_into(file, group, "prior_weights", g->weights, 16);
  g->d = read_into(file, group, "prior_means", g->means, 128) / g->n;
  read_into(file, group, "prior_covs", g->covariances, 1024);
  g->m = read_into(file, group, "y", g->y, 8);
  read_into(file, group, "noise_std", g->std, 8);
  read_into(file, group, "A", g->matrix, 64);
  read_into(file, group, "b", g->bias, 8);
  read_into(file, group, "mean", g->mean, 8);
  read_into(file, group, "cov", g->covariance, 64);
  read_into(file, group, "log_evidence", &g->log_evidence, 1);
  read_into(file, group, "region_masses", g->region, 4);
  read_into(file, group, "post_weights", g->post_weights, 16);
  H5Fclose(file);
  make_mixture(g);
  g->model = (fsl_forward_model){.d = g->d, .m = g->m, .self = g};
  g->problem = (fsl_problem){&g->prior, &g->model, {g->m, g->std}, g->y, NULL};
  return g;
}

static void drop(golden *g) {
  fsl_arena_destroy(g->ctx.arena);
  free(g);
}

static void assert_near(double found, double expected, double tolerance, const char *what) {
  if (fabs(found - expected) <= tolerance) return;
  fail_msg("%s: %.17g where %.17g is true, off by %.3g", what, found, expected, found - expected);
}

static fsl_truth find(golden *g, fsl_truth_method method) {
  fsl_truth truth;
  assert_int_equal(fsl_truth_choose(&g->prior, &g->model), method);
  const fsl_status status = fsl_truth_find(&g->ctx, &g->problem, (fsl_key){{1, 2}}, 0, 8192, &truth);
  if (status != FSL_OK) fail_msg("%s", g->ctx.error);
  assert_int_equal(truth.method, method);
  assert_true(truth.known);
  return truth;
}

static void compare(const golden *g, const fsl_truth *truth, double tolerance) {
  for (size_t i = 0; i < g->d; i++) assert_near(truth->mean[i], g->mean[i], tolerance, "mean");
  for (size_t i = 0; i < g->d * g->d; i++) assert_near(truth->covariance[i], g->covariance[i], tolerance, "covariance");
  assert_near(truth->log_evidence, g->log_evidence, tolerance, "log evidence");
}

static void linear_case(const char *name) {
  golden *const g = read_golden(name);
  g->model.linear = true;
  g->model.value = linear_value;
  g->model.apply = linear_apply;
  g->model.jacobian_t = linear_jacobian_t;
  g->model.bias = g->bias;
  const fsl_truth truth = find(g, FSL_TRUTH_CLOSED);
  compare(g, &truth, 1e-10);
  for (size_t k = 0; k < g->n; k++) assert_near(truth.mode_weight[k], g->post_weights[k], 1e-10, "mode weight");
  assert_true(truth.stated_error == 0 && isnan(truth.ess) && truth.chi2 >= 1);
  drop(g);
}

static void linear_posteriors_are_closed_to_1e_10(void **state) {
  (void)state;
  linear_case("linear_0_gmm1d");
  linear_case("linear_1_gmm2d_m1");
  linear_case("linear_3_gmm8_m4");
}

/* Masses of the regions by sign: in 1-D -, +; in 2-D --, -+, +-, ++. */
static void compare_regions(const golden *g, const fsl_truth *truth) {
  double mass[4] = {0};
  for (size_t i = 0; i < truth->law.n; i++) {
    const double *const x = truth->law.mean + i * g->d;
    const size_t region = g->d == 1 ? x[0] > 0 : 2 * (size_t)(x[0] > 0) + (x[1] > 0);
    mass[region] += exp(truth->law.log_weight[i]);
  }
  for (size_t r = 0; r < (g->d == 1 ? 2 : 4); r++) assert_near(mass[r], g->region[r], 1e-5, "mass of a region");
}

static void nonlinear_case(const char *name, void (*value)(const fsl_forward_model *, const double *, double *)) {
  golden *const g = read_golden(name);
  g->model.value = value;
  const fsl_truth truth = find(g, FSL_TRUTH_QUADRATURE);
  compare(g, &truth, 1e-8);
  compare_regions(g, &truth);
  assert_true(truth.stated_error < 1e-8 && isnan(truth.ess));
  double total = 0, mean[2], covariance[4];
  for (size_t k = 0; k < g->n; k++) total += truth.mode_weight[k];
  assert_near(total, 1, 1e-12, "sum of the mode weights");
  assert_int_equal(fsl_mixture_moments(&g->ctx, &truth.law, mean, covariance), FSL_OK);
  for (size_t i = 0; i < g->d; i++) assert_near(mean[i], g->mean[i], 1e-8, "mean of the law");
  for (size_t i = 0; i < g->d * g->d; i++) assert_near(covariance[i], g->covariance[i], 1e-8, "covariance of the law");
  print_message("# %s: %zu nodes, stated error %.2g\n", name, truth.law.n, truth.stated_error);
  drop(g);
}

static void nonlinear_posteriors_are_integrated_to_1e_8(void **state) {
  (void)state;
  nonlinear_case("nonlinear_0_square1d", square_value);
  nonlinear_case("nonlinear_3_prod2d", product_value);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(linear_posteriors_are_closed_to_1e_10),
      cmocka_unit_test(nonlinear_posteriors_are_integrated_to_1e_8),
  };
  return cmocka_run_group_tests_name("truth, golden", tests, NULL, NULL);
}
