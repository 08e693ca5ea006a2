/* posterior/kernel.h: the hot operation: one tile of states against one block of atoms. Lanes are states; what belongs
 * to a lane never depends on its neighbours. kernel.c is compiled once for each instruction set.
 *
 *   logit_i = log pi_i - h |x/a - x_i|^2,  h = a^2/2v        prior side      weights exp(logit_i - M), sum S
 *   logit_i + l_i,  l_i = log p(y | x_i)                     posterior side  weights exp(logit_i + l_i - M~), sum S~
 *
 * Arrays of a tile are lane-minor, (k, lanes), aligned to 64 bytes. No kernel allocates or fails. */
#ifndef FSL_POSTERIOR_KERNEL_H
#define FSL_POSTERIOR_KERNEL_H

#include "fslens/base.h"

enum { FSL_CHUNK = 64, FSL_MAX_LANES = 16, FSL_WIDE = 9 }; /* the wide kernels serve from this d on */
#define FSL_WIDE_STRIDE(d)      ((((d) + 7) / 8 | 1) * 8)
#define FSL_WIDE_WORK(d, lanes) ((d) * (lanes) + FSL_CHUNK * FSL_WIDE_STRIDE(d))
#define FSL_FLOOR               (-1e300) /* the running maximum before any atom: finite, so that differences are */

/* A block as the wide kernels take it (see arrange.h). */
typedef struct fsl_arrangement {
  const uint32_t *order; /* n: atoms, in chunks of FSL_CHUNK */
  /* n, in that order, as in the block; NULL where it has none, but for the weights */
  const double *log_weight, *log_likelihood, *likelihood;
  const double *chunk_max;
  const double *centre; /* d: the mean of the atoms */
  const double *square; /* n: |x_i - centre|^2 */
  double radius, reach; /* the largest |x_i - centre|; the same + |centre| */
} fsl_arrangement;

/* n atoms, cut into chunks of FSL_CHUNK from the first on. */
typedef struct fsl_block {
  size_t n, d;
  const double *x;              /* (n, d) */
  const double *log_weight;     /* n; NULL: 0 */
  const double *log_likelihood; /* n: l_i; NULL: no posterior side */
  const double *likelihood;     /* n: exp(l_i - the largest of its chunk) */
  const double *chunk_max;      /* one a chunk: the largest l_i; FSL_FLOOR where all are -inf */
  const double *adjust;         /* n: added to logit_i in the entropy, merging equal atoms; NULL: 0 */
  const uint32_t *mode_of;      /* n; NULL: atom i is mode first_mode + i */
  size_t first_mode;
  size_t p;                           /* payload: what is averaged */
  const double *payload;              /* (n, p) */
  size_t q;                           /* inner: what is projected on u */
  const double *inner;                /* (n, q) */
  const fsl_arrangement *arrangement; /* for the wide kernels */
} fsl_block;

typedef struct fsl_tile {
  double h;
  const double *x;                        /* (d, lanes): x/a */
  const double *payload_centre;           /* (p, lanes) */
  const double *inner_centre, *u;         /* (q, lanes) */
  const double *maximum;                  /* lanes: pick: M of the side asked for */
  const double *target;                   /* lanes: pick: the cumulative weight looked for */
  bool posterior;                         /* means, pick: the posterior side too, alone */
  bool entropy;                           /* means: sum e (logit - M + adjust) */
  double *max, *sum, *energy, *vec;       /* lanes, lanes, lanes, (p, lanes) */
  double *post_max, *post_sum, *post_vec; /* lanes, lanes, (p, lanes) */
  size_t count;                           /* wide: lanes in use, from the first on */
  double *work;                           /* wide: FSL_WIDE_WORK(d, lanes) */
  bool whole;                             /* wide: skip nothing (to measure and to test what is skipped) */
} fsl_tile;

/* The same questions for many dimensions, with tiles of their own; see kernel_wide.c. */
typedef struct fsl_kernel_wide {
  size_t lanes;
  void (*means)(const fsl_block *block, const fsl_tile *tile);
  void (*cross)(const fsl_block *block, const fsl_tile *tile);
} fsl_kernel_wide;

typedef struct fsl_kernel {
  const char *name;
  size_t lanes;
  /* M, S and sum e_i P_i of both sides; entropy's sum in `energy`. */
  void (*means)(const fsl_block *block, const fsl_tile *tile);
  /* vec = sum e_i ((Q_i - qc) . u) (P_i - pc) */
  void (*cross)(const fsl_block *block, const fsl_tile *tile);
  /* vec = the upper triangle, row by row, of sum e_i (P_i - pc) (P_i - pc)^T: p (p + 1)/2 */
  void (*spread)(const fsl_block *block, const fsl_tile *tile);
  /* vec (q, p) = sum e_i (Q_i - qc) (P_i - pc)^T */
  void (*joint)(const fsl_block *block, const fsl_tile *tile);
  /* vec[mode] += e_i for every mode < n_modes; goes on from the max, sum and vec that are there. `shift` is added to
   * every logit. */
  void (*modes)(const fsl_block *block, const fsl_tile *tile, double shift, size_t n_modes);
  /* index (lanes): the first atom whose cumulative weight exceeds `target`, else the last one with any weight. */
  void (*pick)(const fsl_block *block, const fsl_tile *tile, size_t *index);
  const fsl_kernel_wide *wide;
  const struct fsl_kernel_single *single; /* see single.h */
  void (*exponential)(double *values);    /* FSL_MAX_LANES of them, in place: for tests */
} fsl_kernel;

/* The kernels that this machine can run, in the order of fsl_isa, and the one that runs (base/isa.h). */
size_t fsl_kernel_count(void);
const fsl_kernel *fsl_kernel_at(size_t i);
const fsl_kernel *fsl_kernel_chosen(void);

#endif
