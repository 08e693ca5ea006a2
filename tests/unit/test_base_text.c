/* Strings: the buffer, the nearest name, and numbers that read back as they were written. */
#include "base/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state) {
  *state = fsl_arena_create(0);
  return *state == NULL;
}

static int tear_down(void **state) {
  fsl_arena_destroy(*state);
  return 0;
}

static void a_text_grows_and_stays_terminated(void **state) {
  fsl_text text;
  fsl_text_start(&text, *state);
  assert_string_equal(text.data, "");
  for (int i = 0; i < 5000; i++) fsl_text_add(&text, "%d,", i % 10);
  assert_false(text.failed);
  assert_true(text.length == 10000 && strlen(text.data) == 10000);
  for (size_t i = 0; i < 5000; i++) assert_true(text.data[2 * i] == (char)('0' + i % 10));
}

static void a_text_without_memory_fails_once_and_stays_readable(void **state) {
  (void)state;
  fsl_arena *const small = fsl_arena_create(512);
  fsl_text text, none;
  fsl_text_start(&text, small);
  for (int i = 0; i < 100; i++) fsl_text_add(&text, "0123456789");
  assert_true(text.failed && strlen(text.data) == text.length);
  fsl_text_start(&none, small);
  fsl_text_start(&none, small);
  fsl_text_add(&none, "x");
  assert_true(none.failed);
  assert_string_equal(none.data, "");
  fsl_arena_destroy(small);
}

static void copies_and_formats_are_new_texts(void **state) {
  const char *const old = "prior";
  const char *const copy = fsl_text_copy(*state, old);
  assert_true(copy != old);
  assert_string_equal(copy, "prior");
  assert_string_equal(fsl_text_format(*state, "%s-%zu", "gmm", (size_t)3), "gmm-3");
}

static void the_nearest_name_is_a_likely_slip(void **state) {
  (void)state;
  static const char *const names[] = {"sigma-dps", "zeta-dps", "dps", "pigdm", "tmpd", "moment-matched"};
  enum { COUNT = sizeof names / sizeof *names };
  assert_string_equal(fsl_nearest("sigma_dps", COUNT, names), "sigma-dps"); /* substitution */
  assert_string_equal(fsl_nearest("pigmd", COUNT, names), "pigdm");         /* neighbours swapped */
  assert_string_equal(fsl_nearest("PIGDM", COUNT, names), "pigdm");         /* case */
  assert_string_equal(fsl_nearest("tmp", COUNT, names), "tmpd");            /* deletion */
  assert_string_equal(fsl_nearest("ddps", COUNT, names), "dps");            /* insertion */
  assert_string_equal(fsl_nearest("moment-match", COUNT, names), "moment-matched");
  assert_null(fsl_nearest("gaussian", COUNT, names));
  assert_null(fsl_nearest("", COUNT, names));
  assert_null(fsl_nearest("dps", 0, names));
  char longest[200];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  assert_null(fsl_nearest(longest, COUNT, names));
}

static void a_swap_costs_one_edit(void **state) {
  (void)state;
  static const char *const three[] = {"abc"}, *const six[] = {"abcdef"};
  assert_non_null(fsl_nearest("acb", 1, three)); /* 1 edit of 3; without swaps 2, above a third */
  assert_null(fsl_nearest("cba", 1, three));
  assert_non_null(fsl_nearest("abdcfe", 1, six)); /* two swaps, a third of six */
  assert_null(fsl_nearest("badcfe", 1, six));
}

static void reals_are_read_as_yaml_core_writes_them(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } good[] = {{"0", 0},    {"-1.5", -1.5}, {"+2", 2},          {"1e-1", 0.1},        {"1E3", 1000},
              {".5", 0.5}, {"3.", 3},      {".inf", INFINITY}, {"-.inf", -INFINITY}, {"+.Inf", INFINITY},
              {"007", 7},  {"1e+2", 100},  {"-0", 0},          {"4.9e-324", 5e-324}, {"1e-999", 0}};
  static const char *const bad[] = {"",    " 1",  "1 ",  "inf",   "nan", "0x10",  "1e",  "e5",       ".",
                                    "1_0", "1,5", "--1", "1.2.3", "+",   "1e1.5", "1d3", "infinity", "1e999"};
  double value;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_true(fsl_parse_real(good[i].text, &value));
    assert_true(value == good[i].value);
  }
  assert_true(fsl_parse_real(".nan", &value) && isnan(value));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(fsl_parse_real(bad[i], &value));
}

static void integers_are_read_as_yaml_core_writes_them(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t value;
  } good[] = {{"0", 0},
              {"-17", -17},
              {"+4", 4},
              {"0o17", 15},
              {"0x1F", 31},
              {"0010", 10},
              {"9223372036854775807", INT64_MAX},
              {"-9223372036854775808", INT64_MIN}};
  static const char *const bad[] = {"",   "1.0", "1e3", "0o8", "0xg", "-0x1", "0x", "9223372036854775808",
                                    " 1", "1 ",  "-",   "0x-1"};
  int64_t value;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_true(fsl_parse_integer(good[i].text, &value));
    assert_true(value == good[i].value);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(fsl_parse_integer(bad[i], &value));
}

static void printed_reals_are_short_and_read_back_the_same(void **state) {
  (void)state;
  char text[32];
  fsl_print_real(0.1, text);
  assert_string_equal(text, "0.1");
  fsl_print_real(1e-5, text);
  assert_string_equal(text, "1e-05");
  fsl_print_real(64, text);
  assert_string_equal(text, "64");
  fsl_print_real(10, text);
  assert_string_equal(text, "10");
  fsl_print_real(-65536, text);
  assert_string_equal(text, "-65536");
  fsl_print_real(1e20, text);
  assert_string_equal(text, "1e+20");
  fsl_print_real(INFINITY, text);
  assert_string_equal(text, "inf");
  double u[2000];
  fsl_uniforms((fsl_key){{8, 8}}, 0, 0, 2000, u);
  for (size_t i = 0; i + 1 < 2000; i += 2) {
    const double value = ldexp(u[i] - 0.5, (int)(2000 * u[i + 1]) - 1000);
    double back;
    fsl_print_real(value, text);
    assert_true(fsl_parse_real(text, &back));
    assert_memory_equal(&back, &value, sizeof value);
  }
}

static void a_word_is_what_a_shell_takes_for_one(void **state) {
  static const char *const words[][2] = {{"grid.n_train=64", "grid.n_train=64"},
                                         {"/a/b-c_d.h5", "/a/b-c_d.h5"},
                                         {"", "''"},
                                         {"a b", "'a b'"},
                                         {"x=[1,2]", "'x=[1,2]'"},
                                         {"it's", "'it'\\''s'"},
                                         {"$(rm)", "'$(rm)'"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    fsl_text text;
    fsl_text_start(&text, *state);
    fsl_text_add_word(&text, words[i][0]);
    assert_string_equal(fsl_text_end(&text), words[i][1]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_grows_and_stays_terminated),
      cmocka_unit_test(a_text_without_memory_fails_once_and_stays_readable),
      cmocka_unit_test(copies_and_formats_are_new_texts),
      cmocka_unit_test(a_word_is_what_a_shell_takes_for_one),
      cmocka_unit_test(the_nearest_name_is_a_likely_slip),
      cmocka_unit_test(a_swap_costs_one_edit),
      cmocka_unit_test(reals_are_read_as_yaml_core_writes_them),
      cmocka_unit_test(integers_are_read_as_yaml_core_writes_them),
      cmocka_unit_test(printed_reals_are_short_and_read_back_the_same),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
