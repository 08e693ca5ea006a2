/* grid/cost.h: what a job takes, from the spec alone: seconds on one rank (uncalibrated), bytes, and how many ranks it
 * can fill. */
#ifndef FSL_GRID_COST_H
#define FSL_GRID_COST_H

#include "grid/grid.h"

/* Fills cost, bytes and max_ranks of a job whose type, point and approximation are set. */
void fsl_job_estimate(const fsl_spec *spec, fsl_job *job);
/* Bytes on each of `ranks` ranks that share the job. */
size_t fsl_job_bytes(const fsl_spec *spec, const fsl_job *job, size_t ranks);

#endif
