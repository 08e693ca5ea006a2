/* convergence/rates.h: rates of convergence in N with honest intervals: independent training sets per N, log of the
 * mean error against log N, BCa bootstrap over replicates. */
#ifndef FSL_RATES_H
#define FSL_RATES_H

#include "convergence/bootstrap.h"
#include "metric/reason.h"

typedef struct fsl_rate_input {
  size_t n_sizes, n_replicates, n_observations;
  const double *n_train; /* n_sizes, finite, ascending */
  const double *error;   /* (n_sizes, n_replicates, n_observations); NaN: missing */
  const double
      *chi2;        /* n_observations: 1 + chi^2(posterior, prior), the window is N >= 30 chi2; NaN unknown: N >= 30 */
  double largest_n; /* sizes above it are left out (1/64 of a sampled truth, a tenth of a file); INFINITY: none */
  bool is_sampler;  /* a sampler without population_error gets no rate */
  /* n_observations: b, a sampler's own error at .inf, replicates averaged: E^2 = c^2 N^2s + b^2 is fitted, E and b
   * averaged over the same observations. NULL, or NaN for an observation that is used: unknown. Unused for the
   * reference, whose b is 0. */
  const double *population_error;
  double floor;     /* floor of this error, for the record */
  size_t resamples; /* of the bootstrap; 0: 2000 */
  fsl_key key;      /* of the bootstrap */
  fsl_picks *picks; /* shared by calls that follow each other; NULL: none */
} fsl_rate_input;

typedef struct fsl_rate {
  double rate, low, high; /* slope; 95 % interval; NaN where there is none */
  double floor;
  double points;     /* sizes used */
  double left_out;   /* sizes left out */
  fsl_reason reason; /* why there is no rate */
} fsl_rate;

enum { FSL_RESAMPLES = 2000 }; /* unless the input says otherwise */

/* Observations that are missing in over half of the sizes and replicates, or have fewer than 3 sizes in their own
 * window, are left out; the window of the rest is that of their largest chi2. A replicate lacking one of the rest is
 * missing at that size; a size with fewer than 5 replicates is left out. No rate below 3 sizes, where a mean error is
 * 0, or where the interval is wider than 1. */
FSL_CHECKED fsl_status fsl_rate_fit(fsl_ctx *ctx, const fsl_rate_input *input, fsl_rate *out);

#endif
