/* posterior/kernel_tree.h: the moment tree (tree.h) as its kernel sees it, and the kernel: one tile of states against
 * the whole tree. Lanes are states. kernel_tree.c is compiled once for each instruction set.
 *
 * A node with centre c and radius r (largest |x_i - c|) keeps, for each side and every alpha up to its level's degree,
 * M_alpha = sum_i (w_i/W) ((x_i - c)/r)^alpha / alpha!. With u = (z - c)/s and rho = r/s,
 *
 *   sum_i w_i exp(-|z - x_i|^2/2s^2) = W exp(-|u|^2/2) sum_alpha rho^|alpha| He_alpha(u) M_alpha,
 *
 * and moments follow from the same numbers with indices shifted by one or two (Greengard & Strain 1991, with the
 * expansion about the atoms). What a cut after total degree p leaves out of one kernel is at most the smaller of
 *
 *   E1 = K exp(-|u|^2/4) sum_{n > p} rho^n/sqrt(n!),   K = 1.0865   (Cramer: |He_n(w)| <= K sqrt(n!) exp(w^2/4))
 *   E2 = (rho/y)^{p+1} exp(|u| y + y^2/2 - |u|^2/2),   any y >= rho (the generating function's coefficients)
 *
 * and of a node that is left out E0 = exp(-max(0, |u| - rho)^2/2). */
#ifndef FSL_POSTERIOR_KERNEL_TREE_H
#define FSL_POSTERIOR_KERNEL_TREE_H

#include "posterior/kernel.h"
#include "posterior/tree.h"

enum { FSL_TREE_MOST_D = 3, FSL_TREE_MOST_DEGREE = 34, FSL_TREE_MOST_LEVELS = 40 };

typedef struct fsl_tree_side {
  double log_weight;            /* of the node; FSL_FLOOR: none */
  double mean[FSL_TREE_MOST_D]; /* weighted */
  double variance;              /* weighted mean of |x_i - mean|^2 */
} fsl_tree_side;

typedef struct fsl_tree_node {
  double centre[FSL_TREE_MOST_D], radius, log_radius;
  double log_share[2]; /* its share of an error that is given out by weight: prior side alone; both sides */
  fsl_tree_side side[2];
  const double *moment[2]; /* NULL: none kept. Rows of the last index within rows of the first ones */
} fsl_tree_node;

/* A complete binary tree: node j of level l is number 2^l - 1 + j and has the atoms j n >> l .. (j + 1) n >> l. */
struct fsl_tree {
  const struct fsl_tree_kernel *kernel;
  size_t n, d, levels; /* leaves: level `levels` */
  bool posterior;      /* log_likelihood was given */
  double tolerance, spread;
  double log_likelihood_max;            /* taken off every l_i */
  const double *x;                      /* (n, d), in the tree's order, as everything below */
  const double *log_weight;             /* n */
  const double *log_likelihood;         /* n */
  const double *likelihood;             /* n: exp(l_i - the largest of its leaf) */
  const double *leaf_max;               /* 2^levels; FSL_FLOOR where all are -inf */
  const fsl_tree_node *node;            /* 2^(levels + 1) - 1 */
  uint8_t degree[FSL_TREE_MOST_LEVELS]; /* of a level's moments; 0: none are kept */
  double half_log_factorial[FSL_TREE_MOST_DEGREE + 2], inverse_root[FSL_TREE_MOST_DEGREE + 2]; /* of n */
};

/* One tile of states. Its sums are in units of exp(reference), a lower bound of the sum unless `direct`. */
typedef struct fsl_tree_tile {
  double s;
  double log_tolerance; /* what `used` is in units of */
  double length;        /* what distances are in units of */
  size_t sides;         /* 1: prior; 2: both */
  bool second;          /* second moments about `centre`, of the prior side */
  bool careful;         /* each node keeps to its share of the tolerance, so that used <= 1 */
  bool direct;          /* no expansions: exact sums, used = 0 */
  const double *z;      /* (d, lanes) */
  const double *centre; /* (d, lanes) */
  double *reference[2]; /* lanes */
  double *anchor[2];    /* (d, lanes): a point near the mass; z where `direct` */
  double *sum[2];       /* lanes */
  /* (d, lanes): sum w K x; second: the upper triangle of sum w K (x - centre)(x - centre)^T */
  double *vec[2];
  /* lanes: at least sum W E g / exp(reference + log_tolerance) for either side, g = max(1, D/length), D the largest
   * distance of the node's atoms from the anchor; second: g = max(1, (D/length)^2), D from the centre */
  double *used;
} fsl_tree_tile;

typedef struct fsl_tree_kernel {
  const char *name;
  size_t lanes;
  void (*evaluate)(const fsl_tree *tree, const fsl_tree_tile *tile);
  /* out[side] = the moments of n atoms; weight[1] NULL: one side. scratch: fsl_tree_scratch(d, degree) doubles. */
  void (*moments)(size_t n, size_t d, const double *x, const double *const weight[2], const double *centre,
                  double radius, size_t degree, double *scratch, double *const out[2]);
} fsl_tree_kernel;

/* Indices alpha in d dimensions with total degree at most `degree`. */
static inline size_t fsl_tree_terms(size_t d, size_t degree) {
  size_t terms = 1;
  for (size_t j = 1; j <= d; ++j) terms = terms * (degree + j) / j;
  return terms;
}

static inline size_t fsl_tree_scratch(size_t d, size_t degree) {
  return 2 * FSL_MAX_LANES * fsl_tree_terms(d, degree);
}

/* In the order of fsl_kernel_at. */
const fsl_tree_kernel *fsl_tree_kernel_at(size_t i);
const fsl_tree_kernel *fsl_tree_kernel_chosen(void);

#endif
