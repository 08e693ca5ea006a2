/* Which task of an array computes which job: tasks that never talk to each other agree, and get near-equal work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grid/stripe.h"

#include <string.h>

enum { N_JOBS = 500 };

static const unsigned shard_counts[] = {1, 2, 3, 7, 100};
enum { N_COUNTS = sizeof shard_counts / sizeof *shard_counts };

static const fsl_key key = {{20260530, 11}};

/* Costs over three orders of magnitude, a quarter of them the same. */
static void make_jobs(fsl_job jobs[N_JOBS]) {
  static const fsl_job none = {0};
  double uniform[N_JOBS];
  fsl_uniforms(key, 0, 0, N_JOBS, uniform);
  for (uint64_t i = 0; i < N_JOBS; i++) {
    jobs[i] = none;
    jobs[i].identity = (fsl_hash){i * 0x9e3779b97f4a7c15u, i};
    jobs[i].cost = i % 4 == 0 ? 1 : 0.01 / (1e-3 + uniform[i]);
  }
}

/* shard_of[job], from 1; every job must be in exactly one. */
static void stripe_all(size_t n, fsl_job *jobs, unsigned shards, unsigned *shard_of) {
  fsl_ctx ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  const fsl_grid grid = {.n_jobs = n, .jobs = jobs};
  bool mine[N_JOBS];
  memset(shard_of, 0, n * sizeof *shard_of);
  for (unsigned shard = 1; shard <= shards; shard++) {
    assert_int_equal(fsl_grid_stripe(&ctx, &grid, shard, shards, mine), FSL_OK);
    for (size_t i = 0; i < n; i++) {
      if (!mine[i]) continue;
      assert_int_equal(shard_of[i], 0);
      shard_of[i] = shard;
    }
  }
  for (size_t i = 0; i < n; i++) assert_int_not_equal(shard_of[i], 0);
  fsl_arena_destroy(ctx.arena);
}

static void every_job_is_in_exactly_one_stripe(void **state) {
  (void)state;
  fsl_job jobs[N_JOBS];
  unsigned shard_of[N_JOBS];
  make_jobs(jobs);
  for (int i = 0; i < N_COUNTS; i++) {
    stripe_all(N_JOBS, jobs, shard_counts[i], shard_of);
    stripe_all(5, jobs, shard_counts[i], shard_of); /* fewer jobs than tasks */
    stripe_all(0, jobs, shard_counts[i], shard_of);
  }
}

/* Another order of the same jobs: as where axes of the spec were listed in another order. */
static void stripes_do_not_depend_on_the_order_in_the_grid(void **state) {
  (void)state;
  fsl_job jobs[N_JOBS], shuffled[N_JOBS];
  unsigned shard_of[N_JOBS], other[N_JOBS];
  make_jobs(jobs);
  for (size_t i = 0; i < N_JOBS; i++) shuffled[i * 237 % N_JOBS] = jobs[i];
  for (int i = 0; i < N_COUNTS; i++) {
    stripe_all(N_JOBS, jobs, shard_counts[i], shard_of);
    stripe_all(N_JOBS, shuffled, shard_counts[i], other);
    for (size_t k = 0; k < N_JOBS; k++) assert_int_equal(shard_of[k], other[k * 237 % N_JOBS]);
  }
}

/* No task has more than the mean and the largest job. */
static void stripes_are_balanced(void **state) {
  (void)state;
  fsl_job jobs[N_JOBS];
  unsigned shard_of[N_JOBS];
  make_jobs(jobs);
  for (int i = 0; i < N_COUNTS; i++) {
    double load[101] = {0}, total = 0, largest = 0, most = 0;
    stripe_all(N_JOBS, jobs, shard_counts[i], shard_of);
    for (size_t k = 0; k < N_JOBS; k++) {
      load[shard_of[k]] += jobs[k].cost;
      total += jobs[k].cost;
      largest = jobs[k].cost > largest ? jobs[k].cost : largest;
    }
    for (unsigned shard = 1; shard <= shard_counts[i]; shard++) most = load[shard] > most ? load[shard] : most;
    const double mean = total / shard_counts[i];
    assert_true(most / mean <= 1 + (shard_counts[i] > 1 ? largest / mean : 1e-12));
  }
}

/* The longest first, equal ones by identity, forwards and backwards in turn. */
static void jobs_are_dealt_by_cost_and_then_by_identity(void **state) {
  (void)state;
  enum { N = 8 };
  static const uint64_t identity[N] = {50, 20, 70, 10, 60, 30, 80, 40};
  static const double cost[N] = {1, 1, 1, 1, 1, 1, 9, 0.5};
  static const unsigned wanted[N] = {2, 3, 1, 2, 1, 3, 1, 2}; /* 80 | 10 20 30 50 60 70 | 40 */
  fsl_job jobs[N_JOBS];
  unsigned shard_of[N_JOBS];
  make_jobs(jobs);
  for (int i = 0; i < N; i++) {
    jobs[i].identity = (fsl_hash){0, identity[i]};
    jobs[i].cost = cost[i];
  }
  stripe_all(N, jobs, 3, shard_of);
  for (int i = 0; i < N; i++) assert_int_equal(shard_of[i], wanted[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_job_is_in_exactly_one_stripe),
      cmocka_unit_test(stripes_do_not_depend_on_the_order_in_the_grid),
      cmocka_unit_test(stripes_are_balanced),
      cmocka_unit_test(jobs_are_dealt_by_cost_and_then_by_identity),
  };
  return cmocka_run_group_tests_name("stripes", tests, NULL, NULL);
}
