/* problem/forward_sin.c: A(x) = sin(omega x), component by component. */
#include "problem/kinds.h"

#include <math.h>

typedef struct sin_params {
  double omega;
} sin_params;

static const fsl_param table[] = {
    {.name = "omega",
     .type = FSL_REAL,
     .offset = offsetof(sin_params, omega),
     .preset = "1",
     .low = 0,
     .high = 1e6,
     .open_low = true,
     .help = "frequency"},
};

static double omega_of(const fsl_forward_model *model) {
  return ((const sin_params *)model->self)->omega;
}

static void value(const fsl_forward_model *model, const double *x, double *y) {
  const double omega = omega_of(model);
  for (size_t j = 0; j < model->d; j++) y[j] = sin(omega * x[j]);
}

static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  const double omega = omega_of(model);
  for (size_t j = 0; j < model->d; j++) out[j] = omega * cos(omega * x[j]) * u[j];
}

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  (void)ctx;
  (void)bad;
  out->m = d;
  out->self = params;
  out->value = value;
  out->jacobian_t = jacobian_t;
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_sin = {
    .head = {.name = "sin",
             .help = "A(x) = sin(omega x) by component: many to one",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(sin_params)},
    .create = create,
};
