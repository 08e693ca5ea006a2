/* runner/run.h: runs a campaign: with the ranks of an mpirun, or as one process. */
#ifndef FSL_RUNNER_RUN_H
#define FSL_RUNNER_RUN_H

#include "runner/campaign.h"

/* Starts MPI when launched by mpirun or srun, runs the campaign and writes its results file. Returns the exit status of
 * `fslens run`; messages go to stderr, from rank 0 alone where they would be the same on all. */
int fsl_run_campaign(const fsl_run_options *options);

#endif
