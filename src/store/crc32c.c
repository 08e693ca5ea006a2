/* store/crc32c.c: CRC-32C by the processor's own instruction, eight bytes at a time, where it has one; elsewhere four
 * bits at a time, by a table small enough to check by eye. Entry i is i shifted four times through the reflected
 * polynomial 82f63b78. */
#include "store/crc32c.h"

#if defined __x86_64__
#include <nmmintrin.h>
#include <string.h>
#endif

static const uint32_t table[16] = {0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u, 0x417b1dbcu, 0x5125dad3u,
                                   0x61c69362u, 0x7198540du, 0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
                                   0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u};

uint32_t fsl_crc32c_portable(const uint8_t *bytes, size_t n) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < n; i++) {
    crc = (crc >> 4) ^ table[(crc ^ bytes[i]) & 15u];
    crc = (crc >> 4) ^ table[(crc ^ (uint32_t)(bytes[i] >> 4)) & 15u];
  }
  return ~crc;
}

#if defined __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(const uint8_t *bytes, size_t n) {
  uint64_t crc = 0xffffffffu, word;
  for (; n >= sizeof word; n -= sizeof word, bytes += sizeof word) {
    memcpy(&word, bytes, sizeof word);
    crc = _mm_crc32_u64(crc, word);
  }
  for (; n > 0; n--) crc = _mm_crc32_u8((uint32_t)crc, *bytes++);
  return ~(uint32_t)crc;
}

uint32_t fsl_crc32c(const uint8_t *bytes, size_t n) {
  return __builtin_cpu_supports("sse4.2") ? by_instruction(bytes, n) : fsl_crc32c_portable(bytes, n);
}
#else
uint32_t fsl_crc32c(const uint8_t *bytes, size_t n) {
  return fsl_crc32c_portable(bytes, n);
}
#endif
