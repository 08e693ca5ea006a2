/* problem/dense.h: a dense matrix behind a forward model. */
#ifndef FSL_PROBLEM_DENSE_H
#define FSL_PROBLEM_DENSE_H

#include "fslens/problem.h"

/* The first member of what `self` points to, in every model that has a matrix. */
typedef struct fsl_dense {
  const double *matrix; /* (m, d) */
  const double *bias;   /* m, NULL: zero */
} fsl_dense;

/* FSL_EINPUT with the parameter's name when the matrix does not have d columns, or the bias not m entries. */
FSL_CHECKED fsl_status fsl_dense_check(fsl_ctx *ctx, fsl_array matrix, fsl_array bias, size_t d, const char **bad);
/* y (m) = M x + b */
void fsl_dense_affine(const fsl_forward_model *model, const double *x, double *y);
/* The functions of a linear model whose self is an fsl_dense. */
void fsl_dense_linear(const fsl_dense *dense, size_t m, fsl_forward_model *out);

#endif
