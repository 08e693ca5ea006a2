/* Posteriors of Gaussian mixtures under linear measurements, against closed forms that were made elsewhere. */
#include "base/array_file.h"
#include "problem_params.h"

typedef struct golden {
  size_t n, d, m;
  fsl_array weights, means, covs, matrix, bias, std, y, post_weights, post_means, post_covs, mean, cov, log_evidence;
} golden;

static const char *const cases[] = {"linear_0_gmm1d", "linear_1_gmm2d_m1", "linear_3_gmm8_m4"};
enum { N_CASES = sizeof cases / sizeof *cases };

static fsl_array read_truth(fsl_ctx *ctx, const char *group, const char *name) {
  const char *const root = getenv("FSL_TEST_ROOT");
  const char *const path =
      fsl_text_format(ctx->arena, "%s/tests/golden/truth.h5:/%s/%s", root == NULL ? "." : root, group, name);
  fsl_array out = {0};
  if (path == NULL || fsl_array_read(ctx, path, NULL, &out) != FSL_OK) fail_msg("%s", ctx->error);
  return out;
}

static golden load(fsl_ctx *ctx, const char *group) {
  golden g = {
      .weights = read_truth(ctx, group, "prior_weights"),
      .means = read_truth(ctx, group, "prior_means"),
      .covs = read_truth(ctx, group, "prior_covs"),
      .matrix = read_truth(ctx, group, "A"),
      .bias = read_truth(ctx, group, "b"),
      .std = read_truth(ctx, group, "noise_std"),
      .y = read_truth(ctx, group, "y"),
      .post_weights = read_truth(ctx, group, "post_weights"),
      .post_means = read_truth(ctx, group, "post_means"),
      .post_covs = read_truth(ctx, group, "post_covs"),
      .mean = read_truth(ctx, group, "mean"),
      .cov = read_truth(ctx, group, "cov"),
      .log_evidence = read_truth(ctx, group, "log_evidence"),
  };
  g.n = g.means.shape[0];
  g.d = g.means.shape[1];
  g.m = g.matrix.shape[0];
  return g;
}

/* The prior as a user writes it: kind gmm, one covariance matrix a component. */
static fsl_prior prior_of(fsl_ctx *ctx, const golden *g) {
  const fsl_kind *const head = &fsl_prior_gmm.head;
  void *const params = defaults(ctx, head);
  fsl_covariance_value *const list = fsl_arena_get(ctx->arena, g->n, sizeof *list);
  assert_non_null(list);
  for (size_t k = 0; k < g->n; k++)
    list[k].value = (fsl_array){.data = g->covs.data + k * g->d * g->d, .rank = 2, .shape = {g->d, g->d}};
  set_vector(head, params, "weights", g->n, g->weights.data);
  set_matrix(head, params, "means", g->n, g->d, g->means.data);
  *(fsl_covariance_list *)field(head, params, "covariances") = (fsl_covariance_list){.data = list, .n = g->n};
  fsl_prior out;
  const char *bad;
  if (fsl_prior_create(ctx, &fsl_prior_gmm, params, &(fsl_prior_setting){.seed = 1}, &out, &bad) != FSL_OK)
    fail_msg("%s: %s", bad, ctx->error);
  return out;
}

static void compare(const char *what, size_t n, const double *found, const double *expected) {
  for (size_t i = 0; i < n; i++)
    if (!(fabs(found[i] - expected[i]) <= 1e-10 * (1 + fabs(expected[i]))))
      fail_msg("%s %zu is %.17g, expected %.17g", what, i, found[i], expected[i]);
}

static fsl_mixture posterior_of(fsl_ctx *ctx, const golden *g, const fsl_prior *prior, double *log_evidence) {
  fsl_mixture out;
  assert_int_equal(fsl_mixture_condition(ctx, &prior->population, g->m, g->matrix.data, g->bias.data, g->std.data,
                                         g->y.data, &out, log_evidence),
                   FSL_OK);
  return out;
}

static void every_component_has_its_posterior_weight_mean_and_covariance(void **unused) {
  (void)unused;
  for (size_t i = 0; i < N_CASES; i++) {
    fsl_ctx ctx = context();
    const golden g = load(&ctx, cases[i]);
    const fsl_prior prior = prior_of(&ctx, &g);
    double log_evidence, mean[8], cov[64];
    const fsl_mixture post = posterior_of(&ctx, &g, &prior, &log_evidence);
    compare("mean of component", g.n * g.d, post.mean, g.post_means.data);
    for (size_t k = 0; k < g.n; k++) {
      const double weight = exp(post.log_weight[k]);
      compare("weight", 1, &weight, g.post_weights.data + k);
      /* One component alone: its covariance is the mixture's. */
      const double zero = 0;
      const fsl_mixture one = {.d = g.d,
                               .n = 1,
                               .log_weight = &zero,
                               .mean = post.mean + k * g.d,
                               .n_covariances = 1,
                               .covariance = &post.covariance[post.covariance_of == NULL ? 0 : post.covariance_of[k]],
                               .n_modes = 1};
      assert_int_equal(fsl_mixture_moments(&ctx, &one, mean, cov), FSL_OK);
      compare("covariance of a component", g.d * g.d, cov, g.post_covs.data + k * g.d * g.d);
    }
    fsl_arena_destroy(ctx.arena);
  }
}

static void moments_and_evidence_are_the_closed_forms(void **unused) {
  (void)unused;
  for (size_t i = 0; i < N_CASES; i++) {
    fsl_ctx ctx = context();
    const golden g = load(&ctx, cases[i]);
    const fsl_prior prior = prior_of(&ctx, &g);
    double log_evidence, mean[8], cov[64];
    const fsl_mixture post = posterior_of(&ctx, &g, &prior, &log_evidence);
    assert_int_equal(fsl_mixture_moments(&ctx, &post, mean, cov), FSL_OK);
    compare("mean", g.d, mean, g.mean.data);
    compare("covariance", g.d * g.d, cov, g.cov.data);
    compare("log evidence", 1, &log_evidence, g.log_evidence.data);
    fsl_arena_destroy(ctx.arena);
  }
}

/* Importance weights of many prior draws reach the same evidence: the likelihood and the draws against the closed
 * form, within five standard errors. */
static void the_evidence_is_the_mean_likelihood_of_prior_draws(void **unused) {
  (void)unused;
  enum { DRAWS = 20000 };
  fsl_ctx ctx = context();
  const golden g = load(&ctx, cases[1]);
  const fsl_prior prior = prior_of(&ctx, &g);
  const fsl_kind *const head = &fsl_forward_linear.head;
  void *const params = defaults(&ctx, head);
  set_matrix(head, params, "matrix", g.m, g.d, g.matrix.data);
  fsl_forward_model model;
  const char *bad;
  assert_int_equal(fsl_forward_model_create(&ctx, &fsl_forward_linear, params, g.d, &model, &bad), FSL_OK);
  const fsl_problem problem = {.prior = &prior, .model = &model, .noise = {.m = g.m, .std = g.std.data}, .y = g.y.data};
  double *const x = fsl_arena_get(ctx.arena, DRAWS * g.d, sizeof *x), *const l =
                                                                          fsl_arena_get(ctx.arena, DRAWS, sizeof *l);
  assert_true(x != NULL && l != NULL);
  assert_int_equal(fsl_prior_training_set(&ctx, &prior, (fsl_key){{1, 2}}, DRAWS, 0, DRAWS, x, NULL), FSL_OK);
  assert_int_equal(fsl_problem_log_likelihood(&ctx, &problem, DRAWS, x, l), FSL_OK);
  double sum = 0, squares = 0;
  for (size_t i = 0; i < DRAWS; i++) {
    sum += exp(l[i]);
    squares += exp(2 * l[i]);
  }
  const double mean = sum / DRAWS, error = sqrt((squares / DRAWS - mean * mean) / DRAWS);
  assert_true(fabs(mean - exp(g.log_evidence.data[0])) < 5 * error);
  assert_true(error < 0.02 * mean);
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_component_has_its_posterior_weight_mean_and_covariance),
      cmocka_unit_test(moments_and_evidence_are_the_closed_forms),
      cmocka_unit_test(the_evidence_is_the_mean_likelihood_of_prior_draws),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
