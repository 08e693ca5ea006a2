/* base/bytes.h: whole numbers out of stored bytes, whatever the machine's own order. */
#ifndef FSL_BASE_BYTES_H
#define FSL_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* The number that n bytes (at most 8) store, least significant byte first. */
static inline uint64_t fsl_little(const uint8_t *bytes, size_t n) {
  uint64_t value = 0;
  for (size_t i = n; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

/* The same, most significant byte first. */
static inline uint64_t fsl_big(const uint8_t *bytes, size_t n) {
  uint64_t value = 0;
  for (size_t i = 0; i < n; i++) value = value << 8 | bytes[i];
  return value;
}

#endif
