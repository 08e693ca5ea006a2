/* base/linalg.c: small dense linear algebra; LAPACK where it wins. */
#include "base/linalg.h"

#include <lapacke.h>

#include <math.h>
#include <string.h>

double fsl_dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

double fsl_norm(size_t n, const double *a) {
  return sqrt(fsl_dot(n, a, a));
}

void fsl_axpy(size_t n, double alpha, const double *x, double *y) {
  for (size_t i = 0; i < n; i++) y[i] += alpha * x[i];
}

void fsl_matvec(size_t rows, size_t cols, const double *matrix, const double *x, double *y) {
  for (size_t i = 0; i < rows; i++) y[i] = fsl_dot(cols, matrix + i * cols, x);
}

void fsl_matvec_t(size_t rows, size_t cols, const double *matrix, const double *x, double *y) {
  for (size_t j = 0; j < cols; j++) y[j] = 0;
  for (size_t i = 0; i < rows; i++) fsl_axpy(cols, x[i], matrix + i * cols, y);
}

void fsl_matmul(size_t n, size_t k, size_t p, const double *a, const double *b, double beta, double *c) {
  for (size_t i = 0; i < n; i++) {
    double *const row = c + i * p;
    for (size_t j = 0; j < p; j++) row[j] = beta == 0 ? 0 : beta * row[j];
    for (size_t l = 0; l < k; l++) fsl_axpy(p, a[i * k + l], b + l * p, row);
  }
}

/* ---- Cholesky --------------------------------------------------------------------------------------- */

bool fsl_cholesky(size_t n, double *matrix) {
  for (size_t j = 0; j < n; j++) {
    double *const row = matrix + j * n;
    for (size_t k = 0; k < j; k++) row[k] = (row[k] - fsl_dot(k, row, matrix + k * n)) / matrix[k * n + k];
    const double pivot = row[j] - fsl_dot(j, row, row);
    if (!(pivot > 0) || !isfinite(pivot)) return false;
    row[j] = sqrt(pivot);
    for (size_t k = j + 1; k < n; k++) row[k] = 0;
  }
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

fsl_status fsl_symmetric_eigen(fsl_ctx *ctx, size_t n, const double *matrix, double *values, double *vectors) {
  for (size_t i = 0; i < n * n; i++)
    if (!isfinite(matrix[i])) return fsl_fail(ctx, FSL_ENUMERIC, "a matrix has entries that are not finite");
  if (n == 0) return FSL_OK;
  memcpy(vectors, matrix, n * n * sizeof *vectors);
  const lapack_int info = LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'L', (lapack_int)n, vectors, (lapack_int)n, values);
  if (info != 0) return fsl_fail(ctx, FSL_ENUMERIC, "the eigenvalues of a %zu x %zu matrix did not converge", n, n);
  for (size_t j = 0; j < n; j++) fix_sign(n, vectors, j);
  return FSL_OK;
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
