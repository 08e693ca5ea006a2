/* grid/stripe.c: see stripe.h. */
#include "grid/stripe.h"

#include <stdlib.h>

static int by_cost(const void *a, const void *b) {
  const fsl_job *const x = *(const fsl_job *const *)a, *const y = *(const fsl_job *const *)b;
  if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
  return fsl_hash_compare(x->identity, y->identity);
}

/* 1 2 3 3 2 1 1 2 3 ... */
static size_t dealt_to(size_t i, size_t shards) {
  const size_t round = i / shards, seat = i % shards;
  return 1 + (round % 2 == 0 ? seat : shards - 1 - seat);
}

fsl_status fsl_grid_stripe(fsl_ctx *ctx, const fsl_grid *grid, unsigned shard, unsigned shards, bool *mine) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const fsl_job **sorted;
  FSL_GET(ctx, sorted, grid->n_jobs + 1);
  for (size_t i = 0; i < grid->n_jobs; i++) sorted[i] = &grid->jobs[i];
  qsort(sorted, grid->n_jobs, sizeof(const fsl_job *), by_cost);
  for (size_t i = 0; i < grid->n_jobs; i++) mine[sorted[i] - grid->jobs] = dealt_to(i, shards) == shard;
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
