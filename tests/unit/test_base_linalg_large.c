/* Matrices large enough for BLAS and LAPACK, against closed forms, long double and the small ones' loops. */
#include "base/linalg.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define close_to(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

enum { N = 150 }; /* two whole blocks of 64 and a rest */

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

static double *room(fsl_ctx *ctx, size_t n) {
  double *const values = fsl_arena_get(ctx->arena, n, sizeof *values);
  assert_non_null(values);
  return values;
}

static double *normals(fsl_ctx *ctx, uint64_t stream, size_t n) {
  double *const values = room(ctx, n);
  fsl_normals((fsl_key){{5, 6}}, stream, 0, n, values);
  return values;
}

/* min(i, j), i, j from 1: its factor has ones on and below the diagonal, and all steps are exact. */
static double *brownian(fsl_ctx *ctx) {
  double *const m = room(ctx, N * N);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) m[i * N + j] = (double)((i < j ? i : j) + 1);
  return m;
}

static void the_factor_of_brownian_covariance_is_all_ones(void **state) {
  double *const m = brownian(*state);
  assert_true(fsl_cholesky(N, m));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) assert_true(m[i * N + j] == (j <= i ? 1 : 0));
}

static void a_bad_pivot_is_found_in_every_block(void **state) {
  const size_t places[] = {0, 63, 64, 100, 128, N - 1};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    const double bad[] = {0, NAN, INFINITY};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
      double *const m = brownian(*state);
      m[places[i] * N + places[i]] = bad[k];
      assert_false(fsl_cholesky(N, m));
    }
  }
}

/* The second-difference matrix has eigenvalues 2 - 2 cos(k pi/(n + 1)) and sines as eigenvectors. */
static void eigenpairs_of_the_second_difference_are_sines(void **state) {
  double *const m = room(*state, N * N), *const vectors = room(*state, N * N);
  double values[N], alone[N];
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) m[i * N + j] = i == j ? 2 : i + 1 == j || j + 1 == i ? -1 : 0;
  assert_int_equal(fsl_symmetric_eigen(*state, N, m, values, vectors), FSL_OK);
  assert_int_equal(fsl_symmetric_eigenvalues(*state, N, m, alone), FSL_OK);
  for (size_t k = 0; k < N; k++) {
    close_to(values[k], 2 - 2 * cos((double)(k + 1) * pi / (N + 1)), 1e-13);
    close_to(alone[k], values[k], 1e-13);
    for (size_t i = 0; i < N; i++) {
      const double sine = sqrt(2.0 / (N + 1)) * sin((double)((i + 1) * (k + 1)) * pi / (N + 1));
      close_to(fabs(vectors[i * N + k]), fabs(sine), 1e-11);
    }
  }
}

static void spectral_products_undo_eigenvectors(void **state) {
  double *const m = brownian(*state), *const vectors = room(*state, N * N), *const again = room(*state, N * N);
  double values[N];
  assert_int_equal(fsl_symmetric_eigen(*state, N, m, values, vectors), FSL_OK);
  assert_int_equal(fsl_spectral(*state, N, values, vectors, again), FSL_OK);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      close_to(again[i * N + j], m[i * N + j], 1e-10);
      assert_true(again[i * N + j] == again[j * N + i]);
    }
}

/* matrix = u diag(values) w^T with orthogonal u: matrix matrix^T has the same left vectors, and squares as values. */
static void check_singular(fsl_ctx *ctx, size_t rows, size_t cols) {
  double *const m = normals(ctx, 0, rows * cols), *const kept = room(ctx, rows * cols),
                *const u = room(ctx, rows * rows);
  double *const values = room(ctx, rows), *const squares = room(ctx, rows), *const rebuilt = room(ctx, rows * rows);
  double *const wanted = room(ctx, rows * rows), *const unit = room(ctx, rows * rows);
  memcpy(kept, m, rows * cols * sizeof *m);
  memset(values, 0xff, rows * sizeof *values); /* what was there does not matter */
  assert_int_equal(fsl_left_singular(ctx, rows, cols, m, values, u), FSL_OK);
  for (size_t i = 0; i < rows; i++) squares[i] = values[i] * values[i];
  for (size_t i = cols; i < rows; i++) assert_true(values[i] == 0);
  assert_int_equal(fsl_spectral(ctx, rows, squares, u, rebuilt), FSL_OK);
  fsl_matmul_t(rows, cols, rows, kept, kept, 0, wanted);
  fsl_gram(rows, rows, u, 0, unit);
  for (size_t i = 0; i < rows * rows; i++) {
    close_to(rebuilt[i], wanted[i], 1e-11 * squares[0]);
    close_to(unit[i], i % (rows + 1) == 0 ? 1 : 0, 1e-12);
  }
}

static void left_singular_vectors_rebuild_the_matrix(void **state) {
  const size_t shapes[][2] = {{20, 7}, {7, 20}, {90, 30}, {90, 90}, {80, 120}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_singular(*state, shapes[i][0], shapes[i][1]);
}

static void check_transposed(fsl_ctx *ctx, size_t n, size_t k, size_t p) {
  const double *const a = normals(ctx, 0, n * k), *const b = normals(ctx, 1, p * k);
  double *const c = normals(ctx, 2, n * p), *const start = normals(ctx, 2, n * p);
  fsl_matmul_t(n, k, p, a, b, 0.5, c);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < p; j++) {
      long double sum = 0.5L * start[i * p + j], size = fabsl(sum);
      for (size_t l = 0; l < k; l++) {
        sum += (long double)a[i * k + l] * b[j * k + l];
        size += fabsl((long double)a[i * k + l] * b[j * k + l]);
      }
      assert_true(fabsl(c[i * p + j] - sum) <= 2 * DBL_EPSILON * (long double)(k + 2) * size);
    }
}

static void transposed_products_match_long_double(void **state) {
  const size_t shapes[][3] = {{1, 1, 1}, {3, 5, 2}, {32, 8, 1024}, {64, 64, 64}, {130, 9, 70}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    check_transposed(*state, shapes[i][0], shapes[i][1], shapes[i][2]);
}

static void check_gram(fsl_ctx *ctx, size_t n, size_t d) {
  const double *const x = normals(ctx, 0, n * d);
  double *const c = room(ctx, d * d);
  for (size_t i = 0; i < d * d; i++) c[i] = NAN; /* beta 0 means: what was there does not matter */
  fsl_gram(n, d, x, 0, c);
  fsl_gram(n, d, x, 3, c);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      long double sum = 0;
      for (size_t k = 0; k < n; k++) sum += 4.0L * x[k * d + i] * x[k * d + j];
      assert_true(fabsl(c[i * d + j] - sum) <= 1e-13L * (long double)n);
      assert_true(c[i * d + j] == c[j * d + i]);
    }
}

static void grams_match_long_double(void **state) {
  check_gram(*state, 1, 1);
  check_gram(*state, 9, 4);
  check_gram(*state, 256, 40);
  check_gram(*state, 3, 120);
}

/* A row alone, among others and at any place among them. */
static void check_rows(fsl_ctx *ctx, size_t rows, size_t cols, bool transposed) {
  enum { MANY = 75 };
  fsl_status (*const times)(fsl_ctx *, size_t, size_t, const double *, size_t, const double *, double *) =
      transposed ? fsl_matvec_t_rows : fsl_matvec_rows;
  const size_t in = transposed ? rows : cols, out = transposed ? cols : rows;
  const double *const m = normals(ctx, 0, rows * cols), *const x = normals(ctx, 1, MANY * in);
  double *const all = room(ctx, MANY * out), *const one = room(ctx, MANY * out), *const plain = room(ctx, out);
  assert_int_equal(times(ctx, rows, cols, m, MANY, x, all), FSL_OK);
  for (size_t i = 0; i < MANY; i++) {
    assert_int_equal(times(ctx, rows, cols, m, MANY - i, x + i * in, one), FSL_OK);
    assert_memory_equal(one, all + i * out, (MANY - i) * out * sizeof *all);
    (transposed ? fsl_matvec_t : fsl_matvec)(rows, cols, m, x + i * in, plain);
    for (size_t j = 0; j < out; j++) close_to(plain[j], all[i * out + j], 1e-11);
  }
}

static void rows_do_not_depend_on_their_neighbours(void **state) {
  const size_t shapes[][2] = {{3, 5}, {32, 32}, {33, 47}, {100, 61}, {129, 200}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    check_rows(*state, shapes[i][0], shapes[i][1], false);
    check_rows(*state, shapes[i][0], shapes[i][1], true);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_factor_of_brownian_covariance_is_all_ones),
      cmocka_unit_test(a_bad_pivot_is_found_in_every_block),
      cmocka_unit_test(eigenpairs_of_the_second_difference_are_sines),
      cmocka_unit_test(spectral_products_undo_eigenvectors),
      cmocka_unit_test(left_singular_vectors_rebuild_the_matrix),
      cmocka_unit_test(transposed_products_match_long_double),
      cmocka_unit_test(grams_match_long_double),
      cmocka_unit_test(rows_do_not_depend_on_their_neighbours),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
