/* truth/sampled.c: posteriors by 2^22 independent draws of the prior weighted by their likelihood; 2^24 where their
 * effective number stays too low. The draws are made twice, block by block: once for their likelihoods, once for what
 * the weights then sum up to, so that memory holds one number a draw and the draws that are kept. */
#include "truth/methods.h"

#include "base/linalg.h"

#include <math.h>
#include <string.h>

enum { FIRST_DRAWS = 1 << 22, MOST_DRAWS = 1 << 24, BLOCK = 1 << 12, KEPT_BYTES = 64 << 20, LEAST_RESAMPLED = 1 << 16 };

static const double least_ess = 400;    /* below it nothing is claimed */
static const double negligible = 1e-12; /* share of the weight that all dropped draws have together */

typedef struct sampler {
  const fsl_problem *problem;
  const fsl_mixture *prior;
  fsl_key key;
  size_t n;
  double *l;              /* n: log p(y | x_i) */
  double most, sum, sum2; /* of exp(l - most) and its square */
  double *x;              /* (BLOCK, d) */
  uint32_t *component;    /* BLOCK */
  double *mean, *covariance, *mode_weight;
} sampler;

static fsl_status draw_block(fsl_ctx *ctx, const sampler *s, size_t first) {
  return fsl_mixture_draw(ctx, s->prior, 1, 0, s->key, first, BLOCK, s->x, s->component);
}

static fsl_status extend(fsl_ctx *ctx, sampler *s, size_t n) {
  const double *const old = s->l;
  FSL_GET(ctx, s->l, n);
  if (s->n > 0) memcpy(s->l, old, s->n * sizeof *old);
  for (; s->n < n; s->n += BLOCK) {
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(draw_block(ctx, s, s->n));
    FSL_TRY(fsl_problem_log_likelihood(ctx, s->problem, BLOCK, s->x, s->l + s->n));
  }
  s->most = -INFINITY;
  for (size_t i = 0; i < n; i++)
    if (s->l[i] > s->most) s->most = s->l[i];
  if (!isfinite(s->most))
    return fsl_fail(ctx, FSL_ENUMERIC, "none of %zu draws of the prior has a positive likelihood", n);
  s->sum = s->sum2 = 0;
  for (size_t i = 0; i < n; i++) {
    const double w = exp(s->l[i] - s->most);
    s->sum += w;
    s->sum2 += w * w;
  }
  return FSL_OK;
}

/* ---- which draws the law keeps -------------------------------------------------------------------------------------
 */

typedef struct keeper {
  size_t capacity, n, d;
  double *x, *log_weight;
  uint32_t *mode_of;
  double threshold;         /* of exp(l - most), when weights are kept */
  double spacing, next, at; /* of systematic resampling over the cumulative weight; spacing 0: weights are kept */
} keeper;

static size_t count_above(const sampler *s, double threshold) {
  size_t n = 0;
  for (size_t i = 0; i < s->n; i++) n += exp(s->l[i] - s->most) > threshold;
  return n;
}

/* All draws that matter if they fit; else a systematic resample of equal weights. */
static fsl_status plan_keeping(fsl_ctx *ctx, const sampler *s, double min_ess, keeper *k) {
  k->d = s->prior->d;
  k->threshold = negligible * s->sum / (double)s->n;
  k->capacity = count_above(s, k->threshold);
  if (k->capacity * (k->d + 1) * sizeof(double) > KEPT_BYTES) {
    const double wanted = fmax(LEAST_RESAMPLED, 4 * min_ess);
    double u;
    fsl_uniforms(s->key, UINT64_MAX, 0, 1, &u);
    k->spacing = s->sum / wanted;
    k->next = u * k->spacing;
    k->capacity = (size_t)wanted + 1;
  }
  FSL_GET(ctx, k->x, k->capacity * k->d);
  FSL_GET(ctx, k->log_weight, k->capacity);
  FSL_GET(ctx, k->mode_of, k->capacity);
  return FSL_OK;
}

static void keep_one(keeper *k, const double *x, double log_weight, uint32_t mode) {
  if (k->n == k->capacity) return;
  memcpy(k->x + k->n * k->d, x, k->d * sizeof *x);
  k->log_weight[k->n] = log_weight;
  k->mode_of[k->n++] = mode;
}

static void offer(keeper *k, const double *x, double w, double log_weight, uint32_t mode) {
  if (k->spacing == 0) {
    if (w > k->threshold) keep_one(k, x, log_weight, mode);
    return;
  }
  for (k->at += w; k->next < k->at; k->next += k->spacing) keep_one(k, x, 0, mode);
}

/* ---- the second pass
 * -------------------------------------------------------------------------------------------------- */

/* Adds one block's sums, taken about `pivot`, so that the covariance does not cancel. */
static void add_block(sampler *s, size_t first, const double *pivot, double *shifted, keeper *k) {
  const size_t d = s->prior->d;
  for (size_t i = 0; i < BLOCK; i++) {
    const double w = exp(s->l[first + i] - s->most);
    if (w == 0) continue;
    const double *const x = s->x + i * d;
    const uint32_t mode = fsl_mixture_mode(s->prior, s->component[i]);
    offer(k, x, w, s->l[first + i], mode);
    for (size_t j = 0; j < d; j++) shifted[j] = x[j] - pivot[j];
    fsl_axpy(d, w, shifted, s->mean);
    for (size_t a = 0; a < d; a++) fsl_axpy(d, w * shifted[a], shifted, s->covariance + a * d);
    s->mode_weight[mode] += w;
  }
}

static size_t most_likely(const sampler *s) {
  size_t i = 0;
  while (s->l[i] != s->most) i++;
  return i;
}

static fsl_status sum_up(fsl_ctx *ctx, sampler *s, keeper *k) {
  const size_t d = s->prior->d;
  double *pivot, *shifted;
  FSL_GET(ctx, pivot, d);
  FSL_GET(ctx, shifted, d);
  FSL_TRY(fsl_mixture_draw(ctx, s->prior, 1, 0, s->key, most_likely(s), 1, pivot, NULL));
  for (size_t first = 0; first < s->n; first += BLOCK) {
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(draw_block(ctx, s, first));
    add_block(s, first, pivot, shifted, k);
  }
  for (size_t j = 0; j < d; j++) s->mean[j] /= s->sum;
  for (size_t a = 0; a < d; a++)
    for (size_t b = 0; b < d; b++)
      s->covariance[a * d + b] = s->covariance[a * d + b] / s->sum - s->mean[a] * s->mean[b];
  fsl_axpy(d, 1, pivot, s->mean);
  for (size_t j = 0; j < s->prior->n_modes; j++) s->mode_weight[j] /= s->sum;
  return FSL_OK;
}

/* The likelihoods live in `scratch`, the result in ctx->arena. */
static fsl_status sample(fsl_ctx *ctx, fsl_arena *scratch, sampler *s, double min_ess, fsl_truth *out) {
  fsl_arena *const own = ctx->arena;
  keeper k = {0};
  ctx->arena = scratch;
  fsl_status status = extend(ctx, s, FIRST_DRAWS);
  if (status == FSL_OK && s->sum * s->sum / s->sum2 < min_ess) status = extend(ctx, s, MOST_DRAWS);
  ctx->arena = own;
  FSL_TRY(status);
  out->ess = s->sum * s->sum / s->sum2;
  out->known = out->ess >= least_ess;
  out->stated_error = out->known ? 1 / sqrt(out->ess) : NAN;
  out->log_evidence = out->known ? s->most + log(s->sum / (double)s->n) : NAN;
  out->chi2 = out->known ? (double)s->n / out->ess : NAN;
  FSL_TRY(plan_keeping(ctx, s, min_ess, &k));
  FSL_TRY(sum_up(ctx, s, &k));
  return fsl_mixture_of_atoms(ctx, k.n, k.d, k.x, k.log_weight, k.mode_of, s->prior->n_modes, &out->law);
}

fsl_status fsl_truth_sampled(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, double min_ess, fsl_truth *out) {
  sampler s = {.problem = problem, .prior = &problem->prior->population, .key = key};
  const size_t d = s.prior->d;
  FSL_GET(ctx, s.x, BLOCK * d);
  FSL_GET(ctx, s.component, BLOCK);
  FSL_GET(ctx, s.mean, d);
  FSL_GET(ctx, s.covariance, d * d);
  FSL_GET(ctx, s.mode_weight, s.prior->n_modes);
  fsl_arena *const scratch = fsl_arena_create(0);
  if (scratch == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a sampled truth");
  const fsl_status status = sample(ctx, scratch, &s, min_ess, out);
  fsl_arena_destroy(scratch);
  out->mean = s.mean;
  out->covariance = s.covariance;
  out->mode_weight = s.mode_weight;
  return status;
}
