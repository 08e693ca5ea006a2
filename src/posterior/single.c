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

static fsl_status create_tile(fsl_ctx *ctx, const fsl_pass *pass, size_t t, fsl_single_tiles *out) {
  const size_t lanes = pass->kernel->single->lanes, d = pass->d;
  fsl_single_tile *tile = &out->tile[t];
  FSL_GET(ctx, out->x[t], d * lanes);
  FSL_GET(ctx, tile->max, lanes);
  FSL_GET(ctx, tile->sum, lanes);
  FSL_GET(ctx, tile->vec, (pass->p + 1) * lanes);
  if (pass->what == FSL_PASS_CROSS) {
    FSL_GET(ctx, out->middle[t], d * lanes);
    FSL_GET(ctx, out->u[t], d * lanes);
    FSL_GET(ctx, out->u_scale[t], lanes);
  }
  tile->posterior = pass->shape.sides == 2;
  if (!tile->posterior) return FSL_OK;
  FSL_GET(ctx, tile->post_max, lanes);
  FSL_GET(ctx, tile->post_sum, lanes);
  FSL_GET(ctx, tile->post_vec, (pass->p + 1) * lanes);
  return FSL_OK;
}

fsl_status fsl_single_tiles_create(fsl_ctx *ctx, const fsl_pass *pass, fsl_single_tiles *out) {
  *out = (fsl_single_tiles){.lanes = FSL_SINGLE_TILES * pass->kernel->single->lanes};
  FSL_GET(ctx, out->usable, out->lanes);
  for (size_t t = 0; t < FSL_SINGLE_TILES; ++t) FSL_TRY(create_tile(ctx, pass, t, out));
  return FSL_OK;
}

static bool is_usable(size_t d, double most, const double *row) {
  return fsl_is_finite(d, row) && largest(d, row) <= most;
}

void fsl_single_tiles_load(const fsl_pass *pass, const fsl_single *single, const fsl_single_tiles *tiles,
                           size_t first) {
  const size_t d = pass->d;
  const double most = FARTHEST * single->scale;
  for (size_t k = 0; k < tiles->lanes; ++k) {
    tiles->usable[k] = first + k < pass->n && is_usable(d, most * fsl_divisor(pass->a), pass->x + (first + k) * d);
    if (pass->what != FSL_PASS_CROSS || !tiles->usable[k]) continue;
    tiles->usable[k] = is_usable(d, most, pass->payload_centre + (first + k) * d);
  }
}

/* rows (n, d) of states first.. become (row/a - centre)/scale, (d, lanes); zeros for rows that are not usable. */
static void pack(size_t lanes, size_t d, double a, double scale, const bool *usable, const double *centre,
                 const double *rows, size_t first, float *out) {
  const double inverse = 1.0 / a, unit = 1.0 / scale;
  memset(out, 0, d * lanes * sizeof *out);
  for (size_t k = 0; k < lanes; ++k) {
    if (!usable[k]) continue;
    const double *row = rows + (first + k) * d;
    for (size_t j = 0; j < d; ++j) out[j * lanes + k] = (float)((row[j] * inverse - centre[j]) * unit);
  }
}

/* Every u in units of its own size. */
static void pack_u(size_t lanes, const fsl_pass *pass, size_t first, float *out, double *scale) {
  const size_t d = pass->d;
  for (size_t k = 0; k < lanes; ++k) {
    const double *u = pass->u + (first + k) * d;
    const bool usable = first + k < pass->n && fsl_is_finite(d, u);
    scale[k] = usable ? largest(d, u) : 0.0;
    for (size_t j = 0; j < d; ++j) out[j * lanes + k] = scale[k] > 0.0 ? (float)(u[j] / scale[k]) : 0.0F;
  }
}

static void load(const fsl_pass *pass, double scale, const fsl_single_tiles *tiles, const double *centre, size_t t,
                 size_t first, fsl_single_tile *out) {
  const size_t lanes = pass->kernel->single->lanes;
  *out = tiles->tile[t];
  out->h = (float)(fsl_precision(pass->a, pass->v) * scale * scale);
  const bool *usable = tiles->usable + t * lanes;
  pack(lanes, pass->d, fsl_divisor(pass->a), scale, usable, centre, pass->x, first, tiles->x[t]);
  out->x = tiles->x[t];
  if (pass->what != FSL_PASS_CROSS) return;
  pack(lanes, pass->d, 1.0, scale, usable, centre, pass->payload_centre, first, tiles->middle[t]);
  pack_u(lanes, pass, first, tiles->u[t], tiles->u_scale[t]);
  out->middle = tiles->middle[t];
  out->u = tiles->u[t];
}

static void run_kernel(const fsl_pass *pass, const fsl_single *single, const fsl_single_tiles *tiles,
                       const fsl_block *block, const double *centre, size_t offset, size_t first) {
  const fsl_kernel_single *kernel = pass->kernel->single;
  fsl_single_tile tile[FSL_SINGLE_TILES];
  size_t n = 0;
  for (size_t at = first; n < FSL_SINGLE_TILES && at < pass->n; at += kernel->lanes, ++n)
    load(pass, single->scale, tiles, centre, n, at, &tile[n]);
  if (pass->what == FSL_PASS_CROSS)
    kernel->cross(block, single->x + offset * pass->d, n, tile);
  else
    kernel->means(block, single->x + offset * pass->d, n, tile);
}

/* Sums of (x_i - centre)/scale become sums of x_i. */
static void unpack_side(const fsl_pass *pass, double scale, const double *centre, size_t lanes, size_t k,
                        const double *max, const double *sum, const double *vec, double *record) {
  record[FSL_PARTIAL_MAX] = max[k];
  record[FSL_PARTIAL_SUM] = sum[k];
  record[FSL_PARTIAL_ENERGY] = 0.0;
  for (size_t j = 0; j < pass->p; ++j) record[FSL_PARTIAL_VEC + j] = scale * vec[j * lanes + k] + centre[j] * sum[k];
}

static void unpack_cross(const fsl_pass *pass, double factor, size_t lanes, size_t k, const fsl_single_tile *tile,
                         double *record) {
  record[FSL_PARTIAL_MAX] = tile->max[k];
  record[FSL_PARTIAL_SUM] = tile->sum[k];
  record[FSL_PARTIAL_ENERGY] = 0.0;
  for (size_t j = 0; j < pass->p; ++j) record[FSL_PARTIAL_VEC + j] = factor * tile->vec[j * lanes + k];
}

static void unpack(const fsl_pass *pass, double scale, const double *centre, const fsl_single_tiles *tiles, size_t t,
                   size_t k, double *record) {
  const size_t lanes = pass->kernel->single->lanes;
  const fsl_single_tile *tile = &tiles->tile[t];
  if (pass->what == FSL_PASS_CROSS) {
    unpack_cross(pass, scale * scale * tiles->u_scale[t][k], lanes, k, tile, record);
    return;
  }
  unpack_side(pass, scale, centre, lanes, k, tile->max, tile->sum, tile->vec, record);
  if (tile->posterior)
    unpack_side(pass, scale, centre, lanes, k, tile->post_max, tile->post_sum, tile->post_vec,
                record + fsl_partial_side(pass->shape));
}

void fsl_single_block(const fsl_pass *pass, const fsl_single *single, const fsl_single_tiles *tiles,
                      const fsl_block *block, size_t leaf, size_t offset, size_t first, double *records) {
  const size_t lanes = pass->kernel->single->lanes, width = fsl_partial_width(pass->shape);
  const double *centre = single->centre + leaf * pass->d;
  run_kernel(pass, single, tiles, block, centre, offset, first);
  for (size_t t = 0, i = first; t < FSL_SINGLE_TILES; ++t)
    for (size_t k = 0; k < lanes && i < pass->n; ++k, ++i)
      unpack(pass, single->scale, centre, tiles, t, k, records + (i - first) * width);
}
