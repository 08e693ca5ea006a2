/* pass.c: tiles of states against blocks of atoms. */
#include "posterior/pass.h"

#include <math.h>
#include <string.h>

/* a enters as x/a: kept away from 0, where every atom is as likely as any other. */
double fsl_divisor(double a) {
  return fmax(a, 1e-100);
}

double fsl_precision(double a, double v) {
  return 0.5 * fsl_divisor(a) * (fsl_divisor(a) / fmax(v, FSL_TINY_VARIANCE));
}

void fsl_lanes_pack(size_t lanes, size_t n, size_t width, double a, const double *rows, size_t first, double *out) {
  const size_t count = n - first < lanes ? n - first : lanes;
  memset(out, 0, width * lanes * sizeof *out);
  for (size_t k = 0; k < count; ++k) {
    const double *row = rows + (first + k) * width;
    if (!fsl_is_finite(width, row)) continue;
    for (size_t j = 0; j < width; ++j) out[j * lanes + k] = row[j] / a;
  }
}

size_t fsl_pass_sums(fsl_pass_what what, size_t p, size_t q) {
  return what == FSL_PASS_SPREAD ? p * (p + 1) / 2 : what == FSL_PASS_JOINT ? p * q : p;
}

void fsl_unpack_spread(size_t p, const double *record, bool ok, double *out) {
  const double *triangle = record + FSL_PARTIAL_VEC;
  for (size_t j = 0; j < p; ++j)
    for (size_t k = j; k < p; ++k) out[j * p + k] = out[k * p + j] = ok ? *triangle++ / record[FSL_PARTIAL_SUM] : NAN;
}

/* Whether the wide kernels answer. */
static bool is_wide(const fsl_pass *pass) {
  return pass->d >= FSL_WIDE && (pass->what == FSL_PASS_MEANS || pass->what == FSL_PASS_CROSS);
}

fsl_status fsl_tiles_create(fsl_ctx *ctx, const fsl_pass *pass, fsl_tiles *out) {
  const size_t lanes = is_wide(pass) ? pass->kernel->wide->lanes : pass->kernel->lanes, sums = pass->shape.p;
  *out = (fsl_tiles){.lanes = lanes};
  FSL_GET(ctx, out->x, pass->d * lanes);
  if (is_wide(pass)) FSL_GET(ctx, out->work, FSL_WIDE_WORK(pass->d, lanes));
  FSL_GET(ctx, out->max, lanes);
  FSL_GET(ctx, out->sum, lanes);
  FSL_GET(ctx, out->energy, lanes);
  FSL_GET(ctx, out->vec, (sums + 1) * lanes);
  if (pass->what != FSL_PASS_MEANS) FSL_GET(ctx, out->payload_centre, pass->p * lanes);
  if (pass->what == FSL_PASS_CROSS || pass->what == FSL_PASS_JOINT) FSL_GET(ctx, out->inner_centre, pass->q * lanes);
  if (pass->what == FSL_PASS_CROSS) FSL_GET(ctx, out->u, pass->q * lanes);
  if (pass->shape.sides == 2) {
    FSL_GET(ctx, out->post_max, lanes);
    FSL_GET(ctx, out->post_sum, lanes);
    FSL_GET(ctx, out->post_vec, (sums + 1) * lanes);
  }
  return FSL_OK;
}

void fsl_tiles_load(const fsl_pass *pass, const fsl_tiles *tiles, size_t first, fsl_tile *out) {
  const size_t lanes = tiles->lanes;
  fsl_lanes_pack(lanes, pass->n, pass->d, fsl_divisor(pass->a), pass->x, first, tiles->x);
  if (pass->what != FSL_PASS_MEANS)
    fsl_lanes_pack(lanes, pass->n, pass->p, 1.0, pass->payload_centre, first, tiles->payload_centre);
  if (tiles->inner_centre != NULL)
    fsl_lanes_pack(lanes, pass->n, pass->q, 1.0, pass->inner_centre, first, tiles->inner_centre);
  if (tiles->u != NULL) fsl_lanes_pack(lanes, pass->n, pass->q, 1.0, pass->u, first, tiles->u);
  *out = (fsl_tile){.h = fsl_precision(pass->a, pass->v),
                    .x = tiles->x,
                    .payload_centre = tiles->payload_centre,
                    .inner_centre = tiles->inner_centre,
                    .u = tiles->u,
                    .posterior = pass->shape.sides == 2,
                    .entropy = pass->shape.energy,
                    .max = tiles->max,
                    .sum = tiles->sum,
                    .energy = tiles->energy,
                    .vec = tiles->vec,
                    .post_max = tiles->post_max,
                    .post_sum = tiles->post_sum,
                    .post_vec = tiles->post_vec,
                    .count = pass->n - first < lanes ? pass->n - first : lanes,
                    .work = tiles->work};
}

static void unpack_side(const fsl_tiles *tiles, size_t k, size_t sums, const double *max, const double *sum,
                        const double *energy, const double *vec, double *record) {
  if (max == NULL) return; /* this side is not wanted */
  record[FSL_PARTIAL_MAX] = max[k];
  record[FSL_PARTIAL_SUM] = sum[k];
  record[FSL_PARTIAL_ENERGY] = energy != NULL ? energy[k] : 0.0;
  for (size_t j = 0; j < sums; ++j) record[FSL_PARTIAL_VEC + j] = vec[j * tiles->lanes + k];
}

void fsl_pass_block(const fsl_pass *pass, const fsl_tiles *tiles, const fsl_tile *tile, const fsl_block *block,
                    size_t first, double *records) {
  const fsl_kernel *kernel = pass->kernel;
  const bool wide = is_wide(pass);
  if (pass->what == FSL_PASS_MEANS) (wide ? kernel->wide->means : kernel->means)(block, tile);
  if (pass->what == FSL_PASS_CROSS) (wide ? kernel->wide->cross : kernel->cross)(block, tile);
  if (pass->what == FSL_PASS_SPREAD) kernel->spread(block, tile);
  if (pass->what == FSL_PASS_JOINT) kernel->joint(block, tile);
  const size_t count = pass->n - first < tiles->lanes ? pass->n - first : tiles->lanes, sums = pass->shape.p;
  const size_t width = fsl_partial_width(pass->shape), side = fsl_partial_side(pass->shape);
  for (size_t k = 0; k < count; ++k) {
    double *record = records + k * width;
    unpack_side(tiles, k, sums, tiles->max, tiles->sum, tile->entropy ? tiles->energy : NULL, tiles->vec, record);
    if (tile->posterior)
      unpack_side(tiles, k, sums, tiles->post_max, tiles->post_sum, NULL, tiles->post_vec, record + side);
  }
}

fsl_status fsl_pass_run(fsl_ctx *ctx, const fsl_pass *pass, const fsl_block *block, double *records) {
  const size_t width = fsl_partial_width(pass->shape);
  fsl_tiles tiles;
  FSL_TRY(fsl_tiles_create(ctx, pass, &tiles));
  for (size_t first = 0; first < pass->n; first += tiles.lanes) {
    fsl_tile tile;
    FSL_TRY(fsl_check_stop(ctx));
    fsl_tiles_load(pass, &tiles, first, &tile);
    fsl_pass_block(pass, &tiles, &tile, block, first, records + first * width);
  }
  return FSL_OK;
}
