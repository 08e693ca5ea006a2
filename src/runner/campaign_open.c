/* runner/campaign_open.c: what was finished before, what is left, and in which order (see campaign.h). */
#include "runner/campaign.h"

#include "base/text.h"
#include "grid/stripe.h"
#include "store/collect.h"
#include "store/files.h"
#include "store/lock.h"
#include "store/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Seconds to wait for another run on the same journal: the ranks of one that was killed may outlive it by a little. */
static const double patience = 5;
enum { first_sort = 8 }; /* records after which what is left is first sorted anew */

/* ---- the journals ------------------------------------------------------------------------------------------------ */

/* Never deleted. */
static fsl_status move_aside(fsl_ctx *ctx, const char *path) {
  const char *moved;
  FSL_TRY(fsl_move_aside(ctx, path, &moved));
  if (moved != NULL) fsl_say(ctx, FSL_LOG_WARN, "%s moved to %s", path, moved);
  return FSL_OK;
}

/* Under the journal's lock: no run that is under way is robbed of its file. */
static fsl_status start_afresh(fsl_ctx *ctx, const fsl_campaign *c, const char *path) {
  fsl_lock lock;
  fsl_output out;
  FSL_TRY(fsl_output_check(ctx, c->options->output, FSL_FILE_RESULTS, 0, NULL, &out));
  FSL_TRY(fsl_lock_take(ctx, path, patience, &lock));
  fsl_status status = c->options->array.shards == 0 ? move_aside(ctx, out.target) : FSL_OK;
  if (status == FSL_OK) status = move_aside(ctx, path);
  fsl_lock_release(&lock);
  return status;
}

/* The spec's path from the root, so that a gather from another folder finds the data beside it. */
static const char *whole_path(fsl_arena *arena, const char *path) {
  char *const resolved = realpath(path, NULL);
  const char *const copy = resolved == NULL ? NULL : fsl_text_copy(arena, resolved);
  free(resolved);
  return copy == NULL ? path : copy;
}

/* A sibling that cannot be read costs what it holds, and no more. */
static fsl_status read_siblings(fsl_ctx *ctx, fsl_campaign *c, const char *own, fsl_journal_contents *first) {
  const char *const *path;
  size_t n = 0;
  if (!c->options->fresh) FSL_TRY(fsl_journal_siblings(ctx, c->options->output, own, &n, &path));
  fsl_journal_contents *all;
  FSL_GET(ctx, all, n + 1);
  all[0] = *first;
  c->n_journals = 1;
  for (size_t i = 0; i < n; i++) {
    const fsl_status status = fsl_journal_read(ctx, path[i], &all[c->n_journals]);
    if (status == FSL_ENOMEM) return status;
    if (status != FSL_OK)
      fsl_say(ctx, FSL_LOG_WARN, "%s; it is left out", ctx->error);
    else
      c->n_journals++;
  }
  c->journals = all;
  return fsl_collect_check(ctx, c->n_journals, all);
}

/* The spec that was written last rules in a later gather. That is this run's, also where a sibling's is dated later
 * than now: on another machine the clock may be ahead. */
static fsl_status make_spec_rule(fsl_ctx *ctx, fsl_campaign *c, const fsl_journal_campaign *mine) {
  const fsl_journal_campaign *const old = &c->journals[0].campaign;
  const fsl_journal_campaign *const other = fsl_collect_spec(c->n_journals - 1, c->journals + 1);
  const bool kept = strcmp(old->spec_text, mine->spec_text) == 0 && strcmp(old->spec_file, mine->spec_file) == 0;
  const uint64_t dated = kept ? old->spec_time : mine->spec_time;
  if (other == NULL || strcmp(other->spec_text, mine->spec_text) == 0 || other->spec_time < dated) return FSL_OK;
  fsl_journal_campaign last = *mine;
  if (other->spec_time >= mine->spec_time) {
    const char *const time = fsl_provenance_time(ctx->arena, other->spec_time);
    const char *const where = fsl_collect_path_of(c->n_journals, c->journals, other);
    fsl_say(ctx, FSL_LOG_WARN,
            "the clock went back: the spec in %s is dated %s, which is later than now; the spec of this run rules",
            where, time == NULL ? "" : time);
    last.spec_time = other->spec_time + 1;
  }
  return fsl_journal_spec(ctx, c->journal, &last);
}

static fsl_status open_journals(fsl_ctx *ctx, fsl_campaign *c) {
  const char *const path = fsl_journal_path(ctx->arena, c->options->output, c->options->array);
  if (path == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  if (c->options->fresh) FSL_TRY(start_afresh(ctx, c, path));
  const fsl_journal_campaign campaign = {.name = c->spec->name,
                                         .seed = c->spec->seed,
                                         .spec_time = fsl_campaign_time(),
                                         .spec_file = whole_path(ctx->arena, c->spec->file),
                                         .spec_text = c->spec->text};
  fsl_journal_contents own;
  FSL_TRY(fsl_journal_open(ctx, path, &campaign, patience, &c->journal, &own));
  FSL_TRY(read_siblings(ctx, c, path, &own));
  return make_spec_rule(ctx, c, &campaign);
}

/* ---- what was finished ------------------------------------------------------------------------------------------- */

/* A record that rules: what it tells of the seconds, and whether it counts. */
static void take_record(void *self, size_t job, const fsl_journal_record *record) {
  fsl_campaign *const c = self;
  const bool done = record->status == FSL_RECORD_DONE;
  if (done) fsl_calibration_add(&c->calibration, &c->grid->jobs[job], record->seconds, record->ranks);
  if (!done && c->options->retry_failed && c->mine[job])
    fsl_ledger_strike(c->ledger, job);
  else if (c->mine[job])
    (*(done ? &c->counts.done : &c->counts.failed))++;
}

static fsl_status take_over(fsl_ctx *ctx, fsl_campaign *c) {
  FSL_TRY(fsl_ledger_create(ctx, c->grid, c->n_journals, &c->ledger));
  FSL_TRY(fsl_collect_records(ctx, c->spec, c->grid, c->index, c->n_journals, c->journals, c->ledger, take_record, c));
  c->counts.resumed = c->counts.done + c->counts.failed;
  return FSL_OK;
}

static fsl_status stripe(fsl_ctx *ctx, fsl_campaign *c) {
  const fsl_shard array = c->options->array;
  for (size_t i = 0; i < c->grid->n_jobs; i++) c->mine[i] = true;
  if (array.shards > 0) FSL_TRY(fsl_grid_stripe(ctx, c->grid, array.shard, array.shards, c->mine));
  for (size_t i = 0; i < c->grid->n_jobs; i++) c->counts.total += c->mine[i];
  return FSL_OK;
}

/* ---- what is left ------------------------------------------------------------------------------------------------ */

/* Suspects stay in front whatever becomes known of the seconds. */
static fsl_status sort_pending(fsl_ctx *ctx, fsl_campaign *c) {
  size_t n = 0;
  for (size_t i = 0; i < c->grid->n_jobs; i++) n += c->mine[i] && !fsl_campaign_has(c, i);
  FSL_GET(ctx, c->pending, n + 1);
  if (n > 0) FSL_GET(ctx, c->place, c->grid->n_jobs);
  for (size_t i = 0; i < c->grid->n_jobs; i++) {
    if (!c->mine[i] || fsl_campaign_has(c, i)) continue;
    const fsl_job *const job = &c->grid->jobs[i];
    const fsl_turn turn = {.job = (int64_t)i,
                           .suspect = c->options->quarantine && c->history[i].suspect,
                           .seconds = job->cost * fsl_calibration_factor(&c->calibration, job->type),
                           .family = fsl_turn_family(c->spec, job->point)};
    c->pending[c->n_pending++] = turn;
    c->counts.cost_total += job->cost;
    c->n_suspects += turn.suspect;
  }
  fsl_turns_sort(0, c->n_pending, c->pending);
  for (size_t i = 0; i < c->n_pending; i++) c->place[c->pending[i].job] = i;
  c->next_sort = first_sort;
  return FSL_OK;
}

/* A sibling may be running at this moment, which looks like a death: only this run's own journal accuses. */
static void read_history(fsl_campaign *c) {
  for (size_t i = 1; i < c->n_journals; i++) fsl_history_read(c->index, &c->journals[i], c->grid->n_jobs, c->history);
  for (size_t i = 0; i < c->grid->n_jobs; i++) c->history[i] = (fsl_job_history){.attempts = c->history[i].attempts};
  fsl_history_read(c->index, &c->journals[0], c->grid->n_jobs, c->history);
}

/* Which jobs were in flight at deaths: the condemned ones are set aside, the rest named. */
static fsl_status judge(fsl_ctx *ctx, fsl_campaign *c) {
  size_t n_suspects = 0;
  read_history(c);
  for (size_t i = 0; i < c->grid->n_jobs; i++) {
    if (!c->mine[i] || fsl_campaign_has(c, i)) continue;
    if (c->options->quarantine && c->history[i].condemned)
      FSL_TRY(
          fsl_campaign_fail(ctx, c, (int64_t)i, FSL_RECORD_FAILED,
                            "it was alone in flight when the run died, and in flight at a death before: set aside"));
    else
      n_suspects += c->history[i].suspect;
  }
  if (n_suspects > 0)
    fsl_say(ctx, FSL_LOG_WARN, "jobs that were in flight when an earlier run died: %zu; %s", n_suspects,
            c->options->quarantine ? "each runs alone" : "`fslens supervise` finds out which of them killed it");
  return FSL_OK;
}

static fsl_status make_room(fsl_ctx *ctx, fsl_campaign *c) {
  const size_t n = c->grid->n_jobs + 1;
  FSL_GET(ctx, c->mine, n);
  FSL_GET(ctx, c->started, n);
  FSL_GET(ctx, c->history, n);
  return fsl_job_index_create(ctx, c->grid, &c->index);
}

static fsl_status prepare(fsl_ctx *ctx, fsl_campaign *c) {
  FSL_TRY(take_over(ctx, c));
  FSL_TRY(judge(ctx, c));
  return sort_pending(ctx, c);
}

fsl_status fsl_campaign_open(fsl_ctx *ctx, const fsl_run_options *options, const fsl_spec *spec, const fsl_grid *grid,
                             int ranks, size_t most_ranks, double rank_bytes, fsl_campaign *out) {
  *out = (fsl_campaign){.options = options,
                        .spec = spec,
                        .grid = grid,
                        .ranks = ranks,
                        .most_ranks = most_ranks,
                        .reason = FSL_END_FINISHED,
                        .rank_bytes = fmin(rank_bytes, spec->rank_bytes),
                        .deadline = options->started + options->seconds - fsl_gather_reserve(grid->n_cells)};
  out->began = fsl_now();
  FSL_TRY(make_room(ctx, out));
  FSL_TRY(stripe(ctx, out));
  fsl_speaker_phase(options->speaker, "reading the journals");
  fsl_status status = open_journals(ctx, out);
  if (status == FSL_OK) status = prepare(ctx, out);
  if (status != FSL_OK && out->journal != NULL) {
    char first[sizeof ctx->error];
    memcpy(first, ctx->error, sizeof first);
    if (fsl_journal_close(ctx, out->journal) != FSL_OK) fsl_say(ctx, FSL_LOG_DEBUG, "%s", ctx->error);
    memcpy(ctx->error, first, sizeof first);
    out->journal = NULL;
  }
  if (status != FSL_OK) fsl_ledger_close(out->ledger);
  return status;
}
