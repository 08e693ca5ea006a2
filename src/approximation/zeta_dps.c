/* approximation/zeta_dps.c: the score of sigma-dps times 2 zeta/|r|. */
#include "approximation/guided.h"
#include "approximation/kinds.h"

#include <float.h>

typedef struct zeta_params {
  double zeta;
} zeta_params;

static const fsl_param params_table[] = {
    {.name = "zeta",
     .type = FSL_REAL,
     .offset = offsetof(zeta_params, zeta),
     .preset = "1",
     .low = 0,
     .high = DBL_MAX,
     .help = "strength of the guidance",
     .source = "the code of Burns & Fridovich-Keil 2026"},
};

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  const double zeta = ((const zeta_params *)params)->zeta;
  const size_t m = states->m;
  double *u;
  FSL_GET(ctx, u, states->n * m);
  FSL_TRY(fsl_guided_residual(ctx, states, states->mean, u));
  for (size_t i = 0; i < states->n; i++) {
    const double scale = fsl_guided_over_norm(m, u + i * m, 2 * zeta);
    fsl_guided_whiten(states, u + i * m);
    for (size_t k = 0; k < m; k++) u[i * m + k] *= scale;
  }
  return fsl_guided_push(ctx, states, u, g);
}

const fsl_approximation_kind fsl_approximation_zeta_dps = {
    .head = {.name = "zeta-dps",
             .help = "sigma-dps with its score times 2 zeta/|r|",
             .source = "the code of Burns & Fridovich-Keil 2026",
             .version = 1,
             FSL_PARAMS(params_table),
             .params_size = sizeof(zeta_params)},
    .score = score,
    .work = {.products = 1},
};
