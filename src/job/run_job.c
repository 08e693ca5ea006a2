/* job/run_job.c: a method sampled and graded: the paper's experiment. */
#include "job/stages.h"

#include "base/text.h"

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

/* Of the metrics that the spec asks for: values, and why they are NaN. */
typedef struct series {
  double *value[FSL_N_METRICS]; /* n_times; NULL: not asked for */
  fsl_reason *reason[FSL_N_METRICS];
} series;

static bool wanted(const fsl_spec *spec, fsl_metric_id id) {
  return spec->metrics >> id & 1u;
}

static fsl_status add_series(fsl_ctx *ctx, const fsl_stage *stage, series *s) {
  const size_t n_times = stage->spec->n_times;
  *s = (series){0};
  for (size_t i = 0; i < FSL_N_METRICS; i++) {
    if (!wanted(stage->spec, (fsl_metric_id)i)) continue;
    FSL_TRY(fsl_field_add(ctx, stage->fields, fsl_metrics[i].head.name, n_times, 0, 0, &s->value[i]));
    FSL_GET(ctx, s->reason[i], n_times);
  }
  return FSL_OK;
}

/* "<metric>_reason" where something is NaN: a record without it has values throughout. */
static fsl_status store_reasons(fsl_ctx *ctx, const fsl_stage *stage, const series *s) {
  const size_t n_times = stage->spec->n_times;
  for (size_t i = 0; i < FSL_N_METRICS; i++) {
    bool any = false;
    double *reason;
    for (size_t t = 0; s->reason[i] != NULL && t < n_times; t++) any = any || s->reason[i][t] != FSL_HAS_VALUE;
    if (!any) continue;
    const char *const name = fsl_text_format(ctx->arena, "%s_reason", fsl_metrics[i].head.name);
    if (name == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
    FSL_TRY(fsl_field_add(ctx, stage->fields, name, n_times, 0, 0, &reason));
    for (size_t t = 0; t < n_times; t++) reason[t] = s->reason[i][t];
  }
  return FSL_OK;
}

static bool is_of_scores(size_t id) {
  return id == FSL_SCORE_ERROR || id == FSL_SCORE_ERROR_ABS || id == FSL_PATH_KL;
}

static fsl_status grade(fsl_ctx *ctx, const fsl_stage *stage, const fsl_samples *samples, const series *s) {
  const fsl_spec *const spec = stage->spec;
  const size_t d = stage->shared->problem.prior->d, n = spec->particles;
  const size_t n_modes = fsl_pooled_modes(stage->shared->problem.prior->population.n_modes);
  double *mode_weight;
  FSL_TRY(fsl_field_add(ctx, stage->fields, "mode_weight", spec->n_times, n_modes, 0, &mode_weight));
  for (size_t t = 0; t < spec->n_times; t++) {
    const fsl_scene *scene;
    double value[FSL_N_METRICS];
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(fsl_shared_scene(ctx, stage->shared, spec, t, &scene));
    FSL_TRY(fsl_scene_grade(ctx, scene, n, samples->x + t * n * d, value, mode_weight + t * n_modes));
    for (size_t i = 0; i < FSL_N_METRICS; i++) {
      if (s->value[i] == NULL || is_of_scores(i)) continue;
      s->value[i][t] = value[i];
      s->reason[i][t] = fsl_scene_reason(scene, (fsl_metric_id)i, n, n - samples->nonfinite[t], value[i]);
    }
  }
  return FSL_OK;
}

/* Needs no sampling run: the method's score against the exact one, on the same training set. */
static fsl_status grade_scores(fsl_ctx *ctx, const fsl_stage *stage, const fsl_posterior *posterior, const series *s) {
  const fsl_spec *const spec = stage->spec;
  const fsl_metric_id id[3] = {FSL_SCORE_ERROR, FSL_SCORE_ERROR_ABS, FSL_PATH_KL};
  double *found[3];
  fsl_reason *reason[3];
  if (!wanted(spec, id[0]) && !wanted(spec, id[1]) && !wanted(spec, id[2])) return FSL_OK;
  for (size_t i = 0; i < 3; i++) {
    FSL_GET(ctx, found[i], spec->n_times);
    FSL_GET(ctx, reason[i], spec->n_times);
  }
  const fsl_score_errors errors = {found[0], found[1], found[2], reason[0], reason[1], reason[2]};
  FSL_TRY(fsl_score_errors_find(ctx, stage->job->approximation, stage->job->approximation_params, posterior,
                                &spec->schedule, spec->t_max, spec->n_times, spec->times, spec->particles,
                                stage->keys.score, &errors));
  for (size_t i = 0; i < 3; i++) {
    if (s->value[id[i]] == NULL) continue;
    memcpy(s->value[id[i]], found[i], spec->n_times * sizeof(double));
    memcpy(s->reason[id[i]], reason[i], spec->n_times * sizeof(fsl_reason));
  }
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

static fsl_status store_counts(fsl_ctx *ctx, const fsl_stage *stage, const fsl_samples *samples, const series *s) {
  const fsl_spec *const spec = stage->spec;
  double *nonfinite;
  FSL_TRY(fsl_field_scalar(ctx, stage->fields, "steps", (double)samples->steps_taken));
  FSL_TRY(fsl_field_add(ctx, stage->fields, "nonfinite", spec->n_times, 0, 0, &nonfinite));
  for (size_t t = 0; t < spec->n_times; t++) {
    nonfinite[t] = (double)samples->nonfinite[t];
    if (s->value[FSL_NONFINITE_FRACTION] != NULL)
      s->value[FSL_NONFINITE_FRACTION][t] = nonfinite[t] / (double)spec->particles;
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
  series s;
  FSL_TRY(fsl_shared_posterior(ctx, stage->cache, stage->shared, stage->spec, stage->job->point, &posterior));
  const fsl_run run = fsl_stage_sampling(stage, posterior);
  FSL_TRY(fsl_run_sampler(ctx, &run, &samples));
  FSL_TRY(check_finite(ctx, stage->spec, &samples));
  FSL_TRY(add_series(ctx, stage, &s));
  FSL_TRY(grade(ctx, stage, &samples, &s));
  FSL_TRY(grade_scores(ctx, stage, posterior, &s));
  FSL_TRY(fsl_stage_precision(ctx, stage, posterior, &samples));
  FSL_TRY(store_counts(ctx, stage, &samples, &s));
  FSL_TRY(store_reasons(ctx, stage, &s));
  return keep_samples(ctx, stage, &samples);
}
