/* single.c: the atoms as floats, and passes over them (see single.h). */
#include "posterior/single.h"

#include <math.h>
#include <string.h>

#include "posterior/internal.h"

/* Distances are measured in units of the set's size: beyond these floats overflow, or resolve too little. */
#define FARTHEST       1e6    /* of a state */
#define MOST_PRECISION 0x1p30 /* h scale^2: weights are off by up to 1e-7 sqrt(h scale^2) */
#define LEAST_SUM      1e-30  /* of the posterior, an atom: what underflows is below 2^-126 */

/* ---- the atoms --------------------------------------------------------------------------------------------------- */

static double largest(size_t n, const double *x) {
  double most = 0.0;
  for (size_t i = 0; i < n; ++i) most = fmax(most, fabs(x[i]));
  return most;
}

static void mean_of(size_t n, size_t d, const double *x, double *out) {
  memset(out, 0, d * sizeof *out);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < d; ++j) out[j] += x[i * d + j];
  for (size_t j = 0; j < d; ++j) out[j] /= (double)n;
}

/* The same for any number of ranks: centres belong to leaves, the scale to all of them. */
fsl_status fsl_single_create(fsl_ctx *ctx, const fsl_atom_set *set, const fsl_single **out) {
  fsl_single *single;
  float *x;
  double *centre, *most;
  const size_t d = set->d;
  FSL_GET(ctx, single, 1);
  FSL_GET(ctx, x, (set->n + FSL_SINGLE_ROWS) * d);
  FSL_GET(ctx, centre, set->own_leaves * d);
  FSL_GET(ctx, most, set->n_leaves);
  for (size_t i = 0; i < set->own_leaves; ++i) {
    size_t offset;
    FSL_TRY(fsl_check_stop(ctx));
    const fsl_block block = fsl_atoms_leaf(set, set->first_leaf + i, &offset);
    mean_of(block.n, d, block.x, centre + i * d);
    most[set->first_leaf + i] = largest(block.n * d, block.x);
  }
  if (set->sharded) FSL_TRY(fsl_team_gather(ctx, set->own_leaves, most));
  int exponent;
  frexp(largest(set->n_leaves, most), &exponent);
  const double scale = ldexp(1.0, exponent);
  for (size_t i = 0; i < set->own_leaves; ++i) {
    size_t offset;
    const fsl_block block = fsl_atoms_leaf(set, set->first_leaf + i, &offset);
    for (size_t k = 0; k < block.n * d; ++k) x[offset * d + k] = (float)((block.x[k] - centre[i * d + k % d]) / scale);
  }
  *single = (fsl_single){.x = x, .centre = centre, .scale = scale};
  *out = single;
  return FSL_OK;
}

/* ---- where it serves ----------------------------------------------------------------------------------------------
 */

bool fsl_single_serves(const fsl_atom_set *set, const fsl_pass *pass, const double *payload, const double *inner) {
  if (!pass->single || set->single == NULL || pass->shape.energy) return false;
  const double h = fsl_precision(pass->a, pass->v) * set->single->scale * set->single->scale;
  if (!(h <= MOST_PRECISION)) return false;
  if (pass->what == FSL_PASS_CROSS) return payload == set->x && inner == set->x;
  return pass->what == FSL_PASS_MEANS && (pass->p == 0 || payload == set->x);
}

/* A state that is not finite is nobody's business: its results are NaN. */
bool fsl_single_holds(const fsl_atom_set *set, const fsl_pass *pass, size_t state, const double *record) {
  const double *x = pass->x + state * pass->d;
  if (!fsl_is_finite(pass->d, x)) return true;
  if (largest(pass->d, x) > FARTHEST * set->single->scale * fsl_divisor(pass->a)) return false;
  const double *post = record + fsl_partial_side(pass->shape);
  return pass->shape.sides < 2 || post[FSL_PARTIAL_SUM] >= LEAST_SUM * (double)set->n_total;
}

/* ---- one tile -----------------------------------------------------------------------------------------------------
 */

fsl_status fsl_single_tiles_create(fsl_ctx *ctx, const fsl_pass *pass, fsl_single_tiles *out) {
  const size_t lanes = pass->kernel->single->lanes, d = pass->d;
  *out = (fsl_single_tiles){.lanes = lanes};
  FSL_GET(ctx, out->x, d * lanes);
  FSL_GET(ctx, out->tile.max, lanes);
  FSL_GET(ctx, out->tile.sum, lanes);
  FSL_GET(ctx, out->tile.vec, (d + 1) * lanes);
  if (pass->what == FSL_PASS_CROSS) {
    FSL_GET(ctx, out->middle, d * lanes);
    FSL_GET(ctx, out->u, d * lanes);
    FSL_GET(ctx, out->u_scale, lanes);
  }
  if (pass->shape.sides == 2) {
    FSL_GET(ctx, out->tile.post_max, lanes);
    FSL_GET(ctx, out->tile.post_sum, lanes);
    FSL_GET(ctx, out->tile.post_vec, (d + 1) * lanes);
  }
  return FSL_OK;
}

/* rows (n, d) of states first.. become (row/a - centre)/scale, (d, lanes); zeros beyond the last row, and for rows that
 * are not finite or farther than `most`. centre NULL: zeros. */
static void pack(size_t lanes, const fsl_pass *pass, double a, double scale, double most, const double *centre,
                 const double *rows, size_t first, float *out) {
  const size_t d = pass->d, count = pass->n - first < lanes ? pass->n - first : lanes;
  memset(out, 0, d * lanes * sizeof *out);
  for (size_t k = 0; k < count; ++k) {
    const double *row = rows + (first + k) * d;
    if (!fsl_is_finite(d, row) || largest(d, row) > most * a * scale) continue;
    for (size_t j = 0; j < d; ++j)
      out[j * lanes + k] = (float)((row[j] / a - (centre != NULL ? centre[j] : 0.0)) / scale);
  }
}

/* Every u in units of its own size. */
static void pack_u(const fsl_pass *pass, const fsl_single_tiles *tiles, size_t first) {
  const size_t d = pass->d, lanes = tiles->lanes;
  for (size_t k = 0; k < lanes; ++k) {
    const double *u = pass->u + (first + k) * d;
    const bool usable = first + k < pass->n && fsl_is_finite(d, u);
    const double most = usable ? largest(d, u) : 0.0;
    tiles->u_scale[k] = most;
    for (size_t j = 0; j < d; ++j) tiles->u[j * lanes + k] = most > 0.0 ? (float)(u[j] / most) : 0.0F;
  }
}

static void run_kernel(const fsl_pass *pass, const fsl_single *single, const fsl_single_tiles *tiles,
                       const fsl_block *block, const double *centre, size_t offset, size_t first) {
  const double scale = single->scale;
  fsl_single_tile tile = tiles->tile;
  tile.h = (float)(fsl_precision(pass->a, pass->v) * scale * scale);
  tile.posterior = pass->shape.sides == 2;
  tile.x = tiles->x;
  pack(tiles->lanes, pass, fsl_divisor(pass->a), scale, FARTHEST, centre, pass->x, first, tiles->x);
  if (pass->what == FSL_PASS_CROSS) {
    pack(tiles->lanes, pass, 1.0, scale, FARTHEST, centre, pass->payload_centre, first, tiles->middle);
    pack_u(pass, tiles, first);
    tile.middle = tiles->middle;
    tile.u = tiles->u;
    pass->kernel->single->cross(block, single->x + offset * pass->d, &tile);
  } else {
    pass->kernel->single->means(block, single->x + offset * pass->d, &tile);
  }
}

/* Sums of (x_i - centre)/scale become sums of x_i. */
static void unpack_side(const fsl_pass *pass, double scale, const double *centre, size_t lanes, size_t k,
                        const double *max, const double *sum, const double *vec, double *record) {
  record[FSL_PARTIAL_MAX] = max[k];
  record[FSL_PARTIAL_SUM] = sum[k];
  record[FSL_PARTIAL_ENERGY] = 0.0;
  for (size_t j = 0; j < pass->p; ++j) record[FSL_PARTIAL_VEC + j] = scale * vec[j * lanes + k] + centre[j] * sum[k];
}

static void unpack_cross(const fsl_pass *pass, double scale, const fsl_single_tiles *tiles, size_t k, double *record) {
  const fsl_single_tile *tile = &tiles->tile;
  record[FSL_PARTIAL_MAX] = tile->max[k];
  record[FSL_PARTIAL_SUM] = tile->sum[k];
  record[FSL_PARTIAL_ENERGY] = 0.0;
  for (size_t j = 0; j < pass->p; ++j)
    record[FSL_PARTIAL_VEC + j] = scale * scale * tiles->u_scale[k] * tile->vec[j * tiles->lanes + k];
}

void fsl_single_block(const fsl_pass *pass, const fsl_single *single, const fsl_single_tiles *tiles,
                      const fsl_block *block, size_t leaf, size_t offset, size_t first, double *records) {
  const size_t lanes = tiles->lanes, count = pass->n - first < lanes ? pass->n - first : lanes;
  const size_t width = fsl_partial_width(pass->shape), side = fsl_partial_side(pass->shape);
  const double *centre = single->centre + leaf * pass->d;
  const fsl_single_tile *tile = &tiles->tile;
  run_kernel(pass, single, tiles, block, centre, offset, first);
  for (size_t k = 0; k < count; ++k) {
    double *record = records + k * width;
    if (pass->what == FSL_PASS_CROSS) {
      unpack_cross(pass, single->scale, tiles, k, record);
      continue;
    }
    unpack_side(pass, single->scale, centre, lanes, k, tile->max, tile->sum, tile->vec, record);
    if (pass->shape.sides == 2)
      unpack_side(pass, single->scale, centre, lanes, k, tile->post_max, tile->post_sum, tile->post_vec, record + side);
  }
}
