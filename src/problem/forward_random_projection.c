/* problem/forward_random_projection.c: a random matrix with entries N(0, 1/rows). */
#include "problem/dense.h"
#include "problem/kinds.h"

#include <math.h>

typedef struct projection_params {
  int64_t rows, seed;
} projection_params;

static const fsl_param table[] = {
    {.name = "rows",
     .type = FSL_INTEGER,
     .offset = offsetof(projection_params, rows),
     .low = 1,
     .high = 100000,
     .help = "number of measurements"},
    {.name = "seed",
     .type = FSL_INTEGER,
     .offset = offsetof(projection_params, seed),
     .preset = "0",
     .low = 0,
     .high = 9007199254740992.0,
     .help = "of the matrix"},
};

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  const projection_params *const p = params;
  const size_t m = (size_t)p->rows;
  fsl_dense *dense;
  double *matrix;
  fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
  *bad = "rows";
  if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a hash");
  fsl_hash_text(hasher, "random-projection");
  fsl_hash_integer(hasher, p->seed);
  fsl_hash_integer(hasher, p->rows);
  fsl_hash_integer(hasher, (int64_t)d);
  FSL_GET(ctx, dense, 1);
  FSL_GET(ctx, matrix, m * d);
  fsl_normals(fsl_key_of(fsl_hash_value(hasher)), 0, 0, m * d, matrix);
  for (size_t i = 0; i < m * d; i++) matrix[i] /= sqrt((double)m);
  *dense = (fsl_dense){.matrix = matrix};
  fsl_dense_linear(dense, m, out);
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_random_projection = {
    .head = {.name = "random-projection",
             .help = "a random matrix with entries N(0, 1/rows)",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(projection_params)},
    .create = create,
};
