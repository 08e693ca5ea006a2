/* metric/khat.c: Pareto-smoothed importance sampling's diagnostic: how heavy the tail of the weights is. */
#include "metric/khat.h"

#include "base/linalg.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double mean_log1p(size_t n, const double *x, double theta) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += log1p(-theta * x[i]);
  return sum / (double)n;
}

/* Posterior mean of theta = -shape/scale over a grid of 30 + sqrt n values, a weakly informative prior inside. */
fsl_status fsl_pareto_shape(fsl_ctx *ctx, size_t n, const double *exceedance, double *shape) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t grid = 30 + (size_t)sqrt((double)n);
  const double quartile = exceedance[(size_t)((double)n / 4 + 0.5) - 1], largest = exceedance[n - 1];
  double *theta, *log_likelihood;
  FSL_GET(ctx, theta, grid);
  FSL_GET(ctx, log_likelihood, grid);
  for (size_t j = 0; j < grid; j++) {
    theta[j] = 1 / largest + (1 - sqrt((double)grid / ((double)j + 0.5))) / (3 * quartile);
    const double k = mean_log1p(n, exceedance, theta[j]);
    log_likelihood[j] = (double)n * (log(-theta[j] / k) - k - 1);
  }
  const double total = fsl_log_sum_exp(grid, log_likelihood);
  double mean = 0;
  for (size_t j = 0; j < grid; j++) mean += theta[j] * exp(log_likelihood[j] - total);
  *shape = mean_log1p(n, exceedance, mean);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_pareto_khat(fsl_ctx *ctx, size_t n, const double *log_weight, double *khat) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t tail = (size_t)ceil(fmin(0.2 * (double)n, 3 * sqrt((double)n)));
  *khat = NAN;
  if (tail < 5 || tail >= n) return FSL_OK;
  double *sorted;
  FSL_GET(ctx, sorted, n);
  memcpy(sorted, log_weight, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, fsl_compare_reals);
  const double largest = sorted[n - 1], cut = exp(fmax(sorted[n - tail - 1] - largest, log(DBL_MIN)));
  double *exceedance = sorted + (n - tail);
  size_t below = 0;
  for (size_t i = 0; i < tail; i++) {
    exceedance[i] = exp(exceedance[i] - largest) - cut;
    below += !(exceedance[i] > 0);
  }
  /* Ties with the cut and underflowed weights are no exceedances of a continuous tail. */
  const size_t used = tail - below;
  if (used >= 5 && exceedance[below] < exceedance[tail - 1]) {
    double k = NAN;
    FSL_TRY(fsl_pareto_shape(ctx, used, exceedance + below, &k));
    *khat = (k * (double)used + 0.5 * 10) / ((double)used + 10);
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
