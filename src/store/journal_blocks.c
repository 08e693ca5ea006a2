/* store/journal_blocks.c: see journal_blocks.h; the layout is described in journal.h. */
#include "store/journal_blocks.h"

#include "store/crc32c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* ---- the window -------------------------------------------------------------------------------------------------- */

enum { STEP = 1 << 18 }; /* bytes that are read at a time */

/* Room for n bytes from `at` on in the window, what it holds of them kept in front. */
static bool make_room(fsl_journal_scan *scan, uint64_t at, size_t n) {
  const size_t gone = at - scan->begin < scan->held ? (size_t)(at - scan->begin) : scan->held;
  memmove(scan->window, scan->window + gone, scan->held - gone);
  scan->held -= gone;
  scan->begin = at;
  if (n <= scan->room) return true;
  uint8_t *const wider = realloc(scan->window, n);
  if (wider == NULL) return false;
  scan->window = wider;
  scan->room = n;
  return true;
}

/* Up to n bytes of the file at `at`, not before what was viewed last: *held of them, fewer where the file ends. NULL in
 * trouble. */
static const uint8_t *view(fsl_journal_scan *scan, uint64_t at, size_t n, size_t *held) {
  if (at + n > scan->begin + scan->held) {
    const size_t wanted = n > STEP ? n : (size_t)STEP;
    if (!make_room(scan, at, wanted)) scan->trouble = ENOMEM;
    while (scan->trouble == 0 && scan->held < wanted && at + scan->held < scan->size) {
      const uint64_t left = scan->size - at - scan->held;
      const size_t room = wanted - scan->held, step = left < room ? (size_t)left : room;
      const ssize_t got = pread(scan->file, scan->window + scan->held, step, (off_t)(at + scan->held));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) scan->trouble = errno;
      if (got == 0) scan->size = at + scan->held; /* it was cut meanwhile */
      if (got > 0) scan->held += (size_t)got;
    }
  }
  const uint64_t there = scan->begin + scan->held - at;
  *held = there < n ? (size_t)there : n;
  return scan->trouble == 0 ? scan->window + (at - scan->begin) : NULL;
}

/* ---- finding blocks ---------------------------------------------------------------------------------------------- */

fsl_journal_scan fsl_journal_scan_start(int file, uint64_t size) {
  fsl_journal_scan scan = {.file = file, .size = size, .patience = 8 * size + (1 << 26), .window = malloc(STEP)};
  size_t held = 0;
  if (scan.window == NULL) scan.trouble = ENOMEM;
  if (scan.window != NULL) scan.room = STEP;
  const uint8_t *const first = scan.trouble == 0 ? view(&scan, 0, sizeof magic, &held) : NULL;
  scan.starts_well = first != NULL && memcmp(first, magic, held) == 0;
  return scan;
}

void fsl_journal_scan_end(fsl_journal_scan *scan) {
  free(scan->window);
  scan->window = NULL;
}

/* true where a whole, intact block starts at `at`. */
static bool is_block(fsl_journal_scan *scan, uint64_t at, fsl_journal_block *out) {
  size_t held;
  const uint8_t *bytes = view(scan, at, FSL_FRAME_BYTES, &held);
  if (bytes == NULL || held < FSL_FRAME_BYTES || memcmp(bytes, magic, sizeof magic) != 0) return false;
  if (fsl_get_number(bytes + 28, 4) != fsl_crc32c(bytes, FSL_FRAME_BYTES - 4)) return false;
  const uint64_t length = fsl_get_number(bytes + 16, 8), crc = fsl_get_number(bytes + 24, 4);
  if (length > max_payload || length > scan->size - at - FSL_FRAME_BYTES) return false;
  scan->patience = length < scan->patience ? scan->patience - length : 0;
  bytes = view(scan, at, FSL_FRAME_BYTES + (size_t)length, &held);
  if (bytes == NULL || held < FSL_FRAME_BYTES + length) return false;
  *out = (fsl_journal_block){(unsigned)fsl_get_number(bytes + 8, 2), (unsigned)fsl_get_number(bytes + 10, 2),
                             bytes + FSL_FRAME_BYTES, (size_t)length, at + FSL_FRAME_BYTES};
  return crc == fsl_crc32c(out->payload, out->size);
}

/* Where the magic stands next from `at` on; UINT64_MAX: nowhere. */
static uint64_t find_magic(fsl_journal_scan *scan, uint64_t at) {
  while (scan->trouble == 0 && at < scan->size) {
    size_t held;
    const uint8_t *const bytes = view(scan, at, STEP, &held);
    const uint8_t *const found = bytes == NULL ? NULL : memmem(bytes, held, magic, sizeof magic);
    if (found != NULL) return at + (uint64_t)(found - bytes);
    if (bytes == NULL || held < STEP) return UINT64_MAX;
    at += held - sizeof magic + 1;
  }
  return UINT64_MAX;
}

bool fsl_journal_scan_next(fsl_journal_scan *scan, fsl_journal_block *out) {
  const uint64_t from = scan->at;
  uint64_t at = from;
  while (at != UINT64_MAX && scan->patience > 0 && scan->trouble == 0 && !is_block(scan, at, out))
    at = find_magic(scan, at + 1);
  if (at == UINT64_MAX || scan->patience == 0 || scan->trouble != 0) return false;
  scan->n_damaged += at > from;
  scan->damaged_bytes += (size_t)(at - from);
  scan->at = out->at + out->size;
  return true;
}
