/* problem/forward_model.c: what every forward model does alike. */
#include "fslens/problem.h"

#include <string.h>

fsl_status fsl_forward_model_create(fsl_ctx *ctx, const fsl_forward_model_kind *kind, const void *params, size_t d,
                                    fsl_forward_model *out, const char **bad) {
  *out = (fsl_forward_model){.d = d, .self = params};
  *bad = NULL;
  FSL_TRY(kind->create(ctx, params, d, out, bad));
  fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
  if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a hash");
  fsl_hash_text(hasher, "forward_model");
  fsl_hash_integer(hasher, (int64_t)d);
  FSL_TRY(fsl_kind_hash(ctx, &kind->head, params, hasher));
  out->identity = fsl_hash_value(hasher);
  return FSL_OK;
}

fsl_status fsl_forward_model_matrix(fsl_ctx *ctx, const fsl_forward_model *model, double *matrix) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *unit, *column;
  if (!model->linear) return fsl_fail(ctx, FSL_EINTERNAL, "a nonlinear forward model has no matrix");
  FSL_GET(ctx, unit, model->d);
  FSL_GET(ctx, column, model->m);
  for (size_t j = 0; j < model->d; j++) {
    unit[j] = 1;
    model->apply(model, unit, column);
    unit[j] = 0;
    for (size_t i = 0; i < model->m; i++) matrix[i * model->d + j] = column[i];
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
