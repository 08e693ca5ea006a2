/* approximation/guided.c: residuals, solves and the chain rule through m(x_t) for the methods that guide by
 * g = (a/v) C H^T S^-1 r. */
#include "approximation/guided.h"

#include "base/linalg.h"

#include <math.h>

enum { tile_values = 1 << 18, tile_states = 64 };

static const fsl_problem *problem_of(const fsl_states *states) {
  return fsl_posterior_problem(states->posterior);
}

fsl_status fsl_guided_residual(fsl_ctx *ctx, const fsl_states *states, const double *at, double *residual) {
  const fsl_problem *const problem = problem_of(states);
  const size_t m = states->m;
  for (size_t i = 0; i < states->n; i++) {
    double *const r = residual + i * m;
    if (i % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    problem->model->value(problem->model, at + i * states->d, r);
    for (size_t k = 0; k < m; k++) r[k] = problem->y[k] - r[k];
  }
  return FSL_OK;
}

void fsl_guided_whiten(const fsl_states *states, double *residual) {
  const double *const std = problem_of(states)->noise.std;
  for (size_t k = 0; k < states->m; k++) residual[k] = residual[k] / std[k] / std[k];
}

double fsl_guided_over_norm(size_t m, const double *residual, double factor) {
  double largest = 0, sum = 0;
  for (size_t k = 0; k < m; k++) {
    if (isnan(residual[k])) return NAN;
    largest = fmax(largest, fabs(residual[k]));
  }
  if (largest == 0) return 0;
  for (size_t k = 0; k < m; k++) sum += residual[k] / largest * (residual[k] / largest);
  return factor / largest / sqrt(sum);
}

void fsl_guided_mask(const fsl_states *states, double *g) {
  const size_t d = states->d;
  for (size_t i = 0; i < states->n; i++) {
    if (fsl_is_finite(d, states->x + i * d)) continue;
    for (size_t j = 0; j < d; j++) g[i * d + j] = NAN;
  }
}

/* C H^T u = Cov_w(x0, A(x0)) u of a linear model: by measurements where they are fewer than dimensions. */
static fsl_status push_linear(fsl_ctx *ctx, const fsl_states *states, const double *u, double *out) {
  const fsl_forward_model *const model = problem_of(states)->model;
  double *expected;
  FSL_GET(ctx, expected, states->n * states->m);
  for (size_t i = 0; i < states->n; i++) {
    if (i % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    model->value(model, states->mean + i * states->d, expected + i * states->m);
  }
  return fsl_posterior_cross_times(ctx, states->posterior, states->a, states->v, states->n, states->x, states->mean,
                                   expected, u, out);
}

static fsl_status push_back(fsl_ctx *ctx, const fsl_states *states, const double *u, double *out) {
  const fsl_forward_model *const model = problem_of(states)->model;
  const size_t n = states->n, d = states->d;
  double *pulled;
  FSL_GET(ctx, pulled, n * d);
  for (size_t i = 0; i < n; i++) {
    if (i % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    model->jacobian_t(model, states->mean + i * d, u + i * states->m, pulled + i * d);
  }
  return fsl_posterior_covariance_times(ctx, states->posterior, states->a, states->v, n, states->x, states->mean,
                                        pulled, out);
}

fsl_status fsl_guided_push(fsl_ctx *ctx, const fsl_states *states, const double *u, double *g) {
  const bool linear = problem_of(states)->model->linear && states->m < states->d;
  const double scale = states->a / states->v;
  FSL_TRY(linear ? push_linear(ctx, states, u, g) : push_back(ctx, states, u, g));
  for (size_t i = 0; i < states->n * states->d; i++) g[i] *= scale;
  fsl_guided_mask(states, g);
  return FSL_OK;
}

static void add_noise(const fsl_states *states, double *spread) {
  const double *const std = problem_of(states)->noise.std;
  for (size_t k = 0; k < states->m; k++) spread[k * states->m + k] += std[k] * std[k];
}

static void solve_or_nan(size_t m, bool factored, const double *factor, double *residual) {
  if (factored)
    fsl_cholesky_solve(m, factor, residual);
  else
    for (size_t k = 0; k < m; k++) residual[k] = NAN;
}

void fsl_guided_solve(const fsl_states *states, double *spread, double *residual) {
  add_noise(states, spread);
  solve_or_nan(states->m, fsl_cholesky(states->m, spread), spread, residual);
}

/* Neither states nor times enter M M^T. */
fsl_status fsl_guided_open_gram(fsl_ctx *ctx, const void *params, const fsl_problem *problem, const void **kept) {
  const size_t m = problem->model->m, d = problem->model->d;
  double *matrix, *gram;
  (void)params;
  FSL_GET(ctx, gram, m * m);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_GET(ctx, matrix, m * d);
  FSL_TRY(fsl_forward_model_matrix(ctx, problem->model, matrix));
  for (size_t k = 0; k < m; k++) {
    FSL_TRY(fsl_check_stop(ctx));
    for (size_t l = 0; l <= k; l++) gram[k * m + l] = gram[l * m + k] = fsl_dot(d, matrix + k * d, matrix + l * d);
  }
  fsl_arena_release(ctx->arena, mark);
  *kept = gram;
  return FSL_OK;
}

fsl_status fsl_guided_solve_gram(fsl_ctx *ctx, const fsl_states *states, double r2, double *residual) {
  const size_t m = states->m;
  const double *const gram = states->kept;
  double *factor;
  FSL_GET(ctx, factor, m * m);
  for (size_t k = 0; k < m * m; k++) factor[k] = r2 * gram[k];
  add_noise(states, factor);
  const bool factored = fsl_cholesky(m, factor);
  for (size_t i = 0; i < states->n; i++) {
    if (i % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    solve_or_nan(m, factored, factor, residual + i * m);
  }
  return FSL_OK;
}

size_t fsl_guided_tile(const fsl_states *states) {
  const size_t fits = tile_values / (states->m * states->m);
  const size_t tile = fits < tile_states ? tile_states : fits;
  return tile < states->n ? tile : states->n;
}

fsl_states fsl_guided_slice(const fsl_states *states, size_t first, size_t n) {
  fsl_states slice = *states;
  slice.n = n;
  slice.x += first * states->d;
  slice.mean += first * states->d;
  if (slice.posterior_mean != NULL) slice.posterior_mean += first * states->d;
  return slice;
}
