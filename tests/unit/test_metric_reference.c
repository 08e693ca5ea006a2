/* The reference against truth, on figures that follow from its weighted atoms, and score errors of linear scores. */
#include "metric/metric.h"

#include "approximation/kinds.h"
#include "base/linalg.h"
#include "problem/kinds.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(value, expected, error) assert_true(fabs((value) - (expected)) <= (error))
#define must(call)                          assert_int_equal((call), FSL_OK)

enum { EVERY = (1 << FSL_N_METRICS) - 1, MOST = 4 };
static const double betas[] = {0.01, 20};
static const double zeros[MOST] = {0}, ones[MOST] = {1, 1, 1, 1}, log_one[] = {0};
static const fsl_covariance unit_spread = {.values = ones, .isotropic = true};
static const fsl_key key = {{21, 22}};

static double cdf(double z) {
  return 0.5 * erfc(-z * M_SQRT1_2);
}

typedef struct world {
  fsl_ctx ctx;
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
  fsl_truth truth;
  fsl_diffusion diffusion;
  double y[MOST], std[MOST], mode_weight[MOST], mean[MOST], covariance[MOST * MOST], identity[MOST * MOST];
} world;

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

static fsl_mixture standard_normal(size_t d) {
  return (fsl_mixture){.d = d,
                       .n = 1,
                       .log_weight = log_one,
                       .mean = zeros,
                       .n_covariances = 1,
                       .covariance = &unit_spread,
                       .n_modes = 1};
}

static fsl_scene *scene_at(world *w, double t) {
  const fsl_scene_setting setting = {.problem = &w->problem,
                                     .truth = &w->truth,
                                     .diffusion = &w->diffusion,
                                     .t = t,
                                     .particles = 256,
                                     .metrics = EVERY & ~(1U << FSL_LIKELIHOOD_HALLUCINATION),
                                     .key = key};
  fsl_scene *scene;
  must(fsl_scene_create(&w->ctx, &setting, &scene));
  return scene;
}

/* ---- the reference ------------------------------------------------------------------------------------------- */

/* At t > 0 and at 0: the mixture of weighted atoms against the normal truth, all integrals on a fine grid. */
static void the_reference_is_graded_as_the_mixture_it_is(void **state) {
  (void)state;
  enum { N = 50 };
  world w;
  const double y = 0.8, times[] = {0.2, 0};
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  fsl_posterior *posterior;
  fsl_mixture law;
  must(fsl_posterior_of_training_set(&w.ctx, &w.problem, key, N, NULL, &posterior));
  must(fsl_posterior_law(&w.ctx, posterior, &law));
  for (int k = 0; k < 2; k++) {
    const double t = times[k], a = t > 0 ? w.diffusion.a(&w.diffusion, t) : 1;
    const double v = t > 0 ? w.diffusion.v(&w.diffusion, t) : 0, var = a * a * 0.2 + v, mu = a * 0.64;
    fsl_reference_at found;
    must(fsl_reference_grade(&w.ctx, scene_at(&w, t), posterior, key, 512, &found));
    double mean = 0, square = 0, distance = 0;
    for (size_t i = 0; i < law.n; i++) {
      mean += exp(law.log_weight[i]) * law.mean[i];
      square += exp(law.log_weight[i]) * law.mean[i] * law.mean[i];
    }
    const int cells = 100000;
    for (int c = 0; c < cells; c++) {
      const double x = mu - 6 + 12 * (c + 0.5) / cells;
      double f = -cdf((x - mu) / sqrt(var));
      for (size_t i = 0; i < law.n; i++)
        f += exp(law.log_weight[i]) * (v > 0 ? cdf((x - a * law.mean[i]) / sqrt(v)) : law.mean[i] <= x ? 1 : 0);
      distance += fabs(f) * 12 / cells;
    }
    assert_near(found.mean_error, fabs(a * mean - mu) / sqrt(var), 1e-10);
    assert_near(found.covariance_error, fabs(a * a * (square - mean * mean) + v - var) / var, 1e-10);
    assert_near(found.sliced_w1, distance, 2e-5);
    if (t > 0)
      assert_true(found.effective_atoms > 1 && found.effective_atoms < N);
    else
      assert_true(isnan(found.effective_atoms));
  }
  stop(&w);
}

static void without_t_the_reference_is_its_weights(void **state) {
  (void)state;
  enum { N = 400 };
  world w;
  const double y = 0.8, means[] = {-2, 2}, log_half[] = {-M_LN2, -M_LN2};
  fsl_mixture prior = standard_normal(1);
  prior.n = prior.n_modes = 2;
  prior.mean = means;
  prior.log_weight = log_half;
  start(&w, &prior, &y, 1);
  fsl_posterior *posterior;
  fsl_mixture law;
  fsl_reference_overall found;
  must(fsl_posterior_of_training_set(&w.ctx, &w.problem, key, N, NULL, &posterior));
  must(fsl_posterior_law(&w.ctx, posterior, &law));
  must(fsl_reference_overall_grade(&w.ctx, scene_at(&w, 0), posterior, &found));
  double squares = 0, mass = 0;
  for (size_t i = 0; i < law.n; i++) {
    const double x = law.mean[i], weight = exp(law.log_weight[i]);
    squares += weight * weight;
    mass += weight / (1 + exp(4 * x)); /* responsibility of the left component: odds exp(-4 x) */
  }
  assert_near(found.ess, 1 / squares, 1e-8);
  assert_near(found.mode_weight_tv, fabs(mass - w.mode_weight[0]), 1e-10);
  assert_near(found.log_evidence_error, fsl_posterior_log_evidence(posterior) - w.truth.log_evidence, 1e-14);
  assert_true(fabs(found.log_evidence_error) < 0.3 && found.khat < 0.7);
  stop(&w);
}

/* ---- score errors ---------------------------------------------------------------------------------------------- */

typedef struct errors {
  double relative[3], absolute[3], kl[3];
  fsl_reason relative_reason[3], absolute_reason[3], kl_reason[3];
} errors;

static void find(world *w, const fsl_approximation_kind *kind, const void *params, const fsl_posterior *posterior,
                 size_t n_draws, const double times[3], errors *out) {
  const fsl_score_errors into = {out->relative,        out->absolute,        out->kl,
                                 out->relative_reason, out->absolute_reason, out->kl_reason};
  must(fsl_score_errors_find(&w->ctx, kind, params, posterior, &w->diffusion, 1, 3, times, n_draws, key, &into));
}

/* Prior N(0, 1), A = 1, noise s: m = a x, C = v (VP); g_fsr = (a/v) k (y - a x) with k = v/(v + s^2), sigma-dps has
 * k = v/s^2. So the gap is (a/v)(v/s^2 - v/(v + s^2)) (y - a x), linear in x. */
typedef struct linear_case {
  double gap2, exact2; /* coefficients of (y - a x)^2 */
  double residual2;    /* E (y - a x)^2 under p(x_t | y) */
} linear_case;

static linear_case at(const world *w, double t, double y, double s2) {
  const double a = w->diffusion.a(&w->diffusion, t), v = w->diffusion.v(&w->diffusion, t);
  const double exact = a / (v + s2), gap = a / s2 - exact;
  const double mean = y / (1 + s2), var = s2 / (1 + s2); /* of x0 given y */
  const double bias = y - a * a * mean, spread = a * a * (a * a * var + v);
  return (linear_case){gap * gap, exact * exact, bias * bias + spread};
}

static double kl_of(const world *w, double from, double y, double s2) { /* midpoint rule, fine */
  const int n = 20000;
  double sum = 0;
  for (int i = 0; i < n; i++) {
    const double t = from + (1 - from) * (i + 0.5) / n;
    const linear_case c = at(w, t, y, s2);
    sum += 0.5 * w->diffusion.g2(&w->diffusion, t) * c.gap2 * c.residual2 * (1 - from) / n;
  }
  return sum;
}

static void score_errors_of_linear_scores_are_closed_form(void **state) {
  (void)state;
  world w;
  const double y = 1.3, s2 = 0.25, times[] = {0.3, 0.02, 0.1};
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  fsl_posterior *posterior;
  errors found;
  must(fsl_posterior_of_population(&w.ctx, &w.problem, NULL, &posterior));
  find(&w, &fsl_approximation_sigma_dps, NULL, posterior, 0, times, &found);
  for (int i = 0; i < 3; i++) {
    const linear_case c = at(&w, times[i], y, s2);
    const double v = w.diffusion.v(&w.diffusion, times[i]), kl = kl_of(&w, times[i], y, s2);
    assert_near(found.relative[i], sqrt(c.gap2 / c.exact2), 1e-8);
    assert_near(found.absolute[i], sqrt(v * c.gap2 * c.residual2), 1e-8);
    assert_near(found.kl[i], kl, 0.01 * kl); /* the contract's trapezoid of 33 nodes */
  }
  stop(&w);
}

static void draws_give_the_same_within_their_scatter(void **state) {
  (void)state;
  world w;
  const double y[] = {1.3, -0.4}, s2 = 0.25, times[] = {0.3, 0.05, 0.1};
  const fsl_mixture prior = standard_normal(2);
  start(&w, &prior, y, 0.5);
  fsl_posterior *posterior;
  errors found;
  must(fsl_posterior_of_population(&w.ctx, &w.problem, NULL, &posterior));
  find(&w, &fsl_approximation_sigma_dps, NULL, posterior, 4096, times, &found);
  for (int i = 0; i < 3; i++) {
    const linear_case c = at(&w, times[i], y[0], s2), e = at(&w, times[i], y[1], s2);
    const double v = w.diffusion.v(&w.diffusion, times[i]);
    const double kl = kl_of(&w, times[i], y[0], s2) + kl_of(&w, times[i], y[1], s2);
    assert_near(found.relative[i], sqrt(c.gap2 / c.exact2), 1e-8);
    assert_near(found.absolute[i] / sqrt(v * c.gap2 * (c.residual2 + e.residual2) / 2), 1, 0.05);
    assert_near(found.kl[i] / kl, 1, 0.04);
  }
  stop(&w);
}

static void the_exact_score_has_no_error_at_all(void **state) {
  (void)state;
  world w;
  const double y[] = {1.3, -0.4}, times[] = {0.3, 0.05, 0.2};
  for (size_t d = 1; d <= 2; d++) {
    const fsl_mixture prior = standard_normal(d);
    start(&w, &prior, y, 0.5);
    fsl_posterior *posterior;
    errors found;
    must(fsl_posterior_of_training_set(&w.ctx, &w.problem, key, 64, NULL, &posterior));
    find(&w, &fsl_approximation_fsr, NULL, posterior, 512, times, &found);
    for (int i = 0; i < 3; i++) assert_true(found.relative[i] == 0 || isnan(found.relative[i]));
    for (int i = 0; i < 3; i++) assert_true(found.absolute[i] == 0 && found.kl[i] == 0);
    stop(&w);
  }
}

/* Three atoms: expectations on a fine grid, the scores from their definitions. */
static void quadrature_sees_the_rare_states_between_atoms(void **state) {
  (void)state;
  world w;
  static const double atom[] = {-1.8, 0.2, 2.2};
  const double y = 0.2, s = 0.3, times[] = {0.2, 0.05, 0.1}, third[] = {-log(3), -log(3), -log(3)};
  const fsl_covariance none = {.values = zeros, .isotropic = true};
  const fsl_mixture prior = {
      .d = 1, .n = 3, .log_weight = third, .mean = atom, .n_covariances = 1, .covariance = &none, .n_modes = 3};
  start(&w, &prior, &y, s);
  fsl_posterior *posterior;
  errors found;
  must(fsl_posterior_of_population(&w.ctx, &w.problem, NULL, &posterior));
  find(&w, &fsl_approximation_sigma_dps, NULL, posterior, 0, times, &found);
  for (int i = 0; i < 3; i++) {
    const double a = w.diffusion.a(&w.diffusion, times[i]), v = w.diffusion.v(&w.diffusion, times[i]);
    double error = 0, exact = 0, total = 0;
    for (int c = 0; c < 200000; c++) {
      const double x = -6 + 12 * (c + 0.5) / 200000;
      double p = 0, mean = 0, square = 0, q = 0, tilted = 0;
      for (int k = 0; k < 3; k++) {
        const double e = exp(-0.5 * (x - a * atom[k]) * (x - a * atom[k]) / v);
        const double l = exp(-0.5 * (y - atom[k]) * (y - atom[k]) / (s * s));
        p += e;
        mean += e * atom[k];
        square += e * atom[k] * atom[k];
        q += e * l;
        tilted += e * l * atom[k];
      }
      if (!(q > 1e-280)) continue;
      mean /= p;
      const double g = a / v * (tilted / q - mean), sigma = a / v * (square / p - mean * mean) * (y - mean) / (s * s);
      total += q;
      error += q * (g - sigma) * (g - sigma);
      exact += q * g * g;
    }
    if (exact / total < 1e-6 / v)
      assert_true(isnan(found.relative[i]) && found.relative_reason[i] == FSL_NEGLIGIBLE_SCORE);
    else
      assert_near(found.relative[i] / sqrt(error / exact), 1, 1e-5);
    assert_near(found.absolute[i] / sqrt(v * error / total), 1, 1e-5);
  }
  stop(&w);
}

/* Two normals far apart in the plane: near either one tmpd is exact, and the states between them, which carry its
 * error, are visited by none of the draws. */
static void an_error_that_no_draw_sees_is_no_number(void **state) {
  (void)state;
  world w;
  static const double mean[] = {-12, 3, 12, -3}, half[] = {-0.693147180559945309, -0.693147180559945309};
  const double y[] = {-12.2, 2.5}, times[] = {0.1, 0.05, 0.02};
  fsl_mixture prior = standard_normal(2);
  prior.n = prior.n_modes = 2;
  prior.log_weight = half;
  prior.mean = mean;
  start(&w, &prior, y, 0.5);
  fsl_posterior *posterior;
  errors found;
  const fsl_kind *const tmpd = &fsl_approximation_tmpd.head;
  void *const params = fsl_arena_get(w.ctx.arena, 1, tmpd->params_size + 1);
  must(fsl_posterior_of_population(&w.ctx, &w.problem, NULL, &posterior));
  find(&w, &fsl_approximation_tmpd, params, posterior, 512, times, &found);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(found.relative_reason[i], FSL_AT_ROUNDING_LEVEL);
    assert_int_equal(found.absolute_reason[i], FSL_AT_ROUNDING_LEVEL);
    assert_true(isnan(found.relative[i]) && isnan(found.absolute[i]));
    assert_true(isfinite(found.kl[i]) == (found.kl_reason[i] == FSL_HAS_VALUE));
  }
  find(&w, &fsl_approximation_fsr, NULL, posterior, 512, times, &found); /* 0 is the truth of it */
  for (int i = 0; i < 3; i++)
    assert_true(found.relative[i] == 0 && found.kl[i] == 0 && found.relative_reason[i] == FSL_HAS_VALUE);
  find(&w, &fsl_approximation_sigma_dps, NULL, posterior, 512, times, &found);
  for (int i = 0; i < 3; i++) assert_true(found.relative[i] > 0.01 && found.relative_reason[i] == FSL_HAS_VALUE);
  stop(&w);
}

/* In a sum of squares over draws one state between two modes is all there is. */
static void one_draw_that_dominates_is_no_number(void **state) {
  (void)state;
  world w;
  static const double mean[] = {-1.5, 0, 1.5, 0}, half[] = {-0.693147180559945309, -0.693147180559945309};
  static const double narrow[] = {0.04, 0.04};
  const fsl_covariance spread = {.values = narrow, .isotropic = true};
  const double y[] = {-1.4, 0.1}, times[] = {0.16, 0.15, 0.14};
  int dominated = 0;
  fsl_mixture prior = standard_normal(2);
  prior.n = prior.n_modes = 2;
  prior.log_weight = half;
  prior.mean = mean;
  prior.covariance = &spread;
  start(&w, &prior, y, 0.5);
  fsl_posterior *posterior;
  errors found;
  void *const params = fsl_arena_get(w.ctx.arena, 1, fsl_approximation_tmpd.head.params_size + 1);
  must(fsl_posterior_of_population(&w.ctx, &w.problem, NULL, &posterior));
  find(&w, &fsl_approximation_tmpd, params, posterior, 256, times, &found);
  for (int i = 0; i < 3; i++) {
    dominated += found.absolute_reason[i] == FSL_ONE_DRAW_DOMINATES;
    assert_true(isnan(found.absolute[i]) == (found.absolute_reason[i] != FSL_HAS_VALUE));
    assert_true(isnan(found.relative[i]) == (found.relative_reason[i] != FSL_HAS_VALUE));
  }
  assert_true(dominated > 0);
  stop(&w);
}

static void methods_without_a_score_have_no_score_error(void **state) {
  (void)state;
  world w;
  const double y = 1.3, times[] = {0.3, 0.02, 0.1};
  const fsl_mixture prior = standard_normal(1);
  start(&w, &prior, &y, 0.5);
  fsl_posterior *posterior;
  errors found;
  must(fsl_posterior_of_population(&w.ctx, &w.problem, NULL, &posterior));
  find(&w, &fsl_approximation_fsr_direct, NULL, posterior, 64, times, &found);
  for (int i = 0; i < 3; i++) {
    assert_true(isnan(found.relative[i]) && isnan(found.absolute[i]) && isnan(found.kl[i]));
    assert_true(found.relative_reason[i] == FSL_NO_SCORE && found.kl_reason[i] == FSL_NO_SCORE);
  }
  stop(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_reference_is_graded_as_the_mixture_it_is),
      cmocka_unit_test(without_t_the_reference_is_its_weights),
      cmocka_unit_test(score_errors_of_linear_scores_are_closed_form),
      cmocka_unit_test(draws_give_the_same_within_their_scatter),
      cmocka_unit_test(the_exact_score_has_no_error_at_all),
      cmocka_unit_test(quadrature_sees_the_rare_states_between_atoms),
      cmocka_unit_test(an_error_that_no_draw_sees_is_no_number),
      cmocka_unit_test(one_draw_that_dominates_is_no_number),
      cmocka_unit_test(methods_without_a_score_have_no_score_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
