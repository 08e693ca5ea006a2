/* problem/forward_abs.c: A(x) = |x|, component by component. */
#include "problem/kinds.h"

#include <math.h>

static void value(const fsl_forward_model *model, const double *x, double *y) {
  for (size_t j = 0; j < model->d; j++) y[j] = fabs(x[j]);
}

/* The sign of x; 0 at the kink. */
static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  for (size_t j = 0; j < model->d; j++) out[j] = x[j] > 0 ? u[j] : x[j] < 0 ? -u[j] : 0;
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

const fsl_forward_model_kind fsl_forward_abs = {
    .head = {.name = "abs", .help = "A(x) = |x| by component: the sign is lost", .version = 1},
    .create = create,
};
