/* metric/moments_metrics.c: mean_error and the spreads: samples' first two moments against truth's at the same t. */
#include "metric/parts.h"

#include "base/linalg.h"

#include <math.h>

/* S^-1/2, or NULL where S is singular. */
static fsl_status inverse_root(fsl_ctx *ctx, size_t d, const double *s, const double **out) {
  double *values, *vectors, *root;
  FSL_GET(ctx, root, d * d);
  FSL_GET(ctx, values, d);
  FSL_GET(ctx, vectors, d * d);
  FSL_TRY(fsl_symmetric_eigen(ctx, d, s, values, vectors));
  *out = NULL;
  if (!(values[0] > 1e-13 * values[d - 1])) return FSL_OK;
  for (size_t e = 0; e < d; e++) values[e] = 1 / sqrt(values[e]);
  FSL_TRY(fsl_spectral(ctx, d, values, vectors, root));
  *out = root;
  return FSL_OK;
}

fsl_status fsl_moments_prepare(fsl_ctx *ctx, fsl_scene *scene) {
  const size_t d = scene->d;
  double *mean, *covariance;
  FSL_GET(ctx, mean, d);
  FSL_GET(ctx, covariance, d * d);
  for (size_t i = 0; i < d; i++) mean[i] = scene->a * scene->setting.truth->mean[i];
  for (size_t i = 0; i < d * d; i++) covariance[i] = scene->a * scene->a * scene->setting.truth->covariance[i];
  for (size_t i = 0; i < d; i++) covariance[i * d + i] += scene->v;
  for (size_t i = 0; i < d; i++) scene->trace += covariance[i * d + i];
  scene->mean = mean;
  scene->covariance = covariance;
  if (fsl_scene_wants(scene, FSL_SPREAD_MIN) || fsl_scene_wants(scene, FSL_SPREAD_MAX))
    FSL_TRY(inverse_root(ctx, d, covariance, &scene->whiten));
  return FSL_OK;
}

static void batch_mean(const fsl_batch *batch, double *mean) {
  for (size_t i = 0; i < batch->n; i++) fsl_axpy(batch->d, 1, batch->x + i * batch->d, mean);
  for (size_t k = 0; k < batch->d; k++) mean[k] /= (double)batch->n;
}

static double batch_trace(const fsl_batch *batch, const double *mean) {
  double sum = 0;
  for (size_t i = 0; i < batch->n; i++)
    for (size_t k = 0; k < batch->d; k++) {
      const double gap = batch->x[i * batch->d + k] - mean[k];
      sum += gap * gap;
    }
  return sum / (double)(batch->n - 1);
}

/* Extreme eigenvalues of the covariance of S^-1/2 (x - mean). */
static fsl_status extreme_spreads(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch, const double *mean,
                                  double *value) {
  const size_t n = batch->n, d = batch->d;
  double *white, *centred, *covariance, *values;
  FSL_GET(ctx, white, n * d);
  FSL_GET(ctx, centred, n * d);
  FSL_GET(ctx, covariance, d * d);
  FSL_GET(ctx, values, d);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < d; k++) centred[i * d + k] = batch->x[i * d + k] - mean[k];
  fsl_matmul(n, d, d, centred, scene->whiten, 0, white);
  fsl_gram(n, d, white, 0, covariance);
  for (size_t i = 0; i < d * d; i++) covariance[i] /= (double)(n - 1);
  if (!fsl_is_finite(d * d, covariance)) return FSL_OK; /* too large to square: NaN */
  FSL_TRY(fsl_check_stop(ctx));
  FSL_TRY(fsl_symmetric_eigenvalues(ctx, d, covariance, values));
  if (fsl_scene_wants(scene, FSL_SPREAD_MIN)) value[FSL_SPREAD_MIN] = fmax(values[0], 0);
  if (fsl_scene_wants(scene, FSL_SPREAD_MAX)) value[FSL_SPREAD_MAX] = values[d - 1];
  return FSL_OK;
}

/* NaN where samples are too large to square. */
static double finite_or_nan(double value) {
  return isfinite(value) ? value : NAN;
}

fsl_status fsl_moments_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch, double *value) {
  if (!(scene->trace > 0) || batch->n < 2) return FSL_OK;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *mean, error = 0;
  FSL_GET(ctx, mean, batch->d);
  batch_mean(batch, mean);
  for (size_t k = 0; k < batch->d; k++) error += (mean[k] - scene->mean[k]) * (mean[k] - scene->mean[k]);
  if (fsl_scene_wants(scene, FSL_MEAN_ERROR)) value[FSL_MEAN_ERROR] = finite_or_nan(sqrt(error / scene->trace));
  if (fsl_scene_wants(scene, FSL_SPREAD_RATIO))
    value[FSL_SPREAD_RATIO] = finite_or_nan(batch_trace(batch, mean) / scene->trace);
  if (scene->whiten != NULL) FSL_TRY(extreme_spreads(ctx, scene, batch, mean, value));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
