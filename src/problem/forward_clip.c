/* problem/forward_clip.c: A(x) = min(max(gain x, low), high), component by component: a saturating sensor. */
#include "problem/kinds.h"

typedef struct clip_params {
  double gain, low, high;
} clip_params;

static const fsl_param table[] = {
    {.name = "gain", .type = FSL_REAL, .offset = offsetof(clip_params, gain), .preset = "2", .help = "amplification"},
    {.name = "low", .type = FSL_REAL, .offset = offsetof(clip_params, low), .preset = "-1", .help = "smallest reading"},
    {.name = "high", .type = FSL_REAL, .offset = offsetof(clip_params, high), .preset = "1", .help = "largest reading"},
};

static void value(const fsl_forward_model *model, const double *x, double *y) {
  const clip_params *const p = model->self;
  for (size_t j = 0; j < model->d; j++) {
    const double reading = p->gain * x[j];
    y[j] = reading < p->low ? p->low : reading > p->high ? p->high : reading;
  }
}

/* The gain inside, 0 where the sensor saturates. */
static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  const clip_params *const p = model->self;
  for (size_t j = 0; j < model->d; j++) {
    const double reading = p->gain * x[j];
    out[j] = reading > p->low && reading < p->high ? p->gain * u[j] : 0;
  }
}

static fsl_status check(fsl_ctx *ctx, const void *params, const char **bad) {
  const clip_params *const p = params;
  *bad = "high";
  return p->low < p->high ? FSL_OK : fsl_fail(ctx, FSL_EINPUT, "high must be above low");
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

const fsl_forward_model_kind fsl_forward_clip = {
    .head = {.name = "clip",
             .help = "A(x) = min(max(gain x, low), high) by component: a saturating sensor",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(clip_params),
             .check = check},
    .create = create,
};
