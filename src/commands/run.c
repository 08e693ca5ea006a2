/* commands/run.c: `fslens run`: from the command line to a campaign. */
#include "commands/commands.h"
#include "commands/options.h"

#include "base/text.h"
#include "runner/run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT, SET, FRESH, RETRY_FAILED, ON_ERROR, GROUP, PROGRESS, QUIET, VERBOSE };

static const fsl_option options[] = {
    [OUTPUT] = {"--output", "-o", "OUT.h5", "the results file (default: the spec's name with .h5)"},
    [SET] = {"--set", NULL, "KEY=VALUE",
             "overrides a value of the spec, such as grid.n_train=[64,256]; may be repeated"},
    [FRESH] = {"--fresh", NULL, NULL, "starts anew: old files are moved aside, never deleted"},
    [RETRY_FAILED] = {"--retry-failed", NULL, NULL, "runs the jobs that failed before once more"},
    [ON_ERROR] = {"--on-error", NULL, "continue|stop", "what a failed job means for the others (default: continue)"},
    [GROUP] = {"--group", NULL, "RANKS", "ranks that share a job, a power of two (default: chosen for each job)"},
    [PROGRESS] = {"--progress", NULL, "auto|plain|none",
                  "a bar on a terminal, plain lines, or nothing (default: auto)"},
    [QUIET] = {"--quiet", "-q", NULL, "errors alone"},
    [VERBOSE] = {"--verbose", "-v", NULL, "more of what happens"},
};

static const fsl_usage usage = {
    .command = "run",
    .positional = "SPEC",
    .help = "Runs the campaign of a spec, or continues it. `mpirun -n P fslens run SPEC` uses P ranks: one leads, the "
            "others "
            "compute.\nEnds with 0 when every job is done, 2 for a wrong spec or command line, 3 when some jobs "
            "failed, 75 when "
            "stopped early.",
    .least = 1,
    .most = 1,
    .n_options = sizeof options / sizeof *options,
    .options = options,
};

static bool complain(const char *option, const char *value, const char *expected) {
  fprintf(stderr, "fslens run: %s '%s': expected %s\n", option, value, expected);
  return false;
}

static bool read_progress(const fsl_arguments *arguments, fsl_run_options *out) {
  const char *const style = fsl_arguments_value(arguments, PROGRESS, "auto");
  const bool quiet = arguments->count[QUIET] > 0;
  if (strcmp(style, "auto") == 0)
    out->progress = quiet ? FSL_PROGRESS_NONE : isatty(STDERR_FILENO) ? FSL_PROGRESS_BAR : FSL_PROGRESS_PLAIN;
  else if (strcmp(style, "plain") == 0)
    out->progress = FSL_PROGRESS_PLAIN;
  else if (strcmp(style, "none") == 0)
    out->progress = FSL_PROGRESS_NONE;
  else
    return complain("--progress", style, "auto, plain or none");
  out->log_level = quiet ? FSL_LOG_QUIET : arguments->count[VERBOSE] > 0 ? FSL_LOG_DEBUG : FSL_LOG_WARN;
  return true;
}

static bool read_on_error(const fsl_arguments *arguments, fsl_run_options *out) {
  const char *const choice = fsl_arguments_value(arguments, ON_ERROR, "continue");
  out->stop_on_error = strcmp(choice, "stop") == 0;
  return out->stop_on_error || strcmp(choice, "continue") == 0 || complain("--on-error", choice, "continue or stop");
}

static bool read_group(const fsl_arguments *arguments, fsl_run_options *out) {
  int64_t ranks = 0;
  const char *const text = fsl_arguments_value(arguments, GROUP, NULL);
  if (text == NULL) return true;
  if (!fsl_parse_integer(text, &ranks) || ranks < 1 || ranks > 1 << 20 || (ranks & (ranks - 1)) != 0)
    return complain("--group", text, "a power of two, such as 4");
  out->group = (size_t)ranks;
  return true;
}

/* OUT.h5 from DIR/name.yaml: name.h5 in the current folder. */
static const char *default_output(fsl_arena *arena, const char *spec) {
  const char *const slash = strrchr(spec, '/'), *const file = slash == NULL ? spec : slash + 1;
  const char *const dot = strrchr(file, '.');
  return fsl_text_format(arena, "%.*s.h5", (int)(dot == NULL || dot == file ? strlen(file) : (size_t)(dot - file)),
                         file);
}

static int run(fsl_arena *arena, int argc, char **argv) {
  fsl_arguments arguments;
  int exit_status;
  if (!fsl_arguments_read(arena, &usage, argc, argv, &arguments, &exit_status)) return exit_status;
  fsl_run_options run_options = {
      .spec_file = arguments.positional[0],
      .output = fsl_arguments_value(&arguments, OUTPUT, default_output(arena, arguments.positional[0])),
      .n_overrides = arguments.count[SET],
      .overrides = arguments.values[SET],
      .fresh = arguments.count[FRESH] > 0,
      .retry_failed = arguments.count[RETRY_FAILED] > 0,
      .command_line = fsl_command_line(arena, argc, argv),
  };
  if (!read_progress(&arguments, &run_options) || !read_on_error(&arguments, &run_options) ||
      !read_group(&arguments, &run_options))
    return FSL_EXIT_USAGE;
  if (run_options.output == NULL) return 1;
  return fsl_run_campaign(&run_options);
}

int fsl_command_run(int argc, char **argv) {
  fsl_arena *const arena = fsl_arena_create(0);
  const int exit_status = arena == NULL ? 1 : run(arena, argc, argv);
  fsl_arena_destroy(arena);
  return exit_status;
}
