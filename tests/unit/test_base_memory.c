/* The arena, errors with context, the stop flag, and identities. */
#include "fslens/base.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

static void memory_is_aligned_zeroed_and_apart(void **state) {
  uint8_t *last = NULL;
  size_t last_size = 0;
  for (size_t size = 1; size < 300000; size = size * 2 + 1) {
    uint8_t *const room = fsl_arena_get(*state, size, 1);
    assert_non_null(room);
    assert_true((uintptr_t)room % 64 == 0);
    for (size_t i = 0; i < size; i++) assert_true(room[i] == 0);
    memset(room, 0xff, size);
    for (size_t i = 0; i < last_size; i++) assert_true(last[i] == 0xff);
    last = room;
    last_size = size;
  }
}

static void a_release_gives_back_exactly_what_came_after_the_mark(void **state) {
  fsl_arena *const a = *state;
  uint8_t *const kept = fsl_arena_get(a, 100, 1);
  memset(kept, 7, 100);
  const size_t before = fsl_arena_bytes(a);
  const fsl_arena_mark mark = fsl_arena_now(a);
  uint8_t *const first = fsl_arena_get(a, 10, 1);
  memset(first, 9, 10);
  for (int i = 0; i < 20; i++) memset(fsl_arena_get(a, 50000, 1), 1, 50000);
  assert_true(fsl_arena_bytes(a) >= before + 20 * 50000);
  fsl_arena_release(a, mark);
  assert_true(fsl_arena_bytes(a) == before && fsl_arena_peak(a) >= before + 20 * 50000);
  for (int i = 0; i < 100; i++) assert_true(kept[i] == 7);
  uint8_t *const again = fsl_arena_get(a, 10, 1);
  assert_true(again == first && again[0] == 0);
}

static void a_mark_of_an_empty_arena_releases_everything(void **state) {
  (void)state;
  fsl_arena *const a = fsl_arena_create(0);
  const fsl_arena_mark mark = fsl_arena_now(a);
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < 10; i++) {
      double *const room = fsl_arena_get(a, 20000 * (i + 1), sizeof *room);
      assert_true(room[0] == 0 && room[20000 * (i + 1) - 1] == 0);
      room[0] = room[20000 * (i + 1) - 1] = 1;
    }
    fsl_arena_release(a, mark);
    assert_true(fsl_arena_bytes(a) == 0);
  }
  fsl_arena_destroy(a);
}

static void the_cap_and_overflow_give_no_memory(void **state) {
  (void)state;
  fsl_arena *const a = fsl_arena_create(1000);
  assert_null(fsl_arena_get(a, 1001, 1));
  assert_non_null(fsl_arena_get(a, 900, 1));
  assert_null(fsl_arena_get(a, 200, 1));
  assert_null(fsl_arena_get(a, SIZE_MAX / 4, 8));
  assert_null(fsl_arena_get(a, SIZE_MAX, 1));
  assert_int_equal(fsl_arena_refused(a), 4);
  fsl_arena_destroy(a);
  fsl_arena_destroy(NULL);
}

static fsl_status take_too_much(fsl_ctx *ctx) {
  double *values;
  FSL_GET(ctx, values, 1000);
  values[0] = 1;
  return FSL_OK;
}

static void errors_say_what_happened_and_where(void **state) {
  (void)state;
  fsl_ctx ctx = {.arena = fsl_arena_create(100), .team = &fsl_team_solo};
  assert_int_equal(take_too_much(&ctx), FSL_ENOMEM);
  assert_non_null(strstr(ctx.error, "values"));
  assert_int_equal(fsl_fail(&ctx, FSL_EINPUT, "no %s", "prior"), FSL_EINPUT);
  assert_int_equal(fsl_while(&ctx, FSL_EINPUT, "cell %d", 3), FSL_EINPUT);
  assert_string_equal(ctx.error, "cell 3: no prior");
  char longest[3000];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  (void)fsl_while(&ctx, FSL_EINPUT, "%s", longest);
  assert_true(strlen(ctx.error) < sizeof ctx.error);
  (void)fsl_fail(&ctx, FSL_EINPUT, "%s", longest);
  (void)fsl_while(&ctx, FSL_EINPUT, "at %s", "home");
  assert_true(strncmp(ctx.error, "at home: xxx", 12) == 0 && strlen(ctx.error) < sizeof ctx.error);
  fsl_arena_destroy(ctx.arena);
}

static void a_stop_and_a_deadline_are_seen(void **state) {
  (void)state;
  volatile sig_atomic_t stop = 0;
  fsl_ctx ctx = {.team = &fsl_team_solo, .stop = &stop};
  assert_int_equal(fsl_check_stop(&ctx), FSL_OK);
  ctx.deadline = fsl_now() + 1000;
  assert_int_equal(fsl_check_stop(&ctx), FSL_OK);
  ctx.deadline = fsl_now() - 1;
  assert_int_equal(fsl_check_stop(&ctx), FSL_ETIME);
  stop = 1;
  assert_int_equal(fsl_check_stop(&ctx), FSL_ESTOP);
}

static void write_line(void *self, fsl_log_level level, const char *text) {
  snprintf(self, 64, "%d %s", (int)level, text);
}

static void the_log_drops_what_is_louder_than_its_level(void **state) {
  (void)state;
  char heard[64] = "";
  const fsl_log log = {.self = heard, .level = FSL_LOG_INFO, .write = write_line};
  const fsl_ctx ctx = {.log = &log}, silent = {0};
  fsl_say(&ctx, FSL_LOG_DEBUG, "no");
  fsl_say(&silent, FSL_LOG_WARN, "no");
  assert_string_equal(heard, "");
  fsl_say(&ctx, FSL_LOG_INFO, "job %d", 4);
  assert_string_equal(heard, "2 job 4");
}

static void every_status_has_a_name_of_its_own(void **state) {
  (void)state;
  for (int i = FSL_OK; i <= FSL_EINTERNAL; i++)
    for (int j = FSL_OK; j < i; j++)
      assert_string_not_equal(fsl_status_name((fsl_status)i), fsl_status_name((fsl_status)j));
}

/* ---- identities ------------------------------------------------------------------------------------------------- */

static void values_do_not_collide_by_concatenation(void **state) {
  const double pair[2] = {1, 2};
  fsl_hash hash[10];
  size_t n = 0;
  fsl_hasher *h[10];
  for (size_t i = 0; i < 10; i++) h[i] = fsl_hasher_create(*state);
  fsl_hash_text(h[0], "ab"), fsl_hash_text(h[0], "c");
  fsl_hash_text(h[1], "a"), fsl_hash_text(h[1], "bc");
  fsl_hash_text(h[2], "abc");
  fsl_hash_bytes(h[3], "abc", 3);
  fsl_hash_reals(h[4], pair, 2);
  fsl_hash_real(h[5], 1), fsl_hash_real(h[5], 2);
  fsl_hash_reals(h[6], pair, 1), fsl_hash_reals(h[6], pair + 1, 1);
  fsl_hash_integer(h[7], 1), fsl_hash_integer(h[7], 2);
  fsl_hash_reals(h[8], NULL, 0);
  for (n = 0; n < 10; n++) hash[n] = fsl_hash_value(h[n]);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) assert_true(fsl_hash_compare(hash[i], hash[j]) != 0);
}

static fsl_hash hash_of_real(void **state, double value) {
  fsl_hasher *const hasher = fsl_hasher_create(*state);
  fsl_hash_real(hasher, value);
  return fsl_hash_value(hasher);
}

/* A number whose bits look like the frame in front of the next value is told apart by the length. */
static void values_cannot_pass_for_frames(void **state) {
  for (uint64_t tag = 0; tag < 16; tag++) {
    double three[3] = {1, 0, 2};
    memcpy(&three[1], &tag, sizeof tag);
    fsl_hasher *const a = fsl_hasher_create(*state), *const b = fsl_hasher_create(*state);
    fsl_hash_reals(a, three, 1), fsl_hash_reals(a, three + 2, 1);
    fsl_hash_reals(b, three, 3);
    assert_true(fsl_hash_compare(fsl_hash_value(a), fsl_hash_value(b)) != 0);
  }
}

static void equal_numbers_have_equal_hashes(void **state) {
  assert_int_equal(fsl_hash_compare(hash_of_real(state, 0.0), hash_of_real(state, -0.0)), 0);
  assert_int_equal(fsl_hash_compare(hash_of_real(state, NAN), hash_of_real(state, -NAN)), 0);
  assert_true(fsl_hash_compare(hash_of_real(state, 1), hash_of_real(state, nextafter(1, 2))) != 0);
}

static void hashes_have_an_order_and_a_text(void **state) {
  (void)state;
  char text[33];
  fsl_hash_print((fsl_hash){0x1, 0xabcdef0123456789u}, text);
  assert_string_equal(text, "0000000000000001abcdef0123456789");
  assert_true(fsl_hash_compare((fsl_hash){1, 9}, (fsl_hash){2, 0}) < 0);
  assert_true(fsl_hash_compare((fsl_hash){2, 1}, (fsl_hash){2, 0}) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_aligned_zeroed_and_apart),
      cmocka_unit_test(a_release_gives_back_exactly_what_came_after_the_mark),
      cmocka_unit_test(a_mark_of_an_empty_arena_releases_everything),
      cmocka_unit_test(the_cap_and_overflow_give_no_memory),
      cmocka_unit_test(errors_say_what_happened_and_where),
      cmocka_unit_test(a_stop_and_a_deadline_are_seen),
      cmocka_unit_test(the_log_drops_what_is_louder_than_its_level),
      cmocka_unit_test(every_status_has_a_name_of_its_own),
      cmocka_unit_test(values_do_not_collide_by_concatenation),
      cmocka_unit_test(values_cannot_pass_for_frames),
      cmocka_unit_test(equal_numbers_have_equal_hashes),
      cmocka_unit_test(hashes_have_an_order_and_a_text),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
