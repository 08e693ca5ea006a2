/* runner/restart.h: whether a supervised run that ended is started again. Pure. */
#ifndef FSL_RUNNER_RESTART_H
#define FSL_RUNNER_RESTART_H

#include "store/journal.h"

/* How the supervised command ended. */
typedef struct fsl_ending {
  int status;                /* its exit status, 128 + n for signal n */
  bool asked;                /* a stop was asked for */
  uint64_t began;            /* when the last run in the journal began; 0: none did */
  size_t records;            /* in the journal by now */
  fsl_journal_reason reason; /* of the last run in it */
} fsl_ending;

typedef struct fsl_restarts {
  size_t records;     /* when the command was last started */
  uint64_t began;     /* the last run in the journal before the first start */
  unsigned fruitless; /* deaths in a row that brought no record */
} fsl_restarts;

typedef struct fsl_verdict {
  bool again;
  double pause; /* seconds before the next start */
  int status;   /* what to end with, where not again */
  enum { FSL_NOT_GIVEN_UP, FSL_NEVER_BEGAN, FSL_NO_PROGRESS } gave_up;
} fsl_verdict;

/* Whether the last run in the journal, which says that it was stopped, died in truth: a rank that dies makes mpirun end
 * the others with SIGTERM, which they take for a wish to stop. The exit status tells. 1 does not: Open MPI ends so
 * after a SIGTERM of its own. */
bool fsl_restart_was_death(const fsl_ending *ending);
/* A launcher that ends with 0 after a run that says that it was stopped has lost the status, as MPICH 4.0's does after
 * a signal: 75. A death is any end but 0 (done), 2 (wrong spec), 3 (some jobs failed) and 75 (stopped early); 75 counts
 * as one where the run gave up a job that could not be interrupted. The pause doubles with every death in a row that
 * brought no record; the fifth is the last. A command that ends by itself and never began a run is not started again:
 * its launcher refused. */
fsl_verdict fsl_restart_decide(fsl_restarts *restarts, const fsl_ending *ending);

#endif
