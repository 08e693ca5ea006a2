/* Many components that share covariances are conditioned by products of matrices: against a solve per component in long
 * double, and by the number of solves and factorisations. */
#include "base/linalg.h"
#include "problem_params.h"

static size_t solves, factors, products;
void __real_fsl_forward_solve(size_t n, const double *factor, double *x);
void __wrap_fsl_forward_solve(size_t n, const double *factor, double *x);
void __wrap_fsl_forward_solve(size_t n, const double *factor, double *x) {
  solves++;
  __real_fsl_forward_solve(n, factor, x);
}
bool __real_fsl_cholesky(size_t n, double *matrix);
bool __wrap_fsl_cholesky(size_t n, double *matrix);
bool __wrap_fsl_cholesky(size_t n, double *matrix) {
  factors++;
  return __real_fsl_cholesky(n, matrix);
}
void __real_fsl_matvec(size_t rows, size_t cols, const double *matrix, const double *x, double *y);
void __wrap_fsl_matvec(size_t rows, size_t cols, const double *matrix, const double *x, double *y);
void __wrap_fsl_matvec(size_t rows, size_t cols, const double *matrix, const double *x, double *y) {
  products++;
  __real_fsl_matvec(rows, cols, matrix, x, y);
}

typedef long double real;

/* n components of d dimensions, the k-th of covariance k mod n_covariances: isotropic, rotated, zero, diagonal, ... */
typedef struct world {
  fsl_ctx ctx;
  size_t d, m, n, n_covariances;
  fsl_mixture prior, posterior;
  double *matrix, *bias, *std, *y, log_evidence;
  real *log_factor; /* n: by the oracle */
} world;

static double *numbers(fsl_ctx *ctx, uint32_t key, size_t n) {
  double *const out = fsl_arena_get(ctx->arena, n, sizeof *out);
  assert_non_null(out);
  fsl_normals((fsl_key){{key, 7}}, 0, 0, n, out);
  return out;
}

/* I - 2 u u^T: orthogonal to rounding. */
static const double *reflection(fsl_ctx *ctx, size_t d) {
  double *const u = numbers(ctx, 11, d), *const out = fsl_arena_get(ctx->arena, d * d, sizeof *out);
  const double norm = fsl_norm(d, u);
  assert_non_null(out);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) out[i * d + j] = (double)(i == j) - 2 * (u[i] / norm) * (u[j] / norm);
  return out;
}

static fsl_covariance covariance_of_kind(fsl_ctx *ctx, size_t d, size_t kind) {
  double *const values = fsl_arena_get(ctx->arena, d, sizeof *values);
  assert_non_null(values);
  for (size_t j = 0; j < d; j++)
    values[j] = kind % 4 == 2 ? 0 : kind % 4 == 0 ? 0.3 + (double)kind : (double)(j % 3) * 0.4 + 0.1;
  return (fsl_covariance){
      .values = values, .vectors = kind % 4 == 1 ? reflection(ctx, d) : NULL, .isotropic = kind % 2 == 0};
}

static world *open_world(size_t d, size_t m, size_t n, size_t n_covariances, double sigma) {
  fsl_ctx ctx = context();
  world *const w = fsl_arena_get(ctx.arena, 1, sizeof *w);
  assert_non_null(w);
  fsl_covariance *const covariance = fsl_arena_get(ctx.arena, n_covariances, sizeof *covariance);
  uint32_t *const which = fsl_arena_get(ctx.arena, n, sizeof *which);
  double *const weight = numbers(&ctx, 1, n);
  assert_true(covariance != NULL && which != NULL);
  for (size_t c = 0; c < n_covariances; c++) covariance[c] = covariance_of_kind(&ctx, d, c);
  for (size_t k = 0; k < n; k++) which[k] = (uint32_t)(k % n_covariances);
  const double total = fsl_log_sum_exp(n, weight);
  for (size_t k = 0; k < n; k++) weight[k] -= total;
  *w = (world){.ctx = ctx, .d = d, .m = m, .n = n, .n_covariances = n_covariances};
  w->prior = (fsl_mixture){.d = d,
                           .n = n,
                           .log_weight = weight,
                           .mean = numbers(&ctx, 2, n * d),
                           .n_covariances = n_covariances,
                           .covariance = covariance,
                           .covariance_of = n_covariances == 1 ? NULL : which,
                           .n_modes = n};
  w->matrix = numbers(&ctx, 3, m * d);
  w->bias = numbers(&ctx, 4, m);
  w->y = numbers(&ctx, 5, m);
  w->std = numbers(&ctx, 6, m);
  for (size_t i = 0; i < m; i++) w->std[i] = sigma * (1 + 0.5 * fabs(w->std[i]));
  return w;
}

static void close_world(world *w) {
  fsl_arena_destroy(w->ctx.arena);
}

static void condition(world *w) {
  assert_int_equal(fsl_mixture_condition(&w->ctx, &w->prior, w->m, w->matrix, w->bias, w->std, w->y, &w->posterior,
                                         &w->log_evidence),
                   FSL_OK);
}

/* ---- the oracle: M S M^T + S_n factored in long double, solved for each component ------------------------------ */

static real *reals(world *w, size_t n) {
  real *const out = fsl_arena_get(w->ctx.arena, n, sizeof *out);
  assert_non_null(out);
  return out;
}

/* cross (d, m) = S M^T */
static void oracle_cross(world *w, const fsl_covariance *s, real *cross) {
  const size_t d = w->d, m = w->m;
  for (size_t i = 0; i < m; i++)
    for (size_t e = 0; e < d; e++) {
      real along = 0;
      for (size_t j = 0; j < d; j++)
        along += (real)w->matrix[i * d + j] * (s->vectors == NULL ? (real)(j == e) : (real)s->vectors[j * d + e]);
      for (size_t j = 0; j < d; j++)
        cross[j * m + i] +=
            (real)s->values[e] * along * (s->vectors == NULL ? (real)(j == e) : (real)s->vectors[j * d + e]);
    }
}

/* Lower factor (m, m) of M S M^T + S_n; returns the log of the determinant. */
static real oracle_factor(const world *w, const real *cross, real *p) {
  const size_t d = w->d, m = w->m;
  real log_det = 0;
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j <= i; j++) {
      real sum = i == j ? (real)w->std[i] * w->std[i] : 0;
      for (size_t k = 0; k < d; k++) sum += (real)w->matrix[i * d + k] * cross[k * m + j];
      for (size_t k = 0; k < j; k++) sum -= p[i * m + k] * p[j * m + k];
      p[i * m + j] = i == j ? sqrtl(sum) : sum / p[j * m + j];
      if (i == j) log_det += 2 * logl(p[i * m + i]);
    }
  return log_det;
}

static real oracle_component(const world *w, const real *cross, const real *p, real log_det, size_t k, real *r,
                             real *mean) {
  const size_t d = w->d, m = w->m;
  real square = 0;
  for (size_t i = 0; i < m; i++) {
    r[i] = (real)w->y[i] - w->bias[i];
    for (size_t j = 0; j < d; j++) r[i] -= (real)w->matrix[i * d + j] * w->prior.mean[k * d + j];
    for (size_t j = 0; j < i; j++) r[i] -= p[i * m + j] * r[j];
    r[i] /= p[i * m + i];
    square += r[i] * r[i];
  }
  for (size_t i = m; i-- > 0;) {
    for (size_t j = i + 1; j < m; j++) r[i] -= p[j * m + i] * r[j];
    r[i] /= p[i * m + i];
  }
  for (size_t j = 0; j < d; j++) {
    mean[j] = w->prior.mean[k * d + j];
    for (size_t i = 0; i < m; i++) mean[j] += cross[j * m + i] * r[i];
  }
  return -0.5L * (square + log_det + (real)m * logl(2 * acosl(-1)));
}

/* Checks the means, and leaves the log evidences of the components. */
static void check_means(world *w, real tolerance) {
  real *const mean = reals(w, w->d), *const r = reals(w, w->m);
  w->log_factor = reals(w, w->n);
  for (size_t c = 0; c < w->n_covariances; c++) {
    real *const cross = reals(w, w->d * w->m), *const p = reals(w, w->m * w->m);
    oracle_cross(w, &w->prior.covariance[c], cross);
    const real log_det = oracle_factor(w, cross, p);
    for (size_t k = c; k < w->n; k += w->n_covariances) {
      w->log_factor[k] = oracle_component(w, cross, p, log_det, k, r, mean);
      for (size_t j = 0; j < w->d; j++)
        assert_true(fabsl(w->posterior.mean[k * w->d + j] - mean[j]) < tolerance * (1 + fabsl(mean[j])));
    }
  }
}

static void check_weights(const world *w, real tolerance) {
  real most = -INFINITY, sum = 0;
  for (size_t k = 0; k < w->n; k++) most = fmaxl(most, w->log_factor[k] + w->prior.log_weight[k]);
  for (size_t k = 0; k < w->n; k++) sum += expl(w->log_factor[k] + w->prior.log_weight[k] - most);
  const real evidence = most + logl(sum);
  assert_true(fabsl(w->log_evidence - evidence) < tolerance * (1 + fabsl(evidence)));
  for (size_t k = 0; k < w->n; k++) {
    const real log_weight = w->log_factor[k] + w->prior.log_weight[k] - evidence;
    assert_true(fabsl(w->posterior.log_weight[k] - log_weight) < tolerance * (1 + fabsl(log_weight)));
  }
}

typedef struct sizes {
  size_t d, m, n, n_covariances;
  double sigma;
  bool sparse; /* the measurement takes means of two components */
} sizes;

static void make_sparse(world *w) {
  memset(w->matrix, 0, w->m * w->d * sizeof *w->matrix);
  for (size_t i = 0; i < w->m; i++) w->matrix[i * w->d + 2 * i % w->d] = w->matrix[i * w->d + (2 * i + 1) % w->d] = 0.5;
}

/* Below and above what products pay for; m > d; one dimension; covariances that are 0, rotated and several; dull and
 * sharp. */
static const sizes all_sizes[] = {
    {48, 24, 70, 1, 0.1, false},  {48, 24, 300, 1, 1e-3, false}, {48, 24, 300, 1, 30, false},
    {24, 56, 150, 1, 0.3, false}, {40, 30, 290, 4, 0.1, false},  {40, 30, 90, 6, 0.2, false},
    {1, 1, 200, 1, 0.5, false},   {1, 1, 200, 3, 1e-4, false},   {33, 32, 64, 1, 0.1, false},
    {33, 32, 63, 1, 0.1, false},  {64, 32, 270, 1, 0.1, true},   {64, 32, 270, 3, 0.1, true},
    {40, 56, 270, 1, 0.2, true}};

static void many_components_equal_a_solve_for_each(void **unused) {
  (void)unused;
  for (size_t i = 0; i < sizeof all_sizes / sizeof *all_sizes; i++) {
    const sizes s = all_sizes[i];
    world *const w = open_world(s.d, s.m, s.n, s.n_covariances, s.sigma);
    const real tolerance = s.sigma < 0.01 ? 1e-9L : 1e-12L;
    double alone;
    if (s.sparse) make_sparse(w);
    condition(w);
    check_means(w, tolerance);
    check_weights(w, tolerance);
    assert_int_equal(fsl_mixture_log_evidence(&w->ctx, &w->prior, w->m, w->matrix, w->bias, w->std, w->y, &alone),
                     FSL_OK);
    assert_true(alone == w->log_evidence);
    close_world(w);
  }
}

/* With every covariance 0 the components are atoms: they stay, to the last bit. */
static void atoms_are_not_moved(void **unused) {
  (void)unused;
  world *const w = open_world(40, 30, 300, 1, 0.1);
  double *const zeros = fsl_arena_get(w->ctx.arena, w->d, sizeof *zeros);
  const fsl_covariance none = {.values = zeros, .isotropic = true};
  w->prior.covariance = &none;
  condition(w);
  assert_true(fsl_mixture_is_atomic(&w->posterior));
  assert_memory_equal(w->posterior.mean, w->prior.mean, w->n * w->d * sizeof(double));
  close_world(w);
}

/* The work does not grow with the components but in products: one factorisation per distinct covariance. */
static void each_covariance_is_factored_once_and_no_component_is_solved_alone(void **unused) {
  (void)unused;
  static const size_t count[] = {1, 3};
  for (size_t i = 0; i < 2; i++) {
    world *const w = open_world(48, 24, 900, count[i], 0.1);
    solves = factors = products = 0;
    condition(w);
    assert_int_equal(factors, count[i]);
    assert_int_equal(solves, 0);
    assert_int_equal(products, 0);
    close_world(w);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(many_components_equal_a_solve_for_each),
      cmocka_unit_test(atoms_are_not_moved),
      cmocka_unit_test(each_covariance_is_factored_once_and_no_component_is_solved_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
