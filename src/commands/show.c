/* commands/show.c: `fslens show`: tables of a metric, rates and the error budget of a results file, in the terminal. */
#include "commands/commands.h"
#include "commands/options.h"

#include "base/text.h"
#include "commands/show_print.h"
#include "metric/metric.h"

#include <stdio.h>
#include <string.h>

enum { METRIC, BY };

static const fsl_option options[] = {
    [METRIC] = {"--metric", NULL, "NAME",
                "the metric of the tables (default: sliced_w1, or the first that was computed)"},
    [BY] = {"--by", NULL, "AXIS", "the axis in the columns (default: n_train)"},
};

static const fsl_usage usage = {
    .command = "show",
    .positional = "OUT.h5",
    .help = "Shows a metric at the smallest time by method and training-set size, with the floor of exact samples, the "
            "rates in N\n"
            "and the error budget. Replicates and observations are averaged; ± is the standard error over replicates.",
    .least = 1,
    .most = 1,
    .n_options = sizeof options / sizeof *options,
    .options = options,
};

static const char *const axes[] = {"prior",   "forward_model", "noise_level", "approximation",
                                   "n_train", "replicate",     "observation", "t"};
enum { N_AXES = 8 };

/* ---- the command ------------------------------------------------------------------------------------------------- */

static bool known(const char *what, const char *name, size_t n, const char *const *names) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return true;
  const char *const near = fsl_nearest(name, n, names);
  fprintf(stderr, "fslens show: there is no %s '%s'", what, name);
  if (near != NULL) fprintf(stderr, "; did you mean '%s'?", near);
  for (size_t i = 0; near == NULL && i < n; i++)
    fprintf(stderr, "%s%s", i == 0 ? "; expected one of " : ", ", names[i]);
  fprintf(stderr, "\n");
  return false;
}

static fsl_status show_file(fsl_ctx *ctx, const fsl_results_file *file) {
  size_t n, count[6];
  fsl_tally failures;
  FSL_TRY(fsl_pick_cells(ctx, file, &n, count));
  FSL_TRY(fsl_pick_failures(ctx, file, &failures));
  printf("%s\n", fsl_results_campaign(file));
  fsl_print_cells(n, count);
  fsl_print_failures(&failures);
  return FSL_OK;
}

static fsl_status show_all(fsl_ctx *ctx, const fsl_results_file *file, const char *metric, const char *by) {
  fsl_picked_tables tables, budget;
  fsl_picked_lines memorised, rates;
  FSL_TRY(show_file(ctx, file));
  FSL_TRY(fsl_pick_metric(ctx, file, metric, by, &tables));
  fsl_print_tables(&tables);
  if (tables.n == 0)
    printf("\n%s has no value in this file%s%s\n", metric, tables.reasons == NULL ? "" : ": ",
           tables.reasons == NULL ? "" : tables.reasons);
  FSL_TRY(fsl_pick_memorised(ctx, file, &memorised));
  fsl_print_memorised(&memorised);
  FSL_TRY(fsl_pick_rates(ctx, file, metric, &rates));
  fsl_print_rates(metric, &rates);
  FSL_TRY(fsl_pick_budget(ctx, file, &budget));
  fsl_print_budget(&budget);
  return FSL_OK;
}

/* The metric asked for, else the usual one, else the first that the file has. */
static const char *choose_metric(const fsl_results_file *file, const char *wanted) {
  const char *const first = wanted == NULL ? "sliced_w1" : wanted;
  for (size_t i = 0; wanted == NULL && !fsl_results_has(file, first) && i < FSL_N_METRICS; i++)
    if (fsl_results_has(file, fsl_metrics[i].head.name)) return fsl_metrics[i].head.name;
  return first;
}

static fsl_status complain_not_computed(fsl_ctx *ctx, const fsl_results_file *file, const char *path,
                                        const char *metric) {
  fsl_text computed;
  size_t n = 0;
  fsl_text_start(&computed, ctx->arena);
  for (size_t i = 0; i < FSL_N_METRICS; i++)
    if (fsl_results_has(file, fsl_metrics[i].head.name))
      fsl_text_add(&computed, "%s%s", n++ == 0 ? "" : ", ", fsl_metrics[i].head.name);
  return fsl_fail(ctx, FSL_EINPUT,
                  "%s: %s was not computed; computed were: %s (add it to `metrics` of the spec and run that again)",
                  path, metric, computed.data);
}

static fsl_status show_opened(fsl_ctx *ctx, const fsl_results_file *file, const fsl_arguments *arguments,
                              const char *by) {
  const char *const metric = choose_metric(file, fsl_arguments_value(arguments, METRIC, NULL));
  if (!fsl_results_has(file, metric)) return complain_not_computed(ctx, file, arguments->positional[0], metric);
  return show_all(ctx, file, metric, by);
}

static int show(fsl_ctx *ctx, const fsl_arguments *arguments) {
  const char *names[FSL_N_METRICS];
  const char *const metric = fsl_arguments_value(arguments, METRIC, "sliced_w1");
  const char *const by = fsl_arguments_value(arguments, BY, "n_train");
  fsl_results_file *file = NULL;
  for (size_t i = 0; i < FSL_N_METRICS; i++) names[i] = fsl_metrics[i].head.name;
  if (!known("metric", metric, FSL_N_METRICS, names) || !known("axis", by, N_AXES, axes)) return FSL_EXIT_USAGE;
  fsl_status status = fsl_results_open(ctx, arguments->positional[0], &file);
  if (status == FSL_OK) status = show_opened(ctx, file, arguments, by);
  fsl_results_close(file);
  return status == FSL_OK ? 0 : fsl_command_failed(ctx, status);
}

int fsl_command_show(int argc, char **argv) {
  fsl_ctx ctx = fsl_command_ctx();
  fsl_arguments arguments;
  int exit_status = 1;
  if (fsl_arguments_read(ctx.arena, &usage, argc, argv, &arguments, &exit_status)) exit_status = show(&ctx, &arguments);
  fsl_arena_destroy(ctx.arena);
  return exit_status;
}
