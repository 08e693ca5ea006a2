/* A run is never silent for long: a thread says what it is at while nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "runner/speaker.h"

static const double pace = 0.02;

static void sleep_until_written(FILE *out, long beyond) {
  const struct timespec a_little = {0, 2000000};
  for (int i = 0; i < 5000 && ftell(out) <= beyond; i++) nanosleep(&a_little, NULL);
}

static void read_all(FILE *out, char *text, size_t size) {
  rewind(out);
  const size_t n = fread(text, 1, size - 1, out);
  text[n] = '\0';
}

static void a_long_phase_is_said_again_and_again(void **unused) {
  (void)unused;
  char text[4096];
  FILE *const out = tmpfile();
  fsl_speaker *const s = fsl_speaker_create(FSL_PROGRESS_PLAIN, out, pace);
  assert_non_null(s);
  fsl_speaker_phase(s, "reading the spec");
  sleep_until_written(out, 0);
  const long once = ftell(out);
  sleep_until_written(out, once);
  fsl_speaker_destroy(s);
  assert_true(ftell(out) > once && once > 0);
  read_all(out, text, sizeof text);
  assert_true(strncmp(text, "reading the spec: 0 s\nreading the spec: ", 40) == 0);
  fclose(out);
}

static void a_long_job_is_no_silence(void **unused) {
  (void)unused;
  char text[4096];
  FILE *const out = tmpfile();
  fsl_speaker *const s = fsl_speaker_create(FSL_PROGRESS_PLAIN, out, pace);
  const fsl_progress_counts counts = {.done = 1, .total = 3, .cost_done = 1, .cost_total = 2, .seconds = 600};
  assert_non_null(s);
  fsl_speaker_show(s, &counts, false);
  sleep_until_written(out, 0);
  const long once = ftell(out);
  sleep_until_written(out, once);
  fsl_speaker_show(s, &counts, true);
  fsl_speaker_destroy(s);
  assert_true(once > 0 && ftell(out) > 2 * once);
  read_all(out, text, sizeof text);
  assert_true(strncmp(text, "1 of 3 jobs done, 0 failed; 10 min passed, 10 min left\n", 55) == 0);
  fclose(out);
}

static void nothing_is_said_of_what_is_over(void **unused) {
  (void)unused;
  const struct timespec a_while = {0, 200000000};
  FILE *const out = tmpfile();
  fsl_speaker *const s = fsl_speaker_create(FSL_PROGRESS_PLAIN, out, pace);
  assert_non_null(s);
  fsl_speaker_phase(s, NULL);
  nanosleep(&a_while, NULL);
  assert_int_equal(ftell(out), 0);
  fsl_speaker_destroy(s);
  fclose(out);
}

static void a_line_of_its_own_clears_the_bar(void **unused) {
  (void)unused;
  char text[4096];
  FILE *const out = tmpfile();
  fsl_speaker *const s = fsl_speaker_create(FSL_PROGRESS_BAR, out, 1000);
  const fsl_progress_counts counts = {.done = 3, .total = 3, .seconds = 1};
  assert_non_null(s);
  fsl_speaker_say(s, out, "warning: ", "first");
  fsl_speaker_show(s, &counts, true);
  fsl_speaker_say(s, out, "", "next");
  fsl_speaker_destroy(s);
  read_all(out, text, sizeof text);
  assert_string_equal(text,
                      "fslens: warning: first\n\r\033[K[##############################] 3 of 3 jobs done, 0 failed; "
                      "1 s passed, 0 s left\nfslens: next\n");
  fclose(out);
}

static void a_run_that_says_nothing_has_no_speaker(void **unused) {
  (void)unused;
  const fsl_progress_counts counts = {0};
  fsl_speaker *const s = fsl_speaker_create(FSL_PROGRESS_NONE, stderr, 1);
  assert_null(s);
  fsl_speaker_phase(s, "reading");
  fsl_speaker_show(s, &counts, true);
  fsl_speaker_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_long_phase_is_said_again_and_again),   cmocka_unit_test(a_long_job_is_no_silence),
      cmocka_unit_test(nothing_is_said_of_what_is_over),        cmocka_unit_test(a_line_of_its_own_clears_the_bar),
      cmocka_unit_test(a_run_that_says_nothing_has_no_speaker),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
