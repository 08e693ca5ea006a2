/* CRC-32C: the published values, and both ways against one bit at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/crc32c.h"

#include <string.h>

/* As the definition has it: a bit at a time through the reflected polynomial. */
static uint32_t by_bits(const uint8_t *bytes, size_t n) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < 8 * n; i++) {
    const uint32_t odd = (crc ^ (uint32_t)(bytes[i / 8] >> i % 8)) & 1;
    crc = (crc >> 1) ^ (odd ? 0x82f63b78u : 0);
  }
  return ~crc;
}

static void published_values_come_out(void **state) {
  (void)state;
  uint8_t zeros[32] = {0}, ones[32], up[32];
  memset(ones, 0xff, sizeof ones);
  for (size_t i = 0; i < sizeof up; i++) up[i] = (uint8_t)i;
  uint32_t (*const way[2])(const uint8_t *, size_t) = {fsl_crc32c, fsl_crc32c_portable};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(way[i]((const uint8_t *)"123456789", 9), 0xe3069283u);
    assert_int_equal(way[i](zeros, 32), 0x8a9136aau); /* RFC 3720, B.4 */
    assert_int_equal(way[i](ones, 32), 0x62a8ab43u);
    assert_int_equal(way[i](up, 32), 0x46dd794eu);
    assert_int_equal(way[i](zeros, 0), 0);
  }
}

/* Every length and every alignment. */
static void both_ways_agree_with_the_definition(void **state) {
  (void)state;
  uint8_t bytes[280];
  uint32_t next = 1;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)((next = next * 1664525u + 1013904223u) >> 24);
  for (size_t from = 0; from < 8; from++)
    for (size_t n = 0; n <= 272; n++) {
      const uint32_t wanted = by_bits(bytes + from, n);
      assert_int_equal(fsl_crc32c(bytes + from, n), wanted);
      assert_int_equal(fsl_crc32c_portable(bytes + from, n), wanted);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(published_values_come_out),
      cmocka_unit_test(both_ways_agree_with_the_definition),
  };
  return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
