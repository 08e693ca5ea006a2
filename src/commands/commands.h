/* commands/commands.h: the subcommands of fslens, one file each. argv[0] is the command's name; the result is the exit
 * status. */
#ifndef FSL_COMMANDS_COMMANDS_H
#define FSL_COMMANDS_COMMANDS_H

typedef struct fsl_command {
  const char *name;
  const char *help; /* one line */
  int (*function)(int argc, char **argv);
} fsl_command;

int fsl_command_run(int argc, char **argv);
int fsl_command_supervise(int argc, char **argv);
int fsl_command_plan(int argc, char **argv);
int fsl_command_gather(int argc, char **argv);
int fsl_command_show(int argc, char **argv);
int fsl_command_kinds(int argc, char **argv);
int fsl_command_init(int argc, char **argv);
int fsl_command_score(int argc, char **argv);

#endif
