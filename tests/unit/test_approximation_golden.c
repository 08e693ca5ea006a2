/* Posterior scores of every method the golden file holds, against 60-digit arithmetic. */
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "approximation/kinds.h"
#include "posterior/create.h"
#include "problem/kinds.h"

typedef struct array {
  size_t rank, shape[3];
  double *data;
} array;

typedef struct method {
  const char *golden; /* name in the file; NULL score of the prior */
  const fsl_approximation_kind *kind;
  const char *param;
  double value;
} method;

static const method methods[] = {
    {"fsr", &fsl_approximation_fsr, NULL, 0},
    {"sigma-dps", &fsl_approximation_sigma_dps, NULL, 0},
    {"zeta-dps(zeta=0.3)", &fsl_approximation_zeta_dps, "zeta", 0.3},
    {"zeta-dps(zeta=1)", &fsl_approximation_zeta_dps, "zeta", 1},
    {"pigdm(r2=flat)", &fsl_approximation_pigdm, "r2", 0},
    {"tmpd(covariance=full)", &fsl_approximation_tmpd, "covariance", 0},
};
enum { N_METHODS = sizeof methods / sizeof *methods };

/* The largest relative error of a state's score: 1e-9 at t >= 0.01, 1e-8 below. */
static double allowed(double t) {
  return t >= 0.01 ? 1e-9 : 1e-8;
}

static hid_t open_golden(void) {
  const char *const root = getenv("FSL_TEST_ROOT");
  char path[4096];
  snprintf(path, sizeof path, "%s/tests/golden/scores.h5", root == NULL ? "." : root);
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

static bool read_array(hid_t group, const char *name, fsl_ctx *ctx, array *out) {
  if (H5Lexists(group, name, H5P_DEFAULT) <= 0) return false;
  const hid_t data = H5Dopen2(group, name, H5P_DEFAULT), space = H5Dget_space(data);
  hsize_t shape[3] = {1, 1, 1};
  out->rank = (size_t)H5Sget_simple_extent_dims(space, shape, NULL);
  for (size_t i = 0; i < 3; i++) out->shape[i] = (size_t)shape[i];
  out->data = fsl_arena_get(ctx->arena, out->shape[0] * out->shape[1] * out->shape[2], sizeof(double));
  assert_true(H5Dread(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->data) >= 0);
  H5Sclose(space);
  H5Dclose(data);
  return true;
}

static array need_array(hid_t group, const char *name, fsl_ctx *ctx) {
  array out;
  assert_true(read_array(group, name, ctx, &out));
  return out;
}

/* Stores `value` in a fresh parameter struct; everything else is zero. */
static void *params_of(fsl_ctx *ctx, const fsl_kind *kind, const char *name, double value) {
  unsigned char *const params = fsl_arena_get(ctx->arena, 1, kind->params_size + 1);
  if (name == NULL) return params;
  const fsl_param *const param = fsl_kind_param(kind, name);
  assert_non_null(param);
  if (param->type == FSL_REAL) memcpy(params + param->offset, &value, sizeof value);
  return params;
}

static void set_array(const fsl_kind *kind, void *params, const char *name, const array *from) {
  const fsl_param *const param = fsl_kind_param(kind, name);
  assert_non_null(param);
  fsl_array value = {.data = from->data, .rank = from->rank};
  for (size_t i = 0; i < from->rank; i++) value.shape[i] = from->shape[i];
  memcpy((unsigned char *)params + param->offset, &value, sizeof value);
}

static fsl_forward_model model_of(fsl_ctx *ctx, hid_t group, const char *kind_name, size_t d) {
  static const fsl_forward_model_kind *const kinds[] = {&fsl_forward_linear, &fsl_forward_square, &fsl_forward_sin,
                                                        &fsl_forward_tanh};
  fsl_forward_model model = {.d = d};
  const char *bad = NULL;
  for (size_t i = 0; i < 4; i++) {
    if (strcmp(kinds[i]->head.name, kind_name) != 0) continue;
    array value;
    void *params = params_of(ctx, &kinds[i]->head, NULL, 0);
    if (read_array(group, "omega", ctx, &value)) params = params_of(ctx, &kinds[i]->head, "omega", value.data[0]);
    if (read_array(group, "A", ctx, &value)) set_array(&kinds[i]->head, params, "matrix", &value);
    if (read_array(group, "b", ctx, &value)) set_array(&kinds[i]->head, params, "bias", &value);
    assert_int_equal(fsl_forward_model_create(ctx, kinds[i], params, d, &model, &bad), FSL_OK);
    return model;
  }
  fail_msg("no forward model %s", kind_name);
  return model;
}

static void attribute(hid_t group, const char *name, size_t size, char *out) {
  const hid_t a = H5Aopen(group, name, H5P_DEFAULT), type = H5Aget_type(a);
  if (H5Tis_variable_str(type) > 0) {
    char *text = NULL;
    assert_true(H5Aread(a, type, (void *)&text) >= 0);
    snprintf(out, size, "%s", text);
    H5free_memory(text);
  } else {
    assert_true(H5Tget_size(type) < size);
    memset(out, 0, size);
    assert_true(H5Aread(a, type, out) >= 0);
  }
  H5Tclose(type);
  H5Aclose(a);
}

static void compare(const char *where, const char *name, double t, size_t n, size_t d, const double *found,
                    const double *golden) {
  for (size_t i = 0; i < n; i++) {
    double error = 0, size = 0;
    for (size_t j = 0; j < d; j++) {
      error = hypot(error, found[i * d + j] - golden[i * d + j]);
      size = hypot(size, golden[i * d + j]);
    }
    if (!(error <= allowed(t) * size))
      fail_msg("%s: %s at t = %g, state %zu: relative error %g", where, name, t, i, error / size);
  }
}

static void check_method(fsl_ctx *ctx, hid_t scores, const char *where, const fsl_posterior *posterior,
                         const array *times, const array *states, const method *m) {
  array golden;
  if (!read_array(scores, m->golden, ctx, &golden)) {
    assert_true(m->kind->linear_only && !fsl_posterior_problem(posterior)->model->linear);
    assert_non_null(fsl_approximation_inapplicable(m->kind, posterior));
    return;
  }
  const size_t n = states->shape[1], d = states->shape[2];
  const array prior = need_array(scores, "prior", ctx);
  const void *const params = params_of(ctx, &m->kind->head, m->param, m->value);
  double *const g = fsl_arena_get(ctx->arena, 3 * n * d, sizeof *g);
  assert_null(fsl_approximation_inapplicable(m->kind, posterior));
  for (size_t k = 0; k < times->shape[0]; k++) {
    const double t = times->data[k], log_abar = -0.01 * t - 9.995 * t * t;
    const double a = exp(log_abar / 2), v = -expm1(log_abar);
    assert_int_equal(fsl_approximation_score(ctx, m->kind, params, posterior, t, a, v, n, states->data + k * n * d, g,
                                             g + n * d, g + 2 * n * d),
                     FSL_OK);
    compare(where, m->golden, t, n, d, g + 2 * n * d, golden.data + k * n * d);
    compare(where, "prior", t, n, d, g + n * d, prior.data + k * n * d);
  }
}

static void check_case(hid_t file, const char *name) {
  fsl_ctx ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  const hid_t group = H5Gopen2(file, name, H5P_DEFAULT), scores = H5Gopen2(group, "score", H5P_DEFAULT);
  char kind[64];
  attribute(group, "forward_model", sizeof kind, kind);
  const array atoms = need_array(group, "atoms", &ctx), times = need_array(group, "times", &ctx);
  const array states = need_array(group, "states", &ctx), y = need_array(group, "y", &ctx);
  const array std = need_array(group, "noise_std", &ctx);
  const size_t n = atoms.shape[0], d = atoms.shape[1], m = y.shape[0];
  const fsl_forward_model model = model_of(&ctx, group, kind, d);
  assert_int_equal(model.m, m);
  double *const noise = fsl_arena_get(ctx.arena, m, sizeof *noise);
  for (size_t k = 0; k < m; k++) noise[k] = std.data[0];
  fsl_prior prior = {.d = d};
  assert_int_equal(fsl_mixture_of_atoms(&ctx, n, d, atoms.data, NULL, NULL, n, &prior.population), FSL_OK);
  const fsl_problem problem = {.prior = &prior, .model = &model, .noise = {m, noise}, .y = y.data};
  fsl_posterior *posterior;
  assert_int_equal(fsl_posterior_of_population(&ctx, &problem, NULL, &posterior), FSL_OK);
  for (size_t i = 0; i < N_METHODS; i++) check_method(&ctx, scores, name, posterior, &times, &states, &methods[i]);
  H5Gclose(scores);
  H5Gclose(group);
  fsl_arena_destroy(ctx.arena);
}

#define GOLDEN(name)                                                                                                   \
  static void golden_scores_of_##name(void **state) {                                                                  \
    check_case(*(const hid_t *)*state, #name);                                                                         \
  }

GOLDEN(gmm_1d_N500)
GOLDEN(lin_d2_m1)
GOLDEN(lin_d8_m4_bias)
GOLDEN(sin2x_d2_m2)
GOLDEN(square_1d)
GOLDEN(stress_tri_repeated_peaked_far_y)
GOLDEN(tanhWx_d3_m2)
GOLDEN(tri_1d_A1)

static int set_up(void **state) {
  static hid_t file;
  file = open_golden();
  *state = &file;
  return 0;
}

static int tear_down(void **state) {
  H5Fclose(*(const hid_t *)*state);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden_scores_of_gmm_1d_N500),
      cmocka_unit_test(golden_scores_of_lin_d2_m1),
      cmocka_unit_test(golden_scores_of_lin_d8_m4_bias),
      cmocka_unit_test(golden_scores_of_sin2x_d2_m2),
      cmocka_unit_test(golden_scores_of_square_1d),
      cmocka_unit_test(golden_scores_of_stress_tri_repeated_peaked_far_y),
      cmocka_unit_test(golden_scores_of_tanhWx_d3_m2),
      cmocka_unit_test(golden_scores_of_tri_1d_A1),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
