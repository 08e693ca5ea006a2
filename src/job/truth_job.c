/* job/truth_job.c: the truth of a problem and the floors of exact samples. */
#include "job/stages.h"

#include <stdio.h>

/* "<metric><suffix>" in the arena. */
static fsl_status suffixed(fsl_ctx *ctx, const char *name, const char *suffix, const char **out) {
  enum { SIZE = 96 };
  char *text;
  FSL_GET(ctx, text, SIZE);
  snprintf(text, SIZE, "%s%s", name, suffix);
  *out = text;
  return FSL_OK;
}

static fsl_status store_moments(fsl_ctx *ctx, const fsl_stage *stage) {
  const fsl_problem *const problem = &stage->shared->problem;
  const fsl_truth *const truth = &stage->shared->truth;
  const size_t d = problem->prior->d;
  fsl_fields *const fields = stage->fields;
  FSL_TRY(fsl_field_vector(ctx, fields, "y", problem->noise.m, problem->y));
  if (problem->x_true != NULL) FSL_TRY(fsl_field_vector(ctx, fields, "x_true", d, problem->x_true));
  double *mean, *covariance;
  FSL_TRY(fsl_field_add(ctx, fields, "mean", d, 0, 0, &mean));
  FSL_TRY(fsl_field_add(ctx, fields, "covariance", d, d, 0, &covariance));
  if (truth->known) {
    for (size_t i = 0; i < d; i++) mean[i] = truth->mean[i];
    for (size_t i = 0; i < d * d; i++) covariance[i] = truth->covariance[i];
  }
  FSL_TRY(fsl_field_scalar(ctx, fields, "log_evidence", truth->log_evidence));
  FSL_TRY(fsl_field_scalar(ctx, fields, "method", truth->method));
  FSL_TRY(fsl_field_scalar(ctx, fields, "stated_error", truth->stated_error));
  FSL_TRY(fsl_field_scalar(ctx, fields, "ess", truth->ess));
  return fsl_field_scalar(ctx, fields, "chi2", truth->chi2);
}

/* The series over t of every floor that exists. */
typedef struct floor_series {
  double *mean[FSL_N_METRICS], *high[FSL_N_METRICS], *low[FSL_N_METRICS];
  double *budget, *true_mode_weight;
  size_t n_modes;
} floor_series;

static fsl_status add_metric_series(fsl_ctx *ctx, const fsl_stage *stage, size_t i, floor_series *series) {
  const size_t n_times = stage->spec->n_times;
  const fsl_metric_info *const info = &fsl_metrics[i];
  const char *name;
  if (!info->has_floor || !(fsl_spec_computed_metrics(stage->spec) >> i & 1u)) return FSL_OK;
  FSL_TRY(suffixed(ctx, info->head.name, "_floor", &name));
  FSL_TRY(fsl_field_add(ctx, stage->fields, name, n_times, 0, 0, &series->mean[i]));
  FSL_TRY(suffixed(ctx, info->head.name, "_floor_hi", &name));
  FSL_TRY(fsl_field_add(ctx, stage->fields, name, n_times, 0, 0, &series->high[i]));
  if (!info->has_floor_lo) return FSL_OK;
  FSL_TRY(suffixed(ctx, info->head.name, "_floor_lo", &name));
  return fsl_field_add(ctx, stage->fields, name, n_times, 0, 0, &series->low[i]);
}

static fsl_status add_series(fsl_ctx *ctx, const fsl_stage *stage, floor_series *series) {
  const size_t n_times = stage->spec->n_times;
  series->n_modes = fsl_pooled_modes(stage->shared->problem.prior->population.n_modes);
  for (size_t i = 0; i < FSL_N_METRICS; i++) FSL_TRY(add_metric_series(ctx, stage, i, series));
  FSL_TRY(fsl_field_add(ctx, stage->fields, "budget_floor_approximation", n_times, 0, 0, &series->budget));
  return fsl_field_add(ctx, stage->fields, "true_mode_weight", n_times, series->n_modes, 0, &series->true_mode_weight);
}

static void copy_floor(const fsl_floor *floor, size_t t, floor_series *series) {
  for (size_t i = 0; i < FSL_N_METRICS; i++) {
    if (series->mean[i] != NULL) series->mean[i][t] = floor->mean[i];
    if (series->high[i] != NULL) series->high[i][t] = floor->high[i];
    if (series->low[i] != NULL) series->low[i][t] = floor->low[i];
  }
  series->budget[t] = floor->budget_approximation;
}

fsl_status fsl_stage_truth(fsl_ctx *ctx, const fsl_stage *stage) {
  floor_series series = {0};
  FSL_TRY(store_moments(ctx, stage));
  FSL_TRY(add_series(ctx, stage, &series));
  if (!stage->shared->truth.known) return FSL_OK;
  const fsl_truth *second;
  FSL_TRY(fsl_shared_second(ctx, stage->shared, stage->spec, &second));
  for (size_t t = 0; t < stage->spec->n_times; t++) {
    const fsl_scene *scene;
    fsl_floor floor;
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(fsl_shared_scene(ctx, stage->shared, stage->spec, t, &scene));
    const double *const weight = fsl_scene_true_mode_weight(scene);
    for (size_t k = 0; k < series.n_modes; k++) series.true_mode_weight[t * series.n_modes + k] = weight[k];
    if (!second->known) continue;
    FSL_TRY(fsl_scene_floor(ctx, scene, &second->law, stage->spec->particles, stage->keys.floor, &floor));
    copy_floor(&floor, t, &series);
  }
  return FSL_OK;
}
