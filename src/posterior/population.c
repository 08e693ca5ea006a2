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

static fsl_status open_frame(fsl_ctx *ctx, const fsl_posterior *posterior, const fsl_group *group, size_t p, double a,
                             double v, size_t n, const double *x, frame *out) {
  const size_t d = posterior->prior.d;
  *out = (frame){.group = group};
  FSL_TRY(fsl_group_noised(ctx, group, d, a, v, &out->noised));
  FSL_GET(ctx, out->rotated, n * d);
  FSL_GET(ctx, out->scaled, n * d);
  FSL_GET(ctx, out->row, d);
  fsl_group_states(group, &out->noised, n, d, x, out->rotated, out->scaled);
  out->pass = (fsl_pass){.kernel = posterior->kernel,
                         .n = n,
                         .d = d,
                         .x = out->scaled,
                         .a = out->noised.a,
                         .v = out->noised.v,
                         .p = p,
                         .shape = {.sides = 1, .p = p}};
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
  FSL_TRY(open_frame(ctx, posterior, group, p, a, v, n, x, &f));
  FSL_TRY(fsl_pass_run(ctx, &f.pass, &f.noised.block, f.records));
  const size_t width = fsl_partial_width(f.pass.shape);
  for (size_t i = 0; i < n; ++i) mean_record(&f, d, i, f.records + i * width);
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
    fsl_group_rotate(f->group, d, mean + i * d, centre + i * d);
    fsl_group_rotate(f->group, d, u + i * d, vector + i * d);
    for (size_t j = 0; j < d; ++j) {
      const size_t k = i * d + j;
      centre[k] = (centre[k] - f->noised.gain[j] * f->rotated[k]) / f->noised.shrink[j];
      vector[k] *= f->noised.shrink[j];
    }
  }
  f->pass.what = FSL_PASS_CROSS;
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
  FSL_TRY(open_frame(ctx, posterior, group, d, a, v, n, x, &f));
  FSL_TRY(frame_vectors(ctx, &f, mean, u));
  FSL_TRY(fsl_pass_run(ctx, &f.pass, &f.noised.block, f.records));
  const size_t width = fsl_partial_width(f.pass.shape);
  for (size_t i = 0; i < n; ++i) covariance_record(&f, d, i, f.records + i * width);
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

/* column (n, d) = C M_k^T for row k of M; then column k of the spread is M times it. */
static fsl_status spread_column(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                const double *x, const double *mean, size_t k, double *u, double *column,
                                double *spread) {
  const size_t d = posterior->prior.d, m = posterior->problem->model->m;
  for (size_t i = 0; i < n; ++i) memcpy(u + i * d, posterior->matrix + k * d, d * sizeof *u);
  FSL_TRY(fsl_mixtures_covariance_times(ctx, posterior, a, v, n, x, mean, u, column));
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j <= k; ++j)
      spread[(i * m + j) * m + k] = spread[(i * m + k) * m + j] = fsl_dot(d, posterior->matrix + j * d, column + i * d);
  return FSL_OK;
}

fsl_status fsl_mixtures_forward_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                        const double *x, const double *mean, double *expected, double *spread) {
  const size_t d = posterior->prior.d, m = posterior->problem->model->m;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *u, *column;
  for (size_t i = 0; i < n; ++i)
    posterior->problem->model->value(posterior->problem->model, mean + i * d, expected + i * m);
  if (spread == NULL) return FSL_OK;
  FSL_GET(ctx, u, n * d);
  FSL_GET(ctx, column, n * d);
  for (size_t k = 0; k < m; ++k) FSL_TRY(spread_column(ctx, posterior, a, v, n, x, mean, k, u, column, spread));
  fsl_arena_release(ctx->arena, mark);
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
