/* finite.c: moments of a prior that is made of atoms. Burns & Fridovich-Keil 2026. */
#include <math.h>
#include <string.h>

#include "posterior/internal.h"

#define LOG_2_PI 1.8378770664093454836

static fsl_pass pass_of(const fsl_posterior *posterior, fsl_pass_what what, double a, double v, size_t n,
                        const double *x, size_t p) {
  return (fsl_pass){.kernel = posterior->kernel,
                    .what = what,
                    .n = n,
                    .d = posterior->atoms.d,
                    .x = x,
                    .a = a,
                    .v = v,
                    .p = p,
                    .shape = {.sides = 1, .p = fsl_pass_sums(what, p, 0)},
                    .single = posterior->setting.single};
}

static void mean_of(const double *side, size_t p, bool ok, double *out) {
  for (size_t j = 0; j < p; ++j) out[j] = ok ? side[FSL_PARTIAL_VEC + j] / side[FSL_PARTIAL_SUM] : NAN;
}

static double log_density(const double *side, bool ok, double constant) {
  return ok ? side[FSL_PARTIAL_MAX] + log(side[FSL_PARTIAL_SUM]) + constant : NAN;
}

static double entropy(const double *side, bool ok) {
  return ok ? fmax(0.0, log(side[FSL_PARTIAL_SUM]) - side[FSL_PARTIAL_ENERGY] / side[FSL_PARTIAL_SUM]) : NAN;
}

static void unpack_moments(const fsl_atom_set *set, const fsl_pass *pass, double v, const double *records,
                           const fsl_moments *out) {
  const size_t d = set->d, side = fsl_partial_side(pass->shape), width = fsl_partial_width(pass->shape);
  const double constant = -set->log_norm - 0.5 * (double)d * (LOG_2_PI + log(fmax(v, FSL_TINY_VARIANCE)));
  for (size_t i = 0; i < pass->n; ++i) {
    const double *prior = records + i * width, *post = prior + side;
    const bool ok = fsl_is_finite(d, pass->x + i * d);
    if (out->mean != NULL) mean_of(prior, d, ok, out->mean + i * d);
    if (out->log_density != NULL) out->log_density[i] = log_density(prior, ok, constant);
    if (out->entropy != NULL) out->entropy[i] = entropy(prior, ok);
    if (out->posterior_mean != NULL) mean_of(post, d, ok, out->posterior_mean + i * d);
    if (out->posterior_log_density != NULL)
      out->posterior_log_density[i] = log_density(post, ok, constant - set->log_evidence);
  }
}

/* The tree's sums have the weights in them. */
static fsl_status tree_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                               const double *x, const fsl_moments *out) {
  const double constant = -0.5 * (double)posterior->atoms.d * (LOG_2_PI + log(fmax(v, FSL_TINY_VARIANCE)));
  const fsl_tree_results results = {.mean = out->mean,
                                    .posterior_mean = out->posterior_mean,
                                    .log_sum = out->log_density,
                                    .posterior_log_sum = out->posterior_log_density};
  FSL_TRY(fsl_tree_moments(ctx, posterior->tree, a, v, n, x, &results));
  for (size_t i = 0; i < n && out->log_density != NULL; ++i) out->log_density[i] += constant;
  for (size_t i = 0; i < n && out->posterior_log_density != NULL; ++i)
    out->posterior_log_density[i] += constant - posterior->atoms.log_evidence;
  return FSL_OK;
}

fsl_status fsl_atoms_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                             const double *x, const fsl_moments *out) {
  const fsl_atom_set *set = &posterior->atoms;
  if (posterior->tree != NULL && out->entropy == NULL) return tree_moments(ctx, posterior, a, v, n, x, out);
  const bool means = out->mean != NULL || out->posterior_mean != NULL;
  fsl_pass pass = pass_of(posterior, FSL_PASS_MEANS, a, v, n, x, means ? set->d : 0);
  pass.shape.sides = out->posterior_mean != NULL || out->posterior_log_density != NULL ? 2 : 1;
  pass.shape.energy = out->entropy != NULL;
  if (pass.shape.energy && set->sharded && ctx->team->size > 1)
    return fsl_fail(ctx, FSL_EINTERNAL, "the entropy is for a team of one: equal atoms may lie on different ranks");
  double *records;
  FSL_GET(ctx, records, n * fsl_partial_width(pass.shape));
  FSL_TRY(fsl_atoms_run(ctx, set, &pass, set->x, NULL, records));
  unpack_moments(set, &pass, v, records, out);
  return FSL_OK;
}

static fsl_status cross(fsl_ctx *ctx, const fsl_posterior *posterior, fsl_pass *pass, const double *inner,
                        double *out) {
  const fsl_atom_set *set = &posterior->atoms;
  const size_t d = set->d, width = fsl_partial_width(pass->shape), q = pass->q;
  double *records;
  FSL_GET(ctx, records, pass->n * width);
  FSL_TRY(fsl_atoms_run(ctx, set, pass, set->x, inner, records));
  for (size_t i = 0; i < pass->n; ++i) {
    const bool ok = fsl_is_finite(d, pass->x + i * d) && fsl_is_finite(d, pass->payload_centre + i * d) &&
                    fsl_is_finite(q, pass->inner_centre + i * q) && fsl_is_finite(q, pass->u + i * q);
    mean_of(records + i * width, d, ok, out + i * d);
  }
  return FSL_OK;
}

static fsl_status tree_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                             const double *x, const double *mean, const double *u, double *out) {
  const size_t d = posterior->atoms.d;
  FSL_TRY(fsl_tree_covariance_times(ctx, posterior->tree, a, v, n, x, mean, u, out, NULL));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < d && !fsl_is_finite(d, u + i * d); ++j) out[i * d + j] = NAN;
  return FSL_OK;
}

fsl_status fsl_atoms_covariance_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                      const double *x, const double *mean, const double *u, double *out) {
  if (posterior->tree != NULL) return tree_times(ctx, posterior, a, v, n, x, mean, u, out);
  fsl_pass pass = pass_of(posterior, FSL_PASS_CROSS, a, v, n, x, posterior->atoms.d);
  pass.q = posterior->atoms.d;
  pass.payload_centre = pass.inner_centre = mean;
  pass.u = u;
  return cross(ctx, posterior, &pass, posterior->atoms.x, out);
}

/* Cov_w(x0, A) of a linear A = M x + b is C M^T. */
static bool reads_off_tree(const fsl_posterior *posterior) {
  return posterior->tree != NULL && posterior->problem->model->linear;
}

/* C M^T u, for what knows of x0 alone: the tree, and the kernels of single precision. */
static fsl_status times_back(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                             const double *x, const double *mean, const double *u, double *out) {
  const fsl_forward_model *model = posterior->problem->model;
  double *back;
  FSL_GET(ctx, back, n * model->d);
  for (size_t i = 0; i < n; ++i) model->jacobian_t(model, mean + i * model->d, u + i * model->m, back + i * model->d);
  return fsl_atoms_covariance_times(ctx, posterior, a, v, n, x, mean, back, out);
}

/* cross (n, d, m): row j of C M^T is M times row j of C. */
static fsl_status tree_cross(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                             const double *x, const double *mean, double *cross) {
  const fsl_forward_model *model = posterior->problem->model;
  const size_t d = model->d, m = model->m;
  double *covariance;
  FSL_GET(ctx, covariance, n * d * d);
  FSL_TRY(fsl_tree_covariances(ctx, posterior->tree, a, v, n, x, mean, covariance, NULL));
  for (size_t i = 0; i < n * d; ++i) model->apply(model, covariance + i * d, cross + i * m);
  return FSL_OK;
}

fsl_status fsl_atoms_cross_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                 const double *x, const double *mean, const double *expected, const double *u,
                                 double *out) {
  const bool in_single = posterior->setting.single && posterior->problem->model->linear;
  if (reads_off_tree(posterior) || in_single) return times_back(ctx, posterior, a, v, n, x, mean, u, out);
  fsl_pass pass = pass_of(posterior, FSL_PASS_CROSS, a, v, n, x, posterior->atoms.d);
  pass.q = posterior->atoms.m;
  pass.payload_centre = mean;
  pass.inner_centre = expected;
  pass.u = u;
  return cross(ctx, posterior, &pass, posterior->atoms.forward, out);
}

/* ---- moments of A(x) --------------------------------------------------------------------------------------------- */

/* E_w A: of a linear model it follows from the mean. */
static fsl_status expect(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n, const double *x,
                         const double *mean, double *expected) {
  const fsl_atom_set *set = &posterior->atoms;
  const fsl_forward_model *model = posterior->problem->model;
  const size_t m = set->m, d = set->d;
  for (size_t i = 0; i < n && model->linear; ++i) model->value(model, mean + i * d, expected + i * m);
  if (model->linear) return FSL_OK;
  const fsl_pass pass = pass_of(posterior, FSL_PASS_MEANS, a, v, n, x, m);
  const size_t width = fsl_partial_width(pass.shape);
  double *records;
  FSL_GET(ctx, records, n * width);
  FSL_TRY(fsl_atoms_run(ctx, set, &pass, set->forward, NULL, records));
  for (size_t i = 0; i < n; ++i) mean_of(records + i * width, m, fsl_is_finite(d, x + i * d), expected + i * m);
  return FSL_OK;
}

/* Second moments about what is expected: a one-pass difference of squares would cancel. */
static fsl_status spread_of(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n, const double *x,
                            const double *expected, double *spread) {
  const fsl_atom_set *set = &posterior->atoms;
  const size_t m = set->m;
  fsl_pass pass = pass_of(posterior, FSL_PASS_SPREAD, a, v, n, x, m);
  const size_t width = fsl_partial_width(pass.shape);
  double *records;
  pass.payload_centre = expected;
  FSL_GET(ctx, records, n * width);
  FSL_TRY(fsl_atoms_run(ctx, set, &pass, set->forward, NULL, records));
  for (size_t i = 0; i < n; ++i) {
    const bool ok = fsl_is_finite(set->d, x + i * set->d) && fsl_is_finite(m, expected + i * m);
    fsl_unpack_spread(m, records + i * width, ok, spread + i * m * m);
  }
  return FSL_OK;
}

/* record's (m, d) sums become cross (d, m). */
static void unpack_cross(size_t d, size_t m, const double *record, bool ok, double *cross) {
  for (size_t k = 0; k < m; ++k)
    for (size_t j = 0; j < d; ++j)
      cross[j * m + k] = ok ? record[FSL_PARTIAL_VEC + k * d + j] / record[FSL_PARTIAL_SUM] : NAN;
}

static fsl_status cross_of(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n, const double *x,
                           const double *mean, const double *expected, double *cross) {
  const fsl_atom_set *set = &posterior->atoms;
  const size_t d = set->d, m = set->m;
  fsl_pass pass = pass_of(posterior, FSL_PASS_JOINT, a, v, n, x, d);
  pass.q = m;
  pass.shape.p = fsl_pass_sums(FSL_PASS_JOINT, d, m);
  pass.payload_centre = mean;
  pass.inner_centre = expected;
  const size_t width = fsl_partial_width(pass.shape);
  double *records;
  FSL_GET(ctx, records, n * width);
  FSL_TRY(fsl_atoms_run(ctx, set, &pass, set->x, set->forward, records));
  for (size_t i = 0; i < n; ++i) {
    const bool ok = fsl_is_finite(d, x + i * d) && fsl_is_finite(d, mean + i * d) && fsl_is_finite(m, expected + i * m);
    unpack_cross(d, m, records + i * width, ok, cross + i * d * m);
  }
  return FSL_OK;
}

/* spread (m, m) = M cross of a linear model, made symmetric. */
static fsl_status spread_from_cross(fsl_ctx *ctx, const fsl_forward_model *model, size_t n, const double *cross,
                                    double *spread) {
  const size_t d = model->d, m = model->m;
  double *column, *image;
  FSL_GET(ctx, column, d);
  FSL_GET(ctx, image, m * m);
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < m; ++k) {
      for (size_t j = 0; j < d; ++j) column[j] = cross[(i * d + j) * m + k];
      model->apply(model, column, image + k * m);
    }
    for (size_t k = 0; k < m; ++k)
      for (size_t l = 0; l < m; ++l) spread[(i * m + k) * m + l] = 0.5 * (image[k * m + l] + image[l * m + k]);
  }
  return FSL_OK;
}

static fsl_status tree_second_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                      const double *x, const double *mean, double *spread, double *cross) {
  const fsl_forward_model *model = posterior->problem->model;
  if (cross == NULL && spread == NULL) return FSL_OK;
  if (cross == NULL) FSL_GET(ctx, cross, n * model->d * model->m);
  FSL_TRY(tree_cross(ctx, posterior, a, v, n, x, mean, cross));
  return spread != NULL ? spread_from_cross(ctx, model, n, cross, spread) : FSL_OK;
}

fsl_status fsl_atoms_forward_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                     const double *x, const double *mean, double *expected, double *spread,
                                     double *cross) {
  const fsl_forward_model *model = posterior->problem->model;
  FSL_TRY(expect(ctx, posterior, a, v, n, x, mean, expected));
  if (reads_off_tree(posterior)) return tree_second_moments(ctx, posterior, a, v, n, x, mean, spread, cross);
  if (cross != NULL) FSL_TRY(cross_of(ctx, posterior, a, v, n, x, mean, expected, cross));
  if (spread == NULL) return FSL_OK;
  if (cross != NULL && model->linear) return spread_from_cross(ctx, model, n, cross, spread);
  return spread_of(ctx, posterior, a, v, n, x, expected, spread);
}

/* Work a pair: both passes take the distances and exp (20); the joint sums d m products where the two others sum
 * m (m + 1)/2 + m + d. */
bool fsl_joint_pays(size_t d, size_t m) {
  return d * m <= (d + 20) + m * (m + 1) / 2 + m + d;
}

bool fsl_atoms_cross_is_cheap(const fsl_posterior *posterior) {
  if (reads_off_tree(posterior)) return true;
  return posterior->problem->model->linear && fsl_joint_pays(posterior->atoms.d, posterior->atoms.m);
}
