/* metric/plane_masses.c: masses of the modes under a law in the plane by quadrature. The plane is swept by parallel
 * lines: on each the law is a mixture of normals, the modes are intervals, found by bisection, and their masses
 * differences of its distribution function; across the lines the trapezoid rule, for each covariance of the law at its
 * own spacing. Boundaries that run along the lines or meet in a point are jumps and kinks across them, which the rule
 * does not like: its two halves, of every other line, then differ, and twice the lines of another slope are tried. */
#include "metric/parts.h"

#include <math.h>
#include <stdlib.h>

enum { FIRST_LINES_PER_STD = 8, POINTS_PER_STD = 4, LEAST_POINTS = 17, MOST_POINTS = 2048, MOST_LINES = 20000 };
enum { AT_ONCE = 64 /* lines */, HALVINGS = 12, DIRECT = 256 /* normals that are summed one by one */ };
enum { MOST_COMPONENTS = 1 << 18, CELLS_PER_STD = 16, MOST_HELD = 1 << 19 /* members of the lines at once */ };
static const double reach = 7;          /* standard deviations */
static const double negligible = 1e-10; /* mass of a line */
static const double settled = 2e-4;     /* difference of the halves, twice the error of the whole or more */

/* ---- the law's components of one covariance, seen from the lines -------------------------------------------- */

typedef struct member {
  double weight, along, across; /* of its mean, at t */
} member;

typedef struct bundle {
  size_t n;
  member *member; /* ascending across */
  double std;     /* across the lines */
  double tilt;    /* of the mean along a line by the place of the line */
  double inner;   /* standard deviation along a line */
  double spacing;
} bundle;

static int by_place(const void *a, const void *b) {
  const double x = ((const member *)a)->across, y = ((const member *)b)->across;
  return (x > y) - (x < y);
}

static int by_length(const void *a, const void *b) {
  const double x = ((const member *)a)->along, y = ((const member *)b)->along;
  return (x > y) - (x < y);
}

/* Members of a cell become one at their mean: of many, a posterior's nodes, few can be told apart at large t. */
static size_t merge(size_t n, member *m, double wide, double high) {
  size_t kept = 0;
  for (size_t first = 0, end = 0; first < n; first = end) {
    while (end < n && m[end].across < m[first].across + wide) end++;
    qsort(m + first, end - first, sizeof *m, by_length);
    for (size_t k = first; k < end;) {
      const double top = m[k].along + high;
      member sum = {0, 0, 0};
      for (; k < end && m[k].along < top; k++) {
        sum.weight += m[k].weight;
        sum.along += m[k].weight * m[k].along;
        sum.across += m[k].weight * m[k].across;
      }
      m[kept++] = (member){sum.weight, sum.along / sum.weight, sum.across / sum.weight};
    }
  }
  qsort(m, kept, sizeof *m, by_place);
  return kept;
}

/* Of the lines. */
typedef struct direction {
  double x, y;
} direction;

/* The first has the golden ratio's slope, so that boundaries along axes, diagonals and other simple slopes cross the
 * lines; an eighth of a turn between one and the next. */
enum { ATTEMPTS = 4 };
static direction direction_number(int i) {
  const double angle = atan(0.5 * (1 + sqrt(5))) + 0.25 * M_PI * i;
  return (direction){cos(angle), sin(angle)};
}

static double along(direction e, const double *x) {
  return e.x * x[0] + e.y * x[1];
}

static double across(direction e, const double *x) {
  return e.x * x[1] - e.y * x[0];
}

/* (u, w) along the lines and across them, back to the axes. */
static void place(direction e, double u, double w, double *x) {
  x[0] = e.x * u - e.y * w;
  x[1] = e.y * u + e.x * w;
}

/* Variances of a covariance at (a, v). */
static void turn(direction e, const fsl_covariance *s, double a, double v, double *uu, double *uw, double *ww) {
  *uu = *ww = v;
  *uw = 0;
  for (size_t j = 0; j < 2; j++) {
    const double axis[2] = {s->vectors == NULL ? (double)(j == 0) : s->vectors[j],
                            s->vectors == NULL ? (double)(j == 1) : s->vectors[2 + j]};
    const double value = a * a * s->values[j], u = along(e, axis), w = across(e, axis);
    *uu += value * u * u;
    *uw += value * u * w;
    *ww += value * w * w;
  }
}

static size_t covariance_of(const fsl_mixture *law, size_t k) {
  return law->covariance_of == NULL ? 0 : law->covariance_of[k];
}

static fsl_status bundle_create(fsl_ctx *ctx, direction e, double lines_per_std, const fsl_mixture *law, size_t c,
                                double a, double v, bundle *out) {
  double uu, uw, ww;
  *out = (bundle){0};
  FSL_GET(ctx, out->member, law->n);
  for (size_t k = 0; k < law->n; k++) {
    const double weight = exp(law->log_weight[k]), *const mean = law->mean + 2 * k;
    if (covariance_of(law, k) == c && weight > 0)
      out->member[out->n++] = (member){weight, a * along(e, mean), a * across(e, mean)};
  }
  qsort(out->member, out->n, sizeof *out->member, by_place);
  turn(e, &law->covariance[c], a, v, &uu, &uw, &ww);
  out->std = sqrt(ww);
  out->tilt = uw / ww;
  out->inner = sqrt(fmax(uu - uw * uw / ww, 0));
  out->spacing = out->std / lines_per_std;
  if (out->n > DIRECT) out->n = merge(out->n, out->member, out->std / CELLS_PER_STD, out->inner / CELLS_PER_STD);
  if (out->n > 0) {
    const double width = out->member[out->n - 1].across - out->member[0].across + 2 * reach * out->std;
    out->spacing = fmax(out->spacing, width / MOST_LINES);
  }
  return FSL_OK;
}

/* ---- one line ------------------------------------------------------------------------------------------------- */

typedef struct edge { /* of a mode's interval */
  double low, high;   /* where it is known to lie */
  uint32_t left, right;
} edge;

typedef struct line {
  double across, mass; /* mass: of the law on the strip that the line stands for */
  bool odd;
  size_t n;
  double *weight, *location; /* n, weights of sum 1 */
  double low, high;          /* what of the line is looked at */
  size_t points, first_point, n_edges, first_edge;
  uint32_t first_mode;
} line;

/* Members first .. first + n - 1 on the line at `w`. */
static fsl_status line_create(fsl_ctx *ctx, const bundle *b, const member *first, size_t n, double w, line *out) {
  const double scale = b->spacing / b->std * 0.5 * M_SQRT1_2 * M_2_SQRTPI;
  *out = (line){.across = w, .n = n, .low = INFINITY, .high = -INFINITY};
  FSL_GET(ctx, out->weight, n);
  FSL_GET(ctx, out->location, n);
  for (size_t k = 0; k < n; k++) {
    const double z = (w - first[k].across) / b->std;
    out->weight[k] = first[k].weight * scale * exp(-0.5 * z * z);
    out->location[k] = first[k].along + b->tilt * (w - first[k].across);
    out->mass += out->weight[k];
    out->low = fmin(out->low, out->location[k] - reach * b->inner);
    out->high = fmax(out->high, out->location[k] + reach * b->inner);
  }
  for (size_t k = 0; k < n && out->mass > 0; k++) out->weight[k] /= out->mass;
  return FSL_OK;
}

static double sum_of_normals(const line *l, double std, double u) {
  double sum = 0;
  for (size_t k = 0; k < l->n; k++) sum += l->weight[k] * 0.5 * erfc((l->location[k] - u) / std * M_SQRT1_2);
  return sum;
}

/* Adds the masses of the modes' intervals. */
static fsl_status add_line(fsl_ctx *ctx, const bundle *b, const line *l, const edge *edges, double *mass) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const bool direct = l->n <= DIRECT;
  double *variance, before = 0;
  fsl_line whole = {0};
  FSL_GET(ctx, variance, l->n);
  for (size_t k = 0; k < l->n; k++) variance[k] = b->inner * b->inner;
  const fsl_line_mixture mixture = {l->n, l->weight, l->location, variance, NULL, 1};
  if (!direct && l->n_edges > 0) FSL_TRY(fsl_line_of_mixture(ctx, &mixture, 4096, &whole));
  uint32_t mode = l->first_mode;
  for (size_t i = 0; i < l->n_edges; i++) {
    const edge *const e = &edges[l->first_edge + i];
    const double u = 0.5 * (e->low + e->high), below = direct ? sum_of_normals(l, b->inner, u) : fsl_line_at(&whole, u);
    mass[mode] += l->mass * (below - before);
    before = below;
    mode = e->right;
  }
  mass[mode] += l->mass * (1 - before);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* ---- modes along some lines ------------------------------------------------------------------------------------- */

typedef struct sweep {
  fsl_ctx *ctx;
  const fsl_mixture *prior;
  const fsl_law_view *view; /* of the prior */
  direction e;
  double lines_per_std;
  double a, v, step; /* step: between the points where modes are looked at first */
  double *mass[2];   /* by even lines and by odd ones */
  size_t n, held;    /* lines, and their members together */
  line lines[AT_ONCE];
} sweep;

static fsl_status find_modes(const sweep *s, size_t n, const double *x, uint32_t *mode) {
  return fsl_law_view_states(s->ctx, s->view, n, x, mode, NULL);
}

static double point_of(const line *l, size_t i) {
  return l->low + (l->high - l->low) * (double)i / (double)(l->points - 1);
}

/* The modes at even points of every line, and an edge where neighbours differ. */
static fsl_status find_edges(sweep *s, edge **edges, size_t *n_edges) {
  size_t n = 0;
  double *x;
  uint32_t *mode;
  for (size_t i = 0; i < s->n; i++) {
    line *const l = &s->lines[i];
    l->points = (size_t)fmin(fmax(ceil((l->high - l->low) / s->step) + 1, LEAST_POINTS), MOST_POINTS);
    l->first_point = n;
    n += l->points;
  }
  FSL_GET(s->ctx, x, 2 * n);
  FSL_GET(s->ctx, mode, n);
  FSL_GET(s->ctx, *edges, n);
  for (size_t i = 0; i < s->n; i++)
    for (size_t k = 0; k < s->lines[i].points; k++)
      place(s->e, point_of(&s->lines[i], k), s->lines[i].across, x + 2 * (s->lines[i].first_point + k));
  FSL_TRY(find_modes(s, n, x, mode));
  *n_edges = 0;
  for (size_t i = 0; i < s->n; i++) {
    line *const l = &s->lines[i];
    const uint32_t *const own = mode + l->first_point;
    l->first_mode = own[0];
    l->first_edge = *n_edges;
    for (size_t k = 1; k < l->points; k++)
      if (own[k] != own[k - 1]) (*edges)[(*n_edges)++] = (edge){point_of(l, k - 1), point_of(l, k), own[k - 1], own[k]};
    l->n_edges = *n_edges - l->first_edge;
  }
  return FSL_OK;
}

/* Halves what is known of all edges at once. */
static fsl_status narrow_edges(sweep *s, edge *edges, size_t n) {
  double *x;
  uint32_t *mode;
  FSL_GET(s->ctx, x, 2 * n);
  FSL_GET(s->ctx, mode, n);
  for (int round = 0; round < HALVINGS && n > 0; round++) {
    for (size_t i = 0; i < s->n; i++)
      for (size_t k = s->lines[i].first_edge; k < s->lines[i].first_edge + s->lines[i].n_edges; k++)
        place(s->e, 0.5 * (edges[k].low + edges[k].high), s->lines[i].across, x + 2 * k);
    FSL_TRY(find_modes(s, n, x, mode));
    for (size_t k = 0; k < n; k++)
      *(mode[k] == edges[k].left ? &edges[k].low : &edges[k].high) = 0.5 * (edges[k].low + edges[k].high);
  }
  return FSL_OK;
}

static fsl_status flush(sweep *s, const bundle *b) {
  edge *edges;
  size_t n_edges;
  FSL_TRY(fsl_check_stop(s->ctx));
  FSL_TRY(find_edges(s, &edges, &n_edges));
  FSL_TRY(narrow_edges(s, edges, n_edges));
  for (size_t i = 0; i < s->n; i++) FSL_TRY(add_line(s->ctx, b, &s->lines[i], edges, s->mass[s->lines[i].odd]));
  s->n = s->held = 0;
  return FSL_OK;
}

/* All lines that come near a member. */
static fsl_status sweep_bundle(sweep *s, const bundle *b) {
  const fsl_arena_mark mark = fsl_arena_now(s->ctx->arena);
  const double near = reach * b->std;
  size_t first = 0, end = 0;
  for (double j = -INFINITY; first < b->n; j++) {
    j = fmax(j, ceil((b->member[first].across - near) / b->spacing));
    const double w = j * b->spacing;
    while (end < b->n && b->member[end].across - near <= w) end++;
    while (first < b->n && b->member[first].across + near < w) first++;
    if (first >= end) continue;
    FSL_TRY(line_create(s->ctx, b, b->member + first, end - first, w, &s->lines[s->n]));
    s->lines[s->n].odd = fmod(j, 2) != 0;
    s->held += end - first;
    s->n += s->lines[s->n].mass > negligible;
    if (s->n < AT_ONCE && s->held < MOST_HELD) continue;
    FSL_TRY(flush(s, b));
    fsl_arena_release(s->ctx->arena, mark);
  }
  if (s->n > 0) FSL_TRY(flush(s, b));
  fsl_arena_release(s->ctx->arena, mark);
  return FSL_OK;
}

/* ---- all of the law ------------------------------------------------------------------------------------------- */

static double least_variance(const fsl_mixture *mixture) {
  double least = INFINITY;
  for (size_t c = 0; c < mixture->n_covariances; c++)
    least = fmin(least, fmin(mixture->covariance[c].values[0], mixture->covariance[c].values[1]));
  return least;
}

static fsl_status masses_of_atoms(fsl_ctx *ctx, const fsl_law_view *view, const fsl_mixture *law, double *mass) {
  uint32_t *mode;
  FSL_GET(ctx, mode, law->n);
  FSL_TRY(fsl_law_view_states(ctx, view, law->n, law->mean, mode, NULL));
  for (size_t k = 0; k < law->n; k++) mass[mode[k]] += exp(law->log_weight[k]);
  return FSL_OK;
}

bool fsl_plane_fits(const fsl_mixture *law, double v) {
  return law->d == 2 && law->n <= MOST_COMPONENTS && (v > 0 || least_variance(law) > 0 || fsl_mixture_is_atomic(law));
}

static fsl_status sweep_all(fsl_ctx *ctx, sweep *s, const fsl_mixture *law) {
  s->step = sqrt(s->a * s->a * least_variance(s->prior) + s->v) / POINTS_PER_STD;
  for (size_t k = 0; k < s->prior->n_modes; k++) s->mass[0][k] = s->mass[1][k] = 0;
  for (size_t c = 0; c < law->n_covariances; c++) {
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    bundle b;
    FSL_TRY(bundle_create(ctx, s->e, s->lines_per_std, law, c, s->a, s->v, &b));
    FSL_TRY(sweep_bundle(s, &b));
    fsl_arena_release(ctx->arena, mark);
  }
  return FSL_OK;
}

/* Of the masses by one half of the lines and by the other, at most. Each half has half of the mass. */
static double difference(const sweep *s) {
  double most = 0;
  for (size_t k = 0; k < s->prior->n_modes; k++) most = fmax(most, 2 * fabs(s->mass[0][k] - s->mass[1][k]));
  return most;
}

/* By the lines whose two halves agree best, of those that had to be tried. */
static fsl_status masses_by_lines(fsl_ctx *ctx, const fsl_mixture *prior, const fsl_law_view *view,
                                  const fsl_mixture *law, double a, double v, double *mass) {
  const size_t n = prior->n_modes;
  double least = INFINITY;
  sweep s = {.ctx = ctx, .prior = prior, .view = view, .a = a, .v = v};
  FSL_GET(ctx, s.mass[0], n);
  FSL_GET(ctx, s.mass[1], n);
  for (int i = 0; i < ATTEMPTS && least > settled; i++) {
    s.e = direction_number(i);
    s.lines_per_std = ldexp(FIRST_LINES_PER_STD, i);
    FSL_TRY(sweep_all(ctx, &s, law));
    if (!(difference(&s) < least)) continue;
    least = difference(&s);
    for (size_t k = 0; k < n; k++) mass[k] = s.mass[0][k] + s.mass[1][k];
  }
  return FSL_OK;
}

fsl_status fsl_plane_masses(fsl_ctx *ctx, const fsl_mixture *prior, const fsl_law_view *view, const fsl_mixture *law,
                            double a, double v, double *mass) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_law_view *own;
  double sum = 0;
  if (view == NULL) {
    FSL_TRY(fsl_law_view_create(ctx, prior, a, v, &own));
    view = own;
  }
  for (size_t k = 0; k < prior->n_modes; k++) mass[k] = 0;
  FSL_TRY(v == 0 && fsl_mixture_is_atomic(law) ? masses_of_atoms(ctx, view, law, mass)
                                               : masses_by_lines(ctx, prior, view, law, a, v, mass));
  for (size_t k = 0; k < prior->n_modes; k++) sum += mass[k];
  for (size_t k = 0; k < prior->n_modes; k++) mass[k] /= sum;
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
