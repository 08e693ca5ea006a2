/* store/journal_blocks.c: see journal_blocks.h; the layout is described in journal.h. */
#include "store/journal_blocks.h"

#include "store/crc32c.h"

#include <string.h>

static const uint64_t max_payload = (uint64_t)1 << 32;
static const uint8_t magic[8] = {0x89, 'f', 's', 'l', 'J', '\r', '\n', 0x1a};

uint8_t *fsl_put_number(uint8_t *at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; i++) at[i] = (uint8_t)(value >> (8 * i));
  return at + width;
}

uint64_t fsl_get_number(const uint8_t *at, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

uint8_t *fsl_put_text(uint8_t *at, const char *text) {
  const size_t length = strlen(text);
  at = fsl_put_number(at, length, 4);
  memcpy(at, text, length);
  return at + length;
}

bool fsl_journal_fits(size_t payload) {
  return payload <= max_payload;
}

void fsl_journal_frame(uint8_t frame[FSL_FRAME_BYTES], fsl_block_type type, const uint8_t *payload, size_t size) {
  memcpy(frame, magic, sizeof magic);
  uint8_t *at = fsl_put_number(frame + sizeof magic, FSL_JOURNAL_VERSION, 2);
  at = fsl_put_number(at, type, 2);
  at = fsl_put_number(at, 0, 4);
  at = fsl_put_number(at, size, 8);
  at = fsl_put_number(at, fsl_crc32c(payload, size), 4);
  fsl_put_number(at, fsl_crc32c(frame, FSL_FRAME_BYTES - 4), 4);
}

bool fsl_journal_starts_well(const uint8_t *bytes, size_t size) {
  return size == 0 || memcmp(bytes, magic, size < sizeof magic ? size : sizeof magic) == 0;
}

/* ---- finding blocks ---------------------------------------------------------------------------------------------- */

fsl_journal_scan fsl_journal_scan_start(const uint8_t *bytes, size_t size) {
  return (fsl_journal_scan){.bytes = bytes, .size = size, .patience = 8 * (uint64_t)size + (1 << 26)};
}

/* true where a whole, intact block starts at `bytes`. */
static bool is_block(fsl_journal_scan *scan, const uint8_t *bytes, size_t left, fsl_journal_block *out) {
  if (left < FSL_FRAME_BYTES || memcmp(bytes, magic, sizeof magic) != 0) return false;
  if (fsl_get_number(bytes + 28, 4) != fsl_crc32c(bytes, FSL_FRAME_BYTES - 4)) return false;
  const uint64_t length = fsl_get_number(bytes + 16, 8);
  if (length > max_payload || length > left - FSL_FRAME_BYTES) return false;
  scan->patience = length < scan->patience ? scan->patience - length : 0;
  *out = (fsl_journal_block){(unsigned)fsl_get_number(bytes + 8, 2), (unsigned)fsl_get_number(bytes + 10, 2),
                             bytes + FSL_FRAME_BYTES, (size_t)length};
  return fsl_get_number(bytes + 24, 4) == fsl_crc32c(out->payload, out->size);
}

bool fsl_journal_scan_next(fsl_journal_scan *scan, fsl_journal_block *out) {
  const uint8_t *const end = scan->bytes + scan->size, *const from = scan->bytes + scan->at, *at = from;
  while (at != NULL && scan->patience > 0 && !is_block(scan, at, (size_t)(end - at), out))
    at = at == end ? NULL : memmem(at + 1, (size_t)(end - at) - 1, magic, sizeof magic);
  if (at == NULL || scan->patience == 0) return false;
  scan->n_damaged += at > from;
  scan->damaged_bytes += (size_t)(at - from);
  scan->at = (size_t)(out->payload - scan->bytes) + out->size;
  return true;
}
