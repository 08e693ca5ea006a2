/* The bits of every answer are the same whatever the number of ranks, and no rank waits for one that gave up. */
#include "posterior_problem.h"

#include "simulated_team.h"

enum { N = 20011, D = 3, M = 2, STATES = 21, DRAWS = 40 };

typedef struct answers {
  double log_evidence;
  double mean[STATES * D], post[STATES * D], density[STATES], post_density[STATES];
  double product[STATES * D], expected[STATES * M], spread[STATES * M * M], cross[STATES * D * M], crossed[STATES * D];
  double x[DRAWS * D], x0[DRAWS * D], ancestor[STATES * D];
} answers;

typedef struct question {
  fsl_problem problem;
  const double *x, *u, *um;
  double a, v;
  answers answer[SIMULATED_MOST];
  fsl_status status[SIMULATED_MOST];
  fsl_posterior_setting setting;
  int in_trouble; /* rank whose stop flag is up; -1: none */
} question;

static fsl_status ask(fsl_ctx *ctx, const question *q, answers *out) {
  const sig_atomic_t stop = 1;
  fsl_posterior *p;
  const double a = q->a, v = q->v;
  const fsl_key key = {{5, 6}};
  FSL_TRY(fsl_posterior_of_training_set(ctx, &q->problem, (fsl_key){{1, 2}}, N, &q->setting, &p));
  out->log_evidence = fsl_posterior_log_evidence(p);
  if (q->in_trouble == ctx->team->rank) ctx->stop = &stop;
  const fsl_moments moments = {out->mean, out->post, out->density, out->post_density, NULL};
  FSL_TRY(fsl_posterior_moments(ctx, p, a, v, STATES, q->x, &moments));
  FSL_TRY(fsl_posterior_covariance_times(ctx, p, a, v, STATES, q->x, out->mean, q->u, out->product));
  FSL_TRY(fsl_posterior_forward_moments(ctx, p, a, v, STATES, q->x, out->mean, out->expected, out->spread, out->cross));
  FSL_TRY(fsl_posterior_cross_times(ctx, p, a, v, STATES, q->x, out->mean, out->expected, q->um, out->crossed));
  FSL_TRY(fsl_posterior_draw(ctx, p, a, v, key, 7, DRAWS, out->x, out->x0));
  return fsl_posterior_draw_x0(ctx, p, a, v, key, 9, 3, STATES, q->x, out->ancestor);
}

static void body(fsl_ctx *ctx, void *data) {
  question *q = data;
  const int rank = ctx->team->rank;
  memset(&q->answer[rank], 0, sizeof q->answer[rank]);
  q->status[rank] = fsl_team_agree(ctx, ask(ctx, q, &q->answer[rank]));
}

typedef struct world {
  fsl_ctx *ctx;
  fsl_prior prior;
  fsl_forward_model model;
  question q;
} world;

static world *open_world(double a, double v, double sigma, bool single) {
  fsl_ctx *ctx = open_ctx();
  world *w = fsl_arena_get(ctx->arena, 1, sizeof *w);
  static const double values[D] = {0.3, 0.3, 0.3};
  static const fsl_covariance covariance = {.values = values, .isotropic = true};
  fsl_mixture *mixture = &w->prior.population;
  OK(ctx, fsl_mixture_of_atoms(ctx, 4, D, normals(ctx, 8, 4 * D), NULL, NULL, 4, mixture));
  mixture->covariance = &covariance;
  w->ctx = ctx;
  w->prior.d = D;
  w->model = bent_model(D, M);
  w->q = (question){.a = a, .v = v, .setting = FSL_POSTERIOR_DEFAULT, .in_trouble = -1};
  w->q.setting.single = single;
  w->q.problem = (fsl_problem){
      .prior = &w->prior, .model = &w->model, .noise = {M, constant(ctx, M, sigma)}, .y = normals(ctx, 9, M)};
  w->q.x = normals(ctx, 10, STATES * D);
  w->q.u = normals(ctx, 11, STATES * D);
  w->q.um = normals(ctx, 12, STATES * M);
  return w;
}

static void same_bits_at(double a, double v, double sigma, bool single) {
  world *w = open_world(a, v, sigma, single);
  assert_true(fsl_leaf_count(N, D) >= 8);
  simulate(1, body, &w->q);
  assert_int_equal(w->q.status[0], FSL_OK);
  const answers solo = w->q.answer[0];
  for (size_t i = 0; i < STATES * D; ++i) assert_true(isfinite(solo.mean[i]) && isfinite(solo.crossed[i]));
  for (int size = 2; size <= SIMULATED_MOST; size *= 2) {
    simulate(size, body, &w->q);
    for (int rank = 0; rank < size; ++rank) {
      assert_int_equal(w->q.status[rank], FSL_OK);
      assert_memory_equal(&w->q.answer[rank], &solo, sizeof solo);
    }
  }
  close_ctx(w->ctx);
}

static void test_answers_have_the_same_bits_for_every_team_size(void **state) {
  (void)state;
  same_bits_at(0.8, 0.36, 0.5, false);
}

static void test_answers_have_the_same_bits_near_t_zero_with_little_noise(void **state) {
  (void)state;
  same_bits_at(1 - 1e-4, 2e-4, 1e-3, false);
}

/* With little noise some states are asked again in double: every rank must agree on which. */
static void test_answers_in_single_precision_have_the_same_bits_for_every_team_size(void **state) {
  (void)state;
  same_bits_at(0.8, 0.36, 0.5, true);
  same_bits_at(1 - 1e-3, 2e-3, 1e-2, true);
}

static void test_a_rank_that_stops_takes_the_others_along(void **state) {
  (void)state;
  for (int size = 2; size <= SIMULATED_MOST; size *= 2)
    for (int rank = 0; rank < size; rank += 3) {
      world *w = open_world(0.8, 0.36, 0.5, rank == 3);
      w->q.in_trouble = rank;
      simulate(size, body, &w->q);
      for (int r = 0; r < size; ++r) assert_int_equal(w->q.status[r], FSL_ESTOP);
      close_ctx(w->ctx);
    }
}

static void test_leaves_are_near_equal_powers_of_two(void **state) {
  (void)state;
  for (uint64_t n = 1; n < 5000000; n = n * 7 / 3 + 1) {
    const size_t count = fsl_leaf_count(n, 2);
    assert_int_equal(count & (count - 1), 0);
    assert_true(count >= 1 && count <= 64);
    assert_int_equal(fsl_leaf_start(n, count, 0), 0);
    assert_int_equal(fsl_leaf_start(n, count, count), n);
    for (size_t k = 0; k < count; ++k) {
      const uint64_t size = fsl_leaf_start(n, count, k + 1) - fsl_leaf_start(n, count, k);
      assert_true(size == n / count || size == n / count + 1);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_leaves_are_near_equal_powers_of_two),
      cmocka_unit_test(test_answers_have_the_same_bits_for_every_team_size),
      cmocka_unit_test(test_answers_have_the_same_bits_near_t_zero_with_little_noise),
      cmocka_unit_test(test_answers_in_single_precision_have_the_same_bits_for_every_team_size),
      cmocka_unit_test(test_a_rank_that_stops_takes_the_others_along),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
