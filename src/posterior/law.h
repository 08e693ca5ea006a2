/* posterior/law.h: a mixture noised to time t: sum_k w_k N(a mean_k, a^2 S_k + v I). Densities, responsibilities and
 * projections; what truth and metrics measure samples against. Not collective. States are (n, d). */
#ifndef FSL_POSTERIOR_LAW_H
#define FSL_POSTERIOR_LAW_H

#include "fslens/problem.h"

/* A law at (a, v) that is asked about states again and again: what the answers share. Lives in ctx->arena. */
typedef struct fsl_law_view fsl_law_view;
FSL_CHECKED fsl_status fsl_law_view_create(fsl_ctx *ctx, const fsl_mixture *law, double a, double v,
                                           fsl_law_view **out);
/* mode (n) and density (n) of each state as below, by one pass over the components; either may be NULL. */
FSL_CHECKED fsl_status fsl_law_view_states(fsl_ctx *ctx, const fsl_law_view *view, size_t n, const double *x,
                                           uint32_t *mode, double *density);

/* Whether a law of so many components in d dimensions is looked at by products of matrices (look_large.c). */
bool fsl_law_is_large(double components, double d);
/* log density of each state. At v = 0 with atoms the density does not exist: FSL_ENUMERIC. */
FSL_CHECKED fsl_status fsl_law_log_density(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n,
                                           const double *x, double *out);
/* The mode most responsible for each state under the noised mixture (its components' responsibilities summed).
 * At v = 0 with atoms: the mode of the nearest atom. */
FSL_CHECKED fsl_status fsl_law_most_responsible(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n,
                                                const double *x, uint32_t *mode);
/* responsibilities (n, n_modes) */
FSL_CHECKED fsl_status fsl_law_responsibilities(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n,
                                                const double *x, double *out);
/* The 1-D mixture of u^T x_t for a unit vector u (d): location (n), variance (n) of each component. */
FSL_CHECKED fsl_status fsl_law_project(fsl_ctx *ctx, const fsl_mixture *law, double a, double v,
                                       const double *direction, double *location, double *variance);
/* Closed-form mean (d) and covariance (d, d) at (a, v). */
FSL_CHECKED fsl_status fsl_law_moments(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, double *mean,
                                       double *covariance);

#endif
