/* job/budget_job.c: the error budget's links for one cell, each with the sampler's own samples:
 *
 *   truth --finite_sample-- reference --approximation-- refined run --integrator-- plain run
 *
 * The refined run takes `refine` times the steps from an exact start on the plain run's Brownian path. */
#include "job/stages.h"
#include "posterior/law.h"

#include <math.h>
#include <string.h>

enum { PART_FINITE_SAMPLE, PART_APPROXIMATION, PART_INTEGRATOR, PART_TOTAL, N_PARTS };

typedef struct links {
  fsl_samples plain, refined;
  bool has_refined;         /* false where no exact start exists: the two middle links are NaN */
  fsl_mixture reference;    /* p(x0 | y) under the training set; the truth's law in the population */
  const double *first_mean; /* (d): its mean */
  bool is_population;
} links;

typedef struct budget_series {
  double *sliced_w1[N_PARTS], *mean[N_PARTS], *mode_weight[N_PARTS];
  size_t n_modes;
} budget_series;

static fsl_status add_series(fsl_ctx *ctx, const fsl_stage *stage, budget_series *series) {
  static const char *const w1[] = {"sliced_w1_finite_sample", "sliced_w1_approximation", "sliced_w1_integrator",
                                   "sliced_w1_total"};
  static const char *const mean[] = {"mean_finite_sample", "mean_approximation", "mean_integrator", "mean_total"};
  static const char *const mode[] = {"mode_weight_finite_sample", "mode_weight_approximation", "mode_weight_integrator",
                                     "mode_weight_total"};
  const size_t n_times = stage->spec->n_times, d = stage->shared->problem.prior->d;
  series->n_modes = fsl_pooled_modes(stage->shared->problem.prior->population.n_modes);
  for (size_t i = 0; i < N_PARTS; i++) {
    FSL_TRY(fsl_field_add(ctx, stage->fields, w1[i], n_times, 0, 0, &series->sliced_w1[i]));
    FSL_TRY(fsl_field_add(ctx, stage->fields, mean[i], n_times, d, 0, &series->mean[i]));
    FSL_TRY(fsl_field_add(ctx, stage->fields, mode[i], n_times, series->n_modes, 0, &series->mode_weight[i]));
  }
  return FSL_OK;
}

/* ---- moments of sample sets ------------------------------------------------------------------------------ */

/* Mean (d) of the finite rows; NaN where there are none. */
static void sample_mean(size_t n, size_t d, const double *x, double *mean) {
  size_t used = 0;
  for (size_t j = 0; j < d; j++) mean[j] = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(x[i * d])) continue;
    for (size_t j = 0; j < d; j++) mean[j] += x[i * d + j];
    used++;
  }
  for (size_t j = 0; j < d; j++) mean[j] = used == 0 ? NAN : mean[j] / (double)used;
}

/* Masses (n_modes) of the finite rows under the rule that samples are graded by. */
static fsl_status sample_modes(fsl_ctx *ctx, const fsl_prior *prior, double a, double v, size_t n, const double *x,
                               size_t n_modes, double *weight) {
  uint32_t *mode;
  FSL_GET(ctx, mode, n);
  FSL_TRY(fsl_law_most_responsible(ctx, &prior->population, a, v, n, x, mode));
  size_t used = 0;
  for (size_t k = 0; k < n_modes; k++) weight[k] = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(x[i * prior->d])) continue;
    weight[mode[i] < n_modes ? mode[i] : n_modes - 1] += 1;
    used++;
  }
  for (size_t k = 0; k < n_modes; k++) weight[k] = used == 0 ? NAN : weight[k] / (double)used;
  return FSL_OK;
}

static void differences(size_t n, const double *to, const double *from, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = to[i] - from[i];
}

/* ---- the runs ------------------------------------------------------------------------------------------------ */

static fsl_status run_both(fsl_ctx *ctx, const fsl_stage *stage, const fsl_posterior *posterior, links *out) {
  fsl_run run = fsl_stage_sampling(stage, posterior);
  FSL_TRY(fsl_run_sampler(ctx, &run, &out->plain));
  out->has_refined = true;
  if (run.approximation->draw != NULL) { /* draws have no steps to refine */
    out->refined = out->plain;
    return FSL_OK;
  }
  out->has_refined = fsl_posterior_is_exact(posterior);
  if (!out->has_refined) return FSL_OK;
  run.refine = stage->spec->budget_refine;
  run.start = FSL_START_EXACT;
  return fsl_run_sampler(ctx, &run, &out->refined);
}

static fsl_status find_reference(fsl_ctx *ctx, const fsl_stage *stage, const fsl_posterior *posterior, links *out) {
  double *mean;
  FSL_GET(ctx, mean, stage->shared->problem.prior->d);
  out->is_population = isinf(stage->spec->n_train[stage->job->point.n_train]);
  if (out->is_population)
    out->reference = stage->shared->truth.law;
  else
    FSL_TRY(fsl_posterior_law(ctx, posterior, &out->reference));
  out->first_mean = mean;
  return fsl_mixture_moments(ctx, &out->reference, mean, NULL);
}

/* ---- the links at one time -------------------------------------------------------------------------------------- */

typedef struct moment {
  const fsl_scene *scene;
  size_t index; /* of the time */
  double a, v;
  const double *plain, *refined, *direct; /* (particles, d) */
  size_t n_direct;                        /* draws: the first `particles` of them are a sample set of their own */
} moment;

static fsl_status distance_links(fsl_ctx *ctx, const fsl_stage *stage, const links *l, const fsl_posterior *posterior,
                                 const moment *at, budget_series *series) {
  const size_t n = stage->spec->particles, t = at->index;
  double value[FSL_N_METRICS];
  fsl_reference_at reference = {.sliced_w1 = 0};
  if (!l->is_population) FSL_TRY(fsl_reference_grade(ctx, at->scene, posterior, stage->keys.effective, 0, &reference));
  series->sliced_w1[PART_FINITE_SAMPLE][t] = reference.sliced_w1;
  FSL_TRY(fsl_scene_grade(ctx, at->scene, n, at->plain, value, NULL));
  series->sliced_w1[PART_TOTAL][t] = value[FSL_SLICED_W1];
  if (!l->has_refined) return FSL_OK;
  FSL_TRY(fsl_scene_sliced_w1_between(ctx, at->scene, n, at->refined, n, at->direct,
                                      &series->sliced_w1[PART_APPROXIMATION][t]));
  if (at->plain == at->refined) {
    series->sliced_w1[PART_INTEGRATOR][t] = 0;
    return FSL_OK;
  }
  return fsl_scene_sliced_w1_between(ctx, at->scene, n, at->plain, n, at->refined,
                                     &series->sliced_w1[PART_INTEGRATOR][t]);
}

/* truth, reference, refined, plain in a row; each link is the difference of neighbours, so that they telescope. */
static void telescope(size_t n, size_t t, const double *const station[4], bool has_refined,
                      double *const part[N_PARTS]) {
  differences(n, station[1], station[0], part[PART_FINITE_SAMPLE] + t * n);
  differences(n, station[3], station[0], part[PART_TOTAL] + t * n);
  if (!has_refined) return;
  differences(n, station[2], station[1], part[PART_APPROXIMATION] + t * n);
  differences(n, station[3], station[2], part[PART_INTEGRATOR] + t * n);
}

static fsl_status mean_links(fsl_ctx *ctx, const fsl_stage *stage, const links *l, const moment *at,
                             budget_series *series) {
  const size_t d = stage->shared->problem.prior->d, n = stage->spec->particles;
  double *station;
  FSL_GET(ctx, station, 4 * d);
  for (size_t j = 0; j < d; j++) {
    station[j] = at->a * stage->shared->truth.mean[j];
    station[d + j] = at->a * l->first_mean[j];
  }
  if (l->has_refined) sample_mean(n, d, at->refined, station + 2 * d);
  sample_mean(n, d, at->plain, station + 3 * d);
  const double *const in_order[4] = {station, station + d, station + 2 * d, station + 3 * d};
  telescope(d, at->index, in_order, l->has_refined, series->mean);
  return FSL_OK;
}

static fsl_status mode_links(fsl_ctx *ctx, const fsl_stage *stage, const links *l, const moment *at,
                             budget_series *series) {
  const fsl_prior *const prior = stage->shared->problem.prior;
  const size_t n = stage->spec->particles, k = series->n_modes;
  const double *const truth = fsl_scene_true_mode_weight(at->scene);
  double *station;
  FSL_GET(ctx, station, 4 * k);
  memcpy(station, truth, k * sizeof *station);
  if (l->is_population)
    memcpy(station + k, truth, k * sizeof *station);
  else
    FSL_TRY(sample_modes(ctx, prior, at->a, at->v, at->n_direct, at->direct, k, station + k));
  if (l->has_refined) FSL_TRY(sample_modes(ctx, prior, at->a, at->v, n, at->refined, k, station + 2 * k));
  FSL_TRY(sample_modes(ctx, prior, at->a, at->v, n, at->plain, k, station + 3 * k));
  const double *const in_order[4] = {station, station + k, station + 2 * k, station + 3 * k};
  telescope(k, at->index, in_order, l->has_refined, series->mode_weight);
  return FSL_OK;
}

static fsl_status links_at(fsl_ctx *ctx, const fsl_stage *stage, const links *l, const fsl_posterior *posterior,
                           size_t t, budget_series *series) {
  const fsl_spec *const spec = stage->spec;
  const size_t d = stage->shared->problem.prior->d, slab = t * spec->particles * d;
  moment at = {
      .index = t,
      .a = spec->schedule.a(&spec->schedule, spec->times[t]),
      .v = spec->schedule.v(&spec->schedule, spec->times[t]),
      .plain = l->plain.x + slab,
      .refined = l->has_refined ? l->refined.x + slab : NULL,
      .n_direct = FSL_DIRECT_DRAWS_A_PARTICLE * spec->particles,
  };
  double *direct;
  FSL_GET(ctx, direct, at.n_direct * d);
  FSL_TRY(
      fsl_mixture_draw(ctx, &l->reference, at.a, at.v, stage->keys.direct, t * at.n_direct, at.n_direct, direct, NULL));
  at.direct = direct;
  FSL_TRY(fsl_shared_scene(ctx, stage->shared, spec, t, &at.scene));
  FSL_TRY(distance_links(ctx, stage, l, posterior, &at, series));
  FSL_TRY(mean_links(ctx, stage, l, &at, series));
  return mode_links(ctx, stage, l, &at, series);
}

fsl_status fsl_stage_budget(fsl_ctx *ctx, const fsl_stage *stage) {
  const fsl_posterior *posterior;
  links l = {0};
  budget_series series = {0};
  FSL_TRY(add_series(ctx, stage, &series));
  if (!stage->shared->truth.known) return FSL_OK;
  FSL_TRY(fsl_shared_posterior(ctx, stage->cache, stage->shared, stage->spec, stage->job->point, &posterior));
  FSL_TRY(find_reference(ctx, stage, posterior, &l));
  FSL_TRY(run_both(ctx, stage, posterior, &l));
  for (size_t t = 0; t < stage->spec->n_times; t++) {
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(links_at(ctx, stage, &l, posterior, t, &series));
    fsl_arena_release(ctx->arena, mark);
  }
  return FSL_OK;
}
