/* truth/methods.h: the three ways to a truth, for truth.c alone. */
#ifndef FSL_TRUTH_METHODS_H
#define FSL_TRUTH_METHODS_H

#include "truth/truth.h"

/* Fills law, log_evidence and chi2: the rest follows from the law. */
FSL_CHECKED fsl_status fsl_truth_closed(fsl_ctx *ctx, const fsl_problem *problem, fsl_truth *out);
/* Fill everything but the method. `known` and NaN where there is nothing to say are set already. */
FSL_CHECKED fsl_status fsl_truth_quadrature(fsl_ctx *ctx, const fsl_problem *problem, fsl_truth *out);
FSL_CHECKED fsl_status fsl_truth_sampled(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, double min_ess,
                                         fsl_truth *out);

enum {
  FSL_QUADRATURE_MOST_ATOMS = 1 << 18,
  FSL_SAMPLED_FIRST_DRAWS = 1 << 22,
  FSL_SAMPLED_MOST_DRAWS = 1 << 24,
  FSL_SAMPLED_KEPT_BYTES = 64 << 20
};

/* Whether quadrature can afford this many components. */
bool fsl_truth_quadrature_fits(const fsl_mixture *prior);

#endif
