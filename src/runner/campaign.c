/* runner/campaign.c: a campaign under way, and its end (see campaign.h). */
#include "runner/campaign.h"

#include "base/text.h"
#include "grid/cost.h"
#include "grid/describe.h"
#include "store/collect.h"
#include "store/files.h"
#include "store/provenance.h"
#include "store/replace.h"
#include "store/signature.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* One fdatasync serves all records of this many seconds; on a slow disk of more, so that waiting for it takes no more
 * than a twentieth of the time. */
static const double sync_every = 0.05, sync_share = 0.05;

uint64_t fsl_campaign_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool fsl_campaign_has(const fsl_campaign *c, size_t job) {
  return fsl_ledger_state(c->ledger, job) != FSL_ENTRY_NONE;
}

void fsl_campaign_keep(fsl_campaign *c, size_t job, size_t journal, fsl_journal_place place, fsl_record_status status) {
  const fsl_entry_state old = fsl_ledger_state(c->ledger, job);
  fsl_ledger_enter(c->ledger, job, journal, place, status);
  if (!c->mine[job]) return;
  if (old != FSL_ENTRY_NONE) (*(old == FSL_ENTRY_DONE ? &c->counts.done : &c->counts.failed))--;
  (*(status == FSL_RECORD_DONE ? &c->counts.done : &c->counts.failed))++;
}

/* ---- what may start ---------------------------------------------------------------------------------------------- */

/* Whether a suspect is there, or runs, that must have the ranks to itself. */
static bool must_wait(const fsl_campaign *c) {
  return c->stopping || ((c->next < c->n_suspects || c->suspect_runs) && c->n_running > 0);
}

bool fsl_campaign_waits(const fsl_campaign *c) {
  return must_wait(c) || c->next < c->n_suspects;
}

int64_t fsl_campaign_candidate(const fsl_campaign *c, fsl_cursor *cursor) {
  const bool suspects_left = c->next < c->n_suspects;
  if (cursor->at < c->next) cursor->at = c->next;
  if (must_wait(c)) return -1;
  if (!cursor->in_order && !suspects_left) {
    const size_t found = fsl_turns_unbegun(c->n_pending, c->pending, c->started, cursor->at);
    if (found < c->n_pending && c->pending[found].step == c->pending[c->next].step) {
      cursor->at = c->pending[found].end;
      return c->pending[found].job;
    }
    *cursor = (fsl_cursor){c->next, true};
  }
  while (cursor->at < c->n_pending && c->started[c->pending[cursor->at].job]) cursor->at++;
  const size_t end = suspects_left ? c->n_suspects : c->n_pending;
  return cursor->at < end ? c->pending[cursor->at++].job : -1;
}

int64_t fsl_campaign_kin(const fsl_campaign *c, int64_t job) {
  const size_t place = c->place[job];
  if (must_wait(c) || c->next < c->n_suspects || c->next == c->n_pending) return -1;
  const size_t kin = fsl_turns_kin(c->n_pending, c->pending, c->started, place);
  return kin < c->n_pending && c->pending[kin].step == c->pending[c->next].step ? c->pending[kin].job : -1;
}

/* What has started goes to the front. */
void fsl_campaign_sort(fsl_campaign *c) {
  size_t n_started = c->n_suspects;
  for (size_t i = n_started; i < c->n_pending; i++) {
    fsl_turn *const turn = &c->pending[i];
    const fsl_job *const job = &c->grid->jobs[turn->job];
    turn->seconds = job->cost * fsl_calibration_factor(&c->calibration, job->type);
    if (!c->started[turn->job]) continue;
    const fsl_turn begun = *turn;
    *turn = c->pending[n_started];
    c->pending[n_started] = begun;
    c->pending[n_started].first = n_started;
    c->pending[n_started].end = n_started + 1;
    n_started++;
  }
  fsl_turns_sort(n_started, c->n_pending, c->pending);
  for (size_t i = 0; i < c->n_pending; i++) c->place[c->pending[i].job] = i;
}

static size_t most_ranks(const fsl_campaign *c, int64_t job) {
  const size_t most = c->grid->jobs[job].max_ranks;
  return most < c->most_ranks ? most : c->most_ranks;
}

size_t fsl_campaign_least_ranks(const fsl_campaign *c, int64_t job) {
  const size_t most = most_ranks(c, job);
  for (size_t ranks = 1; ranks <= most; ranks *= 2)
    if ((double)fsl_job_bytes(c->spec, &c->grid->jobs[job], ranks) <= c->rank_bytes) return ranks;
  return 0;
}

bool fsl_campaign_fits(const fsl_campaign *c, int64_t job, size_t ranks) {
  if (isinf(c->deadline)) return true;
  return fsl_now() + fsl_calibration_upper(&c->calibration, &c->grid->jobs[job], (int)ranks) <= c->deadline;
}

/* Over what has started. */
static void advance(fsl_campaign *c) {
  while (c->next < c->n_pending && c->started[c->pending[c->next].job]) c->next++;
}

void fsl_campaign_pass_over(fsl_campaign *c, int64_t job) {
  for (size_t i = c->next; i < c->n_suspects; i++)
    if (c->pending[i].job == job) c->started[job] = true;
  advance(c);
}

static fsl_status begin(fsl_ctx *ctx, fsl_campaign *c) {
  char host[256];
  fsl_host_name(host);
  const fsl_shard array = c->options->array;
  const fsl_journal_run run = {.began = fsl_campaign_time(),
                               .ranks = (unsigned)c->ranks,
                               .shard = array.shards == 0 ? 1 : array.shard,
                               .shards = array.shards == 0 ? 1 : array.shards,
                               .host = host,
                               .signature = fsl_signature(ctx->arena),
                               .command = c->options->command_line,
                               .slurm = fsl_provenance_slurm(ctx->arena)};
  if (run.signature == NULL || run.slurm == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the journal");
  fsl_collect_warn_mixed(ctx, c->n_journals, c->journals, run.signature);
  FSL_TRY(fsl_journal_begin(ctx, c->journal, &run));
  c->begun = true;
  return FSL_OK;
}

fsl_status fsl_campaign_start(fsl_ctx *ctx, fsl_campaign *c, int64_t job, fsl_allowance *out) {
  const bool alone = c->next < c->n_suspects;
  fsl_job_history *const history = &c->history[job];
  if (!c->begun) FSL_TRY(begin(ctx, c));
  const fsl_journal_start start = {c->grid->jobs[job].identity, ++history->attempts, alone};
  FSL_TRY(fsl_journal_started(ctx, c->journal, &start));
  c->started[job] = true;
  c->suspect_runs = alone;
  c->n_running++;
  advance(c);
  *out = (fsl_allowance){c->spec->job_seconds, c->deadline - fsl_now(), history->attempts};
  return FSL_OK;
}

/* ---- what comes back --------------------------------------------------------------------------------------------- */

/* The first failure of its kind is said at once, the rest are counted: at the end each kind has one line. */
static void note_failure(const fsl_ctx *ctx, fsl_campaign *c, const fsl_job *job, const fsl_record *record) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const char *const where = fsl_job_describe(ctx->arena, c->spec, job);
  const bool late = record->status == FSL_RECORD_TIMED_OUT;
  if (fsl_tally_add(&c->failures, record->error, where))
    fsl_say(ctx, FSL_LOG_WARN, "%s: %s: %s", where, late ? "timed out" : "failed", record->error);
  fsl_arena_release(ctx->arena, mark);
}

/* A decoded record, which lies in the journal as its last one. */
static fsl_status keep_record(fsl_ctx *ctx, fsl_campaign *c, const fsl_record *record) {
  const int64_t job = fsl_job_index_find(c->index, record->job);
  if (job < 0) return fsl_fail(ctx, FSL_EINTERNAL, "a record came back of a job that the grid does not have");
  fsl_campaign_keep(c, (size_t)job, 0, fsl_journal_last(c->journal), record->status);
  c->started[job] = true;
  c->counts.cost_done += c->grid->jobs[job].cost;
  if (record->status == FSL_RECORD_DONE) {
    fsl_calibration_add(&c->calibration, &c->grid->jobs[job], record->seconds, record->ranks);
    return FSL_OK;
  }
  note_failure(ctx, c, &c->grid->jobs[job], record);
  c->stopping = c->stopping || c->options->stop_on_error;
  return FSL_OK;
}

static fsl_status keep_bytes(fsl_ctx *ctx, fsl_campaign *c, const uint8_t *bytes, size_t size) {
  fsl_record record;
  FSL_TRY(fsl_journal_write(ctx, c->journal, bytes, size)); /* first: it is finished, whatever comes */
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_status status = fsl_record_decode(ctx, bytes, size, &record);
  if (status == FSL_OK) status = keep_record(ctx, c, &record);
  fsl_arena_release(ctx->arena, mark);
  return status;
}

fsl_status fsl_campaign_take(fsl_ctx *ctx, fsl_campaign *c, const uint8_t *bytes, size_t size) {
  c->n_running--;
  FSL_TRY(keep_bytes(ctx, c, bytes, size));
  if (++c->n_taken == c->next_sort) { /* more is known of the seconds; each sort lasts for as many records as before */
    c->next_sort *= 2;
    fsl_campaign_sort(c);
    advance(c);
  }
  c->counts.seconds = fsl_now() - c->began;
  fsl_speaker_show(c->options->speaker, &c->counts, false);
  return fsl_campaign_sync(ctx, c, false);
}

void fsl_campaign_drop(fsl_campaign *c) {
  c->n_running--;
}

fsl_status fsl_campaign_fail(fsl_ctx *ctx, fsl_campaign *c, int64_t job, fsl_record_status status, const char *why) {
  char host[256];
  uint8_t *bytes;
  size_t size;
  fsl_host_name(host);
  const fsl_record record = {.job = c->grid->jobs[job].identity,
                             .status = status,
                             .error = why,
                             .host = host,
                             .attempts = (int)c->history[job].attempts};
  FSL_TRY(fsl_record_encode(ctx, &record, &bytes, &size));
  if (!c->begun) FSL_TRY(begin(ctx, c));
  FSL_TRY(keep_bytes(ctx, c, bytes, size));
  advance(c);
  return fsl_campaign_sync(ctx, c, true);
}

fsl_status fsl_campaign_too_large(fsl_ctx *ctx, fsl_campaign *c, int64_t job) {
  const size_t ranks = most_ranks(c, job);
  const char *const why =
      fsl_text_format(ctx->arena, "it needs about %.3g GB on each of %zu ranks, and a rank has %.3g",
                      1e-9 * (double)fsl_job_bytes(c->spec, &c->grid->jobs[job], ranks), ranks, 1e-9 * c->rank_bytes);
  if (why == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a message");
  return fsl_campaign_fail(ctx, c, job, FSL_RECORD_FAILED, why);
}

fsl_status fsl_campaign_overdue(fsl_ctx *ctx, fsl_campaign *c, int64_t job) {
  const char *const why =
      fsl_text_format(ctx->arena, "it ran past its limit of %g s and could not be interrupted", c->spec->job_seconds);
  if (why == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a message");
  return fsl_campaign_fail(ctx, c, job, FSL_RECORD_TIMED_OUT, why);
}

fsl_status fsl_campaign_stop(fsl_ctx *ctx, fsl_campaign *c, fsl_journal_reason reason) {
  if (c->stopping && c->reason != FSL_END_FINISHED) return FSL_OK;
  c->stopping = true;
  c->reason = reason;
  return c->begun ? fsl_journal_end(ctx, c->journal, fsl_campaign_time(), reason) : FSL_OK;
}

fsl_status fsl_campaign_sync(fsl_ctx *ctx, fsl_campaign *c, bool at_once) {
  const double began = fsl_now();
  if (!at_once && began < c->next_sync) return FSL_OK;
  const fsl_status status = fsl_journal_sync(ctx, c->journal);
  const double ended = fsl_now();
  c->next_sync = ended + fmax(sync_every, (ended - began) / sync_share);
  return status;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

int fsl_exit_status(fsl_status status, int finished) {
  switch (status) {
  case FSL_OK:
    return finished;
  case FSL_EINPUT:
    return 2;
  case FSL_EIO:
  case FSL_ESTOP:
    return 75;
  default:
    return 1;
  }
}

static bool can_ever_fit(const fsl_campaign *c, int64_t job) {
  const size_t ranks = most_ranks(c, job);
  const double allowance = c->options->whole_seconds - fsl_gather_reserve(c->grid->n_cells);
  return fsl_calibration_upper(&c->calibration, &c->grid->jobs[job], (int)ranks) <= allowance;
}

/* What is left and why: 75 asks for another run, which would be asked for in vain where no job can ever fit. */
static int judge_rest(const fsl_ctx *ctx, const fsl_campaign *c) {
  size_t left = 0, never = 0;
  double longest = 0;
  for (size_t i = 0; i < c->n_pending; i++) {
    const int64_t job = c->pending[i].job;
    if (fsl_campaign_has(c, (size_t)job)) continue;
    left++;
    if (can_ever_fit(c, job)) continue;
    never++;
    longest = fmax(longest, fsl_calibration_upper(&c->calibration, &c->grid->jobs[job], (int)most_ranks(c, job)));
  }
  if (never > 0)
    fsl_say(ctx, FSL_LOG_WARN,
            "%zu jobs can never be finished within %g s: the longest may take %.3g s; allow more time or more ranks",
            never, c->options->whole_seconds, longest);
  if (left > never) return 75;
  return c->counts.failed > 0 || never > 0 ? 3 : 0;
}

static fsl_status write_results(fsl_ctx *ctx, const fsl_campaign *c) {
  fsl_provenance provenance;
  FSL_TRY(fsl_collect_provenance(ctx, c->n_journals, c->journals, c->options->command_line, &provenance));
  if (c->begun || provenance.started[0] == '\0') {
    const uint64_t now = fsl_campaign_time();
    provenance.ended = fsl_provenance_time(ctx->arena, now);
    provenance.slurm = fsl_provenance_slurm(ctx->arena);
    if (provenance.started[0] == '\0')
      provenance.started = fsl_provenance_time(ctx->arena, now - (uint64_t)(1e9 * (fsl_now() - c->began)));
    if (c->ranks > provenance.ranks) provenance.ranks = c->ranks;
    provenance.signatures =
        fsl_provenance_signatures(ctx->arena, c->n_journals, c->journals, fsl_signature(ctx->arena));
    if (provenance.ended == NULL || provenance.started == NULL || provenance.slurm == NULL ||
        provenance.signatures == NULL)
      return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the provenance");
  }
  const fsl_replacement by = {.spec = c->spec,
                              .grid = c->grid,
                              .index = c->index,
                              .ledger = c->ledger,
                              .n_journals = c->n_journals,
                              .journals = c->journals,
                              .output = c->options->output};
  return fsl_results_replace(ctx, c->options->output, &by, &provenance);
}

static fsl_status finish(fsl_ctx *ctx, fsl_campaign *c) {
  if (c->begun) FSL_TRY(fsl_journal_end(ctx, c->journal, fsl_campaign_time(), c->reason));
  FSL_TRY(fsl_campaign_sync(ctx, c, true));
  fsl_speaker_phase(c->options->speaker, "writing the results file");
  const fsl_status status = c->options->array.shards == 0 ? write_results(ctx, c) : FSL_OK;
  fsl_speaker_phase(c->options->speaker, NULL);
  return status;
}

fsl_status fsl_campaign_close(fsl_ctx *ctx, fsl_campaign *c, int *exit_status) {
  c->counts.seconds = fsl_now() - c->began;
  fsl_speaker_show(c->options->speaker, &c->counts, true);
  *exit_status = judge_rest(ctx, c);
  if (*exit_status == 75 && c->reason == FSL_END_FINISHED) c->reason = FSL_END_DEADLINE;
  const fsl_status status = finish(ctx, c);
  char first[sizeof ctx->error];
  memcpy(first, ctx->error, sizeof first);
  const fsl_status closed = fsl_journal_close(ctx, c->journal);
  c->journal = NULL;
  if (status == FSL_OK && closed == FSL_OK && c->reason != FSL_END_FAILED) fsl_campaign_conclude(ctx, c, *exit_status);
  fsl_ledger_close(c->ledger);
  if (status != FSL_OK) memcpy(ctx->error, first, sizeof first);
  return status != FSL_OK ? status : closed;
}
