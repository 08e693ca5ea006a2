/* store/journal.h: the append-only file of records. Nothing in it is ever changed; a later record of the same job, and
 * a later spec, rule over earlier ones. All numbers are little-endian.
 *
 *   file    := block*             the first block is of type 1, later ones of type 2 or 3
 *   block   := frame payload
 *   frame   := magic    8 bytes   89 66 73 6c 4a 0d 0a 1a
 *              version  u16       1: of everything in the block but a result's payload
 *              type     u16       1 campaign, 2 spec, 3 result
 *              reserved u32       0
 *              length   u64       bytes of payload, at most 2^32
 *              payload  u32       CRC-32C of the payload
 *              frame    u32       CRC-32C of the 28 bytes before
 *   campaign := version u32 | seed u64 | name text | spec
 *   spec     := file text | text text
 *   result   := what fsl_record_encode writes (job/record.h: it has a version of its own)
 *   text     := u32 length | bytes, without a terminator; at most 2^26, no zero byte
 *
 * CRC-32C: reflected polynomial 82f63b78, start and final xor ffffffff ("123456789" gives e3069283).
 *
 * The valid part is the longest run of whole blocks whose checks hold; what follows is the torn tail of a write that
 * was cut off, unless whole blocks come behind it: that is damage, and open refuses to cut it off. A file whose first
 * block is cut off holds nothing and starts anew. A file that starts with other bytes is no journal. A block of a newer
 * version, or of a type this version does not know, is refused: cutting it off would lose what a newer fslens wrote. */
#ifndef FSL_JOURNAL_H
#define FSL_JOURNAL_H

#include "job/record.h"

typedef struct fsl_journal fsl_journal;

/* Opens for appending, creating it with a header that carries the campaign's name, seed and spec text; an existing one
 * must be of the same campaign (name and seed) and format, else FSL_EINPUT. A torn tail is cut off with a word in the
 * log; damage before whole records is FSL_EINPUT, and the file stays as it is. A spec other than the newest in it is
 * appended. */
FSL_CHECKED fsl_status fsl_journal_open(fsl_ctx *ctx, const char *path, const char *name, uint64_t seed,
                                        const char *spec_file, const char *spec_text, fsl_journal **out);
/* Appends one record's bytes (fsl_record_encode) and makes them durable (fdatasync) before returning. */
FSL_CHECKED fsl_status fsl_journal_append(fsl_ctx *ctx, fsl_journal *journal, const uint8_t *bytes, size_t size);
/* The two halves of an append, for many small records: a write is durable once a later sync has returned FSL_OK.
 * A write or sync that failed is not tried again: every later call fails too. A sync without writes costs nothing. */
FSL_CHECKED fsl_status fsl_journal_write(fsl_ctx *ctx, fsl_journal *journal, const uint8_t *bytes, size_t size);
FSL_CHECKED fsl_status fsl_journal_sync(fsl_ctx *ctx, fsl_journal *journal);
/* Syncs what is left. The journal is gone afterwards, whatever is returned. */
FSL_CHECKED fsl_status fsl_journal_close(fsl_ctx *ctx, fsl_journal *journal);

typedef struct fsl_journal_contents {
  const char *name; /* the campaign; "" where the file holds no whole block */
  uint64_t seed;
  const char *spec_file, *spec_text; /* the newest spec in it */
  size_t n_records;
  const fsl_record *records; /* in the order written; a job may occur more than once, the last rules */
  size_t torn_bytes;
} fsl_journal_contents;

/* Reads a whole journal; takes no lock, changes nothing. A torn tail is counted, not an error. FSL_EINPUT for a file
 * that is no journal or of a newer version, FSL_EIO for one that cannot be read. */
FSL_CHECKED fsl_status fsl_journal_read(fsl_ctx *ctx, const char *path, fsl_journal_contents *out);
/* Path of the journal beside OUT.h5: OUT.journal. */
char *fsl_journal_path(fsl_arena *arena, const char *results_path);

#endif
