/* truth/panels.c: adaptive quadrature of prior times likelihood (see panels.h). */
#include "truth/panels.h"

#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;
/* A panel is halved while its estimated error is above `log_tolerance` of the total. The estimate is that of the
 * rule's interpolant, far above the error of the integral where the integrand is smooth. */
static const double tolerance[3] = {0, 1e-11, 1e-10};
/* The nodes stand for the posterior as atoms: no panel may hold more than this share of it. */
static const double most_mass[3] = {1, 1.0 / 512, 1.0 / 1024};
static const double resolved = 12;       /* noise standard deviations that a residual may change by inside a panel */
static const double bound_margin = 0.25; /* of its range at the nodes, added on either side */
static const double well_conditioned = 1e-6;
static const size_t most_panels[3] = {0, 100000, 500000};
static const size_t first_cuts[3] = {0, 16, 8}; /* panels along an axis at the start */

/* ---- rules ---------------------------------------------------------------------------------------- */

static fsl_status make_rule(fsl_ctx *ctx, size_t n, fsl_rule *rule) {
  gsl_integration_glfixed_table *const table = gsl_integration_glfixed_table_alloc(n);
  if (table == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a quadrature rule");
  rule->n = n;
  for (size_t i = 0; i < n; i++) gsl_integration_glfixed_point(-1, 1, i, &rule->node[i], &rule->weight[i], table);
  gsl_integration_glfixed_table_free(table);
  return FSL_OK;
}

/* Legendre polynomial of degree k by its three-term recurrence. */
static double legendre(size_t k, double x) {
  double before = 1, here = x;
  for (size_t j = 1; j < k; j++) {
    const double next = ((double)(2 * j + 1) * x * here - (double)j * before) / (double)(j + 1);
    before = here;
    here = next;
  }
  return here;
}

/* ---- frames --------------------------------------------------------------------------------------- */

static double eigenvector(const fsl_covariance *s, size_t d, size_t row, size_t column) {
  return s->vectors == NULL ? (double)(row == column) : s->vectors[row * d + column];
}

/* Along the coordinate axes, where kinks of abs or clip lie along panels' edges. */
static void frame_of_axes(const fsl_covariance *s, size_t d, fsl_frame *frame) {
  double covariance[4] = {0}, std[2] = {1, 1};
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      for (size_t k = 0; k < d; k++)
        covariance[i * d + j] += eigenvector(s, d, i, k) * s->values[k] * eigenvector(s, d, j, k);
  for (size_t i = 0; i < d; i++) std[i] = sqrt(covariance[i * d + i]);
  frame->axes = d;
  for (size_t i = 0; i < d; i++) {
    frame->basis[i * d + i] = std[i];
    frame->zero[i] = -frame->origin[i] / std[i];
  }
  const double rho = d == 1 ? 0 : covariance[1] / (std[0] * std[1]), det = 1 - rho * rho;
  frame->precision[0] = frame->precision[2] = 1 / det;
  frame->precision[1] = -rho / det;
  frame->log_scale -= 0.5 * log(det);
}

/* Along the eigenvectors, those of eigenvalue 0 left out. */
static void frame_of_eigenvectors(const fsl_covariance *s, size_t d, fsl_frame *frame) {
  size_t kept[2] = {0, 0};
  frame->axes = 0;
  for (size_t j = 0; j < d; j++)
    if (s->values[j] > 0) kept[frame->axes++] = j;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < frame->axes; j++)
      frame->basis[i * frame->axes + j] = eigenvector(s, d, i, kept[j]) * sqrt(s->values[kept[j]]);
  frame->precision[0] = frame->precision[2] = 1;
}

static fsl_frame make_frame(const fsl_mixture *prior, size_t k) {
  const fsl_covariance *const s = &prior->covariance[prior->covariance_of == NULL ? 0 : prior->covariance_of[k]];
  const size_t d = prior->d;
  fsl_frame frame = {.component = k, .log_scale = prior->log_weight[k], .zero = {NAN, NAN}};
  for (size_t i = 0; i < d; i++) frame.origin[i] = prior->mean[k * d + i];
  const double least = d == 1 ? s->values[0] : fmin(s->values[0], s->values[1]);
  const double largest = d == 1 ? s->values[0] : fmax(s->values[0], s->values[1]);
  if (least > well_conditioned * largest)
    frame_of_axes(s, d, &frame);
  else
    frame_of_eigenvectors(s, d, &frame);
  frame.log_scale -= 0.5 * (double)frame.axes * log(2 * pi);
  return frame;
}

fsl_status fsl_panels_create(fsl_ctx *ctx, const fsl_problem *problem, fsl_panels **out) {
  const fsl_mixture *const prior = &problem->prior->population;
  const size_t m = problem->model->m;
  fsl_panels *p;
  FSL_GET(ctx, p, 1);
  p->problem = problem;
  FSL_TRY(make_rule(ctx, FSL_PANEL_NODES, &p->rule));
  FSL_TRY(make_rule(ctx, FSL_PANEL_NODES - 2, &p->coarse));
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; i < FSL_PANEL_NODES; i++) p->top[k][i] = legendre(FSL_PANEL_NODES - 2 + k, p->rule.node[i]);
  for (size_t i = 0; i < m; i++) p->log_peak -= 0.5 * log(2 * pi) + log(problem->noise.std[i]);
  FSL_GET(ctx, p->frame, prior->n);
  for (size_t k = 0; k < prior->n; k++)
    if (prior->log_weight[k] > -INFINITY) p->frame[p->n_frames++] = make_frame(prior, k);
  p->capacity = most_panels[prior->d] + 4 * p->n_frames;
  FSL_GET(ctx, p->panel, p->capacity);
  FSL_GET(ctx, p->measured, m);
  FSL_GET(ctx, p->least, m);
  FSL_GET(ctx, p->largest, m);
  *out = p;
  return FSL_OK;
}

/* ---- one panel -------------------------------------------------------------------------------------- */

static double log_likelihood_at(fsl_panels *p, const double *x) {
  const fsl_problem *const problem = p->problem;
  const size_t m = problem->model->m;
  double squares = 0;
  problem->model->value(problem->model, x, p->measured);
  for (size_t i = 0; i < m; i++) {
    const double residual = (problem->y[i] - p->measured[i]) / problem->noise.std[i];
    squares += residual * residual;
    p->least[i] = fmin(p->least[i], residual);
    p->largest[i] = fmax(p->largest[i], residual);
  }
  return p->log_peak - 0.5 * squares;
}

static void add_node(fsl_panels *p, const fsl_frame *frame, const double *u, double log_weight, fsl_nodes *out) {
  const size_t d = p->problem->prior->d, axes = frame->axes;
  double *const x = out->x + out->n * d;
  for (size_t i = 0; i < d; i++) {
    x[i] = frame->origin[i];
    for (size_t j = 0; j < axes; j++) x[i] += frame->basis[i * axes + j] * u[j];
  }
  double distance = 0; /* Mahalanobis, squared */
  if (axes > 0) distance += frame->precision[0] * u[0] * u[0];
  if (axes > 1) distance += 2 * frame->precision[1] * u[0] * u[1] + frame->precision[2] * u[1] * u[1];
  const double log_likelihood = log_likelihood_at(p, x);
  out->log_likelihood[out->n] = log_likelihood;
  out->log_share[out->n++] = frame->log_scale + log_weight - 0.5 * distance + log_likelihood;
}

void fsl_panels_nodes(fsl_panels *p, const fsl_panel *panel, const fsl_rule *rule, fsl_nodes *out) {
  const fsl_frame *const frame = &p->frame[panel->frame];
  const size_t rows = frame->axes > 0 ? rule->n : 1, columns = frame->axes > 1 ? rule->n : 1;
  double half[2], middle[2];
  for (size_t j = 0; j < 2; j++) {
    half[j] = 0.5 * (panel->high[j] - panel->low[j]);
    middle[j] = panel->low[j] + half[j];
  }
  for (size_t i = 0; i < p->problem->model->m; i++) {
    p->least[i] = INFINITY;
    p->largest[i] = -INFINITY;
  }
  out->n = 0;
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      const double u[2] = {middle[0] + half[0] * rule->node[i], middle[1] + half[1] * rule->node[j]};
      double weight = 1;
      if (frame->axes > 0) weight *= half[0] * rule->weight[i];
      if (frame->axes > 1) weight *= half[1] * rule->weight[j];
      add_node(p, frame, u, log(weight), out);
    }
}

/* The larger of the two top Legendre coefficients along a line of nodes whose shares (weights included) are given:
 * what the rule's interpolant has not resolved, as an integral over the line. */
static double unresolved_along(const fsl_panels *p, const double *share, size_t stride) {
  double largest = 0;
  for (size_t k = 0; k < 2; k++) {
    const double degree = (double)(p->rule.n - 2 + k);
    double sum = 0;
    for (size_t i = 0; i < p->rule.n; i++) /* a share a node; NOLINTNEXTLINE(clang-analyzer-core.*) */
      sum += p->top[k][i] * share[i * stride];
    largest = fmax(largest, (2 * degree + 1) * fabs(sum));
  }
  return largest;
}

/* Errors along each axis, from the shares relative to the largest; lines add up without cancellation. */
static void estimate_errors(const fsl_panels *p, size_t axes, const double *share, double error[2]) {
  const size_t n = p->rule.n, lines = axes > 1 ? n : 1;
  error[0] = error[1] = 0;
  for (size_t j = 0; j < lines; j++) {
    error[0] += unresolved_along(p, share + j, lines);
    if (axes > 1) error[1] += unresolved_along(p, share + j * n, 1);
  }
}

static double distance_to_zero(double low, double high) {
  return low > 0 ? low : high < 0 ? -high : 0;
}

/* log of more than the panel can hold: volume x largest prior on it x largest likelihood its residuals allow; -inf
 * where the nodes see all there is to see. */
static double log_hidden(const fsl_panels *p, const fsl_frame *frame, const fsl_panel *panel) {
  double squares = 0, range = 0, mahalanobis = 0, log_volume = 0;
  for (size_t i = 0; i < p->problem->model->m; i++) {
    const double width = p->largest[i] - p->least[i], margin = bound_margin * width;
    const double distance = distance_to_zero(p->least[i] - margin, p->largest[i] + margin);
    squares += distance * distance;
    range = fmax(range, width);
  }
  if (range <= resolved) return -INFINITY;
  for (size_t j = 0; j < frame->axes; j++) { /* u_j has unit variance: u_j^2 is no more than Mahalanobis' distance */
    const double distance = distance_to_zero(panel->low[j], panel->high[j]);
    mahalanobis = fmax(mahalanobis, distance * distance);
    log_volume += log(panel->high[j] - panel->low[j]);
  }
  return frame->log_scale + log_volume - 0.5 * mahalanobis + p->log_peak - 0.5 * squares;
}

static void measure(fsl_panels *p, fsl_panel *panel) {
  const fsl_frame *const frame = &p->frame[panel->frame];
  fsl_nodes *const nodes = &p->work;
  double share[FSL_PANEL_MOST], sum = 0, error[2];
  fsl_panels_nodes(p, panel, &p->rule, nodes);
  double most = -INFINITY;
  for (size_t i = 0; i < nodes->n; i++) most = fmax(most, nodes->log_share[i]);
  for (size_t i = 0; i < nodes->n; i++) {
    share[i] = most == -INFINITY ? 0 : exp(nodes->log_share[i] - most);
    sum += share[i];
  }
  panel->log_most = most;
  panel->log_value = most == -INFINITY ? most : most + log(sum);
  panel->log_error = -INFINITY;
  if (frame->axes == 0) return;
  estimate_errors(p, frame->axes, share, error);
  const double width[2] = {panel->high[0] - panel->low[0], panel->high[1] - panel->low[1]};
  const double hidden = log_hidden(p, frame, panel);
  if (most > -INFINITY) panel->log_error = most + log(error[0] + error[1]);
  panel->axis = frame->axes > 1 && error[1] > error[0];
  if (hidden > panel->log_error || error[0] + error[1] < 1e-12 * sum)
    panel->axis = frame->axes > 1 && width[1] > width[0];
  panel->log_error = fmax(panel->log_error, hidden);
}

/* ---- refinement --------------------------------------------------------------------------------------- */

static void find_total(fsl_panels *p) {
  double most = -INFINITY, sum = 0;
  for (size_t i = 0; i < p->n; i++) most = fmax(most, p->panel[i].log_value);
  if (most > -INFINITY)
    for (size_t i = 0; i < p->n; i++) sum += exp(p->panel[i].log_value - most);
  p->log_total = most > -INFINITY ? most + log(sum) : most;
}

static bool wants_halving(const fsl_panels *p, const fsl_panel *panel) {
  const size_t axes = p->frame[panel->frame].axes;
  if (axes == 0) return false;
  const double width = panel->high[panel->axis] - panel->low[panel->axis];
  if (width < 1e-13 * (fabs(panel->low[panel->axis]) + fabs(panel->high[panel->axis]))) return false;
  return panel->log_error > p->log_total + log(tolerance[axes]) ||
         panel->log_value > p->log_total + log(most_mass[axes]);
}

static void halve(fsl_panels *p, size_t i) {
  fsl_panel *const first = &p->panel[i], *const second = &p->panel[p->n++];
  const int axis = first->axis;
  const double middle = 0.5 * (first->low[axis] + first->high[axis]);
  *second = *first;
  first->high[axis] = second->low[axis] = middle;
  measure(p, first);
  measure(p, second);
}

typedef struct wanted {
  double log_error;
  size_t panel;
} wanted;

static int by_error(const void *a, const void *b) {
  const wanted *const x = a, *const y = b;
  if (x->log_error != y->log_error) return x->log_error > y->log_error ? -1 : 1;
  return (x->panel > y->panel) - (x->panel < y->panel);
}

/* Rounds of halving; where the room ends, the worst panels have it. */
static fsl_status refine(fsl_ctx *ctx, fsl_panels *p) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  wanted *list;
  FSL_GET(ctx, list, p->capacity);
  for (size_t n = 1; n > 0 && p->n < p->capacity;) {
    find_total(p);
    n = 0;
    for (size_t i = 0; i < p->n; i++)
      if (wants_halving(p, &p->panel[i])) list[n++] = (wanted){p->panel[i].log_error, i};
    if (n > p->capacity - p->n) qsort(list, n, sizeof *list, by_error);
    for (size_t i = 0; i < n && p->n < p->capacity; i++) {
      if (i % 4096 == 0) FSL_TRY(fsl_check_stop(ctx));
      halve(p, list[i].panel);
    }
  }
  find_total(p);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* Edges of the first panels along an axis: even, and one where the coordinate is 0: abs and products have kinks there,
 * and regions by sign are then whole panels. */
static size_t first_edges(const fsl_frame *frame, size_t axis, size_t cuts, double radius, double *edge) {
  size_t n = 0;
  for (size_t i = 0; i <= cuts; i++) edge[n++] = radius * (2 * (double)i / (double)cuts - 1);
  const double zero = frame->zero[axis];
  if (!(fabs(zero) < radius)) return n;
  size_t at = 0;
  while (edge[at] < zero) at++;
  if (edge[at] - zero < 1e-9 * radius || zero - edge[at - 1] < 1e-9 * radius) {
    edge[edge[at] - zero < 1e-9 * radius ? at : at - 1] = zero;
    return n;
  }
  memmove(edge + at + 1, edge + at, (n - at) * sizeof *edge);
  edge[at] = zero;
  return n + 1;
}

static void cover_frame(fsl_panels *p, uint32_t k, size_t cuts, double radius) {
  const fsl_frame *const frame = &p->frame[k];
  double edge[2][32] = {{0}, {0}};
  size_t n[2] = {2, 2};
  for (size_t j = 0; j < frame->axes; j++) n[j] = first_edges(frame, j, cuts, radius, edge[j]);
  for (size_t i = 0; i + 1 < n[0]; i++)
    for (size_t j = 0; j + 1 < n[1]; j++) {
      fsl_panel *const panel = &p->panel[p->n++];
      *panel = (fsl_panel){.frame = k, .low = {edge[0][i], edge[1][j]}, .high = {edge[0][i + 1], edge[1][j + 1]}};
      measure(p, panel);
    }
}

static int by_place(const void *a, const void *b) {
  const fsl_panel *const x = a, *const y = b;
  if (x->frame != y->frame) return x->frame < y->frame ? -1 : 1;
  for (size_t j = 0; j < FSL_PANEL_AXES; j++)
    if (x->low[j] != y->low[j]) return x->low[j] < y->low[j] ? -1 : 1;
  return 0;
}

fsl_status fsl_panels_cover(fsl_ctx *ctx, fsl_panels *p, double radius) {
  const size_t d = p->problem->prior->d;
  size_t cuts = first_cuts[d]; /* fewer where many components share the room: (cuts + 1)^d panels each */
  while (cuts > 1 && p->n_frames * (d == 1 ? cuts + 1 : (cuts + 1) * (cuts + 1)) > p->capacity / 2) cuts--;
  p->n = 0;
  for (size_t k = 0; k < p->n_frames; k++) {
    if (k % 256 == 0) FSL_TRY(fsl_check_stop(ctx));
    cover_frame(p, (uint32_t)k, cuts, radius);
  }
  FSL_TRY(refine(ctx, p));
  qsort(p->panel, p->n, sizeof *p->panel, by_place);
  return FSL_OK;
}
