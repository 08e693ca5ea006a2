/* approximation/fsr_ancestral.c: the exact reverse chain through the measured times alone: x_0 ~ p(x_0 | x_t, y), then
 * q(x_s | x_t, x_0). Every time has the law p(x_t | y), with no discretisation error. */
#include "approximation/bridge.h"
#include "approximation/kinds.h"

#include <math.h>

enum { draws_shift = 40 };

static fsl_status first_draw(fsl_ctx *ctx, const fsl_transition *transition, size_t n, double *x) {
  const fsl_diffusion *const diffusion = transition->diffusion;
  const uint64_t first = ((transition->index + 1) << draws_shift) + transition->first;
  return fsl_posterior_draw(ctx, transition->posterior, diffusion->a(diffusion, transition->t_to),
                            diffusion->v(diffusion, transition->t_to), transition->key, first, n, x, NULL);
}

/* x (n, d) at t becomes x at s, given each chain's x_0. */
static void cross(const fsl_transition *transition, size_t n, size_t d, const double *x0, double *z, double *x) {
  const fsl_bridge bridge = fsl_bridge_between(transition->diffusion, transition->t_from, transition->t_to);
  const fsl_key key = fsl_key_for(transition->key, FSL_FOR_BRIDGE);
  const uint64_t padded = d + d % 2;
  for (size_t i = 0; i < n; i++) {
    fsl_normals(key, transition->first + i, transition->index * padded, d, z);
    for (size_t j = 0; j < d; j++)
      x[i * d + j] = bridge.state * x[i * d + j] + bridge.origin * x0[i * d + j] + bridge.std * z[j];
  }
}

static fsl_status draw(fsl_ctx *ctx, const void *params, const fsl_transition *transition, size_t n, size_t d,
                       double *x) {
  (void)params;
  if (isnan(transition->t_from)) return first_draw(ctx, transition, n, x);
  const fsl_diffusion *const diffusion = transition->diffusion;
  double *x0, *z;
  FSL_GET(ctx, x0, n * d);
  FSL_GET(ctx, z, d);
  FSL_TRY(fsl_posterior_draw_x0(ctx, transition->posterior, diffusion->a(diffusion, transition->t_from),
                                diffusion->v(diffusion, transition->t_from),
                                fsl_key_for(transition->key, FSL_FOR_ORIGIN), transition->index, transition->first, n,
                                x, x0));
  cross(transition, n, d, x0, z, x);
  return FSL_OK;
}

const fsl_approximation_kind fsl_approximation_fsr_ancestral = {
    .head = {.name = "fsr-ancestral",
             .help = "the exact reverse chain through the measured times: no discretisation error",
             .source = "Ho et al. 2020 (posterior of a DDPM step); Burns & Fridovich-Keil 2026",
             .version = 1},
    .needs_exact = true,
    .draw = draw,
    .draws_again = true,
};
