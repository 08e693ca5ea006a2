/* Small dense linear algebra against closed forms and long double. */
#include "base/linalg.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define close_to(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

enum { N = 12 };

static const double pi = 3.14159265358979323846;

static int set_up(void **state) {
  fsl_ctx *const ctx = calloc(1, sizeof *ctx);
  ctx->arena = fsl_arena_create(0);
  ctx->team = &fsl_team_solo;
  *state = ctx;
  return 0;
}

static int tear_down(void **state) {
  fsl_arena_destroy(((fsl_ctx *)*state)->arena);
  free(*state);
  return 0;
}

/* min(i, j), i, j from 1: its factor has ones on and below the diagonal, its determinant is 1. */
static void fill_brownian(double *m) {
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) m[i * N + j] = (double)((i < j ? i : j) + 1);
}

static void the_factor_of_brownian_covariance_is_all_ones(void **state) {
  (void)state;
  double m[N * N];
  fill_brownian(m);
  assert_true(fsl_cholesky(N, m));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) assert_true(m[i * N + j] == (j <= i ? 1 : 0));
  assert_true(fsl_cholesky_log_det(N, m) == 0);
}

/* log det of the second-difference matrix (2 on the diagonal, -1 beside it) is log(n + 1). */
static void fill_second_difference(size_t n, double *m) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) m[i * n + j] = i == j ? 2 : i + 1 == j || j + 1 == i ? -1 : 0;
}

static void determinants_and_solutions_match_closed_forms(void **state) {
  (void)state;
  double m[N * N], factor[N * N], x[N], product[N], forward[N];
  fill_second_difference(N, m);
  memcpy(factor, m, sizeof m);
  assert_true(fsl_cholesky(N, factor));
  close_to(fsl_cholesky_log_det(N, factor), log(N + 1.0), 1e-14);
  /* -u'' = 1 with u(0) = u(n + 1) = 0: u_i = i (n + 1 - i)/2 exactly */
  for (size_t i = 0; i < N; i++) x[i] = 1;
  fsl_cholesky_solve(N, factor, x);
  for (size_t i = 0; i < N; i++) close_to(x[i], (double)((i + 1) * (N - i)) / 2, 1e-12);
  fsl_matvec(N, N, m, x, product);
  for (size_t i = 0; i < N; i++) close_to(product[i], 1, 1e-12);
  for (size_t i = 0; i < N; i++) forward[i] = x[i];
  fsl_forward_solve(N, factor, forward);
  fsl_matvec(N, N, factor, forward, product);
  for (size_t i = 0; i < N; i++) close_to(product[i], x[i], 1e-12);
  fsl_backward_solve(N, factor, forward);
  fsl_matvec(N, N, m, forward, product);
  for (size_t i = 0; i < N; i++) close_to(product[i], x[i], 1e-11);
}

static void matrices_that_are_not_positive_definite_are_refused(void **state) {
  (void)state;
  double indefinite[4] = {1, 2, 2, 1}, singular[4] = {1, 1, 1, 1}, nan[4] = {1, NAN, NAN, 1};
  double infinite[1] = {INFINITY}, zero[1] = {0};
  assert_false(fsl_cholesky(2, indefinite));
  assert_false(fsl_cholesky(2, singular));
  assert_false(fsl_cholesky(2, nan));
  assert_false(fsl_cholesky(1, infinite));
  assert_false(fsl_cholesky(1, zero));
}

/* The second-difference matrix has eigenvalues 2 - 2 cos(k pi/(n + 1)) and sines as eigenvectors. */
static void eigenpairs_of_the_second_difference_are_sines(void **state) {
  double m[N * N], kept[N * N], values[N], vectors[N * N];
  fill_second_difference(N, m);
  memcpy(kept, m, sizeof m);
  assert_int_equal(fsl_symmetric_eigen(*state, N, m, values, vectors), FSL_OK);
  assert_memory_equal(m, kept, sizeof m);
  for (size_t k = 0; k < N; k++) {
    close_to(values[k], 2 - 2 * cos((double)(k + 1) * pi / (N + 1)), 1e-13);
    size_t largest = 0;
    for (size_t i = 0; i < N; i++) {
      const double sine = sqrt(2.0 / (N + 1)) * sin((double)((i + 1) * (k + 1)) * pi / (N + 1));
      close_to(fabs(vectors[i * N + k]), fabs(sine), 1e-12);
      if (fabs(vectors[i * N + k]) > fabs(vectors[largest * N + k])) largest = i;
    }
    assert_true(vectors[largest * N + k] > 0);
  }
}

static void eigenvectors_rebuild_the_matrix(void **state) {
  double m[N * N], values[N], vectors[N * N];
  fill_brownian(m);
  assert_int_equal(fsl_symmetric_eigen(*state, N, m, values, vectors), FSL_OK);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      double sum = 0;
      for (size_t k = 0; k < N; k++) sum += vectors[i * N + k] * values[k] * vectors[j * N + k];
      close_to(sum, m[i * N + j], 1e-12);
    }
}

static void eigenvalues_of_what_is_not_finite_are_an_error(void **state) {
  fsl_ctx *const ctx = *state;
  const double m[4] = {1, NAN, NAN, 1}, one[1] = {3};
  double values[2], vectors[4];
  assert_int_equal(fsl_symmetric_eigen(ctx, 2, m, values, vectors), FSL_ENUMERIC);
  assert_non_null(strstr(ctx->error, "finite"));
  assert_int_equal(fsl_symmetric_eigen(ctx, 0, m, values, vectors), FSL_OK);
  assert_int_equal(fsl_symmetric_eigen(ctx, 1, one, values, vectors), FSL_OK);
  assert_true(values[0] == 3 && vectors[0] == 1);
}

static void check_product(size_t n, size_t k, size_t p, double beta) {
  double *const a = malloc((n * k + 1) * sizeof *a), *const b = malloc((k * p + 1) * sizeof *b);
  double *const c = malloc((n * p + 1) * sizeof *c), *const start = malloc((n * p + 1) * sizeof *c);
  fsl_normals((fsl_key){{1, 2}}, 0, 0, n * k, a);
  fsl_normals((fsl_key){{1, 2}}, 1, 0, k * p, b);
  fsl_normals((fsl_key){{1, 2}}, 2, 0, n * p, start);
  if (beta == 0) start[0] = NAN; /* beta 0 means: what was there does not matter */
  memcpy(c, start, n * p * sizeof *c);
  fsl_matmul(n, k, p, a, b, beta, c);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < p; j++) {
      long double sum = beta == 0 ? 0 : (long double)beta * start[i * p + j], size = fabsl(sum);
      for (size_t l = 0; l < k; l++) {
        sum += (long double)a[i * k + l] * b[l * p + j];
        size += fabsl((long double)a[i * k + l] * b[l * p + j]);
      }
      assert_true(fabsl(c[i * p + j] - sum) <= 2 * DBL_EPSILON * (long double)(k + 2) * size);
    }
  free(a), free(b), free(c), free(start);
}

static void products_match_long_double(void **state) {
  (void)state;
  const size_t shapes[][3] = {{1, 1, 1}, {3, 5, 2}, {17, 8, 33}, {1, 100, 1}, {64, 64, 64}, {130, 9, 70}, {5, 0, 4}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    check_product(shapes[i][0], shapes[i][1], shapes[i][2], 0);
    check_product(shapes[i][0], shapes[i][1], shapes[i][2], 0.5);
    check_product(shapes[i][0], shapes[i][1], shapes[i][2], 1);
  }
}

static void matrix_and_transpose_are_adjoint(void **state) {
  (void)state;
  double m[5 * 7], x[7], y[5], mx[5], mty[7];
  fsl_normals((fsl_key){{3, 2}}, 0, 0, 35, m);
  fsl_normals((fsl_key){{3, 2}}, 1, 0, 7, x);
  fsl_normals((fsl_key){{3, 2}}, 2, 0, 5, y);
  fsl_matvec(5, 7, m, x, mx);
  fsl_matvec_t(5, 7, m, y, mty);
  close_to(fsl_dot(5, y, mx), fsl_dot(7, mty, x), 1e-13);
  fsl_axpy(5, -1, mx, mx);
  assert_true(fsl_norm(5, mx) == 0);
}

static void log_sum_exp_survives_extremes(void **state) {
  (void)state;
  const double far[3] = {-1000, -1000, -1000}, high[2] = {800, 0}, none[2] = {-INFINITY, -INFINITY};
  const double one[2] = {-INFINITY, 3}, nan[2] = {NAN, -INFINITY}, infinite[2] = {INFINITY, 0};
  close_to(fsl_log_sum_exp(3, far), -1000 + log(3), 1e-12);
  assert_true(fsl_log_sum_exp(2, high) == 800);
  assert_true(fsl_log_sum_exp(2, none) == -INFINITY && fsl_log_sum_exp(0, none) == -INFINITY);
  assert_true(fsl_log_sum_exp(2, one) == 3);
  assert_true(isnan(fsl_log_sum_exp(2, nan)));
  assert_true(fsl_log_sum_exp(2, infinite) == INFINITY);
}

static void pairwise_sums_lose_little(void **state) {
  enum { MANY = 1 << 20 };
  (void)state;
  double *const values = malloc(MANY * sizeof *values);
  for (size_t i = 0; i < MANY; i++) values[i] = 0.1;
  const double exact = (double)((long double)0.1 * MANY);
  close_to(fsl_sum(MANY, values), exact, 30 * DBL_EPSILON * exact); /* a running sum is off by 1e-6 */
  assert_true(fsl_sum(0, values) == 0);
  free(values);
}

static void reals_sort_ascending_with_nan_last(void **state) {
  (void)state;
  double values[6] = {3, NAN, -INFINITY, 0, NAN, INFINITY};
  qsort(values, 6, sizeof *values, fsl_compare_reals);
  assert_true(values[0] == -INFINITY && values[1] == 0 && values[2] == 3 && values[3] == INFINITY);
  assert_true(isnan(values[4]) && isnan(values[5]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_factor_of_brownian_covariance_is_all_ones),
      cmocka_unit_test(determinants_and_solutions_match_closed_forms),
      cmocka_unit_test(matrices_that_are_not_positive_definite_are_refused),
      cmocka_unit_test(eigenpairs_of_the_second_difference_are_sines),
      cmocka_unit_test(eigenvectors_rebuild_the_matrix),
      cmocka_unit_test(eigenvalues_of_what_is_not_finite_are_an_error),
      cmocka_unit_test(products_match_long_double),
      cmocka_unit_test(matrix_and_transpose_are_adjoint),
      cmocka_unit_test(log_sum_exp_survives_extremes),
      cmocka_unit_test(pairwise_sums_lose_little),
      cmocka_unit_test(reals_sort_ascending_with_nan_last),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
