/* metric/within_mode.c: within_mode_spread: total variance inside the main mode's region over the truth's there. */
#include "metric/parts.h"

#include <math.h>

enum { LEAST_STATES = 30 };

void fsl_spread_add(fsl_spread_sum *spread, size_t d, const double *x, const double *centre) {
  spread->n++;
  for (size_t k = 0; k < d; k++) {
    const double gap = x[k] - centre[k];
    spread->sum[k] += gap;
    spread->squares += gap * gap;
  }
}

double fsl_spread_trace(const fsl_spread_sum *spread, size_t d) {
  if (spread->n < LEAST_STATES) return NAN;
  double between = 0;
  for (size_t k = 0; k < d; k++) between += spread->sum[k] * spread->sum[k];
  return fmax(spread->squares - between / spread->n, 0) / (spread->n - 1);
}

fsl_status fsl_within_mode_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch, double *value) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_spread_sum spread = {0};
  FSL_GET(ctx, spread.sum, batch->d);
  for (size_t i = 0; i < batch->n; i++)
    if (batch->mode[i] == scene->main_mode) fsl_spread_add(&spread, batch->d, batch->x + i * batch->d, scene->mean);
  if (scene->main_trace > 0) value[FSL_WITHIN_MODE_SPREAD] = fsl_spread_trace(&spread, batch->d) / scene->main_trace;
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
