/* sampling/euler_maruyama.c: the reverse SDE dx = [-beta/2 x - g2 score] dt + sqrt(g2) dW run backwards by
 * Euler-Maruyama, coefficients at the step's start (Song et al. 2021). */
#include "sampling/kinds.h"

#include <math.h>

static fsl_status step(fsl_ctx *ctx, const void *params, const fsl_step_state *state) {
  (void)ctx;
  (void)params;
  const fsl_diffusion *const f = state->diffusion;
  const double t = state->t, dt = t - state->s;
  const double a = f->a(f, t), v = f->v(f, t), g2 = f->g2(f, t), half_beta = f->beta(f, t) / 2;
  const double noise = sqrt(g2 * dt);
  for (size_t i = 0; i < state->n * state->d; i++) {
    const double x = state->x[i];
    const double prior = (a * state->mean[i] - x) / v, g = state->score == NULL ? 0 : state->score[i];
    state->x[i] = x + dt * (half_beta * x + g2 * (prior + g)) + noise * state->noise[i];
  }
  return FSL_OK;
}

const fsl_sampler_kind fsl_sampler_euler_maruyama = {
    .head = {.name = "euler-maruyama",
             .help = "reverse SDE, coefficients at the step's start",
             .source = "Song et al. 2021; as Burns & Fridovich-Keil 2026",
             .version = 1},
    .evaluations = 1,
    .step = step,
};
