/* commands/gather.c: `fslens gather`: the results file from journals, complete or not. */
#include "commands/commands.h"
#include "commands/options.h"

#include "grid/describe.h"
#include "runner/campaign.h"
#include "store/collect.h"
#include "store/journal_paths.h"
#include "store/output.h"
#include "store/replace.h"

#include <stdio.h>
#include <string.h>

static const fsl_usage usage = {
    .command = "gather",
    .positional = "OUT.h5 JOURNAL...",
    .help = "Makes the results file from the journals of one campaign, complete or not, and says what is missing.",
    .least = 2,
};

/* ---- what is missing --------------------------------------------------------------------------------------------- */

enum { MOST_NAMED = 10 };

static void name_missing_jobs(fsl_ctx *ctx, const fsl_spec *spec, const fsl_grid *grid, const fsl_ledger *ledger) {
  size_t named = 0, missing = 0;
  for (size_t i = 0; i < grid->n_jobs; i++) {
    if (fsl_ledger_state(ledger, i) != FSL_ENTRY_NONE) continue;
    if (++missing > MOST_NAMED) continue;
    printf("  missing: %s\n", fsl_job_describe(ctx->arena, spec, &grid->jobs[i]));
    named++;
  }
  if (missing > named) printf("  and %zu more\n", missing - named);
}

static bool has_shard(size_t n, const fsl_journal_contents *journals, fsl_shard wanted) {
  for (size_t i = 0; i < n; i++) {
    const fsl_shard shard = fsl_journal_shard(journals[i].path);
    if (shard.shard == wanted.shard && shard.shards == wanted.shards) return true;
  }
  return false;
}

/* Tasks of the same array as a journal that is there. */
static void name_missing_tasks(size_t n, const fsl_journal_contents *journals) {
  unsigned widest = 0;
  for (size_t i = 0; i < n; i++) {
    const fsl_shard shard = fsl_journal_shard(journals[i].path);
    if (shard.shards > widest) widest = shard.shards;
  }
  for (unsigned i = 1, named = 0; i <= widest && named <= MOST_NAMED; i++) {
    if (has_shard(n, journals, (fsl_shard){i, widest})) continue;
    if (++named > MOST_NAMED)
      printf("  nor of others of its %u tasks\n", widest);
    else
      printf("  no journal of task %u of %u was given\n", i, widest);
  }
}

/* What the journals have beyond the grid of the spec that rules. */
static fsl_status name_beyond(fsl_ctx *ctx, const fsl_replacement *by) {
  size_t n = 0;
  FSL_TRY(fsl_results_beyond(ctx, by, &n));
  if (n == 0) return FSL_OK;
  printf("  the journals hold %zu more results, of another grid or version of fslens: they are not in this file\n", n);
  const bool overridden = by->spec->text[fsl_spec_overrides_start(by->spec->text)] != '\0';
  const char *const command = overridden ? fsl_results_command(ctx->arena, by, by->spec->text, 0) : NULL;
  if (command != NULL) printf("  the last run had --set options; the whole grid of its spec: %s\n", command);
  return FSL_OK;
}

static fsl_status report(fsl_ctx *ctx, const char *path, const fsl_replacement *by) {
  const fsl_grid *const grid = by->grid;
  size_t done = 0, failed = 0;
  for (size_t i = 0; i < grid->n_jobs; i++) {
    const fsl_entry_state state = fsl_ledger_state(by->ledger, i);
    done += state == FSL_ENTRY_DONE;
    failed += state == FSL_ENTRY_FAILED || state == FSL_ENTRY_TIMED_OUT;
  }
  printf("%s: %zu of %zu jobs done, %zu failed, %zu missing\n", path, done, grid->n_jobs, failed,
         grid->n_jobs - done - failed);
  if (done + failed < grid->n_jobs) {
    name_missing_tasks(by->n_journals, by->journals);
    name_missing_jobs(ctx, by->spec, grid, by->ledger);
  }
  return name_beyond(ctx, by);
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static fsl_status read_all(fsl_ctx *ctx, size_t n, const char *const *paths, fsl_journal_contents *out) {
  for (size_t i = 0; i < n; i++) {
    FSL_TRY(fsl_journal_read(ctx, paths[i], &out[i]));
    if (out[i].torn_bytes > 0)
      fsl_say(ctx, FSL_LOG_WARN, "%s: its last %zu bytes are torn and left out", paths[i], out[i].torn_bytes);
    if (out[i].n_damaged > 0)
      fsl_say(ctx, FSL_LOG_WARN, "%s: damaged in %zu places (%zu bytes); what lay there is left out", paths[i],
              out[i].n_damaged, out[i].damaged_bytes);
  }
  fsl_collect_warn_mixed(ctx, n, out, NULL);
  FSL_TRY(fsl_collect_check(ctx, n, out));
  return fsl_collect_warn_specs(ctx, n, out, fsl_campaign_time());
}

/* The spec that was written last rules, in whichever journal it is. */
static fsl_status read_spec(fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals, fsl_spec **out) {
  const char *errors = "";
  const fsl_journal_campaign *const newest = fsl_collect_spec(n, journals);
  if (newest == NULL) return fsl_fail(ctx, FSL_EINPUT, "%s: no spec is in it: the journal is empty", journals[0].path);
  FSL_GET(ctx, *out, 1);
  const fsl_status status =
      fsl_spec_reparse(ctx, &fsl_standard_catalog, newest->spec_file, newest->spec_text, *out, &errors);
  if (status != FSL_OK) fputs(errors, stderr);
  return status;
}

/* The OUT that all these journals belong to; NULL where they belong to several, or to none by their names. */
static const char *common_output(fsl_arena *arena, size_t n, const fsl_journal_contents *journals) {
  const char *const first = fsl_journal_results_path(arena, journals[0].path);
  for (size_t i = 1; first != NULL && i < n; i++) {
    const char *const other = fsl_journal_results_path(arena, journals[i].path);
    if (other == NULL || strcmp(other, first) != 0) return NULL;
  }
  return first;
}

static fsl_status write_all(fsl_ctx *ctx, const char *out, fsl_replacement *by, const char *command) {
  fsl_provenance provenance;
  fsl_job_index *index;
  FSL_TRY(fsl_job_index_create(ctx, by->grid, &index));
  by->index = index;
  FSL_TRY(fsl_collect_records(ctx, by->spec, by->grid, index, by->n_journals, by->journals, by->ledger, NULL, NULL));
  FSL_TRY(fsl_collect_provenance(ctx, by->n_journals, by->journals, command, &provenance));
  FSL_TRY(fsl_results_replace(ctx, out, by, &provenance));
  return report(ctx, out, by);
}

static fsl_status gather(fsl_ctx *ctx, const fsl_arguments *arguments, const char *command) {
  const char *const out = arguments->positional[0];
  const size_t n = arguments->n_positional - 1;
  fsl_journal_contents *journals;
  fsl_spec *spec;
  fsl_grid grid;
  fsl_ledger *ledger;
  fsl_output output;
  if (command == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the command line");
  FSL_TRY(fsl_output_check(ctx, out, FSL_FILE_RESULTS, n, arguments->positional + 1, &output));
  FSL_GET(ctx, journals, n);
  FSL_TRY(read_all(ctx, n, arguments->positional + 1, journals));
  FSL_TRY(read_spec(ctx, n, journals, &spec));
  FSL_TRY(fsl_grid_create(ctx, spec, &grid));
  FSL_TRY(fsl_ledger_create(ctx, &grid, n, &ledger));
  fsl_replacement by = {.spec = spec,
                        .grid = &grid,
                        .ledger = ledger,
                        .n_journals = n,
                        .journals = journals,
                        .output = common_output(ctx->arena, n, journals)};
  const fsl_status status = write_all(ctx, out, &by, command);
  fsl_ledger_close(ledger);
  return status;
}

int fsl_command_gather(int argc, char **argv) {
  fsl_ctx ctx = fsl_command_ctx();
  fsl_arguments arguments;
  int exit_status = 1;
  if (fsl_arguments_read(ctx.arena, &usage, argc, argv, &arguments, &exit_status)) {
    const fsl_status status = gather(&ctx, &arguments, fsl_command_line(ctx.arena, argc, argv));
    exit_status = status == FSL_OK ? 0 : fsl_command_failed(&ctx, status);
  }
  fsl_arena_destroy(ctx.arena);
  return exit_status;
}
