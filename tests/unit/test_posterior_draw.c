/* Exact draws from atoms have the weights they should, and depend on their numbers alone. */
#include "posterior_problem.h"

enum { N = 9001, D = 2, M = 1, DRAWS = 200000 };

typedef struct world {
  fsl_ctx *ctx;
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
  fsl_posterior *posterior;
} world;

static world *open_world(size_t n, bool weighted) {
  fsl_ctx *ctx = open_ctx();
  world *w = fsl_arena_get(ctx->arena, 1, sizeof *w);
  double *log_weight = reals(ctx, n);
  for (size_t i = 0; i < n; ++i) log_weight[i] = i % 3 == 1 ? -INFINITY : -1e-4 * (double)i;
  OK(ctx, fsl_mixture_of_atoms(ctx, n, D, normals(ctx, 1, n * D), weighted ? log_weight : NULL, NULL, n,
                               &w->prior.population));
  w->ctx = ctx;
  w->prior.d = D;
  w->model = bent_model(D, M);
  w->problem = (fsl_problem){&w->prior, &w->model, {M, constant(ctx, M, 0.5)}, constant(ctx, M, 0.4), NULL};
  OK(ctx, fsl_posterior_of_population(ctx, &w->problem, NULL, &w->posterior));
  return w;
}

static size_t atom_at(const world *w, const double *x0) {
  for (size_t i = 0; i < w->prior.population.n; ++i)
    if (memcmp(w->prior.population.mean + i * D, x0, D * sizeof *x0) == 0) return i;
  fail_msg("a draw is no atom");
  return 0;
}

/* Pearson's statistic of counts of few atoms against their weights, with its mean and five standard deviations. */
static void expect_weights(const world *w, size_t draws, const double *x0, const double *weight) {
  const size_t n = w->prior.population.n;
  double *count = reals(w->ctx, n), statistic = 0.0;
  size_t cells = 0;
  for (size_t i = 0; i < draws; ++i) ++count[atom_at(w, x0 + i * D)];
  for (size_t i = 0; i < n; ++i) {
    const double expected = weight[i] * (double)draws;
    if (weight[i] == 0.0) assert_true(count[i] == 0.0);
    if (expected < 5) continue;
    statistic += (count[i] - expected) * (count[i] - expected) / expected;
    ++cells;
  }
  assert_true(cells > 3);
  assert_true(statistic < (double)cells + 5 * sqrt(2 * (double)cells));
  assert_true(statistic > (double)cells - 5 * sqrt(2 * (double)cells) - 2);
}

static void weights_at(const world *w, double a, double v, const double *x, double *out) {
  const fsl_mixture *prior = &w->prior.population;
  double max = -INFINITY, sum = 0.0;
  for (size_t i = 0; i < prior->n; ++i) {
    const double *atom = prior->mean + i * D, dx = x == NULL ? 0 : x[0] - a * atom[0];
    const double dy = x == NULL ? 0 : x[1] - a * atom[1];
    out[i] = prior->log_weight[i] + w->posterior->atoms.log_likelihood[i] - (dx * dx + dy * dy) / (2 * v);
    max = fmax(max, out[i]);
  }
  for (size_t i = 0; i < prior->n; ++i) sum += out[i] = exp(out[i] - max);
  for (size_t i = 0; i < prior->n; ++i) out[i] /= sum;
}

static void test_draws_pick_atoms_by_posterior_weight(void **state) {
  (void)state;
  for (int weighted = 0; weighted < 2; ++weighted) {
    world *w = open_world(40, weighted);
    double *x = reals(w->ctx, DRAWS * D), *x0 = reals(w->ctx, DRAWS * D), weight[40];
    OK(w->ctx, fsl_posterior_draw(w->ctx, w->posterior, 0.8, 0.36, (fsl_key){{1, 2}}, 0, DRAWS, x, x0));
    weights_at(w, 0.8, 1.0, NULL, weight);
    expect_weights(w, DRAWS, x0, weight);
    double mean = 0.0, square = 0.0; /* of the noise */
    for (size_t i = 0; i < DRAWS * D; ++i) mean += (x[i] - 0.8 * x0[i]) / (DRAWS * D);
    for (size_t i = 0; i < DRAWS * D; ++i) square += pow(x[i] - 0.8 * x0[i], 2) / (DRAWS * D);
    assert_true(fabs(mean) < 5 * 0.6 / sqrt(DRAWS * D));
    assert_true(fabs(square - 0.36) < 5 * 0.36 * sqrt(2.0 / (DRAWS * D)));
    close_ctx(w->ctx);
  }
}

static void test_ancestors_are_picked_by_weight_at_the_state(void **state) {
  (void)state;
  static const double states[][D] = {{0.3, -0.2}, {2.5, 2.5}};
  for (size_t k = 0; k < 2; ++k) {
    world *w = open_world(40, true);
    double *x = reals(w->ctx, DRAWS * D), *x0 = reals(w->ctx, DRAWS * D), weight[40];
    for (size_t i = 0; i < DRAWS; ++i) memcpy(x + i * D, states[k], sizeof states[k]);
    OK(w->ctx, fsl_posterior_draw_x0(w->ctx, w->posterior, 0.7, 0.51, (fsl_key){{1, 2}}, 3, 0, DRAWS, x, x0));
    weights_at(w, 0.7, 0.51, states[k], weight);
    expect_weights(w, DRAWS, x0, weight);
    close_ctx(w->ctx);
  }
}

/* The mean over many draws, with several leaves. */
static void test_ancestors_of_many_leaves_average_to_the_posterior_mean(void **state) {
  (void)state;
  world *w = open_world(N, false);
  enum { MANY = 4000 };
  double *x = reals(w->ctx, MANY * D), *x0 = reals(w->ctx, MANY * D), *mean = reals(w->ctx, MANY * D);
  double *post = reals(w->ctx, MANY * D), got[D] = {0};
  assert_true(w->posterior->atoms.n_leaves > 1);
  for (size_t i = 0; i < MANY * D; ++i) x[i] = i % D == 0 ? 0.5 : -0.3;
  OK(w->ctx, fsl_posterior_moments(w->ctx, w->posterior, 0.5, 0.75, 1, x, &(fsl_moments){mean, post, 0, 0, 0}));
  OK(w->ctx, fsl_posterior_draw_x0(w->ctx, w->posterior, 0.5, 0.75, (fsl_key){{1, 2}}, 3, 0, MANY, x, x0));
  for (size_t i = 0; i < MANY * D; ++i) got[i % D] += x0[i] / MANY;
  for (size_t j = 0; j < D; ++j) assert_true(fabs(got[j] - post[j]) < 5 / sqrt(MANY));
  close_ctx(w->ctx);
}

static void test_a_draw_depends_on_its_number_alone(void **state) {
  (void)state;
  world *w = open_world(N, true);
  enum { SOME = 37 };
  double all[SOME * D], all0[SOME * D], one[D], one0[D];
  const fsl_key key = {{8, 9}};
  OK(w->ctx, fsl_posterior_draw(w->ctx, w->posterior, 0.8, 0.36, key, 100, SOME, all, all0));
  for (size_t i = 0; i < SOME; ++i) {
    OK(w->ctx, fsl_posterior_draw(w->ctx, w->posterior, 0.8, 0.36, key, 100 + i, 1, one, one0));
    assert_memory_equal(one, all + i * D, sizeof one);
    assert_memory_equal(one0, all0 + i * D, sizeof one0);
  }
  OK(w->ctx, fsl_posterior_draw_x0(w->ctx, w->posterior, 0.8, 0.36, key, 5, 100, SOME, all, all0));
  for (size_t i = 0; i < SOME; ++i) {
    OK(w->ctx, fsl_posterior_draw_x0(w->ctx, w->posterior, 0.8, 0.36, key, 5, 100 + i, 1, all + i * D, one0));
    assert_memory_equal(one0, all0 + i * D, sizeof one0);
  }
  close_ctx(w->ctx);
}

static void test_a_state_that_is_not_finite_has_no_ancestor(void **state) {
  (void)state;
  world *w = open_world(40, false);
  double x[3 * D] = {0.1, 0.2, NAN, 0.2, 0.3, 0.1}, x0[3 * D];
  OK(w->ctx, fsl_posterior_draw_x0(w->ctx, w->posterior, 0.8, 0.36, (fsl_key){{1, 2}}, 0, 0, 3, x, x0));
  for (size_t j = 0; j < 3 * D; ++j) assert_true((bool)isnan(x0[j]) == (j / D == 1));
  close_ctx(w->ctx);
}

static void test_the_law_of_atoms_carries_likelihood_and_evidence(void **state) {
  (void)state;
  world *w = open_world(40, true);
  double weight[40];
  size_t n;
  fsl_mixture law, prior;
  weights_at(w, 0.8, 1.0, NULL, weight);
  OK(w->ctx, fsl_posterior_law(w->ctx, w->posterior, &law));
  OK(w->ctx, fsl_posterior_prior_law(w->ctx, w->posterior, &prior));
  const double *l = fsl_posterior_log_likelihood(w->posterior, &n);
  double evidence = 0.0;
  assert_int_equal(n, 40);
  for (size_t i = 0; i < n; ++i) {
    assert_true(fabs(exp(law.log_weight[i]) - weight[i]) < 1e-14);
    assert_true(prior.log_weight[i] == w->prior.population.log_weight[i] ||
                fabs(prior.log_weight[i] - w->prior.population.log_weight[i]) < 1e-14);
    evidence += exp(prior.log_weight[i] + l[i]);
  }
  assert_true(fabs(log(evidence) - fsl_posterior_log_evidence(w->posterior)) < 1e-13);
  close_ctx(w->ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_draws_pick_atoms_by_posterior_weight),
      cmocka_unit_test(test_ancestors_are_picked_by_weight_at_the_state),
      cmocka_unit_test(test_ancestors_of_many_leaves_average_to_the_posterior_mean),
      cmocka_unit_test(test_a_draw_depends_on_its_number_alone),
      cmocka_unit_test(test_a_state_that_is_not_finite_has_no_ancestor),
      cmocka_unit_test(test_the_law_of_atoms_carries_likelihood_and_evidence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
