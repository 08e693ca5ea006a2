/* posterior/pass.h: runs a kernel over states in tiles, and turns what comes into records (merge.h). */
#ifndef FSL_POSTERIOR_PASS_H
#define FSL_POSTERIOR_PASS_H

#include "base/linalg.h"
#include "posterior/kernel.h"
#include "posterior/merge.h"

#define FSL_TINY_VARIANCE 1e-200 /* stands for v = 0: the nearest atom takes all weight, nothing overflows */

typedef enum fsl_pass_what { FSL_PASS_MEANS, FSL_PASS_CROSS, FSL_PASS_SPREAD, FSL_PASS_JOINT } fsl_pass_what;

/* The same question to every block: n states and, for second moments, the centres and vectors of each state. */
typedef struct fsl_pass {
  const fsl_kernel *kernel;
  fsl_pass_what what;
  size_t n, d;
  const double *x; /* (n, d) */
  double a, v;
  size_t p;                       /* payload of every block; 0: densities alone */
  size_t q;                       /* inner of every block (cross, joint) */
  const double *payload_centre;   /* (n, p) */
  const double *inner_centre, *u; /* (n, q) */
  fsl_partial_shape shape;        /* sides 2: the posterior too */
  bool single;                    /* in single precision, where that serves (single.h) */
} fsl_pass;

/* Work space of a pass for one tile; lives in the context's arena. */
typedef struct fsl_tiles {
  size_t lanes;
  double *x, *payload_centre, *inner_centre, *u;
  double *max, *sum, *energy, *vec, *post_max, *post_sum, *post_vec, *work;
} fsl_tiles;

FSL_CHECKED fsl_status fsl_tiles_create(fsl_ctx *ctx, const fsl_pass *pass, fsl_tiles *out);
/* Packs states first .. first+lanes-1 (zeros beyond the last, and in place of states that are not finite). */
void fsl_tiles_load(const fsl_pass *pass, const fsl_tiles *tiles, size_t first, fsl_tile *out);
/* One tile against one block: records of its states (at most lanes) at `records`. */
void fsl_pass_block(const fsl_pass *pass, const fsl_tiles *tiles, const fsl_tile *tile, const fsl_block *block,
                    size_t first, double *records);
/* All states against one block: records (n). */
FSL_CHECKED fsl_status fsl_pass_run(fsl_ctx *ctx, const fsl_pass *pass, const fsl_block *block, double *records);
/* Width of the weighted sums of a pass: p, p (p + 1)/2 for a spread, p q for a joint. */
size_t fsl_pass_sums(fsl_pass_what what, size_t p, size_t q);
/* out (p, p): the matrix of a spread's record, divided by its sum; NaN where not `ok`. */
void fsl_unpack_spread(size_t p, const double *record, bool ok, double *out);

/* rows (n, width) of states first.. over `a` become (width, lanes); zeros beyond the last row. */
void fsl_lanes_pack(size_t lanes, size_t n, size_t width, double a, const double *rows, size_t first, double *out);
/* The kernels compare x/a with the atoms themselves, which saves a product a pair: a away from 0, and h = a^2/2v. */
double fsl_divisor(double a);
double fsl_precision(double a, double v);

#endif
