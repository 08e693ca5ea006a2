/* approximation/moment_matched.c: statistical linearisation: x_0 and A(x_0) given x_t taken as jointly Gaussian with
 * their own moments. Equals tmpd for linear A; needs no derivative of A. */
#include "approximation/guided.h"
#include "approximation/kinds.h"

/* g = (a/v) Cov_w(x, A) (Cov_w(A) + S_n)^-1 (y - E_w A) for a tile of states. */
static fsl_status score_tile(fsl_ctx *ctx, const fsl_states *tile, double *g) {
  const size_t n = tile->n, d = tile->d, m = tile->m;
  const double *const y = fsl_posterior_problem(tile->posterior)->y;
  double *expected, *spread, *u;
  FSL_GET(ctx, expected, n * m);
  FSL_GET(ctx, spread, n * m * m);
  FSL_GET(ctx, u, n * m);
  FSL_TRY(fsl_posterior_forward_moments(ctx, tile->posterior, tile->a, tile->v, n, tile->x, tile->mean, expected,
                                        spread, NULL));
  for (size_t i = 0; i < n; i++) {
    FSL_TRY(fsl_check_stop(ctx));
    for (size_t k = 0; k < m; k++) u[i * m + k] = y[k] - expected[i * m + k];
    fsl_guided_solve(tile, spread + i * m * m, u + i * m);
  }
  FSL_TRY(fsl_posterior_cross_times(ctx, tile->posterior, tile->a, tile->v, n, tile->x, tile->mean, expected, u, g));
  for (size_t i = 0; i < n * d; i++) g[i] *= tile->a / tile->v;
  fsl_guided_mask(tile, g);
  return FSL_OK;
}

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  (void)params;
  const size_t step = fsl_guided_tile(states);
  for (size_t first = 0; first < states->n; first += step) {
    const size_t left = states->n - first;
    const fsl_states tile = fsl_guided_slice(states, first, left < step ? left : step);
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    FSL_TRY(score_tile(ctx, &tile, g + first * states->d));
    fsl_arena_release(ctx->arena, mark);
  }
  return FSL_OK;
}

const fsl_approximation_kind fsl_approximation_moment_matched = {
    .head = {.name = "moment-matched",
             .help = "x0 and A(x0) given x_t taken as jointly Gaussian with their own moments",
             .source = "statistical linearisation (Gelb 1974; Sarkka 2013)",
             .version = 1},
    .needs_forward_moments = true,
    .score = score,
    .work = {.spreads = 1},
};
