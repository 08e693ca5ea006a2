/* sampling/exponential.c: m_post = m + (v/a) g is frozen over the step, and x_s is drawn from q(x_s | x_t, x_0 =
 * m_post): the ancestral step of DDPM, exact in the linear part. */
#include "approximation/bridge.h"
#include "sampling/kinds.h"

static fsl_status step(fsl_ctx *ctx, const void *params, const fsl_step_state *state) {
  (void)ctx;
  (void)params;
  const fsl_diffusion *const f = state->diffusion;
  const fsl_bridge bridge = fsl_bridge_between(f, state->t, state->s);
  const double v_over_a = f->v(f, state->t) / f->a(f, state->t);
  for (size_t i = 0; i < state->n * state->d; i++) {
    const double g = state->score == NULL ? 0 : state->score[i];
    const double posterior_mean = state->mean[i] + v_over_a * g;
    state->x[i] = bridge.state * state->x[i] + bridge.origin * posterior_mean + bridge.std * state->noise[i];
  }
  return FSL_OK;
}

const fsl_sampler_kind fsl_sampler_exponential = {
    .head = {.name = "exponential",
             .help = "draws from q(x_s | x_t, x0 = m_post), m_post frozen over the step",
             .source = "Ho et al. 2020 (DDPM)",
             .version = 1},
    .evaluations = 1,
    .step = step,
};
