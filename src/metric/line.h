/* metric/line.h: distributions on a line, as sliced distances see them: distribution functions held as steps or as
 * cubic pieces, and the Wasserstein-1 distance as the integral of |F - G|. */
#ifndef FSL_METRIC_LINE_H
#define FSL_METRIC_LINE_H

#include "fslens/base.h"

/* A distribution function. Before x[0] it is 0, from x[n-1] on it is 1. */
typedef struct fsl_line {
  size_t n;
  const double *x;     /* n, ascending */
  const double *value; /* n: the distribution function at x; of a step function its value from x on */
  const double *slope; /* n: density at x, for cubic Hermite pieces; NULL: a step function */
} fsl_line;

enum {
  FSL_LINE_EXACT = 64,  /* up to so many normals enter one by one; more are binned */
  FSL_LINE_STEPS = 8192 /* up to so many atoms without noise stay exact steps */
};

/* A mixture of normals on a line; variance 0 is an atom. */
typedef struct fsl_line_mixture {
  size_t n;
  const double *weight;   /* n, sum 1 */
  const double *location; /* n */
  const double *variance; /* n */
  const uint32_t *group;  /* n: components of one group share their variance; NULL: all do */
  size_t n_groups;
} fsl_line_mixture;

/* The distribution function of a mixture, with at most about `max_nodes` nodes where it is binned. Up to
 * FSL_LINE_EXACT normals: interpolation error below 3e-6. Binned: the same while the least standard deviation is above
 * range/(max_nodes/12), else of order range/max_nodes as a distance. Lives in ctx->arena. */
FSL_CHECKED fsl_status fsl_line_of_mixture(fsl_ctx *ctx, const fsl_line_mixture *mixture, size_t max_nodes,
                                           fsl_line *out);
/* Equal steps at sorted samples; `value` (n) is filled by the caller's call of fsl_line_ranks. */
fsl_line fsl_line_of_samples(size_t n, const double *sorted, const double *ranks);
void fsl_line_ranks(size_t n, double *ranks); /* (i + 1)/n */
/* W1 = integral of |F - G|, each piece in closed form. */
double fsl_line_w1(const fsl_line *f, const fsl_line *g);
double fsl_line_at(const fsl_line *line, double x);
/* Quantiles at (first + i + 1/2)/total, i < n: evenly spread points that stand for draws. */
void fsl_line_quantiles(const fsl_line *line, uint64_t first, uint64_t total, size_t n, double *out);

#endif
