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
static fsl_status add_covariance(fsl_ctx *ctx, const fsl_covariance *covariance, size_t d, double weight, double *out) {
  if (covariance->vectors == NULL) {
    for (size_t j = 0; j < d; j++) out[j * d + j] += weight * covariance->values[j];
    return FSL_OK;
  }
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *own;
  FSL_GET(ctx, own, d * d);
  FSL_TRY(fsl_check_stop(ctx));
  FSL_TRY(fsl_spectral(ctx, d, covariance->values, covariance->vectors, own));
  fsl_axpy(d * d, weight, own, out);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* covariance (d, d) of the components' means, a batch of them at a time. */
static fsl_status spread_of_means(fsl_ctx *ctx, const fsl_mixture *mixture, const double *mean, double *covariance) {
  enum { BATCH = 256 };
  const size_t d = mixture->d;
  double *centred;
  FSL_GET(ctx, centred, BATCH * d);
  for (size_t first = 0; first < mixture->n; first += BATCH) {
    const size_t batch = mixture->n - first < BATCH ? mixture->n - first : (size_t)BATCH;
    FSL_TRY(fsl_check_stop(ctx));
    for (size_t i = 0; i < batch; i++) {
      const double root = sqrt(exp(mixture->log_weight[first + i]));
      for (size_t j = 0; j < d; j++) centred[i * d + j] = root * (mixture->mean[(first + i) * d + j] - mean[j]);
    }
    fsl_gram(batch, d, centred, first == 0 ? 0 : 1, covariance);
  }
  return FSL_OK;
}

/* The components' own covariances, each distinct one once. */
static fsl_status add_within(fsl_ctx *ctx, const fsl_mixture *mixture, double *weight_of, double *covariance) {
  for (size_t k = 0; k < mixture->n; k++)
    weight_of[mixture->covariance_of == NULL ? 0 : mixture->covariance_of[k]] += exp(mixture->log_weight[k]);
  for (size_t c = 0; c < mixture->n_covariances; c++)
    FSL_TRY(add_covariance(ctx, &mixture->covariance[c], mixture->d, weight_of[c], covariance));
  return FSL_OK;
}

fsl_status fsl_mixture_moments(fsl_ctx *ctx, const fsl_mixture *mixture, double *mean, double *covariance) {
  const size_t d = mixture->d;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *m, *weight_of;
  FSL_GET(ctx, m, d);
  FSL_GET(ctx, weight_of, mixture->n_covariances);
  for (size_t k = 0; k < mixture->n; k++) fsl_axpy(d, exp(mixture->log_weight[k]), mixture->mean + k * d, m);
  if (mean != NULL) memcpy(mean, m, d * sizeof *m);
  if (covariance != NULL) {
    FSL_TRY(spread_of_means(ctx, mixture, m, covariance));
    FSL_TRY(add_within(ctx, mixture, weight_of, covariance));
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

enum { BATCH = 256, FEW_COVARIANCES = 16 };

/* A batch of draws x = a mean + V diag(sqrt(a^2 l + v)) z. */
typedef struct draws {
  const fsl_mixture *mixture;
  double a, v;
  size_t component[BATCH];
  size_t padded;                       /* normals a draw: pairs of them never straddle two draws */
  double *z;                           /* (BATCH, padded) */
  double *scaled, *gathered, *rotated; /* (BATCH, d) */
} draws;

static fsl_status open_draws(fsl_ctx *ctx, const fsl_mixture *mixture, double a, double v, draws *out) {
  const size_t d = mixture->d;
  *out = (draws){.mixture = mixture, .a = a, .v = v, .padded = d + d % 2};
  FSL_GET(ctx, out->z, BATCH * out->padded);
  FSL_GET(ctx, out->scaled, BATCH * d);
  FSL_GET(ctx, out->gathered, BATCH * d);
  FSL_GET(ctx, out->rotated, BATCH * d);
  return FSL_OK;
}

/* x (n, d) = a mean, and what is to be added in the coordinates of each draw's covariance. */
static void scale_normals(draws *s, size_t n, double *x) {
  const fsl_mixture *const mixture = s->mixture;
  const size_t d = mixture->d;
  for (size_t i = 0; i < n; i++) {
    const size_t k = s->component[i];
    const double *const values = covariance_of(mixture, k)->values;
    for (size_t j = 0; j < d; j++) {
      x[i * d + j] = s->a * mixture->mean[k * d + j];
      s->scaled[i * d + j] = sqrt(s->a * s->a * values[j] + s->v) * s->z[i * s->padded + j];
    }
  }
}

static void add_each(const draws *s, size_t n, double *x) {
  const size_t d = s->mixture->d;
  for (size_t i = 0; i < n; i++) {
    const double *const vectors = covariance_of(s->mixture, s->component[i])->vectors, *const z = s->scaled + i * d;
    if (vectors == NULL) fsl_axpy(d, 1, z, x + i * d);
    for (size_t j = 0; j < d && vectors != NULL; j++) x[i * d + j] += fsl_dot(d, vectors + j * d, z);
  }
}

/* The draws of one covariance at once. */
static fsl_status add_rotated(fsl_ctx *ctx, const draws *s, const fsl_covariance *covariance, size_t n, double *x) {
  const size_t d = s->mixture->d;
  size_t which[BATCH], found = 0;
  for (size_t i = 0; i < n; i++) {
    if (covariance_of(s->mixture, s->component[i]) != covariance) continue;
    memcpy(s->gathered + found * d, s->scaled + i * d, d * sizeof *x);
    which[found++] = i;
  }
  FSL_TRY(fsl_matvec_rows(ctx, d, d, covariance->vectors, found, s->gathered, s->rotated));
  for (size_t i = 0; i < found; i++) fsl_axpy(d, 1, s->rotated + i * d, x + which[i] * d);
  return FSL_OK;
}

/* Of few covariances each serves many draws of a batch. Which way is taken depends on the mixture alone. */
static fsl_status displace(fsl_ctx *ctx, draws *s, size_t n, double *x) {
  const fsl_mixture *const mixture = s->mixture;
  bool rotated = mixture->n_covariances <= FEW_COVARIANCES;
  for (size_t c = 0; c < mixture->n_covariances && rotated; c++) rotated = mixture->covariance[c].vectors != NULL;
  scale_normals(s, n, x);
  if (!rotated) add_each(s, n, x);
  for (size_t c = 0; c < mixture->n_covariances && rotated; c++)
    FSL_TRY(add_rotated(ctx, s, &mixture->covariance[c], n, x));
  return FSL_OK;
}

fsl_status fsl_mixture_draw(fsl_ctx *ctx, const fsl_mixture *mixture, double a, double v, fsl_key key, uint64_t first,
                            size_t n, double *x, uint32_t *component) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *cumulative, u[BATCH];
  draws s;
  FSL_TRY(cumulate(ctx, mixture, &cumulative));
  FSL_TRY(open_draws(ctx, mixture, a, v, &s));
  for (size_t done = 0; done < n; done += BATCH) {
    const size_t batch = n - done < BATCH ? n - done : (size_t)BATCH;
    FSL_TRY(fsl_check_stop(ctx));
    fsl_uniforms(key, STREAM_COMPONENT, first + done, batch, u);
    fsl_normals(key, STREAM_NORMALS, (first + done) * s.padded, batch * s.padded, s.z);
    for (size_t i = 0; i < batch; i++) s.component[i] = pick(cumulative, mixture->n, u[i]);
    for (size_t i = 0; i < batch && component != NULL; i++) component[done + i] = (uint32_t)s.component[i];
    FSL_TRY(displace(ctx, &s, batch, x + done * mixture->d));
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
