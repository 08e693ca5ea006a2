/* runner/suspects.c: see suspects.h. */
#include "runner/suspects.h"

static void land(fsl_job_history *h) {
  h->flying = h->alone = false;
}

/* The run that is over: what was in flight when it died. */
static void judge(size_t n_jobs, fsl_job_history *history, bool died, bool damaged) {
  size_t n_flying = 0;
  for (size_t i = 0; i < n_jobs; i++) n_flying += history[i].flying;
  for (size_t i = 0; n_flying > 0 && i < n_jobs; i++) {
    if (!history[i].flying) continue;
    if (died && n_flying == 1 && history[i].alone && !damaged) history[i].condemned = true;
    if (died) history[i].suspect = true;
    land(&history[i]);
  }
}

static void take_start(fsl_job_history *h, const fsl_journal_start *start) {
  h->attempts++;
  h->flying = true;
  h->alone = start->alone;
}

static void take_result(fsl_job_history *h) {
  land(h);
  h->suspect = h->condemned = false;
}

void fsl_history_read(const fsl_job_index *index, const fsl_journal_contents *journal, size_t n_jobs,
                      fsl_job_history *history) {
  const fsl_journal_run *run = NULL;
  bool damaged = false; /* since the run began */
  for (size_t i = 0; i < journal->n_events; i++) {
    const fsl_journal_event *const e = &journal->events[i];
    if (e->type == FSL_EVENT_RUN) {
      judge(n_jobs, history, run != NULL && run->reason == FSL_END_DIED, damaged);
      run = &journal->runs[e->index];
      damaged = false;
    }
    damaged = damaged || e->type == FSL_EVENT_DAMAGE;
    const bool named = e->type == FSL_EVENT_START || e->type == FSL_EVENT_RESULT;
    const int64_t job = !named                       ? -1
                        : e->type == FSL_EVENT_START ? fsl_job_index_find(index, journal->starts[e->index].job)
                                                     : fsl_job_index_find(index, journal->records[e->index].job);
    if (job < 0) continue;
    if (e->type == FSL_EVENT_START) take_start(&history[job], &journal->starts[e->index]);
    if (e->type == FSL_EVENT_RESULT) take_result(&history[job]);
  }
  judge(n_jobs, history, run != NULL && run->reason == FSL_END_DIED, damaged);
}
