/* What a worker's jobs share: methods on one training set find the posterior that the first of them made, within the
 * cap and beside what a job needs, and every result is the one that an empty cache gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job/job.h"
#include "posterior/create.h"
#include "posterior/law.h"
#include "truth/truth.h"

#include <string.h>

static size_t made; /* posteriors of training sets */

fsl_status __real_fsl_posterior_of_training_set(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, uint64_t n_train,
                                                const fsl_posterior_setting *setting, fsl_posterior **out);
fsl_status __wrap_fsl_posterior_of_training_set(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, uint64_t n_train,
                                                const fsl_posterior_setting *setting, fsl_posterior **out);
fsl_status __wrap_fsl_posterior_of_training_set(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, uint64_t n_train,
                                                const fsl_posterior_setting *setting, fsl_posterior **out) {
  made++;
  return __real_fsl_posterior_of_training_set(ctx, problem, key, n_train, setting, out);
}

static size_t views; /* of priors at a time, which metrics of modes and regions need */

fsl_status __real_fsl_law_view_create(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, fsl_law_view **out);
fsl_status __wrap_fsl_law_view_create(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, fsl_law_view **out);
fsl_status __wrap_fsl_law_view_create(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, fsl_law_view **out) {
  views++;
  return __real_fsl_law_view_create(ctx, law, a, v, out);
}

static size_t truths;

fsl_status __real_fsl_truth_find(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, unsigned copy, double min_ess,
                                 fsl_truth *out);
fsl_status __wrap_fsl_truth_find(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, unsigned copy, double min_ess,
                                 fsl_truth *out);
fsl_status __wrap_fsl_truth_find(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, unsigned copy, double min_ess,
                                 fsl_truth *out) {
  truths++;
  return __real_fsl_truth_find(ctx, problem, key, copy, min_ess, out);
}

static const char text[] = "name: shared\n"
                           "seed: 3\n"
                           "grid:\n"
                           "  prior: [{name: pair, kind: gmm, means: [[-1, 0], [1, 1]], covariances: [0.2, 0.3]}]\n"
                           "  forward_model: [identity]\n"
                           "  noise_level: [0.3]\n"
                           "  approximation: [fsr, sigma-dps, tmpd, fsr-ancestral]\n"
                           "  n_train: [200, 300]\n"
                           "replicates: 2\n"
                           "observations: {kind: simulated, count: 2}\n"
                           "sampler: {steps: 2, particles: 16}\n"
                           "times: [0.2]\n"
                           "metrics: [mean_error, score_error]\n"
                           "budget: none\n";
enum { N_SETS = 8, N_METHODS = 4 };

typedef struct campaign {
  fsl_ctx ctx;
  fsl_spec spec;
  fsl_grid grid;
} campaign;

static void open_changed(campaign *c, size_t n, const char *const *changes) {
  const char *errors = "";
  *c = (campaign){.ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo}};
  assert_int_equal(
      fsl_spec_parse(&c->ctx, &fsl_standard_catalog, "shared.yaml", text, strlen(text), n, changes, &c->spec, &errors),
      FSL_OK);
  assert_int_equal(fsl_grid_create(&c->ctx, &c->spec, &c->grid), FSL_OK);
}

static void open_campaign(campaign *c) {
  open_changed(c, 0, NULL);
}

/* The data of a job, evaluated in an arena that is gone afterwards, as a worker does it. */
static fsl_hash data_of(const campaign *c, fsl_job_cache *cache, const fsl_job *job) {
  fsl_ctx own = {.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  fsl_record record, again;
  uint8_t *bytes;
  size_t size;
  assert_int_equal(fsl_job_evaluate(&own, &c->spec, job, cache, &record), FSL_OK);
  assert_int_equal(record.status, FSL_RECORD_DONE);
  assert_int_equal(fsl_record_encode(&own, &record, &bytes, &size), FSL_OK);
  assert_int_equal(fsl_record_decode(&own, bytes, size, &again), FSL_OK);
  fsl_arena_destroy(own.arena);
  return again.data;
}

/* Runs of all methods on each training set in turn; counts how many training sets were made. */
static size_t run_all(const campaign *c, fsl_job_cache *cache) {
  fsl_job_cache *const empty = fsl_job_cache_create(0);
  size_t sets = 0;
  for (int n_train = 0; n_train < 2; n_train++)
    for (int replicate = 0; replicate < 2; replicate++)
      for (int observation = 0; observation < 2; observation++)
        for (int method = 0; method < N_METHODS; method++) {
          const fsl_point point = {0, 0, 0, method, n_train, replicate, observation};
          const fsl_job *const job = &c->grid.jobs[fsl_grid_find(&c->grid, &c->spec, FSL_JOB_RUN, point)];
          made = 0;
          const fsl_hash shared = data_of(c, cache, job);
          sets += made;
          const fsl_hash alone = data_of(c, empty, job);
          assert_memory_equal(&shared, &alone, sizeof alone);
        }
  fsl_job_cache_destroy(empty);
  return sets;
}

static void methods_on_one_training_set_share_its_posterior(void **state) {
  (void)state;
  campaign c;
  open_campaign(&c);
  fsl_job_cache *const cache = fsl_job_cache_create(1 << 26);
  assert_int_equal(run_all(&c, cache), N_SETS);
  assert_int_equal(run_all(&c, cache), 0); /* all are still there */
  fsl_job_cache_destroy(cache);
  fsl_arena_destroy(c.ctx.arena);
}

static void a_posterior_beyond_the_cap_is_not_kept(void **state) {
  (void)state;
  campaign c;
  open_campaign(&c);
  fsl_job_cache *const cache = fsl_job_cache_create(fsl_posterior_bytes(300, 1, NULL, 2, 2, 0) - 1);
  assert_int_equal(run_all(&c, cache), N_SETS / 2 + N_SETS / 2 * N_METHODS); /* those of 200 fit */
  fsl_job_cache_destroy(cache);
  fsl_arena_destroy(c.ctx.arena);
}

static void the_cache_gives_way_to_what_a_job_needs(void **state) {
  (void)state;
  campaign c;
  open_campaign(&c);
  fsl_job_cache *const cache = fsl_job_cache_create(1 << 26);
  fsl_job_cache_limit(cache, 1); /* no job fits beside anything */
  assert_int_equal(run_all(&c, cache), N_SETS * N_METHODS);
  fsl_job_cache_limit(cache, 1 << 30);
  assert_int_equal(run_all(&c, cache), N_SETS - 1); /* the last one was left */
  fsl_job_cache_destroy(cache);
  fsl_arena_destroy(c.ctx.arena);
}

/* At t = 0 a reference needs the truth's moments and lines: nothing is looked up under the prior there. */
static void a_reference_at_0_pays_for_no_modes(void **unused) {
  (void)unused;
  const char *const change = "metrics=[mode_weight_tv, likelihood_hallucination, sliced_w1]";
  campaign c;
  open_changed(&c, 1, &change);
  fsl_job_cache *const cache = fsl_job_cache_create(0);
  const fsl_point point = {0, 0, 0, -1, 0, 0, 0};
  const int64_t job = fsl_grid_find(&c.grid, &c.spec, FSL_JOB_REFERENCE, point);
  assert_true(cache != NULL && job >= 0);
  views = 0;
  data_of(&c, cache, &c.grid.jobs[job]);
  assert_int_equal(views, c.spec.n_times);
  fsl_job_cache_destroy(cache);
  fsl_arena_destroy(c.ctx.arena);
}

/* Floors are drawn from the truth, or from a second one where it is a set of draws. */
static void only_a_sampled_truth_is_found_twice(void **unused) {
  (void)unused;
  static const char *const priors[] = {
      "grid.prior=[{kind: gmm, means: [[-1, 0], [1, 1]], covariances: [0.2, 0.3]}]",
      "grid.prior=[{kind: gmm, means: [[-1, 0, 0], [1, 1, 0]], covariances: [0.2, 0.3]}]"};
  for (size_t i = 0; i < 2; i++) {
    const char *const changes[] = {priors[i], i == 0 ? "grid.forward_model=[identity]" : "grid.forward_model=[square]"};
    campaign c;
    open_changed(&c, 2, changes);
    fsl_job_cache *const cache = fsl_job_cache_create(0);
    const int64_t job = fsl_grid_find(&c.grid, &c.spec, FSL_JOB_TRUTH, (fsl_point){0, 0, 0, -1, -1, -1, 0});
    assert_true(cache != NULL && job >= 0);
    truths = 0;
    data_of(&c, cache, &c.grid.jobs[job]);
    assert_int_equal(truths, i + 1);
    fsl_job_cache_destroy(cache);
    fsl_arena_destroy(c.ctx.arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(methods_on_one_training_set_share_its_posterior),
      cmocka_unit_test(a_posterior_beyond_the_cap_is_not_kept),
      cmocka_unit_test(the_cache_gives_way_to_what_a_job_needs),
      cmocka_unit_test(a_reference_at_0_pays_for_no_modes),
      cmocka_unit_test(only_a_sampled_truth_is_found_twice),
  };
  return cmocka_run_group_tests_name("what jobs share", tests, NULL, NULL);
}
