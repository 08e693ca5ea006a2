/* base/array_csv.c: tables of numbers separated by commas or by blanks; `#` starts a comment; a first line without any
 * number is a header. Lines end with LF, CR LF or CR. */
#include "base/array_readers.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_LINE = 1 << 16, LONGEST_LINE = 1 << 28, FIRST_VALUES = 1024 };

typedef struct table {
  const char *path;
  double *data;
  size_t n, capacity, rows, columns;
  size_t line; /* number of the one at hand, from 1 */
  bool had_header;
} table;

/* ---- lines ------------------------------------------------------------------------------------------------------- */

typedef struct lines {
  fsl_stream *stream;
  uint8_t block[FSL_STREAM_BLOCK];
  size_t got, at; /* of the block */
  char *text;     /* the line, terminated */
  size_t length, capacity;
  bool after_cr; /* a line feed that comes next belongs to the line before */
} lines;

static fsl_status append(fsl_ctx *ctx, const table *t, lines *l, char c) {
  if (l->length + 1 >= l->capacity) {
    const char *const old = l->text;
    if (l->capacity >= LONGEST_LINE)
      return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: the line is longer than %d bytes", t->path, t->line, LONGEST_LINE);
    l->capacity = l->capacity == 0 ? FIRST_LINE : 2 * l->capacity;
    FSL_GET(ctx, l->text, l->capacity);
    if (l->length > 0) memcpy(l->text, old, l->length);
  }
  if (c == '\0')
    return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: it holds a zero byte: not a text in UTF-8 (save it as UTF-8)", t->path,
                    t->line);
  l->text[l->length++] = c;
  l->text[l->length] = '\0';
  return FSL_OK;
}

/* *more: whether there was a line, of any length. */
static fsl_status next_line(fsl_ctx *ctx, const table *t, lines *l, bool *more) {
  l->length = 0;
  for (*more = false;;) {
    if (l->at == l->got) {
      FSL_TRY(fsl_stream_read(ctx, l->stream, sizeof l->block, l->block, &l->got));
      l->at = 0;
      if (l->got == 0) return FSL_OK;
    }
    const char c = (char)l->block[l->at++];
    const bool belongs_before = c == '\n' && l->after_cr;
    l->after_cr = c == '\r';
    if (belongs_before) continue;
    *more = true;
    if (c == '\n' || c == '\r') return FSL_OK;
    FSL_TRY(append(ctx, t, l, c));
  }
}

/* A mark of UTF-8 in front is passed over, one of UTF-16 is refused. */
static fsl_status pass_mark(fsl_ctx *ctx, const table *t, lines *l) {
  FSL_TRY(fsl_stream_read(ctx, l->stream, sizeof l->block, l->block, &l->got));
  if (l->got >= 3 && memcmp(l->block, "\xef\xbb\xbf", 3) == 0) l->at = 3;
  if (l->got >= 2 && (memcmp(l->block, "\xff\xfe", 2) == 0 || memcmp(l->block, "\xfe\xff", 2) == 0))
    return fsl_fail(ctx, FSL_EINPUT, "%s: it is a text in UTF-16: save it as UTF-8", t->path);
  return FSL_OK;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static fsl_status push(fsl_ctx *ctx, table *t, double value) {
  if (t->n == t->capacity) {
    const double *const old = t->data;
    const size_t capacity = t->capacity == 0 ? FIRST_VALUES : 2 * t->capacity;
    FSL_TRY(fsl_array_fits(ctx, t->path, (double)t->n + 1));
    FSL_GET(ctx, t->data, capacity);
    t->capacity = capacity;
    if (t->n > 0) memcpy(t->data, old, t->n * sizeof *old);
  }
  t->data[t->n++] = value;
  return FSL_OK;
}

/* The next field of a row, trimmed and terminated; NULL at the end. Columns are separated by commas where the row has
 * one, else by blanks. An empty last field is none. */
static char *next_field(char **rest, bool commas) {
  static const char *const blanks = " \t\v\f";
  char *field = *rest + strspn(*rest, blanks);
  if (*field == '\0') return NULL;
  char *const end = field + strcspn(field, commas ? "," : blanks);
  *rest = *end == '\0' ? end : end + 1;
  *end = '\0';
  for (char *last = end; last > field && strchr(blanks, last[-1]) != NULL;) *--last = '\0';
  return field;
}

/* A text of a file as a message can show it. */
static const char *shown(fsl_ctx *ctx, const char *text) {
  char *const copy = fsl_text_format(ctx->arena, "%.60s%s", text, strlen(text) > 60 ? "..." : "");
  for (char *c = copy; c != NULL && *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
  return copy == NULL ? "" : copy;
}

static fsl_status bad_field(fsl_ctx *ctx, const table *t, const char *field, bool commas) {
  if (*field == '\0') return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: a field between two commas is empty", t->path, t->line);
  if (commas && strpbrk(field, " \t") != NULL)
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s:%zu: '%s' is not a number: the row has commas and blanks. Write decimal points, and separate "
                    "columns by commas or by blanks alone",
                    t->path, t->line, shown(ctx, field));
  return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: '%s' is not a number", t->path, t->line, shown(ctx, field));
}

/* Whether none of the fields is a number, in a copy of the line. */
static fsl_status has_no_number(fsl_ctx *ctx, const char *text, bool commas, bool *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double value;
  char *rest = fsl_text_copy(ctx->arena, text);
  if (rest == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a line");
  *out = true;
  for (char *field; *out && (field = next_field(&rest, commas)) != NULL;) *out = !fsl_parse_real(field, &value);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static fsl_status take_header(fsl_ctx *ctx, table *t, const char *text) {
  if (t->had_header) return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: a second header line", t->path, t->line);
  t->had_header = true;
  fsl_say(ctx, FSL_LOG_WARN, "%s:%zu: '%s' is taken as a header", t->path, t->line, shown(ctx, text));
  return FSL_OK;
}

static fsl_status take_row(fsl_ctx *ctx, table *t, char *text, bool commas) {
  size_t columns = 0;
  double value;
  for (char *field, *rest = text; (field = next_field(&rest, commas)) != NULL; columns++) {
    if (!fsl_parse_real(field, &value)) return bad_field(ctx, t, field, commas);
    FSL_TRY(push(ctx, t, value));
  }
  if (t->rows > 0 && columns != t->columns)
    return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: the row has %zu numbers, the rows before have %zu", t->path, t->line,
                    columns, t->columns);
  t->columns = columns;
  t->rows++;
  return FSL_OK;
}

static fsl_status take_line(fsl_ctx *ctx, table *t, char *text) {
  bool is_header = false;
  text[strcspn(text, "#")] = '\0';
  if (text[strspn(text, " \t\v\f")] == '\0') return FSL_OK;
  if (strchr(text, ';') != NULL)
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s:%zu: '%s' has semicolons. Write decimal points and separate columns by commas, as in 0.5,1.25",
                    t->path, t->line, shown(ctx, text));
  const bool commas = strchr(text, ',') != NULL;
  if (t->rows == 0) FSL_TRY(has_no_number(ctx, text, commas, &is_header));
  return is_header ? take_header(ctx, t, text) : take_row(ctx, t, text, commas);
}

fsl_status fsl_array_read_csv(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_array *out) {
  table t = {.path = path, .line = 1};
  lines *l;
  bool more;
  FSL_GET(ctx, l, 1);
  l->stream = stream;
  FSL_TRY(pass_mark(ctx, &t, l));
  for (;; t.line++) {
    FSL_TRY(next_line(ctx, &t, l, &more));
    if (!more) break;
    if (l->length > 0) FSL_TRY(take_line(ctx, &t, l->text));
  }
  if (t.rows == 0) return fsl_fail(ctx, FSL_EINPUT, "%s: there are no numbers in it", path);
  *out = (fsl_array){.data = t.data, .rank = 2, .shape = {t.rows, t.columns}};
  return FSL_OK;
}
