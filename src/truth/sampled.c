/* truth/sampled.c: posteriors by 2^22 independent draws of the prior weighted by their likelihood; 2^24 where their
 * effective number stays too low. The draws are made twice, block by block: once for their likelihoods, once for what
 * the weights then sum up to, so that memory holds one number a draw and the draws that are kept. */
#include "truth/methods.h"

#include "base/linalg.h"
#include "truth/sum.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 1 << 12, LEAST_RESAMPLED = 1 << 16 };

static const double least_ess = 400;    /* below it nothing is claimed */
static const double negligible = 1e-12; /* share of the weight that all dropped draws have together */

typedef struct sampler {
  const fsl_problem *problem;
  const fsl_mixture *prior;
  fsl_key key;
  size_t n;
  double *l;           /* n: log p(y | x_i) */
  double most, sum;    /* largest l; sum of exp(l - most) */
  double ess;          /* effective draws */
  double threshold;    /* weights exp(l - most) up to it are left out */
  double *x;           /* (BLOCK, d) */
  uint32_t *component; /* BLOCK */
} sampler;

static fsl_status draw_block(fsl_ctx *ctx, const sampler *s, size_t first) {
  return fsl_mixture_draw(ctx, s->prior, 1, 0, s->key, first, BLOCK, s->x, s->component);
}

/* A model that overflows explains no measurement. */
static fsl_status weigh_block(fsl_ctx *ctx, sampler *s, size_t first) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY(fsl_check_stop(ctx));
  FSL_TRY(draw_block(ctx, s, first));
  FSL_TRY(fsl_problem_log_likelihood(ctx, s->problem, BLOCK, s->x, s->l + first));
  for (size_t i = first; i < first + BLOCK; i++)
    if (isnan(s->l[i])) s->l[i] = -INFINITY;
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* Largest log-likelihood of n draws. */
static double largest(const double *l, size_t n) {
  double most = -INFINITY;
  for (size_t i = 0; i < n; i++) most = fmax(most, l[i]);
  return most;
}

static void total(sampler *s) {
  fsl_sum_of sum = {0}, sum2 = {0};
  s->most = largest(s->l, s->n);
  for (size_t i = 0; i < s->n && s->most > -INFINITY; i++) {
    const double w = exp(s->l[i] - s->most);
    fsl_sum_add(&sum, w);
    fsl_sum_add(&sum2, w * w);
  }
  s->sum = fsl_sum_total(sum);
  s->ess = s->sum > 0 ? s->sum * s->sum / fsl_sum_total(sum2) : 0;
  s->threshold = negligible * s->sum / (double)s->n;
}

static fsl_status extend(fsl_ctx *ctx, sampler *s, size_t n) {
  const double *const old = s->l;
  FSL_GET(ctx, s->l, n);
  if (s->n > 0) memcpy(s->l, old, s->n * sizeof *old);
  for (; s->n < n; s->n += BLOCK) FSL_TRY(weigh_block(ctx, s, s->n));
  total(s);
  return FSL_OK;
}

/* ---- which draws the law keeps ---------------------------------------------------------------------- */

typedef struct keeper {
  size_t capacity, n, d;
  double *x, *log_weight;
  uint32_t *mode_of;
  double spacing, next, at; /* of systematic resampling over the cumulative weight; spacing 0: weights are kept */
} keeper;

static size_t count_kept(const sampler *s) {
  size_t n = 0;
  for (size_t i = 0; i < s->n; i++) n += exp(s->l[i] - s->most) > s->threshold;
  return n;
}

/* All draws that matter if they fit; else a systematic resample (Carpenter, Clifford & Fearnhead 1999) of as many equal
 * weights as fit. Draws that are taken more than once stay one atom. */
static fsl_status plan_keeping(fsl_ctx *ctx, const sampler *s, double min_ess, keeper *k) {
  k->d = s->prior->d;
  k->capacity = count_kept(s);
  const size_t each = (k->d + 1) * sizeof(double) + sizeof(uint32_t);
  if (k->capacity * each > FSL_SAMPLED_KEPT_BYTES) {
    const size_t fit = FSL_SAMPLED_KEPT_BYTES / each;
    const double wanted = floor(fmax(fmax(LEAST_RESAMPLED, 4 * min_ess), (double)fit));
    double u;
    fsl_uniforms(s->key, UINT64_MAX, 0, 1, &u);
    k->spacing = s->sum / wanted;
    k->next = u * k->spacing;
    if (k->capacity > (size_t)wanted + 1) k->capacity = (size_t)wanted + 1;
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
  double copies = 0;
  if (k->spacing == 0) {
    keep_one(k, x, log_weight, mode);
    return;
  }
  for (k->at += w; k->next < k->at; k->next += k->spacing) copies++;
  if (copies > 0) keep_one(k, x, log(copies), mode);
}

/* ---- the second pass ---------------------------------------------------------------------------------- */

typedef struct sums {
  double *mean, *covariance, *mode_weight;
} sums;

static fsl_status make_sums(fsl_ctx *ctx, const fsl_mixture *prior, sums *out) {
  FSL_GET(ctx, out->mean, prior->d);
  FSL_GET(ctx, out->covariance, prior->d * prior->d);
  FSL_GET(ctx, out->mode_weight, prior->n_modes);
  return FSL_OK;
}

/* One block's sums, taken about `pivot`, so that the covariance does not cancel. */
static void sum_block(const sampler *s, size_t first, const double *pivot, double *shifted, sums *out, keeper *k) {
  const size_t d = s->prior->d;
  for (size_t i = 0; i < BLOCK; i++) {
    const double w = exp(s->l[first + i] - s->most);
    if (!(w > s->threshold)) continue;
    const double *const x = s->x + i * d;
    const uint32_t mode = fsl_mixture_mode(s->prior, s->component[i]);
    offer(k, x, w, s->l[first + i] - s->most, mode);
    for (size_t j = 0; j < d; j++) shifted[j] = x[j] - pivot[j];
    fsl_axpy(d, w, shifted, out->mean);
    for (size_t a = 0; a < d; a++) fsl_axpy(d, w * shifted[a], shifted, out->covariance + a * d);
    out->mode_weight[mode] += w;
  }
}

/* Moves what a block has summed up into the totals: the error of a long sum grows with the number of blocks alone. */
static void move(size_t n, double *block, double *into) {
  fsl_axpy(n, 1, block, into);
  memset(block, 0, n * sizeof *block);
}

static size_t most_likely(const sampler *s) {
  size_t i = 0;
  while (s->l[i] != s->most) i++;
  return i;
}

/* Blocks without weight are not drawn again. */
static fsl_status add_blocks(fsl_ctx *ctx, const sampler *s, const double *pivot, sums *out, keeper *k) {
  const size_t d = s->prior->d;
  double *shifted;
  sums block;
  FSL_GET(ctx, shifted, d);
  FSL_TRY(make_sums(ctx, s->prior, &block));
  for (size_t first = 0; first < s->n; first += BLOCK) {
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    FSL_TRY(fsl_check_stop(ctx));
    if (!(exp(largest(s->l + first, BLOCK) - s->most) > s->threshold)) continue;
    FSL_TRY(draw_block(ctx, s, first));
    fsl_arena_release(ctx->arena, mark);
    sum_block(s, first, pivot, shifted, &block, k);
    move(d, block.mean, out->mean);
    move(d * d, block.covariance, out->covariance);
    move(s->prior->n_modes, block.mode_weight, out->mode_weight);
  }
  return FSL_OK;
}

static fsl_status sum_up(fsl_ctx *ctx, const sampler *s, sums *out, keeper *k) {
  const size_t d = s->prior->d;
  double *pivot;
  FSL_GET(ctx, pivot, d);
  FSL_TRY(fsl_mixture_draw(ctx, s->prior, 1, 0, s->key, most_likely(s), 1, pivot, NULL));
  FSL_TRY(add_blocks(ctx, s, pivot, out, k));
  for (size_t j = 0; j < d; j++) out->mean[j] /= s->sum;
  for (size_t a = 0; a < d; a++)
    for (size_t b = 0; b < d; b++)
      out->covariance[a * d + b] = out->covariance[a * d + b] / s->sum - out->mean[a] * out->mean[b];
  fsl_axpy(d, 1, pivot, out->mean);
  for (size_t j = 0; j < s->prior->n_modes; j++) out->mode_weight[j] /= s->sum;
  return FSL_OK;
}

/* ---- both ------------------------------------------------------------------------------------------------ */

/* Too few effective draws: nothing is claimed but their number. */
static void leave_unknown(const fsl_mixture *prior, sums *found, fsl_truth *out) {
  for (size_t i = 0; i < prior->d; i++) found->mean[i] = NAN;
  for (size_t i = 0; i < prior->d * prior->d; i++) found->covariance[i] = NAN;
  for (size_t i = 0; i < prior->n_modes; i++) found->mode_weight[i] = NAN;
  out->known = false;
  out->log_evidence = out->stated_error = out->chi2 = NAN;
  out->law = (fsl_mixture){.d = prior->d, .n_modes = prior->n_modes};
}

static fsl_status draw_enough(fsl_ctx *ctx, fsl_arena *scratch, sampler *s, double min_ess) {
  fsl_arena *const own = ctx->arena;
  ctx->arena = scratch;
  fsl_status status = extend(ctx, s, FSL_SAMPLED_FIRST_DRAWS);
  if (status == FSL_OK && s->ess < fmax(min_ess, least_ess)) status = extend(ctx, s, FSL_SAMPLED_MOST_DRAWS);
  ctx->arena = own;
  return status;
}

/* The likelihoods live in `scratch`, the result in ctx->arena. */
static fsl_status sample(fsl_ctx *ctx, fsl_arena *scratch, sampler *s, double min_ess, fsl_truth *out) {
  keeper k = {0};
  sums found;
  FSL_TRY(make_sums(ctx, s->prior, &found));
  out->mean = found.mean;
  out->covariance = found.covariance;
  out->mode_weight = found.mode_weight;
  FSL_TRY(draw_enough(ctx, scratch, s, min_ess));
  out->ess = s->ess;
  if (!(s->ess >= least_ess)) {
    leave_unknown(s->prior, &found, out);
    return FSL_OK;
  }
  out->stated_error = 1 / sqrt(s->ess);
  out->log_evidence = s->most + log(s->sum / (double)s->n);
  out->chi2 = (double)s->n / s->ess;
  FSL_TRY(plan_keeping(ctx, s, min_ess, &k));
  FSL_TRY(sum_up(ctx, s, &found, &k));
  return fsl_mixture_of_atoms(ctx, k.n, k.d, k.x, k.log_weight, k.mode_of, s->prior->n_modes, &out->law);
}

fsl_status fsl_truth_sampled(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, double min_ess, fsl_truth *out) {
  sampler s = {.problem = problem, .prior = &problem->prior->population, .key = key};
  FSL_GET(ctx, s.x, BLOCK * s.prior->d);
  FSL_GET(ctx, s.component, BLOCK);
  fsl_arena *const scratch = fsl_arena_create(0);
  if (scratch == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a sampled truth");
  const fsl_status status = sample(ctx, scratch, &s, min_ess, out);
  fsl_arena_destroy(scratch);
  return status;
}
