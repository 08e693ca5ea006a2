/* Records: what goes in comes out, and no bytes crash the reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job/record.h"

#include <math.h>
#include <string.h>

static fsl_ctx new_ctx(void) {
  return (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
}

static const double numbers[6] = {1, -2.5, 1e-300, NAN, INFINITY, 0};
static const fsl_field fields[3] = {
    {.name = "sliced_w1", .rank = 1, .shape = {6}, .data = numbers},
    {.name = "mean", .rank = 2, .shape = {2, 3}, .data = numbers},
    {.name = "ess", .rank = 0, .data = numbers + 1},
};
static const fsl_record example = {.job = {0x0123456789abcdefu, 42},
                                   .status = FSL_RECORD_DONE,
                                   .n_fields = 3,
                                   .fields = fields,
                                   .error = "",
                                   .host = "node7",
                                   .seconds = 1.25,
                                   .ranks = 4,
                                   .attempts = 2};

static void a_record_survives_its_bytes(void **state) {
  (void)state;
  fsl_ctx ctx = new_ctx();
  uint8_t *bytes;
  size_t size;
  fsl_record back;
  assert_int_equal(fsl_record_encode(&ctx, &example, &bytes, &size), FSL_OK);
  assert_int_equal(fsl_record_decode(&ctx, bytes, size, &back), FSL_OK);
  assert_int_equal(fsl_hash_compare(back.job, example.job), 0);
  assert_int_equal(back.n_fields, 3);
  assert_string_equal(back.host, "node7");
  assert_true(back.seconds == 1.25 && back.ranks == 4 && back.attempts == 2);
  const fsl_field *const mean = fsl_record_field(&back, "mean");
  assert_non_null(mean);
  assert_int_equal(mean->rank, 2);
  assert_int_equal(mean->shape[1], 3);
  assert_memory_equal(mean->data, numbers, sizeof numbers);
  assert_null(fsl_record_field(&back, "nothing"));
  fsl_arena_destroy(ctx.arena);
}

static void bytes_have_the_documented_order(void **state) {
  (void)state;
  fsl_ctx ctx = new_ctx();
  uint8_t *bytes;
  size_t size;
  assert_int_equal(fsl_record_encode(&ctx, &example, &bytes, &size), FSL_OK);
  const uint8_t start[4] = {1, 0, 0, 0};
  const uint8_t job[8] = {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
  assert_memory_equal(bytes, start, 4);
  assert_memory_equal(bytes + 12, job, 8);
  fsl_arena_destroy(ctx.arena);
}

/* A problem without modes has a table of them all the same, of any number of times. */
static void a_field_without_values_keeps_its_shape(void **state) {
  (void)state;
  fsl_ctx ctx = new_ctx();
  const fsl_field empty = {.name = "mode_weight", .rank = 3, .shape = {0, 1000, 7}, .data = numbers};
  const fsl_record record = {.n_fields = 1, .fields = &empty};
  uint8_t *bytes;
  size_t size;
  fsl_record back;
  assert_int_equal(fsl_record_encode(&ctx, &record, &bytes, &size), FSL_OK);
  assert_int_equal(fsl_record_decode(&ctx, bytes, size, &back), FSL_OK);
  assert_true(back.fields[0].shape[0] == 0 && back.fields[0].shape[1] == 1000 && back.fields[0].shape[2] == 7);
  fsl_arena_destroy(ctx.arena);
}

static void a_record_cut_anywhere_is_refused(void **state) {
  (void)state;
  fsl_ctx ctx = new_ctx();
  uint8_t *bytes;
  size_t size;
  fsl_record back;
  assert_int_equal(fsl_record_encode(&ctx, &example, &bytes, &size), FSL_OK);
  for (size_t n = 0; n < size; n++) assert_int_equal(fsl_record_decode(&ctx, bytes, n, &back), FSL_EINPUT);
  fsl_arena_destroy(ctx.arena);
}

static void damaged_bytes_never_crash(void **state) {
  (void)state;
  fsl_ctx ctx = new_ctx();
  uint8_t *bytes;
  size_t size;
  fsl_record back;
  assert_int_equal(fsl_record_encode(&ctx, &example, &bytes, &size), FSL_OK);
  const fsl_arena_mark mark = fsl_arena_now(ctx.arena);
  for (size_t bit = 0; bit < 8 * size; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    const fsl_status status = fsl_record_decode(&ctx, bytes, size, &back);
    assert_true(status == FSL_OK || status == FSL_EINPUT);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    fsl_arena_release(ctx.arena, mark);
  }
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_record_survives_its_bytes),
      cmocka_unit_test(bytes_have_the_documented_order),
      cmocka_unit_test(a_field_without_values_keeps_its_shape),
      cmocka_unit_test(a_record_cut_anywhere_is_refused),
      cmocka_unit_test(damaged_bytes_never_crash),
  };
  return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
