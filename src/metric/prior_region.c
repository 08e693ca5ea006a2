/* metric/prior_region.c: mass outside the 99 % highest-density region of p(x_t) (Hyndman 1996: by the 1 % quantile of
 * the density at draws from it). escape: all of it; likelihood_hallucination: what fits the measurement, x_t/a inside
 * the 68 % noise ellipsoid. */
#include "metric/parts.h"

#include "base/linalg.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

enum { CHUNK = 2048 };
static const double prior_outside = 0.01; /* of the prior's own mass */

/* Draws from the prior at t and the 1 % quantile of its density there. Their key is the prior's, not the problem's, so
 * that all its problems have the same region. */
static fsl_status find_threshold(fsl_ctx *ctx, const fsl_scene *scene, double *threshold) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t draws = fsl_affordable_draws(scene->prior, FSL_REGION_DRAWS);
  fsl_key key;
  double *density, *x;
  FSL_TRY(fsl_scene_key(ctx, fsl_key_of(scene->setting.problem->prior->identity), "prior draws", &key));
  FSL_GET(ctx, density, draws);
  FSL_GET(ctx, x, CHUNK * scene->d);
  for (size_t first = 0; first < draws; first += CHUNK) {
    const size_t n = draws - first < CHUNK ? draws - first : CHUNK;
    FSL_TRY(fsl_mixture_draw(ctx, scene->prior, scene->a, scene->v, key, first, n, x, NULL));
    FSL_TRY(fsl_law_view_states(ctx, scene->prior_view, n, x, NULL, density + first));
  }
  qsort(density, draws, sizeof *density, fsl_compare_reals);
  *threshold = density[draws / 100];
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static bool is_known(const fsl_regions *regions, const fsl_scene *scene, double *threshold) {
  const fsl_hash prior = scene->setting.problem->prior->identity;
  for (size_t i = 0; regions != NULL && i < regions->n; i++) {
    if (fsl_hash_compare(regions->entry[i].prior, prior) != 0 || regions->entry[i].a != scene->a ||
        regions->entry[i].v != scene->v)
      continue;
    *threshold = regions->entry[i].threshold;
    return true;
  }
  return false;
}

static void keep(fsl_regions *regions, const fsl_scene *scene) {
  if (regions == NULL) return;
  regions->entry[regions->next].prior = scene->setting.problem->prior->identity;
  regions->entry[regions->next].a = scene->a;
  regions->entry[regions->next].v = scene->v;
  regions->entry[regions->next].threshold = scene->region_threshold;
  regions->next = (regions->next + 1) % FSL_REGIONS;
  if (regions->n < FSL_REGIONS) regions->n++;
}

bool fsl_scene_has_region(const fsl_scene *scene) {
  return !isnan(scene->region_threshold);
}

fsl_status fsl_region_prepare(fsl_ctx *ctx, fsl_scene *scene) {
  const bool hallucination = scene->setting.truth->known && fsl_scene_wants(scene, FSL_LIKELIHOOD_HALLUCINATION);
  fsl_regions *const regions = scene->setting.regions;
  scene->region_threshold = NAN;
  if (!hallucination && !fsl_scene_wants(scene, FSL_ESCAPE)) return FSL_OK;
  scene->ellipsoid = gsl_cdf_chisq_Pinv(0.68, (double)scene->setting.problem->noise.m);
  if (scene->v == 0 && fsl_mixture_is_atomic(scene->prior)) return FSL_OK; /* no density to compare */
  if (is_known(regions, scene, &scene->region_threshold)) return FSL_OK;
  FSL_TRY(find_threshold(ctx, scene, &scene->region_threshold));
  keep(regions, scene);
  return FSL_OK;
}

static bool fits_measurement(const fsl_scene *scene, const double *x, double *clean, double *y) {
  const fsl_problem *problem = scene->setting.problem;
  for (size_t k = 0; k < scene->d; k++) clean[k] = x[k] / scene->a;
  problem->model->value(problem->model, clean, y);
  double sum = 0;
  for (size_t i = 0; i < problem->noise.m; i++) {
    const double z = (problem->y[i] - y[i]) / problem->noise.std[i];
    sum += z * z;
  }
  return sum <= scene->ellipsoid;
}

static size_t count_outside(const fsl_scene *scene, size_t n, const double *density) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) count += density[i] < scene->region_threshold;
  return count;
}

/* Densities of the states in `which` (n_which), by what is known of all or else for these alone. */
static fsl_status find_densities(fsl_ctx *ctx, const fsl_scene *scene, const double *x, size_t n_which,
                                 const size_t *which, const double *known, double *density) {
  const size_t d = scene->d;
  double *fitting;
  for (size_t i = 0; i < n_which && known != NULL; i++) density[i] = known[which[i]];
  if (known != NULL || n_which == 0) return FSL_OK;
  FSL_GET(ctx, fitting, n_which * d);
  for (size_t i = 0; i < n_which; i++)
    for (size_t k = 0; k < d; k++) fitting[i * d + k] = x[which[i] * d + k];
  return fsl_law_view_states(ctx, scene->prior_view, n_which, fitting, NULL, density);
}

fsl_status fsl_likelihood_count(fsl_ctx *ctx, const fsl_scene *scene, size_t n, const double *x, const double *known,
                                size_t *count) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *clean, *y, *density;
  size_t *which, used = 0;
  FSL_GET(ctx, clean, scene->d);
  FSL_GET(ctx, y, scene->setting.problem->noise.m);
  FSL_GET(ctx, which, n);
  FSL_GET(ctx, density, n);
  for (size_t i = 0; i < n; i++) {
    if (i % 64 == 0) FSL_TRY(fsl_check_stop(ctx));
    if (fits_measurement(scene, x + i * scene->d, clean, y)) which[used++] = i;
  }
  FSL_TRY(find_densities(ctx, scene, x, used, which, known, density));
  *count = count_outside(scene, used, density);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_likelihood_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch, double *value) {
  if (!fsl_scene_has_region(scene)) return FSL_OK;
  size_t count = 0;
  FSL_TRY(fsl_likelihood_count(ctx, scene, batch->n, batch->x, batch->density, &count));
  value[FSL_LIKELIHOOD_HALLUCINATION] = fmax((double)count / (double)batch->n - scene->true_both, 0);
  return FSL_OK;
}

void fsl_escape_grade(const fsl_scene *scene, const fsl_batch *batch, double *value) {
  const double outside = (double)count_outside(scene, batch->n, batch->density) / (double)batch->n;
  value[FSL_ESCAPE] = fmax(outside - prior_outside, 0);
}
