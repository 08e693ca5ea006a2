/* base/hash.c: identities by content (XXH3, 128 bits). */
#include "fslens/base.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <endian.h>
#include <math.h>
#include <string.h>

struct fsl_hasher {
  XXH3_state_t state;
};

/* In front of every value: what it is and how long, so that sequences cannot collide by concatenation. */
enum { TAG_TEXT = 1, TAG_INTEGER, TAG_REAL, TAG_REALS, TAG_BYTES, TAG_HASH };

static void put_u64(uint64_t value, uint8_t bytes[8]) {
  const uint64_t little = htole64(value);
  memcpy(bytes, &little, sizeof little);
}

static void add_u64(fsl_hasher *hasher, uint64_t value) {
  uint8_t bytes[8];
  put_u64(value, bytes);
  XXH3_128bits_update(&hasher->state, bytes, sizeof bytes);
}

static void add_tag(fsl_hasher *hasher, int tag, size_t length) {
  add_u64(hasher, (uint64_t)tag);
  add_u64(hasher, length);
}

fsl_hasher *fsl_hasher_create(fsl_arena *arena) {
  fsl_hasher *const hasher = fsl_arena_get(arena, 1, sizeof *hasher);
  if (hasher != NULL) XXH3_128bits_reset(&hasher->state);
  return hasher;
}

void fsl_hash_bytes(fsl_hasher *hasher, const void *bytes, size_t n) {
  add_tag(hasher, TAG_BYTES, n);
  if (n > 0) XXH3_128bits_update(&hasher->state, bytes, n);
}

void fsl_hash_text(fsl_hasher *hasher, const char *text) {
  const size_t n = strlen(text);
  add_tag(hasher, TAG_TEXT, n);
  XXH3_128bits_update(&hasher->state, text, n);
}

void fsl_hash_integer(fsl_hasher *hasher, int64_t value) {
  add_tag(hasher, TAG_INTEGER, 1);
  add_u64(hasher, (uint64_t)value);
}

static uint64_t bits_of(double value) {
  const double canonical = isnan(value) ? (double)NAN : value == 0 ? 0.0 : value;
  uint64_t bits;
  memcpy(&bits, &canonical, sizeof bits);
  return bits;
}

void fsl_hash_real(fsl_hasher *hasher, double value) {
  add_tag(hasher, TAG_REAL, 1);
  add_u64(hasher, bits_of(value));
}

void fsl_hash_reals(fsl_hasher *hasher, const double *values, size_t n) {
  enum { BLOCK = 512 };
  uint8_t bytes[8 * BLOCK];
  add_tag(hasher, TAG_REALS, n);
  for (size_t i = 0, step; i < n; i += step) {
    step = n - i < BLOCK ? n - i : BLOCK;
    for (size_t j = 0; j < step; j++) put_u64(bits_of(values[i + j]), bytes + 8 * j);
    XXH3_128bits_update(&hasher->state, bytes, 8 * step);
  }
}

void fsl_hash_hash(fsl_hasher *hasher, fsl_hash value) {
  add_tag(hasher, TAG_HASH, 2);
  add_u64(hasher, value.high);
  add_u64(hasher, value.low);
}

fsl_hash fsl_hash_value(const fsl_hasher *hasher) {
  const XXH128_hash_t digest = XXH3_128bits_digest(&hasher->state);
  return (fsl_hash){.high = digest.high64, .low = digest.low64};
}

fsl_hash fsl_hash_of(const void *bytes, size_t n) {
  const XXH128_hash_t digest = XXH3_128bits(bytes, n);
  return (fsl_hash){.high = digest.high64, .low = digest.low64};
}

int fsl_hash_compare(fsl_hash a, fsl_hash b) {
  if (a.high != b.high) return a.high < b.high ? -1 : 1;
  return (a.low > b.low) - (a.low < b.low);
}

void fsl_hash_print(fsl_hash hash, char text[33]) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    text[i] = digits[hash.high >> (60 - 4 * i) & 15u];
    text[16 + i] = digits[hash.low >> (60 - 4 * i) & 15u];
  }
  text[32] = '\0';
}
