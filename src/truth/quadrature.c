/* truth/quadrature.c: posteriors of mixtures in one and two dimensions under any forward model.
 *
 * Each component brings its own nodes: x = mu_k + F_k z with S_k = F_k F_k^T and z on a uniform grid over [-9, 9]^d,
 * weighted by w_k phi(z) L(x). The trapezoid rule converges spectrally for such integrands, adapts to each component's
 * scale, and every node knows its mode. The grid is halved until evidence, mean and covariance agree with the grid
 * before; the difference is the stated error. */
#include "truth/methods.h"

#include "base/linalg.h"

#include <math.h>
#include <string.h>

enum { FIRST_INTERVALS = 64, MOST_NODES = 1 << 23, MOST_COMPONENTS_1D = 4096, MOST_COMPONENTS_2D = 64 };

static const double half_width = 9;      /* in standard deviations of a component */
static const double tolerance = 1e-10;   /* of the refinement */
static const double log_negligible = 41; /* nodes below e^-41 of the largest are dropped */

bool fsl_truth_quadrature_fits(const fsl_mixture *prior) {
  return (prior->d == 1 && prior->n <= MOST_COMPONENTS_1D) || (prior->d == 2 && prior->n <= MOST_COMPONENTS_2D);
}

typedef struct rule {
  const fsl_problem *problem;
  const fsl_mixture *prior;
  size_t per_axis, per_component, n; /* nodes */
  double step;
  double *log_weight;              /* n: log of w_k phi(z) h^d L(x) */
  double *z2;                      /* m: room for a measurement */
  double log_evidence, log_second; /* logs of the sums of L and of L^2 under the prior */
  double mean[2], covariance[4];
} rule;

static const fsl_covariance *covariance_of(const fsl_mixture *mixture, size_t k) {
  return &mixture->covariance[mixture->covariance_of == NULL ? 0 : mixture->covariance_of[k]];
}

/* Point x (d) of node number `node`; returns log phi(z) h^d. */
static double place(const rule *r, size_t node, double *x) {
  const size_t d = r->prior->d, k = node / r->per_component;
  const fsl_covariance *const s = covariance_of(r->prior, k);
  double scaled[2], square = 0;
  for (size_t j = 0, rest = node % r->per_component; j < d; j++, rest /= r->per_axis) {
    const double z = -half_width + r->step * (double)(rest % r->per_axis);
    scaled[j] = sqrt(s->values[j]) * z;
    square += z * z;
  }
  for (size_t i = 0; i < d; i++)
    x[i] = r->prior->mean[k * d + i] + (s->vectors == NULL ? scaled[i] : fsl_dot(d, s->vectors + i * d, scaled));
  return -0.5 * square + (double)d * (log(r->step) - 0.918938533204672741780329736405618);
}

static void weigh(rule *r) {
  const fsl_forward_model *const model = r->problem->model;
  double x[2], most = -INFINITY, sum = 0, second = 0;
  for (size_t i = 0; i < r->n; i++) {
    const double log_prior = r->prior->log_weight[i / r->per_component] + place(r, i, x);
    model->value(model, x, r->z2);
    const double l = fsl_noise_log_density(&r->problem->noise, r->problem->y, r->z2);
    r->log_weight[i] = log_prior + l;
    if (r->log_weight[i] > most) {
      sum *= exp(most - r->log_weight[i]);
      second *= exp(2 * (most - r->log_weight[i]));
      most = r->log_weight[i];
    }
    sum += exp(r->log_weight[i] - most);
    second += exp(2 * (r->log_weight[i] - most) - log_prior);
  }
  r->log_evidence = most + log(sum);
  r->log_second = 2 * most + log(second);
}

/* Mean and covariance of the normalised nodes, two passes. */
static void measure(rule *r) {
  const size_t d = r->prior->d;
  double x[2];
  memset(r->mean, 0, sizeof r->mean);
  memset(r->covariance, 0, sizeof r->covariance);
  for (size_t i = 0; i < r->n; i++) {
    const double w = exp(r->log_weight[i] - r->log_evidence);
    if (w == 0) continue;
    place(r, i, x);
    fsl_axpy(d, w, x, r->mean);
  }
  for (size_t i = 0; i < r->n; i++) {
    const double w = exp(r->log_weight[i] - r->log_evidence);
    if (w == 0) continue;
    place(r, i, x);
    fsl_axpy(d, -1, r->mean, x);
    for (size_t a = 0; a < d; a++) fsl_axpy(d, w * x[a], x, r->covariance + a * d);
  }
}

static fsl_status apply_rule(fsl_ctx *ctx, const fsl_problem *problem, size_t intervals, rule *out) {
  const fsl_mixture *const prior = &problem->prior->population;
  *out = (rule){.problem = problem, .prior = prior, .per_axis = intervals + 1};
  out->per_component = prior->d == 1 ? out->per_axis : out->per_axis * out->per_axis;
  out->n = out->per_component * prior->n;
  out->step = 2 * half_width / (double)intervals;
  FSL_GET(ctx, out->log_weight, out->n);
  FSL_GET(ctx, out->z2, problem->model->m);
  weigh(out);
  if (!isfinite(out->log_evidence))
    return fsl_fail(ctx, FSL_ENUMERIC, "the measurement is impossible under the prior: its evidence vanishes");
  measure(out);
  return FSL_OK;
}

static double difference(const rule *a, const rule *b) {
  const size_t d = a->prior->d;
  double trace = 0, mean2 = 0, covariance2 = 0;
  for (size_t j = 0; j < d; j++) {
    trace += b->covariance[j * d + j];
    mean2 += (a->mean[j] - b->mean[j]) * (a->mean[j] - b->mean[j]);
  }
  for (size_t j = 0; j < d * d; j++)
    covariance2 += (a->covariance[j] - b->covariance[j]) * (a->covariance[j] - b->covariance[j]);
  const double by_mean = sqrt(mean2 / trace), by_covariance = sqrt(covariance2) / trace;
  return fmax(fabs(expm1(a->log_evidence - b->log_evidence)), fmax(by_mean, by_covariance));
}

/* The nodes that matter, as weighted atoms in ctx->arena. */
static fsl_status emit(fsl_ctx *ctx, const rule *r, fsl_truth *out) {
  const size_t d = r->prior->d;
  double most = -INFINITY, *x, *log_weight;
  uint32_t *mode_of;
  size_t kept = 0;
  for (size_t i = 0; i < r->n; i++)
    if (r->log_weight[i] > most) most = r->log_weight[i];
  for (size_t i = 0; i < r->n; i++) kept += r->log_weight[i] > most - log_negligible;
  FSL_GET(ctx, x, kept * d);
  FSL_GET(ctx, log_weight, kept);
  FSL_GET(ctx, mode_of, kept);
  size_t j = 0;
  for (size_t i = 0; i < r->n; i++) {
    if (r->log_weight[i] <= most - log_negligible) continue;
    place(r, i, x + j * d);
    log_weight[j] = r->log_weight[i];
    mode_of[j++] = fsl_mixture_mode(r->prior, i / r->per_component);
  }
  return fsl_mixture_of_atoms(ctx, kept, d, x, log_weight, mode_of, r->prior->n_modes, &out->law);
}

/* Works in `scratch`; the result goes to ctx->arena. */
static fsl_status refine(fsl_ctx *ctx, fsl_arena *scratch, const fsl_problem *problem, fsl_truth *out) {
  const fsl_mixture *const prior = &problem->prior->population;
  fsl_arena *const own = ctx->arena;
  rule last, now;
  size_t intervals = FIRST_INTERVALS;
  fsl_status status;
  ctx->arena = scratch;
  status = apply_rule(ctx, problem, intervals, &now);
  out->stated_error = INFINITY;
  while (status == FSL_OK && out->stated_error > tolerance) {
    const size_t finer = 2 * intervals + 1;
    if (prior->n * (prior->d == 1 ? finer : finer * finer) > MOST_NODES) break;
    last = now;
    intervals *= 2;
    status = apply_rule(ctx, problem, intervals, &now);
    if (status == FSL_OK) out->stated_error = difference(&last, &now);
  }
  ctx->arena = own;
  FSL_TRY(status);
  out->log_evidence = now.log_evidence;
  out->chi2 = exp(now.log_second - 2 * now.log_evidence);
  return emit(ctx, &now, out);
}

fsl_status fsl_truth_quadrature(fsl_ctx *ctx, const fsl_problem *problem, fsl_truth *out) {
  fsl_arena *const scratch = fsl_arena_create(0);
  if (scratch == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a quadrature");
  const fsl_status status = refine(ctx, scratch, problem, out);
  fsl_arena_destroy(scratch);
  return status;
}
