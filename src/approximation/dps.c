/* approximation/dps.c: DPS as published: after each unconditional step, x -= zeta grad |y - A(m(x_t))|. */
#include "approximation/guided.h"
#include "approximation/kinds.h"

#include <float.h>

typedef struct dps_params {
  double zeta;
} dps_params;

static const fsl_param params_table[] = {
    {.name = "zeta",
     .type = FSL_REAL,
     .offset = offsetof(dps_params, zeta),
     .preset = "1",
     .low = 0,
     .high = DBL_MAX,
     .help = "length of a nominal step's move along the gradient of |r|",
     .source = "Chung et al. 2023 (0.3 to 1 by task; 1 for phase retrieval)"},
};

/* The gradient at x_t is -(a/v) C H^T r/|r|. A split step takes its share, so that the moves of a nominal step add up
 * to one whole move. */
static fsl_status step(fsl_ctx *ctx, const void *params, const fsl_states *states, const fsl_step_part *part,
                       double *shift) {
  const double zeta = ((const dps_params *)params)->zeta;
  const size_t m = states->m;
  double *u;
  FSL_GET(ctx, u, states->n * m);
  FSL_TRY(fsl_guided_residual(ctx, states, states->mean, u));
  for (size_t i = 0; i < states->n; i++) {
    const double scale = fsl_guided_over_norm(m, u + i * m, zeta * part->share);
    for (size_t k = 0; k < m; k++) u[i * m + k] *= scale;
  }
  return fsl_guided_push(ctx, states, u, shift);
}

const fsl_approximation_kind fsl_approximation_dps = {
    .head = {.name = "dps",
             .help = "DPS as published: x -= zeta grad |r| after each unconditional step",
             .source = "Chung et al. 2023 (DPS) and their code",
             .version = 1,
             FSL_PARAMS(params_table),
             .params_size = sizeof(dps_params)},
    .forbids_ode = true,
    .step = step,
    .work = {.products = 1},
};
