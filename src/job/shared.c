/* job/shared.c: the cache of problems, truths, scenes and posteriors (see shared.h). */
#include "job/shared.h"

#include "grid/cost.h"
#include "job/problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ENTRIES = 32, MAX_POSTERIORS = 64 };

typedef struct kept_posterior {
  fsl_arena *arena; /* owns the posterior */
  const fsl_shared *problem;
  fsl_key training_set;
  uint64_t used;
  const fsl_posterior *posterior;
} kept_posterior;

struct fsl_job_cache {
  size_t cap;   /* bytes that the entries beside the newest may hold */
  size_t limit; /* of these and a job together; 0: none */
  uint64_t clock;
  size_t n, n_posteriors;
  fsl_shared *entry[MAX_ENTRIES];
  kept_posterior posterior[MAX_POSTERIORS];
  fsl_regions regions;
};

fsl_job_cache *fsl_job_cache_create(size_t cap) {
  fsl_job_cache *const cache = calloc(1, sizeof *cache);
  if (cache != NULL) cache->cap = cap;
  return cache;
}

void fsl_job_cache_limit(fsl_job_cache *cache, double bytes) {
  cache->limit = bytes < (double)SIZE_MAX ? (size_t)bytes : 0;
}

/* ---- letting go -------------------------------------------------------------------------------------------------- */

static void drop_posterior(fsl_job_cache *cache, size_t i) {
  fsl_arena_destroy(cache->posterior[i].arena);
  cache->posterior[i] = cache->posterior[--cache->n_posteriors];
}

/* The entry itself lies in its arena, and the posteriors of its problem refer to it. */
static void drop(fsl_job_cache *cache, size_t i) {
  fsl_arena *const arena = cache->entry[i]->arena;
  for (size_t p = cache->n_posteriors; p-- > 0;)
    if (cache->posterior[p].problem == cache->entry[i]) drop_posterior(cache, p);
  cache->entry[i] = cache->entry[--cache->n];
  fsl_arena_destroy(arena);
}

void fsl_job_cache_destroy(fsl_job_cache *cache) {
  if (cache == NULL) return;
  while (cache->n > 0) drop(cache, cache->n - 1);
  free(cache);
}

static size_t bytes_held(const fsl_job_cache *cache) {
  size_t bytes = 0;
  for (size_t i = 0; i < cache->n; i++) bytes += fsl_arena_bytes(cache->entry[i]->arena);
  for (size_t i = 0; i < cache->n_posteriors; i++) bytes += fsl_arena_bytes(cache->posterior[i].arena);
  return bytes;
}

static bool drop_oldest_posterior(fsl_job_cache *cache) {
  size_t found = 0;
  if (cache->n_posteriors == 0) return false;
  for (size_t i = 1; i < cache->n_posteriors; i++)
    if (cache->posterior[i].used < cache->posterior[found].used) found = i;
  drop_posterior(cache, found);
  return true;
}

/* The problem `in_use` stays, not its posteriors. False: there is nothing to drop. */
static bool drop_oldest(fsl_job_cache *cache, const fsl_shared *in_use) {
  size_t found = MAX_ENTRIES;
  uint64_t oldest = UINT64_MAX;
  for (size_t i = 0; i < cache->n; i++)
    if (cache->entry[i] != in_use && cache->entry[i]->used < oldest) oldest = cache->entry[found = i]->used;
  for (size_t i = 0; i < cache->n_posteriors; i++)
    if (cache->posterior[i].used <= oldest) return drop_oldest_posterior(cache);
  if (found == MAX_ENTRIES) return false;
  drop(cache, found);
  return true;
}

/* Until what is held is at most `bytes`. */
static void shrink(fsl_job_cache *cache, size_t bytes, const fsl_shared *in_use) {
  while (bytes_held(cache) > bytes && drop_oldest(cache, in_use)) continue;
}

/* For an entry of `bytes`; what is beyond the cap goes. */
static void make_room(fsl_job_cache *cache, size_t bytes, const fsl_shared *in_use) {
  while (cache->n == MAX_ENTRIES && drop_oldest(cache, in_use)) continue;
  if (cache->n_posteriors == MAX_POSTERIORS) drop_oldest_posterior(cache);
  shrink(cache, bytes < cache->cap ? cache->cap - bytes : 0, in_use);
}

/* ---- problems ---------------------------------------------------------------------------------------------------- */

static fsl_shared *find(const fsl_job_cache *cache, fsl_key name) {
  for (size_t i = 0; i < cache->n; i++)
    if (memcmp(&cache->entry[i]->name, &name, sizeof name) == 0) return cache->entry[i];
  return NULL;
}

/* A truth that fewer than 4 effective draws a particle would support is asked for with more draws. */
static fsl_status find_truth(fsl_ctx *ctx, const fsl_shared *shared, const fsl_spec *spec, unsigned copy,
                             fsl_truth *out) {
  return fsl_truth_find(ctx, &shared->problem, shared->name, copy, 4.0 * (double)spec->particles, out);
}

/* Runs with ctx->arena set to the entry's own. */
static fsl_status fill(fsl_ctx *ctx, const fsl_spec *spec, fsl_point point, fsl_shared *shared) {
  FSL_GET(ctx, shared->scene, spec->n_times + 1);
  FSL_TRY(fsl_job_problem(ctx, spec, point, &shared->problem));
  return find_truth(ctx, shared, spec, 0, &shared->truth);
}

static fsl_status make(fsl_ctx *ctx, const fsl_spec *spec, fsl_point point, fsl_key name, fsl_shared **out) {
  fsl_arena *const own = ctx->arena, *const arena = fsl_arena_create(0);
  fsl_shared *const shared = arena == NULL ? NULL : fsl_arena_get(arena, 1, sizeof *shared);
  if (shared == NULL) {
    fsl_arena_destroy(arena);
    return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a problem and its truth");
  }
  shared->arena = arena;
  shared->name = name;
  ctx->arena = arena;
  const fsl_status status = fill(ctx, spec, point, shared);
  ctx->arena = own;
  if (status != FSL_OK) fsl_arena_destroy(arena);
  *out = shared;
  return status;
}

/* What the job needs comes first. */
static void give_way(fsl_job_cache *cache, size_t job_bytes, const fsl_shared *in_use) {
  if (cache->limit > 0) shrink(cache, job_bytes < cache->limit ? cache->limit - job_bytes : 0, in_use);
}

fsl_status fsl_shared_get(fsl_ctx *ctx, fsl_job_cache *cache, const fsl_spec *spec, const fsl_job *job,
                          fsl_shared **out) {
  fsl_job_keys keys;
  const fsl_point point = job->point;
  FSL_TRY(fsl_grid_keys(ctx, spec, point, &keys));
  *out = find(cache, keys.truth);
  give_way(cache, fsl_job_bytes(spec, job, (size_t)ctx->team->size), *out);
  if (*out == NULL) {
    make_room(cache, 0, NULL);
    FSL_TRY(make(ctx, spec, point, keys.truth, out));
    cache->entry[cache->n++] = *out;
  }
  (*out)->used = ++cache->clock;
  (*out)->regions = &cache->regions;
  return FSL_OK;
}

fsl_status fsl_shared_scene(fsl_ctx *ctx, fsl_shared *shared, const fsl_spec *spec, size_t index,
                            const fsl_scene **out) {
  const bool at_0 = index == spec->n_times; /* where references alone are graded */
  const uint32_t metrics = fsl_spec_computed_metrics(spec);
  const fsl_scene_setting setting = {
      .problem = &shared->problem,
      .truth = &shared->truth,
      .diffusion = &spec->schedule,
      .t = at_0 ? 0 : spec->times[index],
      .particles = spec->particles,
      .metrics = at_0 ? metrics & FSL_METRICS_AT_0 : metrics,
      .modes = !at_0 && spec->budget,
      .key = shared->name,
      .regions = shared->regions,
      .common = &shared->common,
  };
  fsl_status status = FSL_OK;
  if (shared->scene[index] == NULL) {
    fsl_arena *const own = ctx->arena;
    ctx->arena = shared->arena;
    status = fsl_scene_create(ctx, &setting, &shared->scene[index]);
    ctx->arena = own;
    if (status != FSL_OK) shared->scene[index] = NULL;
  }
  *out = shared->scene[index];
  return status;
}

fsl_status fsl_shared_second(fsl_ctx *ctx, fsl_shared *shared, const fsl_spec *spec, const fsl_truth **out) {
  fsl_status status = FSL_OK;
  *out = &shared->truth;
  if (shared->truth.method != FSL_TRUTH_SAMPLED) return FSL_OK; /* nothing of it is random */
  if (!shared->has_second) {
    fsl_arena *const own = ctx->arena;
    ctx->arena = shared->arena;
    status = find_truth(ctx, shared, spec, 1, &shared->second);
    ctx->arena = own;
    shared->has_second = status == FSL_OK;
  }
  *out = &shared->second;
  return status;
}

/* ---- posteriors -------------------------------------------------------------------------------------------------- */

static const fsl_posterior *find_posterior(fsl_job_cache *cache, const fsl_shared *problem, fsl_key training_set) {
  for (size_t i = 0; i < cache->n_posteriors; i++) {
    kept_posterior *const kept = &cache->posterior[i];
    if (kept->problem != problem || memcmp(&kept->training_set, &training_set, sizeof training_set) != 0) continue;
    kept->used = ++cache->clock;
    return kept->posterior;
  }
  return NULL;
}

/* Made in an arena of its own, which then is the cache's. */
static fsl_status keep_posterior(fsl_ctx *ctx, fsl_job_cache *cache, fsl_shared *problem, const fsl_spec *spec,
                                 fsl_point point, fsl_key training_set, const fsl_posterior **out) {
  fsl_arena *const own = ctx->arena, *const arena = fsl_arena_create(0);
  fsl_posterior *made = NULL;
  if (arena == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a posterior");
  ctx->arena = arena;
  const fsl_status status = fsl_job_posterior(ctx, spec, point, &problem->problem, &made);
  ctx->arena = own;
  if (status != FSL_OK) {
    fsl_arena_destroy(arena);
    return status;
  }
  cache->posterior[cache->n_posteriors++] =
      (kept_posterior){arena, problem, training_set, problem->used = ++cache->clock, made};
  *out = made;
  return FSL_OK;
}

static size_t posterior_bytes(const fsl_spec *spec, fsl_point point, const fsl_problem *problem) {
  const double n = spec->n_train[point.n_train];
  if (isinf(n)) return fsl_population_bytes(problem->prior, problem->model, &spec->evaluation, 0);
  return fsl_posterior_bytes((uint64_t)n, 1, &spec->evaluation, problem->prior->d, problem->model->m, 0);
}

fsl_status fsl_shared_posterior(fsl_ctx *ctx, fsl_job_cache *cache, fsl_shared *shared, const fsl_spec *spec,
                                fsl_point point, const fsl_posterior **out) {
  fsl_job_keys keys;
  const size_t bytes = posterior_bytes(spec, point, &shared->problem);
  if (ctx->team->size > 1 || bytes > cache->cap) {
    fsl_posterior *made = NULL;
    const fsl_status status = fsl_job_posterior(ctx, spec, point, &shared->problem, &made);
    *out = made;
    return status;
  }
  FSL_TRY(fsl_grid_keys(ctx, spec, point, &keys));
  *out = find_posterior(cache, shared, keys.training_set);
  if (*out != NULL) return FSL_OK;
  make_room(cache, bytes, shared);
  return keep_posterior(ctx, cache, shared, spec, point, keys.training_set, out);
}
