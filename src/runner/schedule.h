/* runner/schedule.h: which workers compute the next job: a pure function of state, tested without MPI or clocks. Groups
 * are aligned blocks of 2^level workers. Seconds and times are expectations: they decide who waits for whom, never what
 * a job computes. */
#ifndef FSL_RUNNER_SCHEDULE_H
#define FSL_RUNNER_SCHEDULE_H

#include "fslens/base.h"

typedef struct fsl_block {
  int first, level; /* workers first .. first + 2^level - 1; level -1: none */
} fsl_block;

typedef struct fsl_schedule {
  int n_workers;
  bool *busy;                  /* n_workers */
  const double *since, *until; /* n_workers: when a busy one began and is expected to be free; NULL: not known */
  double now;                  /* on their clock */
  size_t forced;               /* group size that was asked for; 0: chosen here */
  double pending_seconds;      /* on one rank, of the jobs that have not started */
  const double *room;          /* n_workers: bytes that each may take; NULL: enough */
  const double *need;          /* by level: bytes on each rank of the job that is asked about; where `room` is set */
  bool has_reserved;
  fsl_block reserved;   /* kept for the longest job pending, which waits for it */
  double reserved_from; /* when it is expected to be free */
} fsl_schedule;

/* The level of the largest aligned full block of at most `ranks` workers that this machine room has. */
int fsl_schedule_level(int n_workers, size_t ranks);
/* The block for a job of `cost` seconds on one rank that can be split over `least` ranks, for its memory, up to `most`
 * (powers of two): the free one on which it ends first. A job gets more than it needs when it alone would take longer
 * than its share of all that is left. Level -1: no block is free that suits it, or a larger one that will be is worth
 * the wait; *wait, where not NULL, is then the block to wait for (level -1: there is none). Where a block is reserved,
 * its workers are given away only for as long as it is not free as a whole. A forced size is waited for, clipped to
 * what the job needs and can fill. */
fsl_block fsl_schedule_next(const fsl_schedule *schedule, double cost, size_t least, size_t most, fsl_block *wait);
/* Whether each worker of the block has room for what the job needs on so many. */
bool fsl_schedule_has_room(const fsl_schedule *schedule, fsl_block block);
/* The fewest ranks, a power of two up to `most`, of which some block has room for the job; 0: none has. */
size_t fsl_schedule_least(const fsl_schedule *schedule, size_t most);
/* A job that ran out of memory on the workers of `starved`: a block without any of them, of its level or a lower one
 * that has room. *wait: the best there is (level -1: there is none); it is returned where it is free. */
fsl_block fsl_schedule_elsewhere(const fsl_schedule *schedule, fsl_block starved, size_t least, fsl_block *wait);
/* Whether a job that ran out of memory on `starved` is to be tried once more, on other workers: not where it was
 * already, nor where there are none. What is short on one machine may be there on another. */
bool fsl_schedule_again(const fsl_schedule *schedule, fsl_block starved, size_t least, bool tried_again);
void fsl_schedule_set(fsl_schedule *schedule, fsl_block block, bool busy);
/* Keeps the block for one job until the reservation is taken back. */
void fsl_schedule_reserve(fsl_schedule *schedule, fsl_block block);
/* Seconds of work that one worker is given at a time where jobs are small: few enough that all end together. */
double fsl_schedule_batch(const fsl_schedule *schedule);

#endif
