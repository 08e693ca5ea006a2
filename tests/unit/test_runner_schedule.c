/* Which workers compute the next job, and what progress lines say: pure functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/progress.h"
#include "runner/schedule.h"

#include <string.h>

static void blocks_are_aligned_powers_of_two(void **state) {
  (void)state;
  bool busy[7] = {false};
  fsl_schedule s = {.n_workers = 7, .busy = busy, .forced = 2};
  int seen = 0;
  for (fsl_block block; (block = fsl_schedule_next(&s, 1, 1, 64)).level >= 0; seen++) {
    assert_int_equal(block.level, 1);
    assert_int_equal(block.first % 2, 0);
    fsl_schedule_set(&s, block, true);
  }
  assert_int_equal(seen, 3); /* 0-1, 2-3, 4-5; the seventh worker is in no pair */
  assert_false(busy[6]);
}

static void a_forced_group_is_clipped_to_what_the_job_fills(void **state) {
  (void)state;
  bool busy[8] = {false};
  const fsl_schedule s = {.n_workers = 8, .busy = busy, .forced = 4};
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 2).level, 1);
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 1).level, 0);
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 64).level, 2);
}

static void a_group_never_exceeds_the_workers(void **state) {
  (void)state;
  assert_int_equal(fsl_schedule_level(7, 64), 2);
  assert_int_equal(fsl_schedule_level(1, 64), 0);
  assert_int_equal(fsl_schedule_level(8, 8), 3);
}

static void the_last_long_job_is_shared_and_small_ones_are_not(void **state) {
  (void)state;
  bool busy[4] = {false};
  const fsl_schedule alone = {.n_workers = 4, .busy = busy, .pending_seconds = 100};
  assert_int_equal(fsl_schedule_next(&alone, 100, 1, 64).level, 2);
  const fsl_schedule many = {.n_workers = 4, .busy = busy, .pending_seconds = 1000};
  assert_int_equal(fsl_schedule_next(&many, 1, 1, 64).level, 0);
  const fsl_schedule tiny = {.n_workers = 4, .busy = busy, .pending_seconds = 0.01};
  assert_int_equal(fsl_schedule_next(&tiny, 0.01, 1, 64).level, 0);
}

static void a_job_takes_what_is_free_rather_than_wait(void **state) {
  (void)state;
  bool busy[4] = {false, true, false, false};
  const fsl_schedule s = {.n_workers = 4, .busy = busy, .pending_seconds = 100};
  const fsl_block block = fsl_schedule_next(&s, 100, 1, 64);
  assert_int_equal(block.level, 1);
  assert_int_equal(block.first, 2);
  memset(busy, true, sizeof busy);
  assert_int_equal(fsl_schedule_next(&s, 100, 1, 64).level, -1);
}

/* It would not fit into their memory. */
static void a_job_gets_no_fewer_ranks_than_it_needs(void **state) {
  (void)state;
  bool busy[8] = {false};
  const fsl_schedule s = {.n_workers = 8, .busy = busy, .pending_seconds = 1e6};
  assert_int_equal(fsl_schedule_next(&s, 1e-3, 1, 64).level, 0);
  for (int level = 0; level <= 3; level++)
    assert_int_equal(fsl_schedule_next(&s, 1e-3, (size_t)1 << level, 64).level, level);
  assert_int_equal(fsl_schedule_next(&s, 1e-3, 2, 2).level, 1);
}

static void a_job_waits_for_the_ranks_it_needs(void **state) {
  (void)state;
  bool busy[8] = {false, false, true, false, false, false, false, true};
  const fsl_schedule s = {.n_workers = 8, .busy = busy, .pending_seconds = 1e6};
  assert_int_equal(fsl_schedule_next(&s, 1, 4, 64).level, -1); /* 0-1, 4-5 and 3, 6 are free */
  const fsl_block pair = fsl_schedule_next(&s, 1, 2, 64);
  assert_true(pair.first == 0 && pair.level == 1);
  busy[7] = false;
  const fsl_block four = fsl_schedule_next(&s, 1, 4, 64);
  assert_true(four.first == 4 && four.level == 2);
}

/* One that would like more takes what is free, down to what it needs. */
static void a_long_job_shrinks_to_what_it_needs(void **state) {
  (void)state;
  bool busy[8] = {false, false, false, false, true};
  const fsl_schedule s = {.n_workers = 8, .busy = busy, .pending_seconds = 100};
  assert_int_equal(fsl_schedule_next(&s, 100, 2, 64).level, 2);
  busy[0] = true;
  assert_int_equal(fsl_schedule_next(&s, 100, 2, 64).level, 1);
  busy[2] = busy[6] = true;
  assert_int_equal(fsl_schedule_next(&s, 100, 2, 64).level, -1);
}

static void a_forced_group_is_raised_to_what_the_job_needs(void **state) {
  (void)state;
  bool busy[8] = {false};
  const fsl_schedule s = {.n_workers = 8, .busy = busy, .forced = 1};
  assert_int_equal(fsl_schedule_next(&s, 1, 4, 64).level, 2);
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 64).level, 0);
}

static void a_progress_line_counts_and_estimates(void **state) {
  (void)state;
  char text[256];
  const fsl_progress_counts counts = {
      .done = 30, .failed = 2, .total = 64, .resumed = 0, .seconds = 16, .cost_done = 5, .cost_total = 10};
  fsl_progress_line(&counts, false, text, sizeof text);
  assert_string_equal(text, "30 of 64 jobs done, 2 failed, 2 jobs/s, 16 s left");
  fsl_progress_line(&counts, true, text, sizeof text);
  assert_non_null(strstr(text, "[###############...............] 30 of 64"));
}

static void a_finished_campaign_has_nothing_left(void **state) {
  (void)state;
  char text[256];
  const fsl_progress_counts counts = {.done = 64, .total = 64, .resumed = 64, .seconds = 1};
  fsl_progress_line(&counts, false, text, sizeof text);
  assert_string_equal(text, "64 of 64 jobs done, 0 failed, 0 jobs/s, 0 s left");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_are_aligned_powers_of_two),
      cmocka_unit_test(a_forced_group_is_clipped_to_what_the_job_fills),
      cmocka_unit_test(a_group_never_exceeds_the_workers),
      cmocka_unit_test(the_last_long_job_is_shared_and_small_ones_are_not),
      cmocka_unit_test(a_job_takes_what_is_free_rather_than_wait),
      cmocka_unit_test(a_job_gets_no_fewer_ranks_than_it_needs),
      cmocka_unit_test(a_job_waits_for_the_ranks_it_needs),
      cmocka_unit_test(a_long_job_shrinks_to_what_it_needs),
      cmocka_unit_test(a_forced_group_is_raised_to_what_the_job_needs),
      cmocka_unit_test(a_progress_line_counts_and_estimates),
      cmocka_unit_test(a_finished_campaign_has_nothing_left),
  };
  return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
