/* problem/diffusion_vp.c: the variance-preserving diffusion: abar(t) = exp(-b0 t - (b1 - b0) t^2/2). */
#include "problem/kinds.h"

#include <math.h>

typedef struct vp_params {
  double beta_min, beta_max;
} vp_params;

static const fsl_param table[] = {
    {.name = "beta_min",
     .type = FSL_REAL,
     .offset = offsetof(vp_params, beta_min),
     .preset = "0.01",
     .low = 0,
     .high = 1e6,
     .help = "noise rate at t = 0; other codes (deepinv, the score-SDE code) take 0.1: say both when comparing",
     .source = "Burns & Fridovich-Keil 2026"},
    {.name = "beta_max",
     .type = FSL_REAL,
     .offset = offsetof(vp_params, beta_max),
     .preset = "20",
     .low = 0,
     .high = 1e6,
     .open_low = true,
     .help = "noise rate at t = 1",
     .source = "Song et al. 2021"},
};

static double exponent(const fsl_diffusion *diffusion, double t) {
  const vp_params *const p = diffusion->params;
  return t * (p->beta_min + 0.5 * (p->beta_max - p->beta_min) * t);
}

static double a(const fsl_diffusion *diffusion, double t) {
  return exp(-0.5 * exponent(diffusion, t));
}

static double v(const fsl_diffusion *diffusion, double t) {
  return -expm1(-exponent(diffusion, t));
}

static double beta(const fsl_diffusion *diffusion, double t) {
  const vp_params *const p = diffusion->params;
  return p->beta_min + (p->beta_max - p->beta_min) * t;
}

static fsl_status check(fsl_ctx *ctx, const void *params, const char **bad) {
  const vp_params *const p = params;
  if (p->beta_max >= p->beta_min) return FSL_OK;
  *bad = "beta_max";
  return fsl_fail(ctx, FSL_EINPUT, "beta_max must not be below beta_min");
}

const fsl_diffusion_kind fsl_diffusion_vp = {
    .head = {.name = "vp",
             .help = "variance preserving: x_t = sqrt(abar) x_0 + sqrt(1 - abar) eps",
             .source = "Ho et al. 2020, Song et al. 2021",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(vp_params),
             .check = check},
    .functions = {.a = a, .v = v, .beta = beta, .g2 = beta},
};
