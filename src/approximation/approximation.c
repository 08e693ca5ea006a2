/* approximation/approximation.c: where a method is defined, and its score at given states. */
#include "fslens/approximation.h"

#include <math.h>

const char *fsl_approximation_inapplicable(const fsl_approximation_kind *kind, const fsl_posterior *posterior) {
  if (kind->linear_only && !fsl_posterior_problem(posterior)->model->linear) return "needs a linear forward model";
  if (kind->needs_exact && !fsl_posterior_is_exact(posterior))
    return "the population has no closed form for a nonlinear model";
  if (kind->needs_forward_moments && !fsl_posterior_has_forward_moments(posterior))
    return "the population's moments of A(x) have no closed form for a nonlinear model";
  return NULL;
}

fsl_status fsl_approximation_open(fsl_ctx *ctx, const fsl_approximation_kind *kind, const void *params,
                                  const fsl_posterior *posterior, const void **kept) {
  *kept = NULL;
  if (kind->open == NULL || fsl_approximation_inapplicable(kind, posterior) != NULL) return FSL_OK;
  return kind->open(ctx, params, fsl_posterior_problem(posterior), kept);
}

static void prior_scores(const fsl_states *states, double *out) {
  for (size_t i = 0; i < states->n * states->d; i++) out[i] = (states->a * states->mean[i] - states->x[i]) / states->v;
}

static fsl_status own_score(fsl_ctx *ctx, const fsl_approximation_kind *kind, const void *params,
                            const fsl_states *states, double *g) {
  if (kind->score != NULL && fsl_approximation_inapplicable(kind, states->posterior) == NULL)
    return kind->score(ctx, params, states, g);
  for (size_t i = 0; i < states->n * states->d; i++) g[i] = NAN;
  return FSL_OK;
}

/* The methods see a, v; t itself is passed on for those that would want it. */
fsl_status fsl_approximation_score(fsl_ctx *ctx, const fsl_approximation_kind *kind, const void *params,
                                   const fsl_posterior *posterior, double t, double a, double v, size_t n,
                                   const double *x, double *likelihood_score, double *prior_score,
                                   double *posterior_score) {
  const size_t d = fsl_posterior_dimension(posterior);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *mean, *posterior_mean = NULL;
  const void *kept;
  FSL_TRY(fsl_approximation_open(ctx, kind, params, posterior, &kept));
  FSL_GET(ctx, mean, n * d);
  if (kind->needs_exact) FSL_GET(ctx, posterior_mean, n * d);
  const fsl_moments moments = {.mean = mean, .posterior_mean = posterior_mean};
  FSL_TRY(fsl_posterior_moments(ctx, posterior, a, v, n, x, &moments));
  const fsl_states states = {.n = n,
                             .d = d,
                             .m = fsl_posterior_problem(posterior)->model->m,
                             .t = t,
                             .a = a,
                             .v = v,
                             .posterior = posterior,
                             .x = x,
                             .mean = mean,
                             .posterior_mean = posterior_mean,
                             .kept = kept};
  FSL_TRY(own_score(ctx, kind, params, &states, likelihood_score));
  if (prior_score != NULL) prior_scores(&states, prior_score);
  if (posterior_score != NULL) {
    prior_scores(&states, posterior_score);
    for (size_t i = 0; i < n * d; i++) posterior_score[i] += likelihood_score[i];
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
