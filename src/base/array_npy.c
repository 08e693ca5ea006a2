/* base/array_npy.c: NumPy's .npy format, versions 1 to 3: a header that is a Python dictionary, then the values. */
#include "base/array_readers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_HEADER = 1 << 16 };

typedef struct npy_header {
  char kind; /* 'f', 'i' or 'u' */
  int width; /* bytes a value */
  bool swap; /* stored in the other byte order */
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

static bool parse_type(const char *text, npy_header *out) {
  const char *const at = value_of(text, "'descr'");
  const uint16_t one = 1;
  const bool little = *(const uint8_t *)&one == 1;
  if (at == NULL || at[0] != '\'' || strchr("<>|=", at[1]) == NULL || strchr("fiu", at[2]) == NULL) return false;
  out->kind = at[2];
  out->width = atoi(at + 3);
  out->swap = (at[1] == '<' && !little) || (at[1] == '>' && little);
  if (out->kind == 'f') return out->width == 4 || out->width == 8;
  return out->width == 1 || out->width == 2 || out->width == 4 || out->width == 8;
}

static bool parse_shape(const char *text, npy_header *out) {
  const char *at = value_of(text, "'shape'");
  if (at == NULL || *at != '(') return false;
  for (at++; *at != ')';) {
    char *end;
    const unsigned long long n = strtoull(at, &end, 10);
    if (end == at || out->rank == FSL_MAX_RANK) return false;
    out->shape[out->rank++] = (size_t)n;
    for (at = end; *at == ',' || *at == ' '; at++) continue;
    if (*at == '\0') return false;
  }
  return true;
}

static fsl_status read_header(fsl_ctx *ctx, const char *path, FILE *file, npy_header *out) {
  uint8_t start[12];
  if (fread(start, 1, 10, file) != 10 || memcmp(start, "\x93NUMPY", 6) != 0) return bad(ctx, path, "no NumPy header");
  size_t length = (size_t)start[8] | (size_t)start[9] << 8;
  if (start[6] > 1) {
    if (fread(start + 10, 1, 2, file) != 2) return bad(ctx, path, "the header ends too early");
    length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
  }
  if (length > MOST_HEADER) return bad(ctx, path, "the header is too long");
  char *text;
  FSL_GET(ctx, text, length + 1);
  if (fread(text, 1, length, file) != length) return bad(ctx, path, "the header ends too early");
  const char *const order = value_of(text, "'fortran_order'");
  *out = (npy_header){.columns_first = order != NULL && strncmp(order, "True", 4) == 0};
  if (!parse_type(text, out)) return bad(ctx, path, "its values are neither floats nor integers");
  if (!parse_shape(text, out)) return bad(ctx, path, "its shape is wrong or has more than 4 axes");
  return FSL_OK;
}

static double value_at(const npy_header *h, const uint8_t *stored) {
  uint8_t bytes[8] = {0};
  for (int i = 0; i < h->width; i++) bytes[i] = stored[h->swap ? h->width - 1 - i : i];
  double real;
  float single;
  int64_t wide;
  int32_t word;
  int16_t half;
  uint64_t unsigned_wide;
  uint32_t unsigned_word;
  uint16_t unsigned_half;
  memcpy(&real, bytes, 8), memcpy(&single, bytes, 4), memcpy(&wide, bytes, 8), memcpy(&word, bytes, 4);
  memcpy(&half, bytes, 2), memcpy(&unsigned_wide, bytes, 8), memcpy(&unsigned_word, bytes, 4);
  memcpy(&unsigned_half, bytes, 2);
  if (h->kind == 'f') return h->width == 8 ? real : (double)single;
  if (h->kind == 'i')
    return h->width == 8 ? (double)wide : h->width == 4 ? word : h->width == 2 ? half : (int8_t)bytes[0];
  return h->width == 8   ? (double)unsigned_wide
         : h->width == 4 ? unsigned_word
         : h->width == 2 ? unsigned_half
                         : bytes[0];
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

/* Whether the file holds as many values as its header says: nothing is allocated for a header that lies. */
static bool is_long_enough(FILE *file, const npy_header *h) {
  const off_t here = ftello(file);
  if (h->width <= 0 || here < 0 || fseeko(file, 0, SEEK_END) != 0) return false;
  const off_t end = ftello(file);
  size_t values = end < here ? 0 : (size_t)(end - here) / (size_t)h->width;
  for (size_t i = 0; i < h->rank; i++) {
    if (h->shape[i] == 0) values = SIZE_MAX;
    if (h->shape[i] > 0) values /= h->shape[i];
  }
  return values > 0 && fseeko(file, here, SEEK_SET) == 0;
}

static fsl_status read_values(fsl_ctx *ctx, const char *path, FILE *file, fsl_array *out) {
  npy_header h = {0};
  double *data;
  uint8_t stored[8];
  FSL_TRY(read_header(ctx, path, file, &h));
  if (!is_long_enough(file, &h)) return bad(ctx, path, "it ends too early");
  FSL_TRY(fsl_array_new(ctx, path, h.rank, h.shape, &data, out));
  for (size_t i = 0, n = fsl_array_size(*out); i < n; i++) {
    if (fread(stored, 1, (size_t)h.width, file) != (size_t)h.width) return bad(ctx, path, "it ends too early");
    data[h.columns_first ? row_major(&h, i) : i] = value_at(&h, stored);
  }
  return FSL_OK;
}

fsl_status fsl_array_read_npy(fsl_ctx *ctx, const char *path, fsl_array *out) {
  FILE *const file = fopen(path, "rb");
  if (file == NULL) return fsl_fail(ctx, FSL_EINPUT, "%s: %s", path, strerror(errno));
  const fsl_status status = read_values(ctx, path, file, out);
  fclose(file);
  return status;
}
