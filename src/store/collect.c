/* store/collect.c: see collect.h. */
#include "store/collect.h"

#include "base/text.h"
#include "grid/describe.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

fsl_status fsl_collect_check(fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals) {
  const fsl_journal_contents *first = NULL;
  for (size_t i = 0; i < n; i++) {
    const fsl_journal_contents *const j = &journals[i];
    if (j->campaign.name[0] == '\0') continue; /* its header is lost or not written yet */
    if (first == NULL) first = j;
    if (strcmp(j->campaign.name, first->campaign.name) == 0 && j->campaign.seed == first->campaign.seed) continue;
    return fsl_fail(ctx, FSL_EINPUT, "%s belongs to campaign '%s' (seed %" PRIu64 "), %s to '%s' (seed %" PRIu64 ")",
                    j->path, j->campaign.name, j->campaign.seed, first->path, first->campaign.name,
                    first->campaign.seed);
  }
  return FSL_OK;
}

void fsl_collect_warn_mixed(const fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals, const char *own) {
  const char *first = own;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < journals[i].n_runs; k++) {
      const char *const signature = journals[i].runs[k].signature;
      if (first == NULL) first = signature;
      if (strcmp(signature, first) == 0) continue;
      fsl_say(ctx, FSL_LOG_WARN,
              "the records were made by two builds or kinds of processor, and may differ in their last bits: %s; %s",
              first, signature);
      return;
    }
}

const fsl_journal_campaign *fsl_collect_spec(size_t n, const fsl_journal_contents *journals) {
  const fsl_journal_campaign *newest = NULL;
  for (size_t i = 0; i < n; i++) {
    const fsl_journal_campaign *const c = &journals[i].campaign;
    if (c->spec_text[0] != '\0' && (newest == NULL || c->spec_time >= newest->spec_time)) newest = c;
  }
  return newest;
}

const char *fsl_collect_path_of(size_t n, const fsl_journal_contents *journals, const fsl_journal_campaign *spec) {
  for (size_t i = 0; i < n; i++)
    if (&journals[i].campaign == spec) return journals[i].path;
  return "";
}

static fsl_status warn_different(fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals,
                                 const fsl_journal_campaign *ruling) {
  enum { MOST_NAMED = 8 };
  const char *const ruler = fsl_collect_path_of(n, journals, ruling);
  size_t n_others = 0;
  fsl_text others;
  fsl_text_start(&others, ctx->arena);
  for (size_t i = 0; i < n; i++) {
    const fsl_journal_campaign *const c = &journals[i].campaign;
    if (c->spec_text[0] == '\0' || strcmp(c->spec_text, ruling->spec_text) == 0 || ++n_others > MOST_NAMED) continue;
    fsl_text_add(&others, "%s%s (%s)", n_others == 1 ? "" : ", ", journals[i].path,
                 fsl_provenance_time(ctx->arena, c->spec_time));
  }
  if (n_others > MOST_NAMED) fsl_text_add(&others, " and %zu more", n_others - MOST_NAMED);
  const char *const text = fsl_text_end(&others), *const time = fsl_provenance_time(ctx->arena, ruling->spec_time);
  if (text == NULL || time == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a message");
  if (n_others > 0)
    fsl_say(ctx, FSL_LOG_WARN,
            "the journals hold different specs: the one of %s (%s) rules, since it was written last; different is that "
            "of %s",
            ruler, time, text);
  return FSL_OK;
}

static bool went_back(const fsl_journal_contents *journal, uint64_t now) {
  for (size_t i = 1; i < journal->n_runs; i++)
    if (journal->runs[i].began < journal->runs[i - 1].began) return true;
  return journal->campaign.spec_time > now;
}

fsl_status fsl_collect_warn_specs(fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals, uint64_t now) {
  const fsl_journal_campaign *const ruling = fsl_collect_spec(n, journals);
  if (ruling == NULL) return FSL_OK;
  FSL_TRY(warn_different(ctx, n, journals, ruling));
  for (size_t i = 0; i < n; i++)
    if (went_back(&journals[i], now))
      fsl_say(
          ctx, FSL_LOG_WARN,
          "%s: the clock went back after it was written to, and the clock tells which spec was written last: the one "
          "of %s rules",
          journals[i].path, fsl_collect_path_of(n, journals, ruling));
  return FSL_OK;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

typedef struct collection {
  const fsl_spec *spec;
  const fsl_grid *grid;
  fsl_ledger *ledger;
  const fsl_journal_record **from; /* n_jobs: the record that rules so far */
} collection;

static fsl_status take(fsl_ctx *ctx, collection *c, size_t job, const fsl_journal_record *now, size_t journal,
                       const char *path) {
  const fsl_journal_record *const old = c->from[job];
  const bool old_done = old != NULL && old->status == FSL_RECORD_DONE, done = now->status == FSL_RECORD_DONE;
  if (old_done && done && fsl_hash_compare(old->data, now->data) != 0)
    return fsl_fail(ctx, FSL_EINPUT, "two results of the %s differ: one in %s, one in %s; leave out one of the two",
                    fsl_job_describe(ctx->arena, c->spec, &c->grid->jobs[job]), fsl_ledger_path(c->ledger, job), path);
  if (old_done) return FSL_OK;
  c->from[job] = now;
  fsl_ledger_enter(c->ledger, job, journal, now->place, now->status);
  return FSL_OK;
}

static fsl_status take_all(fsl_ctx *ctx, collection *c, const fsl_job_index *index, size_t n,
                           const fsl_journal_contents *journals) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < journals[i].n_records; k++) {
      const fsl_journal_record *const record = &journals[i].records[k];
      const int64_t job = fsl_job_index_find(index, record->job);
      if (job >= 0) FSL_TRY(take(ctx, c, (size_t)job, record, i, journals[i].path));
    }
  return FSL_OK;
}

fsl_status fsl_collect_records(fsl_ctx *ctx, const fsl_spec *spec, const fsl_grid *grid, const fsl_job_index *index,
                               size_t n, const fsl_journal_contents *journals, fsl_ledger *ledger,
                               fsl_found_record *found, void *self) {
  collection c = {.spec = spec, .grid = grid, .ledger = ledger};
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_GET(ctx, c.from, grid->n_jobs + 1);
  for (size_t i = 0; i < n; i++) fsl_ledger_name(ledger, i, journals[i].path);
  const fsl_status status = take_all(ctx, &c, index, n, journals);
  for (size_t i = 0; status == FSL_OK && found != NULL && i < grid->n_jobs; i++)
    if (c.from[i] != NULL) found(self, i, c.from[i]);
  fsl_arena_release(ctx->arena, mark);
  return status;
}

/* ---- provenance -------------------------------------------------------------------------------------------------- */

const char *fsl_provenance_time(fsl_arena *arena, uint64_t nanoseconds) {
  char text[32] = "";
  const time_t seconds = (time_t)(nanoseconds / 1000000000u);
  struct tm parts;
  if (nanoseconds > 0 && gmtime_r(&seconds, &parts) != NULL) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return fsl_text_copy(arena, text);
}

static bool has_line(const char *lines, const char *line) {
  const size_t length = strlen(line);
  for (const char *at = lines; (at = strstr(at, line)) != NULL; at++)
    if ((at == lines || at[-1] == '\n') && (at[length] == '\n' || at[length] == '\0')) return true;
  return false;
}

static void add_signature(fsl_text *text, const char *signature) {
  if (signature == NULL || signature[0] == '\0' || has_line(text->data, signature)) return;
  fsl_text_add(text, "%s%s", text->length == 0 ? "" : "\n", signature);
}

const char *fsl_provenance_signatures(fsl_arena *arena, size_t n, const fsl_journal_contents *journals,
                                      const char *own) {
  fsl_text text;
  fsl_text_start(&text, arena);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < journals[i].n_runs; k++) add_signature(&text, journals[i].runs[k].signature);
  add_signature(&text, own);
  return fsl_text_end(&text);
}

fsl_status fsl_collect_provenance(fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals, const char *command,
                                  fsl_provenance *out) {
  uint64_t began = 0, ended = 0, last = 0;
  *out = (fsl_provenance){.command = command, .slurm = ""};
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < journals[i].n_runs; k++) {
      const fsl_journal_run *const run = &journals[i].runs[k];
      if (began == 0 || run->began < began) began = run->began;
      if (run->ended > ended) ended = run->ended;
      if ((int)run->ranks > out->ranks) out->ranks = (int)run->ranks;
      if (run->began >= last) out->slurm = run->slurm;
      if (run->began >= last) last = run->began;
    }
  out->started = fsl_provenance_time(ctx->arena, began);
  out->ended = fsl_provenance_time(ctx->arena, ended);
  out->signatures = fsl_provenance_signatures(ctx->arena, n, journals, NULL);
  if (out->started == NULL || out->ended == NULL || out->signatures == NULL)
    return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the provenance");
  return FSL_OK;
}
