/* Which workers compute the next job, what travels together, and what progress lines say: pure functions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/progress.h"
#include "runner/records.h"
#include "runner/schedule.h"

#include <string.h>

static void blocks_are_aligned_powers_of_two(void **state) {
  (void)state;
  bool busy[7] = {false};
  fsl_schedule s = {.n_workers = 7, .busy = busy, .forced = 2};
  int seen = 0;
  for (fsl_block block; (block = fsl_schedule_next(&s, 1, 1, 64, NULL)).level >= 0; seen++) {
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
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 2, NULL).level, 1);
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 1, NULL).level, 0);
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 64, NULL).level, 2);
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
  assert_int_equal(fsl_schedule_next(&alone, 100, 1, 64, NULL).level, 2);
  const fsl_schedule many = {.n_workers = 4, .busy = busy, .pending_seconds = 1000};
  assert_int_equal(fsl_schedule_next(&many, 1, 1, 64, NULL).level, 0);
  const fsl_schedule tiny = {.n_workers = 4, .busy = busy, .pending_seconds = 0.01};
  assert_int_equal(fsl_schedule_next(&tiny, 0.01, 1, 64, NULL).level, 0);
}

static void a_job_takes_what_is_free_rather_than_wait(void **state) {
  (void)state;
  bool busy[4] = {false, true, false, false};
  const fsl_schedule s = {.n_workers = 4, .busy = busy, .pending_seconds = 100};
  const fsl_block block = fsl_schedule_next(&s, 100, 1, 64, NULL);
  assert_int_equal(block.level, 1);
  assert_int_equal(block.first, 2);
  memset(busy, true, sizeof busy);
  assert_int_equal(fsl_schedule_next(&s, 100, 1, 64, NULL).level, -1);
}

/* It would not fit into their memory. */
static void a_job_gets_no_fewer_ranks_than_it_needs(void **state) {
  (void)state;
  bool busy[8] = {false};
  const fsl_schedule s = {.n_workers = 8, .busy = busy, .pending_seconds = 1e6};
  assert_int_equal(fsl_schedule_next(&s, 1e-3, 1, 64, NULL).level, 0);
  for (int level = 0; level <= 3; level++)
    assert_int_equal(fsl_schedule_next(&s, 1e-3, (size_t)1 << level, 64, NULL).level, level);
  assert_int_equal(fsl_schedule_next(&s, 1e-3, 2, 2, NULL).level, 1);
}

static void a_job_waits_for_the_ranks_it_needs(void **state) {
  (void)state;
  bool busy[8] = {false, false, true, false, false, false, false, true};
  const fsl_schedule s = {.n_workers = 8, .busy = busy, .pending_seconds = 1e6};
  assert_int_equal(fsl_schedule_next(&s, 1, 4, 64, NULL).level, -1); /* 0-1, 4-5 and 3, 6 are free */
  const fsl_block pair = fsl_schedule_next(&s, 1, 2, 64, NULL);
  assert_true(pair.first == 0 && pair.level == 1);
  busy[7] = false;
  const fsl_block four = fsl_schedule_next(&s, 1, 4, 64, NULL);
  assert_true(four.first == 4 && four.level == 2);
}

/* One that would like more takes what is free, down to what it needs. */
static void a_long_job_shrinks_to_what_it_needs(void **state) {
  (void)state;
  bool busy[8] = {false, false, false, false, true};
  const fsl_schedule s = {.n_workers = 8, .busy = busy, .pending_seconds = 100};
  assert_int_equal(fsl_schedule_next(&s, 100, 2, 64, NULL).level, 2);
  busy[0] = true;
  assert_int_equal(fsl_schedule_next(&s, 100, 2, 64, NULL).level, 1);
  busy[2] = busy[6] = true;
  assert_int_equal(fsl_schedule_next(&s, 100, 2, 64, NULL).level, -1);
}

static void a_forced_group_is_raised_to_what_the_job_needs(void **state) {
  (void)state;
  bool busy[8] = {false};
  const fsl_schedule s = {.n_workers = 8, .busy = busy, .forced = 1};
  assert_int_equal(fsl_schedule_next(&s, 1, 4, 64, NULL).level, 2);
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 64, NULL).level, 0);
}

/* ---- what is expected of busy workers ------------------------------------------------------------------------------
 */

/* Four workers; the last three are free at 10, 10 and 40 s. */
typedef struct room {
  bool busy[4];
  double since[4], until[4];
  fsl_schedule schedule;
} room;

static void set_room(room *r, double pending_seconds) {
  *r = (room){.busy = {false, true, true, true}, .until = {0, 10, 10, 40}};
  r->schedule = (fsl_schedule){
      .n_workers = 4, .busy = r->busy, .since = r->since, .until = r->until, .pending_seconds = pending_seconds};
}

static void the_last_long_job_waits_where_more_ranks_pay(void **state) {
  (void)state;
  room r;
  fsl_block wait;
  set_room(&r, 1000);
  assert_int_equal(fsl_schedule_next(&r.schedule, 1000, 1, 2, &wait).level, -1);
  assert_true(wait.level == 1 && wait.first == 0);                            /* 10 + 500 s, not 1000 */
  assert_int_equal(fsl_schedule_next(&r.schedule, 15, 1, 2, &wait).level, 0); /* 15 s, not 10 + 7.5 */
  set_room(&r, 1e6);
  assert_int_equal(fsl_schedule_next(&r.schedule, 1000, 1, 2, &wait).level, 0); /* one of many */
}

static void small_jobs_fill_the_ranks_that_a_large_one_does_not_wait_for(void **state) {
  (void)state;
  room r;
  fsl_block wait;
  set_room(&r, 1e6);
  r.busy[2] = r.busy[3] = false;
  assert_int_equal(fsl_schedule_next(&r.schedule, 100, 4, 4, &wait).level, -1);
  assert_int_equal(wait.level, 2);
  r.busy[3] = true;
  assert_int_equal(fsl_schedule_next(&r.schedule, 100, 2, 2, &wait).level, -1);
  assert_true(wait.level == 1 && wait.first == 0); /* free at 10 s, the other pair at 40 */
  fsl_schedule_reserve(&r.schedule, wait);
  const fsl_block small = fsl_schedule_next(&r.schedule, 1000, 1, 1, NULL);
  assert_true(small.level == 0 && small.first == 2);
}

static void a_stream_of_small_jobs_does_not_hold_up_a_large_one(void **state) {
  (void)state;
  room r;
  fsl_block wait;
  set_room(&r, 1e6);
  assert_int_equal(fsl_schedule_next(&r.schedule, 100, 2, 2, &wait).level, -1);
  fsl_schedule_reserve(&r.schedule, wait);
  assert_int_equal(fsl_schedule_next(&r.schedule, 11, 1, 1, NULL).level, -1); /* would end behind the wait's end */
  assert_int_equal(fsl_schedule_next(&r.schedule, 9, 1, 1, NULL).first, 0);   /* ends before */
}

/* Of workers that are all busy the one that is free first is waited for, wherever it is. */
static void a_job_of_one_rank_waits_for_the_first_that_is_free(void **state) {
  (void)state;
  bool busy[4] = {true, true, true, true};
  const double since[4] = {0};
  for (int first = 0; first < 4; first++) {
    double until[] = {40, 40, 40, 40};
    until[first] = 10;
    const fsl_schedule s = {
        .n_workers = 4, .busy = busy, .since = since, .until = until, .now = 5, .pending_seconds = 1e6};
    fsl_block wait;
    assert_int_equal(fsl_schedule_next(&s, 1, 1, 1, &wait).level, -1);
    assert_true(wait.level == 0 && wait.first == first);
  }
}

/* What should have ended long ago may take long yet: the ranks beside it do not stay empty for it. */
static void an_overdue_job_is_expected_to_go_on(void **state) {
  (void)state;
  room r;
  fsl_block wait;
  set_room(&r, 1e6);
  r.schedule.now = 400;
  assert_int_equal(fsl_schedule_next(&r.schedule, 100, 2, 2, &wait).level, -1);
  fsl_schedule_reserve(&r.schedule, wait);
  assert_int_equal(fsl_schedule_next(&r.schedule, 99, 1, 1, NULL).level, 0);
}

static void batches_shrink_towards_the_end(void **state) {
  (void)state;
  room r;
  set_room(&r, 1e6);
  const double most = fsl_schedule_batch(&r.schedule);
  assert_true(most > 0 && most < 0.02);
  r.schedule.pending_seconds = most;
  assert_true(fsl_schedule_batch(&r.schedule) <= most / 4);
}

/* ---- what travels together ------------------------------------------------------------------------------------------
 */

static void records_come_out_as_they_went_in(void **state) {
  (void)state;
  static fsl_records r;
  uint8_t bytes[2000];
  size_t n = 0, at = 0, size = 0;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(7 * i);
  while (fsl_records_add(&r, bytes + n, n * 100)) n++;
  assert_int_equal(n, 9);
  assert_true(r.n == n && r.size <= FSL_RECORDS_BYTES);
  for (size_t i = 0; i < n; i++) {
    const uint8_t *const got = fsl_records_next(&r, &at, &size);
    assert_non_null(got);
    assert_int_equal(size, i * 100);
    assert_memory_equal(got, bytes + i, size);
  }
  assert_null(fsl_records_next(&r, &at, &size));
}

static void a_record_that_has_no_room_leaves_the_others_alone(void **state) {
  (void)state;
  static fsl_records r;
  static uint8_t bytes[FSL_RECORDS_BYTES];
  assert_true(fsl_records_add(&r, bytes, 1));
  const size_t before = r.size;
  assert_false(fsl_records_add(&r, bytes, sizeof bytes));
  assert_false(fsl_records_add(&r, bytes, SIZE_MAX));
  assert_true(r.size == before && r.n == 1);
}

static void what_is_no_record_is_not_read(void **state) {
  (void)state;
  fsl_records r = {.size = 12};
  size_t at = 0, size = 0;
  memset(r.bytes, 0xff, 8);
  assert_null(fsl_records_next(&r, &at, &size));
  r.size = 7;
  assert_null(fsl_records_next(&r, &at, &size));
}

static void a_progress_line_counts_and_estimates(void **state) {
  (void)state;
  char text[256];
  const fsl_progress_counts counts = {
      .done = 30, .failed = 2, .total = 64, .resumed = 0, .seconds = 16, .cost_done = 5, .cost_total = 10};
  fsl_progress_line(&counts, false, text, sizeof text);
  assert_string_equal(text, "30 of 64 jobs done, 2 failed; 16 s passed, 16 s left");
  fsl_progress_line(&counts, true, text, sizeof text);
  assert_non_null(strstr(text, "[###############...............] 30 of 64"));
}

static void before_the_first_job_the_estimate_counts(void **state) {
  (void)state;
  char text[256];
  fsl_progress_counts counts = {.total = 4, .seconds = 60, .cost_total = 10, .expected = 360};
  fsl_progress_line(&counts, false, text, sizeof text);
  assert_string_equal(text, "0 of 4 jobs done, 0 failed; 60 s passed, 5 min left");
  counts.seconds = 400;
  fsl_progress_line(&counts, false, text, sizeof text);
  assert_string_equal(text, "0 of 4 jobs done, 0 failed; 7 min passed, longer than expected");
}

static void a_finished_campaign_has_nothing_left(void **state) {
  (void)state;
  char text[256];
  const fsl_progress_counts counts = {.done = 64, .total = 64, .resumed = 64, .seconds = 1};
  fsl_progress_line(&counts, false, text, sizeof text);
  assert_string_equal(text, "64 of 64 jobs done, 0 failed; 1 s passed, 0 s left");
}

static void durations_are_words(void **state) {
  (void)state;
  static const struct {
    double seconds;
    const char *text;
  } rows[] = {{-1, "0 s"},
              {0.4, "0 s"},
              {99.4, "99 s"},
              {100, "2 min"},
              {190, "3 min"},
              {5969, "99 min"},
              {5970, "1 h 40 min"},
              {7500, "2 h 5 min"},
              {172769, "47 h 59 min"},
              {172770, "2 days 0 h"},
              {3 * 86400 + 14400, "3 days 4 h"},
              {NAN, "0 s"},
              {INFINITY, "115740 days 17 h"}};
  char text[32];
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    fsl_duration_print(rows[i].seconds, text, sizeof text);
    assert_string_equal(text, rows[i].text);
  }
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Worker 2 has little: jobs that need more go to the others, in groups that it is not in. */
static void a_starved_worker_gets_what_fits(void **state) {
  (void)state;
  bool busy[4] = {false};
  const double bytes[] = {100, 100, 10, 100}, small[] = {5, 5, 5}, large[] = {50, 50, 50}, split[] = {150, 75, 8};
  fsl_schedule s = {.n_workers = 4, .busy = busy, .room = bytes, .need = large, .pending_seconds = 100};
  assert_int_equal(fsl_schedule_least(&s, 64), 1);
  for (int i = 0; i < 3; i++) {
    const fsl_block block = fsl_schedule_next(&s, 1, 1, 1, NULL);
    assert_true(block.level == 0 && block.first != 2);
    fsl_schedule_set(&s, block, true);
  }
  fsl_block wait;
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 1, &wait).level, -1); /* worker 2 is free, and too small */
  assert_true(wait.level == 0 && wait.first != 2);
  s.need = small;
  assert_int_equal(fsl_schedule_next(&s, 1, 1, 1, NULL).first, 2);
  s.need = split;
  assert_int_equal(fsl_schedule_least(&s, 64), 2); /* 0-1 */
  assert_int_equal(fsl_schedule_least(&s, 1), 0);
  fsl_schedule_set(&s, (fsl_block){0, 2}, false);
  assert_int_equal(fsl_schedule_next(&s, 100, 2, 2, NULL).first, 0);
  s.need = (const double[]){150, 150, 150};
  assert_int_equal(fsl_schedule_least(&s, 64), 0);
}

static void a_job_out_of_memory_is_tried_once_on_another_worker(void **state) {
  (void)state;
  bool busy[4] = {true, false, false, true};
  const fsl_schedule s = {.n_workers = 4, .busy = busy};
  fsl_block wait;
  assert_true(fsl_schedule_again(&s, (fsl_block){1, 0}, 1, false));
  assert_false(fsl_schedule_again(&s, (fsl_block){1, 0}, 1, true));
  assert_int_equal(fsl_schedule_elsewhere(&s, (fsl_block){1, 0}, 1, &wait).first, 2); /* never 1, which is free too */
  busy[2] = true;
  assert_int_equal(fsl_schedule_elsewhere(&s, (fsl_block){1, 0}, 1, &wait).level, -1);
  assert_true(wait.level == 0 && wait.first != 1);
}

static void a_group_out_of_memory_is_tried_without_any_of_its_workers(void **state) {
  (void)state;
  bool busy[7] = {false};
  const fsl_schedule s = {.n_workers = 7, .busy = busy};
  fsl_block wait, block = fsl_schedule_elsewhere(&s, (fsl_block){0, 2}, 1, &wait);
  assert_true(block.first == 4 && block.level == 1); /* no second group of four: two of the rest */
  assert_int_equal(fsl_schedule_elsewhere(&s, (fsl_block){0, 2}, 4, &wait).level, -1);
  assert_int_equal(wait.level, -1);
  assert_false(fsl_schedule_again(&s, (fsl_block){0, 2}, 4, false)); /* it needs four */
  const fsl_schedule one = {.n_workers = 1, .busy = busy};
  assert_false(fsl_schedule_again(&one, (fsl_block){0, 0}, 1, false)); /* there is no other */
}

static void a_job_out_of_memory_goes_where_there_is_room(void **state) {
  (void)state;
  bool busy[3] = {false};
  const double bytes[] = {100, 10, 100}, need[] = {50, 50};
  const fsl_schedule s = {.n_workers = 3, .busy = busy, .room = bytes, .need = need};
  fsl_block wait;
  assert_int_equal(fsl_schedule_elsewhere(&s, (fsl_block){0, 0}, 1, &wait).first, 2);
  const fsl_schedule two = {.n_workers = 2, .busy = busy, .room = bytes, .need = need};
  assert_false(fsl_schedule_again(&two, (fsl_block){0, 0}, 1, false));
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
      cmocka_unit_test(the_last_long_job_waits_where_more_ranks_pay),
      cmocka_unit_test(small_jobs_fill_the_ranks_that_a_large_one_does_not_wait_for),
      cmocka_unit_test(a_stream_of_small_jobs_does_not_hold_up_a_large_one),
      cmocka_unit_test(a_job_of_one_rank_waits_for_the_first_that_is_free),
      cmocka_unit_test(an_overdue_job_is_expected_to_go_on),
      cmocka_unit_test(batches_shrink_towards_the_end),
      cmocka_unit_test(records_come_out_as_they_went_in),
      cmocka_unit_test(a_record_that_has_no_room_leaves_the_others_alone),
      cmocka_unit_test(what_is_no_record_is_not_read),
      cmocka_unit_test(a_progress_line_counts_and_estimates),
      cmocka_unit_test(before_the_first_job_the_estimate_counts),
      cmocka_unit_test(durations_are_words),
      cmocka_unit_test(a_finished_campaign_has_nothing_left),
      cmocka_unit_test(a_starved_worker_gets_what_fits),
      cmocka_unit_test(a_job_out_of_memory_is_tried_once_on_another_worker),
      cmocka_unit_test(a_group_out_of_memory_is_tried_without_any_of_its_workers),
      cmocka_unit_test(a_job_out_of_memory_goes_where_there_is_room),
  };
  return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
