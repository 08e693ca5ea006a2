/* store/provenance.h: /provenance, the same in every file that fslens writes. */
#ifndef FSL_STORE_PROVENANCE_H
#define FSL_STORE_PROVENANCE_H

#include "store/h5.h"
#include "store/results.h"

/* "SLURM_JOB_ID=7 ..." of this process, "" outside SLURM; NULL when out of memory. */
const char *fsl_provenance_slurm(fsl_arena *arena);
/* hosts: where the file's values were computed, blanks between. */
FSL_CHECKED fsl_status fsl_provenance_write(fsl_h5 *h, const fsl_spec *spec, const char *hosts,
                                            const fsl_provenance *provenance);

#endif
