/* problem/forward_identity.c: A(x) = x. */
#include "problem/kinds.h"

#include <string.h>

static void value(const fsl_forward_model *model, const double *x, double *y) {
  memcpy(y, x, model->d * sizeof *y);
}

static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)x;
  value(model, u, out);
}

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  (void)ctx;
  (void)params;
  (void)bad;
  out->m = d;
  out->linear = true;
  out->value = value;
  out->apply = value;
  out->jacobian_t = jacobian_t;
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_identity = {
    .head = {.name = "identity", .help = "A(x) = x: denoising", .version = 1},
    .create = create,
};
