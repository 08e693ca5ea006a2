/* approximation/fsr.c: the exact finite-sample likelihood score, integrated like every other method. */
#include "approximation/guided.h"
#include "approximation/kinds.h"

/* g = (a/v) (m~ - m) */
static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  (void)ctx;
  (void)params;
  const double scale = states->a / states->v;
  for (size_t i = 0; i < states->n * states->d; i++) g[i] = scale * (states->posterior_mean[i] - states->mean[i]);
  fsl_guided_mask(states, g);
  return FSL_OK;
}

const fsl_approximation_kind fsl_approximation_fsr = {
    .head = {.name = "fsr",
             .help = "the exact finite-sample likelihood score, integrated like all others",
             .source = "Burns & Fridovich-Keil 2026, arXiv 2605.30330",
             .version = 1},
    .needs_exact = true,
    .score = score,
};
