/* approximation/tmpd.c: Tweedie moment-projected diffusions: p(x_0 | x_t) taken as N(m, C), S = S_n + A C A^T, the
 * covariance's own derivative dropped. */
#include "approximation/guided.h"
#include "approximation/kinds.h"

#include <math.h>
#include <string.h>

typedef struct tmpd_params {
  int covariance;
} tmpd_params;

enum { covariance_full, covariance_diagonal, covariance_row_sum };

static const char *const covariance_choices[] = {"full", "diagonal", "row-sum", NULL};

static const fsl_param params_table[] = {
    {.name = "covariance",
     .type = FSL_CHOICE,
     .offset = offsetof(tmpd_params, covariance),
     .preset = "full",
     .choices = covariance_choices,
     .help = "A C A^T as it is, its diagonal, or diag(max(0, A C A^T 1))",
     .source = "Boys et al. 2024; row-sum: their code"},
};

/* matrix (m, m) becomes the diagonal matrix that stands for it. Row sums can be negative without the clamp. */
static void reduce(size_t m, int covariance, double *matrix) {
  if (covariance == covariance_full) return;
  for (size_t k = 0; k < m; k++) {
    double *const row = matrix + k * m;
    double kept = row[k];
    if (covariance == covariance_row_sum) {
      kept = 0;
      for (size_t l = 0; l < m; l++) kept += row[l];
      kept = kept < 0 ? 0 : kept;
    }
    memset(row, 0, m * sizeof *row);
    row[k] = kept;
  }
}

/* u (n, m) = S^-1 u for a tile of states. */
static fsl_status solve_tile(fsl_ctx *ctx, int covariance, const fsl_states *tile, double *u) {
  const size_t n = tile->n, m = tile->m;
  double *expected, *spread;
  FSL_GET(ctx, expected, n * m);
  FSL_GET(ctx, spread, n * m * m);
  FSL_TRY(
      fsl_posterior_forward_moments(ctx, tile->posterior, tile->a, tile->v, n, tile->x, tile->mean, expected, spread));
  for (size_t i = 0; i < n; i++) {
    FSL_TRY(fsl_check_stop(ctx));
    reduce(m, covariance, spread + i * m * m);
    fsl_guided_solve(tile, spread + i * m * m, u + i * m);
  }
  return FSL_OK;
}

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  const int covariance = ((const tmpd_params *)params)->covariance;
  const size_t step = fsl_guided_tile(states);
  double *u;
  FSL_GET(ctx, u, states->n * states->m);
  FSL_TRY(fsl_guided_residual(ctx, states, states->mean, u));
  for (size_t first = 0; first < states->n; first += step) {
    const size_t left = states->n - first;
    const fsl_states tile = fsl_guided_slice(states, first, left < step ? left : step);
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    FSL_TRY(solve_tile(ctx, covariance, &tile, u + first * states->m));
    fsl_arena_release(ctx->arena, mark);
  }
  return fsl_guided_push(ctx, states, u, g);
}

const fsl_approximation_kind fsl_approximation_tmpd = {
    .head = {.name = "tmpd",
             .help = "Tweedie moment projection: S = S_n + A C A^T",
             .source = "Boys et al. 2024 (TMPD)",
             .version = 1,
             FSL_PARAMS(params_table),
             .params_size = sizeof(tmpd_params)},
    .linear_only = true,
    .needs_forward_moments = true,
    .score = score,
    .extra_passes = 2,
};
