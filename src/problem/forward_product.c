/* problem/forward_product.c: A(x) = x1 x2: two hyperbolas. */
#include "problem/kinds.h"

static void value(const fsl_forward_model *model, const double *x, double *y) {
  (void)model;
  y[0] = x[0] * x[1];
}

static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)model;
  out[0] = x[1] * u[0];
  out[1] = x[0] * u[0];
}

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  (void)params;
  (void)bad;
  if (d != 2)
    return fsl_fail(ctx, FSL_EINPUT, "the product of two components needs a prior of dimension 2, not %zu", d);
  out->m = 1;
  out->value = value;
  out->jacobian_t = jacobian_t;
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_product = {
    .head = {.name = "product", .help = "A(x) = x1 x2, for dimension 2", .version = 1},
    .create = create,
};
