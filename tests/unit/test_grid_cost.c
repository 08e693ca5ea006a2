/* The cost model: more work costs more, parts add up to the whole, and no job is said to do more multiplications a
 * second than a core can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catalog/catalog.h"
#include "grid/cost.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char base[] = "name: cost\n"
                           "seed: 7\n"
                           "grid:\n"
                           "  prior: [{kind: gmm-grid, dimension: 8}]\n"
                           "  forward_model: [{kind: random-projection, rows: 2, seed: 1}]\n"
                           "  noise_level: [0.3]\n"
                           "  approximation: [tmpd]\n"
                           "  n_train: [1024]\n"
                           "sampler: {steps: 100, particles: 256}\n"
                           "times: [0.2, 0.05]\n"
                           "budget: {}\n";

enum { MOST = 8 };

/* Seconds of the spec's one job of a type. Overrides end with NULL. */
static double cost_of(fsl_job_type type, const char *const overrides[], double parts[FSL_N_COST_PARTS]) {
  fsl_ctx ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  const char *errors = "";
  fsl_spec spec;
  fsl_grid grid;
  size_t n = 0;
  double cost = 0, own[FSL_N_COST_PARTS];
  while (overrides[n] != NULL) n++;
  if (fsl_spec_parse(&ctx, &fsl_standard_catalog, "cost.yaml", base, strlen(base), n, overrides, &spec, &errors) !=
      FSL_OK)
    fail_msg("%s", errors);
  assert_int_equal(fsl_grid_create(&ctx, &spec, &grid), FSL_OK);
  for (size_t i = 0; i < grid.n_jobs; i++) {
    if (grid.jobs[i].type != type || grid.jobs[i].point.approximation > 0) continue;
    assert_true(cost == 0 && grid.jobs[i].cost > 0);
    cost = grid.jobs[i].cost;
    fsl_job_cost_parts(&spec, &grid.jobs[i], parts != NULL ? parts : own);
  }
  assert_true(cost > 0);
  fsl_arena_destroy(ctx.arena);
  return cost;
}

#define COST(type, ...) cost_of(type, (const char *const[MOST]){__VA_ARGS__}, NULL)

static const fsl_job_type every_type[] = {FSL_JOB_TRUTH, FSL_JOB_REFERENCE, FSL_JOB_RUN, FSL_JOB_BUDGET};
static const char *const methods[] = {"fsr", "fsr-direct", "fsr-ancestral", "sigma-dps", "zeta-dps",
                                      "dps", "pigdm",      "dmps",          "tmpd",      "moment-matched"};

static void more_of_anything_costs_more(void **unused) {
  (void)unused;
  static const char *const more[][2] = {
      {"grid.n_train=[1024]", "grid.n_train=[2048]"},
      {"grid.prior=[{kind: gmm-grid, dimension: 8}]", "grid.prior=[{kind: gmm-grid, dimension: 16}]"},
      {"sampler.steps=100", "sampler.steps=200"},
      {"sampler.particles=256", "sampler.particles=512"},
      {"times=[0.2, 0.05]", "times=[0.2, 0.1, 0.05]"}};
  for (size_t i = 0; i < sizeof more / sizeof *more; i++)
    for (size_t m = 3; m < sizeof methods / sizeof *methods; m++) {
      char method[64];
      snprintf(method, sizeof method, "grid.approximation=[%s]", methods[m]);
      for (fsl_job_type type = FSL_JOB_RUN; type <= FSL_JOB_BUDGET; type++)
        assert_true(COST(type, method, more[i][0]) < COST(type, method, more[i][1]));
    }
}

/* From the first measurement to as many as there are dimensions, on atoms and on the population. */
static void more_measurements_cost_guided_methods_more(void **unused) {
  (void)unused;
  static const char *const guided[] = {"pigdm", "dmps", "tmpd", "moment-matched"};
  static const char *const sizes[] = {"grid.n_train=[1024]", "grid.n_train=[.inf]"};
  for (size_t g = 0; g < sizeof guided / sizeof *guided; g++)
    for (size_t s = 0; s < 2; s++) {
      double last = 0;
      for (int rows = 2; rows <= 512; rows *= 4) {
        char method[64], model[96];
        snprintf(method, sizeof method, "grid.approximation=[%s]", guided[g]);
        snprintf(model, sizeof model, "grid.forward_model=[{kind: random-projection, rows: %d, seed: 1}]", rows);
        const double cost = COST(FSL_JOB_RUN, "grid.prior=[{kind: gmm-grid, dimension: 512}]", method, model, sizes[s],
                                 "metrics=[mmd2]");
        assert_true(cost > last);
        last = cost;
      }
    }
}

static void single_precision_is_cheaper_where_sums_dominate(void **unused) {
  (void)unused;
  static const char *const dimension[] = {"2", "8", "64"};
  for (size_t i = 0; i < 3; i++)
    for (size_t m = 3; m < 8; m++) {
      char prior[64], method[64];
      snprintf(prior, sizeof prior, "grid.prior=[{kind: gmm-grid, dimension: %s}]", dimension[i]);
      snprintf(method, sizeof method, "grid.approximation=[%s]", methods[m]);
      const double in_double = COST(FSL_JOB_RUN, prior, method, "grid.n_train=[16384]", "moment_tree=none");
      const double in_single =
          COST(FSL_JOB_RUN, prior, method, "grid.n_train=[16384]", "moment_tree=none", "precision=single");
      assert_true(in_single < 0.9 * in_double && in_single > 0.2 * in_double);
    }
}

/* Each part is there in its own type of job alone, and a job's cost is their sum. */
static void a_cost_is_the_sum_of_its_parts(void **unused) {
  (void)unused;
  static const fsl_job_type owner[FSL_N_COST_PARTS] = {
      [FSL_COST_SAMPLING] = FSL_JOB_RUN,        [FSL_COST_SCORE_ERRORS] = FSL_JOB_RUN,
      [FSL_COST_REFERENCE] = FSL_JOB_REFERENCE, [FSL_COST_TRUTH] = FSL_JOB_TRUTH,
      [FSL_COST_FLOORS] = FSL_JOB_TRUTH,        [FSL_COST_BUDGET] = FSL_JOB_BUDGET};
  const char *const none[] = {NULL};
  for (size_t t = 0; t < 4; t++) {
    double parts[FSL_N_COST_PARTS], sum = 0;
    const double cost = cost_of(every_type[t], none, parts);
    for (int p = 0; p < FSL_N_COST_PARTS; p++) {
      assert_true(owner[p] == every_type[t] ? parts[p] > 0 : parts[p] == 0);
      sum += parts[p];
    }
    assert_true(fabs(sum - cost) <= 1e-12 * cost);
  }
}

/* Every metric adds to what grades it: a sum in which one term had the wrong sign would fall.
 * Without a budget, which needs sliced_w1 and modes whatever is asked for. */
static void every_metric_adds_to_the_cost(void **unused) {
  (void)unused;
  static const char none[] = "budget=none";
  static const char *const metric[] = {
      "sliced_w1", "stopping_error", "mmd2", "spread_min", "likelihood_hallucination", "escape", "prior_hallucination"};
  const double least_truth = COST(FSL_JOB_TRUTH, none, "metrics=[mean_error]");
  const double least_run = COST(FSL_JOB_RUN, none, "metrics=[mean_error]");
  for (size_t i = 0; i < sizeof metric / sizeof *metric; i++) {
    char with[64];
    snprintf(with, sizeof with, "metrics=[mean_error, %s]", metric[i]);
    assert_true(COST(FSL_JOB_TRUTH, none, with) > least_truth);
    assert_true(COST(FSL_JOB_RUN, none, with) >= least_run);
  }
  assert_true(COST(FSL_JOB_RUN, none, "metrics=[mean_error, path_kl]") > least_run);
  assert_true(COST(FSL_JOB_TRUTH, "metrics=[mean_error]") > least_truth);
  assert_true(COST(FSL_JOB_TRUTH, "metrics=[mean_error]") == COST(FSL_JOB_TRUTH, "metrics=[mean_error, sliced_w1]"));
}

/* "grid.prior=[{kind: gmm, means: [[0, 0], [1, 0], ...], covariances: [1, 1, ...]}]" */
static const char *mixture_of(size_t n, char *text, size_t size) {
  size_t at = (size_t)snprintf(text, size, "grid.prior=[{kind: gmm, means: [[0, 0]");
  for (size_t i = 1; i < n; i++) at += (size_t)snprintf(text + at, size - at, ", [%zu, 0]", i);
  at += (size_t)snprintf(text + at, size - at, "], covariances: [1");
  for (size_t i = 1; i < n; i++) at += (size_t)snprintf(text + at, size - at, ", 1");
  at += (size_t)snprintf(text + at, size - at, "]}]");
  assert_true(at < size);
  return text;
}

static void more_components_cost_the_truth_and_the_population_more(void **unused) {
  (void)unused;
  static const char *const metrics[] = {"metrics=[mean_error]", "metrics=[sliced_w1]", "metrics=[mmd2]",
                                        "metrics=[likelihood_hallucination]", "metrics=[prior_hallucination]"};
  char few[8192], many[8192];
  mixture_of(20, few, sizeof few);
  mixture_of(60, many, sizeof many);
  for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
    assert_true(COST(FSL_JOB_TRUTH, metrics[i], few) < COST(FSL_JOB_TRUTH, metrics[i], many));
    assert_true(COST(FSL_JOB_RUN, "grid.n_train=[.inf]", metrics[i], few) <
                COST(FSL_JOB_RUN, "grid.n_train=[.inf]", metrics[i], many));
  }
}

static void a_budget_takes_a_plain_run_and_a_refined_one(void **unused) {
  (void)unused;
  const char *const steps = "sampler.steps=2000"; /* grading is small beside them */
  const double run = COST(FSL_JOB_RUN, steps, "metrics=[mean_error]");
  const double by_8 = COST(FSL_JOB_BUDGET, steps, "metrics=[mean_error]");
  const double by_16 = COST(FSL_JOB_BUDGET, steps, "metrics=[mean_error]", "budget={refine: 16}");
  assert_true(fabs(by_8 / run - 9) < 0.5);
  assert_true(fabs(by_16 / run - 17) < 0.9);
}

/* A refined run's noise sums up to the plain one's: more for each state and each of its dimensions. */
static void a_refined_step_costs_each_dimension_a_little_more(void **unused) {
  (void)unused;
  for (int d = 8; d <= 512; d *= 8) {
    char prior[64];
    snprintf(prior, sizeof prior, "grid.prior=[{kind: gmm-grid, dimension: %d}]", d);
    const char *const steps = "sampler.steps=2000";
    const double run = COST(FSL_JOB_RUN, prior, steps, "grid.n_train=[64]", "metrics=[mean_error]");
    const double both = COST(FSL_JOB_BUDGET, prior, steps, "grid.n_train=[64]", "metrics=[mean_error]");
    const double more = ((both - run) / 8 - run) / (2000.0 * 256 * d);
    assert_true(more > 5e-9 && more < 5e-8);
  }
}

static void steps_are_nothing_to_methods_that_draw(void **unused) {
  (void)unused;
  for (size_t m = 1; m <= 2; m++) {
    char method[64];
    snprintf(method, sizeof method, "grid.approximation=[%s]", methods[m]);
    const double few = COST(FSL_JOB_RUN, method, "grid.n_train=[.inf]", "sampler.steps=100");
    assert_true(few == COST(FSL_JOB_RUN, method, "grid.n_train=[.inf]", "sampler.steps=1000"));
    assert_true(few < COST(FSL_JOB_RUN, method, "grid.n_train=[.inf]", "sampler.particles=512"));
    assert_true(few < COST(FSL_JOB_RUN, method, "grid.n_train=[.inf]", "times=[0.2, 0.1, 0.05]"));
  }
}

/* With a moment tree the sums of tmpd are two passes, those of sigma-dps one: neither is free. */
static void joint_sums_by_a_tree_cost_more_than_a_product(void **unused) {
  (void)unused;
  for (int d = 1; d <= 3; d++) {
    char prior[64];
    snprintf(prior, sizeof prior, "grid.prior=[{kind: gmm-grid, dimension: %d}]", d);
    const char *const large = "grid.n_train=[100000]", *const one = "metrics=[mean_error]";
    const double fsr = COST(FSL_JOB_RUN, prior, large, one, "grid.approximation=[fsr]", "budget=none");
    const double dps = COST(FSL_JOB_RUN, prior, large, one, "grid.approximation=[sigma-dps]", "budget=none");
    const double tmpd = COST(FSL_JOB_RUN, prior, large, one, "grid.approximation=[tmpd]", "budget=none");
    assert_true(fsr < dps && dps < tmpd);
  }
}

/* An atom is drawn in a time that grows as the dimensions, a state of a posterior mixture is turned by its vectors. */
static void only_draws_of_the_population_turn(void **unused) {
  (void)unused;
  static const char *const size[] = {"grid.n_train=[64]", "grid.n_train=[.inf]"};
  double cost[2][2];
  for (size_t i = 0; i < 2; i++)
    for (size_t k = 0; k < 2; k++)
      cost[i][k] = COST(FSL_JOB_RUN, size[i], "grid.approximation=[fsr-direct]", "metrics=[mean_error]",
                        k == 0 ? "grid.prior=[{kind: gmm-grid, dimension: 256}]"
                               : "grid.prior=[{kind: gmm-grid, dimension: 512}]",
                        "sampler.particles=65536", "budget=none");
  assert_true(cost[0][1] < 2.3 * cost[0][0]);
  assert_true(cost[1][1] > 2.5 * cost[1][0]);
}

/* Bytes of one job of a type on one rank. */
static double bytes_of(fsl_job_type type, size_t n, const char *const overrides[]) {
  fsl_ctx ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  const char *errors = "";
  fsl_spec spec;
  fsl_grid grid;
  double bytes = 0;
  assert_int_equal(
      fsl_spec_parse(&ctx, &fsl_standard_catalog, "cost.yaml", base, strlen(base), n, overrides, &spec, &errors),
      FSL_OK);
  assert_int_equal(fsl_grid_create(&ctx, &spec, &grid), FSL_OK);
  for (size_t i = 0; i < grid.n_jobs; i++)
    if (grid.jobs[i].type == type) bytes = (double)grid.jobs[i].bytes;
  fsl_arena_destroy(ctx.arena);
  return bytes;
}

/* What 50 more components add: their means as the prior's, the truth's and its second copy's to every job; to a run on
 * the population the conditioned ones, rotated and scaled too. */
static void copies_of_conditioned_components_are_counted(void **unused) {
  (void)unused;
  enum { D = 2, MORE = 50 };
  char few[8192], many[8192];
  const char *const sizes[] = {"grid.n_train=[64]", "grid.n_train=[.inf]"};
  mixture_of(10, few, sizeof few);
  mixture_of(10 + MORE, many, sizeof many);
  for (size_t s = 0; s < 2; s++) {
    const char *const with_few[] = {few, sizes[s]}, *const with_many[] = {many, sizes[s]};
    const double truth = bytes_of(FSL_JOB_TRUTH, 2, with_many) - bytes_of(FSL_JOB_TRUTH, 2, with_few);
    const double run = bytes_of(FSL_JOB_RUN, 2, with_many) - bytes_of(FSL_JOB_RUN, 2, with_few);
    assert_true(truth >= 3.0 * MORE * D * sizeof(double));
    assert_true(s == 0 ? run == truth : run >= truth + 3.0 * MORE * D * sizeof(double));
  }
}

/* No core does 2e11 multiplications a second, and our worst loop more than 2e8. */
static void check_work(double cost, double multiplications) {
  assert_true(cost > multiplications / 2e11);
  assert_true(cost < multiplications / 2e8);
}

static void large_systems_are_paid_for(void **unused) {
  (void)unused;
  const char *const large = "grid.prior=[{kind: gmm-grid, dimension: 784}]", *const few = "grid.n_train=[64]";
  const double m = 784, states = 100.0 * 256;
  check_work(COST(FSL_JOB_RUN, large, "grid.forward_model=[identity]", few, "grid.approximation=[pigdm]",
                  "metrics=[mean_error]"),
             states * (2 * 64 * m + 2 * m * m) + m * m * m / 2 + 100 * m * m * m / 6);
  check_work(COST(FSL_JOB_RUN, large, "grid.forward_model=[identity]", few, "grid.approximation=[tmpd]",
                  "metrics=[mean_error]"),
             states * (64 * m * m / 2 + m * m * m / 6));
}

static void sums_over_atoms_are_paid_for(void **unused) {
  (void)unused;
  for (int d = 2; d <= 512; d *= 4) {
    char prior[64];
    snprintf(prior, sizeof prior, "grid.prior=[{kind: gmm-grid, dimension: %d}]", d);
    check_work(COST(FSL_JOB_RUN, prior, "grid.n_train=[65536]", "moment_tree=none", "metrics=[mean_error]"),
               100.0 * 256 * 65536 * (2 * d + 20));
  }
}

static void a_sampler_that_evaluates_its_field_twice_pays_twice(void **unused) {
  (void)unused;
  const double euler = COST(FSL_JOB_RUN, "grid.n_train=[16384]", "metrics=[mean_error]");
  const double heun = COST(FSL_JOB_RUN, "grid.n_train=[16384]", "metrics=[mean_error]", "sampler.kind=ode-heun");
  assert_true(fabs(heun / euler - 2) < 0.1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(more_of_anything_costs_more),
      cmocka_unit_test(more_measurements_cost_guided_methods_more),
      cmocka_unit_test(single_precision_is_cheaper_where_sums_dominate),
      cmocka_unit_test(a_cost_is_the_sum_of_its_parts),
      cmocka_unit_test(every_metric_adds_to_the_cost),
      cmocka_unit_test(more_components_cost_the_truth_and_the_population_more),
      cmocka_unit_test(a_budget_takes_a_plain_run_and_a_refined_one),
      cmocka_unit_test(a_refined_step_costs_each_dimension_a_little_more),
      cmocka_unit_test(steps_are_nothing_to_methods_that_draw),
      cmocka_unit_test(joint_sums_by_a_tree_cost_more_than_a_product),
      cmocka_unit_test(only_draws_of_the_population_turn),
      cmocka_unit_test(copies_of_conditioned_components_are_counted),
      cmocka_unit_test(large_systems_are_paid_for),
      cmocka_unit_test(sums_over_atoms_are_paid_for),
      cmocka_unit_test(a_sampler_that_evaluates_its_field_twice_pays_twice),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
