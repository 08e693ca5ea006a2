/* base/linalg.h: small dense linear algebra. Matrices are row-major; (n, n) means n rows, n columns.
 * All functions run on one thread and give the same bits for the same input. */
#ifndef FSL_BASE_LINALG_H
#define FSL_BASE_LINALG_H

#include "fslens/base.h"

/* Lower Cholesky factor of a symmetric (n, n) matrix, in place (the strict upper part is zeroed).
 * false if a pivot is not positive or not finite. */
bool fsl_cholesky(size_t n, double *matrix);
/* Solves L L^T x = b in place, given the factor. */
void fsl_cholesky_solve(size_t n, const double *factor, double *x);
void fsl_forward_solve(size_t n, const double *factor, double *x);  /* L x = b */
void fsl_backward_solve(size_t n, const double *factor, double *x); /* L^T x = b */
double fsl_cholesky_log_det(size_t n, const double *factor);        /* log det of L L^T */
/* Eigenvalues ascending in `values` (n); column j of `vectors` (n, n) is the j-th eigenvector.
 * `matrix` is read only. The sign of each vector is fixed: its entry of largest size is positive. */
FSL_CHECKED fsl_status fsl_symmetric_eigen(fsl_ctx *ctx, size_t n, const double *matrix, double *values,
                                           double *vectors);
double fsl_dot(size_t n, const double *a, const double *b);
double fsl_norm(size_t n, const double *a);
void fsl_axpy(size_t n, double alpha, const double *x, double *y);                             /* y += alpha x */
void fsl_matvec(size_t rows, size_t cols, const double *matrix, const double *x, double *y);   /* y = M x */
void fsl_matvec_t(size_t rows, size_t cols, const double *matrix, const double *x, double *y); /* y = M^T x */
/* C (n, p) = A (n, k) B (k, p) + beta C */
void fsl_matmul(size_t n, size_t k, size_t p, const double *a, const double *b, double beta, double *c);
double fsl_log_sum_exp(size_t n, const double *values); /* -inf for n = 0 or all -inf; NaN if any is */
/* Pairwise sum: the same bits for the same n and values. */
double fsl_sum(size_t n, const double *values);
int fsl_compare_reals(const void *a, const void *b); /* for qsort, NaN last */

#endif
