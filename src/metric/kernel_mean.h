/* metric/kernel_mean.h: the mean embedding of a mixture under a Gaussian kernel, and the unbiased squared maximum mean
 * discrepancy of samples against it. */
#ifndef FSL_METRIC_KERNEL_MEAN_H
#define FSL_METRIC_KERNEL_MEAN_H

#include "posterior/law.h"

typedef struct fsl_kernel_mean fsl_kernel_mean;

enum {
  FSL_KERNEL_COMPONENTS = 2048,  /* up to so many components: closed form */
  FSL_KERNEL_COVARIANCES = 16,   /* and up to so many distinct covariances */
  FSL_KERNEL_PARTICLES = 2048,   /* samples that are compared */
  FSL_KERNEL_TABLE_NODES = 4097, /* of the embedding in one dimension, from so many components on */
  FSL_KERNEL_SELF_PAIRS = 4096   /* others that each of many draws is paired with */
};

/* exp(-|x - x'|^2/2h2) against the mixture at (a, v), in closed form. The mixture must be within the limits above. */
FSL_CHECKED fsl_status fsl_kernel_mean_of_mixture(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, double h2,
                                                  fsl_kernel_mean **out);
/* Against n draws (n, d), which are taken over and scaled in place. even: evenly spread quantiles, which stand for the
 * law itself. */
FSL_CHECKED fsl_status fsl_kernel_mean_of_draws(fsl_ctx *ctx, size_t n, size_t d, double *draws, double h2, bool even,
                                                fsl_kernel_mean **out);
/* MMD^2 = mean over pairs of k(x_i, x_j) - 2 mean over i of E k(x_i, Y) + E k(Y, Y') (Gretton et al. 2012). */
FSL_CHECKED fsl_status fsl_kernel_mean_mmd2(fsl_ctx *ctx, const fsl_kernel_mean *kernel, size_t n, const double *x,
                                            double *out);

#endif
