/* commands/gather.c: `fslens gather`: the results file from journals, complete or not. */
#include "commands/commands.h"
#include "commands/options.h"

#include "grid/index.h"
#include "store/journal.h"
#include "store/results.h"

#include <stdio.h>
#include <string.h>

static const fsl_usage usage = {
    .command = "gather",
    .positional = "OUT.h5 JOURNAL...",
    .help = "Makes the results file from the journals of one campaign, complete or not, and says what is missing.",
    .least = 2,
};

/* A finished record rules over a failed one, whatever journal it is in. */
static bool rules(const fsl_record *now, const fsl_record *old) {
  return old == NULL || old->status != FSL_RECORD_DONE || now->status == FSL_RECORD_DONE;
}

static void take_records(const fsl_job_index *index, const fsl_journal_contents *journal, const fsl_record **records) {
  for (size_t i = 0; i < journal->n_records; i++) {
    const int64_t job = fsl_job_index_find(index, journal->records[i].job);
    if (job >= 0 && rules(&journal->records[i], records[job])) records[job] = &journal->records[i];
  }
}

static fsl_status read_all(fsl_ctx *ctx, size_t n, const char *const *paths, fsl_journal_contents *out) {
  for (size_t i = 0; i < n; i++) {
    FSL_TRY(fsl_journal_read(ctx, paths[i], &out[i]));
    if (out[i].spec_text == NULL || out[i].spec_text[0] == '\0')
      return fsl_fail(ctx, FSL_EINPUT, "%s: the journal is empty", paths[i]);
    if (out[i].torn_bytes > 0)
      fsl_say(ctx, FSL_LOG_WARN, "%s: its last %zu bytes are torn and left out", paths[i], out[i].torn_bytes);
    if (strcmp(out[i].name, out[0].name) != 0 || out[i].seed != out[0].seed)
      return fsl_fail(ctx, FSL_EINPUT, "%s belongs to campaign '%s' (seed %llu), %s to '%s' (seed %llu)", paths[i],
                      out[i].name, (unsigned long long)out[i].seed, paths[0], out[0].name,
                      (unsigned long long)out[0].seed);
  }
  return FSL_OK;
}

static void report(const char *path, const fsl_grid *grid, const fsl_record *const *records) {
  size_t done = 0, failed = 0;
  for (size_t i = 0; i < grid->n_jobs; i++)
    if (records[i] != NULL) (*(records[i]->status == FSL_RECORD_DONE ? &done : &failed))++;
  printf("%s: %zu of %zu jobs done, %zu failed, %zu missing\n", path, done, grid->n_jobs, failed,
         grid->n_jobs - done - failed);
}

/* The newest spec of the last journal rules. */
static fsl_status gather(fsl_ctx *ctx, const fsl_arguments *arguments, const char *command) {
  const char *const out = arguments->positional[0], *errors = "";
  const size_t n = arguments->n_positional - 1;
  fsl_journal_contents *journals;
  fsl_spec *spec;
  fsl_grid grid;
  const fsl_record **records;
  fsl_job_index *index;
  FSL_GET(ctx, journals, n);
  FSL_GET(ctx, spec, 1);
  FSL_TRY(read_all(ctx, n, arguments->positional + 1, journals));
  const fsl_journal_contents *const last = &journals[n - 1];
  const fsl_status parsed =
      fsl_spec_reparse(ctx, &fsl_standard_catalog, last->spec_file, last->spec_text, spec, &errors);
  if (parsed != FSL_OK) fputs(errors, stderr);
  FSL_TRY(parsed);
  FSL_TRY(fsl_grid_create(ctx, spec, &grid));
  FSL_GET(ctx, records, grid.n_jobs + 1);
  FSL_TRY(fsl_job_index_create(ctx, &grid, &index));
  for (size_t i = 0; i < n; i++) take_records(index, &journals[i], records);
  const fsl_provenance provenance = {.started = "", .ended = "", .command = command};
  FSL_TRY(fsl_results_write(ctx, out, spec, &grid, records, &provenance));
  report(out, &grid, records);
  return FSL_OK;
}

int fsl_command_gather(int argc, char **argv) {
  fsl_ctx ctx = fsl_command_ctx();
  fsl_arguments arguments;
  int exit_status = 1;
  if (ctx.arena != NULL && fsl_arguments_read(ctx.arena, &usage, argc, argv, &arguments, &exit_status)) {
    const fsl_status status = gather(&ctx, &arguments, fsl_command_line(ctx.arena, argc, argv));
    exit_status = status == FSL_OK ? 0 : fsl_command_failed(&ctx, status);
  }
  fsl_arena_destroy(ctx.arena);
  return exit_status;
}
