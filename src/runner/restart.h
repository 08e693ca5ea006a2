/* runner/restart.h: whether a supervised run that ended is started again. Pure. */
#ifndef FSL_RUNNER_RESTART_H
#define FSL_RUNNER_RESTART_H

#include "store/journal.h"

/* How the supervised command ended. */
typedef struct fsl_ending {
  int status;                /* its exit status, 128 + n for signal n */
  bool asked;                /* a stop was asked for */
  size_t records;            /* in the journal by now */
  fsl_journal_reason reason; /* of the last run in it */
} fsl_ending;

typedef struct fsl_restarts {
  size_t records;     /* when the command was last started */
  unsigned fruitless; /* deaths in a row that brought no record */
} fsl_restarts;

typedef struct fsl_verdict {
  bool again;
  double pause; /* seconds before the next start */
  int status;   /* what to end with, where not again */
  bool gave_up;
} fsl_verdict;

/* A death is any end but 0 (done), 2 (wrong spec), 3 (some jobs failed) and 75 (stopped early); 75 counts as one where
 * the run gave up a job that could not be interrupted. The pause doubles with every death in a row that brought no
 * record; the fifth is the last. */
fsl_verdict fsl_restart_decide(fsl_restarts *restarts, const fsl_ending *ending);

#endif
