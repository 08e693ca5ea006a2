/* base/text.c: strings (see text.h). */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a growing buffer ----------------------------------------------------------------------------------- */

void fsl_text_start(fsl_text *text, fsl_arena *arena) {
  *text = (fsl_text){.arena = arena, .capacity = 256};
  text->data = fsl_arena_get(arena, text->capacity, 1);
  text->failed = text->data == NULL;
  if (text->failed) text->data = text->none;
}

static bool reserve(fsl_text *text, size_t more) {
  size_t capacity = text->capacity;
  while (capacity - text->length <= more) capacity *= 2;
  if (capacity == text->capacity) return true;
  char *const data = fsl_arena_get(text->arena, capacity, 1);
  if (data == NULL) return false;
  memcpy(data, text->data, text->length + 1);
  text->data = data;
  text->capacity = capacity;
  return true;
}

void fsl_text_add(fsl_text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (text->failed || length < 0 || !reserve(text, (size_t)length)) {
    text->failed = true;
    return;
  }
  va_start(arguments, format);
  vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
  va_end(arguments);
  text->length += (size_t)length;
}

void fsl_text_add_word(fsl_text *text, const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%";
  if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
    fsl_text_add(text, "%s", word);
    return;
  }
  fsl_text_add(text, "'");
  for (; *word != '\0'; word++) {
    if (*word == '\'')
      fsl_text_add(text, "'\\''");
    else
      fsl_text_add(text, "%c", *word);
  }
  fsl_text_add(text, "'");
}

char *fsl_text_end(const fsl_text *text) {
  return text->failed ? NULL : text->data;
}

char *fsl_text_copy(fsl_arena *arena, const char *text) {
  const size_t size = strlen(text) + 1;
  char *const copy = fsl_arena_get(arena, size, 1);
  return copy == NULL ? NULL : memcpy(copy, text, size);
}

char *fsl_text_format(fsl_arena *arena, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *const text = length < 0 ? NULL : fsl_arena_get(arena, (size_t)length + 1, 1);
  if (text == NULL) return NULL;
  va_start(arguments, format);
  vsnprintf(text, (size_t)length + 1, format, arguments);
  va_end(arguments);
  return text;
}

/* ---- the nearest name ------------------------------------------------------------------------------------- */

enum { LONGEST_NAME = 63 };

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
static size_t distance(const char *a, const char *b) {
  const size_t n = strlen(a), m = strlen(b);
  size_t row[3][LONGEST_NAME + 2];
  for (size_t j = 0; j <= m; j++) row[0][j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t *const now = row[i % 3], *const last = row[(i + 2) % 3], *const before = row[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= m; j++) {
      const int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
      now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2]))
        now[j] = least(now[j], before[j - 2] + 1);
    }
  }
  return row[n % 3][m];
}

const char *fsl_nearest(const char *wanted, size_t n, const char *const *names) {
  const char *nearest = NULL;
  size_t smallest = SIZE_MAX;
  const size_t length = strlen(wanted);
  if (length > LONGEST_NAME) return NULL;
  for (size_t i = 0; i < n; i++) {
    const size_t other = strlen(names[i]);
    if (other > LONGEST_NAME) continue;
    const size_t d = distance(wanted, names[i]), longer = length > other ? length : other;
    if (d > (longer + 2) / 3 || d >= smallest) continue;
    smallest = d;
    nearest = names[i];
  }
  return nearest;
}

/* ---- numbers: YAML 1.2 core ---------------------------------------------------------------------------------- */

static bool is_decimal(const char *text) {
  const char *at = text + (*text == '+' || *text == '-');
  size_t digits = 0;
  for (; isdigit((unsigned char)*at); at++) digits++;
  if (*at == '.')
    for (at++; isdigit((unsigned char)*at); at++) digits++;
  if (digits == 0) return false;
  if (*at == 'e' || *at == 'E') {
    at++;
    at += *at == '+' || *at == '-';
    if (!isdigit((unsigned char)*at)) return false;
    while (isdigit((unsigned char)*at)) at++;
  }
  return *at == '\0';
}

static bool is_one_of(const char *text, const char *const *names) {
  for (; *names != NULL; names++)
    if (strcmp(text, *names) == 0) return true;
  return false;
}

bool fsl_parse_real(const char *text, double *out) {
  static const char *const infinities[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
  static const char *const minus[] = {"-.inf", "-.Inf", "-.INF", NULL};
  static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
  if (is_one_of(text, infinities)) return *out = INFINITY, true;
  if (is_one_of(text, minus)) return *out = -INFINITY, true;
  if (is_one_of(text, nans)) return *out = NAN, true;
  if (!is_decimal(text)) return false;
  *out = strtod(text, NULL);
  return isfinite(*out);
}

bool fsl_parse_integer(const char *text, int64_t *out) {
  const bool octal = strncmp(text, "0o", 2) == 0, hexadecimal = strncmp(text, "0x", 2) == 0;
  const char *const digits = octal ? "01234567" : hexadecimal ? "0123456789abcdefABCDEF" : "0123456789";
  const char *const at = octal || hexadecimal ? text + 2 : text + (*text == '+' || *text == '-');
  if (*at == '\0' || at[strspn(at, digits)] != '\0') return false;
  errno = 0;
  const long long value = octal || hexadecimal ? strtoll(at, NULL, octal ? 8 : 16) : strtoll(text, NULL, 10);
  *out = value;
  return errno == 0;
}

void fsl_print_real(double value, char text[32]) {
  if (value == floor(value) && fabs(value) < 1e15) { /* 10, not 1e+01 */
    snprintf(text, 32, "%.0f", value == 0 ? 0 : value);
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, 32, "%.*g", digits, value);
    if (strtod(text, NULL) == value) return;
  }
}
