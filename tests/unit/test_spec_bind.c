/* Parameter tables: every type is bound from YAML, from its default and from files, and every rule of a table holds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "catalog/catalog.h"
#include "spec/bind.h"

typedef struct sample_params {
  double real, absent_real;
  int64_t integer, absent_integer;
  bool boolean;
  int choice;
  fsl_choice_or_real named, numbered;
  const char *text, *absent_text, *file;
  fsl_array vector, matrix, absent_vector;
  fsl_integers integers;
  fsl_covariance_value covariance;
  fsl_covariance_list covariances;
} sample_params;

static const char *const choices[] = {"flat", "unit", NULL};

#define PARAM(field, param_type, ...)                                                                                  \
  { .name = #field, .type = (param_type), .offset = offsetof(sample_params, field), .help = "of the test", __VA_ARGS__ }

static const fsl_param params_table[] = {
    PARAM(real, FSL_REAL, .preset = "1e-1", .low = 0, .high = 2, .open_low = true),
    PARAM(absent_real, FSL_REAL, .optional = true),
    PARAM(integer, FSL_INTEGER, .preset = "7", .low = 1, .high = 9),
    PARAM(absent_integer, FSL_INTEGER, .optional = true),
    PARAM(boolean, FSL_BOOLEAN, .preset = "true"),
    PARAM(choice, FSL_CHOICE, .preset = "unit", .choices = choices),
    PARAM(named, FSL_CHOICE_OR_REAL, .preset = "flat", .choices = choices),
    PARAM(numbered, FSL_CHOICE_OR_REAL, .preset = "0.5", .choices = choices, .low = 0, .high = 1),
    PARAM(text, FSL_TEXT, .preset = "no"),
    PARAM(absent_text, FSL_TEXT, .optional = true),
    PARAM(file, FSL_FILE, .optional = true),
    PARAM(vector, FSL_VECTOR, .preset = "[1, 2]", .shape = "d", .low = -5, .high = 5),
    PARAM(absent_vector, FSL_VECTOR, .optional = true),
    PARAM(matrix, FSL_MATRIX, .preset = "[[1, 2], [3, 4], [5, 6]]", .shape = "K,d", .low = -9, .high = 9),
    PARAM(integers, FSL_INTEGERS, .preset = "[3, 1]", .low = 0, .high = 8),
    PARAM(covariance, FSL_COVARIANCE, .preset = "2", .shape = "d"),
    PARAM(covariances, FSL_COVARIANCES, .preset = "0.5", .shape = "K,d"),
};

/* What a table cannot say: text and integer contradict each other. */
static fsl_status check(fsl_ctx *ctx, const void *params, const char **bad) {
  const sample_params *const p = params;
  if (strcmp(p->text, "seven") != 0 || p->integer == 7) return FSL_OK;
  *bad = "integer";
  return fsl_fail(ctx, FSL_EINPUT, "is not seven");
}

static const fsl_kind sample_kind = {
    .name = "sample", .version = 1, FSL_PARAMS(params_table), .params_size = sizeof(sample_params), .check = check};

typedef struct fixture {
  fsl_arena *arena;
  fsl_ctx ctx;
  fsl_diagnostics d;
  fsl_binder b;
  char folder[64], spec[96];
} fixture;

static int set_up(void **state) {
  fixture *const f = calloc(1, sizeof *f);
  if (f == NULL) return -1;
  f->arena = fsl_arena_create(0);
  f->ctx = (fsl_ctx){.arena = f->arena, .team = &fsl_team_solo};
  snprintf(f->folder, sizeof f->folder, "/tmp/fsl-bind-XXXXXX");
  if (f->arena == NULL || mkdtemp(f->folder) == NULL) return -1;
  snprintf(f->spec, sizeof f->spec, "%s/s.yaml", f->folder);
  fsl_diagnostics_start(&f->d, f->arena);
  f->b = (fsl_binder){.ctx = &f->ctx, .d = &f->d, .file = f->spec};
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *const f = *state;
  char path[128];
  snprintf(path, sizeof path, "%s/m.csv", f->folder);
  unlink(path);
  rmdir(f->folder);
  fsl_arena_destroy(f->arena);
  free(f);
  return 0;
}

static const sample_params *bind(fixture *f, const char *text) {
  static const char *const others[] = {"kind", NULL};
  const void *params = NULL;
  const fsl_node *const node = fsl_node_parse(&f->ctx, &f->d, "s", text, strlen(text));
  if (node == NULL) return NULL;
  return fsl_bind_kind(&f->b, node, node->place, &sample_kind, others, &params) ? params : NULL;
}

static void expect_error(fixture *f, const char *text, const char *expected) {
  fsl_diagnostics_start(&f->d, f->arena);
  assert_null(bind(f, text));
  assert_string_equal(fsl_diagnostics_text(&f->d), expected);
}

static void write_matrix(const fixture *f, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/m.csv", f->folder);
  FILE *const file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void defaults_go_through_the_same_code(void **state) {
  const sample_params *const p = bind(*state, "{}");
  assert_non_null(p);
  assert_true(p->real == 0.1 && isnan(p->absent_real));
  assert_true(p->integer == 7 && p->absent_integer == INT64_MIN);
  assert_true(p->boolean && p->choice == 1);
  assert_true(p->named.choice == 0 && p->numbered.choice == -1 && p->numbered.value == 0.5);
  assert_string_equal(p->text, "no");
  assert_true(p->absent_text == NULL && p->file == NULL && p->absent_vector.data == NULL);
  assert_true(p->vector.rank == 1 && p->vector.shape[0] == 2 && p->vector.data[1] == 2);
  assert_true(p->matrix.rank == 2 && p->matrix.shape[0] == 3 && p->matrix.shape[1] == 2 && p->matrix.data[4] == 5);
  assert_true(p->integers.n == 2 && p->integers.data[0] == 3);
  assert_true(p->covariance.value.rank == 0 && p->covariance.value.data[0] == 2);
  assert_true(p->covariances.n == 1 && p->covariances.data[0].value.data[0] == 0.5);
}

static void every_type_is_read(void **state) {
  fixture *const f = *state;
  write_matrix(f, "1,0\n0,1\n");
  const sample_params *const p =
      bind(f, "kind: sample\nreal: 2\nabsent_real: -1.5e3\ninteger: 9\nabsent_integer: -3\nboolean: False\n"
              "choice: 'flat'\nnamed: 0.25\nnumbered: unit\ntext: '1'\nabsent_text: yes\nfile: m.csv\nvector: [0, -5]\n"
              "absent_vector: [1, 2, 3]\nmatrix: m.csv\nintegers: [8]\ncovariance: [1, 2]\n"
              "covariances: [1, [2, 3]]\n");
  assert_string_equal(fsl_diagnostics_text(&f->d), "");
  assert_non_null(p);
  assert_true(p->real == 2 && p->absent_real == -1500 && p->integer == 9 && p->absent_integer == -3);
  assert_true(!p->boolean && p->choice == 0);
  assert_true(p->named.choice == -1 && p->named.value == 0.25 && p->numbered.choice == 1);
  assert_string_equal(p->text, "1");
  assert_string_equal(p->absent_text, "yes");
  assert_true(strncmp(p->file, f->folder, strlen(f->folder)) == 0 &&
              strcmp(p->file + strlen(f->folder), "/m.csv") == 0);
  assert_true(p->vector.data[1] == -5 && p->absent_vector.shape[0] == 3);
  assert_true(p->matrix.rank == 2 && p->matrix.shape[0] == 2 && p->matrix.data[3] == 1);
  assert_true(p->integers.n == 1 && p->integers.data[0] == 8);
  assert_true(p->covariance.value.rank == 1 && p->covariance.value.shape[0] == 2);
  assert_true(p->covariances.n == 2 && p->covariances.data[0].value.rank == 0);
  assert_true(p->covariances.data[1].value.rank == 1 && p->covariances.data[1].value.data[1] == 3);
}

static void booleans_have_the_six_spellings_of_yaml_1_2(void **state) {
  static const char *const texts[] = {"boolean: true",  "boolean: True",  "boolean: TRUE",
                                      "boolean: false", "boolean: False", "boolean: FALSE"};
  for (size_t i = 0; i < 6; i++) {
    const sample_params *const p = bind(*state, texts[i]);
    assert_non_null(p);
    assert_int_equal(p->boolean, i < 3);
  }
}

static void a_covariance_may_be_a_matrix(void **state) {
  const sample_params *const p =
      bind(*state, "covariance: [[2, 1], [1, 2]]\ncovariances: [[[1, 0], [0, 1]], 2, [3, 4]]");
  assert_non_null(p);
  assert_true(p->covariance.value.rank == 2 && p->covariance.value.data[2] == 1);
  assert_true(p->covariances.n == 3 && p->covariances.data[0].value.rank == 2);
}

static void ranges_hold_for_numbers_and_entries(void **state) {
  fixture *const f = *state;
  expect_error(f, "real: 0", "s:1:7: 'real' is 0, expected above 0 and at most 2\n");
  expect_error(f, "real: .inf", "s:1:7: 'real' must be finite\n");
  expect_error(f, "integer: 10", "s:1:10: 'integer' is 10, expected an integer from 1 to 9\n");
  expect_error(f, "numbered: 1.5", "s:1:11: 'numbered' is 1.5, expected at least 0 and at most 1\n");
  expect_error(f, "vector: [1, 6]", "s:1:13: 'vector' is 6, expected at least -5 and at most 5\n");
  expect_error(f, "matrix: [[1, 2], [3, -10]]", "s:1:22: 'matrix' is -10, expected at least -9 and at most 9\n");
  expect_error(f, "integers: [1, 9]", "s:1:15: 'integers' is 9, expected an integer from 0 to 8\n");
  write_matrix(f, "1,2\n3,10\n");
  expect_error(f, "matrix: m.csv", "s:1:9: 'matrix' is 10, expected at least -9 and at most 9\n");
}

static void shapes_unify_across_parameters(void **state) {
  fixture *const f = *state;
  expect_error(f, "vector: [1, 2, 3]", "s:1:1: 'matrix' has size 2 where 'vector' has 3 (both are d)\n");
  expect_error(f, "covariance: [1, 2, 3]", "s:1:13: 'covariance' has size 3 where 'vector' has 2 (both are d)\n");
  expect_error(f, "covariance: [[1, 0], [0, 1], [0, 0]]",
               "s:1:13: 'covariance' has size 3 where 'vector' has 2 (both are d)\n");
  expect_error(f, "covariances: [1, 2]", "s:1:14: 'covariances' has size 2 where 'matrix' has 3 (both are K)\n");
  expect_error(f, "covariances: [1, 2, [1, 2, 3]]",
               "s:1:14: 'covariances' has size 3 where 'vector' has 2 (both are d)\n");
}

static void a_check_names_the_place_of_its_parameter(void **state) {
  fixture *const f = *state;
  assert_non_null(bind(f, "text: seven"));
  expect_error(f, "text: seven\ninteger: 8", "s:2:10: sample, integer: is not seven\n");
}

static void wrong_types_are_told_apart(void **state) {
  fixture *const f = *state;
  expect_error(f, "boolean: yes", "s:1:10: 'boolean' is 'yes', expected true or false\n");
  expect_error(f, "real: '1'", "s:1:7: 'real' is '1', expected a real number\n");
  expect_error(f, "real: 1_000", "s:1:7: 'real' is '1_000', expected a real number\n");
  expect_error(f, "integer:", "s:1:9: 'integer' is nothing, expected an integer\n");
  expect_error(f, "text: {a: 1}", "s:1:7: 'text' is a mapping, expected a text\n");
  expect_error(f, "choice: [flat]", "s:1:9: 'choice' is a list; expected one of flat, unit\n");
  expect_error(f, "vector: []", "s:1:9: 'vector' is a list, expected a list of real numbers\n");
  expect_error(f, "matrix: [[]]", "s:1:9: 'matrix' is a list, expected a list of rows, each a list of real numbers\n");
  expect_error(f, "covariances: {a: 1}",
               "s:1:14: 'covariances' is a mapping, expected a number, or a list of "
               "covariances (each a number, a diagonal or a matrix)\n");
}

/* A default that does not bind would only show when somebody leaves the parameter out. */
#define EACH_PRESET(list)                                                                                              \
  for (size_t i = 0; fsl_standard_catalog.list[i] != NULL; i++) check_presets(f, &fsl_standard_catalog.list[i]->head)

static void check_presets(fixture *f, const fsl_kind *kind) {
  for (size_t i = 0; i < kind->n_params; i++) {
    const fsl_param *const param = &kind->params[i];
    if (param->preset == NULL) continue;
    const fsl_kind only = {.name = kind->name, .params = param, .n_params = 1, .params_size = kind->params_size};
    const void *params = NULL;
    assert_true(fsl_bind_kind(&f->b, NULL, (fsl_place){"s", 1, 1}, &only, NULL, &params));
  }
  assert_int_equal(f->d.n, 0);
}

static void every_default_of_the_catalog_binds(void **state) {
  fixture *const f = *state;
  EACH_PRESET(priors);
  EACH_PRESET(forward_models);
  EACH_PRESET(approximations);
  EACH_PRESET(samplers);
  EACH_PRESET(time_grids);
  EACH_PRESET(diffusions);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(defaults_go_through_the_same_code),
      TEST(every_type_is_read),
      TEST(a_covariance_may_be_a_matrix),
      TEST(booleans_have_the_six_spellings_of_yaml_1_2),
      TEST(ranges_hold_for_numbers_and_entries),
      TEST(shapes_unify_across_parameters),
      TEST(a_check_names_the_place_of_its_parameter),
      TEST(wrong_types_are_told_apart),
      TEST(every_default_of_the_catalog_binds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
