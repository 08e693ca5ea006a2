/* commands/run.c: `fslens run`: from the command line to a campaign. */
#include "commands/commands.h"
#include "commands/run_options.h"

#include "runner/run.h"

int fsl_command_run(int argc, char **argv) {
  fsl_arena *const arena = fsl_arena_create(0);
  fsl_run_options options;
  int exit_status = 1;
  if (fsl_run_options_read(arena, argc, argv, &options, &exit_status)) exit_status = fsl_run_campaign(&options);
  fsl_arena_destroy(arena);
  return exit_status;
}
