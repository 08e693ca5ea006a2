/* runner/alone.h: one process that does everything. */
#ifndef FSL_RUNNER_ALONE_H
#define FSL_RUNNER_ALONE_H

#include "runner/campaign.h"

/* Computes job after job until all are done or a stop was asked for. A job that ignores its time limit, or a stop, is
 * given up: then the campaign is closed and the process ends here, with the campaign's status. */
FSL_CHECKED fsl_status fsl_work_alone(fsl_ctx *ctx, fsl_campaign *campaign);

#endif
