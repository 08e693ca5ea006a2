/* runner/campaign.h: a campaign under way: its jobs, the records that exist, the journal and the results file. The same
 * for one process and for a master; knows nothing of MPI. */
#ifndef FSL_RUNNER_CAMPAIGN_H
#define FSL_RUNNER_CAMPAIGN_H

#include "grid/index.h"
#include "runner/progress.h"
#include "store/journal.h"

typedef struct fsl_run_options {
  const char *spec_file;
  const char *output; /* OUT.h5 */
  size_t n_overrides;
  const char *const *overrides;
  bool fresh;         /* moves the old files aside first */
  bool retry_failed;  /* failed jobs of the journal run again */
  bool stop_on_error; /* --on-error stop */
  size_t group;       /* forced group size; 0: chosen */
  fsl_progress_style progress;
  fsl_log_level log_level;
  const char *command_line;
} fsl_run_options;

typedef struct fsl_campaign {
  const fsl_run_options *options;
  const fsl_spec *spec;
  const fsl_grid *grid;
  fsl_job_index *index;
  fsl_journal *journal;
  const fsl_record **records; /* n_jobs, NULL: not finished */
  size_t n_pending, next;     /* pending[next ..] have not started */
  int64_t *pending;           /* longest first */
  bool stopping;              /* no new job is started */
  fsl_progress progress;
  fsl_progress_counts counts;
  double began, last_sync;
  char started[32]; /* ISO 8601, UTC */
  int ranks;
} fsl_campaign;

/* Opens or makes the journal, takes over the records it has, and sorts the rest. Everything lives in ctx->arena. */
FSL_CHECKED fsl_status fsl_campaign_open(fsl_ctx *ctx, const fsl_run_options *options, const fsl_spec *spec,
                                         const fsl_grid *grid, int ranks, fsl_campaign *out);
/* The next job to start, -1 when there is none (or a stop was asked for). */
int64_t fsl_campaign_peek(const fsl_campaign *campaign);
/* A finished job's bytes: into the journal, counted, kept. */
FSL_CHECKED fsl_status fsl_campaign_take(fsl_ctx *ctx, fsl_campaign *campaign, const uint8_t *bytes, size_t size);
/* Makes everything taken durable when some time has passed since the last time, or `now` at once. */
FSL_CHECKED fsl_status fsl_campaign_sync(fsl_ctx *ctx, fsl_campaign *campaign, bool at_once);
/* Writes the results file and closes the journal. *exit_status: 0 all done, 3 some failed, 75 stopped early. */
FSL_CHECKED fsl_status fsl_campaign_close(fsl_ctx *ctx, fsl_campaign *campaign, int *exit_status);

#endif
