/* metric/floor.c: what exact samples score: independent sets of them graded exactly as a sampler's are. */
#include "metric/parts.h"

#include "base/linalg.h"

#include <math.h>
#include <stdlib.h>

enum { LEAST_SETS = 19 }; /* below that the 95 % order statistic does not exist */

/* Mean and order statistics of one metric over the sets that have it. */
static void summarise(const double *value, size_t stride, double *mean, double *high, double *low) {
  double found[FSL_FLOOR_SETS];
  size_t n = 0;
  for (size_t s = 0; s < FSL_FLOOR_SETS; s++)
    if (isfinite(value[s * stride])) found[n++] = value[s * stride];
  *mean = *high = *low = NAN;
  if (n < LEAST_SETS) return;
  qsort(found, n, sizeof *found, fsl_compare_reals);
  *mean = fsl_sum(n, found) / (double)n;
  *high = found[(size_t)ceil(0.95 * (double)(n + 1) - 1e-9) - 1];
  const double lower = floor(0.05 * (double)(n + 1) + 1e-9);
  *low = found[lower < 1 ? 0 : (size_t)lower - 1];
}

static void summarise_all(const double *value, fsl_floor *out) {
  for (int i = 0; i < FSL_N_METRICS; i++) {
    out->mean[i] = out->high[i] = out->low[i] = NAN;
    if (!fsl_metrics[i].has_floor) continue;
    double low;
    summarise(value + i, FSL_N_METRICS, &out->mean[i], &out->high[i], &low);
    if (fsl_metrics[i].has_floor_lo) out->low[i] = low;
  }
}

static void no_floor(fsl_floor *out) {
  for (int i = 0; i < FSL_N_METRICS; i++) out->mean[i] = out->high[i] = out->low[i] = NAN;
  out->budget_approximation = NAN;
}

fsl_status fsl_scene_floor(fsl_ctx *ctx, const fsl_scene *scene, const fsl_mixture *exact, size_t particles,
                           fsl_key key, fsl_floor *out) {
  no_floor(out);
  if (!scene->setting.truth->known) return FSL_OK;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t size = particles * scene->d;
  double *x, *value, between = 0;
  FSL_GET(ctx, x, 2 * size);
  FSL_GET(ctx, value, FSL_FLOOR_SETS * FSL_N_METRICS);
  for (size_t s = 0; s < FSL_FLOOR_SETS; s++) {
    FSL_TRY(fsl_check_stop(ctx));
    double *set = x + s % 2 * size;
    FSL_TRY(fsl_mixture_draw(ctx, exact, scene->a, scene->v, key, s * particles, particles, set, NULL));
    FSL_TRY(fsl_scene_grade(ctx, scene, particles, set, value + s * FSL_N_METRICS, NULL));
    if (s % 2 == 0 || !fsl_scene_wants(scene, FSL_SLICED_W1)) continue;
    double distance = NAN;
    FSL_TRY(fsl_scene_sliced_w1_between(ctx, scene, particles, x, particles, x + size, &distance));
    between += 2 * distance / FSL_FLOOR_SETS;
  }
  summarise_all(value, out);
  if (fsl_scene_wants(scene, FSL_SLICED_W1)) out->budget_approximation = between;
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
