/* Reasons are counted, and numbers in them make no new one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/tally.h"

static void equal_reasons_count_as_one_with_the_first_place(void **unused) {
  (void)unused;
  fsl_tally t = {0};
  assert_true(fsl_tally_add(&t, "the evidence vanishes", "job a"));
  assert_false(fsl_tally_add(&t, "the evidence vanishes", "job b"));
  assert_true(fsl_tally_add(&t, "the evidence", "job c"));
  assert_true(fsl_tally_add(&t, "the evidence vanishes here", "job d"));
  assert_int_equal(t.n, 3);
  assert_int_equal(t.reason[0].count, 2);
  assert_string_equal(t.reason[0].where, "job a");
  assert_int_equal(t.reason[1].count, 1);
}

static void numbers_make_no_new_reason(void **unused) {
  (void)unused;
  fsl_tally t = {0};
  assert_true(fsl_tally_add(&t, "it needs 1.25 GB on each of 2 ranks", "a"));
  assert_false(fsl_tally_add(&t, "it needs 13 GB on each of 16 ranks", "b"));
  assert_true(fsl_tally_add(&t, "it needs x GB on each of 16 ranks", "c"));
  assert_false(fsl_tally_add(&t, "it needs x GB on each of 1 ranks", "d"));
  assert_int_equal(t.n, 2);
}

static void long_texts_and_many_reasons_are_cut(void **unused) {
  (void)unused;
  fsl_tally t = {0};
  char text[600];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_true(fsl_tally_add(&t, text, text));
  assert_false(fsl_tally_add(&t, text, text));
  for (char c = 'a'; c < 'a' + 20; c++) {
    const char one[] = {c, '\0'};
    fsl_tally_add(&t, one, "");
  }
  assert_int_equal(t.n, FSL_MOST_TALLIED);
  assert_int_equal(t.others, 21 - FSL_MOST_TALLIED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_reasons_count_as_one_with_the_first_place),
      cmocka_unit_test(numbers_make_no_new_reason),
      cmocka_unit_test(long_texts_and_many_reasons_are_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
