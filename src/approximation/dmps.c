/* approximation/dmps.c: p(x_0 | x_t) under a flat prior, N(x_t/a, v/abar I): g = (1/a) A^T S^-1 (y - A(x/a)) with
 * S = S_n + (v/abar) A A^T. Uses neither m nor C. */
#include "approximation/guided.h"
#include "approximation/kinds.h"

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  (void)params;
  const fsl_forward_model *const model = fsl_posterior_problem(states->posterior)->model;
  const size_t n = states->n, d = states->d, m = states->m;
  const double a = states->a;
  double *scaled, *u;
  FSL_GET(ctx, scaled, n * d);
  FSL_GET(ctx, u, n * m);
  for (size_t i = 0; i < n * d; i++) scaled[i] = states->x[i] / a;
  FSL_TRY(fsl_guided_residual(ctx, states, scaled, u));
  FSL_TRY(fsl_guided_solve_gram(ctx, states, states->v / (a * a), u));
  for (size_t i = 0; i < n; i++) model->jacobian_t(model, scaled + i * d, u + i * m, g + i * d);
  for (size_t i = 0; i < n * d; i++) g[i] /= a;
  fsl_guided_mask(states, g);
  return FSL_OK;
}

const fsl_approximation_kind fsl_approximation_dmps = {
    .head = {.name = "dmps",
             .help = "flat-prior guidance: S = S_n + (v/abar) A A^T with m replaced by x/a",
             .source = "Meng & Kabashima 2022 (DMPS)",
             .version = 1},
    .linear_only = true,
    .open = fsl_guided_open_gram,
    .score = score,
    .work = {.solves = 1},
};
