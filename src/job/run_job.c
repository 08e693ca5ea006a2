/* job/run_job.c: a method sampled and graded: the paper's experiment. */
#include "job/stages.h"

#include <math.h>
#include <string.h>

fsl_run fsl_stage_sampling(const fsl_stage *stage, const fsl_posterior *posterior) {
  const fsl_spec *const spec = stage->spec;
  return (fsl_run){
      .posterior = posterior,
      .approximation = stage->job->approximation,
      .approximation_params = stage->job->approximation_params,
      .sampler = (const fsl_sampler_kind *)(const void *)spec->sampler.kind,
      .sampler_params = spec->sampler.params,
      .time_grid = (const fsl_time_grid_kind *)(const void *)spec->time_grid.kind,
      .diffusion = &spec->schedule,
      .t_max = spec->t_max,
      .steps = spec->steps,
      .refine = 1,
      .start = spec->start,
      .particles = spec->particles,
      .n_times = spec->n_times,
      .times = spec->times,
      .path_key = stage->keys.path,
      .draw_key = stage->keys.draw,
  };
}

/* ---- the series over t ----------------------------------------------------------------------------------- */

static bool wanted(const fsl_spec *spec, fsl_metric_id id) {
  return spec->metrics >> id & 1u;
}

static fsl_status add_series(fsl_ctx *ctx, const fsl_stage *stage, double *series[FSL_N_METRICS]) {
  for (size_t i = 0; i < FSL_N_METRICS; i++) {
    series[i] = NULL;
    if (wanted(stage->spec, (fsl_metric_id)i))
      FSL_TRY(fsl_field_add(ctx, stage->fields, fsl_metrics[i].head.name, stage->spec->n_times, 0, 0, &series[i]));
  }
  return FSL_OK;
}

static fsl_status grade(fsl_ctx *ctx, const fsl_stage *stage, const fsl_samples *samples,
                        double *series[FSL_N_METRICS]) {
  const fsl_spec *const spec = stage->spec;
  const size_t d = stage->shared->problem.prior->d;
  const size_t n_modes = fsl_pooled_modes(stage->shared->problem.prior->population.n_modes);
  double *mode_weight;
  FSL_TRY(fsl_field_add(ctx, stage->fields, "mode_weight", spec->n_times, n_modes, 0, &mode_weight));
  for (size_t t = 0; t < spec->n_times; t++) {
    const fsl_scene *scene;
    double value[FSL_N_METRICS];
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(fsl_shared_scene(ctx, stage->shared, spec, t, &scene));
    FSL_TRY(fsl_scene_grade(ctx, scene, spec->particles, samples->x + t * spec->particles * d, value,
                            mode_weight + t * n_modes));
    for (size_t i = 0; i < FSL_N_METRICS; i++)
      if (series[i] != NULL) series[i][t] = value[i];
  }
  return FSL_OK;
}

/* Needs no sampling run: the method's score against the exact one, on the same training set. */
static fsl_status grade_scores(fsl_ctx *ctx, const fsl_stage *stage, const fsl_posterior *posterior,
                               double *series[FSL_N_METRICS]) {
  const fsl_spec *const spec = stage->spec;
  const fsl_metric_id id[3] = {FSL_SCORE_ERROR, FSL_SCORE_ERROR_ABS, FSL_PATH_KL};
  double *found[3];
  if (!wanted(spec, id[0]) && !wanted(spec, id[1]) && !wanted(spec, id[2])) return FSL_OK;
  for (size_t i = 0; i < 3; i++) FSL_GET(ctx, found[i], spec->n_times);
  const fsl_score_errors errors = {found[0], found[1], found[2]};
  FSL_TRY(fsl_score_errors_find(ctx, stage->job->approximation, stage->job->approximation_params, posterior,
                                &spec->schedule, spec->t_max, spec->n_times, spec->times, spec->particles,
                                stage->keys.score, &errors));
  for (size_t i = 0; i < 3; i++)
    if (series[id[i]] != NULL) memcpy(series[id[i]], found[i], spec->n_times * sizeof(double));
  return FSL_OK;
}

static size_t smallest_time(const fsl_spec *spec) {
  size_t smallest = 0;
  for (size_t t = 1; t < spec->n_times; t++)
    if (spec->times[t] < spec->times[smallest]) smallest = t;
  return smallest;
}

static fsl_status keep_samples(fsl_ctx *ctx, const fsl_stage *stage, const fsl_samples *samples) {
  const fsl_spec *const spec = stage->spec;
  const size_t d = stage->shared->problem.prior->d, slab = spec->particles * d;
  if (spec->samples == FSL_SAMPLES_NONE) return FSL_OK;
  const bool all = spec->samples == FSL_SAMPLES_ALL;
  const size_t first = all ? 0 : smallest_time(spec), n = all ? spec->n_times : 1;
  double *data;
  FSL_TRY(fsl_field_add(ctx, stage->fields, "samples", n, spec->particles, d, &data));
  memcpy(data, samples->x + first * slab, n * slab * sizeof *data);
  return FSL_OK;
}

static fsl_status store_counts(fsl_ctx *ctx, const fsl_stage *stage, const fsl_samples *samples,
                               double *series[FSL_N_METRICS]) {
  const fsl_spec *const spec = stage->spec;
  double *nonfinite;
  FSL_TRY(fsl_field_scalar(ctx, stage->fields, "steps", (double)samples->steps_taken));
  FSL_TRY(fsl_field_add(ctx, stage->fields, "nonfinite", spec->n_times, 0, 0, &nonfinite));
  for (size_t t = 0; t < spec->n_times; t++) {
    nonfinite[t] = (double)samples->nonfinite[t];
    if (series[FSL_NONFINITE_FRACTION] != NULL)
      series[FSL_NONFINITE_FRACTION][t] = nonfinite[t] / (double)spec->particles;
  }
  return FSL_OK;
}

/* A method that leaves nothing finite at any time has no result; one that loses some particles, or all of them late,
 * has one, with the losses counted. */
static fsl_status check_finite(fsl_ctx *ctx, const fsl_spec *spec, const fsl_samples *samples) {
  for (size_t t = 0; t < spec->n_times; t++)
    if (samples->nonfinite[t] < spec->particles) return FSL_OK;
  return fsl_fail(ctx, FSL_ENUMERIC, "every particle became infinite or NaN before the first measured time");
}

fsl_status fsl_stage_run(fsl_ctx *ctx, const fsl_stage *stage) {
  const fsl_posterior *posterior;
  fsl_samples samples;
  double *series[FSL_N_METRICS];
  FSL_TRY(fsl_shared_posterior(ctx, stage->cache, stage->shared, stage->spec, stage->job->point, &posterior));
  const fsl_run run = fsl_stage_sampling(stage, posterior);
  FSL_TRY(fsl_run_sampler(ctx, &run, &samples));
  FSL_TRY(check_finite(ctx, stage->spec, &samples));
  FSL_TRY(add_series(ctx, stage, series));
  FSL_TRY(grade(ctx, stage, &samples, series));
  FSL_TRY(grade_scores(ctx, stage, posterior, series));
  FSL_TRY(fsl_stage_precision(ctx, stage, posterior, &samples));
  FSL_TRY(store_counts(ctx, stage, &samples, series));
  return keep_samples(ctx, stage, &samples);
}
