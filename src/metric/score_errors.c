/* metric/score_errors.c: score_error, score_error_abs and path_kl: how far a method's likelihood score is from the
 * exact one under the posterior's own p(x_t | y). Collective over the team: every rank sees the same states. */
#include "metric/parts.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_POINTS = 32769, MOST_COARSE = 65537, CHUNK = 8192 };
static const double negligible = -45;  /* log density below its largest: what lies lower carries nothing */
static const double most_of_one = 0.1; /* of a sum by one draw */

typedef struct judge {
  const fsl_approximation_kind *kind;
  const void *params;
  const fsl_posterior *posterior;
  const fsl_diffusion *diffusion;
  size_t d, n_draws;
  fsl_key key;
  double accuracy;      /* of both means, relative to the states' size; 0: the method has the very same */
  double second_moment; /* E |x_0|^2 under the prior */
  const void *kept;     /* the method's */
} judge;

/* E |g - g_fsr|^2 and E |g_fsr|^2 at one time, and the largest part one draw has in each (0 by quadrature). */
typedef struct expectation {
  double error, exact;
  double one_error, one_exact;
  double rounding; /* what rounding alone can make of `error` */
} expectation;

typedef struct tally { /* weighted sums over states */
  double weight, error, exact, top_error, top_exact;
  double means; /* of |m|^2 + |m~|^2 */
} tally;

static double square_gap(size_t d, const double *a, const double *b) {
  double sum = 0;
  for (size_t k = 0; k < d; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

/* n states at t with both means: everything a score is made of. */
typedef struct sight {
  size_t n;
  const double *x, *mean, *posterior_mean; /* (n, d) */
  const double *weight;                    /* n: of each state in the expectation; NULL: all 1 */
} sight;

/* The method's g at the states, from the moments that are there. */
static fsl_status find_score(fsl_ctx *ctx, const judge *j, double t, const sight *s, double *g) {
  const fsl_states states = {.n = s->n,
                             .d = j->d,
                             .m = fsl_posterior_problem(j->posterior)->model->m,
                             .t = t,
                             .a = j->diffusion->a(j->diffusion, t),
                             .v = j->diffusion->v(j->diffusion, t),
                             .posterior = j->posterior,
                             .x = s->x,
                             .mean = s->mean,
                             .posterior_mean = j->kind->needs_exact ? s->posterior_mean : NULL,
                             .kept = j->kept};
  return j->kind->score(ctx, j->params, &states, g);
}

/* exact (d): g_fsr = (a/v) (m~ - m) of state i. */
static void exact_score(const judge *j, const sight *s, size_t i, double scale, double *exact) {
  for (size_t k = 0; k < j->d; k++) exact[k] = scale * (s->posterior_mean[i * j->d + k] - s->mean[i * j->d + k]);
}

static fsl_status add_states(fsl_ctx *ctx, const judge *j, double t, const sight *s, tally *sum) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const double scale = j->diffusion->a(j->diffusion, t) / j->diffusion->v(j->diffusion, t);
  double *exact, *zero, *g;
  FSL_GET(ctx, exact, j->d);
  FSL_GET(ctx, zero, j->d);
  FSL_GET(ctx, g, s->n * j->d);
  FSL_TRY(find_score(ctx, j, t, s, g));
  for (size_t i = 0; i < s->n; i++) {
    exact_score(j, s, i, scale, exact);
    const double w = s->weight == NULL ? 1 : s->weight[i], e = w * square_gap(j->d, g + i * j->d, exact);
    const double f = w * square_gap(j->d, exact, zero);
    sum->weight += w;
    sum->error += e;
    sum->exact += f;
    sum->means +=
        w * (square_gap(j->d, s->mean + i * j->d, zero) + square_gap(j->d, s->posterior_mean + i * j->d, zero));
    sum->top_error = fmax(sum->top_error, e);
    sum->top_exact = fmax(sum->top_exact, f);
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* ---- d > 1: exact draws ------------------------------------------------------------------------------------------ */

static fsl_status expect_by_draws(fsl_ctx *ctx, const judge *j, double t, uint64_t node, tally *sum) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const double a = j->diffusion->a(j->diffusion, t), v = j->diffusion->v(j->diffusion, t);
  const size_t n = j->n_draws;
  double *x, *mean, *posterior_mean;
  FSL_GET(ctx, x, n * j->d);
  FSL_GET(ctx, mean, n * j->d);
  FSL_GET(ctx, posterior_mean, n * j->d);
  FSL_TRY(fsl_posterior_draw(ctx, j->posterior, a, v, j->key, node * n, n, x, NULL));
  const fsl_moments moments = {.mean = mean, .posterior_mean = posterior_mean};
  FSL_TRY(fsl_posterior_moments(ctx, j->posterior, a, v, n, x, &moments));
  const sight seen = {.n = n, .x = x, .mean = mean, .posterior_mean = posterior_mean};
  FSL_TRY(add_states(ctx, j, t, &seen, sum));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* ---- d = 1: quadrature ------------------------------------------------------------------------------------------- */

/* Both means and log p(x_t | y) at n points, in chunks that keep the work space small. */
static fsl_status look(fsl_ctx *ctx, const judge *j, double t, size_t n, const double *x, double *mean,
                       double *posterior_mean, double *log_density) {
  const double a = j->diffusion->a(j->diffusion, t), v = j->diffusion->v(j->diffusion, t);
  for (size_t first = 0; first < n; first += CHUNK) {
    const size_t b = n - first < CHUNK ? n - first : CHUNK;
    const fsl_moments moments = {
        .mean = mean + first, .posterior_mean = posterior_mean + first, .posterior_log_density = log_density + first};
    FSL_TRY(fsl_posterior_moments(ctx, j->posterior, a, v, b, x + first, &moments));
  }
  return FSL_OK;
}

/* Where the prior at t has its mass; the posterior's lies inside. */
static void support(const judge *j, double t, double *low, double *high) {
  const fsl_mixture *prior = &fsl_posterior_problem(j->posterior)->prior->population;
  const double a = j->diffusion->a(j->diffusion, t), v = j->diffusion->v(j->diffusion, t);
  *low = INFINITY;
  *high = -INFINITY;
  for (size_t k = 0; k < prior->n; k++) {
    const size_t c = prior->covariance_of == NULL ? 0 : prior->covariance_of[k];
    const double reach = 9.5 * (a * sqrt(prior->covariance[c].values[0]) + sqrt(v));
    *low = fmin(*low, a * prior->mean[k] - reach);
    *high = fmax(*high, a * prior->mean[k] + reach);
  }
}

typedef struct segment { /* of the line, where p(x_t | y) is not negligible */
  double low, high;
} segment;

/* p(x_t | y) is a convolution with N(0, v): nodes a standard deviation apart miss none of its peaks. */
static fsl_status find_segments(fsl_ctx *ctx, const judge *j, double t, segment **out, size_t *n_out) {
  const double std = sqrt(j->diffusion->v(j->diffusion, t));
  double low, high, *x, *density, *mean, *posterior_mean, top = -INFINITY;
  support(j, t, &low, &high);
  size_t n = (size_t)fmin(ceil((high - low) / std), MOST_COARSE - 1) + 1;
  if (n < 3) n = 3;
  const double h = (high - low) / (double)(n - 1);
  FSL_GET(ctx, x, n);
  FSL_GET(ctx, density, n);
  FSL_GET(ctx, mean, n);
  FSL_GET(ctx, posterior_mean, n);
  FSL_GET(ctx, *out, n);
  for (size_t i = 0; i < n; i++) x[i] = low + (double)i * h;
  FSL_TRY(look(ctx, j, t, n, x, mean, posterior_mean, density));
  for (size_t i = 0; i < n; i++) top = fmax(top, density[i]);
  *n_out = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(density[i] > top + negligible)) continue;
    segment *last = *n_out > 0 ? *out + *n_out - 1 : NULL;
    if (last != NULL && x[i] - h <= last->high + 0.5 * h)
      last->high = x[i] + h;
    else
      (*out)[(*n_out)++] = (segment){x[i] - h, x[i] + h};
  }
  return FSL_OK;
}

/* Trapezoid over uniform points of every segment; for a smooth density that vanishes at the ends it converges faster
 * than any power of the spacing. */
static fsl_status expect_by_quadrature(fsl_ctx *ctx, const judge *j, double t, tally *sum) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const double std = sqrt(j->diffusion->v(j->diffusion, t));
  segment *segments = NULL;
  size_t n_segments = 0, n = 0;
  FSL_TRY(find_segments(ctx, j, t, &segments, &n_segments));
  double length = 0, top = -INFINITY, *x, *mean, *posterior_mean, *weight, *step;
  for (size_t s = 0; s < n_segments; s++) length += segments[s].high - segments[s].low;
  const double asked = fmin(fmax(length / (std / 16), FSL_SCORE_LEAST_POINTS), MOST_POINTS);
  const size_t room = (size_t)asked + 3 * n_segments + 3;
  FSL_GET(ctx, x, room);
  FSL_GET(ctx, mean, room);
  FSL_GET(ctx, posterior_mean, room);
  FSL_GET(ctx, weight, room);
  FSL_GET(ctx, step, room);
  for (size_t s = 0; s < n_segments; s++) {
    const double width = segments[s].high - segments[s].low;
    const size_t points = (size_t)ceil(asked * width / length) + 1;
    for (size_t i = 0; i < points; i++, n++) {
      step[n] = width / (double)(points - 1);
      x[n] = segments[s].low + (double)i * step[n];
    }
  }
  FSL_TRY(look(ctx, j, t, n, x, mean, posterior_mean, weight));
  for (size_t i = 0; i < n; i++) top = fmax(top, weight[i]);
  for (size_t i = 0; i < n; i++) weight[i] = step[i] * exp(weight[i] - top);
  for (size_t first = 0; first < n; first += CHUNK) {
    const size_t b = n - first < CHUNK ? n - first : CHUNK;
    const sight seen = {b, x + first, mean + first, posterior_mean + first, weight + first};
    FSL_TRY(add_states(ctx, j, t, &seen, sum));
  }
  sum->top_error = sum->top_exact = 0;
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* Scores are differences of means times a/v: as the means cancel, their rounding stays. */
static double rounding(const judge *j, double t, double means) {
  const double scale = j->accuracy * j->diffusion->a(j->diffusion, t) / j->diffusion->v(j->diffusion, t);
  return scale * scale * (means + j->second_moment);
}

static fsl_status expect(fsl_ctx *ctx, const judge *j, double t, uint64_t node, expectation *out) {
  tally sum = {0};
  FSL_TRY(fsl_check_stop(ctx));
  FSL_TRY(j->d == 1 ? expect_by_quadrature(ctx, j, t, &sum) : expect_by_draws(ctx, j, t, node, &sum));
  *out = (expectation){.error = sum.error / sum.weight,
                       .exact = sum.exact / sum.weight,
                       .one_error = sum.top_error / sum.weight,
                       .one_exact = sum.top_exact / sum.weight,
                       .rounding = rounding(j, t, sum.means / sum.weight)};
  return FSL_OK;
}

/* ---- the three numbers ------------------------------------------------------------------------------------------- */

static bool dominated(double one, double sum) {
  return !(one <= most_of_one * sum);
}

/* Of E |g - g_fsr|^2. An exact method has none at all. */
static fsl_reason judge_error(double error, double one, double rounding) {
  if (rounding > 0 && error <= rounding) return FSL_AT_ROUNDING_LEVEL;
  return dominated(one, error) ? FSL_ONE_DRAW_DOMINATES : FSL_HAS_VALUE;
}

static fsl_reason judge_exact(const expectation *e, double least) {
  if (dominated(e->one_exact, e->exact)) return FSL_ONE_DRAW_DOMINATES;
  return e->exact < least ? FSL_NEGLIGIBLE_SCORE : FSL_HAS_VALUE;
}

static void relative_and_absolute(const judge *j, double t, const expectation *e, size_t i,
                                  const fsl_score_errors *out) {
  const double v = j->diffusion->v(j->diffusion, t), d = (double)j->d;
  const fsl_reason error = judge_error(e->error, e->one_error, e->rounding), exact = judge_exact(e, 1e-6 * d / v);
  const fsl_reason both = exact != FSL_HAS_VALUE ? exact : error;
  out->score_error_reason[i] = both;
  out->score_error[i] = both == FSL_HAS_VALUE ? sqrt(e->error / e->exact) : NAN;
  out->score_error_abs_reason[i] = error;
  out->score_error_abs[i] = error == FSL_HAS_VALUE ? sqrt(v * e->error / d) : NAN;
}

typedef struct node {
  double t;
  expectation at;
} node;

static int compare_nodes(const void *a, const void *b) {
  const double x = ((const node *)a)->t, y = ((const node *)b)->t;
  return (x > y) - (x < y);
}

/* 1/2 integral of g2 E|g - g_fsr|^2 from t to the last node. */
static fsl_reason path_kl(const judge *j, size_t n, const node *nodes, double t, double *out) {
  double sum = 0, one = 0, rounding = 0;
  for (size_t i = 0; i < n; i++) {
    if (nodes[i].t < t) continue;
    const double below = i > 0 && nodes[i - 1].t >= t ? nodes[i].t - nodes[i - 1].t : 0;
    const double above = i + 1 < n ? nodes[i + 1].t - nodes[i].t : 0;
    const double weight = 0.25 * (below + above) * j->diffusion->g2(j->diffusion, nodes[i].t);
    sum += weight * nodes[i].at.error;
    rounding += weight * nodes[i].at.rounding;
    one = fmax(one, weight * nodes[i].at.one_error);
  }
  const fsl_reason reason = judge_error(sum, one, rounding);
  *out = reason == FSL_HAS_VALUE ? sum : NAN;
  return reason;
}

static fsl_status find(fsl_ctx *ctx, const judge *j, double t_max, size_t n_times, const double *times,
                       const fsl_score_errors *out) {
  const size_t n = FSL_PATH_NODES + n_times;
  double t_min = times[0];
  node *nodes;
  FSL_GET(ctx, nodes, n);
  for (size_t i = 0; i < n_times; i++) t_min = fmin(t_min, times[i]);
  for (size_t i = 0; i < n_times; i++) nodes[i].t = times[i];
  for (size_t i = 0; i < FSL_PATH_NODES; i++)
    nodes[n_times + i].t = i + 1 == FSL_PATH_NODES ? t_max : t_min + (t_max - t_min) * (double)i / (FSL_PATH_NODES - 1);
  for (size_t i = 0; i < n; i++) {
    const bool again = i == n_times; /* the first node is min(times), already known */
    for (size_t k = 0; again && k < n_times; k++)
      if (times[k] == t_min) nodes[i].at = nodes[k].at;
    if (!again) FSL_TRY(expect(ctx, j, nodes[i].t, i, &nodes[i].at));
  }
  for (size_t i = 0; i < n_times; i++) relative_and_absolute(j, times[i], &nodes[i].at, i, out);
  qsort(nodes, n, sizeof *nodes, compare_nodes);
  for (size_t i = 0; i < n_times; i++) out->path_kl_reason[i] = path_kl(j, n, nodes, times[i], &out->path_kl[i]);
  return FSL_OK;
}

static void leave_out(size_t n_times, fsl_reason reason, const fsl_score_errors *out) {
  for (size_t i = 0; i < n_times; i++) {
    out->score_error[i] = out->score_error_abs[i] = out->path_kl[i] = NAN;
    out->score_error_reason[i] = out->score_error_abs_reason[i] = out->path_kl_reason[i] = reason;
  }
}

/* E |x_0|^2 */
static double second_moment(const fsl_mixture *prior) {
  double sum = 0;
  for (size_t k = 0; k < prior->n; k++) {
    const fsl_covariance *const s = &prior->covariance[prior->covariance_of == NULL ? 0 : prior->covariance_of[k]];
    double square = 0;
    for (size_t i = 0; i < prior->d; i++) square += prior->mean[k * prior->d + i] * prior->mean[k * prior->d + i];
    for (size_t i = 0; i < prior->d; i++) square += s->values[i];
    sum += exp(prior->log_weight[k]) * square;
  }
  return sum;
}

fsl_status fsl_score_errors_find(fsl_ctx *ctx, const fsl_approximation_kind *kind, const void *params,
                                 const fsl_posterior *posterior, const fsl_diffusion *diffusion, double t_max,
                                 size_t n_times, const double *times, size_t n_draws, fsl_key key,
                                 const fsl_score_errors *out) {
  const bool is_exact = fsl_posterior_is_exact(posterior);
  leave_out(n_times, kind->score == NULL ? FSL_NO_SCORE : FSL_NO_EXACT_SCORE, out);
  if (n_times == 0 || kind->score == NULL || !is_exact || fsl_approximation_inapplicable(kind, posterior) != NULL)
    return FSL_OK;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  judge j = {.kind = kind,
             .params = params,
             .posterior = posterior,
             .diffusion = diffusion,
             .d = fsl_posterior_dimension(posterior),
             .n_draws = n_draws,
             .key = key,
             .accuracy = kind->needs_exact ? 0 : fsl_posterior_accuracy(posterior),
             .second_moment = second_moment(&fsl_posterior_problem(posterior)->prior->population)};
  FSL_TRY(fsl_approximation_open(ctx, kind, params, posterior, &j.kept));
  FSL_TRY(find(ctx, &j, t_max, n_times, times, out));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
