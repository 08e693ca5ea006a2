/* truth/quadrature.c: the posterior of a Gaussian mixture under any forward model in one or two dimensions. The nodes
 * of an adaptive Gauss-Legendre rule (panels.h) are its atoms. Every component has nodes of its own, so that the modes'
 * weights are sums over their components' nodes and not a matter of which mode a node is nearest to.
 *
 * Moments, evidence and mode weights are sums over all nodes. A law of more than 2^18 of them is thinned by systematic
 * resampling (Carpenter, Clifford & Fearnhead 1999) in the order of components and places, which keeps the mass of any
 * stretch of that order to 2^-18. */
#include "truth/methods.h"
#include "truth/panels.h"
#include "truth/sum.h"

#include <math.h>

enum { MOST_COMPONENTS = 16384 };
static const double log_negligible = -41.446531673892822; /* log 1e-18: a node below this share of the largest goes */
static const double first_radius = 10;                    /* standard deviations */
static const double log_outside = -40;                    /* what the box may leave out, relative to the evidence */

bool fsl_truth_quadrature_fits(const fsl_mixture *prior) {
  return prior->d <= 2 && prior->n <= MOST_COMPONENTS;
}

/* ---- the box ---------------------------------------------------------------------------------------- */

/* Outside |u_j| <= R there is no more than exp(-R^2/2) times the largest likelihood. A measurement far from all the
 * prior expects thus asks for a larger box. */
static double radius_needed(const fsl_panels *p) {
  return fmax(first_radius, sqrt(2 * fmax(0, p->log_peak - p->log_total - log_outside)));
}

static fsl_status cover_posterior(fsl_ctx *ctx, fsl_panels *p) {
  enum { TRIES = 6 };
  double radius = first_radius;
  FSL_TRY(fsl_panels_cover(ctx, p, radius));
  for (int i = 0; i < TRIES; i++) {
    const double needed = radius_needed(p), old_radius = radius, old_total = p->log_total;
    if (!isfinite(needed) || (needed <= radius && needed >= 0.5 * radius)) break;
    radius = needed;
    FSL_TRY(fsl_panels_cover(ctx, p, radius));
    /* A larger box that finds nothing more only spreads the panels out. */
    if (radius > old_radius && p->log_total <= old_total + 1e-9) return fsl_panels_cover(ctx, p, old_radius);
  }
  if (p->log_total > -INFINITY) return FSL_OK;
  return fsl_fail(ctx, FSL_ENUMERIC, "the measurement is impossible under the prior: its evidence vanishes");
}

/* ---- moments under either rule ------------------------------------------------------------------------ */

typedef struct sums {
  fsl_sum_of one, first[2], second[4];
} sums;

typedef struct moments {
  double log_evidence, mean[2], covariance[4];
} moments;

static void add_panel(fsl_panels *p, const fsl_panel *panel, const fsl_rule *rule, const double *centre, sums *s) {
  const size_t d = p->problem->prior->d;
  fsl_nodes *const nodes = &p->work;
  fsl_panels_nodes(p, panel, rule, nodes);
  for (size_t i = 0; i < nodes->n; i++) {
    const double w = exp(nodes->log_share[i] - p->log_total);
    fsl_sum_add(&s->one, w);
    for (size_t j = 0; j < d; j++) {
      const double xj = nodes->x[i * d + j] - centre[j];
      fsl_sum_add(&s->first[j], w * xj);
      for (size_t k = 0; k < d; k++) fsl_sum_add(&s->second[j * d + k], w * xj * (nodes->x[i * d + k] - centre[k]));
    }
  }
}

/* Moments around `centre`, which only guards against cancellation. */
static moments find_moments(fsl_panels *p, const fsl_rule *rule, const double *centre) {
  const size_t d = p->problem->prior->d;
  sums s = {0};
  moments out = {0};
  double shift[2] = {0, 0};
  for (size_t i = 0; i < p->n; i++) add_panel(p, &p->panel[i], rule, centre, &s);
  const double one = fsl_sum_total(s.one);
  out.log_evidence = p->log_total + log(one);
  for (size_t j = 0; j < d; j++) {
    shift[j] = fsl_sum_total(s.first[j]) / one;
    out.mean[j] = centre[j] + shift[j];
  }
  for (size_t j = 0; j < d; j++)
    for (size_t k = 0; k < d; k++)
      out.covariance[j * d + k] = fsl_sum_total(s.second[j * d + k]) / one - shift[j] * shift[k];
  return out;
}

/* The largest relative difference: of the evidence, the mean (over the posterior's spread) and the covariance. */
static double difference(size_t d, const moments *a, const moments *b) {
  const double variance = a->covariance[0] + (d > 1 ? a->covariance[3] : 0);
  double error = fabs(expm1(a->log_evidence - b->log_evidence));
  if (!(variance > 0)) return error;
  for (size_t j = 0; j < d; j++) error = fmax(error, fabs(a->mean[j] - b->mean[j]) / sqrt(variance));
  for (size_t j = 0; j < d * d; j++) error = fmax(error, fabs(a->covariance[j] - b->covariance[j]) / variance);
  return error;
}

/* ---- the law ---------------------------------------------------------------------------------------------- */

typedef struct atoms {
  size_t n;
  double *x, *log_weight;
  uint32_t *mode;
  bool thinned;
  double seen; /* mass of all nodes before, in units of 1/FSL_QUADRATURE_MOST_ATOMS */
} atoms;

typedef struct tally {
  size_t n;            /* nodes that are not negligible */
  fsl_sum_of square;   /* of prior x likelihood^2 over the evidence squared */
  fsl_sum_of one;      /* of prior x likelihood over the evidence */
  double *mode_weight; /* one a mode */
} tally;

static uint32_t mode_of_panel(const fsl_panels *p, const fsl_panel *panel) {
  return fsl_mixture_mode(&p->problem->prior->population, p->frame[panel->frame].component);
}

static void count_panel(fsl_panels *p, const fsl_panel *panel, double log_least, tally *t) {
  fsl_nodes *const nodes = &p->work;
  double mass = 0;
  if (panel->log_most < log_least) return;
  fsl_panels_nodes(p, panel, &p->rule, nodes);
  for (size_t i = 0; i < nodes->n; i++) {
    if (nodes->log_share[i] < log_least) continue;
    t->n++;
    mass += exp(nodes->log_share[i] - p->log_total);
    fsl_sum_add(&t->square, exp(nodes->log_share[i] + nodes->log_likelihood[i] - 2 * p->log_total));
  }
  fsl_sum_add(&t->one, mass);
  t->mode_weight[mode_of_panel(p, panel)] += mass;
}

static void keep_node(atoms *a, size_t d, const double *x, double log_weight, uint32_t mode) {
  for (size_t j = 0; j < d; j++) a->x[a->n * d + j] = x[j];
  a->log_weight[a->n] = log_weight;
  a->mode[a->n++] = mode;
}

static void keep_panel(fsl_panels *p, const fsl_panel *panel, double log_least, double mass, atoms *a) {
  const size_t d = p->problem->prior->d;
  const uint32_t mode = mode_of_panel(p, panel);
  fsl_nodes *const nodes = &p->work;
  if (panel->log_most < log_least) return;
  fsl_panels_nodes(p, panel, &p->rule, nodes);
  for (size_t i = 0; i < nodes->n; i++) {
    if (nodes->log_share[i] < log_least) continue;
    double log_weight = nodes->log_share[i];
    if (a->thinned) { /* of the points 1/2, 3/2, ... those that fall on this node */
      const double before = a->seen;
      a->seen += exp(nodes->log_share[i] - p->log_total) * FSL_QUADRATURE_MOST_ATOMS / mass;
      log_weight = log(ceil(a->seen - 0.5) - ceil(before - 0.5));
    }
    if (log_weight > -INFINITY && a->n < FSL_QUADRATURE_MOST_ATOMS) keep_node(a, d, nodes->x + i * d, log_weight, mode);
  }
}

static fsl_status make_law(fsl_ctx *ctx, fsl_panels *p, fsl_truth *out) {
  const fsl_mixture *const prior = &p->problem->prior->population;
  double log_least = -INFINITY;
  tally t = {0};
  atoms a = {0};
  FSL_GET(ctx, t.mode_weight, prior->n_modes);
  for (size_t i = 0; i < p->n; i++) log_least = fmax(log_least, p->panel[i].log_most + log_negligible);
  for (size_t i = 0; i < p->n; i++) count_panel(p, &p->panel[i], log_least, &t);
  const double mass = fsl_sum_total(t.one);
  for (size_t k = 0; k < prior->n_modes; k++) t.mode_weight[k] /= mass;
  a.thinned = t.n > FSL_QUADRATURE_MOST_ATOMS;
  const size_t room = a.thinned ? FSL_QUADRATURE_MOST_ATOMS : t.n;
  FSL_GET(ctx, a.x, room * prior->d);
  FSL_GET(ctx, a.log_weight, room);
  FSL_GET(ctx, a.mode, room);
  for (size_t i = 0; i < p->n; i++) keep_panel(p, &p->panel[i], log_least, mass, &a);
  out->mode_weight = t.mode_weight;
  out->chi2 = fsl_sum_total(t.square);
  return fsl_mixture_of_atoms(ctx, a.n, prior->d, a.x, a.log_weight, a.mode, prior->n_modes, &out->law);
}

/* Mean and covariance come from all nodes, the negligible ones too. */
static fsl_status report(fsl_ctx *ctx, fsl_panels *p, fsl_truth *out) {
  const size_t d = p->problem->prior->d;
  double *mean, *covariance;
  FSL_GET(ctx, mean, d);
  FSL_GET(ctx, covariance, d * d);
  FSL_TRY(make_law(ctx, p, out));
  FSL_TRY(fsl_mixture_moments(ctx, &out->law, mean, NULL));
  const moments fine = find_moments(p, &p->rule, mean), coarse = find_moments(p, &p->coarse, mean);
  for (size_t i = 0; i < d; i++) mean[i] = fine.mean[i];
  for (size_t i = 0; i < d * d; i++) covariance[i] = fine.covariance[i];
  out->mean = mean;
  out->covariance = covariance;
  out->log_evidence = fine.log_evidence;
  out->stated_error = difference(d, &fine, &coarse);
  return FSL_OK;
}

/* The panels are made in an arena of their own, so that only the law stays. */
static fsl_status find_panels(fsl_ctx *ctx, fsl_arena *scratch, const fsl_problem *problem, fsl_panels **out) {
  fsl_arena *const own = ctx->arena;
  ctx->arena = scratch;
  fsl_status status = fsl_panels_create(ctx, problem, out);
  if (status == FSL_OK) status = cover_posterior(ctx, *out);
  ctx->arena = own;
  return status;
}

fsl_status fsl_truth_quadrature(fsl_ctx *ctx, const fsl_problem *problem, fsl_truth *out) {
  fsl_panels *panels;
  fsl_arena *const scratch = fsl_arena_create(0);
  if (scratch == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a quadrature");
  fsl_status status = find_panels(ctx, scratch, problem, &panels);
  if (status == FSL_OK) status = report(ctx, panels, out);
  fsl_arena_destroy(scratch);
  return status;
}
