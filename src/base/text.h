/* base/text.h: strings: a growing buffer, the nearest of a list of names, number parsing. */
#ifndef FSL_BASE_TEXT_H
#define FSL_BASE_TEXT_H

#include "fslens/base.h"

typedef struct fsl_text {
  fsl_arena *arena;
  char *data; /* always terminated; "" at the start */
  size_t length, capacity;
  bool failed;  /* an append ran out of memory; later appends do nothing */
  char none[1]; /* what data points to when there was no memory at all */
} fsl_text;

void fsl_text_start(fsl_text *text, fsl_arena *arena);
void fsl_text_add(fsl_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Quoted where a shell would not take it for one word as it is. */
void fsl_text_add_word(fsl_text *text, const char *word);
/* The finished text, in the arena; NULL when out of memory. The buffer itself may be gone. */
char *fsl_text_end(const fsl_text *text);
char *fsl_text_copy(fsl_arena *arena, const char *text); /* NULL when out of memory */
char *fsl_text_format(fsl_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The name closest to `wanted` (Damerau-Levenshtein, case folded), NULL where none is near enough to
 * be a likely slip (distance above a third of the longer length, rounded up). */
const char *fsl_nearest(const char *wanted, size_t n, const char *const *names);
/* YAML 1.2 core scalars: the whole text must match. Reals take .inf, -.inf, .nan; integers take 0o17 and 0x1F. */
bool fsl_parse_real(const char *text, double *out);
bool fsl_parse_integer(const char *text, int64_t *out);
/* Shortest decimal that reads back to the same double ("0.1", "1e-05", "inf"). */
void fsl_print_real(double value, char text[32]);

#endif
