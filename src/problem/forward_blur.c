/* problem/forward_blur.c: a separable Gaussian blur of signals and images. Beyond the border the image is mirrored (the
 * border pixel itself repeats), so that a constant image stays constant. */
#include "problem/image.h"
#include "problem/kinds.h"

#include <math.h>

enum { MOST_ROWS = 1024 };

typedef struct blur_params {
  int64_t width;
  double std;
  fsl_integers shape;
} blur_params;

static const fsl_param table[] = {
    {.name = "width",
     .type = FSL_INTEGER,
     .offset = offsetof(blur_params, width),
     .preset = "3",
     .low = 1,
     .high = 999,
     .help = "taps along each axis, odd"},
    {.name = "std",
     .type = FSL_REAL,
     .offset = offsetof(blur_params, std),
     .preset = "0.8",
     .low = 0,
     .high = 1e6,
     .open_low = true,
     .help = "standard deviation of the taps, in pixels"},
    {.name = "shape",
     .type = FSL_INTEGERS,
     .offset = offsetof(blur_params, shape),
     .optional = true,
     .prior_shape = true,
     .low = 1,
     .high = 1e6,
     .help = "[rows, columns] of the image (absent: the prior's shape; without one, a signal)"},
};

typedef struct blur {
  fsl_image image;
  size_t half;        /* taps run from -half to half */
  const double *taps; /* 2 half + 1, summing to one */
} blur;

/* The pixel that stands at `at`, mirrored into 0 .. n - 1. */
static size_t mirrored(long at, size_t n) {
  const long period = 2 * (long)n;
  long place = at % period;
  if (place < 0) place += period;
  return (size_t)(place < (long)n ? place : period - 1 - place);
}

/* One axis of n pixels: out += taps * in. */
static void blur_line(const blur *b, size_t n, const double *in, double *out) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < 2 * b->half + 1; k++)
      out[i] += b->taps[k] * in[mirrored((long)i + (long)k - (long)b->half, n)];
}

/* Rows first, then columns through a small buffer. */
static void apply(const fsl_forward_model *model, const double *x, double *y) {
  const blur *const b = model->self;
  const size_t rows = b->image.rows, columns = b->image.columns;
  for (size_t j = 0; j < model->d; j++) y[j] = 0;
  for (size_t r = 0; r < rows; r++) blur_line(b, columns, x + r * columns, y + r * columns);
  if (rows == 1) return;
  double column[MOST_ROWS], blurred[MOST_ROWS];
  column[0] = 0; /* rows are at least two, which the compiler cannot see */
  for (size_t c = 0; c < columns; c++) {
    for (size_t r = 0; r < rows; r++) {
      column[r] = y[r * columns + c];
      blurred[r] = 0;
    }
    blur_line(b, rows, column, blurred);
    for (size_t r = 0; r < rows; r++) y[r * columns + c] = blurred[r];
  }
}

/* Even taps and a mirror half a pixel outside the border make the matrix symmetric: it is its own transpose. */
static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)x;
  apply(model, u, out);
}

static fsl_status check(fsl_ctx *ctx, const void *params, const char **bad) {
  const blur_params *const p = params;
  *bad = "width";
  return p->width % 2 == 1 ? FSL_OK
                           : fsl_fail(ctx, FSL_EINPUT, "width is %lld, expected an odd number", (long long)p->width);
}

static fsl_status make_taps(fsl_ctx *ctx, const blur_params *p, blur *out) {
  double *taps, sum = 0;
  out->half = (size_t)p->width / 2;
  FSL_GET(ctx, taps, 2 * out->half + 1);
  for (size_t k = 0; k < 2 * out->half + 1; k++) {
    const double z = ((double)k - (double)out->half) / p->std;
    sum += taps[k] = exp(-0.5 * z * z);
  }
  for (size_t k = 0; k < 2 * out->half + 1; k++) taps[k] /= sum;
  out->taps = taps;
  return FSL_OK;
}

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  const blur_params *const p = params;
  blur *b;
  FSL_TRY(check(ctx, params, bad));
  FSL_GET(ctx, b, 1);
  *bad = "shape";
  FSL_TRY(fsl_image_create(ctx, p->shape, d, &b->image));
  if (b->image.rows > MOST_ROWS) return fsl_fail(ctx, FSL_EINPUT, "an image has at most %d rows", MOST_ROWS);
  FSL_TRY(make_taps(ctx, p, b));
  out->m = d;
  out->linear = true;
  out->self = b;
  out->value = apply;
  out->apply = apply;
  out->jacobian_t = jacobian_t;
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_blur = {
    .head = {.name = "blur",
             .help = "a separable Gaussian blur, mirrored at the border",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(blur_params),
             .check = check},
    .create = create,
};
