/* convergence/rates.h: rates of convergence in N with honest intervals: independent training sets per N, log of the
 * mean error against log N, BCa bootstrap over replicates. */
#ifndef FSL_RATES_H
#define FSL_RATES_H

#include "fslens/base.h"

typedef struct fsl_rate_input {
  size_t n_sizes, n_replicates, n_observations;
  const double *n_train; /* n_sizes, finite, ascending */
  const double *error;   /* (n_sizes, n_replicates, n_observations); NaN: missing */
  const double *chi2;    /* n_observations: 1 + chi^2(posterior, prior), NaN unknown: the window is N >= 30 chi2 */
  double largest_n;      /* sizes above it are left out (1/64 of a sampled truth, a tenth of a file); INFINITY: none */
  double population_error; /* the sampler's own value at .inf, observations averaged: E^2 = c^2 N^2s + b^2; NaN: the
                              reference (b = 0) */
  bool is_sampler;         /* a sampler without population_error gets no rate */
  double floor;            /* floor of this error, for the record */
  fsl_key key;             /* of the bootstrap */
} fsl_rate_input;

typedef struct fsl_rate {
  double rate, low, high; /* slope; 95 % interval; NaN where there is none */
  double floor;
  double points;   /* sizes used */
  double left_out; /* sizes left out */
} fsl_rate;

FSL_CHECKED fsl_status fsl_rate_fit(fsl_ctx *ctx, const fsl_rate_input *input, fsl_rate *out);

#endif
