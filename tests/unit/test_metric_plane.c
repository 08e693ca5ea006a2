/* Masses of the modes in the plane, against closed forms: half planes, quadrants, and a fine grid for curved regions.
 */
#include "metric/parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define assert_near(value, expected, error) assert_true(fabs((value) - (expected)) <= (error))
#define must(call)                          assert_int_equal((call), FSL_OK)

enum { MOST = 2048 };

static const double zeros[] = {0, 0};
static const fsl_covariance none = {.values = zeros, .isotropic = true};

static fsl_ctx open_ctx(void) {
  return (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
}

static double cdf(double z) {
  return 0.5 * erfc(-z * M_SQRT1_2);
}

/* Equal atoms, or normals of one covariance, each its own mode. */
static fsl_mixture equal(size_t n, const double *mean, const fsl_covariance *covariance, double *log_weight) {
  for (size_t k = 0; k < n; k++) log_weight[k] = -log((double)n);
  return (fsl_mixture){.d = 2,
                       .n = n,
                       .log_weight = log_weight,
                       .mean = mean,
                       .n_covariances = 1,
                       .covariance = covariance,
                       .n_modes = n};
}

/* The law: the same components under other weights. */
static fsl_mixture reweighted(fsl_mixture prior, const double *weight, double *log_weight) {
  for (size_t k = 0; k < prior.n; k++) log_weight[k] = log(weight[k]);
  prior.log_weight = log_weight;
  return prior;
}

/* Two atoms share the plane by the line between them, whatever its slope: also where it is that of the sweep's lines.
 */
static void two_atoms_share_the_plane_by_half(void **state) {
  (void)state;
  fsl_ctx ctx = open_ctx();
  double log_prior[2], log_law[2], mass[2];
  const double weight[] = {0.8, 0.2}, a = 0.9, v = 0.3, gap = 1.3;
  for (int i = 0; i < 361; i++) {
    const double angle = i == 360 ? atan(0.5 * (1 + sqrt(5))) + 0.5 * M_PI : i * M_PI / 360;
    const double mean[] = {0.3, -0.2, 0.3 + gap * cos(angle), -0.2 + gap * sin(angle)};
    const fsl_mixture prior = equal(2, mean, &none, log_prior), law = reweighted(prior, weight, log_law);
    must(fsl_plane_masses(&ctx, &prior, NULL, &law, a, v, mass));
    const double own = cdf(0.5 * a * gap / sqrt(v));
    assert_near(mass[0], 0.8 * own + 0.2 * (1 - own), 2e-5);
    assert_near(mass[0] + mass[1], 1, 1e-12);
  }
  fsl_arena_destroy(ctx.arena);
}

/* Wide normals and narrow ones: the lines reach as many standard deviations, whatever these are. */
static void masses_do_not_depend_on_the_scale(void **state) {
  (void)state;
  fsl_ctx ctx = open_ctx();
  double log_prior[2], log_law[2], mass[2];
  const double weight[] = {0.8, 0.2};
  for (double scale = 0.01; scale <= 100; scale *= 10) {
    const double variances[] = {9 * scale * scale, 9 * scale * scale}, v = scale * scale, a = 0.9;
    const double mean[] = {-2 * scale, scale, 2 * scale, -2 * scale}, gap = 5 * scale;
    const fsl_covariance wide = {.values = variances, .isotropic = true};
    const fsl_mixture prior = equal(2, mean, &wide, log_prior), law = reweighted(prior, weight, log_law);
    must(fsl_plane_masses(&ctx, &prior, NULL, &law, a, v, mass));
    const double own = cdf(0.5 * a * gap / sqrt(a * a * variances[0] + v));
    assert_near(mass[0], 0.8 * own + 0.2 * (1 - own), 2e-5);
  }
  fsl_arena_destroy(ctx.arena);
}

/* Boundaries along the axes that meet in a point. */
static void four_atoms_share_the_plane_by_quadrants(void **state) {
  (void)state;
  fsl_ctx ctx = open_ctx();
  double log_prior[4], log_law[4], mass[4];
  const double mean[] = {-1, -1, -1, 1, 1, -1, 1, 1}, weight[] = {0.55, 0.1, 0.05, 0.3};
  static const double variances[] = {0.003, 0.05, 0.7, 1};
  for (int i = 0; i < 4; i++) {
    const double v = variances[i], a = sqrt(1 - v), right = cdf(a / sqrt(v));
    const fsl_mixture prior = equal(4, mean, &none, log_prior), law = reweighted(prior, weight, log_law);
    must(fsl_plane_masses(&ctx, &prior, NULL, &law, a, v, mass));
    for (int k = 0; k < 4 && a > 0; k++) {
      double exact = 0;
      for (int m = 0; m < 4; m++)
        exact += weight[m] * (m / 2 == k / 2 ? right : 1 - right) * (m % 2 == k % 2 ? right : 1 - right);
      assert_near(mass[k], exact, 5e-5);
    }
  }
  fsl_arena_destroy(ctx.arena);
}

/* A law of its own components and covariances: a posterior of a mixture of which the first mode is twice as wide, so
 * that the second's region is bounded by a conic. Against a grid of 4000 x 4000 cells' middles. */
static void regions_bounded_by_conics_have_their_masses(void **state) {
  (void)state;
  enum { GRID = 4000 };
  fsl_ctx ctx = open_ctx();
  static const double wide[] = {1.44, 0.81}, narrow[] = {0.09, 0.25}, thin[] = {0.002, 0.3}, round[] = {0.1, 0.1};
  static const double turned[] = {0.8, -0.6, 0.6, 0.8};
  const fsl_covariance of_prior[] = {{.values = wide}, {.values = narrow, .vectors = turned}};
  const fsl_covariance of_law[] = {{.values = thin, .vectors = turned}, {.values = round, .isotropic = true}};
  static const uint32_t which[] = {0, 1, 1}, which_law[] = {0, 1, 0};
  const double log_prior[] = {log(0.5), log(0.2), log(0.3)}, log_law[] = {log(0.3), log(0.6), log(0.1)};
  const double mean[] = {0, 0, 0.7, 0.4, -1.1, 0.2}, law_mean[] = {0.4, 0.3, 0.5, -0.1, -0.8, 0.2};
  const fsl_mixture prior = {2, 3, log_prior, mean, 2, of_prior, which, 3, NULL};
  const fsl_mixture law = {2, 3, log_law, law_mean, 2, of_law, which_law, 3, NULL};
  const double a = 0.95, v = 0.0975, low = -4, cell = 8.0 / GRID;
  double mass[3],
      exact[3] = {0}, *const x = calloc(2 * GRID, sizeof *x), *const density = calloc(GRID, sizeof *density);
  uint32_t *const mode = calloc(GRID, sizeof *mode);
  assert_true(x != NULL && density != NULL && mode != NULL);
  for (int i = 0; i < GRID; i += 2) { /* every other row is fine enough across */
    for (int j = 0; j < GRID; j++) {
      x[2 * j] = low + cell * (j + 0.5);
      x[2 * j + 1] = low + cell * (i + 1);
    }
    must(fsl_law_most_responsible(&ctx, &prior, a, v, GRID, x, mode));
    must(fsl_law_log_density(&ctx, &law, a, v, GRID, x, density));
    for (int j = 0; j < GRID; j++) exact[mode[j]] += exp(density[j]) * 2 * cell * cell;
  }
  must(fsl_plane_masses(&ctx, &prior, NULL, &law, a, v, mass));
  for (int k = 0; k < 3; k++) {
    assert_true(exact[k] > 0.01);
    assert_near(mass[k], exact[k], 5e-5);
  }
  free(x);
  free(density);
  free(mode);
  fsl_arena_destroy(ctx.arena);
}

/* As many atoms as stand for a posterior that has no closed form: an even ring, whose sectors are alike. */
static void many_atoms_are_summed_like_few(void **state) {
  (void)state;
  fsl_ctx ctx = open_ctx();
  static double mean[2 * MOST], log_weight[MOST];
  static uint32_t mode_of[MOST];
  double log_prior[4], mass[4];
  const double at[] = {1, 0, 0, 1, -1, 0, 0, -1};
  for (int i = 0; i < MOST; i++) {
    mean[2 * i] = cos(2 * M_PI * (i + 0.5) / MOST);
    mean[2 * i + 1] = sin(2 * M_PI * (i + 0.5) / MOST);
    log_weight[i] = -log(MOST);
  }
  const fsl_mixture prior = equal(4, at, &none, log_prior);
  const fsl_mixture law = {2, MOST, log_weight, mean, 1, &none, NULL, 4, mode_of};
  static const double variances[] = {0, 0.002, 0.2, 0.9};
  for (int i = 0; i < 4; i++) {
    must(fsl_plane_masses(&ctx, &prior, NULL, &law, sqrt(1 - variances[i]), variances[i], mass));
    for (int k = 0; k < 4; k++) assert_near(mass[k], 0.25, i == 0 ? 1e-12 : 1e-4);
  }
  fsl_arena_destroy(ctx.arena);
}

static void what_does_not_fit_is_said(void **state) {
  (void)state;
  static const double flat[] = {0, 1}, full[] = {1, 1}, mean[] = {0, 0, 0}, third[] = {1, 1, 1};
  const fsl_covariance covariance[] = {{.values = flat}, {.values = full}, {.values = third}};
  double log_weight[1];
  fsl_mixture law = equal(1, mean, &covariance[0], log_weight);
  assert_false(fsl_plane_fits(&law, 0)); /* a line has no density in the plane */
  assert_true(fsl_plane_fits(&law, 0.1));
  law.covariance = &covariance[1];
  assert_true(fsl_plane_fits(&law, 0));
  law.n = (1 << 18) + 1;
  assert_false(fsl_plane_fits(&law, 0.1));
  law.n = 1;
  law.d = 3;
  law.covariance = &covariance[2];
  assert_false(fsl_plane_fits(&law, 0.1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_atoms_share_the_plane_by_half),
      cmocka_unit_test(masses_do_not_depend_on_the_scale),
      cmocka_unit_test(four_atoms_share_the_plane_by_quadrants),
      cmocka_unit_test(regions_bounded_by_conics_have_their_masses),
      cmocka_unit_test(many_atoms_are_summed_like_few),
      cmocka_unit_test(what_does_not_fit_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
