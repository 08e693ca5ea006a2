/* commands/run_options.h: the command line of `fslens run`, which `fslens supervise` reads too. */
#ifndef FSL_COMMANDS_RUN_OPTIONS_H
#define FSL_COMMANDS_RUN_OPTIONS_H

#include "runner/campaign.h"

/* argv[0] is "run". false when the command is not to go on: *exit_status is what to end with, a message has been
 * written. What the options point to lives in `arena` and in argv. */
bool fsl_run_options_read(fsl_arena *arena, int argc, char **argv, fsl_run_options *out, int *exit_status);

#endif
