/* groups.c: the components of a mixture that share a covariance S = U diag(lambda) U^T. Noised to time t they are
 * atoms in the eigenbasis scaled by sqrt(tau), tau = a^2 lambda + v, so that the kernel of atoms serves them too. */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "posterior/arrange.h"
#include "posterior/internal.h"

#define LOG_2_PI 1.8378770664093454836

void fsl_group_rotate(const fsl_group *group, size_t d, const double *x, double *out) {
  if (group->covariance->vectors == NULL)
    memmove(out, x, d * sizeof *x);
  else
    fsl_matvec_t(d, d, group->covariance->vectors, x, out);
}

void fsl_group_unrotate(const fsl_group *group, size_t d, const double *x, double *out) {
  if (group->covariance->vectors == NULL)
    memmove(out, x, d * sizeof *x);
  else
    fsl_matvec(d, d, group->covariance->vectors, x, out);
}

static uint32_t covariance_of(const fsl_mixture *mixture, size_t k) {
  return mixture->covariance_of != NULL ? mixture->covariance_of[k] : 0;
}

/* out (n, d) = U^T mu_k of a group's components, a batch of them at a time. The shapes depend on the mixture alone,
 * which every rank has whole. */
static fsl_status rotate_means(fsl_ctx *ctx, const fsl_mixture *mixture, const fsl_group *group, double *out) {
  enum { BATCH = 256 };
  const size_t d = mixture->d;
  const double *const vectors = group->covariance->vectors;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *means;
  FSL_GET(ctx, means, BATCH * d);
  for (size_t first = 0; first < group->n; first += BATCH) {
    const size_t n = group->n - first < BATCH ? group->n - first : (size_t)BATCH;
    double *const to = vectors == NULL ? out + first * d : means;
    FSL_TRY(fsl_check_stop(ctx));
    for (size_t i = 0; i < n; ++i) memcpy(to + i * d, mixture->mean + group->index[first + i] * d, d * sizeof *means);
    if (vectors != NULL) fsl_matmul(n, d, d, means, vectors, 0, out + first * d);
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* Components of covariance c, copied out and rotated. */
static fsl_status gather(fsl_ctx *ctx, const fsl_mixture *mixture, uint32_t c, size_t n, fsl_group *out) {
  double *mean, *log_weight;
  uint32_t *index, *mode;
  FSL_GET(ctx, mean, n * mixture->d);
  FSL_GET(ctx, log_weight, n);
  FSL_GET(ctx, index, n);
  FSL_GET(ctx, mode, n);
  *out = (fsl_group){&mixture->covariance[c], n, mean, log_weight, index, mode};
  size_t i = 0;
  for (size_t k = 0; k < mixture->n; ++k) {
    if (covariance_of(mixture, k) != c) continue;
    log_weight[i] = mixture->log_weight[k];
    index[i] = (uint32_t)k;
    mode[i++] = fsl_mixture_mode(mixture, k);
  }
  return rotate_means(ctx, mixture, out, mean);
}

fsl_status fsl_groups_create(fsl_ctx *ctx, const fsl_mixture *mixture, fsl_groups *out) {
  fsl_group *group;
  size_t *size, n = 0;
  FSL_GET(ctx, group, mixture->n_covariances);
  *out = (fsl_groups){.d = mixture->d, .n_components = mixture->n, .group = group};
  if (mixture->n_covariances == 1 && mixture->covariance[0].vectors == NULL) {
    *group = (fsl_group){mixture->covariance, mixture->n, mixture->mean, mixture->log_weight, NULL, mixture->mode_of};
    out->n = 1;
    return FSL_OK;
  }
  FSL_GET(ctx, size, mixture->n_covariances);
  for (size_t k = 0; k < mixture->n; ++k) ++size[covariance_of(mixture, k)];
  for (size_t c = 0; c < mixture->n_covariances; ++c)
    if (size[c] > 0) FSL_TRY(gather(ctx, mixture, (uint32_t)c, size[c], &group[n++]));
  out->n = n;
  return FSL_OK;
}

fsl_status fsl_group_noised(fsl_ctx *ctx, const fsl_group *group, size_t d, double a, double v, fsl_noised_group *out) {
  double *root, *gain, *shrink, *nu = NULL;
  FSL_GET(ctx, root, d);
  FSL_GET(ctx, gain, d);
  FSL_GET(ctx, shrink, d);
  *out = (fsl_noised_group){.a = a, .root = root, .gain = gain, .shrink = shrink};
  v = fmax(v, FSL_TINY_VARIANCE);
  for (size_t j = 0; j < d; ++j) {
    const double lambda = group->covariance->values[j], tau = a * a * lambda + v;
    root[j] = sqrt(tau);
    gain[j] = a * lambda / tau;
    shrink[j] = v / tau;
    out->constant -= 0.5 * (LOG_2_PI + log(tau));
    out->scaled = out->scaled || root[j] != root[0];
  }
  if (out->scaled) {
    FSL_GET(ctx, nu, group->n * d);
    for (size_t i = 0; i < group->n * d; ++i) nu[i] = a * group->mean[i] / root[i % d];
    out->a = 1.0;
  }
  out->v = out->scaled ? 1.0 : root[0] * root[0];
  out->block = (fsl_block){.n = group->n,
                           .d = d,
                           .x = out->scaled ? nu : group->mean,
                           .log_weight = group->log_weight,
                           .mode_of = group->mode_of,
                           .p = d,
                           .payload = group->mean,
                           .q = d,
                           .inner = group->mean};
  if (d < FSL_WIDE) return FSL_OK;
  fsl_arrangement *arrangement;
  FSL_GET(ctx, arrangement, 1);
  FSL_TRY(fsl_arrange(ctx, &out->block, arrangement));
  out->block.arrangement = arrangement;
  return FSL_OK;
}

fsl_status fsl_group_states(fsl_ctx *ctx, const fsl_group *group, const fsl_noised_group *noised, size_t n, size_t d,
                            const double *x, double *rotated, double *scaled) {
  if (group->covariance->vectors == NULL)
    memmove(rotated, x, n * d * sizeof *x);
  else
    FSL_TRY(fsl_matvec_t_rows(ctx, d, d, group->covariance->vectors, n, x, rotated));
  for (size_t i = 0; i < n; ++i) {
    if (i % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    for (size_t j = 0; j < d; ++j)
      scaled[i * d + j] = noised->scaled ? rotated[i * d + j] / noised->root[j] : rotated[i * d + j];
  }
  return FSL_OK;
}
