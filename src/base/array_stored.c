/* base/array_stored.c: stored values of every width and order become double. */
#include "base/array_readers.h"

#include "base/bytes.h"

#include <math.h>
#include <string.h>

bool fsl_stored_is_known(fsl_stored type) {
  const int w = type.width;
  if (type.kind == 'b') return w == 1;
  if (type.kind == 'f') return w == 2 || w == 4 || w == 8;
  return (type.kind == 'i' || type.kind == 'u') && (w == 1 || w == 2 || w == 4 || w == 8);
}

static double from_half(uint64_t bits) {
  const int exponent = (int)(bits >> 10 & 31);
  const double fraction = (double)(bits & 1023), sign = (bits >> 15) != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

static double from_float(uint64_t bits, int width) {
  if (width == 2) return from_half(bits);
  if (width == 4) {
    const uint32_t word = (uint32_t)bits;
    float single;
    memcpy(&single, &word, sizeof single);
    return (double)single;
  }
  double real;
  memcpy(&real, &bits, sizeof real);
  return real;
}

static double from_signed(uint64_t bits, int width) {
  const uint64_t sign = (uint64_t)1 << (8 * width - 1);
  if ((bits & sign) == 0) return (double)bits;
  const uint64_t magnitude = (~bits & (sign - 1)) + 1; /* two's complement */
  return -(double)magnitude;
}

void fsl_stored_values(fsl_stored type, size_t n, const uint8_t *bytes, double *out) {
  const size_t width = (size_t)type.width;
  for (size_t i = 0; i < n; i++) {
    const uint64_t bits = type.big ? fsl_big(bytes + i * width, width) : fsl_little(bytes + i * width, width);
    switch (type.kind) {
    case 'f':
      out[i] = from_float(bits, type.width);
      break;
    case 'i':
      out[i] = from_signed(bits, type.width);
      break;
    case 'b':
      out[i] = bits != 0;
      break;
    default:
      out[i] = (double)bits;
    }
  }
}

fsl_status fsl_stored_read(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_stored type, size_t n, double *out) {
  uint8_t block[FSL_STREAM_BLOCK];
  const size_t width = (size_t)type.width, most = sizeof block / width;
  for (size_t i = 0, step; i < n; i += step) {
    size_t got;
    step = n - i < most ? n - i : most;
    FSL_TRY(fsl_stream_read(ctx, stream, step * width, block, &got));
    if (got < step * width)
      return fsl_fail(ctx, FSL_EINPUT, "%s: it ends too early: %zu of %zu values", path, i + got / width, n);
    fsl_stored_values(type, step, block, out + i);
  }
  return FSL_OK;
}

bool fsl_stored_fits(const fsl_stream *stream, fsl_stored type, size_t rank, const size_t *shape) {
  uint64_t room = fsl_stream_most(stream) / (uint64_t)type.width;
  for (size_t i = 0; i < rank; i++) {
    if (shape[i] == 0) return true;
    room /= shape[i];
  }
  return room > 0;
}
