/* problem/diffusion_ve.c: the variance-exploding diffusion: sigma(t) = sigma_min (sigma_max/sigma_min)^t. */
#include "problem/kinds.h"

#include <math.h>

typedef struct ve_params {
  double sigma_min, sigma_max;
} ve_params;

static const fsl_param table[] = {
    {.name = "sigma_min",
     .type = FSL_REAL,
     .offset = offsetof(ve_params, sigma_min),
     .preset = "0.01",
     .low = 0,
     .high = 1e6,
     .open_low = true,
     .help = "standard deviation at t = 0",
     .source = "Song et al. 2021"},
    {.name = "sigma_max",
     .type = FSL_REAL,
     .offset = offsetof(ve_params, sigma_max),
     .preset = "50",
     .low = 0,
     .high = 1e6,
     .open_low = true,
     .help = "standard deviation at t = 1",
     .source = "Song et al. 2021"},
};

static double log_ratio(const ve_params *p) {
  return log(p->sigma_max / p->sigma_min);
}

static double a(const fsl_diffusion *diffusion, double t) {
  (void)diffusion;
  (void)t;
  return 1;
}

static double v(const fsl_diffusion *diffusion, double t) {
  const ve_params *const p = diffusion->params;
  return p->sigma_min * p->sigma_min * exp(2 * t * log_ratio(p));
}

static double beta(const fsl_diffusion *diffusion, double t) {
  (void)diffusion;
  (void)t;
  return 0;
}

static double g2(const fsl_diffusion *diffusion, double t) {
  return 2 * log_ratio(diffusion->params) * v(diffusion, t);
}

static fsl_status check(fsl_ctx *ctx, const void *params, const char **bad) {
  const ve_params *const p = params;
  if (p->sigma_max > p->sigma_min) return FSL_OK;
  *bad = "sigma_max";
  return fsl_fail(ctx, FSL_EINPUT, "sigma_max must be above sigma_min");
}

const fsl_diffusion_kind fsl_diffusion_ve = {
    .head = {.name = "ve",
             .help = "variance exploding: x_t = x_0 + sigma(t) eps",
             .source = "Song et al. 2021",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(ve_params),
             .check = check},
    .functions = {.a = a, .v = v, .beta = beta, .g2 = g2},
};
