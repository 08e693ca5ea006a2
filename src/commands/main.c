/* commands/main.c: the command table. */
#include "commands/commands.h"
#include "commands/options.h"

#include "base/isa.h"
#include "base/text.h"
#include "store/h5.h"
#include "store/signature.h"

#include <stdio.h>
#include <string.h>

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

int main(int argc, char **argv) {
  fsl_h5_start();
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
