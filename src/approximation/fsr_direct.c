/* approximation/fsr_direct.c: independent exact draws from p(x_t | y) at each time: no integrator at all. */
#include "approximation/kinds.h"

enum { draws_shift = 40 }; /* a chain has fewer particles than 2^40 */

/* Draw numbers below 2^40 are those of the exact start. */
static fsl_status draw(fsl_ctx *ctx, const void *params, const fsl_transition *transition, size_t n, size_t d,
                       double *x) {
  (void)params;
  (void)d;
  const fsl_diffusion *const diffusion = transition->diffusion;
  const uint64_t first = ((transition->index + 1) << draws_shift) + transition->first;
  return fsl_posterior_draw(ctx, transition->posterior, diffusion->a(diffusion, transition->t_to),
                            diffusion->v(diffusion, transition->t_to), transition->key, first, n, x, NULL);
}

const fsl_approximation_kind fsl_approximation_fsr_direct = {
    .head = {.name = "fsr-direct",
             .help = "independent exact draws from the finite-sample p(x_t | y) at each time",
             .source = "Burns & Fridovich-Keil 2026, arXiv 2605.30330",
             .version = 1},
    .needs_exact = true,
    .draw = draw,
};
