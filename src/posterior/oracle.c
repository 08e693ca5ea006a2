/* oracle.c: the kernels' long-double oracle. O(N^2 d) where that is the obvious way. */
#include "posterior/oracle.h"

#include <math.h>
#include <string.h>

static long double logit(const fsl_oracle *o, bool posterior, double a, double v, const double *x, size_t i) {
  long double distance = 0.0L;
  for (size_t j = 0; j < o->d; ++j) {
    const long double delta = (long double)x[j] - (long double)a * (long double)o->x[i * o->d + j];
    distance += delta * delta;
  }
  const long double weight = o->log_weight != NULL ? (long double)o->log_weight[i] : -logl((long double)o->n);
  return weight - distance / (2.0L * (long double)v) + (posterior ? (long double)o->log_likelihood[i] : 0.0L);
}

long double fsl_oracle_weights(const fsl_oracle *o, bool posterior, double a, double v, const double *x,
                               long double *w) {
  long double max = -INFINITY, sum = 0.0L;
  for (size_t i = 0; i < o->n; ++i) w[i] = logit(o, posterior, a, v, x, i);
  for (size_t i = 0; i < o->n; ++i) max = fmaxl(max, w[i]);
  for (size_t i = 0; i < o->n; ++i) sum += w[i] = expl(w[i] - max);
  for (size_t i = 0; i < o->n; ++i) w[i] /= sum;
  return max + logl(sum);
}

void fsl_oracle_mean(const fsl_oracle *o, const long double *w, size_t k, const double *values, long double *out) {
  for (size_t j = 0; j < k; ++j) {
    out[j] = 0.0L;
    for (size_t i = 0; i < o->n; ++i) out[j] += w[i] * (long double)values[i * k + j];
  }
}

static long double mean_of_column(const fsl_oracle *o, const long double *w, const double *values, size_t k, size_t j) {
  long double sum = 0.0L;
  for (size_t i = 0; i < o->n; ++i) sum += w[i] * (long double)values[i * k + j];
  return sum;
}

static long double covariance(const fsl_oracle *o, const long double *w, const double *left, size_t p, size_t j,
                              const double *right, size_t q, size_t k) {
  const long double ml = mean_of_column(o, w, left, p, j), mr = mean_of_column(o, w, right, q, k);
  long double sum = 0.0L;
  for (size_t i = 0; i < o->n; ++i)
    sum += w[i] * ((long double)left[i * p + j] - ml) * ((long double)right[i * q + k] - mr);
  return sum;
}

void fsl_oracle_cross(const fsl_oracle *o, const long double *w, size_t p, const double *left, size_t q,
                      const double *right, const double *u, long double *out) {
  for (size_t j = 0; j < p; ++j) {
    out[j] = 0.0L;
    for (size_t k = 0; k < q; ++k) out[j] += covariance(o, w, left, p, j, right, q, k) * (long double)u[k];
  }
}

static bool equal(const fsl_oracle *o, size_t i, size_t k) {
  for (size_t j = 0; j < o->d; ++j)
    if (o->x[i * o->d + j] != o->x[k * o->d + j]) return false;
  return true;
}

/* Each atom counts once, with the weight of all its equals. */
long double fsl_oracle_entropy(const fsl_oracle *o, const long double *w) {
  long double entropy = 0.0L;
  for (size_t i = 0; i < o->n; ++i) {
    long double total = 0.0L;
    bool seen = false;
    for (size_t k = 0; k < o->n; ++k) {
      if (!equal(o, i, k)) continue;
      seen = seen || k < i;
      total += w[k];
    }
    if (!seen && total > 0.0L) entropy -= total * logl(total);
  }
  return entropy;
}
