/* truth/truth.h: the true posterior p(x0 | y) of a problem: closed form, quadrature (d <= 2), or a large independent
 * sample weighted by the likelihood; and the choice between them. Always a mixture, so everything at time t follows. */
#ifndef FSL_TRUTH_H
#define FSL_TRUTH_H

#include "posterior/cost.h"

typedef enum fsl_truth_method { FSL_TRUTH_CLOSED, FSL_TRUTH_QUADRATURE, FSL_TRUTH_SAMPLED } fsl_truth_method;
const char *fsl_truth_method_name(fsl_truth_method method); /* "closed form", "quadrature", "sampled" */

typedef struct fsl_truth {
  fsl_truth_method method;
  bool known;               /* false: a sampled truth whose ess is below 400; everything below is NaN then */
  fsl_mixture law;          /* p(x0 | y): components, quadrature nodes, or weighted draws; modes are the prior's */
  const double *mean;       /* d */
  const double *covariance; /* (d, d) */
  const double
      *mode_weight;    /* n_modes of the prior: posterior probability of each of the prior's modes by component label */
  double log_evidence; /* log p(y) */
  double stated_error; /* 0 closed form; quadrature: relative, from two resolutions; sampled: 1/sqrt(ess) */
  double ess;          /* effective draws of a sampled truth; NaN otherwise */
  double chi2;         /* 1 + chi^2(posterior, prior): closed, by quadrature, or n/ess; NaN unknown */
} fsl_truth;

/* key: content of (prior, forward model, noise, y); copy 0 is the truth, copy 1 the independent second set floors are
 * drawn from (the same as copy 0 unless sampled). min_ess: 4 x particles asks a sampled truth for 2^24 draws instead of
 * 2^22. */
FSL_CHECKED fsl_status fsl_truth_find(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, unsigned copy,
                                      double min_ess, fsl_truth *out);
/* What fsl_truth_find would choose, without computing it (for `plan`). */
fsl_truth_method fsl_truth_choose(const fsl_prior *prior, const fsl_forward_model *model);

/* ---- the cost model's ------------------------------------------------------------------------------------- */

/* The law of a truth as it is expected to come out; its modes are the prior's. */
fsl_law_size fsl_truth_law_size(const fsl_prior *prior, const fsl_forward_model *model);
/* Seconds of finding it. */
double fsl_truth_seconds(const fsl_prior *prior, const fsl_forward_model *model);
/* Bytes that the prior, the truth and a sampled one's second copy keep on the rank of any job of the problem. */
size_t fsl_truth_bytes(const fsl_prior *prior, const fsl_forward_model *model);

#endif
