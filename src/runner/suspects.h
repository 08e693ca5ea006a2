/* runner/suspects.h: which jobs may have killed a run: a pure function of a journal's events. A job that was started in
 * a run that died, and had no result by then, was in flight at the death and is a suspect. Suspects run alone. A
 * suspect that was alone in flight at a death is condemned: nothing else can have killed that run. A result clears a
 * job. Runs that ended by themselves, or died after a stop was asked for, accuse nobody. Where a part of the run's own
 * events is lost to damage, a result or an end may have been in it: nobody is condemned. */
#ifndef FSL_RUNNER_SUSPECTS_H
#define FSL_RUNNER_SUSPECTS_H

#include "grid/index.h"
#include "store/journal.h"

typedef struct fsl_job_history {
  unsigned attempts; /* times it was started */
  bool suspect, condemned;
  bool flying, alone; /* started and not answered, in the run that is being read; and alone on purpose */
} fsl_job_history;

/* history: n_jobs, zeroed before the first journal; several journals are read one after the other. */
void fsl_history_read(const fsl_job_index *index, const fsl_journal_contents *journal, size_t n_jobs,
                      fsl_job_history *history);

#endif
