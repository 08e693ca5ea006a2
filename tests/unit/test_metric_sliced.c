/* Directions of sliced distances: orthonormal frames whose mean stands for the mean over all directions, and the rows
 * of a model; components that no distance shows. */
#include "metric/sliced.h"

#include "base/linalg.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define must(call) assert_int_equal((call), FSL_OK)

static fsl_ctx open_ctx(void) {
  return (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
}

static void directions_are_orthonormal_frames(void **state) {
  (void)state;
  static const size_t dimensions[] = {3, 8, 64, 200};
  for (size_t c = 0; c < 4; c++) {
    const size_t d = dimensions[c];
    fsl_ctx ctx = open_ctx();
    fsl_directions found;
    must(fsl_directions_create(&ctx, d, NULL, &found));
    assert_int_equal(found.n, FSL_DIRECTIONS);
    assert_int_equal(found.n_random, FSL_DIRECTIONS);
    for (size_t i = 0; i < found.n; i++)
      for (size_t j = i; j < found.n && j / d == i / d; j++)
        assert_true(fabs(fsl_dot(d, found.unit + i * d, found.unit + j * d) - (i == j)) < 1e-13);
    for (size_t i = d; i < found.n; i++) /* and no frame is another again */
      assert_true(fabs(fsl_dot(d, found.unit + i * d, found.unit + (i - d) * d)) < 1 - 1e-6);
    fsl_arena_destroy(ctx.arena);
  }
}

static void apply_rows(const fsl_forward_model *model, const double *v, double *out) {
  fsl_matvec(model->m, model->d, model->self, v, out);
}

static void rows_of_the_model_are_directions_behind_the_frames(void **state) {
  (void)state;
  fsl_ctx ctx = open_ctx();
  static const double rows[] = {3, 0, 4, 0, 0, 0, 0, -2, 0}; /* one of zeros points nowhere */
  static const double expected[] = {0.6, 0, 0.8, 0, -1, 0};
  fsl_forward_model model = {.d = 3, .m = 3, .linear = true, .self = rows, .apply = apply_rows};
  fsl_directions found, alone;
  must(fsl_directions_create(&ctx, 3, NULL, &alone));
  must(fsl_directions_create(&ctx, 3, &model, &found));
  assert_int_equal(found.n_random, FSL_DIRECTIONS);
  assert_int_equal(found.n, FSL_DIRECTIONS + 2);
  assert_memory_equal(found.unit, alone.unit, FSL_DIRECTIONS * 3 * sizeof(double));
  for (size_t i = 0; i < 6; i++) assert_true(fabs(found.unit[(size_t)FSL_DIRECTIONS * 3 + i] - expected[i]) < 1e-15);
  model.linear = false;
  must(fsl_directions_create(&ctx, 3, &model, &found));
  assert_int_equal(found.n, FSL_DIRECTIONS);
  fsl_arena_destroy(ctx.arena);
}

static void directions_of_the_plane_are_even_and_of_the_line_one(void **state) {
  (void)state;
  fsl_ctx ctx = open_ctx();
  fsl_directions found;
  must(fsl_directions_create(&ctx, 2, NULL, &found));
  assert_int_equal(found.n, FSL_DIRECTIONS);
  for (size_t i = 0; i < found.n; i++) {
    assert_true(fabs(atan2(found.unit[2 * i + 1], found.unit[2 * i]) - M_PI * (double)i / FSL_DIRECTIONS) < 1e-14);
    assert_true(fabs(fsl_norm(2, found.unit + 2 * i) - 1) < 1e-15);
  }
  must(fsl_directions_create(&ctx, 1, NULL, &found));
  assert_true(found.n == 1 && found.n_random == 1 && found.unit[0] == 1);
  fsl_arena_destroy(ctx.arena);
}

/* Each third component counts, and what goes with it stays with it. */
static void components_of_no_weight_are_left_out(void **state) {
  (void)state;
  enum { MANY_ATOMS = 90 };
  fsl_ctx ctx = open_ctx();
  double log_weight[MANY_ATOMS], mean[2 * MANY_ATOMS];
  uint32_t which[MANY_ATOMS];
  static const double ones[] = {1, 1}, fours[] = {4, 4};
  const fsl_covariance covariance[] = {{.values = ones, .isotropic = true}, {.values = fours, .isotropic = true}};
  for (size_t i = 0; i < MANY_ATOMS; i++) {
    log_weight[i] = i % 3 == 1 ? -log(MANY_ATOMS / 3) : -40;
    mean[2 * i] = (double)i;
    mean[2 * i + 1] = -(double)i;
    which[i] = i % 2;
  }
  fsl_mixture law = {.d = 2,
                     .n = MANY_ATOMS,
                     .log_weight = log_weight,
                     .mean = mean,
                     .n_covariances = 2,
                     .covariance = covariance,
                     .covariance_of = which,
                     .n_modes = MANY_ATOMS};
  fsl_mixture found;
  must(fsl_sliced_prune(&ctx, &law, &found));
  assert_int_equal(found.n, MANY_ATOMS / 3);
  for (size_t i = 0; i < found.n; i++) {
    const size_t k = 3 * i + 1;
    assert_true(found.log_weight[i] == log_weight[k] && found.covariance_of[i] == which[k]);
    assert_memory_equal(found.mean + 2 * i, mean + 2 * k, 2 * sizeof *mean);
  }
  /* What is just above the weight that counts stays; few to leave out are not worth a copy. */
  for (size_t i = 0; i < MANY_ATOMS; i++)
    if (i % 3 != 1) log_weight[i] = log(1e-10 / MANY_ATOMS) + (i % 3 == 0 ? 1e-6 : -1e-6);
  must(fsl_sliced_prune(&ctx, &law, &found));
  assert_int_equal(found.n, 2 * MANY_ATOMS / 3);
  for (size_t i = 0; i < MANY_ATOMS; i++) log_weight[i] = i < 5 ? -40 : -log(MANY_ATOMS - 5);
  must(fsl_sliced_prune(&ctx, &law, &found));
  assert_int_equal(found.n, MANY_ATOMS);
  assert_ptr_equal(found.mean, mean);
  fsl_arena_destroy(ctx.arena);
}

/* ---- the grid of 25 in eight dimensions ------------------------------------------------------------------------ */

enum { D = 8, SIDE = 5, MODES = SIDE * SIDE, N = 600, MANY = 4000, SETS = 5 };

typedef struct grid {
  double mean[MODES * D], log_weight[MODES], ones[D];
  fsl_covariance covariance;
  fsl_mixture law;
} grid;

/* Means (8i, 8j, 8i, 8j, ...) and unit covariances, as the prior gmm-grid. */
static void make_grid(grid *g) {
  for (size_t k = 0; k < MODES; k++) {
    g->log_weight[k] = -log(MODES);
    for (size_t j = 0; j < D; j++) g->mean[k * D + j] = 8 * ((double)(j % 2 == 0 ? k / SIDE : k % SIDE) - 2);
  }
  for (size_t j = 0; j < D; j++) g->ones[j] = 1;
  g->covariance = (fsl_covariance){.values = g->ones, .isotropic = true};
  g->law = (fsl_mixture){.d = D,
                         .n = MODES,
                         .log_weight = g->log_weight,
                         .mean = g->mean,
                         .n_covariances = 1,
                         .covariance = &g->covariance,
                         .n_modes = MODES};
}

/* How samplers fail: all in one mode, a line of modes lost, too wide, displaced, modes misweighted. */
static void make_set(const grid *g, size_t set, double *x) {
  fsl_normals((fsl_key){{17, 4}}, set, 0, (size_t)N * D, x);
  for (size_t i = 0; i < N; i++) {
    const size_t even = i % MODES, weighted = (size_t)(MODES * sqrt(((double)i + 0.5) / N));
    const size_t mode[SETS] = {16, even % 20, even, even, weighted};
    for (size_t j = 0; j < D; j++) {
      double *const at = &x[i * D + j];
      *at = (set == 2 ? 3 : 1) * *at + g->mean[mode[set] * D + j];
      if (set == 3 && j % 2 == 0) *at += 3;
    }
  }
}

typedef struct ruler { /* the grid's law along directions */
  fsl_directions directions;
  fsl_line *line;
  double *distance;
} ruler;

static ruler make_ruler(fsl_ctx *ctx, fsl_directions directions, const grid *g) {
  const ruler made = {directions, fsl_arena_get(ctx->arena, directions.n, sizeof *made.line),
                      fsl_arena_get(ctx->arena, directions.n, sizeof *made.distance)};
  assert_non_null(made.line);
  assert_non_null(made.distance);
  must(fsl_sliced_project(ctx, &g->law, 1, 0, &made.directions, directions.n, made.line));
  return made;
}

static double mean_distance(fsl_ctx *ctx, const ruler *r, const double *x) {
  double sum = 0;
  must(fsl_sliced_distances(ctx, &r->directions, r->directions.n, r->line, N, x, r->distance));
  for (size_t j = 0; j < r->directions.n; j++) sum += r->distance[j] / (double)r->directions.n;
  return sum;
}

/* Independent uniform directions. */
static fsl_directions independent(fsl_ctx *ctx, size_t n) {
  double *const unit = fsl_arena_get(ctx->arena, n * D, sizeof *unit);
  assert_non_null(unit);
  fsl_normals((fsl_key){{99, 1}}, 0, 0, n * D, unit);
  for (size_t j = 0; j < n; j++) {
    const double norm = fsl_norm(D, unit + j * D);
    for (size_t k = 0; k < D; k++) unit[j * D + k] /= norm;
  }
  return (fsl_directions){.d = D, .n_random = n, .n = n, .unit = unit};
}

static void the_mean_over_frames_is_that_over_all_directions(void **state) {
  (void)state;
  static grid g;
  static double x[N * D];
  fsl_ctx ctx = open_ctx();
  fsl_directions frames;
  make_grid(&g);
  must(fsl_directions_create(&ctx, D, NULL, &frames));
  const ruler few = make_ruler(&ctx, frames, &g), many = make_ruler(&ctx, independent(&ctx, MANY), &g);
  for (size_t set = 0; set < SETS; set++) {
    make_set(&g, set, x);
    const double exact = mean_distance(&ctx, &many, x), found = mean_distance(&ctx, &few, x);
    if (!(fabs(found / exact - 1) < 0.03)) print_error("set %zu: %.4f where %.4f is true\n", set, found, exact);
    assert_true(fabs(found / exact - 1) < 0.03);
  }
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(directions_are_orthonormal_frames),
      cmocka_unit_test(rows_of_the_model_are_directions_behind_the_frames),
      cmocka_unit_test(directions_of_the_plane_are_even_and_of_the_line_one),
      cmocka_unit_test(components_of_no_weight_are_left_out),
      cmocka_unit_test(the_mean_over_frames_is_that_over_all_directions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
