/* base/array.c: arrays of reals in memory. */
#include "base/array_readers.h"
#include "base/text.h"

size_t fsl_array_size(fsl_array array) {
  size_t n = array.data == NULL ? 0 : 1;
  for (size_t i = 0; i < array.rank && n > 0; i++) n *= array.shape[i];
  return n;
}

fsl_status fsl_array_fits(fsl_ctx *ctx, const char *path, double n) {
  if (n > FSL_ARRAY_MOST) return fsl_fail(ctx, FSL_EINPUT, "%s: the array has more than 2^31 values", path);
  if (ctx->file_bytes <= 0 || n * sizeof(double) <= ctx->file_bytes) return FSL_OK;
  return fsl_fail(
      ctx, FSL_EINPUT,
      "%s: %.0f values take %.4g MB of memory, and a rank has %.4g MB (its share of the machine, or limits: "
      "{rank_bytes} of the spec)",
      path, n, 8e-6 * n, 1e-6 * ctx->file_bytes);
}

fsl_status fsl_array_new(fsl_ctx *ctx, const char *path, size_t rank, const size_t *shape, double **data,
                         fsl_array *out) {
  double n = 1;
  *out = (fsl_array){.rank = rank};
  for (size_t i = 0; i < rank; i++) {
    out->shape[i] = shape[i];
    n *= (double)shape[i];
  }
  FSL_TRY(fsl_array_fits(ctx, path, n));
  *data = fsl_arena_get_unset(ctx->arena, (size_t)n + 1, sizeof **data);
  out->data = *data;
  return *data != NULL ? FSL_OK : fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for %.0f values", path, n);
}

const char *fsl_array_names(fsl_ctx *ctx, const char *wanted, size_t n, const char *const *names) {
  enum { MOST_SHOWN = 8 };
  fsl_text text;
  const char *const near = wanted == NULL ? NULL : fsl_nearest(wanted, n, names);
  fsl_text_start(&text, ctx->arena);
  if (near != NULL) fsl_text_add(&text, "; did you mean '%.100s'?", near);
  for (size_t i = 0; near == NULL && i < n && i < MOST_SHOWN; i++)
    fsl_text_add(&text, "%s'%.100s'", i == 0 ? "; it holds " : ", ", names[i]);
  if (near == NULL && n > MOST_SHOWN) fsl_text_add(&text, " and %zu more", n - MOST_SHOWN);
  const char *const end = fsl_text_end(&text);
  return end == NULL ? "" : end;
}
