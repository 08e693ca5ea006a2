/* problem/mixture_condition.c: a mixture conditioned on a linear measurement y = M x + b + N(0, diag(std^2)).
 *
 * With S = V diag(l) V^T and G = diag(sqrt l) V^T M^T diag(1/std), (S^-1 + M^T S_n^-1 M)^-1 = F (I + G G^T)^-1 F^T, F =
 * V diag(sqrt l): S is never inverted, so it may be singular. The gain S M^T (M S M^T + S_n)^-1 moves the means, and
 * the evidence of a component is N(y; M mu + b, M S M^T + S_n). What depends on the covariance alone is made once for
 * all components that share it; many of them are conditioned by products of matrices, a batch at a time. The shapes of
 * the products depend on the mixture alone, which every rank has whole. */
#include "fslens/problem.h"

#include "base/linalg.h"
#include "base/sparse.h"

#include <math.h>
#include <string.h>

/* From so many components of one covariance and so many entries of M on products pay; BATCH components at a time. */
enum { MANY = 64, LARGE = 1024, BATCH = 256 };

typedef struct measurement {
  size_t d, m;
  const double *matrix, *bias, *std, *y;
} measurement;

/* What all components of one covariance share. */
typedef struct conditioned {
  const double *factor; /* (m, m): L, the Cholesky factor of M S M^T + S_n */
  const double *cross;  /* (d, m): S M^T */
  double log_det;
  bool many;          /* conditioned by products: what follows is there */
  fsl_sparse measure; /* M */
  fsl_sparse whiten;  /* (m, m): L^-1 */
  fsl_sparse gain;    /* (d, m): S M^T L^-T, which takes a whitened residual to a shift of the mean */
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
static void find_cross(const fsl_covariance *s, const measurement *q, double *rotated, double *out) {
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
static fsl_status innovation(fsl_ctx *ctx, const measurement *q, const double *cross, double *factor) {
  fsl_matmul(q->m, q->d, q->m, q->matrix, cross, 0, factor);
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

/* out = F (I + G G^T)^-1 F^T by its eigenvectors u (d, d) and eigenvalues (d). */
static fsl_status find_shrunk(fsl_ctx *ctx, const fsl_covariance *s, const measurement *q, double *values, double *u) {
  const size_t d = q->d;
  double *g, *root, *scratch, *rotated;
  FSL_GET(ctx, g, d * q->m);
  FSL_GET(ctx, rotated, d * q->m);
  whiten(s, q, rotated, g);
  FSL_TRY(fsl_left_singular(ctx, d, q->m, g, values, u));
  if (s->isotropic) { /* U are the eigenvectors already */
    for (size_t j = 0; j < d; j++) values[j] = s->values[j] / (1 + values[j] * values[j]);
    return FSL_OK;
  }
  FSL_GET(ctx, root, d * d);
  FSL_GET(ctx, scratch, d * d);
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

/* Atoms stay atoms. */
static fsl_status shrink(fsl_ctx *ctx, const fsl_covariance *s, const measurement *q, fsl_covariance *out) {
  double *u, *values;
  *out = *s;
  if (is_zero(s, q->d)) return FSL_OK;
  FSL_GET(ctx, values, q->d);
  FSL_GET(ctx, u, q->d * q->d);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY(find_shrunk(ctx, s, q, values, u));
  fsl_arena_release(ctx->arena, mark);
  *out = (fsl_covariance){.values = values, .vectors = u};
  return FSL_OK;
}

/* L^-1 and S M^T L^-T. */
static fsl_status prepare_products(fsl_ctx *ctx, const measurement *q, conditioned *c) {
  double *whiten, *gain;
  FSL_GET(ctx, whiten, q->m * q->m);
  FSL_GET(ctx, gain, q->d * q->m);
  fsl_triangular_inverse(q->m, c->factor, whiten);
  fsl_matmul_t(q->d, q->m, q->m, c->cross, whiten, 0, gain);
  c->many = true;
  FSL_TRY(fsl_sparse_create(ctx, q->m, q->d, q->matrix, &c->measure));
  FSL_TRY(fsl_sparse_create(ctx, q->m, q->m, whiten, &c->whiten));
  return fsl_sparse_create(ctx, q->d, q->m, gain, &c->gain);
}

/* What the components of covariance s share; of `n` components. */
static fsl_status share(fsl_ctx *ctx, const fsl_covariance *s, const measurement *q, size_t n, conditioned *out) {
  double *cross, *factor, *rotated;
  FSL_GET(ctx, cross, q->d * q->m);
  FSL_GET(ctx, factor, q->m * q->m);
  FSL_GET(ctx, rotated, q->d * q->m);
  find_cross(s, q, rotated, cross);
  FSL_TRY(innovation(ctx, q, cross, factor));
  *out = (conditioned){.factor = factor, .cross = cross, .log_det = fsl_cholesky_log_det(q->m, factor)};
  return n >= MANY && q->m * q->d >= LARGE ? prepare_products(ctx, q, out) : FSL_OK;
}

static double log_evidence_of(const measurement *q, const conditioned *c, const double *whitened) {
  return -0.5 * (fsl_dot(q->m, whitened, whitened) + c->log_det + (double)q->m * log_two_pi);
}

/* ---- components ------------------------------------------------------------------------------------------------- */

/* One covariance's components, and what becomes of them. */
typedef struct batch {
  const fsl_mixture *prior;
  const measurement *q;
  const conditioned *shared;
  size_t n;
  uint32_t component[BATCH];
  double *prior_mean, *residual, *whitened, *shift; /* BATCH rows of d, m, m, d */
  double *mean, *log_factor;                        /* of all components; mean NULL: not wanted */
} batch;

static fsl_status open_batch(fsl_ctx *ctx, batch *b) {
  FSL_GET(ctx, b->prior_mean, BATCH * b->q->d);
  FSL_GET(ctx, b->residual, BATCH * b->q->m);
  FSL_GET(ctx, b->whitened, BATCH * b->q->m);
  FSL_GET(ctx, b->shift, BATCH * b->q->d);
  return FSL_OK;
}

/* residual (n, m): given M mu, y - M mu - b. */
static void subtract_from_y(const batch *b) {
  const measurement *const q = b->q;
  for (size_t k = 0; k < b->n; k++)
    for (size_t i = 0; i < q->m; i++) {
      double *const r = b->residual + k * q->m + i;
      *r = q->y[i] - *r - (q->bias == NULL ? 0 : q->bias[i]);
    }
}

/* shift (n, d) of the means, and the log evidences, by solving for each component. */
static void solve_each(const batch *b) {
  const size_t d = b->q->d, m = b->q->m;
  for (size_t k = 0; k < b->n; k++) fsl_matvec(m, d, b->q->matrix, b->prior_mean + k * d, b->residual + k * m);
  subtract_from_y(b);
  for (size_t k = 0; k < b->n; k++) {
    double *const r = b->residual + k * m;
    fsl_forward_solve(m, b->shared->factor, r);
    b->log_factor[b->component[k]] = log_evidence_of(b->q, b->shared, r);
    fsl_backward_solve(m, b->shared->factor, r);
    fsl_matvec(d, m, b->shared->cross, r, b->shift + k * d);
  }
}

/* The same by products. */
static void solve_all(const batch *b) {
  const size_t m = b->q->m;
  fsl_sparse_times(&b->shared->measure, b->n, b->prior_mean, b->residual);
  subtract_from_y(b);
  fsl_sparse_times(&b->shared->whiten, b->n, b->residual, b->whitened);
  for (size_t k = 0; k < b->n; k++)
    b->log_factor[b->component[k]] = log_evidence_of(b->q, b->shared, b->whitened + k * m);
  if (b->mean != NULL) fsl_sparse_times(&b->shared->gain, b->n, b->whitened, b->shift);
}

static void condition_batch(const batch *b) {
  const size_t d = b->q->d;
  for (size_t k = 0; k < b->n; k++)
    memcpy(b->prior_mean + k * d, b->prior->mean + b->component[k] * d, d * sizeof(double));
  (b->shared->many ? solve_all : solve_each)(b);
  for (size_t k = 0; k < b->n && b->mean != NULL; k++)
    for (size_t j = 0; j < d; j++) b->mean[b->component[k] * d + j] = b->prior_mean[k * d + j] + b->shift[k * d + j];
}

static size_t covariance_of(const fsl_mixture *mixture, size_t k) {
  return mixture->covariance_of == NULL ? 0 : mixture->covariance_of[k];
}

/* Components in the order of their covariances: order (n), first (n_covariances + 1). */
static fsl_status sort_components(fsl_ctx *ctx, const fsl_mixture *mixture, uint32_t **order, size_t **first) {
  FSL_GET(ctx, *order, mixture->n);
  FSL_GET(ctx, *first, mixture->n_covariances + 2);
  size_t *const next = *first + 1;
  for (size_t k = 0; k < mixture->n; k++) next[covariance_of(mixture, k) + 1]++;
  for (size_t c = 0; c < mixture->n_covariances; c++) next[c + 1] += next[c];
  for (size_t k = 0; k < mixture->n; k++) (*order)[next[covariance_of(mixture, k)]++] = (uint32_t)k;
  return FSL_OK;
}

/* The components `order` (n) of one covariance. */
static fsl_status condition_components(fsl_ctx *ctx, batch *b, const uint32_t *order, size_t n) {
  for (size_t k = 0; k < n; k++) {
    b->component[b->n++] = order[k];
    if (b->n < BATCH && k + 1 < n) continue;
    FSL_TRY(fsl_check_stop(ctx));
    condition_batch(b);
    b->n = 0;
  }
  return FSL_OK;
}

/* mean (n, d) and log_factor (n) of all components; mean NULL: not wanted. */
static fsl_status condition_all(fsl_ctx *ctx, const fsl_mixture *prior, const measurement *q, double *mean,
                                double *log_factor) {
  uint32_t *order;
  size_t *first;
  batch b = {.prior = prior, .q = q, .mean = mean, .log_factor = log_factor};
  FSL_TRY(sort_components(ctx, prior, &order, &first));
  FSL_TRY(open_batch(ctx, &b));
  for (size_t c = 0; c < prior->n_covariances; c++) {
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    const size_t n = first[c + 1] - first[c];
    conditioned shared;
    FSL_TRY(fsl_check_stop(ctx));
    if (n == 0) continue;
    FSL_TRY(share(ctx, &prior->covariance[c], q, n, &shared));
    b.shared = &shared;
    FSL_TRY(condition_components(ctx, &b, order + first[c], n));
    fsl_arena_release(ctx->arena, mark);
  }
  return FSL_OK;
}

fsl_status fsl_mixture_condition(fsl_ctx *ctx, const fsl_mixture *prior, size_t m, const double *matrix,
                                 const double *bias, const double *std, const double *y, fsl_mixture *out,
                                 double *log_evidence) {
  const measurement q = {prior->d, m, matrix, bias, std, y};
  fsl_covariance *covariance;
  double *mean, *log_factor;
  FSL_GET(ctx, covariance, prior->n_covariances);
  FSL_GET(ctx, mean, prior->n * prior->d);
  FSL_GET(ctx, log_factor, prior->n);
  for (size_t c = 0; c < prior->n_covariances; c++) {
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(shrink(ctx, &prior->covariance[c], &q, &covariance[c]));
  }
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY(condition_all(ctx, prior, &q, mean, log_factor));
  fsl_arena_release(ctx->arena, mark);
  FSL_TRY(fsl_mixture_reweight(ctx, prior, log_factor, out, log_evidence));
  out->mean = mean;
  out->covariance = covariance;
  return FSL_OK;
}

fsl_status fsl_mixture_log_evidence(fsl_ctx *ctx, const fsl_mixture *prior, size_t m, const double *matrix,
                                    const double *bias, const double *std, const double *y, double *log_evidence) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const measurement q = {prior->d, m, matrix, bias, std, y};
  double *log_factor;
  fsl_mixture reweighted;
  FSL_GET(ctx, log_factor, prior->n);
  FSL_TRY(condition_all(ctx, prior, &q, NULL, log_factor));
  FSL_TRY(fsl_mixture_reweight(ctx, prior, log_factor, &reweighted, log_evidence));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
