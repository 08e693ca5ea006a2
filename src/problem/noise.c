/* problem/noise.c: Gaussian measurement noise and the likelihood it gives. */
#include "fslens/problem.h"

#include <math.h>

static const double log_two_pi = 1.837877066409345483560659472811235;

double fsl_noise_log_density(const fsl_noise *noise, const double *y, const double *z) {
  double sum = 0;
  for (size_t i = 0; i < noise->m; i++) {
    const double r = (y[i] - z[i]) / noise->std[i];
    sum += r * r + 2 * log(noise->std[i]) + log_two_pi;
  }
  return -0.5 * sum;
}

fsl_status fsl_problem_log_likelihood(fsl_ctx *ctx, const fsl_problem *problem, size_t n, const double *x,
                                      double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *z;
  FSL_GET(ctx, z, problem->model->m);
  for (size_t i = 0; i < n; i++) {
    problem->model->value(problem->model, x + i * problem->model->d, z);
    out[i] = fsl_noise_log_density(&problem->noise, problem->y, z);
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
