/* The grid: cells, distinct jobs, identity by content. And jobs: records that hold what they promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grid/index.h"
#include "job/job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char base[] = "name: grid\n"
                           "seed: 7\n"
                           "grid:\n"
                           "  prior: [{name: tri, kind: discrete, atoms: [[-1.8], [0.2], [2.2]]},\n"
                           "          {name: pair, kind: gmm, means: [[-1], [1]], covariances: [0.2, 0.3]}]\n"
                           "  forward_model: [identity, abs]\n"
                           "  noise_level: [0.3]\n"
                           "  approximation: [fsr, fsr-ancestral, pigdm]\n"
                           "  n_train: [64, .inf]\n"
                           "replicates: 2\n"
                           "observations: {kind: simulated, count: 2}\n"
                           "sampler: {steps: 30, particles: 256}\n"
                           "times: [0.2, 0.05]\n"
                           "budget: {}\n";

typedef struct campaign {
  fsl_ctx ctx;
  fsl_spec spec;
  fsl_grid grid;
} campaign;

static void open_campaign(campaign *c, size_t n, const char *const *overrides) {
  const char *errors = "";
  *c = (campaign){.ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo}};
  const fsl_status status =
      fsl_spec_parse(&c->ctx, &fsl_standard_catalog, "grid.yaml", base, strlen(base), n, overrides, &c->spec, &errors);
  if (status != FSL_OK) print_error("%s", errors);
  assert_int_equal(status, FSL_OK);
  assert_int_equal(fsl_grid_create(&c->ctx, &c->spec, &c->grid), FSL_OK);
}

static void close_campaign(campaign *c) {
  fsl_arena_destroy(c->ctx.arena);
}

static size_t count(const campaign *c, fsl_job_type type) {
  size_t n = 0;
  for (size_t i = 0; i < c->grid.n_jobs; i++) n += c->grid.jobs[i].type == type;
  return n;
}

/* Jobs of `a` that `b` has too. */
static size_t shared(campaign *a, const campaign *b) {
  fsl_job_index *index;
  size_t n = 0;
  assert_int_equal(fsl_job_index_create(&a->ctx, &b->grid, &index), FSL_OK);
  for (size_t i = 0; i < a->grid.n_jobs; i++) n += fsl_job_index_find(index, a->grid.jobs[i].identity) >= 0;
  return n;
}

static void cells_number_the_whole_product(void **state) {
  (void)state;
  campaign c;
  open_campaign(&c, 0, NULL);
  assert_int_equal(c.grid.n_cells, 2 * 2 * 1 * 3 * 2 * 2 * 2);
  for (size_t cell = 0; cell < c.grid.n_cells; cell++)
    assert_int_equal(fsl_grid_cell(&c.spec, fsl_grid_point(&c.spec, cell)), cell);
  close_campaign(&c);
}

/* Equal numbers would read as an error bar of 0. */
static void replicates_in_the_population_are_runs_of_their_own(void **state) {
  (void)state;
  static const fsl_job_type types[] = {FSL_JOB_RUN, FSL_JOB_BUDGET};
  static const char *const budget[] = {"budget={replicates: 2, observations: 1, refine: 2}"};
  campaign c;
  open_campaign(&c, 1, budget);
  for (int n_train = 0; n_train < 2; n_train++) {
    const fsl_point first = {0, 0, 0, 0, n_train, 0, 0}, second = {0, 0, 0, 0, n_train, 1, 0};
    for (size_t i = 0; i < 2; i++)
      assert_int_not_equal(fsl_grid_find(&c.grid, &c.spec, types[i], first),
                           fsl_grid_find(&c.grid, &c.spec, types[i], second));
    assert_int_equal(fsl_grid_find(&c.grid, &c.spec, FSL_JOB_REFERENCE, first) == -1, n_train == 1);
  }
  close_campaign(&c);
}

/* Samples and draws are keyed by the replicate, the population's posterior is not: it is made once. */
static void replicates_in_the_population_share_its_posterior_alone(void **state) {
  (void)state;
  campaign c;
  fsl_job_keys a, b;
  open_campaign(&c, 0, NULL);
  for (int n_train = 0; n_train < 2; n_train++) {
    assert_int_equal(fsl_grid_keys(&c.ctx, &c.spec, (fsl_point){1, 0, 0, 0, n_train, 0, 0}, &a), FSL_OK);
    assert_int_equal(fsl_grid_keys(&c.ctx, &c.spec, (fsl_point){1, 0, 0, 0, n_train, 1, 0}, &b), FSL_OK);
    const fsl_key own[2][4] = {{a.path, a.draw, a.direct, a.score}, {b.path, b.draw, b.direct, b.score}};
    for (size_t i = 0; i < 4; i++) assert_memory_not_equal(&own[0][i], &own[1][i], sizeof(fsl_key));
    assert_int_equal(memcmp(&a.training_set, &b.training_set, sizeof(fsl_key)) == 0, n_train == 1);
    assert_memory_equal(&a.truth, &b.truth, sizeof(fsl_key));
  }
  close_campaign(&c);
}

static void jobs_of_each_type_are_counted(void **state) {
  (void)state;
  campaign c;
  open_campaign(&c, 0, NULL);
  assert_int_equal(count(&c, FSL_JOB_TRUTH), 2 * 2 * 2);
  assert_int_equal(count(&c, FSL_JOB_REFERENCE), 2 * 2 * 2 * 2);
  /* identity: 2 priors x 3 methods; abs: fsr and fsr-ancestral, not in the pair's population; pigdm never */
  assert_int_equal(count(&c, FSL_JOB_RUN), 2 * 3 * (4 + 4) + 2 * 2 * 4 + 2 * 4);
  close_campaign(&c);
}

static void undefined_combinations_are_skipped_with_a_reason(void **state) {
  (void)state;
  campaign c;
  open_campaign(&c, 0, NULL);
  const fsl_point nonlinear = {0, 1, 0, 2, 0, 0, 0}, population = {1, 1, 0, 0, 1, 0, 0};
  assert_int_equal(c.grid.cell_status[fsl_grid_cell(&c.spec, nonlinear)], FSL_CELL_NOT_APPLICABLE);
  assert_int_equal(c.grid.cell_status[fsl_grid_cell(&c.spec, population)], FSL_CELL_NOT_APPLICABLE);
  for (size_t i = 0; i < c.grid.n_skips; i++) assert_true(strlen(c.grid.skips[i].reason) > 0);
  assert_true(c.grid.n_skips > 0);
  close_campaign(&c);
}

static void names_on_display_change_no_job(void **state) {
  (void)state;
  const char *const renamed[] = {"grid.prior.0.name=other", "name=elsewhere"};
  campaign a, b;
  open_campaign(&a, 0, NULL);
  open_campaign(&b, 2, renamed);
  assert_int_equal(shared(&a, &b), a.grid.n_jobs);
  close_campaign(&a);
  close_campaign(&b);
}

static void how_sums_are_evaluated_changes_all_but_the_truth(void **state) {
  (void)state;
  static const char *const set[2][1] = {{"precision=single"}, {"moment_tree=1e-8"}};
  for (size_t i = 0; i < 2; i++) {
    campaign plain, other;
    open_campaign(&plain, 0, NULL);
    open_campaign(&other, 1, set[i]);
    assert_int_equal(shared(&plain, &other), count(&plain, FSL_JOB_TRUTH));
    close_campaign(&plain);
    close_campaign(&other);
  }
}

static void extending_the_grid_keeps_the_old_jobs(void **state) {
  (void)state;
  const char *const more[] = {"grid.n_train=[256, 64, .inf]", "replicates=3"};
  campaign a, b;
  open_campaign(&a, 0, NULL);
  open_campaign(&b, 2, more);
  assert_int_equal(shared(&a, &b), a.grid.n_jobs);
  assert_true(b.grid.n_jobs > a.grid.n_jobs);
  close_campaign(&a);
  close_campaign(&b);
}

static void what_a_result_depends_on_names_its_job(void **state) {
  (void)state;
  static const char *const changes[] = {"seed=8",
                                        "sampler.particles=128",
                                        "times=[0.2, 0.1]",
                                        "diffusion={kind: vp, beta_max: 19}",
                                        "grid.noise_level=[0.31]",
                                        "metrics=[sliced_w1]"};
  campaign a;
  open_campaign(&a, 0, NULL);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    campaign b;
    open_campaign(&b, 1, &changes[i]);
    assert_int_equal(shared(&a, &b), 0);
    close_campaign(&b);
  }
  const char *const steps = "sampler.steps=31"; /* no concern of truths and references */
  campaign c;
  open_campaign(&c, 1, &steps);
  assert_int_equal(shared(&a, &c), count(&a, FSL_JOB_TRUTH) + count(&a, FSL_JOB_REFERENCE));
  close_campaign(&c);
  close_campaign(&a);
}

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

static fsl_record evaluate(campaign *c, fsl_job_cache *cache, fsl_job_type type, fsl_point point) {
  fsl_record record;
  const int64_t job = fsl_grid_find(&c->grid, &c->spec, type, point);
  assert_true(job >= 0);
  assert_int_equal(fsl_job_evaluate(&c->ctx, &c->spec, &c->grid.jobs[job], cache, &record), FSL_OK);
  if (record.status != FSL_RECORD_DONE) print_error("%s\n", record.error);
  assert_int_equal(record.status, FSL_RECORD_DONE);
  return record;
}

static const fsl_field *field_of(const fsl_record *record, const char *name) {
  const fsl_field *const field = fsl_record_field(record, name);
  if (field == NULL) print_error("there is no field %s\n", name);
  assert_non_null(field);
  return field;
}

static void the_exact_chain_lies_at_its_floor(void **state) {
  (void)state;
  static const fsl_metric_id graded[] = {FSL_MEAN_ERROR, FSL_SLICED_W1, FSL_MMD2, FSL_MODE_WEIGHT_TV};
  campaign c;
  open_campaign(&c, 0, NULL);
  fsl_job_cache *const cache = fsl_job_cache_create(1 << 26);
  for (int prior = 0; prior < 2; prior++)
    for (int observation = 0; observation < 1; observation++) {
      const fsl_point point = {prior, 0, 0, 1, 1, 0, observation};
      const fsl_record truth = evaluate(&c, cache, FSL_JOB_TRUTH, point), run = evaluate(&c, cache, FSL_JOB_RUN, point);
      for (size_t i = 0; i < sizeof graded / sizeof *graded; i++) {
        char name[64];
        const char *const metric = fsl_metrics[graded[i]].head.name;
        snprintf(name, sizeof name, "%s_floor_hi", metric);
        const fsl_field *const high = field_of(&truth, name), *const value = field_of(&run, metric);
        /* two particles in a mode where none is expected are nothing out of the common */
        const double rare = graded[i] == FSL_MODE_WEIGHT_TV ? 2.0 / (double)c.spec.particles : 0;
        for (size_t t = 0; t < 2; t++) assert_true(value->data[t] <= 2 * high->data[t] + rare + 1e-12);
      }
    }
  fsl_job_cache_destroy(cache);
  close_campaign(&c);
}

static void the_budget_telescopes(void **state) {
  (void)state;
  static const char *const vectors[] = {"mean", "mode_weight"};
  static const char *const budget[] = {"budget={replicates: 1, observations: 1, refine: 8}"};
  campaign c;
  open_campaign(&c, 1, budget);
  fsl_job_cache *const cache = fsl_job_cache_create(1 << 26);
  for (int n_train = 0; n_train < 2; n_train++) {
    const fsl_record record = evaluate(&c, cache, FSL_JOB_BUDGET, (fsl_point){1, 0, 0, 2, n_train, 0, 0});
    for (size_t v = 0; v < 2; v++) {
      char name[4][64];
      const char *const part[] = {"finite_sample", "approximation", "integrator", "total"};
      for (size_t i = 0; i < 4; i++) snprintf(name[i], sizeof name[i], "%s_%s", vectors[v], part[i]);
      const fsl_field *const total = field_of(&record, name[3]);
      for (size_t i = 0; i < total->shape[0] * total->shape[1]; i++) {
        const double sum = field_of(&record, name[0])->data[i] + field_of(&record, name[1])->data[i] +
                           field_of(&record, name[2])->data[i];
        assert_true(fabs(sum - total->data[i]) < 1e-12);
      }
    }
  }
  fsl_job_cache_destroy(cache);
  close_campaign(&c);
}

/* The field of both records: finite where `finite`, and the same bytes. */
static void same_field(const fsl_record *a, const fsl_record *b, const char *name, bool finite) {
  const fsl_field *const x = field_of(a, name), *const y = field_of(b, name);
  size_t n = 1;
  assert_int_equal(x->rank, y->rank);
  for (size_t axis = 0; axis < x->rank; axis++) {
    assert_int_equal(x->shape[axis], y->shape[axis]);
    n *= x->shape[axis];
  }
  for (size_t i = 0; finite && i < n; i++) assert_true(isfinite(x->data[i]));
  assert_memory_equal(x->data, y->data, n * sizeof(double));
}

/* A budget needs distances and masses of modes, whatever metrics are asked for. */
static void the_budget_is_whole_whatever_metrics_are_asked_for(void **state) {
  (void)state;
  static const char *const of_budget[] = {"sliced_w1_finite_sample", "sliced_w1_approximation", "sliced_w1_integrator",
                                          "sliced_w1_total",         "mean_finite_sample",      "mean_total",
                                          "mode_weight_integrator",  "mode_weight_total"};
  static const char *const of_truth[] = {"sliced_w1_floor", "budget_floor_approximation", "true_mode_weight"};
  static const char *const few[] = {"budget={refine: 2}", "metrics=[mean_error]"};
  static const char *const more[] = {"budget={refine: 2}", "metrics=[mean_error, sliced_w1, mode_weight_tv]"};
  campaign a, b;
  open_campaign(&a, 2, few);
  open_campaign(&b, 2, more);
  assert_int_equal(shared(&a, &b), 0); /* a run's records differ in what they hold */
  fsl_job_cache *const first = fsl_job_cache_create(1 << 26), *const second = fsl_job_cache_create(1 << 26);
  for (int n_train = 0; n_train < 2; n_train++) {
    const fsl_point point = {1, 0, 0, 2, n_train, 0, 0};
    const fsl_record x = evaluate(&a, first, FSL_JOB_BUDGET, point), y = evaluate(&b, second, FSL_JOB_BUDGET, point);
    for (size_t i = 0; i < sizeof of_budget / sizeof *of_budget; i++) same_field(&x, &y, of_budget[i], true);
  }
  const fsl_point problem = {1, 0, 0, -1, -1, -1, 0};
  const fsl_record x = evaluate(&a, first, FSL_JOB_TRUTH, problem), y = evaluate(&b, second, FSL_JOB_TRUTH, problem);
  for (size_t i = 0; i < sizeof of_truth / sizeof *of_truth; i++) same_field(&x, &y, of_truth[i], true);
  const fsl_record run = evaluate(&a, first, FSL_JOB_RUN, (fsl_point){1, 0, 0, 2, 0, 0, 0});
  assert_non_null(fsl_record_field(&run, "mean_error"));
  assert_null(fsl_record_field(&run, "sliced_w1"));
  fsl_job_cache_destroy(first);
  fsl_job_cache_destroy(second);
  close_campaign(&a);
  close_campaign(&b);
}

/* Without a budget nothing is added; with one, a job that had no distances is another. */
static void what_a_budget_adds_is_part_of_an_identity(void **state) {
  (void)state;
  static const char *const without[] = {"budget=none", "metrics=[mode_weight_tv]"};
  static const char *const with[] = {"budget={refine: 2}", "metrics=[mode_weight_tv]"};
  static const char *const asked[] = {"budget=none", "metrics=[mode_weight_tv, sliced_w1]"};
  static const char *const both[] = {"budget={refine: 2}", "metrics=[mode_weight_tv, sliced_w1]"};
  campaign a, b, c, d;
  open_campaign(&a, 2, without);
  open_campaign(&b, 2, with);
  open_campaign(&c, 2, asked);
  open_campaign(&d, 2, both);
  assert_int_equal(shared(&a, &b), 0);
  assert_int_equal(shared(&c, &d), c.grid.n_jobs);
  close_campaign(&a);
  close_campaign(&b);
  close_campaign(&c);
  close_campaign(&d);
}

static void a_job_gives_the_same_bytes_again_whatever_the_cache_holds(void **state) {
  (void)state;
  campaign c;
  open_campaign(&c, 0, NULL);
  fsl_job_cache *const warm = fsl_job_cache_create(1 << 26), *const cold = fsl_job_cache_create(0);
  const fsl_point point = {1, 1, 0, 0, 0, 1, 1};
  evaluate(&c, warm, FSL_JOB_TRUTH, (fsl_point){0, 0, 0, -1, -1, -1, 0});
  evaluate(&c, warm, FSL_JOB_REFERENCE, point);
  const fsl_record a = evaluate(&c, warm, FSL_JOB_RUN, point), b = evaluate(&c, cold, FSL_JOB_RUN, point);
  assert_int_equal(a.n_fields, b.n_fields);
  for (size_t i = 0; i < a.n_fields; i++) {
    size_t n = 1;
    for (size_t axis = 0; axis < a.fields[i].rank; axis++) n *= a.fields[i].shape[axis];
    assert_memory_equal(a.fields[i].data, b.fields[i].data, n * sizeof(double));
  }
  fsl_job_cache_destroy(warm);
  fsl_job_cache_destroy(cold);
  close_campaign(&c);
}

static void an_impossible_measurement_fails_its_own_job_alone(void **state) {
  (void)state;
  const char *const far[] = {"observations={kind: fixed, y: [[1.0e200]]}"};
  campaign c;
  open_campaign(&c, 1, far);
  fsl_job_cache *const cache = fsl_job_cache_create(1 << 26);
  fsl_record record;
  const int64_t job = fsl_grid_find(&c.grid, &c.spec, FSL_JOB_TRUTH, (fsl_point){0, 0, 0, -1, -1, -1, 0});
  assert_int_equal(fsl_job_evaluate(&c.ctx, &c.spec, &c.grid.jobs[job], cache, &record), FSL_OK);
  assert_int_equal(record.status, FSL_RECORD_FAILED);
  assert_true(strlen(record.error) > 0);
  fsl_job_cache_destroy(cache);
  close_campaign(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cells_number_the_whole_product),
      cmocka_unit_test(replicates_in_the_population_are_runs_of_their_own),
      cmocka_unit_test(replicates_in_the_population_share_its_posterior_alone),
      cmocka_unit_test(jobs_of_each_type_are_counted),
      cmocka_unit_test(undefined_combinations_are_skipped_with_a_reason),
      cmocka_unit_test(names_on_display_change_no_job),
      cmocka_unit_test(how_sums_are_evaluated_changes_all_but_the_truth),
      cmocka_unit_test(extending_the_grid_keeps_the_old_jobs),
      cmocka_unit_test(what_a_result_depends_on_names_its_job),
      cmocka_unit_test(the_exact_chain_lies_at_its_floor),
      cmocka_unit_test(the_budget_telescopes),
      cmocka_unit_test(the_budget_is_whole_whatever_metrics_are_asked_for),
      cmocka_unit_test(what_a_budget_adds_is_part_of_an_identity),
      cmocka_unit_test(a_job_gives_the_same_bytes_again_whatever_the_cache_holds),
      cmocka_unit_test(an_impossible_measurement_fails_its_own_job_alone),
  };
  return cmocka_run_group_tests_name("grid and jobs", tests, NULL, NULL);
}
