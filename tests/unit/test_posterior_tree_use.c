/* A posterior that has a moment tree says what one without says, to its tolerance, and with the same bits for every
 * team size; what the tree does not answer keeps its bits. */
#include "posterior_problem.h"

#include "simulated_team.h"

enum { N = 6000, D = 2, M = 3, STATES = 37, DRAWS = 40 };

typedef struct answers {
  double log_evidence;
  double mean[STATES * D], post[STATES * D], density[STATES], post_density[STATES], entropy[STATES];
  double product[STATES * D], expected[STATES * M], spread[STATES * M * M], crossed[STATES * D], cross[STATES * D * M];
  double x[DRAWS * D], x0[DRAWS * D], ancestor[STATES * D];
} answers;

typedef struct question {
  fsl_problem problem;
  fsl_posterior_setting setting;
  bool population; /* the population of N atoms, else N samples of it */
  const double *x, *u, *um;
  double a, v;
  answers answer[SIMULATED_MOST];
  fsl_status status[SIMULATED_MOST];
  bool has_tree;
  int in_trouble; /* rank whose stop flag is up; -1: none */
} question;

static fsl_status make(fsl_ctx *ctx, const question *q, fsl_posterior **out) {
  if (q->population) return fsl_posterior_of_population(ctx, &q->problem, &q->setting, out);
  return fsl_posterior_of_training_set(ctx, &q->problem, (fsl_key){{1, 2}}, N, &q->setting, out);
}

static fsl_status ask(fsl_ctx *ctx, question *q, answers *out) {
  const sig_atomic_t stop = 1;
  fsl_posterior *p;
  const double a = q->a, v = q->v;
  const fsl_key key = {{5, 6}};
  FSL_TRY(make(ctx, q, &p));
  if (ctx->team->rank == 0) q->has_tree = p->tree != NULL;
  out->log_evidence = fsl_posterior_log_evidence(p);
  if (q->in_trouble == ctx->team->rank) ctx->stop = &stop;
  const fsl_moments moments = {out->mean, out->post, out->density, out->post_density, NULL};
  FSL_TRY(fsl_posterior_moments(ctx, p, a, v, STATES, q->x, &moments));
  if (ctx->team->size == 1)
    FSL_TRY(fsl_posterior_moments(ctx, p, a, v, STATES, q->x, &(fsl_moments){.entropy = out->entropy}));
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

static world *open_world(bool population, bool linear, double v) {
  static const double values[D] = {0.3, 0.3};
  static const fsl_covariance covariance = {.values = values, .isotropic = true};
  fsl_ctx *ctx = open_ctx();
  world *w = fsl_arena_get(ctx->arena, 1, sizeof *w);
  assert_non_null(w);
  const size_t atoms = population ? N : 4;
  fsl_mixture *mixture = &w->prior.population;
  OK(ctx, fsl_mixture_of_atoms(ctx, atoms, D, normals(ctx, 8, atoms * D), NULL, NULL, atoms, mixture));
  if (!population) mixture->covariance = &covariance;
  w->ctx = ctx;
  w->prior.d = D;
  w->model = linear ? matrix_model(D, M, normals(ctx, 13, M * D)) : bent_model(D, M);
  w->q = (question){.a = sqrt(1 - v), .v = v, .setting = {.tolerance = 1e-8}, .population = population};
  w->q.in_trouble = -1;
  w->q.problem = (fsl_problem){
      .prior = &w->prior, .model = &w->model, .noise = {M, constant(ctx, M, 0.5)}, .y = normals(ctx, 9, M)};
  w->q.x = normals(ctx, 10, STATES * D);
  w->q.u = normals(ctx, 11, STATES * D);
  w->q.um = normals(ctx, 12, STATES * M);
  return w;
}

static void close_to(size_t n, const double *a, const double *b, double allowed) {
  for (size_t i = 0; i < n; ++i)
    if (!(fabs(a[i] - b[i]) <= allowed)) fail_msg("%zu: %.17g and %.17g (allowed %g)", i, a[i], b[i], allowed);
}

static void with_and_without(bool population, bool linear, double v) {
  world *w = open_world(population, linear, v);
  answers *const without = fsl_arena_get(w->ctx->arena, 1, sizeof *without);
  assert_non_null(without);
  w->q.setting.tolerance = 0.0;
  simulate(1, body, &w->q);
  assert_int_equal(w->q.status[0], FSL_OK);
  assert_false(w->q.has_tree);
  *without = w->q.answer[0];
  w->q.setting.tolerance = 1e-8;
  simulate(1, body, &w->q);
  assert_int_equal(w->q.status[0], FSL_OK);
  assert_true(w->q.has_tree);
  const answers *with = &w->q.answer[0];
  const double eps = 1e-8 * 6 * (population ? 1 : 2); /* the spread is below 6 here; in M x a few times that */
  close_to(STATES * D, with->mean, without->mean, eps);
  close_to(STATES * D, with->post, without->post, eps);
  close_to(STATES, with->density, without->density, 1.1e-8);
  close_to(STATES, with->post_density, without->post_density, 1.1e-8);
  close_to(STATES * D, with->product, without->product, 100 * eps);
  close_to(STATES * M, with->expected, without->expected, 10 * eps);
  close_to(STATES * M * M, with->spread, without->spread, 1000 * eps);
  close_to(STATES * D * M, with->cross, without->cross, 1000 * eps);
  close_to(STATES * D, with->crossed, without->crossed, 1000 * eps);
  assert_true(memcmp(with->mean, without->mean, sizeof with->mean) != 0);
  assert_true(with->log_evidence == without->log_evidence);
  assert_memory_equal(with->entropy, without->entropy, sizeof with->entropy);
  assert_memory_equal(with->x, without->x, sizeof with->x);
  assert_memory_equal(with->x0, without->x0, sizeof with->x0);
  assert_memory_equal(with->ancestor, without->ancestor, sizeof with->ancestor);
  close_ctx(w->ctx);
}

static void test_a_tree_changes_answers_within_its_tolerance_alone(void **state) {
  (void)state;
  for (int linear = 0; linear < 2; ++linear) {
    with_and_without(false, linear, 0.36);
    with_and_without(true, linear, 0.36);
    with_and_without(false, linear, 0.995);
    with_and_without(true, linear, 0.02);
  }
}

static void same_bits(bool linear, double v) {
  world *w = open_world(false, linear, v);
  simulate(1, body, &w->q);
  assert_int_equal(w->q.status[0], FSL_OK);
  assert_true(w->q.has_tree);
  answers solo = w->q.answer[0];
  memset(solo.entropy, 0, sizeof solo.entropy);
  assert_true(fsl_leaf_count(N, D) >= 2);
  for (int size = 2; size <= SIMULATED_MOST && (size_t)size <= fsl_leaf_count(N, D); size *= 2) {
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
  same_bits(true, 0.36);
  same_bits(false, 0.02);
}

static void test_a_rank_that_stops_takes_the_others_along(void **state) {
  (void)state;
  for (int rank = 0; rank < 2; ++rank) {
    world *w = open_world(false, false, 0.36);
    w->q.in_trouble = rank;
    simulate(2, body, &w->q);
    for (int r = 0; r < 2; ++r) assert_int_equal(w->q.status[r], FSL_ESTOP);
    close_ctx(w->ctx);
  }
}

/* Rank 1 of two gets an arena of this size. */
typedef struct shortage {
  question *q;
  size_t cap;
} shortage;

static void starved_body(fsl_ctx *ctx, void *data) {
  const shortage *s = data;
  fsl_ctx own = {.arena = fsl_arena_create(ctx->team->rank == 1 ? s->cap : 0), .team = ctx->team};
  assert_non_null(own.arena);
  body(&own, s->q);
  fsl_arena_destroy(own.arena);
}

static void test_a_rank_out_of_memory_takes_the_others_along(void **state) {
  (void)state;
  world *w = open_world(false, true, 0.36);
  shortage s = {&w->q, 1 << 12};
  size_t failures = 0;
  for (; s.cap < 1 << 26; s.cap += s.cap / 5, ++failures) {
    simulate(2, starved_body, &s);
    assert_int_equal(w->q.status[0], w->q.status[1]);
    if (w->q.status[0] == FSL_OK) break;
    assert_int_equal(w->q.status[0], FSL_ENOMEM);
  }
  assert_true(failures > 10 && w->q.status[0] == FSL_OK);
  close_ctx(w->ctx);
}

static void test_few_atoms_many_dimensions_and_tolerance_zero_go_without(void **state) {
  (void)state;
  for (size_t d = 1; d <= 3; ++d) {
    assert_false(fsl_tree_pays(100, d, 1e-8));
    assert_true(fsl_tree_pays(1000000, d, 1e-8));
    assert_false(fsl_tree_pays(1000000, d, 0.0));
  }
  assert_false(fsl_tree_pays(1000000, 4, 1e-8));
}

static void test_a_posterior_takes_no_more_bytes_than_it_says(void **state) {
  (void)state;
  for (int tree = 0; tree < 2; ++tree) {
    world *w = open_world(false, true, 0.36);
    const fsl_posterior_setting setting = {.tolerance = tree ? 1e-8 : 0.0};
    const size_t before = fsl_arena_bytes(w->ctx->arena);
    fsl_posterior *p;
    double mean[STATES * D];
    OK(w->ctx, fsl_posterior_of_training_set(w->ctx, &w->q.problem, (fsl_key){{1, 2}}, N, &setting, &p));
    OK(w->ctx, fsl_posterior_moments(w->ctx, p, 0.8, 0.36, STATES, w->q.x, &(fsl_moments){.mean = mean}));
    const size_t taken = fsl_arena_bytes(w->ctx->arena) - before;
    assert_true(taken <= fsl_posterior_bytes(N, 1, &setting, D, M, STATES) + 8192);
    if (tree) assert_true(fsl_posterior_bytes(N, 2, &setting, D, M, STATES) > N * (D + M) * sizeof(double));
    close_ctx(w->ctx);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_tree_changes_answers_within_its_tolerance_alone),
      cmocka_unit_test(test_answers_have_the_same_bits_for_every_team_size),
      cmocka_unit_test(test_a_rank_that_stops_takes_the_others_along),
      cmocka_unit_test(test_a_rank_out_of_memory_takes_the_others_along),
      cmocka_unit_test(test_few_atoms_many_dimensions_and_tolerance_zero_go_without),
      cmocka_unit_test(test_a_posterior_takes_no_more_bytes_than_it_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
