/* Laws of atoms and of kernel density estimates: nearest atoms at t = 0, modes of many components, no density there. */
#include "posterior_problem.h"

#include "posterior/law.h"

enum { N = 500, D = 3, MODES = 7, STATES = 101 };

typedef struct world {
  fsl_ctx *ctx;
  fsl_mixture law;
  uint32_t mode[N];
  double *x;
} world;

static world *open_world(void) {
  fsl_ctx *ctx = open_ctx();
  world *w = fsl_arena_get(ctx->arena, 1, sizeof *w);
  w->ctx = ctx;
  for (size_t i = 0; i < N; ++i) w->mode[i] = (uint32_t)(i * i % MODES);
  OK(ctx, fsl_mixture_of_atoms(ctx, N, D, normals(ctx, 1, N * D), NULL, w->mode, MODES, &w->law));
  w->x = normals(ctx, 2, STATES * D);
  return w;
}

static double squared_distance(const double *x, double a, const double *mean) {
  double sum = 0.0;
  for (size_t j = 0; j < D; ++j) sum += (x[j] - a * mean[j]) * (x[j] - a * mean[j]);
  return sum;
}

static void test_at_t_zero_a_state_belongs_to_its_nearest_atom(void **state) {
  (void)state;
  world *w = open_world();
  uint32_t mode[STATES];
  OK(w->ctx, fsl_law_most_responsible(w->ctx, &w->law, 1.0, 0.0, STATES, w->x, mode));
  for (size_t i = 0; i < STATES; ++i) {
    size_t best = 0;
    for (size_t k = 1; k < N; ++k)
      if (squared_distance(w->x + i * D, 1, w->law.mean + k * D) <
          squared_distance(w->x + i * D, 1, w->law.mean + best * D))
        best = k;
    assert_int_equal(mode[i], w->mode[best]);
  }
  OK(w->ctx, fsl_law_most_responsible(w->ctx, &w->law, 1.0, 0.0, N, w->law.mean, (uint32_t[N]){0}));
  close_ctx(w->ctx);
}

static void test_atoms_have_no_density_at_t_zero(void **state) {
  (void)state;
  world *w = open_world();
  double density[STATES];
  assert_int_equal(fsl_law_log_density(w->ctx, &w->law, 1.0, 0.0, STATES, w->x, density), FSL_ENUMERIC);
  close_ctx(w->ctx);
}

/* Against plain sums in long double, for atoms and for a kernel density estimate (bandwidth .3). */
static void test_modes_gather_their_components(void **state) {
  (void)state;
  world *w = open_world();
  static const double values[D] = {0.09, 0.09, 0.09}, zero[D] = {0};
  static const fsl_covariance bandwidth = {values, NULL, true}, none = {zero, NULL, true};
  for (int smooth = 0; smooth < 2; ++smooth) {
    const double a = 0.8, v = 0.2, tau = v + (smooth ? a * a * 0.09 : 0.0);
    double share[STATES * MODES], density[STATES];
    uint32_t mode[STATES];
    w->law.covariance = smooth ? &bandwidth : &none;
    OK(w->ctx, fsl_law_responsibilities(w->ctx, &w->law, a, v, STATES, w->x, share));
    OK(w->ctx, fsl_law_log_density(w->ctx, &w->law, a, v, STATES, w->x, density));
    OK(w->ctx, fsl_law_most_responsible(w->ctx, &w->law, a, v, STATES, w->x, mode));
    for (size_t i = 0; i < STATES; ++i) {
      long double want[MODES] = {0}, total = 0.0L;
      for (size_t k = 0; k < N; ++k) {
        const double distance = squared_distance(w->x + i * D, a, w->law.mean + k * D);
        const long double e = expl(-(long double)distance / (2 * (long double)tau)) / N;
        want[w->mode[k]] += e;
        total += e;
      }
      for (size_t k = 0; k < MODES; ++k) {
        assert_true(fabsl(want[k] / total - (long double)share[i * MODES + k]) < 1e-13L);
        assert_true(share[i * MODES + k] <= share[i * MODES + mode[i]]);
      }
      const long double normal = 0.5L * D * logl(2 * acosl(-1.0L) * (long double)tau);
      assert_true(fabsl(logl(total) - normal - (long double)density[i]) < 1e-12L);
    }
  }
  close_ctx(w->ctx);
}

static void test_moments_of_a_noised_law_are_closed(void **state) {
  (void)state;
  world *w = open_world();
  double mean[D], covariance[D * D], m[D] = {0}, c[D * D] = {0};
  OK(w->ctx, fsl_law_moments(w->ctx, &w->law, 0.6, 0.3, mean, covariance));
  for (size_t i = 0; i < N * D; ++i) m[i % D] += 0.6 * w->law.mean[i] / N;
  for (size_t i = 0; i < N; ++i)
    for (size_t j = 0; j < D * D; ++j)
      c[j] += (0.6 * w->law.mean[i * D + j / D] - m[j / D]) * (0.6 * w->law.mean[i * D + j % D] - m[j % D]) / N;
  for (size_t j = 0; j < D; ++j) assert_true(fabs(mean[j] - m[j]) < 1e-13);
  for (size_t j = 0; j < D * D; ++j) assert_true(fabs(covariance[j] - c[j] - (j % (D + 1) == 0 ? 0.3 : 0)) < 1e-13);
  close_ctx(w->ctx);
}

static void test_a_state_that_is_not_finite_is_nan_alone(void **state) {
  (void)state;
  world *w = open_world();
  double density[STATES], share[STATES * MODES];
  w->x[5 * D] = NAN;
  OK(w->ctx, fsl_law_log_density(w->ctx, &w->law, 0.8, 0.2, STATES, w->x, density));
  OK(w->ctx, fsl_law_responsibilities(w->ctx, &w->law, 0.8, 0.2, STATES, w->x, share));
  for (size_t i = 0; i < STATES; ++i) {
    assert_true((bool)isnan(density[i]) == (i == 5));
    assert_true((bool)isnan(share[i * MODES]) == (i == 5));
  }
  close_ctx(w->ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_at_t_zero_a_state_belongs_to_its_nearest_atom),
      cmocka_unit_test(test_atoms_have_no_density_at_t_zero),
      cmocka_unit_test(test_modes_gather_their_components),
      cmocka_unit_test(test_moments_of_a_noised_law_are_closed),
      cmocka_unit_test(test_a_state_that_is_not_finite_is_nan_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
