/* fslens/posterior.h: the exact posterior at every diffusion time, of N training samples or of the population,
 * behind one interface. Symbols as in the paper: x state, a = sqrt(abar), v variance, w_i prior weights, w~_i posterior
 * weights, m = E_w x0, m~ = E_w~ x0, C = Cov_w x0.
 *
 *   w_i(x)  = softmax_i(log pi_i - |x - a x_i|^2 / 2v)
 *   w~_i(x) = softmax_i(log pi_i - |x - a x_i|^2 / 2v + l_i),   l_i = log p(y | x_i)
 *
 * Every fsl_posterior_* function that takes states is collective over ctx->team: each rank passes the same states and
 * gets the same bits, whatever the team's size. States are (n, d). A state that is not finite gets NaN results. Many
 * atoms in few dimensions are summed by a tree of moments, to a certified tolerance (posterior/tree.h); the last bits
 * of a state then depend on which others come in the same call. */
#ifndef FSLENS_POSTERIOR_H
#define FSLENS_POSTERIOR_H

#include "fslens/problem.h"

typedef struct fsl_posterior fsl_posterior;

typedef struct fsl_moments {
  double *mean;                  /* (n, d): m */
  double *posterior_mean;        /* (n, d): m~; NULL: not wanted */
  double *log_density;           /* n: log p(x_t), normalised; NULL: not wanted */
  double *posterior_log_density; /* n: log p(x_t | y), normalised; NULL: not wanted */
  double *entropy;               /* n: entropy of w in nats, equal atoms merged; atoms only; NULL: not wanted */
} fsl_moments;

size_t fsl_posterior_dimension(const fsl_posterior *posterior);
/* The problem this posterior belongs to (model, noise, y): what an approximation measures residuals with. */
const fsl_problem *fsl_posterior_problem(const fsl_posterior *posterior);
/* true where m~ is known in closed form: always for atoms; in the population for linear models. Otherwise m~ and all
 * posterior_ results are NaN. */
bool fsl_posterior_is_exact(const fsl_posterior *posterior);
/* true where Cov_w(A(x)) and Cov_w(x, A(x)) are available: atoms, or a linear model. */
bool fsl_posterior_has_forward_moments(const fsl_posterior *posterior);
/* true where spread and the whole Cov_w(x0, A) together cost less than spread and one Cov_w(x0, A) u. */
bool fsl_posterior_cross_is_cheap(const fsl_posterior *posterior);

/* m, m~ and the densities in one pass over the atoms. `out`'s arrays belong to the caller. */
FSL_CHECKED fsl_status fsl_posterior_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                             const double *x, const fsl_moments *out);
/* out (n, d) = C(x) u, one vector u (n, d) a state; `mean` (n, d) is m as fsl_posterior_moments gave it. */
FSL_CHECKED fsl_status fsl_posterior_covariance_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v,
                                                      size_t n, const double *x, const double *mean, const double *u,
                                                      double *out);
/* Moments of the measured A(x0) under w: expected (n, m) = E_w A; spread (n, m, m) = Cov_w A and cross (n, d, m) =
 * Cov_w(x0, A), NULL where not wanted. */
FSL_CHECKED fsl_status fsl_posterior_forward_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v,
                                                     size_t n, const double *x, const double *mean, double *expected,
                                                     double *spread, double *cross);
/* out (n, d) = Cov_w(x0, A(x0)) u, u (n, m); `expected` as above. */
FSL_CHECKED fsl_status fsl_posterior_cross_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v,
                                                 size_t n, const double *x, const double *mean, const double *expected,
                                                 const double *u, double *out);
/* Independent exact draws of p(x_t | y): x (n, d) for draw numbers first..; component (n, d) x0 = the atom (or the
 * mixture component's own draw) behind each; NULL: not wanted. Needs fsl_posterior_is_exact. */
FSL_CHECKED fsl_status fsl_posterior_draw(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, fsl_key key,
                                          uint64_t first, size_t n, double *x, double *x0);
/* x0 (n, d) ~ p(x_0 | x_t, y), one draw a state, by descending the leaf tree with one uniform a state: draw number
 * first + i of (key, stream). Needs fsl_posterior_is_exact. */
FSL_CHECKED fsl_status fsl_posterior_draw_x0(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v,
                                             fsl_key key, uint64_t stream, uint64_t first, size_t n, const double *x,
                                             double *x0);

#endif
