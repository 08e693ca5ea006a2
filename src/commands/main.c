/* commands/main.c: the command table. */
#include "commands/commands.h"
#include "commands/options.h"

#include "base/isa.h"
#include "base/text.h"
#include "store/h5.h"
#include "store/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const fsl_command commands[] = {
    {"init", "print a commented spec to start from", fsl_command_init},
    {"run", "run the campaign of a spec, or continue it", fsl_command_run},
    {"supervise", "run, and run again after a crash until done", fsl_command_supervise},
    {"plan", "show what a spec would run, and compute nothing", fsl_command_plan},
    {"gather", "make the results file from journals", fsl_command_gather},
    {"show", "tables, rates and the error budget of a results file", fsl_command_show},
    {"kinds", "every prior, forward model, approximation, metric and sampler, and every key of a spec",
     fsl_command_kinds},
    {"score", "every approximation's score at given states", fsl_command_score},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *out) {
  fprintf(out,
          "usage: fslens COMMAND ...\n\nfslens measures diffusion posterior samplers against the exact posterior.\n\n");
  for (size_t i = 0; i < N_COMMANDS; i++) fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].help);
  fprintf(out, "\nfslens COMMAND --help says more; fslens --version names this build.\n");
}

static int complain(const char *name) {
  const char *names[N_COMMANDS];
  for (size_t i = 0; i < N_COMMANDS; i++) names[i] = commands[i].name;
  const char *const near = fsl_nearest(name, N_COMMANDS, names);
  if (near != NULL)
    fprintf(stderr, "fslens: there is no command '%s'; did you mean '%s'?\n", name, near);
  else
    fprintf(stderr, "fslens: there is no command '%s' (see fslens --help)\n", name);
  return FSL_EXIT_USAGE;
}

/* Whether the environment asks for kernels that can run here. */
static bool has_kernels(void) {
  fsl_ctx ctx = {.team = &fsl_team_solo};
  const fsl_status status = fsl_isa_check(&ctx);
  if (status != FSL_OK) (void)fsl_command_failed(&ctx, status);
  return status == FSL_OK;
}

/* A standard stream that is closed gets a file that refuses what it is for: no file of ours takes its number, and what
 * is written to it fails instead of vanishing. */
static void hold_standard_streams(void) {
  struct stat unused;
  for (int i = 0; i <= 2; i++)
    if (fstat(i, &unused) != 0 && open("/dev/null", i == 0 ? O_WRONLY : O_RDONLY) < 0) return;
}

/* What was printed has arrived, or the command has failed: a full disk shows at the last write. */
static int finish(int exit_status) {
  const bool failed_before = ferror(stdout) != 0;
  if (fclose(stdout) == 0 && !failed_before) return exit_status;
  fprintf(stderr, "fslens: the output could not be written%s%s\n", failed_before ? "" : ": ",
          failed_before ? " (a full disk, or a closed stream)" : strerror(errno));
  return exit_status == 0 ? 1 : exit_status;
}

static int run(int argc, char **argv) {
  if (!has_kernels()) return FSL_EXIT_USAGE;
  if (argc < 2) {
    print_help(stderr);
    return FSL_EXIT_USAGE;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
    print_help(stdout);
    return 0;
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("fslens %s (%s), kernels %s\n", fsl_version, fsl_git_commit, fsl_isa_name(fsl_isa_chosen()));
    return 0;
  }
  for (size_t i = 0; i < N_COMMANDS; i++)
    if (strcmp(argv[1], commands[i].name) == 0) return commands[i].function(argc - 1, argv + 1);
  return complain(argv[1]);
}

int main(int argc, char **argv) {
  hold_standard_streams();
  fsl_h5_start();
  return finish(run(argc, argv));
}
