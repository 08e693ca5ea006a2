/* The squared maximum mean discrepancy against double sums and its closed form for normals. */
#include "metric/kernel_mean.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/isa.h"

#define assert_near(value, expected, error) assert_true(fabs((value) - (expected)) <= (error))

static fsl_ctx context(void) {
  return (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
}

static double kernel(size_t d, const double *a, const double *b, double h2) {
  double sum = 0;
  for (size_t k = 0; k < d; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return exp(-0.5 * sum / h2);
}

/* Unbiased on the samples' side; weighted points (m, d) on the law's. */
static double double_sums(size_t d, size_t n, const double *x, size_t m, const double *y, const double *w, double h2) {
  double own = 0, cross = 0, self = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      if (i != j) own += kernel(d, x + i * d, x + j * d, h2);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++) cross += w[j] * kernel(d, x + i * d, y + j * d, h2);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) self += w[i] * w[j] * kernel(d, y + i * d, y + j * d, h2);
  return own / ((double)n * (double)(n - 1)) - 2 * cross / (double)n + self;
}

static fsl_mixture atoms(size_t n, size_t d, const double *points, const double *log_weight,
                         const fsl_covariance *zero) {
  return (fsl_mixture){
      .d = d, .n = n, .log_weight = log_weight, .mean = points, .n_covariances = 1, .covariance = zero, .n_modes = n};
}

static void check_atoms(size_t d, size_t m) {
  fsl_ctx ctx = context();
  enum { N = 60 };
  double *x = malloc(N * d * sizeof *x), *y = malloc(m * d * sizeof *y), *w = malloc(2 * m * sizeof *w);
  double *zeros = calloc(d, sizeof *zeros), total = 0, found;
  fsl_normals((fsl_key){{1, 1}}, 0, 0, N * d, x);
  fsl_normals((fsl_key){{2, 1}}, 0, 0, m * d, y);
  fsl_uniforms((fsl_key){{3, 1}}, 0, 0, m, w);
  for (size_t j = 0; j < m; j++) total += w[j];
  for (size_t j = 0; j < m; j++) {
    w[j] /= total;
    w[m + j] = log(w[j]);
  }
  const fsl_covariance zero = {.values = zeros, .isotropic = true};
  const fsl_mixture law = atoms(m, d, y, w + m, &zero);
  fsl_kernel_mean *mean;
  assert_int_equal(fsl_kernel_mean_of_mixture(&ctx, &law, 1, 0, 2.5 * (double)d, &mean), FSL_OK);
  assert_int_equal(fsl_kernel_mean_mmd2(&ctx, mean, N, x, &found), FSL_OK);
  assert_near(found, double_sums(d, N, x, m, y, w, 2.5 * (double)d), 1e-10);
  free(x);
  free(y);
  free(w);
  free(zeros);
  fsl_arena_destroy(ctx.arena);
}

static void atoms_match_double_sums(void **state) {
  (void)state;
  check_atoms(1, 3);
  check_atoms(1, 300); /* tabulated */
  check_atoms(3, 50);
  check_atoms(3, 259); /* a whole tile and part of one */
  check_atoms(20, 50); /* by products of matrices */
  check_atoms(20, 515);
}

/* Quadrature of a rotated normal over its principal axes gives weighted points. */
static void a_normal_of_full_covariance_matches_quadrature(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  enum { Q = 61, N = 20 };
  const double c = cos(0.4), s = sin(0.4), vectors[] = {c, -s, s, c}, values[] = {0.3, 2}, mu[] = {0.5, -1};
  const double log_one = 0, a = 0.8, v = 0.1, h2 = 1.7;
  double *y = malloc(2 * Q * Q * sizeof *y), *w = malloc(Q * Q * sizeof *w), x[2 * N], found, total = 0;
  const double std[] = {sqrt(a * a * values[0] + v), sqrt(a * a * values[1] + v)};
  for (int i = 0; i < Q * Q; i++) {
    const double p = (i / Q - Q / 2) * 0.25, q = (i % Q - Q / 2) * 0.25; /* standard deviations, to 7.5 */
    y[2 * i] = a * mu[0] + c * std[0] * p - s * std[1] * q;
    y[2 * i + 1] = a * mu[1] + s * std[0] * p + c * std[1] * q;
    w[i] = exp(-0.5 * (p * p + q * q));
    total += w[i];
  }
  for (int i = 0; i < Q * Q; i++) w[i] /= total;
  fsl_normals((fsl_key){{4, 1}}, 0, 0, 2 * N, x);
  const fsl_covariance covariance = {.values = values, .vectors = vectors};
  const fsl_mixture law = {
      .d = 2, .n = 1, .log_weight = &log_one, .mean = mu, .n_covariances = 1, .covariance = &covariance, .n_modes = 1};
  fsl_kernel_mean *mean;
  assert_int_equal(fsl_kernel_mean_of_mixture(&ctx, &law, a, v, h2, &mean), FSL_OK);
  assert_int_equal(fsl_kernel_mean_mmd2(&ctx, mean, N, x, &found), FSL_OK);
  assert_near(found, double_sums(2, N, x, Q * Q, y, w, h2), 1e-9);
  free(y);
  free(w);
  fsl_arena_destroy(ctx.arena);
}

/* Two covariances, compared with the sum over the four pairs written out in one dimension. */
static void components_of_different_width_pair_in_closed_form(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  const double narrow = 0.1, wide = 1.5, h2 = 0.9, mu[] = {-1, 2}, w[] = {0.3, 0.7}, x[] = {0.2, 1, -0.4};
  const double log_weight[] = {log(0.3), log(0.7)}, s[] = {narrow, wide};
  const fsl_covariance both[] = {{.values = &narrow, .isotropic = true}, {.values = &wide, .isotropic = true}};
  const uint32_t of[] = {0, 1};
  const fsl_mixture law = {.d = 1,
                           .n = 2,
                           .log_weight = log_weight,
                           .mean = mu,
                           .n_covariances = 2,
                           .covariance = both,
                           .covariance_of = of,
                           .n_modes = 2};
  double self = 0, cross = 0, own = 0, found;
  for (int k = 0; k < 2; k++)
    for (int l = 0; l < 2; l++) {
      const double var = s[k] + s[l] + h2, gap = mu[k] - mu[l];
      self += w[k] * w[l] * sqrt(h2 / var) * exp(-0.5 * gap * gap / var);
    }
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 2; k++) {
      const double var = s[k] + h2, gap = mu[k] - x[i];
      cross += w[k] * sqrt(h2 / var) * exp(-0.5 * gap * gap / var) / 3;
    }
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      if (i != j) own += kernel(1, x + i, x + j, h2) / 6;
  fsl_kernel_mean *mean;
  assert_int_equal(fsl_kernel_mean_of_mixture(&ctx, &law, 1, 0, h2, &mean), FSL_OK);
  assert_int_equal(fsl_kernel_mean_mmd2(&ctx, mean, 3, x, &found), FSL_OK);
  assert_near(found, own - 2 * cross + self, 1e-12);
  fsl_arena_destroy(ctx.arena);
}

/* The unbiased estimate between two sets of draws, a pair of a draw with itself left out. */
static void draws_match_double_sums(void **state) {
  (void)state;
  enum { N = 40, R = 500, D = 2 };
  fsl_ctx ctx = context();
  double x[N * D], y[R * D], w[R], kept[R * D], found;
  fsl_normals((fsl_key){{5, 1}}, 0, 0, N * D, x);
  fsl_normals((fsl_key){{6, 1}}, 0, 0, R * D, y);
  memcpy(kept, y, sizeof y);
  for (int j = 0; j < R; j++) w[j] = 1.0 / R;
  double self = 0;
  for (int i = 0; i < R; i++)
    for (int j = 0; j < R; j++) self += kernel(D, kept + i * D, kept + j * D, 2);
  const double biased = double_sums(D, N, x, R, kept, w, 2), unbiased = (self - R) / (R * (R - 1.0));
  fsl_kernel_mean *mean;
  assert_int_equal(fsl_kernel_mean_of_draws(&ctx, R, D, y, 2, false, &mean), FSL_OK);
  assert_int_equal(fsl_kernel_mean_mmd2(&ctx, mean, N, x, &found), FSL_OK);
  assert_near(found, biased - self / (R * R) + unbiased, 1e-12);
  fsl_arena_destroy(ctx.arena);
}

/* 2-D normal draws against a normal's closed form: what many draws know of E k(Y, Y') and of the embedding. */
static void many_draws_agree_with_the_closed_form_far_below_a_floor(void **state) {
  (void)state;
  enum { N = 1000, R = 16384, D = 2 };
  fsl_ctx ctx = context();
  double *x = malloc(N * D * sizeof *x), *y = malloc(R * D * sizeof *y), one[] = {1, 1}, mu[] = {0, 0}, log_one = 0;
  double exact, found;
  fsl_normals((fsl_key){{7, 1}}, 0, 0, N * D, x);
  fsl_normals((fsl_key){{8, 1}}, 0, 0, R * D, y);
  const fsl_covariance unit = {.values = one, .isotropic = true};
  const fsl_mixture law = atoms(1, D, mu, &log_one, &unit);
  fsl_kernel_mean *closed, *drawn;
  assert_int_equal(fsl_kernel_mean_of_mixture(&ctx, &law, 1, 0, 2, &closed), FSL_OK);
  assert_int_equal(fsl_kernel_mean_of_draws(&ctx, R, D, y, 2, false, &drawn), FSL_OK);
  assert_int_equal(fsl_kernel_mean_mmd2(&ctx, closed, N, x, &exact), FSL_OK);
  assert_int_equal(fsl_kernel_mean_mmd2(&ctx, drawn, N, x, &found), FSL_OK);
  assert_near(found, exact, 3e-4); /* a set of N scatters by about 1/N */
  free(x);
  free(y);
  fsl_arena_destroy(ctx.arena);
}

/* Draws of 3 dimensions go by direct distances, of 20 by products of matrices. */
static double discrepancy(size_t d) {
  enum { N = 300, R = 700, MOST = 20 };
  fsl_ctx ctx = context();
  double x[N * MOST], y[R * MOST], found = NAN;
  fsl_kernel_mean *mean;
  fsl_normals((fsl_key){{9, 1}}, 0, 0, N * d, x);
  fsl_normals((fsl_key){{10, 1}}, 0, 0, R * d, y);
  assert_int_equal(fsl_kernel_mean_of_draws(&ctx, R, d, y, (double)d, false, &mean), FSL_OK);
  assert_int_equal(fsl_kernel_mean_mmd2(&ctx, mean, N, x, &found), FSL_OK);
  fsl_arena_destroy(ctx.arena);
  return found;
}

static void every_instruction_set_gives_the_same_bits(void **state) {
  (void)state;
  const char *const before = getenv("FSLENS_ISA");
  char *const kept = before == NULL ? NULL : strdup(before);
  for (size_t d = 3; d <= 20; d += 17) {
    setenv("FSLENS_ISA", "generic", 1);
    const double generic = discrepancy(d);
    for (fsl_isa isa = FSL_ISA_V3; isa <= fsl_isa_best(); isa++) {
      setenv("FSLENS_ISA", fsl_isa_name(isa), 1);
      const double found = discrepancy(d);
      assert_memory_equal(&found, &generic, sizeof found);
    }
  }
  if (kept == NULL)
    unsetenv("FSLENS_ISA");
  else
    setenv("FSLENS_ISA", kept, 1);
  free(kept);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(atoms_match_double_sums),
      cmocka_unit_test(a_normal_of_full_covariance_matches_quadrature),
      cmocka_unit_test(components_of_different_width_pair_in_closed_form),
      cmocka_unit_test(draws_match_double_sums),
      cmocka_unit_test(many_draws_agree_with_the_closed_form_far_below_a_floor),
      cmocka_unit_test(every_instruction_set_gives_the_same_bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
