/* commands/options.c: see options.h. */
#include "commands/options.h"

#include "base/text.h"
#include "runner/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void print_help(const fsl_usage *usage) {
  printf("usage: fslens %s %s%s\n\n%s\n", usage->command, usage->positional, usage->n_options > 0 ? " [options]" : "",
         usage->help);
  for (size_t i = 0; i < usage->n_options; i++) {
    const fsl_option *const o = &usage->options[i];
    char left[64];
    snprintf(left, sizeof left, "%s%s%s%s%s", o->brief == NULL ? "" : o->brief, o->brief == NULL ? "" : ", ", o->name,
             o->value == NULL ? "" : " ", o->value == NULL ? "" : o->value);
    printf("%s  %-28s %s\n", i == 0 ? "\n" : "", left, o->help);
  }
}

static bool is_option(const fsl_option *option, const char *text, size_t length) {
  const bool whole = strlen(option->name) == length && strncmp(option->name, text, length) == 0;
  return whole ||
         (option->brief != NULL && strlen(option->brief) == length && strncmp(option->brief, text, length) == 0);
}

static size_t find_option(const fsl_usage *usage, const char *text, size_t length) {
  size_t i = 0;
  while (i < usage->n_options && !is_option(&usage->options[i], text, length)) i++;
  return i;
}

static bool complain_unknown(const fsl_usage *usage, const char *text) {
  const char *names[FSL_MAX_OPTIONS + 1];
  size_t n = 0;
  for (; n < usage->n_options; n++) names[n] = usage->options[n].name;
  names[n++] = "--help";
  const char *const near = fsl_nearest(text, n, names);
  fprintf(stderr, "fslens %s: unknown option %s%s%s%s (see fslens %s --help)\n", usage->command, text,
          near == NULL ? "" : "; did you mean ", near == NULL ? "" : near, near == NULL ? "" : "?", usage->command);
  return false;
}

/* Reads the option at argv[*at]; moves *at to its last word. */
static bool read_option(const fsl_usage *usage, int argc, char **argv, int *at, fsl_arguments *out) {
  const char *const text = argv[*at], *const equals = strchr(text, '=');
  const size_t length = equals == NULL || text[1] != '-' ? strlen(text) : (size_t)(equals - text);
  const size_t i = find_option(usage, text, length);
  if (i == usage->n_options) return complain_unknown(usage, text);
  const bool takes_value = usage->options[i].value != NULL, has_value = length < strlen(text);
  if (has_value && !takes_value) {
    fprintf(stderr, "fslens %s: %s takes no value\n", usage->command, usage->options[i].name);
    return false;
  }
  const char *value = has_value ? equals + 1 : NULL;
  if (takes_value && !has_value) {
    if (*at + 1 == argc) {
      fprintf(stderr, "fslens %s: %s needs a value: %s\n", usage->command, text, usage->options[i].value);
      return false;
    }
    value = argv[++*at];
  }
  out->values[i][out->count[i]++] = value;
  return true;
}

static bool has_room(fsl_arena *arena, const fsl_usage *usage, int argc, fsl_arguments *out) {
  const size_t n = (size_t)argc + 1;
  *out = (fsl_arguments){.positional = fsl_arena_get(arena, n, sizeof(char *))};
  bool good = out->positional != NULL;
  for (size_t i = 0; i < usage->n_options; i++) {
    out->values[i] = fsl_arena_get(arena, n, sizeof(char *));
    good = good && out->values[i] != NULL;
  }
  return good;
}

static bool right_number(const fsl_usage *usage, const fsl_arguments *arguments) {
  const size_t n = arguments->n_positional;
  if (n >= usage->least && (usage->most == 0 || n <= usage->most)) return true;
  if (n < usage->least)
    fprintf(stderr, "fslens %s: expected %s (see fslens %s --help)\n", usage->command, usage->positional,
            usage->command);
  else
    fprintf(stderr, "fslens %s: '%s' is one argument too many; expected %s\n", usage->command,
            arguments->positional[usage->most], usage->positional);
  return false;
}

bool fsl_arguments_read(fsl_arena *arena, const fsl_usage *usage, int argc, char **argv, fsl_arguments *out,
                        int *exit_status) {
  bool options_ended = false;
  *exit_status = 1;
  if (arena == NULL || !has_room(arena, usage, argc, out)) {
    fprintf(stderr, "fslens %s: out of memory\n", usage->command);
    return false;
  }
  *exit_status = FSL_EXIT_USAGE;
  for (int at = 1; at < argc; at++) {
    const char *const text = argv[at];
    if (!options_ended && strcmp(text, "--") == 0) {
      options_ended = true;
    } else if (options_ended || text[0] != '-' || text[1] == '\0') {
      out->positional[out->n_positional++] = text;
    } else if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
      print_help(usage);
      *exit_status = 0;
      return false;
    } else if (!read_option(usage, argc, argv, &at, out)) {
      return false;
    }
  }
  return right_number(usage, out);
}

const char *fsl_arguments_value(const fsl_arguments *arguments, size_t i, const char *otherwise) {
  return arguments->count[i] == 0 ? otherwise : arguments->values[i][arguments->count[i] - 1];
}

const char *fsl_command_line(fsl_arena *arena, int argc, char **argv) {
  fsl_text text;
  fsl_text_start(&text, arena);
  fsl_text_add(&text, "fslens");
  for (int i = 0; i < argc; i++) fsl_text_add(&text, " %s", argv[i]);
  return fsl_text_end(&text);
}

static void write_log(void *self, fsl_log_level level, const char *text) {
  (void)self;
  fprintf(stderr, "fslens: %s%s\n", level == FSL_LOG_WARN ? "warning: " : "", text);
}

fsl_ctx fsl_command_ctx(void) {
  static const fsl_log log = {.level = FSL_LOG_WARN, .write = write_log};
  const fsl_memory left = fsl_memory_available();
  const double memory = fmin(left.shared, left.own);
  return (fsl_ctx){.arena = fsl_arena_create(0),
                   .team = &fsl_team_solo,
                   .log = &log,
                   .file_bytes = isfinite(memory) ? fmax(memory, 1) : 0};
}

int fsl_command_failed(const fsl_ctx *ctx, fsl_status status) {
  fprintf(stderr, "fslens: %s\n", ctx->error[0] == '\0' ? fsl_status_name(status) : ctx->error);
  return status == FSL_EINPUT ? FSL_EXIT_USAGE : status == FSL_ESTOP ? FSL_EXIT_STOPPED : 1;
}
