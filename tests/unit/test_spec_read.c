/* A good spec: every field as written, every default as documented, names, exclusions, overrides and the way back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/spec.h"

static const char whole[] =
    "name: Every_thing-1\n"
    "seed: 9223372036854775807\n"
    "grid:\n"
    "  prior:\n"
    "    - {name: tri, kind: discrete, atoms: [[-1.8], [0.2], [2.2]], weights: [1, 1, 2]}\n"
    "    - {name: no, kind: gmm, means: [[-1.0, 0], [1.5, 1]], covariances: [0.16, [0.3, 0.4]]}\n"
    "  forward_model:\n"
    "    - {kind: identity}\n"
    "    - {name: magnitude, kind: abs}\n"
    "    - {kind: linear, matrix: [[1, 2], [3, 4], [5, 6]], bias: [1, 2, 3]}\n"
    "  noise_level: [1e-1, {name: uneven, std: [3, 4]}, {std: 0.3}]\n"
    "  approximation: [fsr, zeta-dps, {kind: zeta-dps, zeta: 0.3}, {name: unit, kind: pigdm, r2: "
    "unit}]\n"
    "  n_train: [64, 1e3, .inf]\n"
    "replicates: 20\n"
    "observations: {kind: simulated, count: 4}\n"
    "diffusion: {kind: ve, sigma_max: 25}\n"
    "sampler: {kind: exponential, steps: 100, time_grid: log-snr, particles: 512, t_max: 0.9, "
    "start: exact}\n"
    "times: [0.02, 0.2]\n"
    "metrics: [mmd2, mean_error]\n"
    "exclude: [{forward_model: magnitude, approximation: [unit, zeta-dps]}, {n_train: [.inf, "
    "1000], noise_level: [0.1, uneven]}, {prior: gmm}]\n"
    "output: {samples: final}\n"
    "budget: {replicates: 3, observations: 2, refine: 4}\n";

static const char small[] = "name: small\nseed: 0\ngrid:\n  prior: [{kind: gaussian, mean: [0]}]\n  forward_model: "
                            "[identity]\n  noise_level: [0.1]\n  approximation: [fsr]\n  n_train: [64]\n";

typedef struct fixture {
  fsl_arena *arena;
  fsl_ctx ctx;
  fsl_spec spec;
} fixture;

static int set_up(void **state) {
  fixture *const f = calloc(1, sizeof *f);
  if (f == NULL || (f->arena = fsl_arena_create(0)) == NULL) return -1;
  f->ctx = (fsl_ctx){.arena = f->arena, .team = &fsl_team_solo};
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *const f = *state;
  fsl_arena_destroy(f->arena);
  free(f);
  return 0;
}

static const fsl_spec *read_spec(fixture *f, const char *text, size_t n, const char *const *overrides) {
  const char *errors = "";
  const fsl_status status =
      fsl_spec_parse(&f->ctx, &fsl_standard_catalog, "dir/s.yaml", text, strlen(text), n, overrides, &f->spec, &errors);
  assert_string_equal(errors, "");
  assert_int_equal(status, FSL_OK);
  return &f->spec;
}

static void expect_param(fixture *f, const fsl_entry *entry, const char *param, const char *expected) {
  const char *text = NULL;
  assert_int_equal(fsl_param_print(&f->ctx, fsl_kind_param(entry->kind, param), entry->params, &text), FSL_OK);
  assert_string_equal(text, expected);
}

static void expect_mask(const bool *mask, size_t n, const char *expected) {
  char text[16] = "";
  assert_non_null(mask);
  for (size_t i = 0; i < n; i++) text[i] = mask[i] ? '1' : '0';
  assert_string_equal(text, expected);
}

static void the_axes_are_as_written(void **state) {
  fixture *const f = *state;
  const fsl_spec *const s = read_spec(f, whole, 0, NULL);
  assert_string_equal(s->file, "dir/s.yaml");
  assert_string_equal(s->name, "Every_thing-1");
  assert_true(s->seed == 9223372036854775807u);
  assert_int_equal(s->n_priors, 2);
  assert_string_equal(s->priors[0].name, "tri");
  assert_string_equal(s->priors[1].name, "no");
  assert_string_equal(s->priors[1].kind->name, "gmm");
  assert_true(s->priors[1].line == 6 && s->priors[1].column == 7);
  assert_int_equal(s->n_forward_models, 3);
  assert_string_equal(s->forward_models[0].name, "identity");
  assert_string_equal(s->forward_models[2].name, "linear");
  assert_int_equal(s->n_approximations, 4);
  assert_string_equal(s->approximations[1].name, "zeta-dps");
  assert_string_equal(s->approximations[2].name, "zeta-dps(zeta=0.3)");
  assert_string_equal(s->approximations[3].name, "unit");
  expect_param(f, &s->approximations[1], "zeta", "1");
  expect_param(f, &s->approximations[2], "zeta", "0.3");
  expect_param(f, &s->approximations[3], "r2", "unit");
  assert_true(s->n_n_train == 3 && s->n_train[0] == 64 && s->n_train[1] == 1000 && isinf(s->n_train[2]));
}

static void noise_levels_have_name_level_and_std(void **state) {
  const fsl_spec *const s = read_spec(*state, whole, 0, NULL);
  assert_int_equal(s->n_noise_levels, 3);
  assert_string_equal(s->noise_levels[0].name, "0.1");
  assert_true(s->noise_levels[0].level == 0.1 && s->noise_levels[0].std.rank == 0);
  assert_string_equal(s->noise_levels[1].name, "uneven");
  assert_true(s->noise_levels[1].std.rank == 1 && s->noise_levels[1].std.data[1] == 4);
  assert_true(fabs(s->noise_levels[1].level - sqrt(12.5)) < 1e-15); /* root mean square of 3 and 4 */
  assert_string_equal(s->noise_levels[2].name, "0.3");
}

static void the_sections_are_as_written(void **state) {
  fixture *const f = *state;
  const fsl_spec *const s = read_spec(f, whole, 0, NULL);
  assert_int_equal(s->replicates, 20);
  assert_true(!s->y_is_fixed && s->n_observations == 4);
  assert_string_equal(s->diffusion.kind->name, "ve");
  expect_param(f, &s->diffusion, "sigma_max", "25");
  expect_param(f, &s->diffusion, "sigma_min", "0.01");
  assert_true(fabs(s->schedule.v(&s->schedule, 1) - 625) < 1e-9 && s->schedule.a(&s->schedule, 1) == 1);
  assert_string_equal(s->sampler.kind->name, "exponential");
  assert_string_equal(s->time_grid.kind->name, "log-snr");
  assert_true(s->steps == 100 && s->particles == 512 && s->t_max == 0.9 && s->start == FSL_START_EXACT);
  assert_true(s->n_times == 2 && s->times[0] == 0.02 && s->times[1] == 0.2);
  assert_int_equal(s->metrics, 1u << FSL_MMD2 | 1u << FSL_MEAN_ERROR);
  assert_int_equal(s->samples, FSL_SAMPLES_FINAL);
  assert_true(s->budget && s->budget_replicates == 3 && s->budget_observations == 2 && s->budget_refine == 4);
}

static void exclusions_take_names_kinds_and_numbers(void **state) {
  const fsl_spec *const s = read_spec(*state, whole, 0, NULL);
  assert_int_equal(s->n_exclusions, 3);
  const fsl_exclusion *const e = s->exclusions;
  assert_true(e[0].prior == NULL && e[0].noise_level == NULL && e[0].n_train == NULL);
  expect_mask(e[0].forward_model, 3, "010");
  expect_mask(e[0].approximation, 4, "0101"); /* an entry's name comes before its kind's */
  expect_mask(e[1].n_train, 3, "011");
  expect_mask(e[1].noise_level, 3, "110");
  expect_mask(e[2].prior, 2, "01");
}

static void priors_and_models_are_built_and_misfits_recorded(void **state) {
  const fsl_spec *const s = read_spec(*state, whole, 0, NULL);
  assert_true(s->prior_of[0].d == 1 && s->prior_of[1].d == 2);
  assert_true(fabs(exp(s->prior_of[0].population.log_weight[2]) - 0.5) < 1e-15);
  assert_true(s->model_of[0]->m == 1 && s->model_of[3]->m == 2);
  assert_null(s->model_of[2]); /* the matrix has two columns, tri has one component */
  assert_non_null(s->model_reason[2]);
  assert_null(s->model_reason[5]);
  double y[3];
  s->model_of[5]->value(s->model_of[5], (const double[]){1, 10}, y);
  assert_true(y[0] == 22 && y[1] == 45 && y[2] == 68);
  assert_null(fsl_spec_misfit(s, 0, 0, 0));
  assert_null(fsl_spec_misfit(s, 1, 0, 1));
  assert_ptr_equal(fsl_spec_misfit(s, 0, 2, 0), s->model_reason[2]);
  assert_non_null(strstr(fsl_spec_misfit(s, 0, 0, 1), "noise level"));
  assert_non_null(strstr(fsl_spec_misfit(s, 1, 2, 1), "noise level"));
}

static void a_fixed_y_fits_what_measures_as_many(void **state) {
  const char *const fixed[] = {"observations={kind: fixed, y: [[1, 2], [3, 4], [5, 6]]}", "exclude=[{n_train: 64}]"};
  const fsl_spec *const s = read_spec(*state, whole, 2, fixed);
  assert_true(s->y_is_fixed && s->n_observations == 3 && s->y.data[5] == 6);
  assert_null(fsl_spec_misfit(s, 1, 0, 0));
  assert_non_null(strstr(fsl_spec_misfit(s, 0, 0, 0), "y has"));
}

static void everything_but_name_grid_and_seed_has_a_default(void **state) {
  const fsl_spec *const s = read_spec(*state, small, 0, NULL);
  static const double times[] = {0.2, 0.1, 0.05, 0.02, 0.01};
  assert_true(s->replicates == 1 && !s->y_is_fixed && s->n_observations == 1);
  assert_string_equal(s->diffusion.kind->name, "vp");
  assert_true(fabs(s->schedule.v(&s->schedule, 1) + expm1(-10.005)) < 1e-15);
  assert_string_equal(s->sampler.kind->name, "euler-maruyama");
  assert_string_equal(s->time_grid.kind->name, "uniform");
  assert_true(s->steps == 500 && s->particles == 2048 && s->t_max == 1 && s->start == FSL_START_NORMAL);
  assert_int_equal(s->n_times, 5);
  assert_memory_equal(s->times, times, sizeof times);
  assert_int_equal(s->metrics, (1u << FSL_N_METRICS) - 1);
  assert_int_equal(s->n_exclusions, 0);
  assert_int_equal(s->samples, FSL_SAMPLES_NONE);
  assert_true(!s->evaluation.single && s->evaluation.tolerance == 1e-10);
  assert_true(!s->budget && s->budget_replicates == 1 && s->budget_observations == 1 && s->budget_refine == 8);
}

static void names_are_made_unique_by_parameters_then_by_number(void **state) {
  const char *const set[] = {"grid.forward_model=[{kind: linear, matrix: [[1], [0]]}, {kind: linear, matrix: [[0], "
                             "[1]]}, identity, {kind: linear, matrix: [[1], [1]]}, {kind: linear, matrix: [[1]]}]",
                             "grid.noise_level=[{std: [1, 2]}, {std: [2, 1]}]"};
  const fsl_spec *const s = read_spec(*state, small, 2, set);
  assert_string_equal(s->forward_models[0].name, "linear(matrix=(2, 1))");
  assert_string_equal(s->forward_models[1].name, "linear(matrix=(2, 1))#2");
  assert_string_equal(s->forward_models[2].name, "identity");
  assert_string_equal(s->forward_models[3].name, "linear(matrix=(2, 1))#3");
  assert_string_equal(s->forward_models[4].name, "linear(matrix=(1, 1))");
  assert_string_equal(s->noise_levels[0].name, "[1, 2]");
  assert_string_equal(s->noise_levels[1].name, "[2, 1]");
}

static void overrides_replace_add_and_reach_into_lists(void **state) {
  const char *const set[] = {"grid.n_train=[1, .inf]",
                             "grid.prior.0.mean=[1, 2]",
                             "sampler.steps=7",
                             "sampler.time_grid=quadratic",
                             "budget=none",
                             "seed=5",
                             "seed=6",
                             "precision=single",
                             "moment_tree=none"};
  const fsl_spec *const s = read_spec(*state, small, 9, set);
  assert_true(s->n_n_train == 2 && s->n_train[0] == 1 && isinf(s->n_train[1]));
  assert_int_equal(s->prior_of[0].d, 2);
  assert_int_equal(s->steps, 7);
  assert_string_equal(s->time_grid.kind->name, "quadratic");
  assert_false(s->budget);
  assert_true(s->seed == 6);
  assert_true(s->evaluation.single && s->evaluation.tolerance == 0);
}

/* ---- the kept text ----------------------------------------------------------------------------------------------- */

static void expect_way_back(fixture *f, const char *text, size_t n, const char *const *set) {
  const char *errors = "";
  fsl_spec again;
  const fsl_spec *const s = read_spec(f, text, n, set);
  assert_int_equal(fsl_spec_reparse(&f->ctx, &fsl_standard_catalog, "dir/s.yaml", s->text, &again, &errors), FSL_OK);
  assert_string_equal(again.text, s->text);
  assert_int_equal(fsl_hash_compare(again.hash, s->hash), 0);
  assert_true(again.seed == s->seed && again.steps == s->steps);
}

static void the_kept_text_leads_back_to_the_same_spec(void **state) {
  fixture *const f = *state;
  const char *const set[] = {"seed=5", "sampler.steps=7"};
  expect_way_back(f, small, 0, NULL);
  expect_way_back(f, small, 2, set);
  assert_non_null(strstr(f->spec.text, "n_train: [64]\n# --set seed=5\n# --set sampler.steps=7\n"));
  expect_way_back(f,
                  "name: a\nseed: 1\ngrid: {prior: [gmm-grid], forward_model: [identity], noise_level: [1], "
                  "approximation: [fsr], n_train: [8]}",
                  2, set);
}

/* A user's own comment is no override, whatever it looks like. */
static void a_comment_that_looks_like_an_override_is_none(void **state) {
  fixture *const f = *state;
  const char *const set[] = {"sampler.steps=7"};
  char text[1024];
  snprintf(text, sizeof text, "%s# --set seed=99\n", small);
  expect_way_back(f, text, 0, NULL);
  assert_true(f->spec.seed == 0);
  expect_way_back(f, text, 1, set);
  assert_true(f->spec.seed == 0 && f->spec.steps == 7);
}

static void the_hash_is_of_the_text_with_its_overrides(void **state) {
  fixture *const f = *state;
  const char *const set[] = {"seed=5"};
  const fsl_hash plain = read_spec(f, small, 0, NULL)->hash;
  assert_int_equal(fsl_hash_compare(plain, read_spec(f, small, 0, NULL)->hash), 0);
  assert_int_not_equal(fsl_hash_compare(plain, read_spec(f, small, 1, set)->hash), 0);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void the_checked_in_experiments_are_valid(void **state) {
  static const char *const names[] = {"convergence", "early-stopping", "gmm-grid",   "linear-multimodal",
                                      "nonlinear",   "quickstart",     "zeta-sweep", "digits"};
  fixture *const f = *state;
  const char *const root = getenv("FSL_TEST_ROOT");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[512];
    const char *errors = "";
    snprintf(path, sizeof path, "%s/experiments/%s.yaml", root == NULL ? "." : root, names[i]);
    const fsl_status status = fsl_spec_load(&f->ctx, &fsl_standard_catalog, path, 0, NULL, &f->spec, &errors);
    assert_string_equal(errors, "");
    assert_int_equal(status, FSL_OK);
  }
}

static void a_training_set_has_at_most_the_rows_of_its_file(void **state) {
  fixture *const f = *state;
  const char *errors = "";
  char path[64] = "/tmp/fsl-rows-XXXXXX.csv", text[1024];
  const int file = mkstemps(path, 4);
  assert_true(file >= 0);
  FILE *const stream = fdopen(file, "w");
  assert_non_null(stream);
  for (int i = 0; i < 40; i++) fprintf(stream, "%d,%d\n", i, i * i);
  fclose(stream);
  snprintf(text, sizeof text,
           "name: a\nseed: 1\ngrid:\n  prior: [{name: rows, kind: dataset, file: %s}]\n  forward_model: [{kind: "
           "linear, matrix: "
           "[[1, 2, 3]]}]\n  noise_level: [1]\n  approximation: [fsr]\n  n_train: [36, 37]\n",
           path);
  const fsl_status status =
      fsl_spec_parse(&f->ctx, &fsl_standard_catalog, "s", text, strlen(text), 0, NULL, &f->spec, &errors);
  remove(path);
  assert_int_equal(status, FSL_EINPUT);
  assert_string_equal(errors, "s:5:42: forward model 'linear': the matrix has 3 columns, the prior has dimension 2\n"
                              "s:8:17: 'n_train' is 37, but prior 'rows' offers 36 samples; a bandwidth gives endless "
                              "ones\n");
}

static void a_file_that_is_not_there_is_named(void **state) {
  fixture *const f = *state;
  const char *errors = NULL;
  assert_int_equal(fsl_spec_load(&f->ctx, &fsl_standard_catalog, "/nowhere/s.yaml", 0, NULL, &f->spec, &errors),
                   FSL_EINPUT);
  assert_string_equal(errors, "");
  assert_string_equal(f->ctx.error, "/nowhere/s.yaml: No such file or directory");
}

/* ---- warnings ---------------------------------------------------------------------------------------------------- */

static void count_warning(void *self, fsl_log_level level, const char *text) {
  assert_int_equal(level, FSL_LOG_WARN);
  assert_non_null(strstr(text, "'start: exact'"));
  ++*(int *)self;
}

/* a(1) = exp(-5.0025) = 0.006721 and v(1) = 1 to 5e-5: means beyond 14.88 are more than 0.1 away. */
static void a_normal_start_far_from_the_prior_is_warned_of(void **state) {
  fixture *const f = *state;
  int n = 0;
  const fsl_log log = {.self = &n, .level = FSL_LOG_WARN, .write = count_warning};
  fsl_ctx loud = {.log = &log, .arena = f->ctx.arena, .team = &fsl_team_solo};
  const char *const near[] = {"grid.prior.0.mean=[-14.8]"}, *const far[] = {"grid.prior.0.mean=[9, -12]"},
                    *const exact[] = {"grid.prior.0.mean=[9, -12]", "sampler.start=exact"};
  assert_int_equal(fsl_spec_warn(&loud, read_spec(f, small, 1, near)), FSL_OK);
  assert_int_equal(n, 0);
  assert_int_equal(fsl_spec_warn(&loud, read_spec(f, small, 1, far)), FSL_OK);
  assert_int_equal(n, 1);
  assert_int_equal(fsl_spec_warn(&loud, read_spec(f, small, 2, exact)), FSL_OK);
  assert_int_equal(n, 1);
}

/* ---- a y that the prior does not make ---------------------------------------------------------------------------- */

typedef struct heard {
  int n;
  char text[1024];
} heard;

static void keep_warning(void *self, fsl_log_level level, const char *text) {
  heard *const h = self;
  assert_int_equal(level, FSL_LOG_WARN);
  h->n++;
  snprintf(h->text, sizeof h->text, "%s", text);
}

static void listen(fixture *f, size_t n, const char *const *overrides, heard *h) {
  const fsl_log log = {.self = h, .level = FSL_LOG_WARN, .write = keep_warning};
  fsl_ctx loud = {.log = &log, .arena = f->ctx.arena, .team = &fsl_team_solo};
  *h = (heard){0};
  assert_int_equal(fsl_spec_warn(&loud, read_spec(f, small, n, overrides)), FSL_OK);
}

/* Atoms 0 and 1, noise .1: y = 7 is 60 noise standard deviations from the nearer one, 1.3 is 3. */
static void a_fixed_y_far_from_the_prior_is_warned_of(void **state) {
  fixture *const f = *state;
  heard h;
  const char *overrides[] = {"grid.prior=[{name: two, kind: discrete, atoms: [[0], [1]]}]", "grid.noise_level=[0.1]",
                             "observations={kind: fixed, y: [[1.3], [0.1]]}"};
  listen(f, 3, overrides, &h);
  assert_int_equal(h.n, 0);
  overrides[2] = "observations={kind: fixed, y: [[1.3], [7], [2]]}";
  listen(f, 3, overrides, &h);
  assert_int_equal(h.n, 1);
  assert_non_null(strstr(h.text, "prior 'two', forward model 'identity': y of observation 1 lies 60 noise standard "
                                 "deviations (noise level 0.1) from A(x) of any prior sample"));
  assert_non_null(strstr(h.text, "others are far too"));
  overrides[2] = "observations={kind: simulated, count: 50}";
  listen(f, 3, overrides, &h);
  assert_int_equal(h.n, 0);
}

/* In 30 dimensions no sample of N(0, I) comes near another: a y from the prior lies far from all of them, and that is
 * usual; one of twenty times the length is not. */
static void what_is_usual_in_many_dimensions_is_no_warning(void **state) {
  fixture *const f = *state;
  heard h;
  char prior[512] = "grid.prior=[{name: wide, kind: gaussian, mean: [0", y[1024] = "observations={kind: fixed, y: [[",
       far[1024] = "observations={kind: fixed, y: [[";
  for (int i = 1; i < 30; i++) strcat(prior, ", 0");
  strcat(prior, "]}]");
  for (int i = 0; i < 30; i++) {
    sprintf(y + strlen(y), "%s%d", i == 0 ? "" : ", ", i % 2 == 0 ? 1 : -1);
    sprintf(far + strlen(far), "%s%d", i == 0 ? "" : ", ", i % 2 == 0 ? 20 : -20);
  }
  strcat(y, "]]}");
  strcat(far, "]]}");
  const char *const near_one[] = {prior, "grid.noise_level=[0.01]", y}, *const far_one[] = {prior, near_one[1], far};
  listen(f, 3, near_one, &h);
  assert_int_equal(h.n, 0);
  listen(f, 3, far_one, &h);
  assert_int_equal(h.n, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_axes_are_as_written),
      TEST(noise_levels_have_name_level_and_std),
      TEST(the_sections_are_as_written),
      TEST(exclusions_take_names_kinds_and_numbers),
      TEST(priors_and_models_are_built_and_misfits_recorded),
      TEST(a_fixed_y_fits_what_measures_as_many),
      TEST(everything_but_name_grid_and_seed_has_a_default),
      TEST(names_are_made_unique_by_parameters_then_by_number),
      TEST(overrides_replace_add_and_reach_into_lists),
      TEST(the_kept_text_leads_back_to_the_same_spec),
      TEST(a_comment_that_looks_like_an_override_is_none),
      TEST(the_hash_is_of_the_text_with_its_overrides),
      TEST(the_checked_in_experiments_are_valid),
      TEST(a_training_set_has_at_most_the_rows_of_its_file),
      TEST(a_file_that_is_not_there_is_named),
      TEST(a_normal_start_far_from_the_prior_is_warned_of),
      TEST(a_fixed_y_far_from_the_prior_is_warned_of),
      TEST(what_is_usual_in_many_dimensions_is_no_warning),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
