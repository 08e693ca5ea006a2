/* base/array_npy.c: NumPy's .npy format, versions 1 to 3: a header that is a Python dictionary, then the values. */
#include "base/array_readers.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_HEADER = 1 << 16 };

typedef struct npy_header {
  fsl_stored type;
  bool columns_first;
  size_t rank, shape[FSL_MAX_RANK];
} npy_header;

static fsl_status bad(fsl_ctx *ctx, const char *path, const char *what) {
  return fsl_fail(ctx, FSL_EINPUT, "%s: not an .npy file that can be read: %s", path, what);
}

/* What follows "'key':" in the header, NULL when it is missing. */
static const char *value_of(const char *text, const char *key) {
  const char *at = strstr(text, key);
  at = at == NULL ? NULL : strchr(at, ':');
  if (at == NULL) return NULL;
  for (at++; *at == ' '; at++) continue;
  return at;
}

static fsl_status parse_type(fsl_ctx *ctx, const char *path, const char *text, npy_header *out) {
  const char *const at = value_of(text, "'descr'");
  const uint16_t one = 1;
  const bool big_machine = *(const uint8_t *)&one == 0;
  if (at != NULL && at[0] == '\'' && at[1] != '\0' && strchr("<>|=", at[1]) != NULL) {
    out->type =
        (fsl_stored){.kind = at[2], .width = atoi(at + 3), .big = at[1] == '>' || (at[1] == '=' && big_machine)};
    if (at[2] == 'O')
      return bad(ctx, path, "its values are Python objects; convert it: numpy.save(path, array.astype(float))");
    if (fsl_stored_is_known(out->type)) return FSL_OK;
  }
  return fsl_fail(ctx, FSL_EINPUT,
                  "%s: not an .npy file that can be read: its values are of type %.40s, expected floats of 2, 4 or 8 "
                  "bytes, integers or booleans",
                  path, at == NULL ? "none" : at);
}

static bool parse_shape(const char *text, npy_header *out) {
  const char *at = value_of(text, "'shape'");
  if (at == NULL || *at != '(') return false;
  for (at++; *at != ')';) {
    char *end;
    const unsigned long long n = strtoull(at, &end, 10);
    if (end == at || *at == '-' || out->rank == FSL_MAX_RANK) return false;
    out->shape[out->rank++] = (size_t)n;
    for (at = end; *at == ',' || *at == ' '; at++) continue;
    if (*at == '\0') return false;
  }
  return true;
}

static fsl_status read_text(fsl_ctx *ctx, const char *path, fsl_stream *stream, char **out) {
  uint8_t start[12];
  size_t got;
  FSL_TRY(fsl_stream_read(ctx, stream, 10, start, &got));
  if (got != 10 || memcmp(start, "\x93NUMPY", 6) != 0) return bad(ctx, path, "no NumPy header");
  size_t length = (size_t)fsl_little(start + 8, 2);
  if (start[6] > 1) {
    FSL_TRY(fsl_stream_read(ctx, stream, 2, start + 10, &got));
    if (got != 2) return bad(ctx, path, "the header ends too early");
    length = (size_t)fsl_little(start + 8, 4);
  }
  if (length > MOST_HEADER) return bad(ctx, path, "the header is too long");
  FSL_GET(ctx, *out, length + 1);
  FSL_TRY(fsl_stream_read(ctx, stream, length, *out, &got));
  return got == length ? FSL_OK : bad(ctx, path, "the header ends too early");
}

static fsl_status read_header(fsl_ctx *ctx, const char *path, fsl_stream *stream, npy_header *out) {
  char *text;
  FSL_TRY(read_text(ctx, path, stream, &text));
  const char *const order = value_of(text, "'fortran_order'");
  *out = (npy_header){.columns_first = order != NULL && strncmp(order, "True", 4) == 0};
  FSL_TRY(parse_type(ctx, path, text, out));
  return parse_shape(text, out) ? FSL_OK : bad(ctx, path, "its shape is wrong or has more than 4 axes");
}

/* The row-major place of the i-th value of a Fortran-ordered array. */
static size_t row_major(const npy_header *h, size_t i) {
  size_t index[FSL_MAX_RANK], place = 0;
  for (size_t axis = 0; axis < h->rank; axis++) {
    index[axis] = i % h->shape[axis];
    i /= h->shape[axis];
  }
  for (size_t axis = 0; axis < h->rank; axis++) place = place * h->shape[axis] + index[axis];
  return place;
}

static fsl_status read_columns(fsl_ctx *ctx, const char *path, fsl_stream *stream, const npy_header *h, size_t n,
                               double *data) {
  enum { STEP = 8192 };
  double values[STEP];
  for (size_t i = 0, step; i < n; i += step) {
    step = n - i < STEP ? n - i : STEP;
    FSL_TRY(fsl_stored_read(ctx, path, stream, h->type, step, values));
    for (size_t j = 0; j < step; j++) data[row_major(h, i + j)] = values[j];
  }
  return FSL_OK;
}

fsl_status fsl_array_read_npy(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_array *out) {
  npy_header h = {0};
  double *data;
  FSL_TRY(read_header(ctx, path, stream, &h));
  if (!fsl_stored_fits(stream, h.type, h.rank, h.shape)) return bad(ctx, path, "it ends too early for its shape");
  FSL_TRY(fsl_array_new(ctx, path, h.rank, h.shape, &data, out));
  const size_t n = fsl_array_size(*out);
  return h.columns_first ? read_columns(ctx, path, stream, &h, n, data)
                         : fsl_stored_read(ctx, path, stream, h.type, n, data);
}
