/* approximation/guided.h: what the family g = (a/v) C H^T S^-1 r shares, with r = y - A(m), H = dA/dx at m, C the
 * covariance of x0 given x_t, so that dm/dx = (a/v) C. States are (n, d), residuals (n, m). */
#ifndef FSL_APPROXIMATION_GUIDED_H
#define FSL_APPROXIMATION_GUIDED_H

#include "fslens/approximation.h"

/* residual (n, m) = y - A(at), at (n, d). */
FSL_CHECKED fsl_status fsl_guided_residual(fsl_ctx *ctx, const fsl_states *states, const double *at, double *residual);
/* residual (m) becomes S_n^-1 residual. */
void fsl_guided_whiten(const fsl_states *states, double *residual);
/* factor / |r|, 0 for a zero residual; never overflows on the way. */
double fsl_guided_over_norm(size_t m, const double *residual, double factor);
/* g (n, d) = (a/v) C H^T u, u (n, m). Collective. */
FSL_CHECKED fsl_status fsl_guided_push(fsl_ctx *ctx, const fsl_states *states, const double *u, double *g);
/* spread (m, m) is overwritten by the Cholesky factor of spread + S_n and residual (m) by its solution; all NaN where
 * that matrix is not positive definite. */
void fsl_guided_solve(const fsl_states *states, double *spread, double *residual);
/* `open` of a method of linear models that solves with S_n + r2 M M^T: keeps M M^T (m, m). */
FSL_CHECKED fsl_status fsl_guided_open_gram(fsl_ctx *ctx, const void *params, const fsl_problem *problem,
                                            const void **kept);
/* After it: residual (n, m) becomes (S_n + r2 M M^T)^-1 residual; one factorisation for all states. */
FSL_CHECKED fsl_status fsl_guided_solve_gram(fsl_ctx *ctx, const fsl_states *states, double r2, double *residual);
/* NaN where the state is not finite. */
void fsl_guided_mask(const fsl_states *states, double *g);
/* States at a time whose (m, m) matrices are held together: bounds the work space. */
size_t fsl_guided_tile(const fsl_states *states);
fsl_states fsl_guided_slice(const fsl_states *states, size_t first, size_t n);

#endif
