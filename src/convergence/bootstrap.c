/* convergence/bootstrap.c: bias-corrected and accelerated bootstrap intervals (Efron 1987; for several samples Davison
 * and Hinkley 1997, section 5.3). */
#include "convergence/bootstrap.h"

#include "base/linalg.h"

#include <gsl/gsl_cdf.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double most_undefined = 0.01;        /* share of the resamples */
static const size_t most_picks = (size_t)1 << 23; /* 16 MB */

static double mean_of(size_t n, const double *values) {
  return fsl_sum(n, values) / (double)n;
}

static void find_means(const fsl_bootstrap *b, double *mean) {
  for (size_t i = 0; i < b->n_samples; i++) mean[i] = mean_of(b->size[i], b->values + i * b->stride);
}

/* ---- resamples --------------------------------------------------------------------------------------------------- */

fsl_status fsl_picks_create(fsl_ctx *ctx, size_t n_samples, size_t stride, size_t resamples, fsl_picks *out) {
  *out = (fsl_picks){0};
  if (stride > UINT16_MAX || n_samples * stride * resamples > most_picks) return FSL_OK;
  FSL_GET(ctx, out->size, n_samples);
  FSL_GET(ctx, out->pick, n_samples * stride * resamples);
  out->room_samples = n_samples;
  out->room = n_samples * stride * resamples;
  return FSL_OK;
}

static bool are_kept(const fsl_picks *picks, const fsl_bootstrap *b) {
  return picks->n > 0 && memcmp(&picks->key, &b->key, sizeof b->key) == 0 && picks->resamples == b->resamples &&
         picks->n_samples == b->n_samples && memcmp(picks->size, b->size, b->n_samples * sizeof *b->size) == 0;
}

/* A uniform is below 1 by 2^-53 or more, and n - n 2^-53 rounds to what is below n. */
static size_t pick_of(double uniform, size_t n) {
  return (size_t)(uniform * (double)n);
}

/* Number `number` of each sample's picks; `uniform` is room for the largest sample. */
static void draw_picks(const fsl_bootstrap *b, uint64_t number, double *uniform, uint16_t *pick) {
  uint64_t first = 0;
  for (size_t i = 0; i < b->n_samples; i++) {
    const size_t n = b->size[i];
    fsl_uniforms(b->key, number, first, n, uniform);
    for (size_t j = 0; j < n; j++) pick[first + j] = (uint16_t)pick_of(uniform[j], n);
    first += n;
  }
}

/* The picks of b, kept or drawn; NULL where there is no room for them. */
static const fsl_picks *picks_of(const fsl_bootstrap *b, double *uniform) {
  fsl_picks *const picks = b->picks;
  size_t n = 0;
  for (size_t i = 0; i < b->n_samples; i++) n += b->size[i];
  if (picks == NULL || n * b->resamples > picks->room || b->n_samples > picks->room_samples) return NULL;
  if (are_kept(picks, b)) return picks;
  picks->key = b->key;
  picks->n_samples = b->n_samples;
  picks->resamples = b->resamples;
  picks->n = n;
  memcpy(picks->size, b->size, b->n_samples * sizeof *b->size);
  for (size_t i = 0; i < b->resamples; i++) draw_picks(b, i, uniform, picks->pick + i * n);
  return picks;
}

static void means_of_picks(const fsl_bootstrap *b, const uint16_t *pick, double *mean) {
  for (size_t i = 0; i < b->n_samples; i++) {
    const size_t n = b->size[i];
    const double *const values = b->values + i * b->stride;
    double sum = 0;
    for (size_t j = 0; j < n; j++) sum += values[pick[j]];
    mean[i] = sum / (double)n;
    pick += n;
  }
}

/* Means of one resample. */
static void resample(const fsl_bootstrap *b, uint64_t number, double *uniform, double *mean) {
  uint64_t first = 0;
  for (size_t i = 0; i < b->n_samples; i++) {
    const size_t n = b->size[i];
    const double *const values = b->values + i * b->stride;
    double sum = 0;
    fsl_uniforms(b->key, number, first, n, uniform);
    for (size_t j = 0; j < n; j++) sum += values[pick_of(uniform[j], n)];
    mean[i] = sum / (double)n;
    first += n;
  }
}

/* The statistic of every resample, ascending, undefined ones left out; returns their number. */
static fsl_status resample_all(fsl_ctx *ctx, const fsl_bootstrap *b, double *statistic, size_t *n_defined) {
  double *uniform, *mean;
  FSL_GET(ctx, uniform, b->stride);
  FSL_GET(ctx, mean, b->n_samples);
  const fsl_picks *const picks = picks_of(b, uniform);
  *n_defined = 0;
  for (size_t i = 0; i < b->resamples; i++) {
    if (picks != NULL)
      means_of_picks(b, picks->pick + i * picks->n, mean);
    else
      resample(b, i, uniform, mean);
    const double value = b->statistic(b->self, mean);
    if (isfinite(value)) statistic[(*n_defined)++] = value;
  }
  qsort(statistic, *n_defined, sizeof *statistic, fsl_compare_reals);
  return FSL_OK;
}

/* ---- bias and acceleration --------------------------------------------------------------------------------------- */

/* Sums of squares and cubes of one sample's jackknife influence values (R - 1)(average - leave-one-out). */
static void add_influence(const fsl_bootstrap *b, size_t sample, double *mean, double *left_out, double *squares,
                          double *cubes) {
  const size_t n = b->size[sample];
  const double *const values = b->values + sample * b->stride;
  const double whole = mean[sample], r = (double)n;
  for (size_t j = 0; j < n; j++) {
    mean[sample] = (r * whole - values[j]) / (r - 1);
    left_out[j] = b->statistic(b->self, mean);
  }
  mean[sample] = whole;
  const double average = mean_of(n, left_out);
  for (size_t j = 0; j < n; j++) {
    const double influence = (r - 1) * (average - left_out[j]);
    *squares += influence * influence / (r * r);
    *cubes += influence * influence * influence / (r * r * r);
  }
}

static fsl_status acceleration(fsl_ctx *ctx, const fsl_bootstrap *b, double *out) {
  double *mean, *left_out, squares = 0, cubes = 0;
  FSL_GET(ctx, mean, b->n_samples);
  FSL_GET(ctx, left_out, b->stride);
  find_means(b, mean);
  for (size_t i = 0; i < b->n_samples; i++) add_influence(b, i, mean, left_out, &squares, &cubes);
  *out = squares == 0 ? 0 : cubes / (6 * squares * sqrt(squares));
  return FSL_OK;
}

/* Normal quantile of the share of resamples below the estimate, ties counted half; kept finite. */
static double bias_correction(size_t n, const double *sorted, double estimate) {
  double below = 0;
  for (size_t i = 0; i < n; i++) below += sorted[i] < estimate ? 1 : sorted[i] == estimate ? 0.5 : 0;
  const double share = fmin(fmax(below, 0.5), (double)n - 0.5) / (double)n;
  return gsl_cdf_ugaussian_Pinv(share);
}

static double quantile(size_t n, const double *sorted, double share) {
  const double place = fmin(fmax(share * (double)(n + 1) - 1, 0), (double)(n - 1));
  const size_t below = (size_t)place, above = below + 1 < n ? below + 1 : below;
  return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

static double corrected(size_t n, const double *sorted, double z0, double a, double z) {
  const double slowed = 1 - a * (z0 + z);
  return quantile(n, sorted, gsl_cdf_ugaussian_P(z0 + (z0 + z) / slowed));
}

static double widening(const fsl_bootstrap *b) {
  size_t least = b->size[0];
  for (size_t i = 1; i < b->n_samples; i++)
    if (b->size[i] < least) least = b->size[i];
  return sqrt((double)least / (double)(least - 1));
}

static fsl_status find_interval(fsl_ctx *ctx, const fsl_bootstrap *b, double level, fsl_interval *out) {
  double *mean, *sorted, a = 0;
  size_t n = 0;
  FSL_GET(ctx, mean, b->n_samples);
  FSL_GET(ctx, sorted, b->resamples);
  find_means(b, mean);
  const double estimate = b->statistic(b->self, mean);
  if (!isfinite(estimate)) return FSL_OK;
  FSL_TRY(resample_all(ctx, b, sorted, &n));
  FSL_TRY(acceleration(ctx, b, &a));
  if (!isfinite(a) || (double)(b->resamples - n) > most_undefined * (double)b->resamples) return FSL_OK;
  const double z0 = bias_correction(n, sorted, estimate), z = gsl_cdf_ugaussian_Pinv(0.5 + level / 2);
  const double wider = widening(b);
  out->low = estimate + wider * (corrected(n, sorted, z0, a, -z) - estimate);
  out->high = estimate + wider * (corrected(n, sorted, z0, a, z) - estimate);
  out->estimate = estimate;
  return FSL_OK;
}

fsl_status fsl_bca_interval(fsl_ctx *ctx, const fsl_bootstrap *bootstrap, double level, fsl_interval *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  *out = (fsl_interval){NAN, NAN, NAN};
  const fsl_status status = find_interval(ctx, bootstrap, level, out);
  fsl_arena_release(ctx->arena, mark);
  return status;
}
