/* Kinds: look-up, identity of parameters and their printing, driven by a table with one parameter of every type. */
#include "fslens/kind.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct sample {
  double real;
  int64_t integer;
  bool boolean;
  int choice;
  fsl_choice_or_real mixed;
  const char *text, *file;
  fsl_array vector, matrix;
  fsl_integers integers;
  fsl_covariance_value covariance;
  fsl_covariance_list covariances;
} sample;

static const char *const choices[] = {"flat", "unit", NULL};

#define FIELD(label, kind_of)                                                                                          \
  { .name = #label, .type = kind_of, .offset = offsetof(sample, label), .choices = choices }

static const fsl_param forward[] = {
    FIELD(real, FSL_REAL),         FIELD(integer, FSL_INTEGER),       FIELD(boolean, FSL_BOOLEAN),
    FIELD(choice, FSL_CHOICE),     FIELD(mixed, FSL_CHOICE_OR_REAL),  FIELD(text, FSL_TEXT),
    FIELD(file, FSL_FILE),         FIELD(vector, FSL_VECTOR),         FIELD(matrix, FSL_MATRIX),
    FIELD(integers, FSL_INTEGERS), FIELD(covariance, FSL_COVARIANCE), FIELD(covariances, FSL_COVARIANCES),
};
static const fsl_kind kind = {.name = "sample", .version = 1, FSL_PARAMS(forward), .params_size = sizeof(sample)};

static const double numbers[12] = {0.1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const int64_t whole[3] = {1, 5, 9};

static fsl_array array_of(size_t rank, size_t first, size_t second) {
  return (fsl_array){.data = numbers, .rank = rank, .shape = {first, second}};
}

static sample example(void) {
  static const fsl_covariance_value one[1] = {{.value = {.data = numbers, .rank = 0}}};
  return (sample){.real = 0.3,
                  .integer = 7,
                  .boolean = true,
                  .choice = 1,
                  .mixed = {.choice = -1, .value = 2.5},
                  .text = "hello",
                  .vector = array_of(1, 3, 0),
                  .matrix = array_of(2, 2, 3),
                  .integers = {.data = whole, .n = 3},
                  .covariance = {array_of(0, 0, 0)},
                  .covariances = {.data = one, .n = 1}};
}

static int set_up(void **state) {
  fsl_ctx *const ctx = calloc(1, sizeof *ctx);
  ctx->arena = fsl_arena_create(0);
  ctx->team = &fsl_team_solo;
  *state = ctx;
  return 0;
}

static int tear_down(void **state) {
  fsl_arena_destroy(((fsl_ctx *)*state)->arena);
  free(*state);
  return 0;
}

static fsl_hash hash_of(fsl_ctx *ctx, const fsl_kind *of, const sample *params) {
  fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
  assert_int_equal(fsl_kind_hash(ctx, of, params, hasher), FSL_OK);
  return fsl_hash_value(hasher);
}

static bool same(fsl_hash a, fsl_hash b) {
  return fsl_hash_compare(a, b) == 0;
}

static void parameters_are_found_by_name(void **state) {
  (void)state;
  assert_ptr_equal(fsl_kind_param(&kind, "matrix"), &forward[8]);
  assert_null(fsl_kind_param(&kind, "matrices"));
}

static void every_type_has_a_name_of_its_own(void **state) {
  (void)state;
  for (int i = FSL_REAL; i <= FSL_COVARIANCES; i++)
    for (int j = FSL_REAL; j < i; j++) assert_string_not_equal(fsl_type_name((fsl_type)i), fsl_type_name((fsl_type)j));
}

static void identity_does_not_depend_on_the_order_of_the_table(void **state) {
  enum { COUNT = sizeof forward / sizeof *forward };
  fsl_param backward[COUNT];
  for (size_t i = 0; i < COUNT; i++) backward[i] = forward[COUNT - 1 - i];
  fsl_kind other = kind;
  other.params = backward;
  const sample params = example();
  assert_true(same(hash_of(*state, &kind, &params), hash_of(*state, &other, &params)));
}

static void identity_depends_on_name_version_and_every_parameter(void **state) {
  enum { COUNT = 17 };
  static const fsl_covariance_value two[2] = {{.value = {.data = numbers, .rank = 0}},
                                              {.value = {.data = numbers + 1, .rank = 0}}};
  sample params[COUNT];
  fsl_hash hash[COUNT + 2];
  for (size_t i = 0; i < COUNT; i++) params[i] = example();
  params[1].real = nextafter(0.3, 1);
  params[2].integer = 8;
  params[3].boolean = false;
  params[4].choice = 0;
  params[5].mixed.value = 2.6;
  params[6].mixed = (fsl_choice_or_real){.choice = 0};
  params[7].text = "hellp";
  params[8].text = NULL;
  params[9].text = "";
  params[10].vector = array_of(1, 4, 0);
  params[11].matrix = array_of(2, 3, 2);
  params[12].integers.n = 2;
  params[13].covariance.value.data = numbers + 1;
  params[14].covariances = (fsl_covariance_list){.data = two, .n = 2};
  params[15].vector = (fsl_array){.data = NULL};
  params[16].mixed = (fsl_choice_or_real){.choice = 1};
  for (size_t i = 0; i < COUNT; i++) hash[i] = hash_of(*state, &kind, &params[i]);
  fsl_kind newer = kind, renamed = kind;
  newer.version = 2;
  renamed.name = "sampler";
  hash[COUNT] = hash_of(*state, &newer, &params[0]);
  hash[COUNT + 1] = hash_of(*state, &renamed, &params[0]);
  for (size_t i = 0; i < COUNT + 2; i++)
    for (size_t j = 0; j < i; j++) assert_false(same(hash[i], hash[j]));
}

static void a_choice_ignores_the_number_beside_it(void **state) {
  sample a = example(), b = example();
  a.mixed = (fsl_choice_or_real){.choice = 1, .value = 3};
  b.mixed = (fsl_choice_or_real){.choice = 1, .value = NAN};
  assert_true(same(hash_of(*state, &kind, &a), hash_of(*state, &kind, &b)));
}

/* What a file holds is hashed by whoever reads it: neither its path nor its bytes are looked at here. */
static void files_and_what_stands_outside_leave_the_identity_alone(void **state) {
  sample a = example(), b = example();
  fsl_param table[sizeof forward / sizeof *forward];
  memcpy(table, forward, sizeof forward);
  fsl_kind other = kind;
  other.params = table;
  a.file = "/nowhere/at/all";
  b.file = "/nowhere/else";
  assert_true(same(hash_of(*state, &kind, &a), hash_of(*state, &kind, &b)));
  b.text = "another";
  assert_false(same(hash_of(*state, &other, &a), hash_of(*state, &other, &b)));
  table[5].outside_identity = true;
  assert_true(same(hash_of(*state, &other, &a), hash_of(*state, &other, &b)));
}

static const char *print(fsl_ctx *ctx, const char *name, const sample *params) {
  const char *text = NULL;
  assert_int_equal(fsl_param_print(ctx, fsl_kind_param(&kind, name), params, &text), FSL_OK);
  return text;
}

static void values_print_as_short_yaml(void **state) {
  sample p = example();
  assert_string_equal(print(*state, "real", &p), "0.3");
  assert_string_equal(print(*state, "integer", &p), "7");
  assert_string_equal(print(*state, "boolean", &p), "true");
  assert_string_equal(print(*state, "choice", &p), "unit");
  assert_string_equal(print(*state, "mixed", &p), "2.5");
  assert_string_equal(print(*state, "text", &p), "hello");
  assert_string_equal(print(*state, "vector", &p), "[0.1, 2, 3]");
  assert_string_equal(print(*state, "matrix", &p), "(2, 3)");
  assert_string_equal(print(*state, "integers", &p), "[1, 5, 9]");
  assert_string_equal(print(*state, "covariance", &p), "0.1");
  assert_string_equal(print(*state, "covariances", &p), "0.1");
  p.vector = array_of(1, 12, 0);
  p.mixed.choice = 0;
  p.real = -INFINITY;
  assert_string_equal(print(*state, "vector", &p), "(12)");
  assert_string_equal(print(*state, "mixed", &p), "flat");
  assert_string_equal(print(*state, "real", &p), "-.inf");
}

static void absent_values_print_as_none(void **state) {
  const sample absent = {.real = NAN, .integer = INT64_MIN};
  static const char *const names[] = {"real",   "integer",  "text",       "file",       "vector",
                                      "matrix", "integers", "covariance", "covariances"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    assert_string_equal(print(*state, names[i], &absent), "none");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parameters_are_found_by_name),
      cmocka_unit_test(every_type_has_a_name_of_its_own),
      cmocka_unit_test(identity_does_not_depend_on_the_order_of_the_table),
      cmocka_unit_test(identity_depends_on_name_version_and_every_parameter),
      cmocka_unit_test(a_choice_ignores_the_number_beside_it),
      cmocka_unit_test(files_and_what_stands_outside_leave_the_identity_alone),
      cmocka_unit_test(values_print_as_short_yaml),
      cmocka_unit_test(absent_values_print_as_none),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
