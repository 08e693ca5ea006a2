/* job/reference_job.c: the finite-sample posterior's own error against truth, as the exact mixture it is. */
#include "job/stages.h"

typedef struct reference_series {
  double *mean_error, *covariance_error, *sliced_w1, *effective_atoms; /* n_times + 1: the times, then t = 0 */
} reference_series;

static fsl_status add_series(fsl_ctx *ctx, const fsl_stage *stage, reference_series *series) {
  const size_t n = stage->spec->n_times + 1;
  FSL_TRY(fsl_field_add(ctx, stage->fields, "mean_error", n, 0, 0, &series->mean_error));
  FSL_TRY(fsl_field_add(ctx, stage->fields, "covariance_error", n, 0, 0, &series->covariance_error));
  FSL_TRY(fsl_field_add(ctx, stage->fields, "sliced_w1", n, 0, 0, &series->sliced_w1));
  return fsl_field_add(ctx, stage->fields, "effective_atoms", n, 0, 0, &series->effective_atoms);
}

static fsl_status grade_overall(fsl_ctx *ctx, const fsl_stage *stage, const fsl_scene *scene,
                                const fsl_posterior *posterior) {
  fsl_reference_overall overall;
  FSL_TRY(fsl_reference_overall_grade(ctx, scene, posterior, &overall));
  FSL_TRY(fsl_field_scalar(ctx, stage->fields, "mode_weight_tv", overall.mode_weight_tv));
  FSL_TRY(fsl_field_scalar(ctx, stage->fields, "ess", overall.ess));
  FSL_TRY(fsl_field_scalar(ctx, stage->fields, "khat", overall.khat));
  return fsl_field_scalar(ctx, stage->fields, "log_evidence_error", overall.log_evidence_error);
}

fsl_status fsl_stage_reference(fsl_ctx *ctx, const fsl_stage *stage) {
  const fsl_posterior *posterior;
  reference_series series;
  const fsl_scene *scene;
  FSL_TRY(fsl_shared_posterior(ctx, stage->cache, stage->shared, stage->spec, stage->job->point, &posterior));
  FSL_TRY(add_series(ctx, stage, &series));
  for (size_t t = 0; t <= stage->spec->n_times; t++) {
    fsl_reference_at at;
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(fsl_shared_scene(ctx, stage->shared, stage->spec, t, &scene));
    FSL_TRY(fsl_reference_grade(ctx, scene, posterior, stage->keys.effective, FSL_EFFECTIVE_DRAWS, &at));
    series.mean_error[t] = at.mean_error;
    series.covariance_error[t] = at.covariance_error;
    series.sliced_w1[t] = at.sliced_w1;
    series.effective_atoms[t] = at.effective_atoms;
  }
  return grade_overall(ctx, stage, scene, posterior);
}
