/* store/journal_file.h: what reading and writing a journal share. */
#ifndef FSL_STORE_JOURNAL_FILE_H
#define FSL_STORE_JOURNAL_FILE_H

#include "store/journal.h"
#include "store/journal_blocks.h"

/* Reads an open journal from its start; see fsl_journal_read. */
FSL_CHECKED fsl_status fsl_journal_parse(fsl_ctx *ctx, const char *path, int file, fsl_journal_contents *out);
/* FSL_EIO: "path: cannot <what>: <errno>". */
FSL_CHECKED fsl_status fsl_journal_refused(fsl_ctx *ctx, const char *path, const char *what);

#endif
