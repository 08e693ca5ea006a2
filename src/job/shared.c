/* job/shared.c: the cache of problems, truths and scenes (see shared.h). */
#include "job/shared.h"

#include "job/problem.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ENTRIES = 32 };

struct fsl_job_cache {
  size_t cap; /* bytes that the entries beside the newest may hold */
  uint64_t clock;
  size_t n;
  fsl_shared *entry[MAX_ENTRIES];
};

fsl_job_cache *fsl_job_cache_create(size_t cap) {
  fsl_job_cache *const cache = calloc(1, sizeof *cache);
  if (cache != NULL) cache->cap = cap;
  return cache;
}

/* The entry itself lies in its arena. */
static void drop(fsl_job_cache *cache, size_t i) {
  fsl_arena *const arena = cache->entry[i]->arena;
  cache->entry[i] = cache->entry[--cache->n];
  fsl_arena_destroy(arena);
}

void fsl_job_cache_destroy(fsl_job_cache *cache) {
  if (cache == NULL) return;
  while (cache->n > 0) drop(cache, cache->n - 1);
  free(cache);
}

static size_t oldest(const fsl_job_cache *cache) {
  size_t found = 0;
  for (size_t i = 1; i < cache->n; i++)
    if (cache->entry[i]->used < cache->entry[found]->used) found = i;
  return found;
}

static size_t bytes_held(const fsl_job_cache *cache) {
  size_t bytes = 0;
  for (size_t i = 0; i < cache->n; i++) bytes += fsl_arena_bytes(cache->entry[i]->arena);
  return bytes;
}

static void make_room(fsl_job_cache *cache) {
  while (cache->n > 0 && (cache->n == MAX_ENTRIES || bytes_held(cache) > cache->cap)) drop(cache, oldest(cache));
}

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

fsl_status fsl_shared_get(fsl_ctx *ctx, fsl_job_cache *cache, const fsl_spec *spec, fsl_point point, fsl_shared **out) {
  fsl_job_keys keys;
  FSL_TRY(fsl_grid_keys(ctx, spec, point, &keys));
  *out = find(cache, keys.truth);
  if (*out == NULL) {
    make_room(cache);
    FSL_TRY(make(ctx, spec, point, keys.truth, out));
    cache->entry[cache->n++] = *out;
  }
  (*out)->used = ++cache->clock;
  return FSL_OK;
}

fsl_status fsl_shared_scene(fsl_ctx *ctx, fsl_shared *shared, const fsl_spec *spec, size_t index,
                            const fsl_scene **out) {
  const fsl_scene_setting setting = {
      .problem = &shared->problem,
      .truth = &shared->truth,
      .diffusion = &spec->schedule,
      .t = index < spec->n_times ? spec->times[index] : 0,
      .particles = spec->particles,
      .metrics = spec->metrics,
      .key = shared->name,
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
