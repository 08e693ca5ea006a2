/* Large laws: modes and densities by screening in single precision, against plain sums in long double; from where few
 * components count to where all do, with one covariance and with several. */
#include "posterior_problem.h"

#include "posterior/law.h"

#include <cblas.h>

enum { N = 1503, D = 70, MODES = 6, STATES = 75 }; /* N: no multiple of the lanes */

static size_t single_products, double_products;
void __real_cblas_sgemm(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, blasint, blasint, blasint, float,
                        const float *, blasint, const float *, blasint, float, float *, blasint);
void __wrap_cblas_sgemm(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, blasint, blasint, blasint, float,
                        const float *, blasint, const float *, blasint, float, float *, blasint);
void __wrap_cblas_sgemm(enum CBLAS_ORDER order, enum CBLAS_TRANSPOSE ta, enum CBLAS_TRANSPOSE tb, blasint m, blasint n,
                        blasint k, float alpha, const float *a, blasint lda, const float *b, blasint ldb, float beta,
                        float *c, blasint ldc) {
  single_products++;
  __real_cblas_sgemm(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
void __real_cblas_dgemm(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, blasint, blasint, blasint, double,
                        const double *, blasint, const double *, blasint, double, double *, blasint);
void __wrap_cblas_dgemm(enum CBLAS_ORDER, enum CBLAS_TRANSPOSE, enum CBLAS_TRANSPOSE, blasint, blasint, blasint, double,
                        const double *, blasint, const double *, blasint, double, double *, blasint);
void __wrap_cblas_dgemm(enum CBLAS_ORDER order, enum CBLAS_TRANSPOSE ta, enum CBLAS_TRANSPOSE tb, blasint m, blasint n,
                        blasint k, double alpha, const double *a, blasint lda, const double *b, blasint ldb,
                        double beta, double *c, blasint ldc) {
  double_products++;
  __real_cblas_dgemm(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/* Components about far centres of their modes; each state is near one component. */
typedef struct world {
  fsl_ctx *ctx;
  fsl_mixture law;
  fsl_covariance covariance[3];
  uint32_t mode[N], covariance_of[N];
  double values[3][D], *vectors, *x;
} world;

/* A plane rotation of each pair of axes. */
static double *rotation(fsl_ctx *ctx) {
  double *u = fsl_arena_get(ctx->arena, D * D, sizeof *u);
  for (size_t j = 0; j < D; j += 2) {
    const double c = cos(1.0 + (double)j), s = sin(1.0 + (double)j);
    u[j * D + j] = u[(j + 1) * D + j + 1] = c;
    u[j * D + j + 1] = -s;
    u[(j + 1) * D + j] = s;
  }
  return u;
}

static world *open_world(size_t n_covariances, double a, double v) {
  fsl_ctx *ctx = open_ctx();
  world *w = fsl_arena_get(ctx->arena, 1, sizeof *w);
  double *mean = normals(ctx, 1, N * D), *noise = normals(ctx, 2, STATES * D);
  w->ctx = ctx;
  w->vectors = rotation(ctx);
  for (size_t i = 0; i < N; ++i) {
    w->mode[i] = (uint32_t)(i * i % MODES);
    w->covariance_of[i] = (uint32_t)(i % n_covariances);
    for (size_t j = 0; j < D; ++j) mean[i * D + j] = 0.3 * mean[i * D + j] + 100.0 + (double)w->mode[i] * 0.1;
  }
  OK(ctx, fsl_mixture_of_atoms(ctx, N, D, mean, normals(ctx, 4, N), w->mode, MODES, &w->law));
  for (size_t j = 0; j < D; ++j) {
    w->values[0][j] = 0.04;
    w->values[1][j] = 0.01 + 0.01 * (double)(j % 5);
    w->values[2][j] = 0.03 + 0.02 * (double)(j % 3);
  }
  w->covariance[0] = (fsl_covariance){w->values[0], NULL, true};
  w->covariance[1] = (fsl_covariance){w->values[1], NULL, false};
  w->covariance[2] = (fsl_covariance){w->values[2], w->vectors, false};
  w->law.covariance = w->covariance;
  w->law.n_covariances = n_covariances;
  w->law.covariance_of = n_covariances == 1 ? NULL : w->covariance_of;
  w->x = fsl_arena_get(ctx->arena, STATES * D, sizeof *w->x);
  for (size_t i = 0; i < STATES * D; ++i) w->x[i] = a * mean[i / D * 7 * D + i % D] + sqrt(v + 0.04 * a * a) * noise[i];
  return w;
}

/* log of w_k N(x; a mu_k, a^2 S_k + v) */
static long double log_term(const world *w, double a, double v, const double *x, size_t k) {
  const fsl_covariance *s = &w->covariance[w->law.n_covariances == 1 ? 0 : w->covariance_of[k]];
  long double sum = w->law.log_weight[k];
  for (size_t e = 0; e < D; ++e) {
    const size_t pair = e - e % 2;
    long double along = 0.0L;
    for (size_t j = pair; j < pair + 2; ++j) {
      const long double gap = (long double)x[j] - (long double)a * w->law.mean[k * D + j];
      along += s->vectors == NULL ? (j == e ? gap : 0.0L) : s->vectors[j * D + e] * gap;
    }
    const long double tau = (long double)a * a * s->values[e] + v;
    sum -= 0.5L * (logl(2.0L * acosl(-1.0L) * tau) + along * along / tau);
  }
  return sum;
}

static void check_state(const world *w, double a, double v, size_t i, double density, uint32_t mode,
                        const double *share) {
  long double term[N], most = -INFINITY, total = 0.0L, want[MODES] = {0};
  for (size_t k = 0; k < N; ++k) most = fmaxl(most, term[k] = log_term(w, a, v, w->x + i * D, k));
  for (size_t k = 0; k < N; ++k) {
    want[w->mode[k]] += expl(term[k] - most);
    total += expl(term[k] - most);
  }
  assert_true(fabsl(most + logl(total) - (long double)density) < 1e-9L);
  for (size_t k = 0; k < MODES; ++k) {
    assert_true(fabsl(want[k] / total - (long double)share[k]) < 1e-9L);
    assert_true(share[k] <= share[mode]);
  }
}

static void check_law(size_t n_covariances, double a, double v, bool crowded) {
  world *w = open_world(n_covariances, a, v);
  double density[STATES], alone[STATES], share[STATES * MODES];
  uint32_t mode[STATES];
  fsl_law_view *view;
  single_products = double_products = 0;
  OK(w->ctx, fsl_law_view_create(w->ctx, &w->law, a, v, &view));
  const size_t before = double_products; /* rotates the components */
  OK(w->ctx, fsl_law_view_states(w->ctx, view, STATES, w->x, mode, density));
  assert_true(single_products > 0);
  assert_true(crowded == (double_products > before + (n_covariances == 3 ? (STATES + 31) / 32 : 0)));
  OK(w->ctx, fsl_law_view_states(w->ctx, view, STATES, w->x, NULL, alone));
  OK(w->ctx, fsl_law_responsibilities(w->ctx, &w->law, a, v, STATES, w->x, share));
  assert_memory_equal(density, alone, sizeof density);
  for (size_t i = 0; i < STATES; ++i) check_state(w, a, v, i, density[i], mode[i], share + i * MODES);
  close_ctx(w->ctx);
}

static void test_where_few_components_count_single_precision_screens(void **state) {
  (void)state;
  check_law(1, 0.99, 0.001, false);
  check_law(3, 0.99, 0.001, false);
  check_law(1, 1.0, 0.0, false);
}

static void test_where_many_components_count_the_product_is_double(void **state) {
  (void)state;
  check_law(1, 0.5, 0.75, true);
  check_law(3, 0.5, 0.75, true);
  check_law(1, 0.01, 0.9999, true);
}

/* Each as if it were alone, and states that are not finite spoil nobody's. */
static void test_a_state_does_not_depend_on_its_neighbours(void **state) {
  (void)state;
  const double a = 0.9, v = 0.05;
  world *w = open_world(1, a, v);
  double before[STATES], after[STATES];
  uint32_t mode[STATES];
  OK(w->ctx, fsl_law_log_density(w->ctx, &w->law, a, v, STATES, w->x, before));
  w->x[3] = NAN;
  w->x[40 * D + 1] = INFINITY;
  w->x[41 * D + 2] = 1e30; /* finite, and beyond single precision */
  OK(w->ctx, fsl_law_log_density(w->ctx, &w->law, a, v, STATES, w->x, after));
  OK(w->ctx, fsl_law_most_responsible(w->ctx, &w->law, a, v, STATES, w->x, mode));
  assert_true(isnan(after[0]) && isnan(after[40]) && after[41] < -1e50);
  assert_int_equal(mode[0], 0);
  for (size_t i = 1; i < STATES; ++i)
    if (i != 40 && i != 41) assert_true(after[i] == before[i]);
  for (size_t i = 45; i < STATES; i += 11) {
    double one;
    OK(w->ctx, fsl_law_log_density(w->ctx, &w->law, a, v, 1, w->x + i * D, &one));
    assert_true(one == before[i]);
  }
  close_ctx(w->ctx);
}

/* Components that coincide, up to a tie of all: every one counts, however sharp the law. */
static void test_equal_components_all_count(void **state) {
  (void)state;
  world *w = open_world(1, 1.0, 1e-6);
  double *mean = fsl_arena_get(w->ctx->arena, N * D, sizeof *mean), density;
  memset(w->values[0], 0, sizeof w->values[0]);
  for (size_t i = 0; i < N * D; ++i) mean[i] = w->law.mean[i % D];
  w->law.mean = mean;
  OK(w->ctx, fsl_law_log_density(w->ctx, &w->law, 1.0, 1e-6, 1, mean, &density));
  assert_true(fabs(density + 0.5 * D * log(2.0 * acos(-1.0) * 1e-6)) < 1e-10);
  close_ctx(w->ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_where_few_components_count_single_precision_screens),
      cmocka_unit_test(test_where_many_components_count_the_product_is_double),
      cmocka_unit_test(test_a_state_does_not_depend_on_its_neighbours),
      cmocka_unit_test(test_equal_components_all_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
