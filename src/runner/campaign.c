/* runner/campaign.c: the state of a campaign (see campaign.h). */
#include "runner/campaign.h"

#include "base/text.h"
#include "store/results.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double sync_every = 0.05; /* seconds: one fdatasync serves all records of this time */

static void print_time(char text[32]) {
  const time_t now = time(NULL);
  struct tm parts;
  gmtime_r(&now, &parts);
  strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

/* A file that is there gets the next free name with a number behind it: never deleted. */
static fsl_status move_aside(fsl_ctx *ctx, const char *path) {
  char aside[4096];
  for (int i = 1; access(path, F_OK) == 0; i++) {
    if (snprintf(aside, sizeof aside, "%s.old-%d", path, i) >= (int)sizeof aside)
      return fsl_fail(ctx, FSL_EINPUT, "%s: the path is too long", path);
    if (access(aside, F_OK) == 0) continue;
    if (rename(path, aside) != 0) return fsl_fail(ctx, FSL_EIO, "%s: cannot move it aside: %s", path, strerror(errno));
    fsl_say(ctx, FSL_LOG_WARN, "%s moved to %s", path, aside);
  }
  return FSL_OK;
}

static void keep(fsl_campaign *c, size_t job, const fsl_record *record) {
  const fsl_record *const old = c->records[job];
  if (old != NULL) (*(old->status == FSL_RECORD_DONE ? &c->counts.done : &c->counts.failed))--;
  c->records[job] = record;
  (*(record->status == FSL_RECORD_DONE ? &c->counts.done : &c->counts.failed))++;
}

/* Takes over what the journal has; records of other jobs (a grid that shrank) stay in it unused. */
static fsl_status resume(fsl_ctx *ctx, fsl_campaign *c, const char *path) {
  fsl_journal_contents contents;
  FSL_TRY(fsl_journal_read(ctx, path, &contents));
  for (size_t i = 0; i < contents.n_records; i++) {
    const fsl_record *const record = &contents.records[i];
    const int64_t job = fsl_job_index_find(c->index, record->job);
    if (job >= 0 && !(c->options->retry_failed && record->status != FSL_RECORD_DONE)) keep(c, (size_t)job, record);
  }
  c->counts.resumed = c->counts.done + c->counts.failed;
  if (c->counts.resumed > 0)
    fsl_say(ctx, FSL_LOG_INFO, "%s: %zu of %zu jobs were finished before", path, c->counts.resumed, c->grid->n_jobs);
  return FSL_OK;
}

typedef struct costed_job {
  double cost;
  int64_t job;
} costed_job;

/* Longest first; equal costs in the grid's order, which keeps the jobs of one problem together. */
static int by_cost(const void *a, const void *b) {
  const costed_job *const x = a, *const y = b;
  if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
  return (x->job > y->job) - (x->job < y->job);
}

static fsl_status sort_pending(fsl_ctx *ctx, fsl_campaign *c) {
  costed_job *sorted;
  FSL_GET(ctx, sorted, c->grid->n_jobs + 1);
  FSL_GET(ctx, c->pending, c->grid->n_jobs + 1);
  for (size_t i = 0; i < c->grid->n_jobs; i++)
    if (c->records[i] == NULL) sorted[c->n_pending++] = (costed_job){c->grid->jobs[i].cost, (int64_t)i};
  qsort(sorted, c->n_pending, sizeof *sorted, by_cost);
  for (size_t i = 0; i < c->n_pending; i++) {
    c->pending[i] = sorted[i].job;
    c->counts.cost_total += sorted[i].cost;
  }
  return FSL_OK;
}

/* The spec's path from the root, so that a gather from another folder finds the data beside it. */
static const char *whole_path(fsl_arena *arena, const char *path) {
  char *const resolved = realpath(path, NULL);
  const char *const copy = resolved == NULL ? NULL : fsl_text_copy(arena, resolved);
  free(resolved);
  return copy == NULL ? path : copy;
}

fsl_status fsl_campaign_open(fsl_ctx *ctx, const fsl_run_options *options, const fsl_spec *spec, const fsl_grid *grid,
                             int ranks, fsl_campaign *out) {
  *out = (fsl_campaign){.options = options, .spec = spec, .grid = grid, .ranks = ranks};
  out->began = out->last_sync = fsl_now();
  out->counts.total = grid->n_jobs;
  out->progress = (fsl_progress){.style = options->progress, .out = stderr};
  print_time(out->started);
  FSL_GET(ctx, out->records, grid->n_jobs + 1);
  FSL_TRY(fsl_job_index_create(ctx, grid, &out->index));
  const char *const path = fsl_journal_path(ctx->arena, options->output);
  if (path == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  if (options->fresh) {
    FSL_TRY(move_aside(ctx, options->output));
    FSL_TRY(move_aside(ctx, path));
  }
  FSL_TRY(fsl_journal_open(ctx, path, spec->name, spec->seed, whole_path(ctx->arena, spec->file), spec->text,
                           &out->journal));
  FSL_TRY(resume(ctx, out, path));
  return sort_pending(ctx, out);
}

/* ---- under way -------------------------------------------------------------------------------------------------- */

int64_t fsl_campaign_peek(const fsl_campaign *campaign) {
  return campaign->stopping || campaign->next == campaign->n_pending ? -1 : campaign->pending[campaign->next];
}

fsl_status fsl_campaign_take(fsl_ctx *ctx, fsl_campaign *c, const uint8_t *bytes, size_t size) {
  fsl_record *record;
  FSL_GET(ctx, record, 1);
  FSL_TRY(fsl_journal_write(ctx, c->journal, bytes, size));
  FSL_TRY(fsl_record_decode(ctx, bytes, size, record));
  const int64_t job = fsl_job_index_find(c->index, record->job);
  if (job < 0) return fsl_fail(ctx, FSL_EINTERNAL, "a record came back of a job that the grid does not have");
  keep(c, (size_t)job, record);
  c->counts.cost_done += c->grid->jobs[job].cost;
  if (record->status != FSL_RECORD_DONE) {
    fsl_say(ctx, FSL_LOG_WARN, "a %s job failed: %s", fsl_job_type_name(c->grid->jobs[job].type), record->error);
    c->stopping = c->stopping || c->options->stop_on_error;
  }
  c->counts.seconds = fsl_now() - c->began;
  fsl_progress_show(&c->progress, &c->counts, fsl_now(), false);
  return fsl_campaign_sync(ctx, c, false);
}

fsl_status fsl_campaign_sync(fsl_ctx *ctx, fsl_campaign *c, bool at_once) {
  const double now = fsl_now();
  if (!at_once && now - c->last_sync < sync_every) return FSL_OK;
  c->last_sync = now;
  return fsl_journal_sync(ctx, c->journal);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

fsl_status fsl_campaign_close(fsl_ctx *ctx, fsl_campaign *c, int *exit_status) {
  char ended[32];
  print_time(ended);
  c->counts.seconds = fsl_now() - c->began;
  fsl_progress_show(&c->progress, &c->counts, fsl_now(), true);
  FSL_TRY(fsl_campaign_sync(ctx, c, true));
  FSL_TRY(fsl_journal_close(ctx, c->journal));
  const fsl_provenance provenance = {c->started, ended, c->options->command_line, c->ranks};
  FSL_TRY(fsl_results_write(ctx, c->options->output, c->spec, c->grid, c->records, &provenance));
  const bool complete = c->counts.done + c->counts.failed == c->counts.total;
  *exit_status = !complete ? 75 : c->counts.failed > 0 ? 3 : 0;
  return FSL_OK;
}
