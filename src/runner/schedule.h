/* runner/schedule.h: which workers compute the next job: a pure function of state, tested without MPI or clocks. Groups
 * are aligned blocks of 2^level workers. */
#ifndef FSL_RUNNER_SCHEDULE_H
#define FSL_RUNNER_SCHEDULE_H

#include "fslens/base.h"

typedef struct fsl_schedule {
  int n_workers;
  bool *busy;             /* n_workers */
  size_t forced;          /* group size that was asked for; 0: chosen here */
  double pending_seconds; /* cost of the jobs that have not started */
} fsl_schedule;

typedef struct fsl_block {
  int first, level; /* workers first .. first + 2^level - 1; level -1: no block is free now */
} fsl_block;

/* The level of the largest aligned full block of at most `ranks` workers that this machine room has. */
int fsl_schedule_level(int n_workers, size_t ranks);
/* The block for a job of `cost` seconds on one rank that can be split over `least` ranks, for its memory, up to `most`
 * (powers of two). A job gets more than it needs when it alone would take longer than its share of all that is left. A
 * forced size is waited for, clipped to what the job needs and can fill. */
fsl_block fsl_schedule_next(const fsl_schedule *schedule, double cost, size_t least, size_t most);
void fsl_schedule_set(fsl_schedule *schedule, fsl_block block, bool busy);

#endif
