/* base/sparse.c: products with the entries that are not 0, where they are few. */
#include "base/sparse.h"

#include "base/linalg.h"

enum { DENSE = 16 }; /* BLAS takes so many entries in the time of one here */

fsl_status fsl_sparse_create(fsl_ctx *ctx, size_t rows, size_t cols, const double *matrix, fsl_sparse *out) {
  size_t count = 0, *start;
  uint32_t *column;
  double *value;
  *out = (fsl_sparse){.rows = rows, .cols = cols, .matrix = matrix};
  for (size_t i = 0; i < rows * cols; i++) count += matrix[i] != 0;
  if (count > rows * cols / DENSE) return FSL_OK;
  FSL_GET(ctx, start, rows + 1);
  FSL_GET(ctx, column, count + 1);
  FSL_GET(ctx, value, count + 1);
  count = 0;
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < cols; j++) {
      if (matrix[i * cols + j] == 0) continue;
      column[count] = (uint32_t)j;
      value[count++] = matrix[i * cols + j];
    }
    start[i + 1] = count;
  }
  out->start = start;
  out->column = column;
  out->value = value;
  return FSL_OK;
}

static void times_row(const fsl_sparse *m, const double *x, double *out) {
  for (size_t i = 0; i < m->rows; i++) {
    double sum = 0;
    for (size_t k = m->start[i]; k < m->start[i + 1]; k++) sum += m->value[k] * x[m->column[k]];
    out[i] = sum;
  }
}

void fsl_sparse_times(const fsl_sparse *m, size_t n, const double *x, double *out) {
  if (m->start == NULL) {
    fsl_matmul_t(n, m->cols, m->rows, x, m->matrix, 0, out);
    return;
  }
  for (size_t i = 0; i < n; i++) times_row(m, x + i * m->cols, out + i * m->rows);
}
