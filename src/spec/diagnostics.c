/* spec/diagnostics.c: see diagnostics.h. */
#include "spec/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LISTED = 20, LONGEST = 1024 };

void fsl_diagnostics_start(fsl_diagnostics *d, fsl_arena *arena) {
  *d = (fsl_diagnostics){.arena = arena};
}

/* ---- adding a line ----------------------------------------------------------------------------------------------- */

/* An error is one line, whatever bytes a spec holds. */
static void keep_on_one_line(char *text) {
  for (char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
}

/* text: NULL when out of memory. */
static void keep(fsl_diagnostics *d, fsl_place place, char *text) {
  if (text != NULL) keep_on_one_line(text);
  d->line[d->n++] = (fsl_diagnostic){place, text == NULL ? "out of memory" : text};
}

static bool is_full(fsl_diagnostics *d) {
  if (d->n < FSL_MOST_DIAGNOSTICS) return false;
  d->n++;
  return true;
}

bool fsl_complain(fsl_diagnostics *d, fsl_place place, const char *format, ...) {
  char message[LONGEST];
  va_list arguments;
  if (is_full(d)) return false;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  keep(d, place, fsl_text_copy(d->arena, message));
  return false;
}

bool fsl_complain_name(fsl_diagnostics *d, fsl_place place, const char *wanted, size_t n, const char *const *names,
                       const char *format, ...) {
  char message[LONGEST];
  va_list arguments;
  fsl_text text;
  if (is_full(d)) return false;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  fsl_text_start(&text, d->arena);
  fsl_text_add(&text, "%s", message);
  const char *const near = fsl_nearest(wanted, n, names);
  if (near != NULL) fsl_text_add(&text, "; did you mean \"%s\"?", near);
  for (size_t i = 0; near == NULL && n <= MOST_LISTED && i < n; i++)
    fsl_text_add(&text, "%s%s", i > 0 ? ", " : n == 1 ? "; expected " : "; expected one of ", names[i]);
  keep(d, place, fsl_text_end(&text));
  return false;
}

/* ---- all lines --------------------------------------------------------------------------------------------------- */

static bool comes_after(fsl_place a, fsl_place b) {
  const bool a_is_set = strcmp(a.file, "--set") == 0, b_is_set = strcmp(b.file, "--set") == 0;
  if (a_is_set != b_is_set) return a_is_set;
  if (a.line != b.line) return a.line > b.line;
  return a.column > b.column;
}

/* By insertion: they are few, nearly in order, and equal places keep theirs. */
static void sort_lines(size_t n, fsl_diagnostic *line) {
  for (size_t i = 1; i < n; i++) {
    const fsl_diagnostic moved = line[i];
    size_t j = i;
    for (; j > 0 && comes_after(line[j - 1].place, moved.place); j--) line[j] = line[j - 1];
    line[j] = moved;
  }
}

const char *fsl_diagnostics_text(fsl_diagnostics *d) {
  const size_t n = d->n < FSL_MOST_DIAGNOSTICS ? d->n : FSL_MOST_DIAGNOSTICS;
  fsl_text text;
  sort_lines(n, d->line);
  fsl_text_start(&text, d->arena);
  for (size_t i = 0; i < n; i++) {
    const fsl_place at = d->line[i].place;
    fsl_text_add(&text, "%s:%d:%d: %s\n", at.file, at.line, at.column, d->line[i].text);
  }
  if (d->n > n) fsl_text_add(&text, "and %zu more errors\n", d->n - n);
  const char *const whole = fsl_text_end(&text);
  return whole == NULL ? "out of memory\n" : whole;
}
