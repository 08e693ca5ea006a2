/* metric/line.c: builds distribution functions of 1-D mixtures, and integrates |F - G|.
 * A smooth one is a table of values and densities with cubic Hermite pieces, limited as in Fritsch and Carlson (1980)
 * so that it stays monotone. Many components are binned with four-point Lagrange weights, which keep three moments, and
 * convolved with their normal directly. */
#include "metric/line.h"

#include "base/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double reach = 8.5;        /* standard deviations after which a normal's tail is below rounding */
static const double nodes_per_std = 12; /* of binned mixtures */

static double normal_cdf(double z) {
  return 0.5 * erfc(-z * M_SQRT1_2);
}
static double normal_density(double z) {
  return exp(-0.5 * z * z) * 0.5 * M_SQRT1_2 * M_2_SQRTPI;
}

/* ---- integral of |F - G| ----------------------------------------------------------------------------- */

typedef struct spot {
  double value, slope;
} spot;

/* The cubic between two spots h apart, at fraction s. */
static spot hermite(double h, spot left, spot right, double s) {
  const double rise = right.value - left.value;
  const double b = 3 * rise - h * (2 * left.slope + right.slope), c = h * (left.slope + right.slope) - 2 * rise;
  return (spot){.value = left.value + s * (h * left.slope + s * (b + s * c)),
                .slope = left.slope + (s * (2 * b + 3 * s * c)) / h};
}

static double area(double h, spot left, spot right) {
  return 0.5 * h * (left.value + right.value) + h * h / 12 * (left.slope - right.slope);
}

/* Integral of |cubic| where the ends differ in sign: bisection safeguards Newton. */
static double area_across(double h, spot left, spot right) {
  double low = 0, high = 1, s = left.value / (left.value - right.value);
  spot at = hermite(h, left, right, s);
  for (int i = 0; i < 60 && at.value != 0 && high - low > 1e-15; i++) {
    if ((at.value < 0) == (left.value < 0))
      low = s;
    else
      high = s;
    const double newton = s - at.value / (h * at.slope);
    s = newton > low && newton < high ? newton : 0.5 * (low + high);
    const double before = at.value;
    at = hermite(h, left, right, s);
    if (at.value == before) break;
  }
  at.value = 0;
  return fabs(area(h * s, left, at)) + fabs(area(h * (1 - s), at, right));
}

static double area_of_size(double h, spot left, spot right) {
  if (left.value * right.value < 0) return area_across(h, left, right);
  const spot middle = hermite(h, left, right, 0.5);
  if (middle.value * (left.value + right.value) >= 0) return fabs(area(h, left, right));
  return area_across(0.5 * h, left, middle) + area_across(0.5 * h, middle, right);
}

/* Value and slope on the piece that starts at node `piece` - 1 (0: before the first node). */
static spot line_at(const fsl_line *line, size_t piece, double x) {
  if (piece == 0) return (spot){0, 0};
  if (piece == line->n) return (spot){1, 0};
  const size_t j = piece - 1;
  if (line->slope == NULL) return (spot){line->value[j], 0};
  const double h = line->x[piece] - line->x[j];
  if (!(h > 0)) return (spot){line->value[j], line->slope[j]};
  return hermite(h, (spot){line->value[j], line->slope[j]}, (spot){line->value[piece], line->slope[piece]},
                 (x - line->x[j]) / h);
}

static spot difference(spot f, spot g) {
  return (spot){f.value - g.value, f.slope - g.slope};
}

/* At the left end of a piece; a curve is continuous, so it has there what it had at the last right end. */
static spot left_end(const fsl_line *line, size_t piece, double x, const spot *before) {
  return line->slope != NULL && before != NULL ? *before : line_at(line, piece, x);
}

/* Both are monotone: where one is a step function their difference changes its sign at most once on a piece. */
double fsl_line_w1(const fsl_line *f, const fsl_line *g) {
  const bool curves = f->slope != NULL && g->slope != NULL;
  size_t i = 0, j = 0;
  double sum = 0, x = fmin(f->x[0], g->x[0]);
  spot f_right, g_right, *f_before = NULL, *g_before = NULL;
  while (true) {
    while (i < f->n && f->x[i] <= x) i++;
    while (j < g->n && g->x[j] <= x) j++;
    if (i == f->n && j == g->n) return sum;
    const double next = fmin(i < f->n ? f->x[i] : INFINITY, j < g->n ? g->x[j] : INFINITY);
    const spot left = difference(left_end(f, i, x, f_before), left_end(g, j, x, g_before));
    f_right = line_at(f, i, next);
    g_right = line_at(g, j, next);
    const spot right = difference(f_right, g_right);
    if (curves)
      sum += area_of_size(next - x, left, right);
    else if (left.value * right.value < 0)
      sum += area_across(next - x, left, right);
    else
      sum += fabs(area(next - x, left, right));
    f_before = &f_right;
    g_before = &g_right;
    x = next;
  }
}

double fsl_line_at(const fsl_line *line, double x) {
  size_t low = 0, high = line->n; /* nodes before `low` are at most x, those from `high` on above it */
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (line->x[middle] <= x)
      low = middle + 1;
    else
      high = middle;
  }
  return line_at(line, low, x).value;
}

/* ---- quantiles ----------------------------------------------------------------------------------------- */

static double invert(const fsl_line *line, size_t piece, double p) {
  double low = line->x[piece - 1], high = line->x[piece];
  for (int i = 0; i < 60; i++) {
    const double middle = 0.5 * (low + high);
    if (!(middle > low && middle < high)) break;
    if (line_at(line, piece, middle).value < p)
      low = middle;
    else
      high = middle;
  }
  return 0.5 * (low + high);
}

void fsl_line_quantiles(const fsl_line *line, uint64_t first, uint64_t total, size_t n, double *out) {
  size_t j = 0;
  for (size_t i = 0; i < n; i++) {
    const double p = ((double)(first + i) + 0.5) / (double)total;
    while (j + 1 < line->n && line->value[j] < p) j++;
    out[i] = line->slope == NULL || j == 0 ? line->x[j] : invert(line, j, p);
  }
}

/* ---- samples ------------------------------------------------------------------------------------------- */

fsl_line fsl_line_of_samples(size_t n, const double *sorted, const double *ranks) {
  return (fsl_line){.n = n, .x = sorted, .value = ranks, .slope = NULL};
}

void fsl_line_ranks(size_t n, double *ranks) {
  for (size_t i = 0; i < n; i++) ranks[i] = (double)(i + 1) / (double)n;
}

/* ---- steps --------------------------------------------------------------------------------------------- */

typedef struct weighted {
  double x, weight;
} weighted;

static int compare_weighted(const void *a, const void *b) {
  const double x = ((const weighted *)a)->x, y = ((const weighted *)b)->x;
  return (x > y) - (x < y);
}

static fsl_status steps_of(fsl_ctx *ctx, const fsl_line_mixture *mixture, fsl_line *out) {
  const size_t n = mixture->n;
  double *x, *value;
  weighted *pair;
  FSL_GET(ctx, x, n);
  FSL_GET(ctx, value, n);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_GET(ctx, pair, n);
  for (size_t i = 0; i < n; i++) pair[i] = (weighted){mixture->location[i], mixture->weight[i]};
  qsort(pair, n, sizeof *pair, compare_weighted);
  size_t used = 0;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += pair[i].weight;
    if (used > 0 && x[used - 1] == pair[i].x) used--;
    x[used] = pair[i].x;
    value[used++] = sum;
  }
  value[used - 1] = 1;
  fsl_arena_release(ctx->arena, mark);
  *out = (fsl_line){.n = used, .x = x, .value = value};
  return FSL_OK;
}

/* ---- tables -------------------------------------------------------------------------------------------- */

typedef struct table {
  size_t n;
  double *x, *value, *slope;
} table;

static fsl_status table_get(fsl_ctx *ctx, size_t n, table *out) {
  FSL_GET(ctx, out->x, n);
  FSL_GET(ctx, out->value, n);
  FSL_GET(ctx, out->slope, n);
  out->n = n;
  return FSL_OK;
}

/* Slopes no steeper than three times the secants beside them keep every piece monotone. */
static void table_finish(table *t, fsl_line *out) {
  const size_t n = t->n;
  for (size_t j = 1; j < n; j++)
    if (t->value[j] < t->value[j - 1]) t->value[j] = t->value[j - 1];
  for (size_t j = 0; j < n; j++) {
    if (t->value[j] > 1) t->value[j] = 1;
    if (!(t->slope[j] > 0)) t->slope[j] = 0;
  }
  for (size_t j = 0; j + 1 < n; j++) {
    const double h = t->x[j + 1] - t->x[j];
    const double most = h > 0 ? 3 * (t->value[j + 1] - t->value[j]) / h : 0;
    t->slope[j] = fmin(t->slope[j], most);
    t->slope[j + 1] = fmin(t->slope[j + 1], most);
  }
  *out = (fsl_line){.n = n, .x = t->x, .value = t->value, .slope = t->slope};
}

typedef struct extent {
  double low, high, least_std; /* of locations +- reach standard deviations */
} extent;

static extent extent_of(const fsl_line_mixture *mixture) {
  extent e = {INFINITY, -INFINITY, INFINITY};
  for (size_t i = 0; i < mixture->n; i++) {
    const double std = sqrt(mixture->variance[i]);
    e.low = fmin(e.low, mixture->location[i] - reach * std);
    e.high = fmax(e.high, mixture->location[i] + reach * std);
    e.least_std = fmin(e.least_std, std);
  }
  return e;
}

/* ---- few normals: nodes around each, values exact -------------------------------------------------------- */

enum { FINE_NODES = 49, COARSE_NODES = 9, NODES = FINE_NODES + 2 * COARSE_NODES };

static double node_offset(int i) {
  if (i < COARSE_NODES) return -reach + 0.5 * i;
  if (i < COARSE_NODES + FINE_NODES) return -4 + (i - COARSE_NODES) / 6.0;
  return 4 + 0.5 * (i - COARSE_NODES - FINE_NODES + 1);
}

static fsl_status normals_of(fsl_ctx *ctx, const fsl_line_mixture *mixture, extent e, fsl_line *out) {
  table t;
  FSL_TRY(table_get(ctx, mixture->n * NODES, &t));
  const double least = 1e-9 * fmax(e.high - e.low, 1e-300); /* an atom among normals: steep, but no step */
  double std[FSL_LINE_EXACT] = {0};
  for (size_t k = 0; k < mixture->n; k++) {
    std[k] = fmax(sqrt(mixture->variance[k]), least);
    for (int i = 0; i < NODES; i++) t.x[k * NODES + (size_t)i] = mixture->location[k] + std[k] * node_offset(i);
  }
  qsort(t.x, t.n, sizeof *t.x, fsl_compare_reals);
  size_t n = 0;
  for (size_t j = 0; j < t.n; j++)
    if (n == 0 || t.x[j] > t.x[n - 1] + 1e-3 * least) t.x[n++] = t.x[j]; /* rounding would spoil secants */
  t.n = n;
  for (size_t j = 0; j < n; j++)
    for (size_t k = 0; k < mixture->n; k++) {
      const double z = (t.x[j] - mixture->location[k]) / std[k];
      if (z < -reach) continue;
      t.value[j] += mixture->weight[k] * (z > reach ? 1 : normal_cdf(z));
      if (z < reach) t.slope[j] += mixture->weight[k] * normal_density(z) / std[k];
    }
  table_finish(&t, out);
  return FSL_OK;
}

/* ---- many atoms without noise: exact at the nodes of a grid ----------------------------------------------- */

static fsl_status histogram_of(fsl_ctx *ctx, const fsl_line_mixture *mixture, extent e, size_t n, fsl_line *out) {
  table t;
  FSL_TRY(table_get(ctx, n, &t));
  const double h = (e.high - e.low) / (double)(n - 2);
  for (size_t j = 0; j < n; j++) t.x[j] = e.low + ((double)j - 0.5) * h;
  for (size_t i = 0; i < mixture->n; i++) {
    const double place = (mixture->location[i] - t.x[0]) / h;
    const size_t j = (size_t)fmin(fmax(ceil(place), 1), (double)(n - 1));
    t.value[j] += mixture->weight[i];
  }
  for (size_t j = 1; j < n; j++) t.value[j] += t.value[j - 1];
  for (size_t j = 1; j + 1 < n; j++) t.slope[j] = (t.value[j + 1] - t.value[j - 1]) / (2 * h);
  table_finish(&t, out);
  return FSL_OK;
}

/* ---- many normals: bin and convolve ----------------------------------------------------------------------- */

typedef struct binned {
  double low, h;
  size_t n;
  double *bin;  /* n: mass of the group at hand */
  double *full; /* n + 1: mass whose normal lies wholly below a node, by where that starts */
} binned;

static void put(const binned *b, double place, double weight, bool smooth) {
  const double cell = floor(place), f = place - cell;
  double *at = b->bin + (size_t)cell;
  if (!smooth) { /* a normal narrower than the grid: weights that stay positive */
    at[0] += weight * (1 - f);
    at[1] += weight * f;
    return;
  }
  at[-1] += weight * (-f * (f - 1) * (f - 2) / 6);
  at[0] += weight * ((f + 1) * (f - 1) * (f - 2) / 2);
  at[1] += weight * (-(f + 1) * f * (f - 2) / 2);
  at[2] += weight * ((f + 1) * f * (f - 1) / 6);
}

static fsl_status convolve(fsl_ctx *ctx, const binned *b, double std, table *t) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t half = (size_t)ceil(reach * std / b->h), taps = 2 * half + 1;
  double *cdf, *density;
  FSL_GET(ctx, cdf, taps);
  FSL_GET(ctx, density, taps);
  for (size_t k = 0; k < taps; k++) {
    const double z = ((double)k - (double)half) * b->h / std;
    cdf[k] = normal_cdf(z);
    density[k] = normal_density(z) / std;
  }
  for (size_t i = 0; i < b->n; i++) {
    const double mass = b->bin[i];
    if (mass == 0) continue;
    const size_t from = i > half ? i - half : 0, to = i + half < b->n - 1 ? i + half : b->n - 1;
    const double *c = cdf + (from + half - i), *g = density + (from + half - i);
    for (size_t j = from; j <= to; j++) {
      t->value[j] += mass * c[j - from];
      t->slope[j] += mass * g[j - from];
    }
    b->full[to + 1] += mass;
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* Components sorted by group (counting sort): order (n), start (n_groups + 1). */
static fsl_status sort_groups(fsl_ctx *ctx, const fsl_line_mixture *mixture, size_t **start, uint32_t **order) {
  const size_t n_groups = mixture->group == NULL ? 1 : mixture->n_groups;
  FSL_GET(ctx, *start, n_groups + 2);
  FSL_GET(ctx, *order, mixture->n);
  size_t *next = *start + 1;
  for (size_t i = 0; i < mixture->n; i++) next[1 + (mixture->group == NULL ? 0 : mixture->group[i])]++;
  for (size_t g = 0; g < n_groups; g++) next[g + 1] += next[g];
  for (size_t i = 0; i < mixture->n; i++) {
    const size_t g = mixture->group == NULL ? 0 : mixture->group[i];
    (*order)[next[g]++] = (uint32_t)i;
  }
  return FSL_OK;
}

static fsl_status fill_bins(fsl_ctx *ctx, const fsl_line_mixture *mixture, binned *b, table *t) {
  size_t *start;
  uint32_t *order;
  FSL_TRY(sort_groups(ctx, mixture, &start, &order));
  const size_t n_groups = mixture->group == NULL ? 1 : mixture->n_groups;
  for (size_t g = 0; g < n_groups; g++) {
    if (start[g] == start[g + 1]) continue;
    const double std = fmax(sqrt(mixture->variance[order[start[g]]]), 0.5 * b->h);
    memset(b->bin, 0, b->n * sizeof *b->bin);
    for (size_t i = start[g]; i < start[g + 1]; i++)
      put(b, (mixture->location[order[i]] - b->low) / b->h, mixture->weight[order[i]], std >= 2 * b->h);
    FSL_TRY(convolve(ctx, b, std, t));
  }
  double below = 0;
  for (size_t j = 0; j < b->n; j++) {
    below += b->full[j];
    t->value[j] += below;
  }
  return FSL_OK;
}

static fsl_status bins_of(fsl_ctx *ctx, const fsl_line_mixture *mixture, extent e, size_t max_nodes, fsl_line *out) {
  const double range = e.high - e.low, finest = range / (double)(max_nodes - 8);
  binned b = {.h = fmax(e.least_std / nodes_per_std, finest)};
  b.low = e.low - 3 * b.h;
  b.n = (size_t)ceil(range / b.h) + 8;
  table t;
  FSL_TRY(table_get(ctx, b.n, &t));
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_GET(ctx, b.bin, b.n);
  FSL_GET(ctx, b.full, b.n + 1);
  for (size_t j = 0; j < b.n; j++) t.x[j] = b.low + (double)j * b.h;
  FSL_TRY(fill_bins(ctx, mixture, &b, &t));
  fsl_arena_release(ctx->arena, mark);
  table_finish(&t, out);
  return FSL_OK;
}

fsl_status fsl_line_of_mixture(fsl_ctx *ctx, const fsl_line_mixture *mixture, size_t max_nodes, fsl_line *out) {
  const extent e = extent_of(mixture);
  bool atomic = true;
  for (size_t i = 0; i < mixture->n && atomic; i++) atomic = mixture->variance[i] == 0;
  if (!isfinite(e.low) || !isfinite(e.high))
    return fsl_fail(ctx, FSL_ENUMERIC, "a projected distribution is not finite");
  if (atomic && (mixture->n <= FSL_LINE_STEPS || e.low == e.high)) return steps_of(ctx, mixture, out);
  if (mixture->n <= FSL_LINE_EXACT) return normals_of(ctx, mixture, e, out);
  if (atomic) return histogram_of(ctx, mixture, e, max_nodes, out);
  return bins_of(ctx, mixture, e, max_nodes, out);
}
