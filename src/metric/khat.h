/* metric/khat.h: Pareto k-hat of importance weights. */
#ifndef FSL_METRIC_KHAT_H
#define FSL_METRIC_KHAT_H

#include "fslens/base.h"

/* Shape of the generalised Pareto distribution of n exceedances (ascending, > 0), by Zhang & Stephens (2009). */
FSL_CHECKED fsl_status fsl_pareto_shape(fsl_ctx *ctx, size_t n, const double *exceedance, double *shape);
/* k-hat of n weights given by their logarithms: tail of min(.2 n, 3 sqrt n) weights, shrunk towards 1/2 as if by ten
 * more (Vehtari et al. 2024). NaN with fewer than 5 in the tail or where they are all equal. */
FSL_CHECKED fsl_status fsl_pareto_khat(fsl_ctx *ctx, size_t n, const double *log_weight, double *khat);

#endif
