/* job/precision.c: what single precision costs a method: its scores at the run's own states, against double. */
#include "base/linalg.h"
#include "job/stages.h"
#include "posterior/create.h"

#include <math.h>

/* sqrt(v E |s - s'|^2 / d) over the finite states */
static double distance(size_t n, size_t d, double v, const double *x, const double *score, const double *exact) {
  double sum = 0;
  size_t finite = 0;
  for (size_t i = 0; i < n; i++) {
    if (!fsl_is_finite(d, x + i * d)) continue;
    finite++;
    for (size_t j = i * d; j < (i + 1) * d; j++) sum += (score[j] - exact[j]) * (score[j] - exact[j]);
  }
  return sqrt(v * sum / (double)finite / (double)d);
}

/* The posterior score of the method; the prior score of one that shifts states instead. */
static fsl_status score_of(fsl_ctx *ctx, const fsl_stage *stage, const fsl_posterior *posterior, double t, size_t n,
                           const double *x, double *likelihood, double *score) {
  const fsl_diffusion *const f = &stage->spec->schedule;
  const fsl_approximation_kind *const kind = stage->job->approximation;
  return fsl_approximation_score(ctx, kind, stage->job->approximation_params, posterior, t, f->a(f, t), f->v(f, t), n,
                                 x, likelihood, kind->score != NULL ? NULL : score, kind->score != NULL ? score : NULL);
}

fsl_status fsl_stage_precision(fsl_ctx *ctx, const fsl_stage *stage, const fsl_posterior *posterior,
                               const fsl_samples *samples) {
  const fsl_spec *const spec = stage->spec;
  const size_t d = fsl_posterior_dimension(posterior),
               n = spec->particles < FSL_PRECISION_STATES ? spec->particles : FSL_PRECISION_STATES;
  double *error, *score, *exact, *likelihood;
  if (!spec->evaluation.single || stage->job->approximation->draw != NULL) return FSL_OK;
  FSL_TRY(fsl_field_add(ctx, stage->fields, "precision_error", spec->n_times, 0, 0, &error));
  FSL_GET(ctx, score, n * d);
  FSL_GET(ctx, exact, n * d);
  FSL_GET(ctx, likelihood, n * d);
  for (size_t t = 0; t < spec->n_times; t++) {
    const double *const x = samples->x + t * spec->particles * d;
    FSL_TRY(score_of(ctx, stage, posterior, spec->times[t], n, x, likelihood, score));
    FSL_TRY(score_of(ctx, stage, fsl_posterior_in_double(posterior), spec->times[t], n, x, likelihood, exact));
    error[t] = distance(n, d, spec->schedule.v(&spec->schedule, spec->times[t]), x, score, exact);
  }
  return FSL_OK;
}
