/* approximation/cost.c: see cost.h. */
#include "approximation/cost.h"

/* A triangular factor of an (m, m) matrix: from about 3 ns per row and column on, at most 64 rows by plain loops; and
 * the two solves with it. */
static double factor_seconds(double m) {
  return 1e-9 * m * m * (2.5 + (m > 64 ? 0.014 : 0.03) * m);
}

static double solve_seconds(double m) {
  return 1e-9 * (5 * m + 0.4 * m * m);
}

double fsl_method_state_seconds(const fsl_approximation_kind *kind, const fsl_posterior_size *s) {
  const fsl_method_work work = kind->work;
  const bool guided = work.products + work.spreads + work.solves > 0;
  const double second = work.joint ? fsl_joint_seconds(s) : fsl_spread_seconds(s) + fsl_cross_seconds(s);
  return work.products * fsl_product_seconds(s) + work.solves * solve_seconds(s->m) +
         work.spreads * (second + factor_seconds(s->m) + solve_seconds(s->m)) + (guided ? 1e-9 * (10 + s->forward) : 0);
}

/* The matrix, and its rows' products. */
double fsl_method_open_seconds(const fsl_approximation_kind *kind, const fsl_posterior_size *s) {
  return kind->work.solves * 1e-9 * s->m * (s->d + s->forward + 0.25 * s->m * s->d);
}

/* The factor. */
double fsl_method_time_seconds(const fsl_approximation_kind *kind, const fsl_posterior_size *s) {
  return kind->work.solves * factor_seconds(s->m);
}
