/* grid/cost.h: what a job takes, from the spec alone: seconds on one rank (uncalibrated), bytes, and how many ranks it
 * can fill. The seconds are sums of what each folder says of its own work: posterior/cost.h, approximation/cost.h,
 * truth/truth.h, metric/cost.h. */
#ifndef FSL_GRID_COST_H
#define FSL_GRID_COST_H

#include "grid/grid.h"

/* What the seconds of jobs go to. */
typedef enum fsl_cost_part {
  FSL_COST_SAMPLING, /* training sets, runs, and their grading */
  FSL_COST_SCORE_ERRORS,
  FSL_COST_REFERENCE,
  FSL_COST_TRUTH, /* the true posterior, and what samples are graded by */
  FSL_COST_FLOORS,
  FSL_COST_BUDGET,
  FSL_N_COST_PARTS
} fsl_cost_part;

extern const char *const fsl_cost_part_names[FSL_N_COST_PARTS];

/* Fills cost, bytes and max_ranks of a job whose type, point and approximation are set. */
void fsl_job_estimate(const fsl_spec *spec, fsl_job *job);
/* The parts of job->cost. */
void fsl_job_cost_parts(const fsl_spec *spec, const fsl_job *job, double parts[FSL_N_COST_PARTS]);
/* Bytes on each of `ranks` ranks that share the job. */
size_t fsl_job_bytes(const fsl_spec *spec, const fsl_job *job, size_t ranks);

#endif
