/* Scenes and floors on problems whose every figure has a closed form: three atoms, and normals. */
#include "metric/parts.h"

#include "base/linalg.h"
#include "posterior/law.h"
#include "problem/kinds.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(value, expected, error) assert_true(fabs((value) - (expected)) <= (error))
#define must(call)                          assert_int_equal((call), FSL_OK)

enum { EVERY = (1 << FSL_N_METRICS) - 1 };

/* States whose densities or modes were looked up under a prior. */
static size_t looked_at;
fsl_status __real_fsl_law_view_states(fsl_ctx *ctx, const fsl_law_view *view, size_t n, const double *x, uint32_t *mode,
                                      double *density);
fsl_status __wrap_fsl_law_view_states(fsl_ctx *ctx, const fsl_law_view *view, size_t n, const double *x, uint32_t *mode,
                                      double *density);
fsl_status __wrap_fsl_law_view_states(fsl_ctx *ctx, const fsl_law_view *view, size_t n, const double *x, uint32_t *mode,
                                      double *density) {
  looked_at += n;
  return __real_fsl_law_view_states(ctx, view, n, x, mode, density);
}
static const double betas[] = {0.01, 20};
static const fsl_key key = {{11, 12}};

static double cdf(double z) {
  return 0.5 * erfc(-z * M_SQRT1_2);
}

/* A denoising problem with its closed-form truth. */
typedef struct world {
  fsl_ctx ctx;
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
  fsl_truth truth;
  fsl_diffusion diffusion;
  double y[8], std[8], mode_weight[8], mean[8], covariance[64], identity[64];
} world;

/* prior: a mixture whose arrays outlive the world. */
static void start(world *w, const fsl_mixture *prior, const double *y, double std) {
  const size_t d = prior->d;
  const char *bad = NULL;
  memset(w, 0, sizeof *w);
  w->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  w->prior = (fsl_prior){.d = d, .population = *prior};
  must(fsl_forward_model_create(&w->ctx, &fsl_forward_identity, NULL, d, &w->model, &bad));
  for (size_t i = 0; i < d; i++) {
    w->y[i] = y[i];
    w->std[i] = std;
    w->identity[i * d + i] = 1;
  }
  w->problem = (fsl_problem){.prior = &w->prior, .model = &w->model, .noise = {d, w->std}, .y = w->y};
  fsl_truth *t = &w->truth;
  t->known = true;
  must(fsl_mixture_condition(&w->ctx, prior, d, w->identity, NULL, w->std, w->y, &t->law, &t->log_evidence));
  must(fsl_mixture_moments(&w->ctx, &t->law, w->mean, w->covariance));
  fsl_mixture_mode_weights(&t->law, w->mode_weight);
  t->mean = w->mean;
  t->covariance = w->covariance;
  t->mode_weight = w->mode_weight;
  w->diffusion = fsl_diffusion_vp.functions;
  w->diffusion.params = betas;
}

static void stop(world *w) {
  fsl_arena_destroy(w->ctx.arena);
}

static fsl_scene *sharing_scene_at(world *w, double t, uint32_t metrics, fsl_regions *regions,
                                   fsl_scene_common *common) {
  const fsl_scene_setting setting = {.problem = &w->problem,
                                     .truth = &w->truth,
                                     .diffusion = &w->diffusion,
                                     .t = t,
                                     .particles = 2048,
                                     .metrics = metrics,
                                     .key = key,
                                     .regions = regions,
                                     .common = common};
  fsl_scene *scene;
  must(fsl_scene_create(&w->ctx, &setting, &scene));
  return scene;
}

static fsl_scene *scene_at(world *w, double t, uint32_t metrics) {
  return sharing_scene_at(w, t, metrics, NULL, NULL);
}

static double a_at(const world *w, double t) {
  return w->diffusion.a(&w->diffusion, t);
}
static double v_at(const world *w, double t) {
  return w->diffusion.v(&w->diffusion, t);
}

static const double tri_mean[] = {-1.8, 0.2, 2.2}, zeros[8] = {0}, ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
static const fsl_covariance no_spread = {.values = zeros, .isotropic = true};
static const fsl_covariance unit_spread = {.values = ones, .isotropic = true};

static fsl_mixture tri(double log_weight[3]) {
  for (int k = 0; k < 3; k++) log_weight[k] = -log(3);
  return (fsl_mixture){.d = 1,
                       .n = 3,
                       .log_weight = log_weight,
                       .mean = tri_mean,
                       .n_covariances = 1,
                       .covariance = &no_spread,
                       .n_modes = 3};
}

static const double log_one[] = {0};

static fsl_mixture standard_normal(size_t d) {
  return (fsl_mixture){.d = d,
                       .n = 1,
                       .log_weight = log_one,
                       .mean = zeros,
                       .n_covariances = 1,
                       .covariance = &unit_spread,
                       .n_modes = 1};
}

/* ---- three atoms -------------------------------------------------------------------------------------------- */

static void masses_of_three_atoms_are_those_between_their_midpoints(void **state) {
  (void)state;
  world w;
  double log_weight[3];
  const double y = 1;
  const fsl_mixture prior = tri(log_weight);
  start(&w, &prior, &y, 0.3);
  const double t = 0.2, a = a_at(&w, t), s = sqrt(v_at(&w, t)), edge[] = {-a * 0.8, a * 1.2};
  const double *mass = fsl_scene_true_mode_weight(scene_at(&w, t, EVERY));
  for (int k = 0; k < 3; k++) {
    double exact = 0;
    for (int i = 0; i < 3; i++) {
      const double below = k == 0 ? 0 : cdf((edge[k - 1] - a * tri_mean[i]) / s);
      const double above = k == 2 ? 1 : cdf((edge[k] - a * tri_mean[i]) / s);
      exact += w.mode_weight[i] * (above - below);
    }
    assert_near(mass[k], exact, 1e-4);
  }
  const double *at_0 = fsl_scene_true_mode_weight(scene_at(&w, 0, EVERY));
  for (int k = 0; k < 3; k++) assert_near(at_0[k], w.mode_weight[k], 1e-14);
  stop(&w);
}

/* Two normals in the plane, at t and at 0: each mode has a half of it. Draws scatter by .003. */
static void masses_in_the_plane_come_by_quadrature(void **state) {
  (void)state;
  world w;
  static const double mean[] = {-0.5, 0.2, 0.7, -0.4};
  const double y[] = {0.3, 0.1}, log_weight[] = {-log(2), -log(2)}, times[] = {0.3, 0.05, 0};
  fsl_mixture prior = standard_normal(2);
  prior.n = prior.n_modes = 2;
  prior.log_weight = log_weight;
  prior.mean = mean;
  start(&w, &prior, y, 0.5);
  for (int i = 0; i < 3; i++) {
    const double t = times[i], a = t > 0 ? a_at(&w, t) : 1, v = t > 0 ? v_at(&w, t) : 0;
    const double *mass = fsl_scene_true_mode_weight(scene_at(&w, t, EVERY));
    /* u: along the line through both means, from its middle */
    const double norm = sqrt(1.2 * 1.2 + 0.6 * 0.6), u[] = {1.2 / norm, -0.6 / norm}, s = sqrt(0.2 * a * a + v);
    double second = 0;
    for (int k = 0; k < 2; k++) {
      const double *own = w.truth.law.mean + 2 * k;
      second += w.mode_weight[k] * cdf(a * (u[0] * (own[0] - 0.1) + u[1] * (own[1] + 0.1)) / s);
    }
    assert_near(mass[1], second, 2e-5);
    assert_near(mass[0], 1 - second, 2e-5);
  }
  stop(&w);
}

static void exact_samples_score_at_their_floor(void **state) {
  (void)state;
  world w;
  double log_weight[3], x[2048], value[FSL_N_METRICS];
  const double y = 1;
  const fsl_mixture prior = tri(log_weight);
  start(&w, &prior, &y, 0.3);
  const double t = 0.1;
  fsl_scene *scene = scene_at(&w, t, EVERY);
  fsl_floor found;
  must(fsl_scene_floor(&w.ctx, scene, &w.truth.law, 2048, (fsl_key){{1, 1}}, &found));
  int above[FSL_N_METRICS] = {0}, below[FSL_N_METRICS] = {0};
  for (uint64_t s = 0; s < 40; s++) {
    must(fsl_mixture_draw(&w.ctx, &w.truth.law, a_at(&w, t), v_at(&w, t), (fsl_key){{2, 1}}, s * 2048, 2048, x, NULL));
    must(fsl_scene_grade(&w.ctx, scene, 2048, x, value, NULL));
    for (int i = 0; i < FSL_N_METRICS; i++) {
      above[i] += value[i] > found.high[i];
      below[i] += value[i] < found.low[i];
    }
  }
  for (int i = 0; i < FSL_N_METRICS; i++) {
    if (!fsl_metrics[i].has_floor)
      assert_true(isnan(found.mean[i]) && isnan(found.high[i]));
    else if (i != FSL_PRIOR_HALLUCINATION) {
      assert_true(isfinite(found.mean[i]) && found.mean[i] <= found.high[i]);
      assert_true(above[i] <= 8); /* 2 expected of 40; the order statistic itself scatters */
    }
    if (fsl_metrics[i].has_floor_lo) assert_true(below[i] <= 8 && found.low[i] <= found.mean[i]);
  }
  assert_true(found.mean[FSL_SLICED_W1] > 0.004 && found.mean[FSL_SLICED_W1] < 0.02);
  assert_true(found.budget_approximation > found.mean[FSL_SLICED_W1]); /* two sets scatter more than one and truth */
  stop(&w);
}

static void samples_on_the_measurement_are_likelihood_hallucinations(void **state) {
  (void)state;
  world w;
  double log_weight[3], x[1000], value[FSL_N_METRICS];
  const double y = -0.8, t = 0.1;
  const fsl_mixture prior = tri(log_weight);
  start(&w, &prior, &y, 0.3);
  const double a = a_at(&w, t);
  fsl_scene *scene = scene_at(&w, t, 1U << FSL_LIKELIHOOD_HALLUCINATION);
  for (int i = 0; i < 1000; i++) x[i] = a * y;
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, NULL));
  assert_near(value[FSL_LIKELIHOOD_HALLUCINATION], 1 - 0.005, 0.003);                 /* truth has .005 there */
  for (int i = 0; i < 1000; i++) x[i] = a * (i < 300 ? y : i < 600 ? -1.8 : y + 0.3); /* off 68 %: one deviation */
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, NULL));
  assert_near(value[FSL_LIKELIHOOD_HALLUCINATION], 0.3 - 0.005, 0.003);
  stop(&w);
}

/* Far from the measurement and from the prior: no other metric of mass sees them. */
static void samples_far_from_both_escape(void **state) {
  (void)state;
  world w;
  double x[1000], value[FSL_N_METRICS];
  const double y = 0.3, t = 0.1, far[] = {16, 1e9, 1e100};
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  fsl_scene *scene = scene_at(&w, t, EVERY);
  for (int k = 0; k < 3; k++) {
    for (int i = 0; i < 1000; i++) x[i] = a_at(&w, t) * (i % 2 == 0 ? far[k] : -far[k]);
    must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, NULL));
    assert_near(value[FSL_ESCAPE], 0.99, 1e-12);
    assert_true(value[FSL_LIKELIHOOD_HALLUCINATION] == 0 && value[FSL_MODE_WEIGHT_TV] == 0);
  }
  stop(&w);
}

/* The region of N(0, s^2) ends at 2.576 s; its edge comes from 1e5 draws, which leaves it 1 %. */
static void escape_is_the_mass_beyond_the_region_less_its_hundredth(void **state) {
  (void)state;
  world w;
  double x[1000], value[FSL_N_METRICS];
  const double y = 2, t = 0.2;
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  const double edge = gsl_cdf_ugaussian_Pinv(0.995) * sqrt(a_at(&w, t) * a_at(&w, t) + v_at(&w, t));
  const int outside[] = {0, 9, 11, 250, 1000};
  fsl_scene *scene = scene_at(&w, t, 1U << FSL_ESCAPE);
  for (int k = 0; k < 5; k++) {
    for (int i = 0; i < 1000; i++) x[i] = (i < outside[k] ? 1.03 : 0.97) * (i % 2 == 0 ? edge : -edge);
    must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, NULL));
    assert_near(value[FSL_ESCAPE], fmax(outside[k] / 1000. - 0.01, 0), 1e-12);
  }
  stop(&w);
}

static void escape_and_hallucination_share_the_region(void **state) {
  (void)state;
  world w;
  double x[200], both[FSL_N_METRICS], one[FSL_N_METRICS];
  const double y[] = {1.9, -2.1}, t = 0.05;
  const fsl_mixture prior = standard_normal(2);
  start(&w, &prior, y, 0.5);
  fsl_normals((fsl_key){{6, 8}}, 0, 0, 200, x);
  for (int i = 0; i < 200; i++) x[i] = a_at(&w, t) * y[i % 2] + 0.5 * x[i];
  fsl_regions regions = {0};
  const uint32_t metrics[] = {1U << FSL_ESCAPE, 1U << FSL_LIKELIHOOD_HALLUCINATION};
  must(fsl_scene_grade(&w.ctx, sharing_scene_at(&w, t, metrics[0] | metrics[1], &regions, NULL), 100, x, both, NULL));
  assert_int_equal(regions.n, 1);
  assert_true(both[FSL_ESCAPE] > 0.1 && both[FSL_LIKELIHOOD_HALLUCINATION] > 0);
  assert_true(both[FSL_LIKELIHOOD_HALLUCINATION] < both[FSL_ESCAPE]);
  for (int k = 0; k < 2; k++) {
    const fsl_metric_id id = k == 0 ? FSL_ESCAPE : FSL_LIKELIHOOD_HALLUCINATION;
    must(fsl_scene_grade(&w.ctx, sharing_scene_at(&w, t, metrics[k], &regions, NULL), 100, x, one, NULL));
    assert_true(one[id] == both[id]);
  }
  assert_int_equal(regions.n, 1);
  stop(&w);
}

static void samples_in_an_excluded_atom_are_prior_hallucinations(void **state) {
  (void)state;
  world w;
  double log_weight[3], x[1000], value[FSL_N_METRICS], weight[3];
  const double y = -1.8, t = 0.02;
  const fsl_mixture prior = tri(log_weight);
  start(&w, &prior, &y, 0.3);
  fsl_scene *scene = scene_at(&w, t, EVERY);
  for (int i = 0; i < 1000; i++) x[i] = a_at(&w, t) * tri_mean[i < 870 ? 0 : i < 900 ? 1 : 2];
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, weight));
  assert_near(value[FSL_PRIOR_HALLUCINATION], 0.13, 1e-3);
  assert_near(value[FSL_MODE_WEIGHT_TV], 0.13, 1e-3);
  const double expected[] = {0.87, 0.03, 0.1};
  for (int k = 0; k < 3; k++) assert_near(weight[k], expected[k], 1e-12);
  stop(&w);
}

static void what_truth_itself_has_in_excluded_modes_is_no_hallucination(void **state) {
  (void)state;
  world w;
  double log_weight[3], x[1000], value[FSL_N_METRICS];
  const double y = -1.8, t = 0.117;
  const fsl_mixture prior = tri(log_weight);
  start(&w, &prior, &y, 0.3);
  const double a = a_at(&w, t), leaked = cdf(-a / sqrt(v_at(&w, t))); /* past the midpoint, one away */
  assert_true(leaked > 0.003 && leaked < 0.009);
  fsl_scene *scene = scene_at(&w, t, EVERY);
  for (int i = 0; i < 1000; i++) x[i] = a * tri_mean[i < 950 ? 0 : 1];
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, NULL));
  assert_near(value[FSL_PRIOR_HALLUCINATION], 0.05 - leaked, 1e-4);
  for (int i = 0; i < 1000; i++) x[i] = a * tri_mean[0];
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, NULL));
  assert_true(value[FSL_PRIOR_HALLUCINATION] == 0);
  stop(&w);
}

static void the_ellipsoid_ends_where_it_holds_two_thirds_of_the_noise(void **state) {
  (void)state;
  world w;
  double log_weight[3], x[1000], value[FSL_N_METRICS];
  const double y = -0.8, t = 0.05, std = 0.1;
  const fsl_mixture prior = tri(log_weight);
  start(&w, &prior, &y, std);
  const double a = a_at(&w, t), edge = std * gsl_cdf_ugaussian_Pinv(0.84); /* m = 1: two-sided 68 % */
  fsl_scene *scene = scene_at(&w, t, 1U << FSL_LIKELIHOOD_HALLUCINATION);
  for (int i = 0; i < 1000; i++) x[i] = a * (y + (i < 400 ? 0.99 : 1.01) * (i % 2 ? edge : -edge));
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, NULL));
  assert_near(value[FSL_LIKELIHOOD_HALLUCINATION], 0.4, 1e-3);
  stop(&w);
}

static void truth_that_visits_excluded_modes_leaves_no_prior_hallucination(void **state) {
  (void)state;
  world w;
  double log_weight[3], x[100], value[FSL_N_METRICS];
  const double y = -1.8;
  const fsl_mixture prior = tri(log_weight);
  start(&w, &prior, &y, 0.3);
  fsl_scene *scene = scene_at(&w, 0.8, EVERY);
  for (int i = 0; i < 100; i++) x[i] = 0.01 * i;
  must(fsl_scene_grade(&w.ctx, scene, 100, x, value, NULL));
  assert_true(isnan(value[FSL_PRIOR_HALLUCINATION]));
  stop(&w);
}

static void within_mode_spread_sees_the_width_inside_the_main_mode_alone(void **state) {
  (void)state;
  world w;
  double log_weight[3], x[1000], value[FSL_N_METRICS];
  const double y = 0.2, t = 0.05; /* the modes do not overlap at t */
  const fsl_mixture prior = tri(log_weight);
  start(&w, &prior, &y, 0.3);
  const double a = a_at(&w, t), s = sqrt(v_at(&w, t));
  fsl_scene *scene = scene_at(&w, t, 1U << FSL_WITHIN_MODE_SPREAD);
  for (int i = 0; i < 1000; i++) /* twice the variance, and a lot of mass elsewhere */
    x[i] = i % 2 ? a * 2.2 : a * 0.2 + sqrt(2) * s * gsl_cdf_ugaussian_Pinv((i + 0.5) / 1000);
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, NULL));
  assert_near(value[FSL_WITHIN_MODE_SPREAD], 2, 0.02);
  for (int i = 0; i < 1000; i++) x[i] = i < 29 ? a * 0.2 + 0.01 * i : a * 2.2;
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, NULL));
  assert_true(isnan(value[FSL_WITHIN_MODE_SPREAD]));
  stop(&w);
}

/* ---- normals ------------------------------------------------------------------------------------------------- */

static void a_shifted_and_stretched_normal_scores_its_closed_forms(void **state) {
  (void)state;
  enum { N = 4000 };
  world w;
  double x[N], value[FSL_N_METRICS];
  const double y = 1.5, t = 0.1, shift = 0.2;
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  const double a = a_at(&w, t), v = v_at(&w, t), c = 0.2, mu = a * 1.2, var = a * a * c + v, s = sqrt(var);
  fsl_scene *scene = scene_at(&w, t, EVERY);
  for (int i = 0; i < N; i++) x[i] = mu + shift + s * gsl_cdf_ugaussian_Pinv((i + 0.5) / N);
  must(fsl_scene_grade(&w.ctx, scene, N, x, value, NULL));
  assert_near(value[FSL_MEAN_ERROR], shift / s, 1e-10);
  assert_near(value[FSL_SLICED_W1], shift, 1e-4);
  assert_near(value[FSL_MAX_SLICED_W1], shift, 1e-4);
  assert_near(value[FSL_SPREAD_RATIO], 1, 2e-3);
  assert_near(value[FSL_SPREAD_MIN], value[FSL_SPREAD_RATIO], 1e-12);
  assert_near(value[FSL_SPREAD_MAX], value[FSL_SPREAD_RATIO], 1e-12);
  assert_near(value[FSL_WITHIN_MODE_SPREAD], 1, 2e-3);
  assert_near(value[FSL_MODE_WEIGHT_TV], 0, 1e-12);
  assert_near(value[FSL_NONFINITE_FRACTION], 0, 0);
  assert_true(isnan(value[FSL_SCORE_ERROR]) && isnan(value[FSL_PATH_KL]) && isnan(value[FSL_PRIOR_HALLUCINATION]));
  for (int i = 0; i < N; i++) x[i] = a * 1.2 + s * gsl_cdf_ugaussian_Pinv((i + 0.5) / N);
  must(fsl_scene_grade(&w.ctx, scene, N, x, value, NULL));
  /* E|X - Y| along the monotone coupling: mostly a shift, so integrate it over the quantiles */
  double sum = 0;
  for (int i = 0; i < N; i++) sum += fabs(x[i] - (1.2 + sqrt(c) * gsl_cdf_ugaussian_Pinv((i + 0.5) / N))) / N;
  assert_near(value[FSL_STOPPING_ERROR], sum, 1e-3);
  stop(&w);
}

static void mmd2_of_a_shifted_normal_is_its_closed_form(void **state) {
  (void)state;
  enum { N = 2000 };
  world w;
  double x[N], value[FSL_N_METRICS];
  const double y = 0, t = 0.1, shift = 0.5;
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  const double a = a_at(&w, t), v = v_at(&w, t), var = a * a * 0.2 + v;
  fsl_scene *scene = scene_at(&w, t, 1U << FSL_MMD2);
  for (int i = 0; i < N; i++) x[i] = shift + sqrt(var) * gsl_cdf_ugaussian_Pinv((i + 0.5) / N);
  must(fsl_scene_grade(&w.ctx, scene, N, x, value, NULL));
  /* h^2 = var: all three terms have variance 3 var */
  const double exact = 2 / sqrt(3) * (1 - exp(-0.5 * shift * shift / (3 * var)));
  assert_near(value[FSL_MMD2], exact, 1e-3);
  stop(&w);
}

static void extreme_spreads_are_the_eigenvalues_of_the_stretch(void **state) {
  (void)state;
  enum { N = 400 };
  world w;
  double x[2 * N], value[FSL_N_METRICS];
  const double y[] = {0.4, -0.3}, t = 0.1, c = cos(0.6), s = sin(0.6);
  const fsl_mixture prior = standard_normal(2);
  start(&w, &prior, y, 0.5);
  const double a = a_at(&w, t), std = sqrt(a * a * 0.2 + v_at(&w, t));
  fsl_scene *scene = scene_at(&w, t, EVERY);
  for (int i = 0; i < N; i++) { /* a circle of radius sqrt 2 has unit covariance */
    const double p = sqrt(2) * cos(2 * M_PI * i / N) * sqrt(0.3), q = sqrt(2) * sin(2 * M_PI * i / N) * sqrt(2.5);
    x[2 * i] = a * 0.8 * y[0] + std * (c * p - s * q);
    x[2 * i + 1] = a * 0.8 * y[1] + std * (s * p + c * q);
  }
  must(fsl_scene_grade(&w.ctx, scene, N, x, value, NULL));
  assert_near(value[FSL_SPREAD_MIN], 0.3 * N / (N - 1), 1e-9);
  assert_near(value[FSL_SPREAD_MAX], 2.5 * N / (N - 1), 1e-9);
  assert_near(value[FSL_SPREAD_RATIO], 1.4 * N / (N - 1), 1e-9);
  assert_near(value[FSL_MEAN_ERROR], 0, 1e-9);
  assert_true(value[FSL_MAX_SLICED_W1] >= value[FSL_SLICED_W1]);
  stop(&w);
}

static void the_distance_between_sets_is_a_mean_over_directions(void **state) {
  (void)state;
  world w;
  double x[200], x2[200], distance;
  const double y[] = {0, 0};
  const fsl_mixture prior = standard_normal(2);
  start(&w, &prior, y, 0.5);
  fsl_scene *scene = scene_at(&w, 0.1, 0);
  fsl_normals((fsl_key){{5, 5}}, 0, 0, 200, x);
  for (int i = 0; i < 200; i++) x2[i] = x[i] + (i % 2 ? 0.3 : 0.1);
  must(fsl_scene_sliced_w1_between(&w.ctx, scene, 100, x, 100, x2, &distance));
  double mean = 0;
  for (int j = 0; j < 128; j++) mean += fabs(0.1 * cos(M_PI * j / 128) + 0.3 * sin(M_PI * j / 128)) / 128;
  assert_near(distance, mean, 1e-12);
  stop(&w);
}

static void lost_particles_are_left_out_up_to_one_in_a_hundred(void **state) {
  (void)state;
  world w;
  double x[1000], value[FSL_N_METRICS], weight[1];
  const double y = 0;
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  fsl_scene *scene = scene_at(&w, 0.1, EVERY);
  fsl_normals((fsl_key){{6, 6}}, 0, 0, 1000, x);
  for (int i = 0; i < 10; i++) x[100 * i] = i % 2 ? NAN : INFINITY;
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, weight));
  assert_near(value[FSL_NONFINITE_FRACTION], 0.01, 1e-15);
  assert_true(isfinite(value[FSL_SLICED_W1]) && isfinite(value[FSL_MMD2]) && weight[0] == 1);
  x[1] = NAN;
  must(fsl_scene_grade(&w.ctx, scene, 1000, x, value, weight));
  assert_near(value[FSL_NONFINITE_FRACTION], 0.011, 1e-15);
  for (int i = 0; i < FSL_NONFINITE_FRACTION; i++) assert_true(isnan(value[i]));
  assert_true(isnan(weight[0]));
  stop(&w);
}

static void without_a_truth_nothing_is_graded_against_it(void **state) {
  (void)state;
  world w;
  double x[100], value[FSL_N_METRICS], weight[1];
  const double y = 0;
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  w.truth = (fsl_truth){.method = FSL_TRUTH_SAMPLED, .known = false};
  fsl_scene *scene = scene_at(&w, 0.1, EVERY);
  fsl_normals((fsl_key){{6, 6}}, 0, 0, 100, x);
  must(fsl_scene_grade(&w.ctx, scene, 100, x, value, weight));
  for (int i = 0; i < FSL_NONFINITE_FRACTION; i++) assert_true(isnan(value[i]) == (i != FSL_ESCAPE));
  assert_true(value[FSL_ESCAPE] < 0.1 && value[FSL_NONFINITE_FRACTION] == 0 && weight[0] == 1);
  assert_true(isnan(fsl_scene_true_mode_weight(scene)[0]));
  fsl_floor found;
  must(fsl_scene_floor(&w.ctx, scene, &w.truth.law, 100, key, &found));
  assert_true(isnan(found.mean[FSL_SLICED_W1]));
  stop(&w);
}

/* Two measurements of one prior, two times each. What is shared is used: a region that was altered shows. */
static void scenes_that_share_grade_as_those_that_do_not(void **state) {
  enum { N = 400 };
  (void)state;
  const double y[2][2] = {{0.3, 1}, {-1, 0.4}}, times[] = {0.05, 0.4};
  const fsl_mixture prior = standard_normal(2);
  const uint32_t metrics = EVERY & ~(1U << FSL_MMD2);
  double x[2 * N], alone[FSL_N_METRICS], shared[FSL_N_METRICS];
  fsl_regions regions = {0};
  fsl_normals((fsl_key){{6, 7}}, 0, 0, (size_t)2 * N, x);
  for (size_t i = 0; i < 2; i++) {
    world w;
    fsl_scene_common common = {0};
    start(&w, &prior, y[i], 0.5);
    for (size_t t = 0; t < 2; t++) {
      must(fsl_scene_grade(&w.ctx, scene_at(&w, times[t], metrics), N, x, alone, NULL));
      must(fsl_scene_grade(&w.ctx, sharing_scene_at(&w, times[t], metrics, &regions, &common), N, x, shared, NULL));
      assert_memory_equal(alone, shared, sizeof alone);
      assert_int_equal(regions.n, i == 0 ? t + 1 : 2);
    }
    assert_non_null(common.mass_at_0);
    assert_non_null(common.line_at_0);
    if (i == 1) regions.entry[0].threshold = NAN;
    must(fsl_scene_grade(&w.ctx, sharing_scene_at(&w, times[0], metrics, &regions, &common), N, x, shared, NULL));
    assert_true(isnan(shared[FSL_LIKELIHOOD_HALLUCINATION]) == (i == 1));
    w.prior.identity.low = 1; /* another prior has a region of its own */
    must(fsl_scene_grade(&w.ctx, sharing_scene_at(&w, times[0], metrics, &regions, &common), N, x, shared, NULL));
    assert_int_equal(regions.n, 3);
    regions.n = regions.next = 2;
    stop(&w);
  }
}

/* Every NaN of a grading has a reason, and no value has one. */
static void every_nan_has_its_reason(void **state) {
  (void)state;
  enum { N = 100 };
  world w;
  double log_weight[3], x[N], value[FSL_N_METRICS];
  const double y = -1.8;
  const fsl_mixture prior = tri(log_weight);
  start(&w, &prior, &y, 0.3);
  fsl_normals((fsl_key){{6, 6}}, 0, 0, N, x);
  const fsl_scene *const late = scene_at(&w, 0.02, EVERY), *const early = scene_at(&w, 0.8, EVERY);
  for (int i = 0; i < N; i++) x[i] = i < 10 ? a_at(&w, 0.02) * -1.8 : 5;
  must(fsl_scene_grade(&w.ctx, late, N, x, value, NULL));
  for (int i = 0; i < FSL_SCORE_ERROR; i++) {
    const fsl_reason reason = fsl_scene_reason(late, (fsl_metric_id)i, N, N, value[i]);
    assert_int_equal(reason, i == FSL_WITHIN_MODE_SPREAD ? FSL_TOO_FEW_IN_MODE : FSL_HAS_VALUE);
    assert_true(isnan(value[i]) == (reason != FSL_HAS_VALUE));
    assert_int_equal(fsl_scene_reason(late, (fsl_metric_id)i, N, N - 2, NAN), FSL_NONFINITE_SAMPLES);
    assert_int_not_equal(fsl_scene_reason(late, (fsl_metric_id)i, N, N - 1, NAN), FSL_NONFINITE_SAMPLES);
  }
  must(fsl_scene_grade(&w.ctx, early, N, x, value, NULL));
  assert_int_equal(fsl_scene_reason(early, FSL_PRIOR_HALLUCINATION, N, N, value[FSL_PRIOR_HALLUCINATION]),
                   FSL_TRUTH_IN_EXCLUDED_MODES);
  const fsl_scene *const zero = scene_at(&w, 0, EVERY);
  assert_int_equal(fsl_scene_reason(zero, FSL_ESCAPE, N, N, NAN), FSL_NO_DENSITY);
  stop(&w);
  const fsl_mixture normal = standard_normal(1);
  start(&w, &normal, &y, 0.3);
  const fsl_scene *const one = scene_at(&w, 0.1, EVERY);
  assert_int_equal(fsl_scene_reason(one, FSL_PRIOR_HALLUCINATION, N, N, NAN), FSL_NO_EXCLUDED_MODE);
  assert_int_equal(fsl_scene_reason(one, FSL_MEAN_ERROR, N, 1, NAN), FSL_NONFINITE_SAMPLES);
  assert_int_equal(fsl_scene_reason(one, FSL_MEAN_ERROR, 1, 1, NAN), FSL_TOO_FEW_SAMPLES);
  assert_int_equal(fsl_scene_reason(one, FSL_SPREAD_MIN, 2, 2, NAN), FSL_OVERFLOW);
  w.truth.known = false;
  assert_int_equal(fsl_scene_reason(one, FSL_SLICED_W1, N, N, NAN), FSL_TRUTH_UNKNOWN);
  assert_int_equal(fsl_scene_reason(one, FSL_ESCAPE, N, N, 0.2), FSL_HAS_VALUE);
  stop(&w);
}

/* States of a sampler that diverged are finite still: their squares are not, and the grading does not fail. */
static void samples_too_large_to_square_fail_no_grading(void **state) {
  (void)state;
  enum { N = 100, D = 2 };
  static const fsl_metric_id squared[] = {FSL_MEAN_ERROR, FSL_SPREAD_RATIO, FSL_SPREAD_MIN, FSL_SPREAD_MAX};
  const double y[D] = {0.5, 0.2};
  const fsl_mixture prior = standard_normal(D);
  world w;
  double x[N * D], value[FSL_N_METRICS];
  start(&w, &prior, y, 0.3);
  const fsl_scene *const scene = scene_at(&w, 0.1, EVERY);
  fsl_normals((fsl_key){{6, 7}}, 0, 0, N * D, x);
  for (size_t i = 0; i < N * D; i++) x[i] *= 1e200;
  must(fsl_scene_grade(&w.ctx, scene, N, x, value, NULL));
  for (size_t i = 0; i < 4; i++) {
    assert_true(isnan(value[squared[i]]));
    assert_int_equal(fsl_scene_reason(scene, squared[i], N, N, value[squared[i]]), FSL_OVERFLOW);
  }
  stop(&w);
}

static void what_is_not_wanted_is_not_there(void **state) {
  (void)state;
  world w;
  double x[100], value[FSL_N_METRICS];
  const double y = 0;
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  fsl_normals((fsl_key){{6, 6}}, 0, 0, 100, x);
  for (int only = 0; only < FSL_N_METRICS; only++) {
    must(fsl_scene_grade(&w.ctx, scene_at(&w, 0.1, 1U << only), 100, x, value, NULL));
    for (int i = 0; i < FSL_N_METRICS; i++)
      if (i != only) assert_true(isnan(value[i]));
  }
  stop(&w);
}

/* ---- what a large prior costs ------------------------------------------------------------------------------------ */

/* 4e9 / (components x d) draws, between 4096 and what is asked. */
static void draws_that_need_densities_are_fewer_for_a_large_prior(void **state) {
  (void)state;
  static const struct {
    size_t n, d, most, expected;
  } cases[] = {{25, 8, 100000, 100000},    {40000, 1, 100000, 100000}, {1000, 400, 100000, 10000},
               {60000, 784, 100000, 4096}, {60000, 784, 1000, 1000},   {2000, 100, 32768, 20000}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const fsl_mixture prior = {.n = cases[i].n, .d = cases[i].d};
    assert_int_equal(fsl_affordable_draws(&prior, cases[i].most), cases[i].expected);
  }
}

static void only_metrics_of_modes_and_regions_look_at_the_prior(void **state) {
  (void)state;
  enum { N = 100 };
  const uint32_t modes = 1U << FSL_MODE_WEIGHT_TV, region = 1U << FSL_LIKELIHOOD_HALLUCINATION;
  const double y[] = {0.3, -0.2, 1};
  const fsl_mixture prior = standard_normal(3);
  fsl_mixture two = prior;
  const double log_half[2] = {-log(2), -log(2)}, means[6] = {0};
  double value[FSL_N_METRICS], mode_weight[2];
  two.n = two.n_modes = 2;
  two.log_weight = log_half;
  two.mean = means;
  world w;
  start(&w, &two, y, 0.5);
  double *const x = fsl_arena_get(w.ctx.arena, N * 3, sizeof *x);
  assert_non_null(x);
  looked_at = 0;
  const uint32_t others = 1U << FSL_PRIOR_HALLUCINATION | 1U << FSL_WITHIN_MODE_SPREAD | 1U << FSL_ESCAPE;
  const fsl_scene *scene = scene_at(&w, 0.3, EVERY & ~(modes | region | others));
  must(fsl_scene_grade(&w.ctx, scene, N, x, value, mode_weight));
  assert_int_equal(looked_at, 0);
  assert_true(value[FSL_SLICED_W1] > 0 && isnan(mode_weight[0]) && isnan(fsl_scene_true_mode_weight(scene)[0]));
  scene = scene_at(&w, 0.3, modes | region | 1U << FSL_ESCAPE);
  assert_true(looked_at > 0);
  looked_at = 0;
  must(fsl_scene_grade(&w.ctx, scene, N, x, value, mode_weight));
  assert_int_equal(looked_at, N); /* one pass serves all */
  assert_true(value[FSL_ESCAPE] >= 0 && value[FSL_MODE_WEIGHT_TV] >= 0 && mode_weight[0] + mode_weight[1] == 1);
  stop(&w);
}

/* Of 5000 components three have all the weight: the kernel mean is theirs in closed form, no draws'. */
static void many_components_of_no_weight_leave_the_kernel_mean_closed(void **state) {
  (void)state;
  enum { FEW = 3, MANY = 5000, D = 3, N = 300 };
  const double y[D] = {0};
  double *const mean = calloc(MANY * D, sizeof *mean), *const log_weight = calloc(MANY, sizeof *log_weight), mmd2[2];
  assert_true(mean != NULL && log_weight != NULL);
  for (size_t k = 0; k < MANY; k++) log_weight[k] = k < FEW ? -log(FEW) : -500;
  for (size_t i = 0; i < MANY * D; i++) mean[i] = cos((double)i);
  for (int many = 0; many < 2; many++) {
    fsl_mixture prior = standard_normal(D);
    double value[FSL_N_METRICS];
    world w;
    prior.n = many ? MANY : FEW;
    prior.n_modes = 1;
    prior.mode_of = calloc(MANY, sizeof *prior.mode_of);
    prior.mean = mean;
    prior.log_weight = log_weight;
    start(&w, &prior, y, 0.5);
    double *const x = fsl_arena_get(w.ctx.arena, N * D, sizeof *x);
    assert_non_null(x);
    fsl_normals(key, 1, 0, N * D, x);
    must(fsl_scene_grade(&w.ctx, scene_at(&w, 0.2, 1U << FSL_MMD2), N, x, value, NULL));
    mmd2[many] = value[FSL_MMD2];
    free((void *)(uintptr_t)prior.mode_of);
    stop(&w);
  }
  assert_true(fabs(mmd2[0] - mmd2[1]) < 1e-12 && fabs(mmd2[0]) > 1e-4);
  free(mean);
  free(log_weight);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(masses_of_three_atoms_are_those_between_their_midpoints),
      cmocka_unit_test(masses_in_the_plane_come_by_quadrature),
      cmocka_unit_test(exact_samples_score_at_their_floor),
      cmocka_unit_test(samples_on_the_measurement_are_likelihood_hallucinations),
      cmocka_unit_test(samples_far_from_both_escape),
      cmocka_unit_test(escape_is_the_mass_beyond_the_region_less_its_hundredth),
      cmocka_unit_test(escape_and_hallucination_share_the_region),
      cmocka_unit_test(samples_in_an_excluded_atom_are_prior_hallucinations),
      cmocka_unit_test(what_truth_itself_has_in_excluded_modes_is_no_hallucination),
      cmocka_unit_test(the_ellipsoid_ends_where_it_holds_two_thirds_of_the_noise),
      cmocka_unit_test(truth_that_visits_excluded_modes_leaves_no_prior_hallucination),
      cmocka_unit_test(within_mode_spread_sees_the_width_inside_the_main_mode_alone),
      cmocka_unit_test(a_shifted_and_stretched_normal_scores_its_closed_forms),
      cmocka_unit_test(mmd2_of_a_shifted_normal_is_its_closed_form),
      cmocka_unit_test(extreme_spreads_are_the_eigenvalues_of_the_stretch),
      cmocka_unit_test(the_distance_between_sets_is_a_mean_over_directions),
      cmocka_unit_test(lost_particles_are_left_out_up_to_one_in_a_hundred),
      cmocka_unit_test(without_a_truth_nothing_is_graded_against_it),
      cmocka_unit_test(scenes_that_share_grade_as_those_that_do_not),
      cmocka_unit_test(every_nan_has_its_reason),
      cmocka_unit_test(samples_too_large_to_square_fail_no_grading),
      cmocka_unit_test(what_is_not_wanted_is_not_there),
      cmocka_unit_test(draws_that_need_densities_are_fewer_for_a_large_prior),
      cmocka_unit_test(only_metrics_of_modes_and_regions_look_at_the_prior),
      cmocka_unit_test(many_components_of_no_weight_leave_the_kernel_mean_closed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
