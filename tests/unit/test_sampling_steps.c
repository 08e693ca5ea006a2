/* Time grids and steps: nodes by their definitions, inserted times, shares, refinement. */
#include "sampling/kinds.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static double vp_log_abar(double t) {
  return -0.01 * t - 9.995 * t * t;
}
static double vp_a(const fsl_diffusion *f, double t) {
  return (void)f, exp(vp_log_abar(t) / 2);
}
static double vp_v(const fsl_diffusion *f, double t) {
  return (void)f, -expm1(vp_log_abar(t));
}
static const fsl_diffusion vp = {.a = vp_a, .v = vp_v};

static double log_snr(double t) {
  return vp_log_abar(t) - log(-expm1(vp_log_abar(t)));
}

static const fsl_time_grid_kind *const grids[] = {&fsl_time_grid_uniform, &fsl_time_grid_log_snr,
                                                  &fsl_time_grid_quadratic};
enum { N_GRIDS = 3 };

static fsl_ctx context(void) {
  return (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
}

static fsl_steps steps_of(fsl_ctx *ctx, const fsl_time_grid_kind *grid, size_t steps, size_t refine, size_t n_times,
                          const double *times) {
  fsl_steps out;
  assert_int_equal(fsl_steps_create(ctx, grid, &vp, 1, steps, refine, n_times, times, &out), FSL_OK);
  return out;
}

static void a_grid_is_even_in_its_own_variable(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double time = 0.01;
  const fsl_steps u = steps_of(&ctx, grids[0], 37, 1, 1, &time);
  const fsl_steps l = steps_of(&ctx, grids[1], 37, 1, 1, &time);
  const fsl_steps q = steps_of(&ctx, grids[2], 37, 1, 1, &time);
  for (size_t i = 0; i <= 37; i++) {
    const double c = (double)i / 37;
    assert_true(fabs(u.node[i] - (1 - 0.99 * c)) < 1e-14);
    assert_true(fabs(log_snr(l.node[i]) - (log_snr(1) + (log_snr(time) - log_snr(1)) * c)) < 1e-11);
    assert_true(fabs(sqrt(q.node[i]) - (1 - 0.9 * c)) < 1e-14);
  }
  fsl_arena_destroy(ctx.arena);
}

static void nodes_decrease_from_t_max_to_the_smallest_time(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double times[] = {0.2, 0.0013, 0.05};
  for (size_t g = 0; g < N_GRIDS; g++) {
    const fsl_steps s = steps_of(&ctx, grids[g], 500, 4, 3, times);
    assert_true(s.node[0] == 1 && s.node[s.n] == 0.0013);
    for (size_t i = 0; i < s.n; i++) assert_true(s.node[i + 1] < s.node[i]);
  }
  fsl_arena_destroy(ctx.arena);
}

static void every_time_is_recorded_once_at_its_own_node(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double times[] = {0.2, 0.01, 0.1, 0.05, 0.0999};
  for (size_t g = 0; g < N_GRIDS; g++) {
    for (size_t refine = 1; refine <= 8; refine += 7) {
      const fsl_steps s = steps_of(&ctx, grids[g], 10, refine, 5, times);
      size_t seen[5] = {0};
      for (size_t i = 0; i < s.n; i++) {
        if (s.record[i] < 0) continue;
        assert_true(s.node[i + 1] == times[s.record[i]]);
        seen[s.record[i]]++;
      }
      for (size_t k = 0; k < 5; k++) assert_int_equal(seen[k], 1);
    }
  }
  fsl_arena_destroy(ctx.arena);
}

static void shares_of_a_split_step_add_up_to_one(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double times[] = {0.2, 0.01, 0.1, 0.05, 0.0999};
  for (size_t g = 0; g < N_GRIDS; g++) {
    const fsl_steps s = steps_of(&ctx, grids[g], 10, 3, 5, times);
    double sum[10] = {0};
    uint64_t parts[10] = {0};
    for (size_t i = 0; i < s.n; i++) {
      assert_true(s.nominal[i] < 10 && s.share[i] > 0 && s.share[i] <= 1);
      assert_true(s.part[i] == parts[s.nominal[i]]++);
      sum[s.nominal[i]] += s.share[i];
    }
    for (size_t k = 0; k < 10; k++) assert_true(fabs(sum[k] - 1) < 1e-12);
  }
  fsl_arena_destroy(ctx.arena);
}

static void refinement_keeps_the_plain_nodes_and_cuts_evenly(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double times[] = {0.01, 0.33};
  const fsl_steps plain = steps_of(&ctx, grids[0], 7, 1, 2, times), fine = steps_of(&ctx, grids[0], 7, 8, 2, times);
  assert_int_equal(plain.n, 8);
  assert_int_equal(fine.n, 64);
  for (size_t i = 0; i < plain.n; i++) {
    assert_true(fine.node[8 * i] == plain.node[i] && fine.nominal[8 * i] == plain.nominal[i]);
    assert_true(fine.part[8 * i] == 8 * plain.part[i] && fine.record[8 * i + 7] == plain.record[i]);
    for (size_t r = 0; r < 8; r++) assert_true(fabs(8 * fine.share[8 * i + r] - plain.share[i]) < 1e-13);
  }
  fsl_arena_destroy(ctx.arena);
}

static void a_time_on_a_node_adds_no_sliver(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  /* 1, .9, ..., .1: the grid's own rounding misses the decimal numbers by an ulp here and there. */
  const double times[] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
  const fsl_steps s = steps_of(&ctx, grids[0], 9, 1, 9, times);
  assert_int_equal(s.n, 9);
  for (size_t i = 0; i < 9; i++) assert_true(s.node[i + 1] == times[8 - i] && s.record[i] == (int64_t)(8 - i));
  fsl_arena_destroy(ctx.arena);
}

static void times_that_cannot_be_reached_are_refused(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  fsl_steps out;
  const double bad[][2] = {{0.1, 1.0}, {0.1, 0}, {0.1, -0.1}, {0.1, NAN}, {0.1, 0.1}};
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(fsl_steps_create(&ctx, grids[0], &vp, 1, 10, 1, 2, bad[i], &out), FSL_EINPUT);
  assert_int_equal(fsl_steps_create(&ctx, grids[0], &vp, 1, 0, 1, 1, bad[0], &out), FSL_EINPUT);
  assert_int_equal(fsl_steps_create(&ctx, grids[0], &vp, 1, 10, 1, 0, bad[0], &out), FSL_EINPUT);
  const double near = nextafter(1, 0); /* no room for ten steps */
  assert_int_equal(fsl_steps_create(&ctx, grids[0], &vp, 1, 10, 1, 1, &near, &out), FSL_EINPUT);
  assert_non_null(strstr(ctx.error, "uniform"));
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_grid_is_even_in_its_own_variable),
      cmocka_unit_test(nodes_decrease_from_t_max_to_the_smallest_time),
      cmocka_unit_test(every_time_is_recorded_once_at_its_own_node),
      cmocka_unit_test(shares_of_a_split_step_add_up_to_one),
      cmocka_unit_test(refinement_keeps_the_plain_nodes_and_cuts_evenly),
      cmocka_unit_test(a_time_on_a_node_adds_no_sliver),
      cmocka_unit_test(times_that_cannot_be_reached_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
