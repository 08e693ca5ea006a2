/* store/replace.h: a results file takes the place of an older one, and nothing of the older one gets lost in silence.
 */
#ifndef FSL_STORE_REPLACE_H
#define FSL_STORE_REPLACE_H

#include "grid/index.h"
#include "store/journal.h"
#include "store/results.h"

/* What the new file is made from. */
typedef struct fsl_replacement {
  const fsl_spec *spec;
  const fsl_grid *grid;
  const fsl_job_index *index;
  fsl_ledger *ledger; /* which records exist, and where they lie */
  size_t n_journals;
  const fsl_journal_contents *journals;
  const char *output; /* the OUT whose journals these are: what `fslens run -o` takes to go on from them; may be NULL */
} fsl_replacement;

/* As fsl_results_write. Where the older file at `path` has results that the new one has not, a warning says how many
 * cells it had and the new one has, and the command that brings them back from the journals. Where the journals have
 * not all of them, or the older file cannot be read, it is kept too, as "path.old-1", and the warning says so. */
FSL_CHECKED fsl_status fsl_results_replace(fsl_ctx *ctx, const char *path, const fsl_replacement *by,
                                           const fsl_provenance *provenance);
/* Finished results in the journals, each job once, of which the grid has no job. */
FSL_CHECKED fsl_status fsl_results_beyond(fsl_ctx *ctx, const fsl_replacement *by, size_t *out);
/* The command that makes the results file of `text` (a fsl_spec.text) from the journals: "fslens run SPEC -o OUT --set
 * ...", with as many of its first overrides. NULL where it is not the new file's spec with other overrides, where
 * `output` is not known, or out of memory. */
const char *fsl_results_command(fsl_arena *arena, const fsl_replacement *by, const char *text, size_t most_overrides);

#endif
