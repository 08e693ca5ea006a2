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

/* g (n, d) = (a/v) Cov_w(x0, A) u */
static void push_by(const fsl_states *tile, const double *cross, const double *u, double *g) {
  const size_t d = tile->d, m = tile->m;
  for (size_t i = 0; i < tile->n; i++)
    for (size_t j = 0; j < d; j++) {
      double sum = 0;
      for (size_t k = 0; k < m; k++) sum += cross[(i * d + j) * m + k] * u[i * m + k];
      g[i * d + j] = tile->a / tile->v * sum;
    }
  fsl_guided_mask(tile, g);
}

/* For a tile of states: C A^T = Cov_w(x0, A) is kept for the push where it comes cheaply. */
static fsl_status score_tile(fsl_ctx *ctx, int covariance, const fsl_states *tile, double *g) {
  const size_t n = tile->n, m = tile->m;
  double *u, *expected, *spread, *cross = NULL;
  FSL_GET(ctx, u, n * m);
  FSL_GET(ctx, expected, n * m);
  FSL_GET(ctx, spread, n * m * m);
  if (fsl_posterior_cross_is_cheap(tile->posterior)) FSL_GET(ctx, cross, n * tile->d * m);
  FSL_TRY(fsl_guided_residual(ctx, tile, tile->mean, u));
  FSL_TRY(fsl_posterior_forward_moments(ctx, tile->posterior, tile->a, tile->v, n, tile->x, tile->mean, expected,
                                        spread, cross));
  for (size_t i = 0; i < n; i++) {
    FSL_TRY(fsl_check_stop(ctx));
    reduce(m, covariance, spread + i * m * m);
    fsl_guided_solve(tile, spread + i * m * m, u + i * m);
  }
  if (cross == NULL) return fsl_guided_push(ctx, tile, u, g);
  push_by(tile, cross, u, g);
  return FSL_OK;
}

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  const int covariance = ((const tmpd_params *)params)->covariance;
  const size_t step = fsl_guided_tile(states);
  for (size_t first = 0; first < states->n; first += step) {
    const size_t left = states->n - first;
    const fsl_states tile = fsl_guided_slice(states, first, left < step ? left : step);
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    FSL_TRY(score_tile(ctx, covariance, &tile, g + first * states->d));
    fsl_arena_release(ctx->arena, mark);
  }
  return FSL_OK;
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
    .work = {.spreads = 1, .joint = true},
};
