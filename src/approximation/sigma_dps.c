/* approximation/sigma_dps.c: diffusion posterior sampling with the noise's own covariance, S = S_n. */
#include "approximation/guided.h"
#include "approximation/kinds.h"

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  (void)params;
  double *u;
  FSL_GET(ctx, u, states->n * states->m);
  FSL_TRY(fsl_guided_residual(ctx, states, states->mean, u));
  for (size_t i = 0; i < states->n; i++) fsl_guided_whiten(states, u + i * states->m);
  return fsl_guided_push(ctx, states, u, g);
}

const fsl_approximation_kind fsl_approximation_sigma_dps = {
    .head = {.name = "sigma-dps",
             .help = "p(y | x_t) taken as p(y | m(x_t)): S = S_n",
             .source = "Chung et al. 2023 (DPS), as analysed by Burns & Fridovich-Keil 2026",
             .version = 1},
    .score = score,
    .work = {.products = 1},
};
