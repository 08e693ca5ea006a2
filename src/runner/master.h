/* runner/master.h: rank 0 of several: hands jobs to groups of workers and takes their records. */
#ifndef FSL_RUNNER_MASTER_H
#define FSL_RUNNER_MASTER_H

#include "runner/campaign.h"

/* Runs until every job is finished or a stop was asked for and all groups have answered, then sends the workers home.
 * room: bytes that each worker may take. *lost: whether some workers never answered and will not: then MPI can only be
 * ended by MPI_Abort. */
FSL_CHECKED fsl_status fsl_master_loop(fsl_ctx *ctx, fsl_campaign *campaign, int n_workers, const double *room,
                                       bool *lost);

#endif
