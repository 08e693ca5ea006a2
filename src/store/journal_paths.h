/* store/journal_paths.h: where the journals of a results file lie: OUT.journal, and OUT.I-of-N.journal for the tasks of
 * an array, beside OUT.h5. */
#ifndef FSL_STORE_JOURNAL_PATHS_H
#define FSL_STORE_JOURNAL_PATHS_H

#include "fslens/base.h"

/* Which part of a campaign a run computes: `shard` of `shards`, from 1. */
typedef struct fsl_shard {
  unsigned shard, shards; /* shards 0: no array, all of it */
} fsl_shard;

/* NULL when out of memory. */
char *fsl_journal_path(fsl_arena *arena, const char *results_path, fsl_shard shard);
/* The other journals of the same results file that exist, of an array of any size or of none, in the order of their
 * names. */
FSL_CHECKED fsl_status fsl_journal_siblings(fsl_ctx *ctx, const char *results_path, const char *own, size_t *n,
                                            const char *const **paths);
/* OUT.h5 of OUT.journal or OUT.I-of-N.journal; NULL where it is not a journal's name, or out of memory. */
const char *fsl_journal_results_path(fsl_arena *arena, const char *journal);
/* The shard that a journal's name tells; shards 0 where it tells none. */
fsl_shard fsl_journal_shard(const char *path);

#endif
