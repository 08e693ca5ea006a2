/* job/problem.c: from a point of the grid to the inverse problem and its posterior. */
#include "job/problem.h"

#include <math.h>
#include <string.h>

static fsl_status expand_std(fsl_ctx *ctx, const fsl_noise_level *level, size_t m, fsl_noise *out) {
  double *std;
  FSL_GET(ctx, std, m);
  for (size_t i = 0; i < m; i++) std[i] = level->std.data[level->std.rank == 0 ? 0 : i];
  *out = (fsl_noise){.m = m, .std = std};
  return FSL_OK;
}

/* The normals are those of the (prior, observation): shared across forward models and noise levels. */
static fsl_status simulate(fsl_ctx *ctx, const fsl_job_keys *keys, fsl_point point, fsl_problem *problem) {
  const size_t m = problem->model->m;
  double *x_true, *y, *normal;
  FSL_GET(ctx, x_true, problem->prior->d);
  FSL_GET(ctx, y, m);
  FSL_GET(ctx, normal, m);
  FSL_TRY(fsl_prior_x_true(ctx, problem->prior, keys->x_true, (uint64_t)point.observation, x_true));
  problem->model->value(problem->model, x_true, y);
  fsl_normals(keys->noise, 0, 0, m, normal);
  for (size_t i = 0; i < m; i++) y[i] += problem->noise.std[i] * normal[i];
  problem->x_true = x_true;
  problem->y = y;
  return FSL_OK;
}

fsl_status fsl_job_problem(fsl_ctx *ctx, const fsl_spec *spec, fsl_point point, fsl_problem *out) {
  const char *const misfit =
      fsl_spec_misfit(spec, (size_t)point.prior, (size_t)point.forward_model, (size_t)point.noise_level);
  if (misfit != NULL) return fsl_fail(ctx, FSL_EINPUT, "%s", misfit);
  fsl_job_keys keys;
  FSL_TRY(fsl_grid_keys(ctx, spec, point, &keys));
  *out = (fsl_problem){
      .prior = &spec->prior_of[point.prior],
      .model = spec->model_of[(size_t)point.prior * spec->n_forward_models + (size_t)point.forward_model],
  };
  FSL_TRY(expand_std(ctx, &spec->noise_levels[point.noise_level], out->model->m, &out->noise));
  if (!spec->y_is_fixed) return simulate(ctx, &keys, point, out);
  out->y = spec->y.data + (size_t)point.observation * out->model->m;
  return FSL_OK;
}

fsl_status fsl_job_posterior(fsl_ctx *ctx, const fsl_spec *spec, fsl_point point, const fsl_problem *problem,
                             fsl_posterior **out) {
  const double n_train = spec->n_train[point.n_train];
  if (isinf(n_train)) return fsl_posterior_of_population(ctx, problem, &spec->evaluation, out);
  fsl_job_keys keys;
  FSL_TRY(fsl_grid_keys(ctx, spec, point, &keys));
  return fsl_posterior_of_training_set(ctx, problem, keys.training_set, (uint64_t)n_train, &spec->evaluation, out);
}
