/* sampling/run.c: a run: the start, the steps down to the smallest time, the states at each measured time. Every rank
 * of a team moves the same particles; the posterior is what they share. */
#include "approximation/bridge.h"
#include "base/linalg.h"
#include "sampling/noise.h"
#include "sampling/sampling.h"

#include <math.h>
#include <string.h>

typedef struct walk {
  const fsl_run *run;
  size_t n, d;
  fsl_states states;      /* of the last evaluation of the field */
  double *x;              /* (n, d) */
  double *mean, *score;   /* (n, d): m and g, or the shift of a `step` method */
  double *posterior_mean; /* (n, d); NULL where not needed */
  double *noise;          /* (n, d); NULL for deterministic samplers */
  fsl_noise_source source;
  const void *kept; /* the method's */
} walk;

/* ---- the field --------------------------------------------------------------------------------------------------- */

static fsl_status moments_at(fsl_ctx *ctx, walk *w, double t, const double *x, double *mean) {
  const fsl_run *const run = w->run;
  const fsl_diffusion *const f = run->diffusion;
  const fsl_moments moments = {.mean = mean, .posterior_mean = w->posterior_mean};
  w->states = (fsl_states){.n = w->n,
                           .d = w->d,
                           .m = fsl_posterior_problem(run->posterior)->model->m,
                           .t = t,
                           .a = f->a(f, t),
                           .v = f->v(f, t),
                           .posterior = run->posterior,
                           .x = x,
                           .mean = mean,
                           .posterior_mean = w->posterior_mean,
                           .kept = w->kept};
  return fsl_posterior_moments(ctx, run->posterior, w->states.a, w->states.v, w->n, x, &moments);
}

/* m and g at (x, t). */
static fsl_status field(fsl_ctx *ctx, void *self, double t, const double *x, double *mean, double *score) {
  walk *const w = self;
  FSL_TRY(moments_at(ctx, w, t, x, mean));
  return w->run->approximation->score(ctx, w->run->approximation_params, &w->states, score);
}

/* ---- freezing ---------------------------------------------------------------------------------------------------- */

/* A particle that has left the numbers stays NaN. Returns how many have. */
static size_t freeze(size_t n, size_t d, double *x) {
  size_t frozen = 0;
  for (size_t i = 0; i < n; i++) {
    if (fsl_is_finite(d, x + i * d)) continue;
    for (size_t j = 0; j < d; j++) x[i * d + j] = NAN;
    frozen++;
  }
  return frozen;
}

static void record(const walk *w, int64_t index, size_t frozen, const fsl_samples *out) {
  if (index < 0) return;
  memcpy(out->x + (size_t)index * w->n * w->d, w->x, w->n * w->d * sizeof *w->x);
  out->nonfinite[index] = frozen;
}

/* ---- integrated methods ------------------------------------------------------------------------------------------ */

static fsl_status start(fsl_ctx *ctx, walk *w) {
  const fsl_run *const run = w->run;
  const fsl_diffusion *const f = run->diffusion;
  const double a = f->a(f, run->t_max), v = f->v(f, run->t_max), std = sqrt(v);
  if (run->start == FSL_START_EXACT)
    return fsl_posterior_draw(ctx, run->posterior, a, v, run->draw_key, 0, w->n, w->x, NULL);
  fsl_noise_start(&w->source, w->x);
  for (size_t i = 0; i < w->n * w->d; i++) w->x[i] *= std;
  return FSL_OK;
}

/* What the method says at (x, t), before the step: g, or the shift that comes after it. */
static fsl_status guidance(fsl_ctx *ctx, walk *w, double t, double share) {
  const fsl_approximation_kind *const method = w->run->approximation;
  if (method->score != NULL) return field(ctx, w, t, w->x, w->mean, w->score);
  if (method->step == NULL)
    return fsl_fail(ctx, FSL_EINTERNAL, "%s offers neither score, step nor draw", method->head.name);
  FSL_TRY(moments_at(ctx, w, t, w->x, w->mean));
  const fsl_step_part part = {.share = share};
  return method->step(ctx, w->run->approximation_params, &w->states, &part, w->score);
}

static fsl_status one_step(fsl_ctx *ctx, walk *w, const fsl_steps *steps, size_t i) {
  const fsl_run *const run = w->run;
  const bool shifts = run->approximation->step != NULL;
  FSL_TRY(guidance(ctx, w, steps->node[i], steps->share[i]));
  if (w->noise != NULL) fsl_noise_step(&w->source, steps->nominal[i], steps->part[i], w->noise);
  const fsl_step_state state = {.diffusion = run->diffusion,
                                .t = steps->node[i],
                                .s = steps->node[i + 1],
                                .n = w->n,
                                .d = w->d,
                                .mean = w->mean,
                                .score = shifts ? NULL : w->score,
                                .noise = w->noise,
                                .x = w->x,
                                .field_self = w,
                                .field = field};
  FSL_TRY(run->sampler->step(ctx, run->sampler_params, &state));
  for (size_t k = 0; shifts && k < w->n * w->d; k++) w->x[k] += w->score[k];
  return FSL_OK;
}

static fsl_status integrate(fsl_ctx *ctx, walk *w, fsl_samples *out) {
  const fsl_run *const run = w->run;
  fsl_steps steps;
  FSL_TRY(fsl_steps_create(ctx, run->time_grid, run->diffusion, run->t_max, run->steps, run->refine, run->n_times,
                           run->times, &steps));
  FSL_TRY(start(ctx, w));
  freeze(w->n, w->d, w->x);
  for (size_t i = 0; i < steps.n; i++) {
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(one_step(ctx, w, &steps, i));
    record(w, steps.record[i], freeze(w->n, w->d, w->x), out);
    fsl_arena_release(ctx->arena, mark);
  }
  out->steps_taken = steps.n;
  return FSL_OK;
}

/* ---- methods that draw ------------------------------------------------------------------------------------------- */

/* Index of the largest time below `t`; n_times when there is none. */
static size_t next_time(const fsl_run *run, double t) {
  size_t best = run->n_times;
  for (size_t i = 0; i < run->n_times; i++)
    if (run->times[i] < t && (best == run->n_times || run->times[i] > run->times[best])) best = i;
  return best;
}

static fsl_status chain(fsl_ctx *ctx, walk *w, fsl_samples *out) {
  const fsl_run *const run = w->run;
  fsl_transition transition = {
      .diffusion = run->diffusion, .posterior = run->posterior, .t_from = NAN, .key = run->draw_key, .first = 0};
  for (size_t i = next_time(run, INFINITY); i < run->n_times; i = next_time(run, run->times[i])) {
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    transition.t_to = run->times[i];
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(run->approximation->draw(ctx, run->approximation_params, &transition, w->n, w->d, w->x));
    record(w, (int64_t)i, freeze(w->n, w->d, w->x), out);
    transition.t_from = run->times[i];
    transition.index++;
    fsl_arena_release(ctx->arena, mark);
  }
  out->steps_taken = (size_t)transition.index;
  return FSL_OK;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static fsl_status check_run(fsl_ctx *ctx, const fsl_run *run) {
  const char *const name = run->approximation->head.name;
  const char *const reason = fsl_approximation_inapplicable(run->approximation, run->posterior);
  if (reason != NULL) return fsl_fail(ctx, FSL_EINPUT, "%s %s", name, reason);
  if (run->approximation->draw != NULL) return FSL_OK;
  if (run->approximation->forbids_ode && run->sampler->is_ode)
    return fsl_fail(ctx, FSL_EINPUT, "%s is not defined for the deterministic sampler %s", name,
                    run->sampler->head.name);
  if (run->start == FSL_START_EXACT && !fsl_posterior_is_exact(run->posterior))
    return fsl_fail(ctx, FSL_EINPUT, "start exact needs a posterior in closed form");
  return FSL_OK;
}

static fsl_status get_walk(fsl_ctx *ctx, const fsl_run *run, walk *w) {
  const size_t n = run->particles, d = fsl_posterior_dimension(run->posterior);
  *w = (walk){.run = run, .n = n, .d = d};
  FSL_GET(ctx, w->x, n * d);
  if (run->approximation->draw != NULL) return FSL_OK;
  FSL_GET(ctx, w->mean, n * d);
  FSL_GET(ctx, w->score, n * d);
  if (run->approximation->needs_exact) FSL_GET(ctx, w->posterior_mean, n * d);
  if (!run->sampler->is_ode) FSL_GET(ctx, w->noise, n * d);
  FSL_TRY(fsl_approximation_open(ctx, run->approximation, run->approximation_params, run->posterior, &w->kept));
  return fsl_noise_source_create(ctx, run->path_key, run->refine, n, d, &w->source);
}

fsl_status fsl_run_sampler(fsl_ctx *ctx, const fsl_run *run, fsl_samples *out) {
  walk w;
  FSL_TRY(check_run(ctx, run));
  FSL_GET(ctx, out->x, run->n_times * run->particles * fsl_posterior_dimension(run->posterior));
  FSL_GET(ctx, out->nonfinite, run->n_times);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY(get_walk(ctx, run, &w));
  FSL_TRY(run->approximation->draw != NULL ? chain(ctx, &w, out) : integrate(ctx, &w, out));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* Samples; six state arrays and a refined path's; five of a Heun step; what a method takes, with its tile of (m, m). */
size_t fsl_run_bytes(size_t particles, size_t d, size_t m, size_t n_times) {
  const size_t tile = (size_t)1 << 18, floor_tile = 64 * m * m;
  const size_t states = particles * d * (n_times + 6 + 5 + 2), measured = particles * m * 3;
  return sizeof(double) * (states + measured + (tile > floor_tile ? tile : floor_tile) + m * (d + 2 * m));
}
