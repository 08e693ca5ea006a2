/* problem/forward_downsampling.c: means of blocks of pixels. */
#include "problem/image.h"
#include "problem/kinds.h"

typedef struct downsampling_params {
  int64_t factor;
  fsl_integers shape;
} downsampling_params;

static const fsl_param table[] = {
    {.name = "factor",
     .type = FSL_INTEGER,
     .offset = offsetof(downsampling_params, factor),
     .preset = "2",
     .low = 1,
     .high = 4096,
     .help = "pixels of a block along each axis; must divide the shape"},
    {.name = "shape",
     .type = FSL_INTEGERS,
     .offset = offsetof(downsampling_params, shape),
     .optional = true,
     .prior_shape = true,
     .low = 1,
     .high = 1e6,
     .help = "[rows, columns] of the image (absent: the prior's shape; without one, a signal)"},
};

typedef struct blocks {
  size_t columns;        /* of the fine image */
  size_t coarse_columns; /* of the coarse one */
  size_t high, wide;     /* pixels of a block */
} blocks;

/* The coarse pixel that fine pixel j belongs to. */
static size_t block_of(const blocks *b, size_t j) {
  return j / b->columns / b->high * b->coarse_columns + j % b->columns / b->wide;
}

static void apply(const fsl_forward_model *model, const double *x, double *y) {
  const blocks *const b = model->self;
  const double share = 1.0 / (double)(b->high * b->wide);
  for (size_t i = 0; i < model->m; i++) y[i] = 0;
  for (size_t j = 0; j < model->d; j++) y[block_of(b, j)] += share * x[j];
}

static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  const blocks *const b = model->self;
  const double share = 1.0 / (double)(b->high * b->wide);
  (void)x;
  for (size_t j = 0; j < model->d; j++) out[j] = share * u[block_of(b, j)];
}

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  const downsampling_params *const p = params;
  const size_t factor = (size_t)p->factor;
  fsl_image image;
  blocks *b;
  *bad = "shape";
  FSL_TRY(fsl_image_create(ctx, p->shape, d, &image));
  *bad = "factor";
  const size_t high = image.rows == 1 ? 1 : factor;
  if (image.columns % factor != 0 || image.rows % high != 0)
    return fsl_fail(ctx, FSL_EINPUT, "the factor %zu does not divide the shape %zu x %zu", factor, image.rows,
                    image.columns);
  FSL_GET(ctx, b, 1);
  *b = (blocks){.columns = image.columns, .coarse_columns = image.columns / factor, .high = high, .wide = factor};
  out->m = d / (high * factor);
  out->linear = true;
  out->self = b;
  out->value = apply;
  out->apply = apply;
  out->jacobian_t = jacobian_t;
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_downsampling = {
    .head = {.name = "downsampling",
             .help = "means of blocks of pixels",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(downsampling_params)},
    .create = create,
};
