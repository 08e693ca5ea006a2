/* sampling/ode_heun.c: the probability flow dx/dt = -beta/2 x - g2/2 score, by Heun's second-order method (Song et al.
 * 2021; Karras et al. 2022). The last step is Heun's too, since it ends at s > 0. */
#include "sampling/kinds.h"

/* out (size) = -dx/dt at (x, t). */
static void slope(const fsl_diffusion *f, double t, size_t size, const double *x, const double *mean,
                  const double *score, double *out) {
  const double a = f->a(f, t), v = f->v(f, t), half_g2 = f->g2(f, t) / 2, half_beta = f->beta(f, t) / 2;
  for (size_t i = 0; i < size; i++) out[i] = half_beta * x[i] + half_g2 * ((a * mean[i] - x[i]) / v + score[i]);
}

static fsl_status step(fsl_ctx *ctx, const void *params, const fsl_step_state *state) {
  (void)params;
  const size_t size = state->n * state->d;
  const double dt = state->t - state->s;
  double *first, *second, *predicted, *mean, *score;
  FSL_GET(ctx, first, size);
  FSL_GET(ctx, second, size);
  FSL_GET(ctx, predicted, size);
  FSL_GET(ctx, mean, size);
  FSL_GET(ctx, score, size);
  slope(state->diffusion, state->t, size, state->x, state->mean, state->score, first);
  for (size_t i = 0; i < size; i++) predicted[i] = state->x[i] + dt * first[i];
  FSL_TRY(state->field(ctx, state->field_self, state->s, predicted, mean, score));
  slope(state->diffusion, state->s, size, predicted, mean, score, second);
  for (size_t i = 0; i < size; i++) state->x[i] += dt * (first[i] + second[i]) / 2;
  return FSL_OK;
}

const fsl_sampler_kind fsl_sampler_ode_heun = {
    .head = {.name = "ode-heun",
             .help = "probability flow by Heun's second-order method",
             .source = "Song et al. 2021; Karras et al. 2022",
             .version = 1},
    .is_ode = true,
    .evaluations = 2,
    .step = step,
};
