/* runner/groups.c: aligned blocks of workers as teams (see groups.h). Seven workers are 4 + 2 + 1. */
#include "runner/groups.h"

void fsl_rank_groups_create(MPI_Comm workers, fsl_rank_groups *out) {
  int rank, size;
  MPI_Comm_rank(workers, &rank);
  MPI_Comm_size(workers, &size);
  out->n_levels = 0;
  for (int level = 0; level < FSL_MAX_LEVELS && (1 << level) <= size; level++) {
    const int block = rank >> level;
    const int whole = ((block + 1) << level) <= size;
    MPI_Comm_split(workers, whole ? block : MPI_UNDEFINED, rank, &out->comm[level]);
    out->n_levels++;
  }
}

void fsl_rank_groups_free(fsl_rank_groups *groups) {
  for (int level = 0; level < groups->n_levels; level++)
    if (groups->comm[level] != MPI_COMM_NULL) MPI_Comm_free(&groups->comm[level]);
}

static fsl_status exchange(void *self, int partner, fsl_trouble own, fsl_trouble *theirs, size_t n, const double *send,
                           double *recv) {
  return fsl_exchange(*(MPI_Comm *)self, partner, own, theirs, n, send, recv);
}

fsl_team fsl_rank_groups_team(fsl_rank_groups *groups, int level) {
  fsl_team team = {.self = &groups->comm[level], .exchange = exchange};
  MPI_Comm_rank(groups->comm[level], &team.rank);
  MPI_Comm_size(groups->comm[level], &team.size);
  return team;
}
