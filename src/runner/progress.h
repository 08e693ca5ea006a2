/* runner/progress.h: how far a campaign is: a bar on a terminal, plain lines otherwise. */
#ifndef FSL_RUNNER_PROGRESS_H
#define FSL_RUNNER_PROGRESS_H

#include "fslens/base.h"

#include <stdio.h>

typedef enum fsl_progress_style { FSL_PROGRESS_NONE, FSL_PROGRESS_PLAIN, FSL_PROGRESS_BAR } fsl_progress_style;

typedef struct fsl_progress_counts {
  size_t done, failed, total, resumed; /* resumed: of the done and failed, those an earlier run had finished */
  double seconds;                      /* since this run began */
  double cost_done, cost_total;        /* of this run's jobs, for the time left */
} fsl_progress_counts;

typedef struct fsl_progress {
  fsl_progress_style style;
  FILE *out;
  double last; /* when a line was last written */
} fsl_progress;

/* One line of text (at most `size` bytes): bar, jobs done, failed and total, rate, time left. Pure. */
void fsl_progress_line(const fsl_progress_counts *counts, bool with_bar, char *text, size_t size);
/* Writes a line when one is due; always when `final`. */
void fsl_progress_show(fsl_progress *progress, const fsl_progress_counts *counts, double now, bool final);

#endif
