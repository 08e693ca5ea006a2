/* population.c: moments of a mixture prior in closed form. With S_k = U diag(lambda) U^T, tau = a^2 lambda + v and
 * responsibilities r_k of x under the noised mixture, component k's own posterior is Gaussian with mean
 * U [(v/tau) U^T mu_k + (a lambda/tau) U^T x] and covariance U diag(lambda v/tau) U^T (conditioning of Gaussians);
 * m and C follow by the laws of total expectation and covariance. */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "posterior/internal.h"

/* One group's states and pass, in its own coordinates. */
typedef struct frame {
  const fsl_group *group;
  fsl_noised_group noised;
  double *rotated, *scaled, *records, *row;
  fsl_pass pass;
} frame;

static fsl_status open_frame(fsl_ctx *ctx, const fsl_posterior *posterior, const fsl_group *group, fsl_pass_what what,
                             size_t p, double a, double v, size_t n, const double *x, frame *out) {
  const size_t d = posterior->prior.d;
  *out = (frame){.group = group};
  FSL_TRY(fsl_group_noised(ctx, group, d, a, v, &out->noised));
  FSL_GET(ctx, out->rotated, n * d);
  FSL_GET(ctx, out->scaled, n * d);
  FSL_GET(ctx, out->row, d);
  FSL_TRY(fsl_group_states(ctx, group, &out->noised, n, d, x, out->rotated, out->scaled));
  out->pass = (fsl_pass){.kernel = posterior->kernel,
                         .what = what,
                         .n = n,
                         .d = d,
                         .x = out->scaled,
                         .a = out->noised.a,
                         .v = out->noised.v,
                         .p = p,
                         .shape = {.sides = 1, .p = fsl_pass_sums(what, p, 0)}};
  out->noised.block.p = p;
  FSL_GET(ctx, out->records, n * fsl_partial_width(out->pass.shape));
  return FSL_OK;
}

/* A group's record in the mixture's coordinates: sum e_k m_k, with m_k as above. */
static void mean_record(const frame *f, size_t d, size_t i, double *record) {
  record[FSL_PARTIAL_MAX] += f->noised.constant;
  if (f->pass.p == 0) return;
  double *vec = record + FSL_PARTIAL_VEC;
  for (size_t j = 0; j < d; ++j)
    f->row[j] = f->noised.shrink[j] * vec[j] + f->noised.gain[j] * f->rotated[i * d + j] * record[FSL_PARTIAL_SUM];
  fsl_group_unrotate(f->group, d, f->row, vec);
}

static fsl_status group_means(fsl_ctx *ctx, const fsl_posterior *posterior, const fsl_group *group, size_t p, double a,
                              double v, size_t n, const double *x, double *records) {
  const size_t d = posterior->prior.d;
  frame f;
  FSL_TRY(open_frame(ctx, posterior, group, FSL_PASS_MEANS, p, a, v, n, x, &f));
  FSL_TRY(fsl_pass_run(ctx, &f.pass, &f.noised.block, f.records));
  const size_t width = fsl_partial_width(f.pass.shape);
  for (size_t i = 0; i < n; ++i) {
    if (i % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    mean_record(&f, d, i, f.records + i * width);
  }
  fsl_partial_merge(f.pass.shape, n, records, f.records);
  return FSL_OK;
}

/* Mean (n, d) and log density (n), either NULL, under one mixture. */
static fsl_status side_moments(fsl_ctx *ctx, const fsl_posterior *posterior, const fsl_groups *groups, double a,
                               double v, size_t n, const double *x, double *mean, double *density) {
  const size_t d = groups->d, p = mean != NULL ? d : 0;
  const fsl_partial_shape shape = {.sides = 1, .p = p};
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *records;
  FSL_GET(ctx, records, n * fsl_partial_width(shape));
  fsl_partial_clear(shape, n, records);
  for (size_t g = 0; g < groups->n; ++g) {
    const fsl_arena_mark inner = fsl_arena_now(ctx->arena);
    FSL_TRY(group_means(ctx, posterior, &groups->group[g], p, a, v, n, x, records));
    fsl_arena_release(ctx->arena, inner);
  }
  for (size_t i = 0; i < n; ++i) {
    const double *record = records + i * fsl_partial_width(shape);
    const bool ok = fsl_is_finite(d, x + i * d);
    for (size_t j = 0; j < p; ++j) mean[i * d + j] = ok ? record[FSL_PARTIAL_VEC + j] / record[FSL_PARTIAL_SUM] : NAN;
    if (density != NULL) density[i] = ok ? record[FSL_PARTIAL_MAX] + log(record[FSL_PARTIAL_SUM]) : NAN;
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static void fill_nan(double *values, size_t n) {
  for (size_t i = 0; values != NULL && i < n; ++i) values[i] = NAN;
}

fsl_status fsl_mixtures_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                const double *x, const fsl_moments *out) {
  fill_nan(out->entropy, n);
  if (out->mean != NULL || out->log_density != NULL)
    FSL_TRY(side_moments(ctx, posterior, &posterior->prior_groups, a, v, n, x, out->mean, out->log_density));
  if (!posterior->is_exact) {
    fill_nan(out->posterior_mean, n * posterior->prior.d);
    fill_nan(out->posterior_log_density, n);
  } else if (out->posterior_mean != NULL || out->posterior_log_density != NULL) {
    FSL_TRY(side_moments(ctx, posterior, &posterior->conditioned_groups, a, v, n, x, out->posterior_mean,
                         out->posterior_log_density));
  }
  return FSL_OK;
}

/* ---- C u = sum_k r_k [S'_k u + (m_k - m) (m_k - m)^T u] --------------------------------------------------------- */

/* In a group's frame m_k - m = shrink (U^T mu_k - centre), so one `cross` over the rotated means gives the second
 * term. */
static fsl_status frame_vectors(fsl_ctx *ctx, frame *f, const double *mean, const double *u) {
  const size_t n = f->pass.n, d = f->pass.d;
  double *centre, *vector;
  FSL_GET(ctx, centre, n * d);
  FSL_GET(ctx, vector, n * d);
  for (size_t i = 0; i < n; ++i) {
    if (i % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    fsl_group_rotate(f->group, d, mean + i * d, centre + i * d);
    fsl_group_rotate(f->group, d, u + i * d, vector + i * d);
    for (size_t j = 0; j < d; ++j) {
      const size_t k = i * d + j;
      centre[k] = (centre[k] - f->noised.gain[j] * f->rotated[k]) / f->noised.shrink[j];
      vector[k] *= f->noised.shrink[j];
    }
  }
  f->pass.q = d;
  f->pass.payload_centre = f->pass.inner_centre = centre;
  f->pass.u = vector;
  return FSL_OK;
}

static void covariance_record(const frame *f, size_t d, size_t i, double *record) {
  double *vec = record + FSL_PARTIAL_VEC;
  record[FSL_PARTIAL_MAX] += f->noised.constant;
  for (size_t j = 0; j < d; ++j) {
    const double own = f->group->covariance->values[j] * f->pass.u[i * d + j]; /* u has v/tau in it already */
    f->row[j] = f->noised.shrink[j] * vec[j] + record[FSL_PARTIAL_SUM] * own;
  }
  fsl_group_unrotate(f->group, d, f->row, vec);
}

static fsl_status group_covariance(fsl_ctx *ctx, const fsl_posterior *posterior, const fsl_group *group, double a,
                                   double v, size_t n, const double *x, const double *mean, const double *u,
                                   double *records) {
  const size_t d = posterior->prior.d;
  frame f;
  FSL_TRY(open_frame(ctx, posterior, group, FSL_PASS_CROSS, d, a, v, n, x, &f));
  FSL_TRY(frame_vectors(ctx, &f, mean, u));
  FSL_TRY(fsl_pass_run(ctx, &f.pass, &f.noised.block, f.records));
  const size_t width = fsl_partial_width(f.pass.shape);
  for (size_t i = 0; i < n; ++i) {
    if (i % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    covariance_record(&f, d, i, f.records + i * width);
  }
  fsl_partial_merge(f.pass.shape, n, records, f.records);
  return FSL_OK;
}

fsl_status fsl_mixtures_covariance_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                         const double *x, const double *mean, const double *u, double *out) {
  const size_t d = posterior->prior.d;
  const fsl_partial_shape shape = {.sides = 1, .p = d};
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *records;
  FSL_GET(ctx, records, n * fsl_partial_width(shape));
  fsl_partial_clear(shape, n, records);
  for (size_t g = 0; g < posterior->prior_groups.n; ++g) {
    const fsl_arena_mark inner = fsl_arena_now(ctx->arena);
    FSL_TRY(group_covariance(ctx, posterior, &posterior->prior_groups.group[g], a, v, n, x, mean, u, records));
    fsl_arena_release(ctx->arena, inner);
  }
  for (size_t i = 0; i < n; ++i) {
    const double *record = records + i * fsl_partial_width(shape);
    const bool ok = fsl_is_finite(d, x + i * d) && fsl_is_finite(d, mean + i * d) && fsl_is_finite(d, u + i * d);
    for (size_t j = 0; j < d; ++j) out[i * d + j] = ok ? record[FSL_PARTIAL_VEC + j] / record[FSL_PARTIAL_SUM] : NAN;
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* ---- linear A: E A = M m + b, Cov A = M C M^T, Cov(x, A) u = C M^T u --------------------------------------------- */

/* A group's components measured: M m_k = M U shrink U^T mu_k + a part of the state alone. Then every M m_k - M m is a
 * `feature` minus a centre of the state's, so one `spread` pass over the features gives all of Cov(M m_k). */
static fsl_status measured_means(fsl_ctx *ctx, const fsl_posterior *posterior, const frame *f, size_t m,
                                 const double *rows, double *features) {
  const size_t d = f->pass.d, n = f->group->n;
  double *across;
  for (size_t i = 0; i < n * m && posterior->measured != NULL; ++i)
    features[i] = f->noised.shrink[0] * posterior->measured[i];
  if (posterior->measured != NULL) return FSL_OK;
  FSL_GET(ctx, across, d * m);
  for (size_t j = 0; j < d; ++j)
    for (size_t k = 0; k < m; ++k) across[j * m + k] = f->noised.shrink[j] * rows[k * d + j];
  fsl_matmul(n, d, m, f->group->mean, across, 0.0, features);
  return FSL_OK;
}

/* centre (n, m) = M m - M U gain U^T x: about the mean of the whole mixture, so that groups add up. */
static void measured_centre(const frame *f, size_t m, const double *rows, const double *mean, double *centre) {
  const size_t d = f->pass.d;
  for (size_t i = 0; i < f->pass.n; ++i) {
    fsl_group_rotate(f->group, d, mean + i * d, f->row);
    for (size_t j = 0; j < d; ++j) f->row[j] -= f->noised.gain[j] * f->rotated[i * d + j];
    fsl_matvec(m, d, rows, f->row, centre + i * m);
  }
}

/* own (m (m + 1)/2) = M S' M^T, the part that every component of the group has. */
static void measured_own(const frame *f, size_t m, const double *rows, double *own) {
  const size_t d = f->pass.d;
  for (size_t j = 0; j < m; ++j) {
    for (size_t l = 0; l < d; ++l) f->row[l] = f->group->covariance->values[l] * f->noised.shrink[l] * rows[j * d + l];
    for (size_t k = j; k < m; ++k) *own++ = fsl_dot(d, f->row, rows + k * d);
  }
}

static fsl_status group_spread(fsl_ctx *ctx, const fsl_posterior *posterior, const fsl_group *group, double a, double v,
                               size_t n, const double *x, const double *mean, double *records) {
  const size_t d = posterior->prior.d, m = posterior->problem->model->m;
  const size_t sums = fsl_pass_sums(FSL_PASS_SPREAD, m, 0);
  frame f;
  double *rows, *features, *centre, *own;
  FSL_TRY(open_frame(ctx, posterior, group, FSL_PASS_SPREAD, m, a, v, n, x, &f));
  FSL_GET(ctx, rows, m * d);
  FSL_GET(ctx, features, group->n * m);
  FSL_GET(ctx, centre, n * m);
  FSL_GET(ctx, own, sums);
  for (size_t k = 0; k < m; ++k) fsl_group_rotate(group, d, posterior->matrix + k * d, rows + k * d);
  FSL_TRY(measured_means(ctx, posterior, &f, m, rows, features));
  measured_centre(&f, m, rows, mean, centre);
  measured_own(&f, m, rows, own);
  f.noised.block.payload = features;
  f.pass.payload_centre = centre;
  FSL_TRY(fsl_pass_run(ctx, &f.pass, &f.noised.block, f.records));
  for (size_t i = 0; i < n; ++i) {
    double *record = f.records + i * fsl_partial_width(f.pass.shape);
    record[FSL_PARTIAL_MAX] += f.noised.constant;
    fsl_axpy(sums, record[FSL_PARTIAL_SUM], own, record + FSL_PARTIAL_VEC);
  }
  fsl_partial_merge(f.pass.shape, n, records, f.records);
  return FSL_OK;
}

static fsl_status spread_of(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n, const double *x,
                            const double *mean, double *spread) {
  const size_t d = posterior->prior.d, m = posterior->problem->model->m;
  const fsl_partial_shape shape = {.sides = 1, .p = fsl_pass_sums(FSL_PASS_SPREAD, m, 0)};
  double *records;
  FSL_GET(ctx, records, n * fsl_partial_width(shape));
  fsl_partial_clear(shape, n, records);
  for (size_t g = 0; g < posterior->prior_groups.n; ++g) {
    const fsl_arena_mark inner = fsl_arena_now(ctx->arena);
    FSL_TRY(group_spread(ctx, posterior, &posterior->prior_groups.group[g], a, v, n, x, mean, records));
    fsl_arena_release(ctx->arena, inner);
  }
  for (size_t i = 0; i < n; ++i) {
    const bool ok = fsl_is_finite(d, x + i * d) && fsl_is_finite(d, mean + i * d);
    fsl_unpack_spread(m, records + i * fsl_partial_width(shape), ok, spread + i * m * m);
  }
  return FSL_OK;
}

fsl_status fsl_mixtures_cross_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                    const double *x, const double *mean, const double *u, double *out) {
  const size_t d = posterior->prior.d, m = posterior->problem->model->m;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *back;
  FSL_GET(ctx, back, n * d);
  for (size_t i = 0; i < n; ++i)
    posterior->problem->model->jacobian_t(posterior->problem->model, mean + i * d, u + i * m, back + i * d);
  FSL_TRY(fsl_mixtures_covariance_times(ctx, posterior, a, v, n, x, mean, back, out));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* Cov_w(x0, A(x0)) column by column: out (n, d, m). */
static fsl_status columns_of(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                             const double *x, const double *mean, double *out) {
  const size_t d = posterior->prior.d, m = posterior->problem->model->m;
  double *unit, *column;
  FSL_GET(ctx, unit, n * m);
  FSL_GET(ctx, column, n * d);
  for (size_t k = 0; k < m; ++k) {
    for (size_t i = 0; i < n * m; ++i) unit[i] = i % m == k ? 1.0 : 0.0;
    FSL_TRY(fsl_mixtures_cross_times(ctx, posterior, a, v, n, x, mean, unit, column));
    for (size_t i = 0; i < n * d; ++i) out[i * m + k] = column[i];
  }
  return FSL_OK;
}

fsl_status fsl_mixtures_forward_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                        const double *x, const double *mean, double *expected, double *spread,
                                        double *cross) {
  const fsl_forward_model *model = posterior->problem->model;
  for (size_t i = 0; i < n; ++i) model->value(model, mean + i * model->d, expected + i * model->m);
  if (cross != NULL) FSL_TRY(columns_of(ctx, posterior, a, v, n, x, mean, cross));
  return spread != NULL ? spread_of(ctx, posterior, a, v, n, x, mean, spread) : FSL_OK;
}
