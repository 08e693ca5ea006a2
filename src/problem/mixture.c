/* problem/mixture.c: mixtures: making them, their moments, and weights changed by a likelihood. */
#include "fslens/problem.h"

#include "base/linalg.h"

#include <math.h>
#include <string.h>

bool fsl_mixture_is_atomic(const fsl_mixture *mixture) {
  for (size_t c = 0; c < mixture->n_covariances; c++)
    for (size_t j = 0; j < mixture->d; j++)
      if (mixture->covariance[c].values[j] != 0) return false;
  return true;
}

uint32_t fsl_mixture_mode(const fsl_mixture *mixture, size_t k) {
  return mixture->mode_of == NULL ? (uint32_t)k : mixture->mode_of[k];
}

static const fsl_covariance *covariance_of(const fsl_mixture *mixture, size_t k) {
  return &mixture->covariance[mixture->covariance_of == NULL ? 0 : mixture->covariance_of[k]];
}

/* Shifts log weights so that they sum to one; *log_total is the log of the old sum. */
static fsl_status normalise(fsl_ctx *ctx, size_t n, double *log_weight, double *log_total) {
  *log_total = fsl_log_sum_exp(n, log_weight);
  if (!isfinite(*log_total))
    return fsl_fail(ctx, FSL_ENUMERIC, "the weights of all %zu components vanish or are not finite", n);
  for (size_t k = 0; k < n; k++) log_weight[k] -= *log_total;
  return FSL_OK;
}

fsl_status fsl_mixture_of_atoms(fsl_ctx *ctx, size_t n, size_t d, const double *points, const double *log_weight,
                                const uint32_t *mode_of, size_t n_modes, fsl_mixture *out) {
  double *weights, *zeros, total;
  fsl_covariance *zero;
  FSL_GET(ctx, weights, n);
  FSL_GET(ctx, zeros, d);
  FSL_GET(ctx, zero, 1);
  for (size_t k = 0; k < n; k++) weights[k] = log_weight == NULL ? 0 : log_weight[k];
  FSL_TRY(normalise(ctx, n, weights, &total));
  *zero = (fsl_covariance){.values = zeros, .isotropic = true};
  *out = (fsl_mixture){
      .d = d,
      .n = n,
      .log_weight = weights,
      .mean = points,
      .n_covariances = 1,
      .covariance = zero,
      .n_modes = n_modes,
      .mode_of = mode_of,
  };
  return FSL_OK;
}

/* ---- moments -------------------------------------------------------------------------------------------- */

/* out (d, d) += weight * V diag(values) V^T */
static void add_covariance(const fsl_covariance *covariance, size_t d, double weight, double *out) {
  for (size_t j = 0; j < d; j++) {
    const double scale = weight * covariance->values[j];
    if (scale == 0) continue;
    if (covariance->vectors == NULL) {
      out[j * d + j] += scale;
      continue;
    }
    for (size_t a = 0; a < d; a++) {
      const double va = scale * covariance->vectors[a * d + j];
      for (size_t b = 0; b < d; b++) out[a * d + b] += va * covariance->vectors[b * d + j];
    }
  }
}

static fsl_status add_spread(fsl_ctx *ctx, const fsl_mixture *mixture, const double *mean, double *centred,
                             double *covariance) {
  const size_t d = mixture->d;
  for (size_t k = 0; k < mixture->n; k++) {
    if (k % 256 == 0) FSL_TRY(fsl_check_stop(ctx));
    const double weight = exp(mixture->log_weight[k]);
    if (weight == 0) continue;
    for (size_t j = 0; j < d; j++) centred[j] = mixture->mean[k * d + j] - mean[j];
    for (size_t a = 0; a < d; a++) fsl_axpy(d, weight * centred[a], centred, covariance + a * d);
  }
  return FSL_OK;
}

/* The components' own covariances, each distinct one once. */
static void add_within(const fsl_mixture *mixture, double *weight_of, double *covariance) {
  for (size_t k = 0; k < mixture->n; k++)
    weight_of[mixture->covariance_of == NULL ? 0 : mixture->covariance_of[k]] += exp(mixture->log_weight[k]);
  for (size_t c = 0; c < mixture->n_covariances; c++)
    add_covariance(&mixture->covariance[c], mixture->d, weight_of[c], covariance);
}

fsl_status fsl_mixture_moments(fsl_ctx *ctx, const fsl_mixture *mixture, double *mean, double *covariance) {
  const size_t d = mixture->d;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *m, *centred, *weight_of;
  FSL_GET(ctx, m, d);
  FSL_GET(ctx, centred, d);
  FSL_GET(ctx, weight_of, mixture->n_covariances);
  for (size_t k = 0; k < mixture->n; k++) fsl_axpy(d, exp(mixture->log_weight[k]), mixture->mean + k * d, m);
  if (mean != NULL) memcpy(mean, m, d * sizeof *m);
  if (covariance != NULL) {
    memset(covariance, 0, d * d * sizeof *covariance);
    FSL_TRY(add_spread(ctx, mixture, m, centred, covariance));
    add_within(mixture, weight_of, covariance);
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

void fsl_mixture_mode_weights(const fsl_mixture *mixture, double *weight) {
  for (size_t k = 0; k < mixture->n_modes; k++) weight[k] = 0;
  for (size_t k = 0; k < mixture->n; k++) weight[fsl_mixture_mode(mixture, k)] += exp(mixture->log_weight[k]);
}

fsl_status fsl_mixture_reweight(fsl_ctx *ctx, const fsl_mixture *prior, const double *log_factor, fsl_mixture *out,
                                double *log_total) {
  double *weights;
  FSL_GET(ctx, weights, prior->n);
  for (size_t k = 0; k < prior->n; k++) weights[k] = prior->log_weight[k] + log_factor[k];
  FSL_TRY(normalise(ctx, prior->n, weights, log_total));
  *out = *prior;
  out->log_weight = weights;
  return FSL_OK;
}

/* ---- draws ------------------------------------------------------------------------------------------------- */

/* Streams of a key: which component, and the normals around it. */
enum { STREAM_COMPONENT, STREAM_NORMALS };

static fsl_status cumulate(fsl_ctx *ctx, const fsl_mixture *mixture, double **out) {
  double sum = 0;
  FSL_GET(ctx, *out, mixture->n);
  for (size_t k = 0; k < mixture->n; k++) (*out)[k] = sum += exp(mixture->log_weight[k]);
  return FSL_OK;
}

/* The first component whose cumulative weight exceeds u times the total: never one of weight 0. */
static size_t pick(const double *cumulative, size_t n, double u) {
  const double target = u * cumulative[n - 1];
  size_t low = 0, high = n - 1;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (cumulative[middle] > target)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/* x = a mean + V diag(sqrt(a^2 l + v)) z */
static void displace(const fsl_mixture *mixture, size_t k, double a, double v, const double *z, double *scaled,
                     double *x) {
  const size_t d = mixture->d;
  const fsl_covariance *const covariance = covariance_of(mixture, k);
  for (size_t j = 0; j < d; j++) {
    x[j] = a * mixture->mean[k * d + j];
    scaled[j] = sqrt(a * a * covariance->values[j] + v) * z[j];
  }
  if (covariance->vectors == NULL) {
    fsl_axpy(d, 1, scaled, x);
    return;
  }
  for (size_t i = 0; i < d; i++) x[i] += fsl_dot(d, covariance->vectors + i * d, scaled);
}

fsl_status fsl_mixture_draw(fsl_ctx *ctx, const fsl_mixture *mixture, double a, double v, fsl_key key, uint64_t first,
                            size_t n, double *x, uint32_t *component) {
  enum { BATCH = 256 };
  const size_t d = mixture->d, padded = d + d % 2; /* pairs of normals never straddle two draws */
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *cumulative, *z, *scaled, u[BATCH];
  FSL_TRY(cumulate(ctx, mixture, &cumulative));
  FSL_GET(ctx, z, BATCH * padded);
  FSL_GET(ctx, scaled, d);
  for (size_t done = 0; done < n; done += BATCH) {
    const size_t batch = n - done < BATCH ? n - done : (size_t)BATCH;
    FSL_TRY(fsl_check_stop(ctx));
    fsl_uniforms(key, STREAM_COMPONENT, first + done, batch, u);
    fsl_normals(key, STREAM_NORMALS, (first + done) * padded, batch * padded, z);
    for (size_t i = 0; i < batch; i++) {
      const size_t k = pick(cumulative, mixture->n, u[i]);
      if (component != NULL) component[done + i] = (uint32_t)k;
      displace(mixture, k, a, v, z + i * padded, scaled, x + (done + i) * d);
    }
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
