/* metric/sliced.h: fixed directions, a law's projections on them, and sliced Wasserstein-1 distances. */
#ifndef FSL_METRIC_SLICED_H
#define FSL_METRIC_SLICED_H

#include "metric/line.h"
#include "posterior/law.h"

enum { FSL_DIRECTIONS = 128 };

typedef struct fsl_directions {
  size_t d;
  size_t n_random;    /* the mean is over these: 128, in one dimension 1 */
  size_t n;           /* with the rows of A behind them */
  const double *unit; /* (n, d) */
} fsl_directions;

/* 128 unit vectors keyed by d alone, in random orthonormal frames of d each (d = 1: one vector; d = 2: angles pi
 * j/128), then the normalised rows of a linear forward model that are not 0 (model NULL: none). */
FSL_CHECKED fsl_status fsl_directions_create(fsl_ctx *ctx, size_t d, const fsl_forward_model *model,
                                             fsl_directions *out);
/* The law without components whose weights sum to less than 1e-10 in all, or itself where those are few. */
FSL_CHECKED fsl_status fsl_sliced_prune(fsl_ctx *ctx, const fsl_mixture *law, fsl_mixture *out);
/* line (n): the law at (a, v) along the first n directions. */
FSL_CHECKED fsl_status fsl_sliced_project(fsl_ctx *ctx, const fsl_mixture *law, double a, double v,
                                          const fsl_directions *directions, size_t n, fsl_line *line);
/* distance (n_lines): W1 of samples x (n, d) against each line. */
FSL_CHECKED fsl_status fsl_sliced_distances(fsl_ctx *ctx, const fsl_directions *directions, size_t n_lines,
                                            const fsl_line *line, size_t n, const double *x, double *distance);
/* distance (n_lines): W1 of a law against each line, without drawing from it. */
FSL_CHECKED fsl_status fsl_sliced_law_distances(fsl_ctx *ctx, const fsl_directions *directions, size_t n_lines,
                                                const fsl_line *line, const fsl_mixture *law, double a, double v,
                                                double *distance);
/* Mean over the random directions of the W1 between two sets of samples. */
FSL_CHECKED fsl_status fsl_sliced_between(fsl_ctx *ctx, const fsl_directions *directions, size_t n, const double *x,
                                          size_t n2, const double *x2, double *out);

#endif
