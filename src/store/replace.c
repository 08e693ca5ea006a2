/* store/replace.c: see replace.h. */
#include "store/replace.h"

#include "base/text.h"
#include "store/files.h"
#include "store/output.h"

#include <stdlib.h>
#include <string.h>

/* ---- which results are where ------------------------------------------------------------------------------------- */

static bool is_done(const fsl_replacement *by, int64_t job) {
  return job >= 0 && fsl_ledger_state(by->ledger, (size_t)job) == FSL_ENTRY_DONE;
}

typedef struct cell_counts {
  size_t all, done; /* all: cells that the spec defines */
} cell_counts;

static cell_counts count_cells(const fsl_replacement *by) {
  cell_counts n = {0};
  for (size_t cell = 0; cell < by->grid->n_cells; cell++) {
    const int64_t job = by->grid->job_of_cell[cell];
    n.all += job >= 0;
    n.done += is_done(by, job);
  }
  return n;
}

static int by_hash(const void *a, const void *b) {
  return fsl_hash_compare(*(const fsl_hash *)a, *(const fsl_hash *)b);
}

/* The jobs of the older file that the new one has not, ascending. */
static fsl_status find_gone(fsl_ctx *ctx, const fsl_replacement *by, const fsl_holding *old, size_t *n,
                            fsl_hash **gone) {
  *n = 0;
  FSL_GET(ctx, *gone, old->n_jobs + 1);
  for (size_t i = 0; i < old->n_jobs; i++)
    if (!is_done(by, fsl_job_index_find(by->index, old->jobs[i]))) (*gone)[(*n)++] = old->jobs[i];
  return FSL_OK;
}

/* How many of these jobs no journal has. */
static fsl_status count_lost(fsl_ctx *ctx, const fsl_replacement *by, size_t n, const fsl_hash *gone, size_t *out) {
  bool *found;
  FSL_GET(ctx, found, n + 1);
  for (size_t i = 0; i < by->n_journals && n > 0; i++)
    for (size_t k = 0; k < by->journals[i].n_records; k++) {
      const fsl_journal_record *const record = &by->journals[i].records[k];
      const fsl_hash *const at = bsearch(&record->job, gone, n, sizeof *gone, by_hash);
      if (at != NULL && record->status == FSL_RECORD_DONE) found[at - gone] = true;
    }
  *out = 0;
  for (size_t i = 0; i < n; i++) *out += !found[i];
  return FSL_OK;
}

fsl_status fsl_results_beyond(fsl_ctx *ctx, const fsl_replacement *by, size_t *out) {
  fsl_hash *job;
  size_t n = 0, room = 1;
  for (size_t i = 0; i < by->n_journals; i++) room += by->journals[i].n_records;
  FSL_GET(ctx, job, room);
  for (size_t i = 0; i < by->n_journals; i++)
    for (size_t k = 0; k < by->journals[i].n_records; k++) {
      const fsl_journal_record *const record = &by->journals[i].records[k];
      if (record->status == FSL_RECORD_DONE && fsl_job_index_find(by->index, record->job) < 0) job[n++] = record->job;
    }
  qsort(job, n, sizeof *job, by_hash);
  *out = n > 0;
  for (size_t i = 1; i < n; i++) *out += fsl_hash_compare(job[i - 1], job[i]) != 0;
  return FSL_OK;
}

/* ---- the way back ------------------------------------------------------------------------------------------------ */

static size_t without_line_ends(const char *text, size_t length) {
  while (length > 0 && text[length - 1] == '\n') length--;
  return length;
}

/* Whether two kept texts are one text with different overrides behind it. */
static bool same_base(const char *a, const char *b) {
  const size_t n = without_line_ends(a, fsl_spec_overrides_start(a));
  return n == without_line_ends(b, fsl_spec_overrides_start(b)) && memcmp(a, b, n) == 0;
}

const char *fsl_results_command(fsl_arena *arena, const fsl_replacement *by, const char *text, size_t most_overrides) {
  const char **overrides;
  fsl_text command;
  if (by->output == NULL || !same_base(by->spec->text, text)) return NULL;
  const size_t n = fsl_spec_overrides(arena, text, &overrides);
  fsl_text_start(&command, arena);
  fsl_text_add(&command, "fslens run ");
  fsl_text_add_word(&command, by->spec->file);
  fsl_text_add(&command, " -o ");
  fsl_text_add_word(&command, by->output);
  for (size_t i = 0; i < n && i < most_overrides && overrides[i] != NULL; i++) {
    fsl_text_add(&command, " --set ");
    fsl_text_add_word(&command, overrides[i]);
  }
  return fsl_text_end(&command);
}

/* ---- replacing --------------------------------------------------------------------------------------------------- */

static fsl_status say_gone(fsl_ctx *ctx, const char *path, const fsl_replacement *by, const fsl_holding *old,
                           cell_counts now, size_t n_gone) {
  const char *const command = fsl_results_command(ctx->arena, by, old->spec, SIZE_MAX);
  const char *const way =
      command == NULL ? "running the spec that has their cells" : fsl_text_format(ctx->arena, "`%s`", command);
  if (way == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a message");
  fsl_say(
      ctx, FSL_LOG_WARN,
      "%s had %zu finished cells of %zu, and now has %zu of %zu: %zu results of jobs that it had are left out. They "
      "stay in %s; %s brings them back",
      path, old->n_done, old->n_cells, now.done, now.all, n_gone,
      by->n_journals == 1 ? by->journals[0].path : "the journals", way);
  return FSL_OK;
}

static fsl_status keep_unread(fsl_ctx *ctx, const char *path, const char *target) {
  const char *moved;
  FSL_TRY(fsl_move_aside(ctx, target, &moved));
  fsl_say(ctx, FSL_LOG_WARN, "%s cannot be read to its end: it is kept as %s", path, moved == NULL ? "" : moved);
  return FSL_OK;
}

static fsl_status keep_lost(fsl_ctx *ctx, const char *path, const char *target, const fsl_holding *old, cell_counts now,
                            size_t n_lost) {
  const char *moved;
  FSL_TRY(fsl_move_aside(ctx, target, &moved));
  fsl_say(ctx, FSL_LOG_WARN,
          "%s had %zu finished cells of %zu, and now has %zu of %zu: %zu results of jobs that it had are in no journal "
          "that was read, so the older file is kept as %s",
          path, old->n_done, old->n_cells, now.done, now.all, n_lost, moved == NULL ? "" : moved);
  return FSL_OK;
}

/* Before the new file is written: the older one is moved aside where results would be lost with it. */
static fsl_status look_back(fsl_ctx *ctx, const char *path, const fsl_replacement *by) {
  fsl_output out;
  fsl_holding old;
  fsl_hash *gone;
  size_t n_gone, n_lost;
  const cell_counts now = count_cells(by);
  FSL_TRY(fsl_output_check(ctx, path, FSL_FILE_RESULTS, by->spec->n_read, by->spec->read, &out));
  if (!out.exists) return FSL_OK;
  FSL_TRY(fsl_holding_read(ctx, out.target, by->spec->hash, now.done, &old));
  if (!old.readable) return keep_unread(ctx, path, out.target);
  FSL_TRY(find_gone(ctx, by, &old, &n_gone, &gone));
  FSL_TRY(count_lost(ctx, by, n_gone, gone, &n_lost));
  if (n_lost > 0) return keep_lost(ctx, path, out.target, &old, now, n_lost);
  return n_gone > 0 ? say_gone(ctx, path, by, &old, now, n_gone) : FSL_OK;
}

fsl_status fsl_results_replace(fsl_ctx *ctx, const char *path, const fsl_replacement *by,
                               const fsl_provenance *provenance) {
  FSL_TRY(look_back(ctx, path, by));
  return fsl_results_write(ctx, path, by->spec, by->grid, fsl_ledger_source(by->ledger), provenance);
}
