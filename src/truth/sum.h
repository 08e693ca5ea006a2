/* truth/sum.h: sums that lose no more than the last bit to cancellation or length (Neumaier 1974). */
#ifndef FSL_TRUTH_SUM_H
#define FSL_TRUTH_SUM_H

#include <math.h>

typedef struct fsl_sum_of {
  double sum, rest;
} fsl_sum_of;

static inline void fsl_sum_add(fsl_sum_of *s, double value) {
  const double total = s->sum + value;
  s->rest += fabs(s->sum) >= fabs(value) ? (s->sum - total) + value : (value - total) + s->sum;
  s->sum = total;
}

static inline double fsl_sum_total(fsl_sum_of s) {
  return s.sum + s.rest;
}

#endif
