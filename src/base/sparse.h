/* base/sparse.h: products with matrices that may be mostly 0, as those of measurements that take some components or
 * means of some are. */
#ifndef FSL_BASE_SPARSE_H
#define FSL_BASE_SPARSE_H

#include "fslens/base.h"

/* A matrix (rows, cols), and where few of its entries are not 0 these alone; else start is NULL. */
typedef struct fsl_sparse {
  size_t rows, cols;
  const double *matrix;
  const size_t *start;    /* rows + 1 */
  const uint32_t *column; /* start[rows] */
  const double *value;
} fsl_sparse;

/* Keeps `matrix`. */
FSL_CHECKED fsl_status fsl_sparse_create(fsl_ctx *ctx, size_t rows, size_t cols, const double *matrix, fsl_sparse *out);
/* out (n, rows) = X M^T, X (n, cols) */
void fsl_sparse_times(const fsl_sparse *m, size_t n, const double *x, double *out);

#endif
