/* problem/dense.c: see dense.h. */
#include "problem/dense.h"

#include "base/linalg.h"

fsl_status fsl_dense_check(fsl_ctx *ctx, fsl_array matrix, fsl_array bias, size_t d, const char **bad) {
  *bad = "matrix";
  if (matrix.shape[0] == 0) return fsl_fail(ctx, FSL_EINPUT, "the matrix has no rows");
  if (matrix.shape[1] != d)
    return fsl_fail(ctx, FSL_EINPUT, "the matrix has %zu columns, the prior has dimension %zu", matrix.shape[1], d);
  *bad = "bias";
  if (bias.data != NULL && bias.shape[0] != matrix.shape[0])
    return fsl_fail(ctx, FSL_EINPUT, "the bias has %zu entries, the matrix has %zu rows", bias.shape[0],
                    matrix.shape[0]);
  return FSL_OK;
}

static void apply(const fsl_forward_model *model, const double *v, double *out) {
  const fsl_dense *const dense = model->self;
  fsl_matvec(model->m, model->d, dense->matrix, v, out);
}

void fsl_dense_affine(const fsl_forward_model *model, const double *x, double *y) {
  const fsl_dense *const dense = model->self;
  apply(model, x, y);
  for (size_t i = 0; dense->bias != NULL && i < model->m; i++) y[i] += dense->bias[i];
}

static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  const fsl_dense *const dense = model->self;
  (void)x;
  fsl_matvec_t(model->m, model->d, dense->matrix, u, out);
}

void fsl_dense_linear(const fsl_dense *dense, size_t m, fsl_forward_model *out) {
  out->m = m;
  out->linear = out->dense = true;
  out->self = dense;
  out->bias = dense->bias;
  out->value = fsl_dense_affine;
  out->apply = apply;
  out->jacobian_t = jacobian_t;
}
