/* problem/image.c: see image.h. */
#include "problem/image.h"

fsl_status fsl_image_create(fsl_ctx *ctx, fsl_integers shape, size_t d, fsl_image *out) {
  *out = (fsl_image){1, d};
  if (shape.data == NULL) return FSL_OK;
  for (; shape.n > 2 && shape.data[0] == 1; shape.n--) shape.data++; /* one channel */
  if (shape.n < 1 || shape.n > 2)
    return fsl_fail(ctx, FSL_EINPUT, "the shape has %zu axes, expected one or two: [rows, columns]", shape.n);
  const size_t first = (size_t)shape.data[0], second = shape.n == 2 ? (size_t)shape.data[1] : 1;
  if (first * second != d)
    return fsl_fail(ctx, FSL_EINPUT, "the shape has %zu components, the prior has dimension %zu", first * second, d);
  if (shape.n == 2) *out = (fsl_image){first, second};
  return FSL_OK;
}
