/* metric/scene.c: makes a scene, everything about (problem, truth, t) that gradings share, and grades samples by it. */
#include "metric/parts.h"

#include "base/linalg.h"

#include <math.h>

static const double most_nonfinite = 0.01;

/* ---- preparation ----------------------------------------------------------------------------------------------- */

bool fsl_scene_wants_modes(const fsl_scene *scene) {
  return scene->setting.modes || fsl_metrics_need_modes(scene->setting.metrics);
}

size_t fsl_affordable_draws(const fsl_mixture *prior, size_t most) {
  const double work = (double)prior->n * (double)prior->d, fits = 4e9 / work;
  const size_t draws = fits < FSL_LEAST_AFFORDABLE ? FSL_LEAST_AFFORDABLE : fits < (double)most ? (size_t)fits : most;
  return draws < most ? draws : most;
}

static fsl_status prepare_lines_at_0(fsl_ctx *ctx, fsl_scene *scene) {
  fsl_scene_common *const common = scene->setting.common;
  fsl_line *line;
  if (common != NULL && common->line_at_0 != NULL) {
    scene->line_at_0 = common->line_at_0;
    return FSL_OK;
  }
  FSL_GET(ctx, line, scene->directions.n_random);
  FSL_TRY(
      fsl_sliced_project(ctx, &scene->setting.truth->law, 1, 0, &scene->directions, scene->directions.n_random, line));
  scene->line_at_0 = line;
  if (common != NULL) common->line_at_0 = line;
  return FSL_OK;
}

static fsl_status prepare_lines(fsl_ctx *ctx, fsl_scene *scene) {
  const fsl_mixture *law = &scene->setting.truth->law;
  fsl_line *line;
  if (fsl_scene_wants(scene, FSL_SLICED_W1) || fsl_scene_wants(scene, FSL_MAX_SLICED_W1)) {
    FSL_GET(ctx, line, scene->directions.n);
    FSL_TRY(fsl_sliced_project(ctx, law, scene->a, scene->v, &scene->directions, scene->directions.n, line));
    scene->line = line;
  }
  return fsl_scene_wants(scene, FSL_STOPPING_ERROR) ? prepare_lines_at_0(ctx, scene) : FSL_OK;
}

static bool has_closed_kernel(const fsl_mixture *law) {
  return law->n <= FSL_KERNEL_COMPONENTS && law->n_covariances <= FSL_KERNEL_COVARIANCES;
}

/* In closed form also where few of many components have all the weight. */
static fsl_status prepare_kernel(fsl_ctx *ctx, fsl_scene *scene) {
  const fsl_truth *const truth = scene->setting.truth;
  fsl_mixture law = truth->law;
  if (!has_closed_kernel(&law) && truth->method == FSL_TRUTH_CLOSED) FSL_TRY(fsl_sliced_prune(ctx, &truth->law, &law));
  if (has_closed_kernel(&law))
    return fsl_kernel_mean_of_mixture(ctx, &law, scene->a, scene->v, scene->trace, &scene->kernel);
  const size_t n = (size_t)scene->truth.total;
  double *draws;
  FSL_GET(ctx, draws, n * scene->d);
  FSL_TRY(fsl_truth_stream_draw(ctx, &scene->truth, 0, n, draws));
  return fsl_kernel_mean_of_draws(ctx, n, scene->d, draws, scene->trace, scene->d == 1, &scene->kernel);
}

static fsl_status prepare(fsl_ctx *ctx, fsl_scene *scene) {
  const fsl_truth *truth = scene->setting.truth;
  const uint64_t asked = FSL_SCENE_DRAWS_A_PARTICLE * (uint64_t)scene->setting.particles;
  const uint64_t least = fsl_affordable_draws(scene->prior, FSL_SCENE_LEAST_DRAWS);
  fsl_key key;
  FSL_TRY(fsl_scene_key(ctx, scene->setting.key, "truth draws", &key));
  FSL_TRY(
      fsl_truth_stream_create(ctx, &truth->law, scene->a, scene->v, key, asked > least ? asked : least, &scene->truth));
  FSL_TRY(fsl_moments_prepare(ctx, scene));
  FSL_TRY(prepare_lines(ctx, scene));
  return fsl_scene_wants(scene, FSL_MMD2) && scene->trace > 0 ? prepare_kernel(ctx, scene) : FSL_OK;
}

fsl_status fsl_scene_create(fsl_ctx *ctx, const fsl_scene_setting *setting, fsl_scene **out) {
  fsl_scene *scene;
  FSL_GET(ctx, scene, 1);
  const fsl_diffusion *diffusion = setting->diffusion;
  scene->setting = *setting;
  scene->prior = &setting->problem->prior->population;
  scene->d = scene->prior->d;
  scene->n_modes = scene->prior->n_modes;
  scene->a = setting->t > 0 ? diffusion->a(diffusion, setting->t) : 1;
  scene->v = setting->t > 0 ? diffusion->v(diffusion, setting->t) : 0;
  FSL_TRY(fsl_directions_create(ctx, scene->d, setting->problem->model, &scene->directions));
  if (fsl_scene_wants_modes(scene) || fsl_scene_wants(scene, FSL_LIKELIHOOD_HALLUCINATION) ||
      fsl_scene_wants(scene, FSL_ESCAPE))
    FSL_TRY(fsl_law_view_create(ctx, scene->prior, scene->a, scene->v, &scene->prior_view));
  FSL_TRY(fsl_region_prepare(ctx, scene));
  if (setting->truth->known) FSL_TRY(prepare(ctx, scene));
  FSL_TRY(fsl_census_prepare(ctx, scene));
  *out = scene;
  return FSL_OK;
}

const double *fsl_scene_true_mode_weight(const fsl_scene *scene) {
  return scene->pooled_mass;
}

/* ---- grading ----------------------------------------------------------------------------------------------------- */

static fsl_status finite_rows(fsl_ctx *ctx, size_t n, size_t d, const double *x, fsl_batch *out) {
  double *kept;
  FSL_GET(ctx, kept, n * d);
  *out = (fsl_batch){.d = d, .x = kept};
  for (size_t i = 0; i < n; i++) {
    if (!fsl_is_finite(d, x + i * d)) continue;
    for (size_t k = 0; k < d; k++) kept[out->n * d + k] = x[i * d + k];
    out->n++;
  }
  return FSL_OK;
}

/* Modes and densities, where a metric asks, by one pass: densities come with the modes. */
static fsl_status look_at_prior(fsl_ctx *ctx, const fsl_scene *scene, fsl_batch *batch) {
  const bool modes = fsl_scene_wants_modes(scene), escape = fsl_scene_wants(scene, FSL_ESCAPE);
  const bool region = fsl_scene_has_region(scene) && (escape || (modes && scene->setting.truth->known));
  double *density = NULL;
  uint32_t *mode = NULL;
  if (modes) FSL_GET(ctx, mode, batch->n);
  if (region) FSL_GET(ctx, density, batch->n);
  if (modes || region) FSL_TRY(fsl_law_view_states(ctx, scene->prior_view, batch->n, batch->x, mode, density));
  batch->mode = mode;
  batch->density = density;
  return FSL_OK;
}

static double mean_of(size_t n, const double *values) {
  return fsl_sum(n, values) / (double)n;
}

static fsl_status grade_distances(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch, double *value) {
  const fsl_directions *directions = &scene->directions;
  double *distance, largest = 0;
  FSL_GET(ctx, distance, directions->n);
  if (scene->line != NULL) {
    FSL_TRY(fsl_sliced_distances(ctx, directions, directions->n, scene->line, batch->n, batch->x, distance));
    for (size_t j = 0; j < directions->n; j++) largest = fmax(largest, distance[j]);
    if (fsl_scene_wants(scene, FSL_SLICED_W1)) value[FSL_SLICED_W1] = mean_of(directions->n_random, distance);
    if (fsl_scene_wants(scene, FSL_MAX_SLICED_W1)) value[FSL_MAX_SLICED_W1] = largest;
  }
  if (scene->line_at_0 == NULL) return FSL_OK;
  FSL_TRY(fsl_sliced_distances(ctx, directions, directions->n_random, scene->line_at_0, batch->n, batch->x, distance));
  value[FSL_STOPPING_ERROR] = mean_of(directions->n_random, distance);
  return FSL_OK;
}

static fsl_status grade_against_truth(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch, double *value) {
  FSL_TRY(fsl_moments_grade(ctx, scene, batch, value));
  FSL_TRY(grade_distances(ctx, scene, batch, value));
  if (scene->kernel != NULL) FSL_TRY(fsl_kernel_mean_mmd2(ctx, scene->kernel, batch->n, batch->x, &value[FSL_MMD2]));
  if (fsl_scene_wants(scene, FSL_WITHIN_MODE_SPREAD)) FSL_TRY(fsl_within_mode_grade(ctx, scene, batch, value));
  if (fsl_scene_wants(scene, FSL_LIKELIHOOD_HALLUCINATION)) FSL_TRY(fsl_likelihood_grade(ctx, scene, batch, value));
  return FSL_OK;
}

static double fraction_lost(size_t n, size_t n_finite) {
  return (double)(n - n_finite) / (double)n;
}

fsl_status fsl_scene_grade(fsl_ctx *ctx, const fsl_scene *scene, size_t n, const double *x, double *value,
                           double *mode_weight) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_batch batch;
  for (int i = 0; i < FSL_N_METRICS; i++) value[i] = NAN;
  for (size_t k = 0; mode_weight != NULL && k < fsl_pooled_modes(scene->n_modes); k++) mode_weight[k] = NAN;
  if (n == 0) return FSL_OK;
  FSL_TRY(finite_rows(ctx, n, scene->d, x, &batch));
  const double lost = fraction_lost(n, batch.n);
  if (fsl_scene_wants(scene, FSL_NONFINITE_FRACTION)) value[FSL_NONFINITE_FRACTION] = lost;
  if (!(lost > most_nonfinite)) {
    FSL_TRY(look_at_prior(ctx, scene, &batch));
    if (batch.mode != NULL) FSL_TRY(fsl_modes_grade(ctx, scene, &batch, value, mode_weight));
    if (batch.density != NULL && fsl_scene_wants(scene, FSL_ESCAPE)) fsl_escape_grade(scene, &batch, value);
    if (scene->setting.truth->known) FSL_TRY(grade_against_truth(ctx, scene, &batch, value));
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_reason fsl_scene_reason(const fsl_scene *scene, fsl_metric_id id, size_t n, size_t n_finite, double value) {
  if (!isnan(value)) return FSL_HAS_VALUE;
  if (fraction_lost(n, n_finite) > most_nonfinite) return FSL_NONFINITE_SAMPLES;
  if (id != FSL_ESCAPE && !scene->setting.truth->known) return FSL_TRUTH_UNKNOWN;
  switch (id) {
  case FSL_MEAN_ERROR:
  case FSL_SPREAD_RATIO:
  case FSL_MMD2:
    return n_finite < 2 ? FSL_TOO_FEW_SAMPLES : scene->trace > 0 ? FSL_OVERFLOW : FSL_TRUTH_WITHOUT_SPREAD;
  case FSL_SPREAD_MIN:
  case FSL_SPREAD_MAX:
    return n_finite < 2 ? FSL_TOO_FEW_SAMPLES : scene->whiten != NULL ? FSL_OVERFLOW : FSL_TRUTH_WITHOUT_SPREAD;
  case FSL_WITHIN_MODE_SPREAD:
    return FSL_TOO_FEW_IN_MODE;
  case FSL_PRIOR_HALLUCINATION:
    return scene->not_excluded;
  case FSL_LIKELIHOOD_HALLUCINATION:
  case FSL_ESCAPE:
    return FSL_NO_DENSITY;
  default:
    return FSL_OVERFLOW;
  }
}

fsl_status fsl_scene_sliced_w1_between(fsl_ctx *ctx, const fsl_scene *scene, size_t n, const double *x, size_t n2,
                                       const double *x2, double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_batch first, second;
  FSL_TRY(finite_rows(ctx, n, scene->d, x, &first));
  FSL_TRY(finite_rows(ctx, n2, scene->d, x2, &second));
  const bool enough = (double)first.n >= (1 - most_nonfinite) * (double)n && first.n > 0 &&
                      (double)second.n >= (1 - most_nonfinite) * (double)n2 && second.n > 0;
  *out = NAN;
  if (enough) FSL_TRY(fsl_sliced_between(ctx, &scene->directions, first.n, first.x, second.n, second.x, out));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
