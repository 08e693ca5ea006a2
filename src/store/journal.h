/* store/journal.h: the append-only file of records. This header documents its bytes:
 * (the bytes of a journal go here; see journal.c's functions for their order) */
#ifndef FSL_JOURNAL_H
#define FSL_JOURNAL_H

#include "job/record.h"

typedef struct fsl_journal fsl_journal;

/* Opens for appending, creating it with a header that carries the campaign's name, seed and spec text; an existing one
 * must be of the same campaign (name and seed) and format, else FSL_EINPUT. A torn tail is cut off with a word in the
 * log. */
FSL_CHECKED fsl_status fsl_journal_open(fsl_ctx *ctx, const char *path, const char *name, uint64_t seed,
                                        const char *spec_file, const char *spec_text, fsl_journal **out);
/* Appends one record's bytes (fsl_record_encode) and makes them durable (fdatasync) before returning. */
FSL_CHECKED fsl_status fsl_journal_append(fsl_ctx *ctx, fsl_journal *journal, const uint8_t *bytes, size_t size);
FSL_CHECKED fsl_status fsl_journal_close(fsl_ctx *ctx, fsl_journal *journal);

typedef struct fsl_journal_contents {
  const char *name; /* the campaign */
  uint64_t seed;
  const char *spec_file, *spec_text; /* the newest spec in it */
  size_t n_records;
  const fsl_record *records; /* in the order written; a job may occur more than once, the last rules */
  size_t torn_bytes;
} fsl_journal_contents;

/* Reads a whole journal; takes no lock, changes nothing. A torn tail is counted, not an error. */
FSL_CHECKED fsl_status fsl_journal_read(fsl_ctx *ctx, const char *path, fsl_journal_contents *out);
/* Path of the journal beside OUT.h5: OUT.journal. */
char *fsl_journal_path(fsl_arena *arena, const char *results_path);

#endif
