/* base/array_idx.c: the IDX format of MNIST and its kin: a type, the shape, and the values, all big-endian. */
#include "base/array_readers.h"

#include "base/bytes.h"

static bool type_of(uint8_t code, fsl_stored *out) {
  static const struct {
    uint8_t code;
    fsl_stored type;
  } types[] = {{0x08, {'u', 1, true}}, {0x09, {'i', 1, true}}, {0x0b, {'i', 2, true}},
               {0x0c, {'i', 4, true}}, {0x0d, {'f', 4, true}}, {0x0e, {'f', 8, true}}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (types[i].code != code) continue;
    *out = types[i].type;
    return true;
  }
  return false;
}

static fsl_status read_header(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_stored *type, size_t *rank,
                              size_t *shape) {
  uint8_t start[4], sizes[4 * FSL_MAX_RANK];
  size_t got;
  FSL_TRY(fsl_stream_read(ctx, stream, sizeof start, start, &got));
  if (got != sizeof start || start[0] != 0 || start[1] != 0 || !type_of(start[2], type))
    return fsl_fail(ctx, FSL_EINPUT, "%s: not an .idx file that can be read: no IDX header", path);
  *rank = start[3];
  if (*rank > FSL_MAX_RANK)
    return fsl_fail(ctx, FSL_EINPUT, "%s: not an .idx file that can be read: it has %zu axes, at most %d are read",
                    path, *rank, FSL_MAX_RANK);
  FSL_TRY(fsl_stream_exact(ctx, stream, 4 * *rank, sizes));
  for (size_t i = 0; i < *rank; i++) shape[i] = (size_t)fsl_big(sizes + 4 * i, 4);
  return FSL_OK;
}

/* Packed data check themselves at their end, so it is read up to there. */
static fsl_status expect_end(fsl_ctx *ctx, const char *path, fsl_stream *stream) {
  uint8_t more;
  size_t got;
  FSL_TRY(fsl_stream_read(ctx, stream, 1, &more, &got));
  return got == 0 ? FSL_OK
                  : fsl_fail(ctx, FSL_EINPUT,
                             "%s: not an .idx file that can be read: it holds more than its shape says", path);
}

fsl_status fsl_array_read_idx(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_array *out) {
  fsl_stored type = {0};
  size_t rank = 0, shape[FSL_MAX_RANK] = {0};
  double *data;
  FSL_TRY(read_header(ctx, path, stream, &type, &rank, shape));
  if (!fsl_stored_fits(stream, type, rank, shape))
    return fsl_fail(ctx, FSL_EINPUT, "%s: not an .idx file that can be read: it ends too early for its shape", path);
  FSL_TRY(fsl_array_new(ctx, path, rank, shape, &data, out));
  FSL_TRY(fsl_stored_read(ctx, path, stream, type, fsl_array_size(*out), data));
  return expect_end(ctx, path, stream);
}
