/* metric/modes.c: which mode each state belongs to, masses of the modes, and mass where the posterior has none. Also
 * the census: one pass over the truth's draws for everything that is measured on them by the samples' own rule. */
#include "metric/parts.h"

#include <math.h>

enum { CHUNK = 2048 };
static const double excluded_below = 1e-3; /* true weight at t = 0 */
static const double excluded_most = 0.01;  /* truth's own mass in them at t */

void fsl_modes_pool(size_t n_modes, const double *mass, double *pooled) {
  const size_t n = fsl_pooled_modes(n_modes);
  for (size_t k = 0; k < n; k++) pooled[k] = mass[k];
  for (size_t k = n; k < n_modes; k++) pooled[n - 1] += mass[k];
}

/* ---- truth ------------------------------------------------------------------------------------------------ */

typedef struct census {
  const fsl_law_view *view; /* of the prior at the stream's time */
  bool modes, main, both;
  double *mass; /* n_modes */
  fsl_spread_sum spread;
  size_t n_both;
} census;

/* Work space of a chunk. */
typedef struct chunk {
  size_t n;
  double *x, *density;
  uint32_t *mode;
} chunk;

static fsl_status count_chunk(fsl_ctx *ctx, const fsl_scene *scene, uint64_t total, const chunk *k, census *c) {
  const bool modes = c->modes || c->main;
  double *const density = c->both ? k->density : NULL;
  if (modes) FSL_TRY(fsl_law_view_states(ctx, c->view, k->n, k->x, k->mode, density));
  for (size_t i = 0; i < k->n && modes; i++) {
    const double *const x = k->x + i * scene->d;
    c->mass[k->mode[i]] += 1 / (double)total;
    if (c->main && k->mode[i] == scene->main_mode) fsl_spread_add(&c->spread, scene->d, x, scene->mean);
  }
  if (!c->both) return FSL_OK;
  size_t both = 0;
  FSL_TRY(fsl_likelihood_count(ctx, scene, k->n, k->x, modes ? density : NULL, &both));
  c->n_both += both;
  return FSL_OK;
}

static fsl_status count_all(fsl_ctx *ctx, const fsl_scene *scene, const fsl_truth_stream *stream, census *c) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  chunk k = {0};
  FSL_GET(ctx, k.x, CHUNK * scene->d);
  FSL_GET(ctx, k.density, CHUNK);
  FSL_GET(ctx, k.mode, CHUNK);
  for (uint64_t first = 0; first < stream->total; first += CHUNK) {
    k.n = stream->total - first < CHUNK ? (size_t)(stream->total - first) : CHUNK;
    FSL_TRY(fsl_truth_stream_draw(ctx, stream, first, k.n, k.x));
    FSL_TRY(count_chunk(ctx, scene, stream->total, &k, c));
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static fsl_status count_at_0(fsl_ctx *ctx, const fsl_scene *scene, double *mass) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_truth_stream stream;
  fsl_law_view *view;
  fsl_key key;
  FSL_TRY(fsl_scene_key(ctx, scene->setting.key, "truth at 0", &key));
  FSL_TRY(fsl_truth_stream_create(ctx, &scene->setting.truth->law, 1, 0, key, scene->truth.total, &stream));
  FSL_TRY(fsl_law_view_create(ctx, scene->prior, 1, 0, &view));
  census c = {.view = view, .modes = true, .mass = mass};
  FSL_TRY(count_all(ctx, scene, &stream, &c));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* Masses at t = 0 by the samples' rule, once for all t: atoms of the prior are their own modes; else by quadrature, or
 * draws are counted. */
static fsl_status masses_at_0(fsl_ctx *ctx, const fsl_scene *scene, const double **out) {
  fsl_scene_common *const common = scene->setting.common;
  double *mass;
  *out = scene->setting.truth->mode_weight;
  if (fsl_mixture_is_atomic(scene->prior)) return FSL_OK;
  if (common != NULL && common->mass_at_0 != NULL) {
    *out = common->mass_at_0;
    return FSL_OK;
  }
  const fsl_mixture *const law = &scene->setting.truth->law;
  FSL_GET(ctx, mass, scene->n_modes);
  FSL_TRY(fsl_plane_fits(law, 0) ? fsl_plane_masses(ctx, scene->prior, NULL, law, 1, 0, mass)
                                 : count_at_0(ctx, scene, mass));
  if (common != NULL) common->mass_at_0 = mass;
  *out = mass;
  return FSL_OK;
}

/* The modes the posterior excludes, unless truth itself visits them at t. */
static fsl_status find_excluded(fsl_ctx *ctx, fsl_scene *scene, const double *mass_at_0) {
  bool *excluded;
  size_t n = 0;
  double within = 0;
  FSL_GET(ctx, excluded, scene->n_modes);
  for (size_t k = 0; k < scene->n_modes; k++) {
    excluded[k] = mass_at_0[k] < excluded_below;
    n += excluded[k];
    if (excluded[k]) within += scene->mass[k];
  }
  scene->excluded = n > 0 && !(within > excluded_most) ? excluded : NULL;
  scene->not_excluded = n == 0 ? FSL_NO_EXCLUDED_MODE : FSL_TRUTH_IN_EXCLUDED_MODES;
  return FSL_OK;
}

static uint32_t main_mode(size_t n, const double *weight) {
  double largest = 0;
  for (size_t k = 0; k < n; k++) largest = fmax(largest, weight[k]);
  for (size_t k = 0; k < n; k++)
    if (weight[k] >= largest - 1e-6) return (uint32_t)k;
  return 0;
}

static fsl_status masses_prepare(fsl_ctx *ctx, fsl_scene *scene, double *mass, double *pooled) {
  const bool at_0 = scene->setting.t == 0;
  const double *mass_at_0 = mass;
  if (!at_0 && fsl_scene_wants(scene, FSL_PRIOR_HALLUCINATION)) FSL_TRY(masses_at_0(ctx, scene, &mass_at_0));
  if (at_0 && fsl_mixture_is_atomic(scene->prior))
    for (size_t k = 0; k < scene->n_modes; k++) mass[k] = scene->setting.truth->mode_weight[k];
  scene->mass = mass;
  fsl_modes_pool(scene->n_modes, mass, pooled);
  return fsl_scene_wants(scene, FSL_PRIOR_HALLUCINATION) ? find_excluded(ctx, scene, mass_at_0) : FSL_OK;
}

static fsl_status unknown_masses(fsl_ctx *ctx, fsl_scene *scene) {
  double *pooled;
  FSL_GET(ctx, pooled, fsl_pooled_modes(scene->n_modes));
  for (size_t k = 0; k < fsl_pooled_modes(scene->n_modes); k++) pooled[k] = NAN;
  scene->pooled_mass = pooled;
  return FSL_OK;
}

fsl_status fsl_census_prepare(fsl_ctx *ctx, fsl_scene *scene) {
  double *mass, *pooled;
  FSL_TRY(unknown_masses(ctx, scene));
  if (!scene->setting.truth->known) return FSL_OK;
  FSL_GET(ctx, mass, scene->n_modes);
  FSL_GET(ctx, pooled, fsl_pooled_modes(scene->n_modes));
  scene->main_mode = main_mode(scene->n_modes, scene->setting.truth->mode_weight);
  const fsl_mixture *const law = &scene->setting.truth->law;
  const bool modes = fsl_scene_wants_modes(scene), by_quadrature = modes && fsl_plane_fits(law, scene->v);
  census c = {.view = scene->prior_view,
              .modes = modes && !by_quadrature,
              .main = fsl_scene_wants(scene, FSL_WITHIN_MODE_SPREAD),
              .both = fsl_scene_wants(scene, FSL_LIKELIHOOD_HALLUCINATION) && fsl_scene_has_region(scene),
              .mass = mass};
  FSL_GET(ctx, c.spread.sum, scene->d);
  if (c.modes || c.main || c.both) FSL_TRY(count_all(ctx, scene, &scene->truth, &c));
  if (by_quadrature) FSL_TRY(fsl_plane_masses(ctx, scene->prior, scene->prior_view, law, scene->a, scene->v, mass));
  scene->main_trace = c.main ? fsl_spread_trace(&c.spread, scene->d) : NAN;
  scene->true_both = (double)c.n_both / (double)scene->truth.total;
  if (!modes) return FSL_OK;
  scene->pooled_mass = pooled;
  return masses_prepare(ctx, scene, mass, pooled);
}

/* ---- samples ------------------------------------------------------------------------------------------------ */

static double total_variation(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t k = 0; k < n; k++) sum += fabs(a[k] - b[k]);
  return 0.5 * sum;
}

static double excess(const fsl_scene *scene, const double *mass) {
  double sum = 0;
  if (scene->mass == NULL) return NAN;
  for (size_t k = 0; k < scene->n_modes; k++)
    if (scene->excluded[k]) sum += mass[k] - scene->mass[k];
  return fmax(sum, 0);
}

fsl_status fsl_modes_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch, double *value,
                           double *mode_weight) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *mass;
  FSL_GET(ctx, mass, scene->n_modes);
  for (size_t i = 0; i < batch->n; i++) mass[batch->mode[i]]++;
  for (size_t k = 0; k < scene->n_modes; k++) mass[k] /= (double)batch->n;
  if (mode_weight != NULL) fsl_modes_pool(scene->n_modes, mass, mode_weight);
  if (scene->mass != NULL && fsl_scene_wants(scene, FSL_MODE_WEIGHT_TV))
    value[FSL_MODE_WEIGHT_TV] = total_variation(scene->n_modes, mass, scene->mass);
  if (scene->excluded != NULL) value[FSL_PRIOR_HALLUCINATION] = excess(scene, mass);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
