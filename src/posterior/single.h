/* posterior/single.h: means and second moments in single precision: the atoms as floats about their leaf's mean, in
 * units of the whole set's size; sums of a chunk in float, of chunks in double. */
#ifndef FSL_POSTERIOR_SINGLE_H
#define FSL_POSTERIOR_SINGLE_H

#include "posterior/pass.h"

typedef struct fsl_atom_set fsl_atom_set;

typedef struct fsl_single {
  const float *x;       /* (n + FSL_SINGLE_ROWS, d): (x_i - centre)/scale of this rank's atoms, then zeros */
  const double *centre; /* (own_leaves, d) */
  double scale;         /* a power of 2 at least as large as any coordinate of any atom */
} fsl_single;

enum { FSL_SINGLE_ROWS = 4, FSL_SINGLE_TILES = 4 };

/* One tile of states for one leaf; lanes and arrays as in fsl_tile. Sums are of (x_i - centre)/scale. */
typedef struct fsl_single_tile {
  float h;                                /* h scale^2 */
  bool posterior;                         /* means: the posterior side too */
  const float *x;                         /* (d, lanes): (x/a - centre)/scale */
  const float *middle, *u;                /* (d, lanes): cross: vec = sum e_i ((x_i - middle) . u) (x_i - middle) */
  double *max, *sum, *vec;                /* lanes, lanes, (p, lanes) */
  double *post_max, *post_sum, *post_vec; /* the same */
} fsl_single_tile;

/* Compiled once for each instruction set; takes up to FSL_SINGLE_TILES tiles at once, all with the same questions;
 * reads block's n, d, p, log_weight, likelihood and chunk_max, and n rounded up to FSL_SINGLE_ROWS rows of x. A
 * record's max is a reference near the largest logit, not the largest itself. */
typedef struct fsl_kernel_single {
  size_t lanes;
  void (*means)(const fsl_block *block, const float *x, size_t n, const fsl_single_tile *tiles);
  void (*cross)(const fsl_block *block, const float *x, size_t n, const fsl_single_tile *tiles);
} fsl_kernel_single;

typedef struct fsl_single_tiles {
  size_t lanes; /* of all tiles */
  fsl_single_tile tile[FSL_SINGLE_TILES];
  float *x[FSL_SINGLE_TILES], *middle[FSL_SINGLE_TILES], *u[FSL_SINGLE_TILES]; /* the tiles' own */
  double *u_scale[FSL_SINGLE_TILES];
  bool *usable; /* lanes: the state is finite and not too far */
} fsl_single_tiles;

/* Collective where the set is sharded. */
FSL_CHECKED fsl_status fsl_single_create(fsl_ctx *ctx, const fsl_atom_set *set, const fsl_single **out);
/* Whether this pass can be answered in single precision: otherwise in double. The same on every rank. */
bool fsl_single_serves(const fsl_atom_set *set, const fsl_pass *pass, const double *payload, const double *inner);
/* Whether one state's merged record can be relied on. */
bool fsl_single_holds(const fsl_atom_set *set, const fsl_pass *pass, size_t state, const double *record);

FSL_CHECKED fsl_status fsl_single_tiles_create(fsl_ctx *ctx, const fsl_pass *pass, fsl_single_tiles *out);
/* Looks at the states from `first` on, before they meet the first leaf. */
void fsl_single_tiles_load(const fsl_pass *pass, const fsl_single *single, const fsl_single_tiles *tiles, size_t first);
/* States from `first` on, at most `lanes`, against one leaf: records at `records`. leaf, offset: among this rank's. */
void fsl_single_block(const fsl_pass *pass, const fsl_single *single, const fsl_single_tiles *tiles,
                      const fsl_block *block, size_t leaf, size_t offset, size_t first, double *records);

#endif
