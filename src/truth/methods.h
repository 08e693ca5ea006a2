/* truth/methods.h: the three ways to a truth, for truth.c alone. Each fills law, log_evidence, stated_error, ess and
 * chi2; what follows from the law is filled by truth.c unless `mean` is set already. */
#ifndef FSL_TRUTH_METHODS_H
#define FSL_TRUTH_METHODS_H

#include "truth/truth.h"

FSL_CHECKED fsl_status fsl_truth_closed(fsl_ctx *ctx, const fsl_problem *problem, fsl_truth *out);
FSL_CHECKED fsl_status fsl_truth_quadrature(fsl_ctx *ctx, const fsl_problem *problem, fsl_truth *out);
/* Fills every field. */
FSL_CHECKED fsl_status fsl_truth_sampled(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, double min_ess,
                                         fsl_truth *out);

/* Whether quadrature can afford this many components. */
bool fsl_truth_quadrature_fits(const fsl_mixture *prior);

#endif
