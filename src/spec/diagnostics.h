/* spec/diagnostics.h: collects every error of a spec, each a line "file:line:column: what is wrong, what was expected".
 */
#ifndef FSL_SPEC_DIAGNOSTICS_H
#define FSL_SPEC_DIAGNOSTICS_H

#include "base/text.h"

enum { FSL_MOST_DIAGNOSTICS = 100 };

typedef struct fsl_place {
  const char *file; /* the spec's name, or "--set" */
  int line, column; /* from 1; of "--set" the line is its number on the command line */
} fsl_place;

typedef struct fsl_diagnostic {
  fsl_place place;
  const char *text;
} fsl_diagnostic;

typedef struct fsl_diagnostics {
  fsl_arena *arena;
  size_t n; /* of all; the first FSL_MOST_DIAGNOSTICS are kept */
  fsl_diagnostic line[FSL_MOST_DIAGNOSTICS];
} fsl_diagnostics;

void fsl_diagnostics_start(fsl_diagnostics *d, fsl_arena *arena);
/* Adds a line; beyond a hundred only their number grows. Always returns false, so that a check can end with it. */
bool fsl_complain(fsl_diagnostics *d, fsl_place place, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with "; did you mean "x"?" behind it where one of the names is near `wanted`, else "; expected one of a, b,
 * c" where they are few. */
bool fsl_complain_name(fsl_diagnostics *d, fsl_place place, const char *wanted, size_t n, const char *const *names,
                       const char *format, ...) __attribute__((format(printf, 6, 7)));
/* All lines in the order of the file, then those of --set, then a line on how many were left out. Sorts them. */
const char *fsl_diagnostics_text(fsl_diagnostics *d);

#endif
