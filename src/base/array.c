/* base/array.c: arrays of reals in memory. */
#include "base/array_readers.h"

size_t fsl_array_size(fsl_array array) {
  size_t n = array.data == NULL ? 0 : 1;
  for (size_t i = 0; i < array.rank && n > 0; i++) n *= array.shape[i];
  return n;
}

fsl_status fsl_array_new(fsl_ctx *ctx, const char *path, size_t rank, const size_t *shape, double **data,
                         fsl_array *out) {
  size_t n = 1;
  *out = (fsl_array){.rank = rank};
  for (size_t i = 0; i < rank; i++) {
    if (shape[i] != 0 && n > FSL_ARRAY_MOST / shape[i])
      return fsl_fail(ctx, FSL_EINPUT, "%s: the array has more than 2^31 values", path);
    n *= shape[i];
    out->shape[i] = shape[i];
  }
  FSL_GET(ctx, *data, n + 1);
  out->data = *data;
  return FSL_OK;
}
