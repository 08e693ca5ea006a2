/* problem/forward_phase_retrieval.c: A(x) = (M x)^2 or |M x|: the sign of every measurement is lost. */
#include "problem/dense.h"
#include "problem/kinds.h"

#include "base/linalg.h"

#include <math.h>

enum { OUTPUT_INTENSITY, OUTPUT_MAGNITUDE };

typedef struct phase_params {
  fsl_array matrix;
  int output;
} phase_params;

static const char *const outputs[] = {"intensity", "magnitude", NULL};

static const fsl_param table[] = {
    {.name = "matrix",
     .type = FSL_MATRIX,
     .offset = offsetof(phase_params, matrix),
     .shape = "m,d",
     .help = "M, one measurement a row: inline, or FILE.h5:/NAME, .npy, .csv"},
    {.name = "output",
     .type = FSL_CHOICE,
     .offset = offsetof(phase_params, output),
     .preset = "intensity",
     .choices = outputs,
     .help = "(M x)^2 or |M x|"},
};

typedef struct phase {
  fsl_dense dense;
  int output;
} phase;

static void value(const fsl_forward_model *model, const double *x, double *y) {
  const phase *const p = model->self;
  fsl_dense_affine(model, x, y);
  for (size_t i = 0; i < model->m; i++) y[i] = p->output == OUTPUT_INTENSITY ? y[i] * y[i] : fabs(y[i]);
}

/* 2 M x, or its sign, times M; 0 at the kink. */
static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  const phase *const p = model->self;
  for (size_t j = 0; j < model->d; j++) out[j] = 0;
  for (size_t i = 0; i < model->m; i++) {
    const double *const row = p->dense.matrix + i * model->d;
    const double z = fsl_dot(model->d, row, x);
    const double slope = p->output == OUTPUT_INTENSITY ? 2 * z : (double)((z > 0) - (z < 0));
    fsl_axpy(model->d, slope * u[i], row, out);
  }
}

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  const phase_params *const p = params;
  phase *self;
  FSL_TRY(fsl_dense_check(ctx, p->matrix, (fsl_array){0}, d, bad));
  FSL_GET(ctx, self, 1);
  *self = (phase){.dense = {.matrix = p->matrix.data}, .output = p->output};
  out->m = p->matrix.shape[0];
  out->dense = true;
  out->self = self;
  out->value = value;
  out->jacobian_t = jacobian_t;
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_phase_retrieval = {
    .head = {.name = "phase-retrieval",
             .help = "A(x) = (M x)^2 or |M x|: signs are lost",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(phase_params)},
    .create = create,
};
