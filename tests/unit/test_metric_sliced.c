/* Directions of sliced distances: orthonormal frames whose mean stands for the mean over all directions. */
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
      cmocka_unit_test(the_mean_over_frames_is_that_over_all_directions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
