/* truth/closed.c: posteriors in closed form: atoms under any forward model, mixtures under a linear one. */
#include "truth/methods.h"

#include "base/linalg.h"

#include <math.h>

static const double log_four_pi = 2.531024246969290792977891594269411848;

/* 1 + chi^2 of atoms: sum pi L^2 / Z^2. */
static double chi2_of_atoms(size_t n, const double *log_weight, double *log_likelihood, double log_evidence) {
  for (size_t i = 0; i < n; i++) log_likelihood[i] = log_weight[i] + 2 * log_likelihood[i];
  return exp(fsl_log_sum_exp(n, log_likelihood) - 2 * log_evidence);
}

static fsl_status from_atoms(fsl_ctx *ctx, const fsl_problem *problem, fsl_truth *out) {
  const fsl_mixture *const prior = &problem->prior->population;
  double *log_likelihood;
  FSL_GET(ctx, log_likelihood, prior->n);
  FSL_TRY(fsl_problem_log_likelihood(ctx, problem, prior->n, prior->mean, log_likelihood));
  FSL_TRY(fsl_mixture_reweight(ctx, prior, log_likelihood, &out->law, &out->log_evidence));
  out->chi2 = chi2_of_atoms(prior->n, prior->log_weight, log_likelihood, out->log_evidence);
  return FSL_OK;
}

/* 1 + chi^2 = |4 pi S_n|^-1/2 sum_k w_k N(y; A mu_k + b, S_n/2 + A S_k A^T) / Z^2: the sum is the evidence under noise
 * of half the variance. */
static fsl_status chi2_of_mixture(fsl_ctx *ctx, const fsl_problem *problem, const double *matrix, fsl_truth *out) {
  const size_t m = problem->model->m;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *std, log_evidence, log_det = 0;
  FSL_GET(ctx, std, m);
  for (size_t i = 0; i < m; i++) {
    std[i] = problem->noise.std[i] * sqrt(0.5);
    log_det += log_four_pi + 2 * log(problem->noise.std[i]);
  }
  FSL_TRY(fsl_mixture_log_evidence(ctx, &problem->prior->population, m, matrix, problem->model->bias, std, problem->y,
                                   &log_evidence));
  out->chi2 = exp(log_evidence - 0.5 * log_det - 2 * out->log_evidence);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static fsl_status from_mixture(fsl_ctx *ctx, const fsl_problem *problem, fsl_truth *out) {
  const fsl_forward_model *const model = problem->model;
  double *matrix;
  FSL_GET(ctx, matrix, model->m * model->d);
  FSL_TRY(fsl_forward_model_matrix(ctx, model, matrix));
  FSL_TRY(fsl_mixture_condition(ctx, &problem->prior->population, model->m, matrix, model->bias, problem->noise.std,
                                problem->y, &out->law, &out->log_evidence));
  return chi2_of_mixture(ctx, problem, matrix, out);
}

fsl_status fsl_truth_closed(fsl_ctx *ctx, const fsl_problem *problem, fsl_truth *out) {
  const bool atoms = fsl_mixture_is_atomic(&problem->prior->population);
  return atoms ? from_atoms(ctx, problem, out) : from_mixture(ctx, problem, out);
}
