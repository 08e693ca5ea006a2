/* tree.c: answers from the moment tree: states in groups of neighbours, each group once or, where its bounds miss the
 * tolerance, again; bounds; the groups shared out over the team. */
#include "posterior/tree.h"

#include <math.h>
#include <string.h>

#include "posterior/internal.h"
#include "posterior/kernel_tree.h"
#include "posterior/tree_split.h"

enum { MOST_D = FSL_TREE_MOST_D, MOST_VEC = 6 };

/* What is known of one state. */
typedef struct record {
  double log_sum[2], log_sum_bound[2], bound[2], vec[2][MOST_VEC]; /* means, or the covariance's upper triangle */
} record;

enum { RECORD = sizeof(record) / sizeof(double) };

typedef struct query {
  const fsl_tree *tree;
  const fsl_tree_kernel *kernel;
  double a, s, length;
  size_t sides;
  bool second;
  size_t n;
  const double *x, *centre; /* (n, d) */
  fsl_split_point *point;   /* x/a in the order of the groups */
  size_t count;             /* of the states that are finite: only these have groups */
} query;

/* Room for one group. */
typedef struct room {
  double *z, *centre, *reference[2], *anchor[2], *sum[2], *vec[2], *used;
} room;

static fsl_status take_room(fsl_ctx *ctx, size_t lanes, room *out) {
  FSL_GET(ctx, out->z, MOST_D * lanes);
  FSL_GET(ctx, out->centre, MOST_D * lanes);
  FSL_GET(ctx, out->used, lanes);
  for (size_t side = 0; side < 2; ++side) {
    FSL_GET(ctx, out->reference[side], lanes);
    FSL_GET(ctx, out->anchor[side], MOST_D * lanes);
    FSL_GET(ctx, out->sum[side], lanes);
    FSL_GET(ctx, out->vec[side], MOST_VEC * lanes);
  }
  return FSL_OK;
}

/* ---- bounds ------------------------------------------------------------------------------------------------------ */

static double norm_of(size_t n, const double *values) {
  double square = 0.0;
  for (size_t j = 0; j < n; ++j) square += values[j] * values[j];
  return sqrt(square);
}

/* K^ stands for the kernels as they were summed, |K^_i - K_i| <= E. With m the true mean, sum w K (x - m) = 0, so
 *
 *   m^ - m = sum w (K^ - K)(x - m) / S^,   |x - m| <= D + |anchor - m^| + |m^ - m|,
 *
 * hence |m^ - m| <= (sum w E D + |anchor - m^| sum w E)/(S^ - sum w E), and log S^ - log S likewise. In units of
 * exp(reference) both sums are at most `error` (times length). */
static void bound_mean(const query *q, const room *r, size_t side, size_t lane, double error, record *out) {
  const size_t d = q->tree->d, lanes = q->kernel->lanes;
  const double sum = r->sum[side][lane], left = sum - error;
  double offset[MOST_D];
  for (size_t j = 0; j < d; ++j) {
    out->vec[side][j] = r->vec[side][j * lanes + lane] / sum;
    offset[j] = r->anchor[side][j * lanes + lane] - out->vec[side][j];
  }
  out->bound[side] = error > 0.0 ? error * (q->length + norm_of(d, offset)) / left : 0.0;
}

/* The same with (x - m)(x - m)^T - C in place of x - m, m given. */
static void bound_covariance(const query *q, const room *r, size_t lane, double error, record *out) {
  const size_t d = q->tree->d, lanes = q->kernel->lanes;
  const double sum = r->sum[0][lane], left = sum - error;
  double square = 0.0;
  for (size_t j = 0, at = 0; j < d; ++j)
    for (size_t k = j; k < d; ++k, ++at) {
      const double value = r->vec[0][at * lanes + lane] / sum;
      out->vec[0][at] = value;
      square += (j == k ? 1.0 : 2.0) * value * value;
    }
  out->bound[0] = error > 0.0 ? error * (q->length * q->length + sqrt(square)) / left : 0.0;
}

/* The largest bound of this state in units of its tolerance; infinite where the sums are unusable. */
static double find_record(const query *q, const room *r, size_t lane, double tolerance, record *out) {
  const double error = tolerance * r->used[lane];
  double most = 0.0;
  for (size_t side = 0; side < q->sides; ++side) {
    const double sum = r->sum[side][lane], left = sum - error;
    if (!(left > 0.0) || !(sum < 1e250)) return INFINITY;
    out->log_sum[side] = r->reference[side][lane] + log(sum);
    out->log_sum_bound[side] = error / left;
    if (q->second)
      bound_covariance(q, r, lane, error, out);
    else
      bound_mean(q, r, side, lane, error, out);
    const double unit = q->second ? q->length * q->length : q->length;
    most = fmax(most, fmax(out->bound[side] / unit, out->log_sum_bound[side]) / q->tree->tolerance);
  }
  return most;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static void load_group(const query *q, size_t first, const room *r) {
  const size_t d = q->tree->d, lanes = q->kernel->lanes;
  for (size_t k = 0; k < lanes; ++k) {
    const fsl_split_point *point = q->point + (first + k < q->count ? first + k : first);
    for (size_t j = 0; j < d; ++j) {
      r->z[j * lanes + k] = point->x[j];
      if (q->second) r->centre[j * lanes + k] = q->centre[point->index * d + j];
    }
  }
}

static double try_group(const query *q, size_t first, const room *r, double tolerance, bool careful, bool direct,
                        record *out) {
  const size_t lanes = q->kernel->lanes, count = q->count - first < lanes ? q->count - first : lanes;
  const fsl_tree_tile tile = {.s = q->s,
                              .log_tolerance = log(tolerance),
                              .length = q->length,
                              .sides = q->sides,
                              .second = q->second,
                              .careful = careful,
                              .direct = direct,
                              .z = r->z,
                              .centre = r->centre,
                              .reference = {r->reference[0], r->reference[1]},
                              .anchor = {r->anchor[0], r->anchor[1]},
                              .sum = {r->sum[0], r->sum[1]},
                              .vec = {r->vec[0], r->vec[1]},
                              .used = r->used};
  double most = 0.0;
  q->kernel->evaluate(q->tree, &tile);
  for (size_t k = 0; k < count; ++k) most = fmax(most, find_record(q, r, k, tolerance, out + k));
  return most;
}

static void do_group(const query *q, size_t first, const room *r, record *out) {
  double tolerance = q->tree->tolerance;
  load_group(q, first, r);
  const double most = try_group(q, first, r, tolerance, false, false, out);
  if (most <= 1.0) return;
  tolerance *= 0.5 / fmin(most, 1e6);
  if (isfinite(most) && try_group(q, first, r, tolerance, true, false, out) <= 1.0) return;
  try_group(q, first, r, tolerance, false, true, out);
}

/* Halves until a group is left, so that each is a small box. */
static void order_states(const query *q, fsl_split_point *point, size_t n) {
  const size_t lanes = q->kernel->lanes, groups = (n + lanes - 1) / lanes;
  if (groups < 2) return;
  const size_t lower = groups / 2 * lanes;
  fsl_split(q->tree->d, point, n, lower);
  order_states(q, point, lower);
  order_states(q, point + lower, n - lower);
}

static fsl_status list_states(fsl_ctx *ctx, query *q) {
  const size_t d = q->tree->d;
  FSL_GET(ctx, q->point, q->n);
  for (size_t i = 0; i < q->n; ++i) {
    fsl_split_point *point = q->point + q->count;
    point->index = i;
    for (size_t j = 0; j < d; ++j) point->x[j] = q->x[i * d + j] / q->a;
    q->count += fsl_is_finite(d, point->x) && (!q->second || fsl_is_finite(d, q->centre + i * d));
  }
  order_states(q, q->point, q->count);
  return FSL_OK;
}

/* Group g is done by rank g % size, as its number g / size. */
static size_t place_of(const fsl_ctx *ctx, const query *q, size_t i, size_t most) {
  const size_t lanes = q->kernel->lanes, group = i / lanes, size = (size_t)ctx->team->size;
  return (group % size * most + group / size) * lanes + i % lanes;
}

static fsl_status run(fsl_ctx *ctx, query *q, const record **out, size_t *most) {
  const size_t lanes = q->kernel->lanes, size = (size_t)ctx->team->size, rank = (size_t)ctx->team->rank;
  record *all;
  room r;
  FSL_TRY(list_states(ctx, q));
  const size_t groups = (q->count + lanes - 1) / lanes;
  *most = (groups + size - 1) / size;
  FSL_GET(ctx, all, size * *most * lanes);
  FSL_TRY(take_room(ctx, lanes, &r));
  for (size_t group = rank; group < groups; group += size) {
    FSL_TRY(fsl_check_stop(ctx));
    do_group(q, group * lanes, &r, all + place_of(ctx, q, group * lanes, *most));
  }
  *out = all;
  return fsl_team_gather(ctx, *most * lanes * RECORD, (double *)all);
}

static query query_of(const fsl_tree *tree, double a, double v, size_t n, const double *x) {
  query q = {.tree = tree, .kernel = tree->kernel, .a = fsl_divisor(a), .sides = 1, .n = n, .x = x};
  q.s = sqrt(0.5 / fsl_precision(a, v));
  q.length = tree->spread > 0.0 ? fmin(tree->spread, q.s) : q.s;
  return q;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void put(double *out, size_t i, const double *from, size_t width) {
  for (size_t j = 0; j < width && out != NULL; ++j) out[i * width + j] = from != NULL ? from[j] : NAN;
}

static void put_all(const fsl_tree_results *out, size_t d, size_t i, const record *from, double shift) {
  const double posterior = from != NULL ? from->log_sum[1] + shift : NAN;
  put(out->mean, i, from != NULL ? from->vec[0] : NULL, d);
  put(out->log_sum, i, from != NULL ? &from->log_sum[0] : NULL, 1);
  put(out->mean_bound, i, from != NULL ? &from->bound[0] : NULL, 1);
  put(out->log_sum_bound, i, from != NULL ? &from->log_sum_bound[0] : NULL, 1);
  put(out->posterior_mean, i, from != NULL ? from->vec[1] : NULL, d);
  put(out->posterior_log_sum, i, &posterior, 1);
  put(out->posterior_mean_bound, i, from != NULL ? &from->bound[1] : NULL, 1);
  put(out->posterior_log_sum_bound, i, from != NULL ? &from->log_sum_bound[1] : NULL, 1);
}

fsl_status fsl_tree_moments(fsl_ctx *ctx, const fsl_tree *tree, double a, double v, size_t n, const double *x,
                            const fsl_tree_results *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const bool both = out->posterior_mean != NULL || out->posterior_log_sum != NULL ||
                    out->posterior_mean_bound != NULL || out->posterior_log_sum_bound != NULL;
  if (both && !tree->posterior) return fsl_fail(ctx, FSL_EINTERNAL, "this tree has no posterior side");
  query q = query_of(tree, a, v, n, x);
  const record *all;
  size_t most;
  q.sides = both ? 2 : 1;
  FSL_TRY(run(ctx, &q, &all, &most));
  for (size_t i = 0; i < n; ++i) put_all(out, tree->d, i, NULL, 0.0);
  for (size_t i = 0; i < q.count; ++i)
    put_all(out, tree->d, q.point[i].index, all + place_of(ctx, &q, i, most), tree->log_likelihood_max);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static void unpack(size_t d, const double *triangle, double *out) {
  for (size_t j = 0; j < d; ++j)
    for (size_t k = j; k < d; ++k) out[j * d + k] = out[k * d + j] = *triangle++;
}

fsl_status fsl_tree_covariances(fsl_ctx *ctx, const fsl_tree *tree, double a, double v, size_t n, const double *x,
                                const double *mean, double *out, double *bound) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t d = tree->d;
  query q = query_of(tree, a, v, n, x);
  const record *all;
  size_t most;
  q.second = true;
  q.centre = mean;
  FSL_TRY(run(ctx, &q, &all, &most));
  for (size_t i = 0; i < n * d * d; ++i) out[i] = NAN;
  for (size_t i = 0; i < n && bound != NULL; ++i) bound[i] = NAN;
  for (size_t i = 0; i < q.count; ++i) {
    const record *from = all + place_of(ctx, &q, i, most);
    unpack(d, from->vec[0], out + q.point[i].index * d * d);
    if (bound != NULL) bound[q.point[i].index] = from->bound[0];
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_tree_covariance_times(fsl_ctx *ctx, const fsl_tree *tree, double a, double v, size_t n, const double *x,
                                     const double *mean, const double *u, double *out, double *bound) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t d = tree->d;
  double *covariance;
  FSL_GET(ctx, covariance, n * d * d);
  FSL_TRY(fsl_tree_covariances(ctx, tree, a, v, n, x, mean, covariance, bound));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < d; ++j) {
      double sum = 0.0;
      for (size_t k = 0; k < d; ++k) sum += covariance[(i * d + j) * d + k] * u[i * d + k];
      out[i * d + j] = sum;
    }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
