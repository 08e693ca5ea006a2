/* runner/calibration.h: how long jobs really take, learnt from those that are done: the seconds of a job over its
 * estimated cost are log-normal for each type of job, with a vague prior. Pure. Used for deadlines, for the order of
 * what is left and for the ranks a job gets; never for the choice of a kernel or of who computes what in an array. */
#ifndef FSL_RUNNER_CALIBRATION_H
#define FSL_RUNNER_CALIBRATION_H

#include "grid/grid.h"

enum { FSL_N_JOB_TYPES = FSL_JOB_BUDGET + 1 };

typedef struct fsl_calibration {
  struct {
    double n, sum, squares; /* of log(seconds x ranks / cost) */
  } type[FSL_N_JOB_TYPES];
} fsl_calibration;

/* Seconds that are none, such as 0 or NaN, and jobs without a cost are passed over. */
void fsl_calibration_add(fsl_calibration *calibration, const fsl_job *job, double seconds, int ranks);
/* What a type's cost is to be multiplied with for the seconds that are expected on one rank: the median. */
double fsl_calibration_factor(const fsl_calibration *calibration, fsl_job_type type);
/* Seconds on `ranks` ranks that the job exceeds with a probability of about 5 %. */
double fsl_calibration_upper(const fsl_calibration *calibration, const fsl_job *job, int ranks);
/* Seconds that results of a campaign of `n_cells` cells are kept for their writing: twice what was seen at most. */
double fsl_gather_reserve(size_t n_cells);

#endif
