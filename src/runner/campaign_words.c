/* runner/campaign_words.c: what a run says at its start and at its end (see campaign.h). */
#include "runner/campaign.h"

#include "base/text.h"
#include "grid/describe.h"

#include <math.h>

/* ---- the start --------------------------------------------------------------------------------------------------- */

/* Seconds that what is left is expected to take: shared evenly, but no job is faster than on all the ranks it fills. */
static double expect_seconds(const fsl_campaign *c, int computing) {
  double all = 0, longest = 0;
  for (size_t i = 0; i < c->n_pending; i++) {
    const fsl_job *const job = &c->grid->jobs[c->pending[i].job];
    const double ranks = fmin((double)job->max_ranks, (double)c->most_ranks);
    all += c->pending[i].seconds;
    longest = fmax(longest, c->pending[i].seconds / ranks);
  }
  return fmax(all / computing, longest);
}

/* "120 jobs for 400 cells; 30 were finished before, 12 cells are skipped (`fslens plan` says why)" */
static void say_what(const fsl_ctx *ctx, const fsl_campaign *c) {
  const fsl_shard array = c->options->array;
  size_t skipped = 0;
  fsl_text text;
  fsl_text_start(&text, ctx->arena);
  for (size_t i = 0; i < c->grid->n_cells; i++) skipped += c->grid->job_of_cell[i] < 0;
  fsl_text_add(&text, "%s: %zu job%s for %zu cell%s", c->spec->name, c->counts.total, c->counts.total == 1 ? "" : "s",
               c->grid->n_cells - skipped, c->grid->n_cells - skipped == 1 ? "" : "s");
  if (array.shards > 0) fsl_text_add(&text, ", part %u of %u of %zu jobs", array.shard, array.shards, c->grid->n_jobs);
  if (c->counts.resumed > 0) fsl_text_add(&text, "; %zu jobs were finished before", c->counts.resumed);
  if (c->counts.failed > 0) fsl_text_add(&text, " (%zu of them failed)", c->counts.failed);
  if (skipped > 0) fsl_text_add(&text, "; %zu cells are skipped (`fslens plan` says why)", skipped);
  fsl_say(ctx, FSL_LOG_INFO, "%s", text.data);
}

void fsl_campaign_announce(const fsl_ctx *ctx, fsl_campaign *c, int computing) {
  const char *const journal = fsl_journal_path(ctx->arena, c->options->output, c->options->array);
  const bool whole = c->options->array.shards == 0;
  char duration[32];
  c->counts.expected = expect_seconds(c, computing);
  fsl_duration_print(c->counts.expected, duration, sizeof duration);
  say_what(ctx, c);
  fsl_say(ctx, FSL_LOG_INFO, "finished jobs go to %s at once%s%s", journal == NULL ? "the journal" : journal,
          whole ? ", the results in the end to " : "", whole ? c->options->output : "");
  if (c->n_pending > 0)
    fsl_say(ctx, FSL_LOG_INFO, "%zu job%s to do, in %s%s on %d rank%s", c->n_pending, c->n_pending == 1 ? "" : "s",
            c->counts.expected < 1 ? "" : "about ", c->counts.expected < 1 ? "under a second" : duration, computing,
            computing == 1 ? "" : "s");
  fsl_speaker_show(c->options->speaker, &c->counts, false);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* One line a reason, earlier runs' failures among them. */
static void say_failures(const fsl_ctx *ctx, const fsl_campaign *c) {
  fsl_tally failures = {0};
  fsl_ctx own = *ctx; /* a record that cannot be read again is no error of the run's */
  const fsl_record_source source = fsl_ledger_source(c->ledger);
  for (size_t i = 0; i < c->grid->n_jobs; i++) {
    const fsl_entry_state state = fsl_ledger_state(c->ledger, i);
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    fsl_record record;
    bool found;
    if (!c->mine[i] || state == FSL_ENTRY_NONE || state == FSL_ENTRY_DONE) continue;
    const bool known = source.read(&own, source.self, i, false, &record, &found) == FSL_OK;
    (void)fsl_tally_add(&failures, known ? record.error : "its record cannot be read",
                        fsl_job_describe(ctx->arena, c->spec, &c->grid->jobs[i]));
    fsl_arena_release(ctx->arena, mark);
  }
  for (size_t i = 0; i < failures.n; i++)
    fsl_say(ctx, FSL_LOG_WARN, "%zu job%s failed: %s (first: %s)", failures.reason[i].count,
            failures.reason[i].count == 1 ? "" : "s", failures.reason[i].text, failures.reason[i].where);
  if (failures.others > 0) fsl_say(ctx, FSL_LOG_WARN, "%zu jobs failed for other reasons (see /jobs)", failures.others);
  if (failures.n > 0) fsl_say(ctx, FSL_LOG_WARN, "the same command with --retry-failed runs failed jobs again");
}

static void say_next(const fsl_ctx *ctx, const fsl_campaign *c) {
  const fsl_shard array = c->options->array;
  const char *const output = c->options->output, *const journal = fsl_journal_path(ctx->arena, output, array);
  if (array.shards == 0)
    fsl_say(ctx, FSL_LOG_INFO, "wrote %s; next: fslens show %s", output, output);
  else if (journal != NULL)
    fsl_say(ctx, FSL_LOG_INFO, "wrote %s; next, when all %u parts are done: fslens gather %s %s ...", journal,
            array.shards, output, journal);
}

void fsl_campaign_conclude(const fsl_ctx *ctx, const fsl_campaign *c, int exit_status) {
  if (c->counts.failed > 0) say_failures(ctx, c);
  say_next(ctx, c);
  if (exit_status == 75)
    fsl_say(ctx, FSL_LOG_INFO, "stopped: the same command continues (%zu of %zu jobs are done)",
            c->counts.done + c->counts.failed, c->counts.total);
}
