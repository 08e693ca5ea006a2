/* posterior/oracle.h: what the kernels compute, one state at a time in long double: slow and obvious, for tests. */
#ifndef FSL_POSTERIOR_ORACLE_H
#define FSL_POSTERIOR_ORACLE_H

#include "fslens/base.h"

typedef struct fsl_oracle {
  size_t n, d, m;
  const double *x;              /* (n, d) */
  const double *log_weight;     /* n: log pi_i; NULL: all -log n */
  const double *log_likelihood; /* n: l_i */
  const double *forward;        /* (n, m): A(x_i) */
} fsl_oracle;

/* Normalised weights w (n) at state x; posterior: w~ instead. Returns the log of the sum of pi_i exp(-|x - a x_i|^2/2v
 * [+ l_i]). */
long double fsl_oracle_weights(const fsl_oracle *oracle, bool posterior, double a, double v, const double *x,
                               long double *w);
/* out (k) = sum_i w_i values_i, values (n, k) */
void fsl_oracle_mean(const fsl_oracle *oracle, const long double *w, size_t k, const double *values, long double *out);
/* out (p) = Cov_w(P, Q) u, P (n, p), Q (n, q), u (q) */
void fsl_oracle_cross(const fsl_oracle *oracle, const long double *w, size_t p, const double *left, size_t q,
                      const double *right, const double *u, long double *out);
/* Entropy of w in nats, equal atoms merged. */
long double fsl_oracle_entropy(const fsl_oracle *oracle, const long double *w);

#endif
