/* convergence/bootstrap.h: BCa intervals (Efron 1987) for a function of the means of several independent samples. */
#ifndef FSL_BOOTSTRAP_H
#define FSL_BOOTSTRAP_H

#include "fslens/base.h"

/* The quantity of interest as a function of the samples' means (n_samples); NaN where it is not defined. */
typedef double (*fsl_statistic)(const void *self, const double *mean);

/* Which values the last resamples were made of. Series of one key and the same sizes share them: the numbers are drawn
 * once. */
typedef struct fsl_picks {
  fsl_key key;
  size_t n_samples, resamples, n; /* n: picks of one resample; 0: nothing is kept */
  size_t *size;                   /* n_samples */
  uint16_t *pick;                 /* (resamples, n) */
  size_t room_samples, room;      /* what `size` and `pick` can hold */
} fsl_picks;

/* In ctx->arena, for at most n_samples samples of `stride` values each; without room for anything where that would take
 * more than a few megabytes. */
FSL_CHECKED fsl_status fsl_picks_create(fsl_ctx *ctx, size_t n_samples, size_t stride, size_t resamples,
                                        fsl_picks *out);

typedef struct fsl_bootstrap {
  size_t n_samples;
  const size_t *size;   /* n_samples, each >= 2 */
  const double *values; /* (n_samples, stride): the first size[i] entries of row i */
  size_t stride;        /* >= every size */
  fsl_statistic statistic;
  const void *self;
  size_t resamples;
  fsl_key key;
  fsl_picks *picks; /* NULL: drawn anew */
} fsl_bootstrap;

typedef struct fsl_interval {
  double estimate, low, high; /* all NaN where there is no interval */
} fsl_interval;

/* Two-sided interval of the given level. Each sample is resampled on its own; the acceleration comes from the jackknife
 * influence values of all samples; the interval is widened about the estimate by sqrt(R/(R - 1)), R the smallest
 * sample, since resamples of R values vary by (R - 1)/R of what they should. None where more than a hundredth of the
 * resamples have no statistic. */
FSL_CHECKED fsl_status fsl_bca_interval(fsl_ctx *ctx, const fsl_bootstrap *bootstrap, double level, fsl_interval *out);

#endif
