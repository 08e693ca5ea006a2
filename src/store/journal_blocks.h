/* store/journal_blocks.h: the blocks of a journal as bytes: framing, and finding whole ones in damaged files. */
#ifndef FSL_STORE_JOURNAL_BLOCKS_H
#define FSL_STORE_JOURNAL_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FSL_JOURNAL_VERSION = 1, FSL_FRAME_BYTES = 32, FSL_JOURNAL_MAX_TEXT = 1 << 26 };

typedef enum fsl_block_type {
  FSL_BLOCK_CAMPAIGN = 1,
  FSL_BLOCK_SPEC,
  FSL_BLOCK_RESULT,
  FSL_BLOCK_RUN,
  FSL_BLOCK_START,
  FSL_BLOCK_END
} fsl_block_type;

typedef struct fsl_journal_block {
  unsigned version, type;
  const uint8_t *payload;
  size_t size;
} fsl_journal_block;

bool fsl_journal_fits(size_t payload); /* whether a block may be this long */
void fsl_journal_frame(uint8_t frame[FSL_FRAME_BYTES], fsl_block_type type, const uint8_t *payload, size_t size);
/* Whether the bytes are what a file without a whole block may hold: nothing, or the start of a frame. */
bool fsl_journal_starts_well(const uint8_t *bytes, size_t size);

/* A walk over the whole blocks of a file. */
typedef struct fsl_journal_scan {
  const uint8_t *bytes;
  size_t size, at;                 /* at: behind the last whole block */
  size_t n_damaged, damaged_bytes; /* what was stepped over */
  uint64_t patience;               /* bytes that may yet be checked: a made-up file could ask for their square */
} fsl_journal_scan;

fsl_journal_scan fsl_journal_scan_start(const uint8_t *bytes, size_t size);
/* The next whole block, stepping over damage; false at the end, or when patience ran out (then it is 0). */
bool fsl_journal_scan_next(fsl_journal_scan *scan, fsl_journal_block *out);

/* Little-endian numbers and texts. The put functions return the place behind. */
uint8_t *fsl_put_number(uint8_t *at, uint64_t value, size_t width);
uint8_t *fsl_put_text(uint8_t *at, const char *text);
uint64_t fsl_get_number(const uint8_t *at, size_t width);

#endif
