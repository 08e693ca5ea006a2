/* problem/mixture_condition.c: a mixture conditioned on a linear measurement y = M x + b + N(0, diag(std^2)).
 *
 * With S = V diag(l) V^T and G = diag(sqrt l) V^T M^T diag(1/std), (S^-1 + M^T S_n^-1 M)^-1 = F (I + G G^T)^-1 F^T, F =
 * V diag(sqrt l): S is never inverted, so it may be singular. The gain S M^T (M S M^T + S_n)^-1 moves the means, and
 * the evidence of a component is N(y; M mu + b, M S M^T + S_n). What depends on the covariance alone is made once for
 * all components that share it. */
#include "fslens/problem.h"

#include "base/linalg.h"

#include <math.h>
#include <string.h>

typedef struct measurement {
  size_t d, m;
  const double *matrix, *bias, *std, *y;
} measurement;

typedef struct conditioned {
  fsl_covariance covariance;
  const double *factor; /* (m, m): Cholesky factor of M S M^T + S_n */
  const double *gain;   /* (d, m): S M^T, solved against the factor for each component */
  double log_det;
} conditioned;

static const double log_two_pi = 1.837877066409345483560659472811235;

/* out (m, d) = M V */
static void rotate(const fsl_covariance *s, const measurement *q, double *out) {
  if (s->vectors == NULL)
    memcpy(out, q->matrix, q->m * q->d * sizeof *out);
  else
    fsl_matmul(q->m, q->d, q->d, q->matrix, s->vectors, 0, out);
}

/* out (d, m) = S M^T; rotated (m, d) is scratch. */
static void cross(const fsl_covariance *s, const measurement *q, double *rotated, double *out) {
  const size_t d = q->d, m = q->m;
  rotate(s, q, rotated);
  for (size_t i = 0; i < m * d; i++) rotated[i] *= s->values[i % d];
  if (s->vectors != NULL) {
    fsl_matmul_t(d, d, m, s->vectors, rotated, 0, out);
    return;
  }
  for (size_t i = 0; i < m; i++)
    for (size_t a = 0; a < d; a++) out[a * m + i] = rotated[i * d + a];
}

/* factor (m, m) of M S M^T + S_n, given S M^T. */
static fsl_status innovation(fsl_ctx *ctx, const measurement *q, const double *gain, double *factor) {
  fsl_matmul(q->m, q->d, q->m, q->matrix, gain, 0, factor);
  for (size_t i = 0; i < q->m; i++) factor[i * q->m + i] += q->std[i] * q->std[i];
  if (!fsl_cholesky(q->m, factor))
    return fsl_fail(ctx, FSL_ENUMERIC, "the covariance of the measurement is not positive definite");
  return FSL_OK;
}

/* out (d, m) = G = diag(sqrt l) V^T M^T diag(1/std); rotated (m, d) is scratch. */
static void whiten(const fsl_covariance *s, const measurement *q, double *rotated, double *out) {
  rotate(s, q, rotated);
  for (size_t i = 0; i < q->m; i++)
    for (size_t j = 0; j < q->d; j++) out[j * q->m + i] = sqrt(s->values[j]) * rotated[i * q->d + j] / q->std[i];
}

/* root (d, d) with root root^T = F (I + G G^T)^-1 F^T, F = V diag(sqrt l): F U diag(1 / sqrt(1 + g^2)) with G's left
 * singular vectors U. Eigenvalues of I + G G^T would lose those near 1 beside large ones. */
static void fill_root(const fsl_covariance *s, size_t d, const double *singular, const double *u, double *scratch,
                      double *root) {
  for (size_t a = 0; a < d; a++)
    for (size_t j = 0; j < d; j++) root[a * d + j] = sqrt(s->values[a]) * u[a * d + j] / hypot(1, singular[j]);
  if (s->vectors == NULL) return;
  fsl_matmul(d, d, d, s->vectors, root, 0, scratch);
  memcpy(root, scratch, d * d * sizeof *root);
}

/* F (I + G G^T)^-1 F^T by its eigenvectors. */
static fsl_status shrink(fsl_ctx *ctx, const fsl_covariance *s, const measurement *q, fsl_covariance *out) {
  const size_t d = q->d;
  double *g, *u, *values, *root, *scratch, *rotated;
  FSL_GET(ctx, g, d * q->m);
  FSL_GET(ctx, rotated, d * q->m);
  FSL_GET(ctx, u, d * d);
  FSL_GET(ctx, values, d);
  FSL_GET(ctx, root, d * d);
  FSL_GET(ctx, scratch, d * d);
  whiten(s, q, rotated, g);
  FSL_TRY(fsl_left_singular(ctx, d, q->m, g, values, u));
  *out = (fsl_covariance){.values = values, .vectors = u};
  if (s->isotropic) { /* U are the eigenvectors already */
    for (size_t j = 0; j < d; j++) values[j] = s->values[j] / (1 + values[j] * values[j]);
    return FSL_OK;
  }
  fill_root(s, d, values, u, scratch, root);
  FSL_TRY(fsl_check_stop(ctx));
  FSL_TRY(fsl_left_singular(ctx, d, d, root, values, u));
  for (size_t j = 0; j < d; j++) values[j] *= values[j];
  return FSL_OK;
}

static bool is_zero(const fsl_covariance *s, size_t d) {
  for (size_t j = 0; j < d; j++)
    if (s->values[j] != 0) return false;
  return true;
}

static fsl_status condition_covariance(fsl_ctx *ctx, const fsl_covariance *s, const measurement *q, conditioned *out) {
  double *gain, *factor, *rotated;
  FSL_GET(ctx, gain, q->d * q->m);
  FSL_GET(ctx, factor, q->m * q->m);
  FSL_GET(ctx, rotated, q->d * q->m);
  cross(s, q, rotated, gain);
  FSL_TRY(innovation(ctx, q, gain, factor));
  out->gain = gain;
  out->factor = factor;
  out->log_det = fsl_cholesky_log_det(q->m, factor);
  out->covariance = *s; /* atoms stay atoms */
  return is_zero(s, q->d) ? FSL_OK : shrink(ctx, s, q, &out->covariance);
}

/* The mean of one component under y, and its log evidence. */
static double condition_component(const measurement *q, const conditioned *c, const double *mean, double *residual,
                                  double *out) {
  for (size_t i = 0; i < q->m; i++)
    residual[i] = q->y[i] - fsl_dot(q->d, q->matrix + i * q->d, mean) - (q->bias == NULL ? 0 : q->bias[i]);
  fsl_forward_solve(q->m, c->factor, residual);
  const double distance2 = fsl_dot(q->m, residual, residual);
  fsl_backward_solve(q->m, c->factor, residual);
  for (size_t j = 0; j < q->d; j++) out[j] = mean[j] + fsl_dot(q->m, c->gain + j * q->m, residual);
  return -0.5 * (distance2 + c->log_det + (double)q->m * log_two_pi);
}

fsl_status fsl_mixture_condition(fsl_ctx *ctx, const fsl_mixture *prior, size_t m, const double *matrix,
                                 const double *bias, const double *std, const double *y, fsl_mixture *out,
                                 double *log_evidence) {
  const measurement q = {prior->d, m, matrix, bias, std, y};
  conditioned *c;
  fsl_covariance *covariance;
  double *mean, *log_factor, *residual;
  FSL_GET(ctx, c, prior->n_covariances);
  FSL_GET(ctx, covariance, prior->n_covariances);
  FSL_GET(ctx, mean, prior->n * prior->d);
  FSL_GET(ctx, log_factor, prior->n);
  FSL_GET(ctx, residual, m);
  for (size_t i = 0; i < prior->n_covariances; i++) {
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(condition_covariance(ctx, &prior->covariance[i], &q, &c[i]));
    covariance[i] = c[i].covariance;
  }
  for (size_t k = 0; k < prior->n; k++) {
    if (k % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    log_factor[k] = condition_component(&q, &c[prior->covariance_of == NULL ? 0 : prior->covariance_of[k]],
                                        prior->mean + k * prior->d, residual, mean + k * prior->d);
  }
  FSL_TRY(fsl_mixture_reweight(ctx, prior, log_factor, out, log_evidence));
  out->mean = mean;
  out->covariance = covariance;
  return FSL_OK;
}
