/* problem/build.h: what prior kinds share when they make their mixture. */
#ifndef FSL_PROBLEM_BUILD_H
#define FSL_PROBLEM_BUILD_H

#include "fslens/problem.h"

/* log of weights divided by their sum; equal ones for no data. Weights are checked already. */
FSL_CHECKED fsl_status fsl_build_log_weights(fsl_ctx *ctx, size_t n, fsl_array weights, const double **out);
/* FSL_EINPUT for an array without entries. */
FSL_CHECKED fsl_status fsl_build_check_points(fsl_ctx *ctx, fsl_array points);
/* FSL_EINPUT unless there are n weights, none negative, of positive finite sum. */
FSL_CHECKED fsl_status fsl_build_check_weights(fsl_ctx *ctx, size_t n, fsl_array weights);
/* A covariance as written (number, diagonal, matrix) by its eigenvalues; FSL_EINPUT when it does not fit d or is not
 * symmetric positive definite. */
FSL_CHECKED fsl_status fsl_build_covariance(fsl_ctx *ctx, size_t d, fsl_array value, fsl_covariance *out);
/* value times the identity */
FSL_CHECKED fsl_status fsl_build_isotropic(fsl_ctx *ctx, size_t d, double value, fsl_covariance *out);
/* Names "0", "1", ... */
FSL_CHECKED fsl_status fsl_build_mode_names(fsl_ctx *ctx, size_t n, const char *const **out);

#endif
