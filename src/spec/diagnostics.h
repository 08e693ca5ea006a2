/* spec/diagnostics.h: collects every error of a spec, each a line "file:line:column: what is wrong, what was expected".
 */
#ifndef FSL_SPEC_DIAGNOSTICS_H
#define FSL_SPEC_DIAGNOSTICS_H

#include "base/text.h"

typedef struct fsl_diagnostics {
  fsl_text text;
  size_t n;
} fsl_diagnostics;

typedef struct fsl_place {
  const char *file; /* the spec's name, or "--set" */
  int line, column; /* from 1 */
} fsl_place;

void fsl_diagnostics_start(fsl_diagnostics *d, fsl_arena *arena);
/* Adds a line; beyond a hundred lines only their number grows. Always returns false, so that a check can end with it.
 */
bool fsl_complain(fsl_diagnostics *d, fsl_place place, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same with "; did you mean 'x'?" behind it where one of the names is near `wanted`, else "; expected one of a, b,
 * c" where they are few. */
bool fsl_complain_name(fsl_diagnostics *d, fsl_place place, const char *wanted, size_t n, const char *const *names,
                       const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The whole text, with a last line on what was left out. */
const char *fsl_diagnostics_text(fsl_diagnostics *d);

#endif
