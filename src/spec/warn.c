/* spec/warn.c: what is valid but seldom meant. */
#include "spec/spec.h"

#include "base/linalg.h"

#include <math.h>

/* ---- a start that does not fit the prior ------------------------------------------------------------------------- */

static const double most_shift = 0.1;

/* The start N(0, v I) stands for p(x_t) at t_max, whose components lie at a mu_k: the largest |a mu_k| over sqrt(v). */
static double start_shift(const fsl_spec *spec, const fsl_mixture *prior) {
  const double a = spec->schedule.a(&spec->schedule, spec->t_max), v = spec->schedule.v(&spec->schedule, spec->t_max);
  double largest = 0;
  for (size_t k = 0; k < prior->n; k++) largest = fmax(largest, fsl_norm(prior->d, prior->mean + k * prior->d));
  return a * largest / sqrt(v);
}

static void warn_of_start(const fsl_ctx *ctx, const fsl_spec *spec) {
  for (size_t i = 0; spec->start == FSL_START_NORMAL && i < spec->n_priors; i++) {
    const double shift = start_shift(spec, &spec->prior_of[i].population);
    if (shift > most_shift)
      fsl_say(ctx, FSL_LOG_WARN,
              "prior '%s': a component lies %.2g standard deviations from the normal start at t_max; 'start: exact' "
              "begins at p(x_t | y)",
              spec->priors[i].name, shift);
  }
}

/* ---- a measurement that the prior does not make ------------------------------------------------------------------ */

/* The distance of y from the prior is that to the nearest A(x) of many samples x, in noise standard deviations, as the
 * root mean square over components. In many dimensions no sample comes near even a y that the prior made: so other
 * samples' own A(x) say how far is usual. */
enum { MOST_SAMPLES = 4096, LEAST_SAMPLES = 256, CONTROLS = 32 };
static const double near_enough = 6;                    /* standard deviations that noise alone explains */
static const double most_values = 4e6, most_work = 1e8; /* numbers kept; operations for each of the steps */

typedef struct crowd { /* A(x) of samples x of a prior */
  size_t n, m;
  double *z; /* (n, m) */
} crowd;

/* All atoms where they are few, else draws number first, first + 1, ... of a stream that depends on the prior alone. */
static fsl_status make_crowd(fsl_ctx *ctx, const fsl_prior *prior, const fsl_forward_model *model, uint64_t first,
                             size_t n, bool all_atoms, crowd *out) {
  const fsl_key key = fsl_key_of(prior->identity);
  double *x;
  *out = (crowd){.n = n, .m = model->m};
  FSL_GET(ctx, x, model->d);
  FSL_GET(ctx, out->z, n * model->m);
  for (size_t k = 0; k < n; k++) {
    const double *at = prior->population.mean + k * model->d;
    if (!all_atoms) FSL_TRY(fsl_mixture_draw(ctx, &prior->population, 1, 0, key, first + k, 1, x, NULL));
    model->value(model, all_atoms ? at : x, out->z + k * model->m);
  }
  return FSL_OK;
}

/* NaN where no A(x) is finite. */
static double distance(const crowd *c, fsl_array std, const double *y) {
  double nearest = NAN;
  for (size_t k = 0; k < c->n; k++) {
    double sum = 0;
    for (size_t i = 0; i < c->m; i++) {
      const double r = (y[i] - c->z[k * c->m + i]) / std.data[std.rank == 0 ? 0 : i];
      sum += r * r;
    }
    nearest = fmin(nearest, sqrt(sum / (double)c->m)); /* the other one where one is NaN */
  }
  return nearest;
}

typedef struct far_y {
  double distance, usual; /* of the farthest; 0: none is far */
  size_t noise_level, observation, n;
} far_y;

/* The measurements that are far at a noise level; of very many, as many as the work allows. */
static void look_at_level(const fsl_spec *spec, const crowd *all, const crowd *controls, size_t level, far_y *out) {
  const fsl_array std = spec->noise_levels[level].std;
  const double affordable = most_work / (double)(all->n * all->m);
  double usual = 0;
  for (size_t k = 0; k < controls->n; k++) usual = fmax(usual, distance(all, std, controls->z + k * all->m));
  for (size_t o = 0; o < spec->n_observations && (double)o < fmax(affordable, 1); o++) {
    const double d = distance(all, std, spec->y.data + o * all->m);
    if (!(d > near_enough && d > 2 * sqrt(1 + usual * usual))) continue;
    out->n++;
    if (d > out->distance) *out = (far_y){d, usual, level, o, out->n};
  }
}

static fsl_status warn_of_pair(fsl_ctx *ctx, const fsl_spec *spec, size_t p, size_t f, const fsl_forward_model *model) {
  const fsl_prior *const prior = &spec->prior_of[p];
  const double affordable = fmin(most_values / (double)model->m, most_work / ((double)model->m * (double)model->d));
  const size_t most = (size_t)fmin(MOST_SAMPLES, fmax(LEAST_SAMPLES, affordable));
  const bool all_atoms = fsl_mixture_is_atomic(&prior->population) && prior->population.n <= most;
  const size_t n = all_atoms ? prior->population.n : most;
  crowd all, controls;
  far_y far = {0};
  FSL_TRY(make_crowd(ctx, prior, model, 0, n, all_atoms, &all));
  FSL_TRY(make_crowd(ctx, prior, model, n, CONTROLS, false, &controls));
  for (size_t l = 0; l < spec->n_noise_levels; l++)
    if (fsl_spec_misfit(spec, p, f, l) == NULL) look_at_level(spec, &all, &controls, l, &far);
  if (far.n > 0)
    fsl_say(ctx, FSL_LOG_WARN,
            "prior '%s', forward model '%s': y of observation %zu lies %.3g noise standard deviations (noise level %s) "
            "from A(x) of any prior sample, %.2g is usual%s; is y in other units, or in another order?",
            spec->priors[p].name, spec->forward_models[f].name, far.observation, far.distance,
            spec->noise_levels[far.noise_level].name, fmax(1, far.usual), far.n > 1 ? ", and others are far too" : "");
  return FSL_OK;
}

static fsl_status warn_of_y(fsl_ctx *ctx, const fsl_spec *spec) {
  for (size_t p = 0; spec->y_is_fixed && p < spec->n_priors; p++)
    for (size_t f = 0; f < spec->n_forward_models; f++) {
      const fsl_forward_model *const model = spec->model_of[p * spec->n_forward_models + f];
      const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
      if (model == NULL || model->m != spec->y.shape[1]) continue;
      FSL_TRY(warn_of_pair(ctx, spec, p, f, model));
      fsl_arena_release(ctx->arena, mark);
    }
  return FSL_OK;
}

fsl_status fsl_spec_warn(fsl_ctx *ctx, const fsl_spec *spec) {
  warn_of_start(ctx, spec);
  return warn_of_y(ctx, spec);
}
