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

/* out (d, m) = S M^T */
static void cross(const fsl_covariance *s, const measurement *q, double *rotated, double *out) {
  const size_t d = q->d;
  for (size_t i = 0; i < q->m; i++) {
    const double *const row = q->matrix + i * d;
    if (s->vectors == NULL)
      memcpy(rotated, row, d * sizeof *rotated);
    else
      fsl_matvec_t(d, d, s->vectors, row, rotated);
    for (size_t j = 0; j < d; j++) rotated[j] *= s->values[j];
    for (size_t a = 0; a < d; a++)
      out[a * q->m + i] = s->vectors == NULL ? rotated[a] : fsl_dot(d, s->vectors + a * d, rotated);
  }
}

/* factor (m, m) of M S M^T + S_n, given S M^T. */
static fsl_status innovation(fsl_ctx *ctx, const measurement *q, const double *gain, double *factor) {
  fsl_matmul(q->m, q->d, q->m, q->matrix, gain, 0, factor);
  for (size_t i = 0; i < q->m; i++) factor[i * q->m + i] += q->std[i] * q->std[i];
  if (!fsl_cholesky(q->m, factor))
    return fsl_fail(ctx, FSL_ENUMERIC, "the covariance of the measurement is not positive definite");
  return FSL_OK;
}

/* F (I + G G^T)^-1 F^T by its eigenvectors; F = V diag(sqrt l). */
static fsl_status shrink(fsl_ctx *ctx, const fsl_covariance *s, const measurement *q, fsl_covariance *out) {
  const size_t d = q->d;
  double *g, *inner, *vectors, *values, *rotation;
  FSL_GET(ctx, g, d * q->m);
  FSL_GET(ctx, inner, d * d);
  FSL_GET(ctx, vectors, d * d);
  FSL_GET(ctx, values, d);
  FSL_GET(ctx, rotation, d * d);
  for (size_t i = 0; i < q->m; i++) {
    if (s->vectors == NULL)
      memcpy(values, q->matrix + i * d, d * sizeof *values);
    else
      fsl_matvec_t(d, d, s->vectors, q->matrix + i * d, values);
    for (size_t j = 0; j < d; j++) g[j * q->m + i] = sqrt(s->values[j]) * values[j] / q->std[i];
  }
  for (size_t a = 0; a < d; a++)
    for (size_t b = 0; b < d; b++) inner[a * d + b] = fsl_dot(q->m, g + a * q->m, g + b * q->m) + (a == b ? 1.0 : 0.0);
  FSL_TRY(fsl_symmetric_eigen(ctx, d, inner, values, vectors));
  /* The product F W diag(1/values) W^T F^T, then its own eigenvectors. */
  for (size_t a = 0; a < d; a++)
    for (size_t j = 0; j < d; j++) rotation[a * d + j] = sqrt(s->values[a]) * vectors[a * d + j] / sqrt(values[j]);
  if (s->vectors != NULL) {
    fsl_matmul(d, d, d, s->vectors, rotation, 0, inner);
    memcpy(rotation, inner, d * d * sizeof *inner);
  }
  for (size_t a = 0; a < d; a++)
    for (size_t b = 0; b < d; b++) inner[a * d + b] = fsl_dot(d, rotation + a * d, rotation + b * d);
  FSL_TRY(fsl_symmetric_eigen(ctx, d, inner, values, vectors));
  for (size_t j = 0; j < d; j++) values[j] = values[j] > 0 ? values[j] : 0;
  *out = (fsl_covariance){.values = values, .vectors = vectors};
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
  FSL_GET(ctx, rotated, q->d);
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
    FSL_TRY(condition_covariance(ctx, &prior->covariance[i], &q, &c[i]));
    covariance[i] = c[i].covariance;
  }
  for (size_t k = 0; k < prior->n; k++)
    log_factor[k] = condition_component(&q, &c[prior->covariance_of == NULL ? 0 : prior->covariance_of[k]],
                                        prior->mean + k * prior->d, residual, mean + k * prior->d);
  FSL_TRY(fsl_mixture_reweight(ctx, prior, log_factor, out, log_evidence));
  out->mean = mean;
  out->covariance = covariance;
  return FSL_OK;
}
