/* problem/forward_linear.c: A(x) = M x + b with a matrix of the user's. */
#include "problem/dense.h"
#include "problem/kinds.h"

typedef struct linear_params {
  fsl_array matrix, bias;
} linear_params;

static const fsl_param table[] = {
    {.name = "matrix",
     .type = FSL_MATRIX,
     .offset = offsetof(linear_params, matrix),
     .shape = "m,d",
     .help = "M, one measurement a row: inline, or FILE.h5:/NAME, .npy, .csv"},
    {.name = "bias",
     .type = FSL_VECTOR,
     .offset = offsetof(linear_params, bias),
     .optional = true,
     .shape = "m",
     .help = "b (absent: zero)"},
};

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  const linear_params *const p = params;
  fsl_dense *dense;
  FSL_TRY(fsl_dense_check(ctx, p->matrix, p->bias, d, bad));
  FSL_GET(ctx, dense, 1);
  *dense = (fsl_dense){.matrix = p->matrix.data, .bias = p->bias.data};
  fsl_dense_linear(dense, p->matrix.shape[0], out);
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_linear = {
    .head = {.name = "linear",
             .help = "A(x) = M x + b",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(linear_params)},
    .create = create,
};
