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
  uint64_t at; /* where the payload lies in the file */
} fsl_journal_block;

bool fsl_journal_fits(size_t payload); /* whether a block may be this long */
void fsl_journal_frame(uint8_t frame[FSL_FRAME_BYTES], fsl_block_type type, const uint8_t *payload, size_t size);
/* A walk over the whole blocks of a file. It holds a window of the file, never all of it. */
typedef struct fsl_journal_scan {
  int file;
  uint64_t size, at;               /* of the file; at: behind the last whole block */
  size_t n_damaged, damaged_bytes; /* what was stepped over */
  uint64_t patience;               /* bytes that may yet be checked: a made-up file could ask for their square */
  uint64_t begin;                  /* the window: `held` bytes of the file from here on */
  size_t held, room;
  uint8_t *window;  /* by malloc */
  int trouble;      /* an errno: the file could not be read, or there was no memory for the window */
  bool starts_well; /* the file begins like a journal, or is empty */
} fsl_journal_scan;

/* `size` bytes of the file are scanned. The caller closes the file after the end of the scan. */
fsl_journal_scan fsl_journal_scan_start(int file, uint64_t size);
/* The next whole block, stepping over damage; its payload stays until the next call. False at the end, in trouble, or
 * when patience ran out (then it is 0). */
bool fsl_journal_scan_next(fsl_journal_scan *scan, fsl_journal_block *out);
void fsl_journal_scan_end(fsl_journal_scan *scan);

/* Little-endian numbers and texts. The put functions return the place behind. */
uint8_t *fsl_put_number(uint8_t *at, uint64_t value, size_t width);
uint8_t *fsl_put_text(uint8_t *at, const char *text);
uint64_t fsl_get_number(const uint8_t *at, size_t width);

#endif
