/* runner/speaker.h: says how far a run is, on one stream: a bar on a terminal, plain lines otherwise. A thread of its
 * own speaks while the others read, compute or write for long, so that there is never more than a moment of silence.
 * Every call takes NULL for a run that says nothing. */
#ifndef FSL_RUNNER_SPEAKER_H
#define FSL_RUNNER_SPEAKER_H

#include "runner/progress.h"

#include <stdio.h>

typedef enum fsl_progress_style { FSL_PROGRESS_NONE, FSL_PROGRESS_PLAIN, FSL_PROGRESS_BAR } fsl_progress_style;

typedef struct fsl_speaker fsl_speaker;

/* `pace`: seconds between two lines; of a bar, a hundredth of it. NULL for FSL_PROGRESS_NONE, and where there is no
 * memory or thread for it: a run goes on in silence. */
fsl_speaker *fsl_speaker_create(fsl_progress_style style, FILE *out, double pace);
void fsl_speaker_destroy(fsl_speaker *speaker);
/* What the run is at besides jobs, such as "reading the spec": said, with the time it takes, where that is long. NULL:
 * it is over. The text must outlive it. */
void fsl_speaker_phase(fsl_speaker *speaker, const char *what);
/* How far the jobs are: said when a line is due; always when `final`. Ends a phase. */
void fsl_speaker_show(fsl_speaker *speaker, const fsl_progress_counts *counts, bool final);
/* A line of its own on `out`, where the bar makes room for it: "fslens: ", kind ("warning: " or ""), text. */
void fsl_speaker_say(fsl_speaker *speaker, FILE *out, const char *kind, const char *text);

#endif
