/* spec/diagnostics.c: see diagnostics.h. */
#include "spec/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>

enum { MOST_LINES = 100, MOST_LISTED = 16 };

void fsl_diagnostics_start(fsl_diagnostics *d, fsl_arena *arena) {
  fsl_text_start(&d->text, arena);
  d->n = 0;
}

static bool begin(fsl_diagnostics *d, fsl_place place, const char *format, va_list arguments) {
  char message[1024];
  if (d->n++ >= MOST_LINES) return false;
  vsnprintf(message, sizeof message, format, arguments);
  fsl_text_add(&d->text, "%s:%d:%d: %s", place.file, place.line, place.column, message);
  return true;
}

bool fsl_complain(fsl_diagnostics *d, fsl_place place, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (begin(d, place, format, arguments)) fsl_text_add(&d->text, "\n");
  va_end(arguments);
  return false;
}

static void add_names(fsl_text *text, size_t n, const char *const *names) {
  for (size_t i = 0; i < n; i++) fsl_text_add(text, "%s%s", i == 0 ? "; expected one of " : ", ", names[i]);
}

bool fsl_complain_name(fsl_diagnostics *d, fsl_place place, const char *wanted, size_t n, const char *const *names,
                       const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const bool begun = begin(d, place, format, arguments);
  va_end(arguments);
  if (!begun) return false;
  const char *const near = fsl_nearest(wanted, n, names);
  if (near != NULL)
    fsl_text_add(&d->text, "; did you mean '%s'?", near);
  else if (n <= MOST_LISTED)
    add_names(&d->text, n, names);
  fsl_text_add(&d->text, "\n");
  return false;
}

const char *fsl_diagnostics_text(fsl_diagnostics *d) {
  if (d->n > MOST_LINES) fsl_text_add(&d->text, "and %zu more errors\n", d->n - MOST_LINES);
  return d->text.data;
}
