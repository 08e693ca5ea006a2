/* problem/forward_tanh.c: A(x) = tanh(M x + b). */
#include "problem/dense.h"
#include "problem/kinds.h"

#include "base/linalg.h"

#include <math.h>

typedef struct tanh_params {
  fsl_array matrix, bias;
} tanh_params;

static const fsl_param table[] = {
    {.name = "matrix",
     .type = FSL_MATRIX,
     .offset = offsetof(tanh_params, matrix),
     .shape = "m,d",
     .help = "M, one measurement a row: inline, or FILE.h5:/NAME, .npy, .csv"},
    {.name = "bias",
     .type = FSL_VECTOR,
     .offset = offsetof(tanh_params, bias),
     .optional = true,
     .shape = "m",
     .help = "b (absent: zero)"},
};

static void value(const fsl_forward_model *model, const double *x, double *y) {
  fsl_dense_affine(model, x, y);
  for (size_t i = 0; i < model->m; i++) y[i] = tanh(y[i]);
}

/* M^T diag(1 - tanh^2) u */
static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  const fsl_dense *const dense = model->self;
  for (size_t j = 0; j < model->d; j++) out[j] = 0;
  for (size_t i = 0; i < model->m; i++) {
    const double *const row = dense->matrix + i * model->d;
    const double y = tanh(fsl_dot(model->d, row, x) + (dense->bias == NULL ? 0 : dense->bias[i]));
    fsl_axpy(model->d, (1 - y * y) * u[i], row, out);
  }
}

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  const tanh_params *const p = params;
  fsl_dense *dense;
  FSL_TRY(fsl_dense_check(ctx, p->matrix, p->bias, d, bad));
  FSL_GET(ctx, dense, 1);
  *dense = (fsl_dense){.matrix = p->matrix.data, .bias = p->bias.data};
  out->m = p->matrix.shape[0];
  out->dense = true;
  out->self = dense;
  out->value = value;
  out->jacobian_t = jacobian_t;
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_tanh = {
    .head = {.name = "tanh",
             .help = "A(x) = tanh(M x + b)",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(tanh_params)},
    .create = create,
};
