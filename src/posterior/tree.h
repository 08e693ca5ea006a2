/* posterior/tree.h: sums over atoms in d <= 3 by a tree of moments (a fast Gauss transform), with an error that is
 * bounded, state by state, in what comes back. For N atoms x_i, a state x and (a, v): z = x/a, s = sqrt(v)/a,
 *
 *   prior side      S = sum_i pi_i exp(-|z - x_i|^2/2s^2),             m, C: mean and covariance of x_i under its terms
 *   posterior side  S~ = sum_i pi_i exp(l_i) exp(-|z - x_i|^2/2s^2),   m~
 *
 * A tree keeps its tolerance eps: with l = min(s, spread), spread the radius of a ball around all atoms (s where it is
 * 0), |log S^ - log S| <= eps, |m^ - m| <= eps l, |C^ u - C u| <= eps l^2 |u|, the same for S~ and m~. Bounds and
 * tolerance leave out rounding (about 1e-14 of the spread, and of the exponents where these are large).
 *
 * How: kernel_tree.h. Groups of neighbouring states walk down the tree together; each node is expanded with the
 * smallest order that its part of the tolerance allows, left out, or looked into. The bounds are added up as it goes; a
 * group whose bounds miss the tolerance goes again, more carefully, and at last by plain sums. */
#ifndef FSL_POSTERIOR_TREE_H
#define FSL_POSTERIOR_TREE_H

#include "fslens/base.h"

typedef struct fsl_tree fsl_tree;

/* The results for n states; NULL: not wanted. */
typedef struct fsl_tree_results {
  double *mean, *posterior_mean;                   /* (n, d) */
  double *log_sum, *posterior_log_sum;             /* n: log S, log S~ */
  double *mean_bound, *posterior_mean_bound;       /* n: at least |m^ - m|, |m~^ - m~| */
  double *log_sum_bound, *posterior_log_sum_bound; /* n */
} fsl_tree_results;

/* x (n, d), d <= 3; log_weight: n, log pi_i, NULL: 1/n each; log_likelihood: n, l_i, NULL: no posterior side. Copies
 * what it needs; lives in the context's arena. Not collective; the same bits wherever it is built. */
FSL_CHECKED fsl_status fsl_tree_create(fsl_ctx *ctx, size_t n, size_t d, const double *x, const double *log_weight,
                                       const double *log_likelihood, double tolerance, fsl_tree **out);

/* Collective over ctx->team: each rank has the same tree and the same states (n, d), does a part of them, and ends with
 * the same bits, whatever the team's size. A state that is not finite gets NaN. Which states come in one call decides
 * how they are grouped, and so the last bits, within the bounds. */
FSL_CHECKED fsl_status fsl_tree_moments(fsl_ctx *ctx, const fsl_tree *tree, double a, double v, size_t n,
                                        const double *x, const fsl_tree_results *out);
/* out (n, d, d) = sum_i w_i (x_i - mean)(x_i - mean)^T, w the prior side's normalised terms, mean (n, d) given. bound:
 * n, in the Frobenius norm; NULL: not wanted. */
FSL_CHECKED fsl_status fsl_tree_covariances(fsl_ctx *ctx, const fsl_tree *tree, double a, double v, size_t n,
                                            const double *x, const double *mean, double *out, double *bound);
/* out (n, d) = that matrix times u (n, d); bound: n, to be multiplied by |u|. */
FSL_CHECKED fsl_status fsl_tree_covariance_times(fsl_ctx *ctx, const fsl_tree *tree, double a, double v, size_t n,
                                                 const double *x, const double *mean, const double *u, double *out,
                                                 double *bound);

/* Whether a tree of n atoms is worth its while against plain sums, on a whole run's path: by these values alone. */
bool fsl_tree_pays(uint64_t n, size_t d, double tolerance);
/* Bytes that a tree of n atoms takes. */
size_t fsl_tree_bytes(size_t n, size_t d, double tolerance);

#endif
