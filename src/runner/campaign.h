/* runner/campaign.h: a campaign under way: its jobs, the records that exist, the journal and the results file. The same
 * for one process and for a master; knows nothing of MPI. */
#ifndef FSL_RUNNER_CAMPAIGN_H
#define FSL_RUNNER_CAMPAIGN_H

#include "base/tally.h"
#include "grid/index.h"
#include "runner/calibration.h"
#include "runner/speaker.h"
#include "runner/suspects.h"
#include "runner/turns.h"
#include "store/journal.h"
#include "store/journal_paths.h"
#include "store/ledger.h"

typedef struct fsl_run_options {
  const char *spec_file;
  const char *output; /* OUT.h5 */
  size_t n_overrides;
  const char *const *overrides;
  fsl_shard array;      /* --array I/N */
  bool fresh;           /* moves the old files aside first */
  bool retry_failed;    /* failed jobs of the journals run again */
  bool stop_on_error;   /* --on-error stop */
  bool quarantine;      /* suspects run alone, condemned jobs are set aside */
  double started;       /* when the program started, on the clock of fsl_now() */
  double seconds;       /* from then to the deadline; INFINITY: none */
  double whole_seconds; /* that such a run has when nothing of it is over yet */
  size_t group;         /* forced group size; 0: chosen */
  fsl_progress_style progress;
  fsl_speaker *speaker; /* of the rank that leads; NULL: silent */
  fsl_log_level log_level;
  const char *command_line;
} fsl_run_options;

typedef struct fsl_campaign {
  const fsl_run_options *options;
  const fsl_spec *spec;
  const fsl_grid *grid;
  fsl_job_index *index;
  fsl_journal *journal;
  size_t n_journals; /* as they were at the start: this run's own, then its siblings */
  const fsl_journal_contents *journals;
  fsl_ledger *ledger;        /* which records exist, and where: this run's journal is number 0 */
  bool *mine;                /* n_jobs: of this run's stripe */
  bool *started;             /* n_jobs: by this run, or passed over by it */
  fsl_job_history *history;  /* n_jobs */
  size_t n_pending, next;    /* pending[i] for i < next have started */
  fsl_turn *pending;         /* in the order of turns.h */
  size_t *place;             /* n_jobs: in `pending` */
  size_t n_taken, next_sort; /* records of this run; at how many what is left is sorted anew */
  size_t n_suspects;         /* the first of pending, to run alone */
  size_t n_running;
  bool suspect_runs;         /* the last job that started is a suspect, alone in flight until it comes back */
  bool begun;                /* the journal knows of this run */
  bool stopping;             /* no new job is started, for this reason: */
  fsl_journal_reason reason; /* FSL_END_FINISHED while there is none */
  double rank_bytes;         /* memory that the rank with most of it may use */
  double deadline;           /* on the clock of fsl_now(), the reserve for the results taken off; INFINITY: none */
  size_t most_ranks;         /* that a job can get */
  fsl_calibration calibration;
  fsl_progress_counts counts;
  fsl_tally failures;      /* of this run, for their first of each kind to be said at once */
  double began, next_sync; /* next_sync: when the journal is made durable again */
  int ranks;
} fsl_campaign;

/* What a job that starts may take, in seconds from now; INFINITY: no limit. */
typedef struct fsl_allowance {
  double job; /* past this it is recorded as timed out */
  double run; /* past this the run is over, and the job is not recorded */
  unsigned attempt;
} fsl_allowance;

/* Opens or makes the journal, takes over the records it and its siblings have, and sorts the rest. `ranks`: of the
 * whole run; `most_ranks`: the largest group; rank_bytes: memory that a rank, the one
 * with most of it, may use. Everything lives in ctx->arena. */
FSL_CHECKED fsl_status fsl_campaign_open(fsl_ctx *ctx, const fsl_run_options *options, const fsl_spec *spec,
                                         const fsl_grid *grid, int ranks, size_t most_ranks, double rank_bytes,
                                         fsl_campaign *out);
/* Says what the run will do, where to, and how long that is expected to take on `computing` ranks. */
void fsl_campaign_announce(const fsl_ctx *ctx, fsl_campaign *campaign, int computing);
/* Says how it ended: failures by their reasons, the file, and what to do next. */
void fsl_campaign_conclude(const fsl_ctx *ctx, const fsl_campaign *campaign, int exit_status);
/* Whether the job has a record, of whatever kind. */
bool fsl_campaign_has(const fsl_campaign *campaign, size_t job);
/* A record in journal number `journal` becomes the job's, counted; an earlier one no longer counts. */
void fsl_campaign_keep(fsl_campaign *campaign, size_t job, size_t journal, fsl_journal_place place,
                       fsl_record_status status);
/* Seconds since 1970, in nanoseconds: the journal's clock. */
uint64_t fsl_campaign_time(void);
/* A walk over what may start: first the longest jobs of families that nobody works on, then all in order; or the
 * latter at once. */
typedef struct fsl_cursor {
  size_t at;
  bool in_order;
} fsl_cursor;

/* The next job that may start now; *cursor moves behind it. -1 when there is none, a stop was asked for, or a suspect
 * must have the ranks to itself. */
int64_t fsl_campaign_candidate(const fsl_campaign *campaign, fsl_cursor *cursor);
/* A job that may start now and shares its posterior with `job`, which has started; none is kept waiting for it that
 * takes longer. -1: there is none. */
int64_t fsl_campaign_kin(const fsl_campaign *campaign, int64_t job);
/* Puts what has not started in the order of the seconds that are expected now. */
void fsl_campaign_sort(fsl_campaign *campaign);
/* The fewest ranks (a power of two) on which the job fits into memory; 0: it fits on none. */
size_t fsl_campaign_least_ranks(const fsl_campaign *campaign, int64_t job);
/* Whether the job can be expected to end before the deadline on so many ranks. */
bool fsl_campaign_fits(const fsl_campaign *campaign, int64_t job, size_t ranks);
/* The job does not fit: a suspect is left for another run, so that the others need not wait for it; any other job may
 * yet be asked for again. */
void fsl_campaign_pass_over(fsl_campaign *campaign, int64_t job);
/* The job is being handed to its ranks. */
FSL_CHECKED fsl_status fsl_campaign_start(fsl_ctx *ctx, fsl_campaign *campaign, int64_t job, fsl_allowance *out);
/* A finished job's bytes: into the journal, counted, kept. */
FSL_CHECKED fsl_status fsl_campaign_take(fsl_ctx *ctx, fsl_campaign *campaign, const uint8_t *bytes, size_t size);
/* Whether nothing but a suspect may start now, or nothing at all. */
bool fsl_campaign_waits(const fsl_campaign *campaign);
/* The job came back without a record: a stop was asked for, the deadline is over, or it is started once more. */
void fsl_campaign_drop(fsl_campaign *campaign);
/* Records the failure of a job that never ran, or was dropped since it will never come back. */
FSL_CHECKED fsl_status fsl_campaign_fail(fsl_ctx *ctx, fsl_campaign *campaign, int64_t job, fsl_record_status status,
                                         const char *why);
/* The two reasons there are: it fits on no group, and it ignored its time limit. */
FSL_CHECKED fsl_status fsl_campaign_too_large(fsl_ctx *ctx, fsl_campaign *campaign, int64_t job);
FSL_CHECKED fsl_status fsl_campaign_overdue(fsl_ctx *ctx, fsl_campaign *campaign, int64_t job);
/* No new job is started from here on. Written to the journal at once: what dies now is no job's fault. */
FSL_CHECKED fsl_status fsl_campaign_stop(fsl_ctx *ctx, fsl_campaign *campaign, fsl_journal_reason reason);
/* Makes everything taken durable when some time has passed since the last time, or `now` at once. */
FSL_CHECKED fsl_status fsl_campaign_sync(fsl_ctx *ctx, fsl_campaign *campaign, bool at_once);
/* What the program ends with: 2 for wrong input, 75 where the system refused or a stop was asked for, 1 for the rest;
 * `finished` where all went well. */
int fsl_exit_status(fsl_status status, int finished);
/* Ends the run in the journal, writes the results file (unless it is one of an array) and lets go of the journal.
 * *exit_status: 0 all done, 3 some failed or can never fit into the deadline, 75 stopped early. */
FSL_CHECKED fsl_status fsl_campaign_close(fsl_ctx *ctx, fsl_campaign *campaign, int *exit_status);

#endif
