/* store/results.h: assembles the one HDF5 results file from the spec, its grid and the records. */
#ifndef FSL_RESULTS_H
#define FSL_RESULTS_H

#include "grid/grid.h"
#include "store/ledger.h"

typedef struct fsl_provenance {
  const char *started, *ended; /* ISO 8601, UTC */
  const char *command;         /* the command line */
  const char *slurm;           /* "SLURM_JOB_ID=7 ...", "" outside SLURM */
  const char *signatures;      /* of the runs that computed, one per line, each once (store/signature.h) */
  int ranks;
} fsl_provenance;

/* records: of grid->jobs, asked for one at a time, each a few times. Writes path beside itself, closes, syncs, renames;
 * the old file stays whole until then. Data variables depend on spec and records' data alone. */
FSL_CHECKED fsl_status fsl_results_write(fsl_ctx *ctx, const char *path, const fsl_spec *spec, const fsl_grid *grid,
                                         fsl_record_source records, const fsl_provenance *provenance);

#endif
