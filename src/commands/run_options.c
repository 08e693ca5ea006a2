/* commands/run_options.c: see run_options.h. */
#include "commands/run_options.h"

#include "base/text.h"
#include "commands/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT, SET, ARRAY, DEADLINE, FRESH, RETRY_FAILED, QUARANTINE, ON_ERROR, GROUP, PROGRESS, QUIET, VERBOSE };

static const fsl_option options[] = {
    [OUTPUT] = {"--output", "-o", "OUT.h5", "the results file (default: the spec's name with .h5)"},
    [SET] = {"--set", NULL, "KEY=VALUE",
             "overrides a value of the spec, such as grid.n_train=[64,256]; may be repeated"},
    [ARRAY] = {"--array", NULL, "I/N", "computes part I of N into OUT.I-of-N.journal; `fslens gather` makes OUT.h5"},
    [DEADLINE] = {"--deadline", NULL, "TIME[/OF]",
                  "starts only jobs that end in time: 3500s, 58m or 1h30m from now; 100s/1h: 100 s are left of an hour "
                  "(default: SLURM's end, if known)"},
    [FRESH] = {"--fresh", NULL, NULL, "starts anew: old files are moved aside, never deleted"},
    [RETRY_FAILED] = {"--retry-failed", NULL, NULL, "runs the jobs that failed before once more"},
    [QUARANTINE] = {"--quarantine", NULL, NULL,
                    "runs jobs that were in flight at a crash alone, and sets aside one that crashes again"},
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
    .help = "Runs the campaign of a spec, or continues it. `mpirun -n P fslens run SPEC` uses P ranks: one leads, the\n"
            "others compute. Ends with 0 when every job is done, 2 for a wrong spec or command line, 3 when some jobs\n"
            "failed, 75 when stopped early: the same command then continues.",
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
  out->log_level = quiet ? FSL_LOG_QUIET : arguments->count[VERBOSE] > 0 ? FSL_LOG_DEBUG : FSL_LOG_INFO;
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

/* "3/8" */
static bool read_array(const fsl_arguments *arguments, fsl_run_options *out) {
  const char *const text = fsl_arguments_value(arguments, ARRAY, NULL);
  int used = 0;
  if (text == NULL) return true;
  const bool good = sscanf(text, "%9u/%9u%n", &out->array.shard, &out->array.shards, &used) == 2 &&
                    text[used] == '\0' && out->array.shard >= 1 && out->array.shard <= out->array.shards;
  return good || complain("--array", text, "I/N with I from 1 to N, such as 3/8");
}

/* Seconds of "90", "3500s", "58m", "1h30m", "2d", up to the end or a '/'; below 0 where the text is none. */
static double read_duration(const char *text) {
  static const char units[] = "smhd";
  static const double seconds[] = {1, 60, 3600, 86400};
  double total = 0;
  if (*text == '\0' || *text == '/') return -1;
  for (const char *at = text; *at != '\0' && *at != '/';) {
    char *end;
    const double value = *at < '0' || *at > '9' ? -1 : strtod(at, &end);
    if (!(value >= 0 && value < 1e9)) return -1;
    const char *const unit = *end == '\0' || *end == '/' ? units : strchr(units, *end);
    if (unit == NULL) return -1;
    total += value * seconds[unit - units];
    at = *end == '\0' || *end == '/' ? end : end + 1;
  }
  return total;
}

/* "100s/1h": 100 s are left of an hour. Alone, what is left is all there is. */
static bool read_deadline_text(const char *text, fsl_run_options *out) {
  const char *const slash = strchr(text, '/');
  out->seconds = read_duration(text);
  out->whole_seconds = slash == NULL ? out->seconds : read_duration(slash + 1);
  return (out->seconds >= 0 && out->whole_seconds >= out->seconds) ||
         complain("--deadline", text, "a time such as 3500s, 58m or 1h30m");
}

/* A time that SLURM gives in seconds since 1970; INFINITY where it does not. */
static double slurm_time(const char *name) {
  const char *const text = getenv(name);
  int64_t value = 0;
  return text != NULL && fsl_parse_integer(text, &value) && value > 0 ? (double)value : INFINITY;
}

/* The allocation's end, with time to leave. */
static void read_slurm_deadline(fsl_run_options *out) {
  static const double to_leave = 10;
  const double end = slurm_time("SLURM_JOB_END_TIME") - to_leave, start = slurm_time("SLURM_JOB_START_TIME");
  out->seconds = fmax(0, end - (double)time(NULL));
  out->whole_seconds = isinf(start) ? INFINITY : fmax(out->seconds, end - start);
}

static bool read_deadline(const fsl_arguments *arguments, fsl_run_options *out) {
  const char *const text = fsl_arguments_value(arguments, DEADLINE, NULL);
  out->started = fsl_now();
  if (text != NULL) return read_deadline_text(text, out);
  read_slurm_deadline(out);
  return true;
}

/* OUT.h5 from DIR/name.yaml: name.h5 in the current folder. */
static const char *default_output(fsl_arena *arena, const char *spec) {
  const char *const slash = strrchr(spec, '/'), *const file = slash == NULL ? spec : slash + 1;
  const char *const dot = strrchr(file, '.');
  return fsl_text_format(arena, "%.*s.h5", (int)(dot == NULL || dot == file ? strlen(file) : (size_t)(dot - file)),
                         file);
}

bool fsl_run_options_read(fsl_arena *arena, int argc, char **argv, fsl_run_options *out, int *exit_status) {
  fsl_arguments arguments;
  if (!fsl_arguments_read(arena, &usage, argc, argv, &arguments, exit_status)) return false;
  *out = (fsl_run_options){
      .spec_file = arguments.positional[0],
      .output = fsl_arguments_value(&arguments, OUTPUT, default_output(arena, arguments.positional[0])),
      .n_overrides = arguments.count[SET],
      .overrides = arguments.values[SET],
      .fresh = arguments.count[FRESH] > 0,
      .retry_failed = arguments.count[RETRY_FAILED] > 0,
      .quarantine = arguments.count[QUARANTINE] > 0,
      .command_line = fsl_command_line(arena, argc, argv),
  };
  *exit_status = FSL_EXIT_USAGE;
  if (!read_progress(&arguments, out) || !read_on_error(&arguments, out) || !read_group(&arguments, out) ||
      !read_array(&arguments, out) || !read_deadline(&arguments, out))
    return false;
  *exit_status = 1;
  if (out->output != NULL && out->command_line != NULL) return true;
  fprintf(stderr, "fslens run: out of memory\n");
  return false;
}
