/* base/linalg.c: dense linear algebra: plain loops for small matrices, BLAS and LAPACK where they win. */
#include "base/linalg.h"

#include <cblas.h>
#include <lapacke.h>

#ifndef OPENBLAS_CONFIG_H
typedef int blasint; /* the headers of other libraries lack OpenBLAS's name for their integers */
#endif

#include <math.h>
#include <string.h>

/* From so many multiplications on a product goes to BLAS, whose calls cost about a microsecond; matrices of so many
 * rows are factored by blocks of as many; so many rows at a time are multiplied by a matrix. */
enum { BLAS_WORK = 1 << 15, BLOCK = 64, ROWS = 32 };

/* Four sums at once: one alone waits for each addition to end. */
typedef double lanes __attribute__((vector_size(32), aligned(8), may_alias));

double fsl_dot(size_t n, const double *a, const double *b) {
  lanes sums = {0};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) sums += *(const lanes *)(a + i) * *(const lanes *)(b + i);
  double sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

double fsl_norm(size_t n, const double *a) {
  return sqrt(fsl_dot(n, a, a));
}

void fsl_axpy(size_t n, double alpha, const double *x, double *y) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) *(lanes *)(y + i) += alpha * *(const lanes *)(x + i);
  for (; i < n; i++) y[i] += alpha * x[i];
}

void fsl_matvec(size_t rows, size_t cols, const double *matrix, const double *x, double *y) {
  for (size_t i = 0; i < rows; i++) y[i] = fsl_dot(cols, matrix + i * cols, x);
}

void fsl_matvec_t(size_t rows, size_t cols, const double *matrix, const double *x, double *y) {
  for (size_t j = 0; j < cols; j++) y[j] = 0;
  for (size_t i = 0; i < rows; i++) fsl_axpy(cols, x[i], matrix + i * cols, y);
}

/* ---- products of matrices ----------------------------------------------------------------------------- */

static bool is_large(size_t n, size_t k, size_t p) {
  return n > 0 && k > 0 && p > 0 && n * k >= BLAS_WORK / p;
}

void fsl_matmul(size_t n, size_t k, size_t p, const double *a, const double *b, double beta, double *c) {
  if (is_large(n, k, p)) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)n, (blasint)p, (blasint)k, 1, a, (blasint)k, b,
                (blasint)p, beta, c, (blasint)p);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    double *const row = c + i * p;
    for (size_t j = 0; j < p; j++) row[j] = beta == 0 ? 0 : beta * row[j];
    for (size_t l = 0; l < k; l++) fsl_axpy(p, a[i * k + l], b + l * p, row);
  }
}

void fsl_matmul_t(size_t n, size_t k, size_t p, const double *a, const double *b, double beta, double *c) {
  if (is_large(n, k, p)) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)n, (blasint)p, (blasint)k, 1, a, (blasint)k, b,
                (blasint)k, beta, c, (blasint)p);
    return;
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < p; j++)
      c[i * p + j] = fsl_dot(k, a + i * k, b + j * k) + (beta == 0 ? 0 : beta * c[i * p + j]);
}

static void mirror(size_t n, double *matrix) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) matrix[j * n + i] = matrix[i * n + j];
}

void fsl_gram(size_t n, size_t d, const double *x, double beta, double *c) {
  if (is_large(n, d, d)) {
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)d, (blasint)n, 1, x, (blasint)d, beta, c, (blasint)d);
  } else {
    for (size_t i = 0; i < d * d; i++) c[i] = beta == 0 ? 0 : beta * c[i];
    for (size_t k = 0; k < n; k++)
      for (size_t i = 0; i < d; i++) fsl_axpy(i + 1, x[k * d + i], x + k * d, c + i * d);
  }
  mirror(d, c);
}

fsl_status fsl_spectral(fsl_ctx *ctx, size_t n, const double *values, const double *vectors, double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *scaled;
  FSL_GET(ctx, scaled, n * n);
  for (size_t i = 0; i < n * n; i++) scaled[i] = vectors[i] * values[i % n];
  fsl_matmul_t(n, n, n, scaled, vectors, 0, out);
  mirror(n, out);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* The products of ROWS rows, those that are not there being 0: with one shape for all calls, and a number of rows that
 * no BLAS kernel leaves a rest of, a row's bits do not depend on the rows beside it. */
static fsl_status times_rows(fsl_ctx *ctx, size_t rows, size_t cols, const double *matrix, bool transposed, size_t n,
                             const double *x, double *y) {
  const size_t in = transposed ? rows : cols, out = transposed ? cols : rows;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *from, *to;
  FSL_GET(ctx, from, ROWS * in);
  FSL_GET(ctx, to, ROWS * out);
  for (size_t first = 0; first < n; first += ROWS) {
    const size_t there = n - first < ROWS ? n - first : ROWS;
    FSL_TRY(fsl_check_stop(ctx));
    memcpy(from, x + first * in, there * in * sizeof *from);
    memset(from + there * in, 0, (ROWS - there) * in * sizeof *from);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, transposed ? CblasNoTrans : CblasTrans, ROWS, (blasint)out, (blasint)in, 1,
                from, (blasint)in, matrix, (blasint)cols, 0, to, (blasint)out);
    memcpy(y + first * out, to, there * out * sizeof *y);
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_matvec_rows(fsl_ctx *ctx, size_t rows, size_t cols, const double *matrix, size_t n, const double *x,
                           double *y) {
  if (is_large(ROWS, rows, cols)) return times_rows(ctx, rows, cols, matrix, false, n, x, y);
  for (size_t i = 0; i < n; i++) fsl_matvec(rows, cols, matrix, x + i * cols, y + i * rows);
  return FSL_OK;
}

fsl_status fsl_matvec_t_rows(fsl_ctx *ctx, size_t rows, size_t cols, const double *matrix, size_t n, const double *x,
                             double *y) {
  if (is_large(ROWS, rows, cols)) return times_rows(ctx, rows, cols, matrix, true, n, x, y);
  for (size_t i = 0; i < n; i++) fsl_matvec_t(rows, cols, matrix, x + i * rows, y + i * cols);
  return FSL_OK;
}

/* ---- Cholesky --------------------------------------------------------------------------------------- */

/* What lies above the diagonal is left. */
static bool factor_small(size_t n, double *matrix) {
  for (size_t j = 0; j < n; j++) {
    double *const row = matrix + j * n;
    for (size_t k = 0; k < j; k++) row[k] = (row[k] - fsl_dot(k, row, matrix + k * n)) / matrix[k * n + k];
    const double pivot = row[j] - fsl_dot(j, row, row);
    if (!(pivot > 0) || !isfinite(pivot)) return false;
    row[j] = sqrt(pivot);
  }
  return true;
}

/* LAPACK's upper triangle by columns is the lower one by rows. */
static bool factor_large(size_t n, double *matrix) {
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, matrix, (lapack_int)n) != 0) return false;
  for (size_t j = 0; j < n; j++)
    if (!(matrix[j * n + j] > 0) || !isfinite(matrix[j * n + j])) return false;
  return true;
}

bool fsl_cholesky(size_t n, double *matrix) {
  if (!(n <= BLOCK ? factor_small(n, matrix) : factor_large(n, matrix))) return false;
  for (size_t j = 0; j < n; j++)
    for (size_t k = j + 1; k < n; k++) matrix[j * n + k] = 0;
  return true;
}

void fsl_forward_solve(size_t n, const double *factor, double *x) {
  for (size_t i = 0; i < n; i++) x[i] = (x[i] - fsl_dot(i, factor + i * n, x)) / factor[i * n + i];
}

void fsl_backward_solve(size_t n, const double *factor, double *x) {
  for (size_t i = n; i-- > 0;) {
    x[i] /= factor[i * n + i];
    fsl_axpy(i, -x[i], factor + i * n, x);
  }
}

void fsl_cholesky_solve(size_t n, const double *factor, double *x) {
  fsl_forward_solve(n, factor, x);
  fsl_backward_solve(n, factor, x);
}

/* LAPACK's upper triangle by columns is the lower one by rows. No pivot is 0: it cannot fail. */
void fsl_triangular_inverse(size_t n, const double *factor, double *out) {
  memcpy(out, factor, n * n * sizeof *out);
  (void)LAPACKE_dtrtri_work(LAPACK_COL_MAJOR, 'U', 'N', (lapack_int)n, out, (lapack_int)n);
}

double fsl_cholesky_log_det(size_t n, const double *factor) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += log(factor[i * n + i]);
  return 2 * sum;
}

/* ---- eigenvectors ------------------------------------------------------------------------------------- */

static void fix_sign(size_t n, double *vectors, size_t column) {
  size_t largest = 0;
  for (size_t i = 1; i < n; i++)
    if (fabs(vectors[i * n + column]) > fabs(vectors[largest * n + column])) largest = i;
  if (vectors[largest * n + column] >= 0) return;
  for (size_t i = 0; i < n; i++) vectors[i * n + column] = -vectors[i * n + column];
}

static fsl_status all_finite(fsl_ctx *ctx, size_t n, const double *matrix) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(matrix[i])) return fsl_fail(ctx, FSL_ENUMERIC, "a matrix has entries that are not finite");
  return FSL_OK;
}

/* By QR steps, or where they would take too long by divide and conquer (Cuppen 1981). */
static lapack_int decompose(char job, size_t n, double *matrix, double *values) {
  const lapack_int size = (lapack_int)n;
  if (n <= BLOCK || job == 'N') return LAPACKE_dsyev(LAPACK_ROW_MAJOR, job, 'L', size, matrix, size, values);
  return LAPACKE_dsyevd(LAPACK_ROW_MAJOR, job, 'L', size, matrix, size, values);
}

static fsl_status not_converged(fsl_ctx *ctx, size_t n) {
  return fsl_fail(ctx, FSL_ENUMERIC, "the eigenvalues of a %zu x %zu matrix did not converge", n, n);
}

fsl_status fsl_symmetric_eigen(fsl_ctx *ctx, size_t n, const double *matrix, double *values, double *vectors) {
  FSL_TRY(all_finite(ctx, n * n, matrix));
  if (n == 0) return FSL_OK;
  memcpy(vectors, matrix, n * n * sizeof *vectors);
  if (decompose('V', n, vectors, values) != 0) return not_converged(ctx, n);
  for (size_t j = 0; j < n; j++) fix_sign(n, vectors, j);
  return FSL_OK;
}

fsl_status fsl_symmetric_eigenvalues(fsl_ctx *ctx, size_t n, double *matrix, double *values) {
  FSL_TRY(all_finite(ctx, n * n, matrix));
  if (n == 0) return FSL_OK;
  return decompose('N', n, matrix, values) == 0 ? FSL_OK : not_converged(ctx, n);
}

/* The left vectors by QR steps where that is quick, as then the right ones need not be found. */
fsl_status fsl_left_singular(fsl_ctx *ctx, size_t rows, size_t cols, double *matrix, double *values, double *u) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const lapack_int n = (lapack_int)rows, m = (lapack_int)cols;
  double *rest, *right, unused;
  lapack_int info;
  FSL_TRY(all_finite(ctx, rows * cols, matrix));
  for (size_t i = 0; i < rows; i++) values[i] = 0;
  if (rows <= BLOCK) {
    FSL_GET(ctx, rest, rows < cols ? rows : cols);
    info = LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'A', 'N', n, m, matrix, m, values, u, n, &unused, 1, rest);
  } else {
    FSL_GET(ctx, right, cols * cols);
    info = LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'A', n, m, matrix, m, values, u, n, right, m);
  }
  fsl_arena_release(ctx->arena, mark);
  return info == 0 ? FSL_OK : fsl_fail(ctx, FSL_ENUMERIC, "singular values of a matrix did not converge");
}

bool fsl_is_finite(size_t n, const double *values) {
  for (size_t j = 0; j < n; j++)
    if (!isfinite(values[j])) return false;
  return true;
}

/* ---- sums ----------------------------------------------------------------------------------------------- */

double fsl_sum(size_t n, const double *values) {
  enum { PLAIN = 64 };
  if (n > PLAIN) {
    const size_t half = n / 2;
    return fsl_sum(half, values) + fsl_sum(n - half, values + half);
  }
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  return sum;
}

double fsl_log_sum_exp(size_t n, const double *values) {
  double most = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(values[i])) return values[i];
    if (values[i] > most) most = values[i];
  }
  if (!isfinite(most)) return most;
  for (size_t i = 0; i < n; i++) sum += exp(values[i] - most);
  return most + log(sum);
}

int fsl_compare_reals(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
  return (x > y) - (x < y);
}
