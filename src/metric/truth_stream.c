/* metric/truth_stream.c: draws of a truth that gradings share (see parts.h). */
#include "metric/parts.h"

fsl_status fsl_scene_key(fsl_ctx *ctx, fsl_key key, const char *purpose, fsl_key *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_hasher *hasher = fsl_hasher_create(ctx->arena);
  if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a key");
  fsl_hash_text(hasher, purpose);
  fsl_hash_integer(hasher, (int64_t)key.word[0]);
  fsl_hash_integer(hasher, (int64_t)key.word[1]);
  *out = fsl_key_of(fsl_hash_value(hasher));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_truth_stream_create(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, fsl_key key,
                                   uint64_t total, fsl_truth_stream *out) {
  *out = (fsl_truth_stream){.law = law, .a = a, .v = v, .key = key, .total = total};
  if (law->d != 1) return FSL_OK;
  fsl_directions one;
  FSL_TRY(fsl_directions_create(ctx, 1, NULL, &one));
  return fsl_sliced_project(ctx, law, a, v, &one, 1, &out->line);
}

fsl_status fsl_truth_stream_draw(fsl_ctx *ctx, const fsl_truth_stream *stream, uint64_t first, size_t n, double *x) {
  if (stream->law->d != 1)
    return fsl_mixture_draw(ctx, stream->law, stream->a, stream->v, stream->key, first, n, x, NULL);
  fsl_line_quantiles(&stream->line, first, stream->total, n, x);
  return FSL_OK;
}
