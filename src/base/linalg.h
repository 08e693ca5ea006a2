/* base/linalg.h: dense linear algebra. Matrices are row-major; (n, n) means n rows, n columns.
 * All functions run on one thread and give the same bits for the same input. Large matrices go to BLAS and LAPACK: the
 * bits of an entry then depend on the shape of the whole product, but for the functions that say otherwise. */
#ifndef FSL_BASE_LINALG_H
#define FSL_BASE_LINALG_H

#include "fslens/base.h"

/* Lower Cholesky factor of a symmetric (n, n) matrix, in place (the strict upper part is zeroed).
 * false if a pivot is not positive or not finite. */
bool fsl_cholesky(size_t n, double *matrix);
/* Solves L L^T x = b in place, given the factor. */
void fsl_cholesky_solve(size_t n, const double *factor, double *x);
void fsl_forward_solve(size_t n, const double *factor, double *x);        /* L x = b */
void fsl_backward_solve(size_t n, const double *factor, double *x);       /* L^T x = b */
void fsl_triangular_inverse(size_t n, const double *factor, double *out); /* L^-1, lower */
double fsl_cholesky_log_det(size_t n, const double *factor);              /* log det of L L^T */
/* Eigenvalues ascending in `values` (n); column j of `vectors` (n, n) is the j-th eigenvector.
 * `matrix` is read only. The sign of each vector is fixed: its entry of largest size is positive. */
FSL_CHECKED fsl_status fsl_symmetric_eigen(fsl_ctx *ctx, size_t n, const double *matrix, double *values,
                                           double *vectors);
/* The values alone; `matrix` is destroyed. */
FSL_CHECKED fsl_status fsl_symmetric_eigenvalues(fsl_ctx *ctx, size_t n, double *matrix, double *values);
/* Left singular vectors in the columns of u (rows, rows); values (rows) descending, those beyond `cols` are 0. `matrix`
 * (rows, cols) is destroyed. */
FSL_CHECKED fsl_status fsl_left_singular(fsl_ctx *ctx, size_t rows, size_t cols, double *matrix, double *values,
                                         double *u);
/* out (n, n) = V diag(values) V^T, exactly symmetric. */
FSL_CHECKED fsl_status fsl_spectral(fsl_ctx *ctx, size_t n, const double *values, const double *vectors, double *out);
double fsl_dot(size_t n, const double *a, const double *b);
double fsl_norm(size_t n, const double *a);
void fsl_axpy(size_t n, double alpha, const double *x, double *y);                             /* y += alpha x */
void fsl_matvec(size_t rows, size_t cols, const double *matrix, const double *x, double *y);   /* y = M x */
void fsl_matvec_t(size_t rows, size_t cols, const double *matrix, const double *x, double *y); /* y = M^T x */
/* C (n, p) = A (n, k) B (k, p) + beta C */
void fsl_matmul(size_t n, size_t k, size_t p, const double *a, const double *b, double beta, double *c);
/* C (n, p) = A (n, k) B^T + beta C, B (p, k) */
void fsl_matmul_t(size_t n, size_t k, size_t p, const double *a, const double *b, double beta, double *c);
/* C (d, d) = X^T X + beta C, X (n, d), exactly symmetric */
void fsl_gram(size_t n, size_t d, const double *x, double beta, double *c);
/* Many vectors by one matrix: y_i = M x_i (M^T x_i), x and y (n, *). The bits of y_i depend on M and x_i alone. */
FSL_CHECKED fsl_status fsl_matvec_rows(fsl_ctx *ctx, size_t rows, size_t cols, const double *matrix, size_t n,
                                       const double *x, double *y);
FSL_CHECKED fsl_status fsl_matvec_t_rows(fsl_ctx *ctx, size_t rows, size_t cols, const double *matrix, size_t n,
                                         const double *x, double *y);
bool fsl_is_finite(size_t n, const double *values);     /* all of them */
double fsl_log_sum_exp(size_t n, const double *values); /* -inf for n = 0 or all -inf; NaN if any is */
/* Pairwise sum: the same bits for the same n and values. */
double fsl_sum(size_t n, const double *values);
int fsl_compare_reals(const void *a, const void *b); /* for qsort, NaN last */

#endif
