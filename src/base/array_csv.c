/* base/array_csv.c: tables of numbers separated by commas or blanks; `#` starts a comment; a first line that is no
 * number is a header. */
#include "base/array_readers.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_LINE = 1 << 22 };

typedef struct table {
  double *data;
  size_t n, capacity, rows, columns;
} table;

static fsl_status push(fsl_ctx *ctx, table *t, double value) {
  if (t->n == t->capacity) {
    const double *const old = t->data;
    t->capacity = t->capacity == 0 ? 1024 : 2 * t->capacity;
    FSL_GET(ctx, t->data, t->capacity);
    if (t->n > 0) memcpy(t->data, old, t->n * sizeof *old);
  }
  t->data[t->n++] = value;
  return FSL_OK;
}

/* Reads a line's numbers. *is_header: the first field of the first line is no number. */
static fsl_status read_row(fsl_ctx *ctx, const char *path, size_t line, char *text, table *t, bool *is_header) {
  static const char *const blanks = ", \t\r\n;";
  size_t columns = 0;
  char *rest = NULL;
  text[strcspn(text, "#")] = '\0';
  for (char *field = strtok_r(text, blanks, &rest); field != NULL; field = strtok_r(NULL, blanks, &rest)) {
    double value;
    if (!fsl_parse_real(field, &value)) {
      *is_header = t->rows == 0 && columns == 0;
      if (*is_header) return FSL_OK;
      return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: '%.40s' is no number", path, line, field);
    }
    FSL_TRY(push(ctx, t, value));
    columns++;
  }
  if (columns == 0) return FSL_OK;
  if (t->rows > 0 && columns != t->columns)
    return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: the row has %zu numbers, the rows before have %zu", path, line, columns,
                    t->columns);
  t->columns = columns;
  t->rows++;
  return FSL_OK;
}

static fsl_status read_table(fsl_ctx *ctx, const char *path, FILE *file, fsl_array *out) {
  table t = {0};
  char *text;
  bool had_header = false;
  FSL_GET(ctx, text, LONGEST_LINE);
  for (size_t line = 1; fgets(text, LONGEST_LINE, file) != NULL; line++) {
    bool is_header = false;
    if (strlen(text) == LONGEST_LINE - 1) return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: the line is too long", path, line);
    FSL_TRY(read_row(ctx, path, line, text, &t, &is_header));
    if (is_header && had_header) return fsl_fail(ctx, FSL_EINPUT, "%s:%zu: a second header line", path, line);
    had_header = had_header || is_header;
  }
  if (ferror(file)) return fsl_fail(ctx, FSL_EIO, "%s: cannot be read", path);
  if (t.rows == 0) return fsl_fail(ctx, FSL_EINPUT, "%s: there are no numbers in it", path);
  *out = (fsl_array){.data = t.data, .rank = 2, .shape = {t.rows, t.columns}};
  return FSL_OK;
}

fsl_status fsl_array_read_csv(fsl_ctx *ctx, const char *path, fsl_array *out) {
  FILE *const file = fopen(path, "r");
  if (file == NULL) return fsl_fail(ctx, FSL_EINPUT, "%s: %s", path, strerror(errno));
  const fsl_status status = read_table(ctx, path, file, out);
  fclose(file);
  return status;
}
