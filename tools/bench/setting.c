/* setting.c: NAME=VALUE arguments. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct option {
  const char *name;
  size_t *count;
  double *real;
  const char **text;
  bool *yes;
} option;

static void take(const option *o, const char *value) {
  if (o->count != NULL) *o->count = (size_t)strtod(value, NULL);
  if (o->real != NULL) *o->real = strtod(value, NULL);
  if (o->text != NULL) *o->text = value;
  if (o->yes != NULL) *o->yes = strcmp(value, "0") != 0;
}

static void read_one(const option *options, const char *argument) {
  const size_t length = strcspn(argument, "=");
  for (const option *o = options; o->name != NULL; o++) {
    if (strncmp(o->name, argument, length) != 0 || o->name[length] != '\0' || argument[length] != '=') continue;
    take(o, argument + length + 1);
    return;
  }
  fprintf(stderr, "bench: what is '%s'?\n", argument);
  exit(2);
}

bench_setting bench_read_setting(int argc, char **argv) {
  bench_setting s = {.d = 2,
                     .n = 10000,
                     .b = 1024,
                     .clusters = 8,
                     .std = 0.3,
                     .steps = 500,
                     .t_min = 0.001,
                     .samples = 1,
                     .kind = "fsr",
                     .isa = ""};
  const option options[] = {{.name = "d", .count = &s.d},
                            {.name = "n", .count = &s.n},
                            {.name = "b", .count = &s.b},
                            {.name = "m", .count = &s.m},
                            {.name = "clusters", .count = &s.clusters},
                            {.name = "std", .real = &s.std},
                            {.name = "rows", .text = &s.rows},
                            {.name = "steps", .count = &s.steps},
                            {.name = "t_min", .real = &s.t_min},
                            {.name = "samples", .count = &s.samples},
                            {.name = "t", .real = &s.t},
                            {.name = "tolerance", .real = &s.tolerance},
                            {.name = "single", .yes = &s.single},
                            {.name = "whole", .yes = &s.whole},
                            {.name = "kind", .text = &s.kind},
                            {.name = "file", .text = &s.file},
                            {.name = "spec", .text = &s.spec},
                            {.name = "isa", .text = &s.isa},
                            {.name = NULL}};
  for (int i = 1; i < argc; i++) read_one(options, argv[i]);
  if (s.t > 0) s.samples = 1;
  return s;
}
