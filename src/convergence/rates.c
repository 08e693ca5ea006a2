/* convergence/rates.c: which observations, sizes and replicates a rate stands on, then its slope and interval. */
#include "convergence/rates.h"

#include "convergence/power_law.h"

#include <math.h>

enum { FEWEST_SIZES = 3, FEWEST_REPLICATES = 5 };

static const double window_factor = 30, widest = 1, level = 0.95;

/* What is fitted: mean errors of the used observations, one row a used size. */
typedef struct table {
  bool *used; /* n_observations */
  size_t n_used;
  double least_n; /* lower end of the window */
  size_t n_rows;
  bool has_values, has_zero;
  double *log_n;      /* n_sizes */
  size_t *replicates; /* n_sizes: complete ones */
  double *error;      /* (n_sizes, n_replicates) */
  double b;           /* plateau; 0: none */
} table;

static double lower_end(double chi2) {
  return window_factor * (isnan(chi2) ? 1 : fmax(chi2, 1));
}

static double error_at(const fsl_rate_input *in, size_t size, size_t replicate, size_t observation) {
  return in->error[(size * in->n_replicates + replicate) * in->n_observations + observation];
}

static bool in_window(const fsl_rate_input *in, size_t size, double least_n) {
  return in->n_train[size] >= least_n && in->n_train[size] <= in->largest_n;
}

/* ---- observations ------------------------------------------------------------------------------------------ */

static size_t count_values(const fsl_rate_input *in, size_t size, size_t observation) {
  size_t n = 0;
  for (size_t r = 0; r < in->n_replicates; r++) n += isfinite(error_at(in, size, r, observation)) ? 1 : 0;
  return n;
}

static bool has_values(const fsl_rate_input *in, size_t size) {
  for (size_t o = 0; o < in->n_observations; o++)
    if (count_values(in, size, o) > 0) return true;
  return false;
}

/* Sizes nobody has values for (a campaign that is not finished) count neither for nor against an observation. */
static bool is_usable(const fsl_rate_input *in, const bool *present, size_t observation) {
  const double least_n = lower_end(in->chi2[observation]);
  size_t sizes = 0, values = 0;
  for (size_t i = 0; i < in->n_sizes; i++) {
    if (!present[i] || !in_window(in, i, least_n)) continue;
    sizes++;
    values += count_values(in, i, observation);
  }
  return sizes >= FEWEST_SIZES && 2 * values >= sizes * in->n_replicates;
}

static fsl_status choose_observations(fsl_ctx *ctx, const fsl_rate_input *in, table *t) {
  bool *present;
  FSL_GET(ctx, present, in->n_sizes);
  FSL_GET(ctx, t->used, in->n_observations);
  for (size_t i = 0; i < in->n_sizes; i++) {
    present[i] = has_values(in, i);
    t->has_values = t->has_values || present[i];
  }
  for (size_t o = 0; o < in->n_observations; o++) {
    t->used[o] = is_usable(in, present, o);
    if (!t->used[o]) continue;
    t->n_used++;
    t->least_n = fmax(t->least_n, lower_end(in->chi2[o]));
  }
  return FSL_OK;
}

/* ---- sizes and replicates -------------------------------------------------------------------------------------- */

/* NaN where one of the used observations is missing: a mean over others would compare different measurements. */
static double mean_error(const fsl_rate_input *in, const table *t, size_t size, size_t replicate) {
  double sum = 0;
  for (size_t o = 0; o < in->n_observations; o++)
    if (t->used[o]) sum += error_at(in, size, replicate, o);
  return sum / (double)t->n_used;
}

static void add_row(const fsl_rate_input *in, size_t size, table *t) {
  double *const row = t->error + t->n_rows * in->n_replicates;
  size_t n = 0;
  for (size_t r = 0; r < in->n_replicates; r++) {
    const double e = mean_error(in, t, size, r);
    if (isfinite(e)) row[n++] = e;
  }
  if (n < FEWEST_REPLICATES) return;
  double largest = 0;
  for (size_t r = 0; r < n; r++) largest = fmax(largest, row[r]);
  t->has_zero = t->has_zero || largest == 0;
  t->replicates[t->n_rows] = n;
  t->log_n[t->n_rows++] = log(in->n_train[size]);
}

static double plateau(const fsl_rate_input *in, const table *t) {
  double sum = 0;
  if (!in->is_sampler) return 0;
  if (in->population_error == NULL) return NAN;
  for (size_t o = 0; o < in->n_observations; o++)
    if (t->used[o]) sum += in->population_error[o];
  return sum / (double)t->n_used;
}

static fsl_status tabulate(fsl_ctx *ctx, const fsl_rate_input *in, table *t) {
  *t = (table){.b = NAN};
  FSL_TRY(choose_observations(ctx, in, t));
  FSL_GET(ctx, t->log_n, in->n_sizes);
  FSL_GET(ctx, t->replicates, in->n_sizes);
  FSL_GET(ctx, t->error, in->n_sizes * in->n_replicates);
  if (t->n_used == 0) return FSL_OK;
  for (size_t i = 0; i < in->n_sizes; i++)
    if (in_window(in, i, t->least_n)) add_row(in, i, t);
  t->b = plateau(in, t);
  return FSL_OK;
}

static fsl_reason why_not_fitted(const fsl_rate_input *in, const table *t) {
  if (!t->has_values) return FSL_NO_ERRORS;
  if (in->n_replicates < FEWEST_REPLICATES) return FSL_TOO_FEW_REPLICATES;
  if (t->n_rows < FEWEST_SIZES) return FSL_TOO_FEW_SIZES;
  if (!isfinite(t->b)) return FSL_NO_VALUE_AT_INF;
  return t->has_zero ? FSL_ERROR_IS_ZERO : FSL_HAS_VALUE;
}

/* ---- the fit --------------------------------------------------------------------------------------------------- */

static double slope_of(const void *self, const double *mean) {
  const table *const t = self;
  return fsl_power_law_slope_above(t->n_rows, t->log_n, mean, t->b);
}

static fsl_status fit_table(fsl_ctx *ctx, const fsl_rate_input *in, const table *t, fsl_rate *out) {
  fsl_interval interval;
  const fsl_bootstrap bootstrap = {.n_samples = t->n_rows,
                                   .size = t->replicates,
                                   .values = t->error,
                                   .stride = in->n_replicates,
                                   .statistic = slope_of,
                                   .self = t,
                                   .resamples = in->resamples == 0 ? FSL_RESAMPLES : in->resamples,
                                   .key = in->key,
                                   .picks = in->picks};
  FSL_TRY(fsl_bca_interval(ctx, &bootstrap, level, &interval));
  out->reason = isnan(interval.high - interval.low)      ? FSL_NO_SLOPE
                : interval.high - interval.low <= widest ? FSL_HAS_VALUE
                                                         : FSL_WIDE_INTERVAL;
  if (out->reason != FSL_HAS_VALUE) return FSL_OK;
  out->rate = interval.estimate;
  out->low = interval.low;
  out->high = interval.high;
  return FSL_OK;
}

static fsl_status fit(fsl_ctx *ctx, const fsl_rate_input *in, fsl_rate *out) {
  table t;
  FSL_TRY(tabulate(ctx, in, &t));
  out->points = (double)t.n_rows;
  out->left_out = (double)(in->n_sizes - t.n_rows);
  out->reason = why_not_fitted(in, &t);
  return out->reason == FSL_HAS_VALUE ? fit_table(ctx, in, &t, out) : FSL_OK;
}

fsl_status fsl_rate_fit(fsl_ctx *ctx, const fsl_rate_input *input, fsl_rate *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  *out = (fsl_rate){.rate = NAN, .low = NAN, .high = NAN, .floor = input->floor, .points = 0, .left_out = 0};
  const fsl_status status = fit(ctx, input, out);
  fsl_arena_release(ctx->arena, mark);
  return status;
}
