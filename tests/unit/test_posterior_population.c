/* Mixture populations against joint Gaussians of (x0, x_t, y), conditioned by dense algebra, component by component. */
#include "posterior_problem.h"

#include "base/linalg.h"
#include "posterior/law.h"

enum { D = 3, M = 3, K = 9, STATES = 19 };

typedef struct shape {
  const char *name;
  size_t n, n_covariances;
  int first;    /* of the covariances below */
  double apart; /* how far the components of one covariance lie from those of the next */
} shape;

static const double diagonal[3][D] = {{0.4, 0.4, 0.4}, {0.9, 0.05, 0.3}, {0.7, 0.2, 0.0}};

static const shape shapes[] = {
    {"one isotropic covariance", K, 1, 0, 0.0},  {"one full covariance", K, 1, 3, 0.0},
    {"one diagonal covariance", K, 1, 1, 0.0},   {"a single Gaussian", 1, 1, 3, 0.0},
    {"a covariance of each sort", K, 4, 0, 0.0}, {"covariances far apart", K, 4, 0, 6.0},
    {"a singular covariance", K, 1, 2, 0.0},
};

typedef struct world {
  fsl_ctx *ctx;
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
  fsl_posterior *posterior;
  double *x;
  double full[4][D * D]; /* the covariances, dense */
} world;

static void rotation(fsl_ctx *ctx, double *vectors) {
  double matrix[D * D] = {2, 0.5, -0.3, 0.5, 1, 0.7, -0.3, 0.7, 3}, values[D];
  OK(ctx, fsl_symmetric_eigen(ctx, D, matrix, values, vectors));
}

static void densify(const fsl_covariance *c, double *out) {
  for (size_t i = 0; i < D; ++i)
    for (size_t j = 0; j < D; ++j) {
      out[i * D + j] = 0.0;
      for (size_t k = 0; k < D; ++k) {
        const double left = c->vectors != NULL ? c->vectors[i * D + k] : i == k;
        const double right = c->vectors != NULL ? c->vectors[j * D + k] : j == k;
        out[i * D + j] += left * c->values[k] * right;
      }
    }
}

static world *open_world(const shape *s, double y_shift) {
  fsl_ctx *ctx = open_ctx();
  world *w = fsl_arena_get(ctx->arena, 1, sizeof *w);
  fsl_covariance *covariance = fsl_arena_get(ctx->arena, 4, sizeof *covariance);
  uint32_t *of = fsl_arena_get(ctx->arena, K, sizeof *of);
  double *vectors = reals(ctx, D * D), *log_weight = reals(ctx, K);
  rotation(ctx, vectors);
  for (size_t c = 0; c < s->n_covariances; ++c) {
    const size_t kind = ((size_t)s->first + c) % 4;
    covariance[c] = (fsl_covariance){
        .values = diagonal[kind % 3 + (kind == 3)], .vectors = kind == 3 ? vectors : NULL, .isotropic = kind == 0};
    densify(&covariance[c], w->full[c]);
  }
  for (size_t k = 0; k < K; ++k) {
    of[k] = (uint32_t)(k * 3 % s->n_covariances);
    log_weight[k] = -0.3 * (double)k;
  }
  fsl_mixture *mixture = &w->prior.population;
  double *means = normals(ctx, 1, K * D), *y = normals(ctx, 4, M);
  for (size_t i = 0; i < K * D; ++i) means[i] += s->apart * of[i / D];
  OK(ctx, fsl_mixture_of_atoms(ctx, s->n, D, means, log_weight, NULL, s->n, mixture));
  mixture->n_covariances = s->n_covariances;
  mixture->covariance = covariance;
  mixture->covariance_of = of;
  y[0] += y_shift;
  w->ctx = ctx;
  w->prior.d = D;
  w->model = matrix_model(D, M, normals(ctx, 3, M * D));
  w->problem = (fsl_problem){&w->prior, &w->model, {M, constant(ctx, M, 0.4)}, y, NULL};
  OK(ctx, fsl_posterior_of_population(ctx, &w->problem, NULL, &w->posterior));
  w->x = normals(ctx, 5, STATES * D);
  return w;
}

/* What is known about x0 from z = (x_t, y) or x_t alone: p of z's numbers. */
typedef struct answer {
  double log_density, mean[D], covariance[D * D];
} answer;

/* Component k: z ~ N(B mu, B S B^T + R), B = (a I; M), R = diag(v, S_n); x0 given z is Gaussian. */
static void component(const world *w, size_t k, double a, double v, size_t p, const double *x, answer *out) {
  const fsl_mixture *prior = &w->prior.population;
  const double *s = w->full[prior->covariance_of[k]], *mu = prior->mean + k * D, *matrix = w->model.self;
  double b[(D + M) * D] = {0}, joint[(D + M) * (D + M)], cross[(D + M) * D] = {0}, z[D + M];
  for (size_t i = 0; i < p; ++i)
    for (size_t j = 0; j < D; ++j) b[i * D + j] = i < D ? (i == j ? a : 0.0) : matrix[(i - D) * D + j];
  for (size_t i = 0; i < p; ++i)
    for (size_t j = 0; j < D; ++j)
      for (size_t l = 0; l < D; ++l) cross[i * D + j] += b[i * D + l] * s[l * D + j];
  for (size_t i = 0; i < p; ++i)
    for (size_t j = 0; j < p; ++j)
      joint[i * p + j] = fsl_dot(D, cross + i * D, b + j * D) + (i == j ? (i < D ? v : 0.4 * 0.4) : 0.0);
  for (size_t i = 0; i < p; ++i) z[i] = (i < D ? x[i] : w->problem.y[i - D]) - fsl_dot(D, b + i * D, mu);
  assert_true(fsl_cholesky(p, joint));
  double solved[D + M], white[D + M];
  memcpy(solved, z, sizeof solved);
  memcpy(white, z, sizeof white);
  fsl_cholesky_solve(p, joint, solved);
  fsl_forward_solve(p, joint, white);
  out->log_density = prior->log_weight[k] - 0.5 * (fsl_dot(p, white, white) + fsl_cholesky_log_det(p, joint) +
                                                   (double)p * log(2 * acos(-1.0)));
  for (size_t j = 0; j < D; ++j) {
    double column[D + M];
    out->mean[j] = mu[j];
    for (size_t i = 0; i < p; ++i) out->mean[j] += cross[i * D + j] * solved[i];
    for (size_t i = 0; i < p; ++i) column[i] = cross[i * D + j];
    fsl_cholesky_solve(p, joint, column);
    for (size_t l = 0; l < D; ++l) {
      out->covariance[l * D + j] = s[l * D + j];
      for (size_t i = 0; i < p; ++i) out->covariance[l * D + j] -= cross[i * D + l] * column[i];
    }
  }
}

static answer dense(const world *w, double a, double v, size_t p, const double *x) {
  const size_t n = w->prior.population.n;
  answer part[K], out = {0};
  double log_density[K] = {0};
  for (size_t k = 0; k < n; ++k) {
    component(w, k, a, v, p, x, &part[k]);
    log_density[k] = part[k].log_density;
  }
  out.log_density = fsl_log_sum_exp(n, log_density);
  for (size_t k = 0; k < n; ++k)
    for (size_t j = 0; j < D; ++j) out.mean[j] += exp(log_density[k] - out.log_density) * part[k].mean[j];
  for (size_t k = 0; k < n; ++k)
    for (size_t j = 0; j < D * D; ++j)
      out.covariance[j] +=
          exp(log_density[k] - out.log_density) *
          (part[k].covariance[j] + (part[k].mean[j / D] - out.mean[j / D]) * (part[k].mean[j % D] - out.mean[j % D]));
  return out;
}

static void near(const char *name, double got, double want, double allowed) {
  if (!(fabs(got - want) <= allowed)) fail_msg("%s: %.17g, not %.17g (allowed %.2g)", name, got, want, allowed);
}

static const double noise[][2] = {{0.999, 0.002}, {0.8, 0.36}, {0.1, 0.99}, {1.0, 4.0}};

static void over_the_shapes(void (*check)(const world *w, const char *name, double a, double v)) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
    for (size_t k = 0; k < sizeof noise / sizeof *noise; ++k) {
      world *w = open_world(&shapes[i], k == 1 ? 5.0 : 0.0);
      check(w, shapes[i].name, noise[k][0], noise[k][1]);
      close_ctx(w->ctx);
    }
}

static void check_moments(const world *w, const char *name, double a, double v) {
  double mean[STATES * D], post[STATES * D], density[STATES], post_density[STATES];
  const fsl_moments out = {mean, post, density, post_density, NULL};
  OK(w->ctx, fsl_posterior_moments(w->ctx, w->posterior, a, v, STATES, w->x, &out));
  for (size_t i = 0; i < STATES; ++i) {
    const answer prior = dense(w, a, v, D, w->x + i * D), both = dense(w, a, v, D + M, w->x + i * D);
    const double slack = 1e-11 / fmin(1.0, v);
    for (size_t j = 0; j < D; ++j) {
      near(name, mean[i * D + j], prior.mean[j], slack);
      near(name, post[i * D + j], both.mean[j], slack);
    }
    near(name, density[i], prior.log_density, slack * (1 + fabs(prior.log_density)));
    near(name, post_density[i] + fsl_posterior_log_evidence(w->posterior), both.log_density,
         slack * (1 + fabs(both.log_density)));
  }
}

static void check_products(const world *w, const char *name, double a, double v) {
  double mean[STATES * D], out[STATES * D], expected[STATES * M], spread[STATES * M * M];
  double *cross = reals(w->ctx, STATES * D * M);
  const double *u = normals(w->ctx, 6, STATES * D), *um = normals(w->ctx, 7, STATES * M), *matrix = w->model.self;
  fsl_ctx *ctx = w->ctx;
  OK(ctx, fsl_posterior_moments(ctx, w->posterior, a, v, STATES, w->x, &(fsl_moments){.mean = mean}));
  OK(ctx, fsl_posterior_covariance_times(ctx, w->posterior, a, v, STATES, w->x, mean, u, out));
  OK(ctx, fsl_posterior_forward_moments(ctx, w->posterior, a, v, STATES, w->x, mean, expected, spread, cross));
  double *crossed = reals(ctx, STATES * D);
  OK(ctx, fsl_posterior_cross_times(ctx, w->posterior, a, v, STATES, w->x, mean, expected, um, crossed));
  for (size_t i = 0; i < STATES; ++i) {
    const answer prior = dense(w, a, v, D, w->x + i * D);
    const double slack = 1e-11 / fmin(1.0, v);
    double back[D], half[M * D];
    matrix_back(&w->model, NULL, um + i * M, back);
    fsl_matmul(M, D, D, matrix, prior.covariance, 0.0, half);
    for (size_t j = 0; j < D; ++j) {
      near(name, out[i * D + j], fsl_dot(D, prior.covariance + j * D, u + i * D), slack);
      near(name, crossed[i * D + j], fsl_dot(D, prior.covariance + j * D, back), slack);
      for (size_t k = 0; k < M; ++k) near(name, cross[(i * D + j) * M + k], half[k * D + j], slack);
    }
    for (size_t j = 0; j < M; ++j) {
      near(name, expected[i * M + j], fsl_dot(D, matrix + j * D, prior.mean), slack);
      for (size_t k = 0; k < M; ++k)
        near(name, spread[(i * M + j) * M + k], fsl_dot(D, half + j * D, matrix + k * D), slack);
    }
  }
}

static void check_law(const world *w, const char *name, double a, double v) {
  double density[STATES], share[STATES * K];
  uint32_t mode[STATES];
  const fsl_mixture *law = &w->prior.population;
  OK(w->ctx, fsl_law_log_density(w->ctx, law, a, v, STATES, w->x, density));
  OK(w->ctx, fsl_law_responsibilities(w->ctx, law, a, v, STATES, w->x, share));
  OK(w->ctx, fsl_law_most_responsible(w->ctx, law, a, v, STATES, w->x, mode));
  for (size_t i = 0; i < STATES; ++i) {
    const answer whole = dense(w, a, v, D, w->x + i * D);
    near(name, density[i], whole.log_density, 1e-10 * (1 + fabs(whole.log_density)));
    size_t best = 0;
    for (size_t k = 0; k < law->n; ++k) {
      answer part;
      component(w, k, a, v, D, w->x + i * D, &part);
      near(name, share[i * law->n + k], exp(part.log_density - whole.log_density), 1e-10);
      if (share[i * law->n + k] > share[i * law->n + best]) best = k;
    }
    assert_int_equal(mode[i], best);
  }
}

static void test_moments_are_those_of_joint_gaussians(void **state) {
  (void)state;
  over_the_shapes(check_moments);
}

static void test_covariance_products_are_those_of_joint_gaussians(void **state) {
  (void)state;
  over_the_shapes(check_products);
}

static void test_laws_agree_with_dense_densities(void **state) {
  (void)state;
  over_the_shapes(check_law);
}

/* Mean and covariance of draws, within five standard errors or so; 2e-3 for components too rare to be drawn. */
static void expect_moments(const char *name, size_t n, const double *x, const double *mean, const double *covariance) {
  double m[D] = {0}, c[D * D] = {0};
  for (size_t i = 0; i < n * D; ++i) m[i % D] += x[i] / (double)n;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < D * D; ++j)
      c[j] += (x[i * D + j / D] - m[j / D]) * (x[i * D + j % D] - m[j % D]) / (double)n;
  for (size_t j = 0; j < D; ++j) near(name, m[j], mean[j], 5 * sqrt(covariance[j * D + j] / (double)n) + 2e-3);
  for (size_t j = 0; j < D * D; ++j)
    near(name, c[j], covariance[j],
         12 * sqrt(covariance[j / D * (D + 1)] * covariance[j % D * (D + 1)] / (double)n) + 2e-3);
}

static void check_draws(const world *w, const char *name, double a, double v) {
  enum { DRAWS = 20000 };
  double *x = reals(w->ctx, DRAWS * D), *x0 = reals(w->ctx, DRAWS * D), mean[D], covariance[D * D];
  fsl_mixture law;
  OK(w->ctx, fsl_posterior_draw(w->ctx, w->posterior, a, v, (fsl_key){{1, 2}}, 0, DRAWS, x, x0));
  OK(w->ctx, fsl_posterior_law(w->ctx, w->posterior, &law));
  OK(w->ctx, fsl_law_moments(w->ctx, &law, a, v, mean, covariance));
  expect_moments(name, DRAWS, x, mean, covariance);
  OK(w->ctx, fsl_law_moments(w->ctx, &law, 1, 0, mean, covariance));
  expect_moments(name, DRAWS, x0, mean, covariance);
  for (size_t i = 0; i < DRAWS; ++i) memcpy(x + i * D, w->x, D * sizeof *x);
  OK(w->ctx, fsl_posterior_draw_x0(w->ctx, w->posterior, a, v, (fsl_key){{1, 2}}, 4, 0, DRAWS, x, x0));
  const answer both = dense(w, a, v, D + M, w->x);
  expect_moments(name, DRAWS, x0, both.mean, both.covariance);
}

static void test_draws_have_the_moments_of_their_law(void **state) {
  (void)state;
  over_the_shapes(check_draws);
}

static void test_a_nonlinear_model_has_no_closed_posterior(void **state) {
  (void)state;
  world *w = open_world(&shapes[4], 0.0);
  const fsl_forward_model bent = bent_model(D, M);
  const fsl_problem problem = {&w->prior, &bent, w->problem.noise, w->problem.y, NULL};
  fsl_posterior *p;
  OK(w->ctx, fsl_posterior_of_population(w->ctx, &problem, NULL, &p));
  assert_false(fsl_posterior_is_exact(p));
  assert_false(fsl_posterior_has_forward_moments(p));
  double mean[STATES * D], post[STATES * D];
  OK(w->ctx, fsl_posterior_moments(w->ctx, p, 0.8, 0.36, STATES, w->x, &(fsl_moments){mean, post, NULL, NULL, NULL}));
  for (size_t i = 0; i < STATES * D; ++i) assert_true(isfinite(mean[i]) && isnan(post[i]));
  assert_true(isnan(fsl_posterior_log_evidence(p)));
  close_ctx(w->ctx);
}

/* Standard error of log p(y) = log mean_i exp(l_i) over the training set, by the delta method. */
static double evidence_error(const fsl_posterior *p) {
  size_t n;
  const double *l = fsl_posterior_log_likelihood(p, &n);
  double sum = 0.0, squares = 0.0;
  for (size_t i = 0; i < n; ++i) {
    const double ratio = exp(l[i] - fsl_posterior_log_evidence(p));
    sum += ratio;
    squares += ratio * ratio;
  }
  return sqrt(squares - sum * sum / (double)n) / (double)n;
}

/* The finite sample tends to the population: errors of m and m~ fall like 1/sqrt(N). */
static void test_a_large_training_set_is_near_the_population(void **state) {
  (void)state;
  world *w = open_world(&shapes[4], 0.0);
  double mean[STATES * D], post[STATES * D], mean_n[STATES * D], post_n[STATES * D];
  fsl_posterior *p;
  enum { N = 100000 };
  OK(w->ctx, fsl_posterior_of_training_set(w->ctx, &w->problem, (fsl_key){{3, 4}}, N, NULL, &p));
  OK(w->ctx, fsl_posterior_moments(w->ctx, w->posterior, 0.6, 0.64, STATES, w->x, &(fsl_moments){mean, post, 0, 0, 0}));
  OK(w->ctx, fsl_posterior_moments(w->ctx, p, 0.6, 0.64, STATES, w->x, &(fsl_moments){mean_n, post_n, 0, 0, 0}));
  near("log evidence", fsl_posterior_log_evidence(p), fsl_posterior_log_evidence(w->posterior), 4 * evidence_error(p));
  for (size_t i = 0; i < STATES * D; ++i) {
    near("mean", mean_n[i], mean[i], 0.1);
    near("posterior mean", post_n[i], post[i], 0.2);
  }
  close_ctx(w->ctx);
}

static void test_projections_of_a_law_are_exact(void **state) {
  (void)state;
  world *w = open_world(&shapes[4], 0.0);
  const double direction[D] = {0.6, 0.0, -0.8};
  double location[K], variance[K];
  OK(w->ctx, fsl_law_project(w->ctx, &w->prior.population, 0.7, 0.5, direction, location, variance));
  for (size_t k = 0; k < K; ++k) {
    const double *s = w->full[w->prior.population.covariance_of[k]];
    double own = 0.0;
    for (size_t j = 0; j < D * D; ++j) own += direction[j / D] * s[j] * direction[j % D];
    near("location", location[k], 0.7 * fsl_dot(D, direction, w->prior.population.mean + k * D), 1e-14);
    near("variance", variance[k], 0.49 * own + 0.5, 1e-14);
  }
  close_ctx(w->ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_moments_are_those_of_joint_gaussians),
      cmocka_unit_test(test_covariance_products_are_those_of_joint_gaussians),
      cmocka_unit_test(test_laws_agree_with_dense_densities),
      cmocka_unit_test(test_draws_have_the_moments_of_their_law),
      cmocka_unit_test(test_a_nonlinear_model_has_no_closed_posterior),
      cmocka_unit_test(test_a_large_training_set_is_near_the_population),
      cmocka_unit_test(test_projections_of_a_law_are_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
