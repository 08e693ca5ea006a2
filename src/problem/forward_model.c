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

/* The parameter that takes the prior's shape, where it is absent; else NULL. */
static const fsl_param *absent_shape(const fsl_kind *kind, const void *params) {
  for (size_t i = 0; i < kind->n_params; i++) {
    const fsl_param *const param = &kind->params[i];
    if (param->prior_shape &&
        ((const fsl_integers *)(const void *)((const char *)params + param->offset))->data == NULL)
      return param;
  }
  return NULL;
}

fsl_status fsl_forward_model_fit(fsl_ctx *ctx, const fsl_forward_model_kind *kind, const void *params,
                                 const fsl_prior *prior, fsl_forward_model *out, const char **bad) {
  const fsl_param *const shape = prior->shape.data == NULL ? NULL : absent_shape(&kind->head, params);
  if (shape == NULL) return fsl_forward_model_create(ctx, kind, params, prior->d, out, bad);
  char *filled;
  FSL_GET(ctx, filled, kind->head.params_size);
  memcpy(filled, params, kind->head.params_size);
  memcpy(filled + shape->offset, &prior->shape, sizeof prior->shape);
  const fsl_status status = fsl_forward_model_create(ctx, kind, filled, prior->d, out, bad);
  return status == FSL_OK ? FSL_OK
                          : fsl_while(ctx, status, "with the prior's shape (give '%s' for another one)", shape->name);
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
