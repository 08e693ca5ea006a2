/* runner/progress.h: how far a campaign is, in words. Pure. */
#ifndef FSL_RUNNER_PROGRESS_H
#define FSL_RUNNER_PROGRESS_H

#include "fslens/base.h"

typedef struct fsl_progress_counts {
  size_t done, failed, total, resumed; /* resumed: of the done and failed, those an earlier run had finished */
  double seconds;                      /* since this run began */
  double cost_done, cost_total;        /* of this run's jobs, for the time left */
  double expected;                     /* seconds that this run's jobs were expected to take; 0: none are left */
} fsl_progress_counts;

/* One line of text (at most `size` bytes): bar, jobs done, failed and total, time that passed, time left. */
void fsl_progress_line(const fsl_progress_counts *counts, bool with_bar, char *text, size_t size);
/* "42 s", "3 min", "2 h 5 min", "3 days 4 h" */
void fsl_duration_print(double seconds, char *text, size_t size);

#endif
