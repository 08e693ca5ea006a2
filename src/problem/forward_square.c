/* problem/forward_square.c: A(x) = x^2, component by component. */
#include "problem/kinds.h"

static void value(const fsl_forward_model *model, const double *x, double *y) {
  for (size_t j = 0; j < model->d; j++) y[j] = x[j] * x[j];
}

/* The derivative 2 x. */
static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  for (size_t j = 0; j < model->d; j++) out[j] = 2 * x[j] * u[j];
}

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  (void)ctx;
  (void)params;
  (void)bad;
  out->m = d;
  out->value = value;
  out->jacobian_t = jacobian_t;
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_square = {
    .head = {.name = "square", .help = "A(x) = x^2 by component: the sign is lost", .version = 1},
    .create = create,
};
