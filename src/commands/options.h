/* commands/options.h: command lines: a table of options drives parsing, messages and --help alike. */
#ifndef FSL_COMMANDS_OPTIONS_H
#define FSL_COMMANDS_OPTIONS_H

#include "fslens/base.h"

enum { FSL_MAX_OPTIONS = 16, FSL_EXIT_USAGE = 2, FSL_EXIT_STOPPED = 75 };

typedef struct fsl_option {
  const char *name;  /* "--output" */
  const char *brief; /* "-o", or NULL */
  const char *value; /* what the help calls its value, or NULL for a flag */
  const char *help;  /* one line */
} fsl_option;

typedef struct fsl_usage {
  const char *command;    /* "run" */
  const char *positional; /* "SPEC" */
  const char *help;       /* one line */
  size_t least, most;     /* positional arguments; most 0: any number */
  size_t n_options;
  const fsl_option *options;
} fsl_usage;

typedef struct fsl_arguments {
  size_t n_positional;
  const char **positional;
  size_t count[FSL_MAX_OPTIONS];        /* how often the option was given */
  const char **values[FSL_MAX_OPTIONS]; /* its values, in order */
} fsl_arguments;

/* Reads argv[1 ..] by the table: "--name value", "--name=value", "-o value"; "--" ends the options. true when the
 * command is to go on; otherwise *exit_status is what to end with: 0 after --help, 2 after a message on stderr, 1 after
 * one that there is no memory. The arrays live in `arena`, which may be NULL: there was no memory for it. */
bool fsl_arguments_read(fsl_arena *arena, const fsl_usage *usage, int argc, char **argv, fsl_arguments *out,
                        int *exit_status);
/* The last value of option number i, or `otherwise`. */
const char *fsl_arguments_value(const fsl_arguments *arguments, size_t i, const char *otherwise);
/* The command as it was typed, for the provenance: "fslens run spec.yaml". NULL when out of memory. */
const char *fsl_command_line(fsl_arena *arena, int argc, char **argv);
/* A context for a command that runs in one process; its log writes warnings to stderr. The arena is the caller's to
 * destroy; NULL arena when out of memory. */
fsl_ctx fsl_command_ctx(void);
/* Writes the context's error to stderr and returns the exit status of the command: 2 for wrong input, 75 after a stop,
 * else 1. */
int fsl_command_failed(const fsl_ctx *ctx, fsl_status status);

#endif
