/* runner/groups.h: the communicators of every aligned block of 2^level workers, made once at the start. */
#ifndef FSL_RUNNER_GROUPS_H
#define FSL_RUNNER_GROUPS_H

#include "runner/messages.h"

enum { FSL_MAX_LEVELS = 24 };

typedef struct fsl_rank_groups {
  int n_levels;
  MPI_Comm comm[FSL_MAX_LEVELS]; /* this worker's block of each level; MPI_COMM_NULL where it is in no full block */
} fsl_rank_groups;

/* Collective over `workers` (worker numbers from 0). */
void fsl_rank_groups_create(MPI_Comm workers, fsl_rank_groups *out);
void fsl_rank_groups_free(fsl_rank_groups *groups);
/* The team of this worker's block; `groups` must outlive it. */
fsl_team fsl_rank_groups_team(fsl_rank_groups *groups, int level);

#endif
