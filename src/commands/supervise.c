/* commands/supervise.c: `fslens supervise`: starts a run again after a crash, until it is done or gets no further. */
#include "commands/commands.h"
#include "commands/options.h"
#include "commands/run_options.h"

#include "base/text.h"
#include "runner/launch.h"
#include "runner/restart.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const fsl_usage usage = {
    .command = "supervise",
    .positional = "-- COMMAND...",
    .help =
        "Starts a command such as `mpirun -n 8 fslens run SPEC`, and again after a crash, until it is done or gets\n"
        "no further. Jobs that were in flight at a crash run alone; one that crashes again is set aside. SIGUSR1,\n"
        "SIGTERM and SIGINT stop the run (75), which the same command then continues; a second SIGINT ends it.",
    .least = 1,
};

typedef struct supervisor {
  fsl_arena *arena;
  size_t n, run, end; /* words, the place of "run", and of the "--" or the end behind its options */
  const char *const *words;
  fsl_run_options options;
  const char *journal; /* of the run that the command makes */
  sigset_t awaited, old;
  pid_t child;
  unsigned signals; /* that asked for a stop */
} supervisor;

/* ---- the command ------------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path) {
  const char *const slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* The place of "run" in "... fslens run SPEC ...", 0 where there is none. */
static size_t find_run(size_t n, const char *const *words) {
  for (size_t i = 1; i < n; i++)
    if (strcmp(words[i], "run") == 0 && strncmp(base_name(words[i - 1]), "fslens", 6) == 0) return i;
  return 0;
}

static bool read_command(supervisor *s, int *exit_status) {
  s->run = find_run(s->n, s->words);
  *exit_status = FSL_EXIT_USAGE;
  if (s->run == 0) {
    fprintf(stderr,
            "fslens supervise: expected a command with `fslens run SPEC` in it (see fslens supervise --help)\n");
    return false;
  }
  s->end = s->run;
  while (s->end < s->n && strcmp(s->words[s->end], "--") != 0) s->end++;
  char **const argv = fsl_arena_get(s->arena, s->n + 1, sizeof *argv);
  for (size_t i = s->run; argv != NULL && i < s->n; i++) argv[i - s->run] = fsl_text_copy(s->arena, s->words[i]);
  if (argv == NULL || !fsl_run_options_read(s->arena, (int)(s->n - s->run), argv, &s->options, exit_status))
    return false;
  s->journal = fsl_journal_path(s->arena, s->options.output, s->options.array);
  return s->journal != NULL;
}

/* What holds for the first start alone: later ones go on from it. */
static bool is_for_first(const supervisor *s, size_t i) {
  return i > s->run && (strcmp(s->words[i], "--fresh") == 0 || strcmp(s->words[i], "--retry-failed") == 0);
}

static char *deadline_option(const supervisor *s, double left) {
  const double whole = s->options.whole_seconds;
  if (isinf(whole)) return fsl_text_format(s->arena, "--deadline=%.0fs/10000d", floor(left));
  return fsl_text_format(s->arena, "--deadline=%.0fs/%.0fs", floor(left), ceil(whole));
}

/* The words of one start: with --quarantine, and what is left of the deadline. NULL when out of memory. */
static char **make_command(const supervisor *s, bool first) {
  char **const command = fsl_arena_get(s->arena, s->n + 4, sizeof *command);
  const double left = s->options.started + s->options.seconds - fsl_now();
  size_t n = 0;
  if (command == NULL) return NULL;
  for (size_t i = 0; i <= s->n; i++) {
    if (i == s->end) command[n++] = fsl_text_copy(s->arena, "--quarantine");
    if (i == s->end && isfinite(left)) command[n++] = deadline_option(s, fmax(0, left));
    if (i < s->n && (first || !is_for_first(s, i))) command[n++] = fsl_text_copy(s->arena, s->words[i]);
  }
  for (size_t i = 0; i < n; i++)
    if (command[i] == NULL) return NULL;
  return command;
}

/* ---- the child --------------------------------------------------------------------------------------------------- */

/* A group of its own, so that the terminal's Ctrl-C reaches the supervisor alone, which asks for a stop in the way that
 * mpirun passes on; and no input, which a group in the background could not read. */
static void become_command(const supervisor *s, char **command) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGUSR1);
  sigprocmask(SIG_SETMASK, &s->old, NULL);
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  execvp(command[0], command);
  fprintf(stderr, "fslens supervise: cannot start %s: %s\n", command[0], strerror(errno));
  _exit(FSL_EXIT_USAGE);
}

/* Every signal asks for a stop; SIGINT after another ends at once. It goes to the whole process group: where the
 * launcher is a shell script, as Intel's mpirun, the script passes nothing on. The ranks of every MPI have groups of
 * their own. */
static void pass_on(supervisor *s, int signal_number) {
  const bool at_once = signal_number == SIGINT && s->signals > 0;
  s->signals++;
  if (s->child > 0) kill(-s->child, at_once ? SIGKILL : SIGUSR1);
}

/* Waits for a signal, or `seconds` (INFINITY: for ever). */
static void wait_for_signal(supervisor *s, double seconds) {
  const struct timespec time = {.tv_sec = isinf(seconds) ? 3600 : (time_t)seconds,
                                .tv_nsec = isinf(seconds) ? 0 : (long)(1e9 * (seconds - floor(seconds)))};
  const int got = sigtimedwait(&s->awaited, NULL, &time);
  if (got == SIGUSR1 || got == SIGTERM || got == SIGINT) pass_on(s, got);
}

/* How a process group ends. */
typedef struct group_end {
  int first, last; /* wait statuses of the command itself, and of the process that ended last */
  bool killed;     /* a signal ended the command itself */
  double ended;    /* when the command ended; INFINITY: not yet */
} group_end;

static void reap(const supervisor *s, group_end *end) {
  int status;
  for (pid_t pid; (pid = waitpid(-s->child, &status, WNOHANG)) > 0;) {
    end->last = status;
    if (pid != s->child) continue;
    end->first = status;
    end->killed = WIFSIGNALED(status);
    end->ended = fsl_now();
  }
}

/* Waits for the whole process group. What a signal orphaned works on, as an mpirun whose script was ended: it is waited
 * for, and its status counts. What a command leaves behind that ended by itself has no more to do. */
static int wait_for_group(supervisor *s) {
  static const double patience = 10, glance = 0.05;
  group_end end = {.ended = INFINITY};
  for (reap(s, &end); isinf(end.ended) || kill(-s->child, 0) == 0; reap(s, &end)) {
    if (!end.killed && fsl_now() > end.ended + patience) kill(-s->child, SIGKILL);
    if (!end.killed && fsl_now() > end.ended + 2 * patience) break; /* dead, but nobody buries it */
    wait_for_signal(s, isinf(end.ended) ? 1 : glance);
  }
  return end.killed ? end.last : end.first;
}

/* Runs the command to its end: its exit status, 128 + n after signal n. */
static int run_once(supervisor *s, bool first) {
  char **const command = make_command(s, first);
  s->child = command == NULL ? -1 : fork();
  if (s->child == 0) become_command(s, command);
  if (s->child < 0) {
    fprintf(stderr, "fslens supervise: cannot start a process: %s\n", strerror(errno));
    return 1;
  }
  setpgid(s->child, s->child); /* as the child does: whoever comes first */
  const int status = wait_for_group(s);
  s->child = 0;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  } /* ranks that outlived their launcher */
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void pause_for(supervisor *s, double seconds) {
  const double end = fsl_now() + seconds;
  for (double left; s->signals == 0 && (left = end - fsl_now()) > 0;) wait_for_signal(s, left);
}

/* ---- what the journal says --------------------------------------------------------------------------------------- */

/* Says in the journal that its last run died. */
static fsl_status mark_death(fsl_ctx *ctx, const char *path, const fsl_journal_contents *contents) {
  static const double patience = 10;
  fsl_journal_contents before;
  fsl_journal *journal;
  FSL_TRY(fsl_journal_open(ctx, path, &contents->campaign, patience, &journal, &before));
  const fsl_status status = fsl_journal_end(ctx, journal, fsl_campaign_time(), FSL_END_DIED);
  const fsl_status closed = fsl_journal_close(ctx, journal);
  return status != FSL_OK ? status : closed;
}

static fsl_status read_journal(fsl_ctx *ctx, const supervisor *s, fsl_ending *out) {
  fsl_journal_contents contents;
  if (access(s->journal, F_OK) != 0) return FSL_OK;
  FSL_TRY(fsl_journal_read(ctx, s->journal, &contents));
  out->records = contents.n_records;
  if (contents.n_runs == 0) return FSL_OK;
  out->reason = contents.runs[contents.n_runs - 1].reason;
  out->began = contents.runs[contents.n_runs - 1].began;
  return fsl_restart_was_death(out) ? mark_death(ctx, s->journal, &contents) : FSL_OK;
}

static void look(const supervisor *s, fsl_ending *out) {
  fsl_ctx ctx = fsl_command_ctx();
  const fsl_status status = ctx.arena == NULL ? FSL_ENOMEM : read_journal(&ctx, s, out);
  if (status != FSL_OK) (void)fsl_command_failed(&ctx, status);
  fsl_arena_destroy(ctx.arena);
}

static void say_why(const supervisor *s, const fsl_restarts *restarts, const fsl_ending *ending, fsl_verdict verdict) {
  if (verdict.gave_up == FSL_NO_PROGRESS)
    fprintf(stderr, "fslens supervise: gave up after %u crashes in a row that finished no job\n", restarts->fruitless);
  if (verdict.gave_up == FSL_NEVER_BEGAN)
    fprintf(
        stderr,
        "fslens supervise: %s ended with %d before the run began, so it is not started again; what it says above is "
        "the reason\n",
        s->words[0], ending->status);
}

static int supervise(supervisor *s) {
  fsl_ending before = {0};
  look(s, &before);
  fsl_restarts restarts = {.records = before.records, .began = before.began};
  for (bool first = true;; first = false) {
    fsl_ending ending = {.status = run_once(s, first)};
    ending.asked = s->signals > 0;
    look(s, &ending);
    const fsl_verdict verdict = fsl_restart_decide(&restarts, &ending);
    say_why(s, &restarts, &ending, verdict);
    if (!verdict.again) return verdict.status;
    fprintf(stderr, "fslens supervise: the run ended with %d; it starts again in %g s\n", ending.status, verdict.pause);
    pause_for(s, verdict.pause);
    if (s->signals > 0 || fsl_now() > s->options.started + s->options.seconds) return 75;
  }
}

static bool take_words(supervisor *s, const fsl_arguments *arguments) {
  s->n = arguments->n_positional;
  s->words = arguments->positional;
  return s->n > 0;
}

static void await_signals(supervisor *s) {
  sigemptyset(&s->awaited);
  sigaddset(&s->awaited, SIGCHLD);
  sigaddset(&s->awaited, SIGUSR1);
  sigaddset(&s->awaited, SIGTERM);
  sigaddset(&s->awaited, SIGINT);
  sigprocmask(SIG_BLOCK, &s->awaited, &s->old);
  prctl(PR_SET_CHILD_SUBREAPER, 1); /* what its command leaves behind is its own to wait for */
}

int fsl_command_supervise(int argc, char **argv) {
  supervisor s = {.arena = fsl_arena_create(0)};
  fsl_arguments arguments;
  int exit_status = 1;
  if (getenv("OMPI_COMM_WORLD_SIZE") != NULL || fsl_launch_read(environ, getpid()).processes > 1) {
    fprintf(stderr, "fslens supervise: start it outside mpirun: fslens supervise -- mpirun ...\n");
    exit_status = FSL_EXIT_USAGE;
  } else if (s.arena != NULL && fsl_arguments_read(s.arena, &usage, argc, argv, &arguments, &exit_status) &&
             take_words(&s, &arguments) && read_command(&s, &exit_status)) {
    await_signals(&s);
    exit_status = supervise(&s);
  }
  fsl_arena_destroy(s.arena);
  return exit_status;
}
