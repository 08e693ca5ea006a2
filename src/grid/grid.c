/* grid/grid.c: the spec's product of axes becomes cells, and the cells become distinct jobs. */
#include "grid/grid.h"

#include "grid/cells.h"
#include "grid/cost.h"
#include "grid/keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CELLS = 100000000 };

enum { BLOCK_JOBS = 4096 };

typedef struct builder {
  fsl_ctx *ctx;
  const fsl_spec *spec;
  fsl_parts parts;
  size_t n_jobs, n_blocks, most_blocks;
  fsl_job **block; /* BLOCK_JOBS jobs each, by malloc: how many there will be is not known */
  size_t n_slots;  /* of the table of identities: open addressing, a power of two, by malloc; at most half full */
  uint32_t *slot;  /* number of a job and 1; 0: empty */
  size_t n_skips, skip_capacity;
  fsl_skip *skips;
  int64_t *job_of_cell, *budget_of, *truth_of, *reference_of;
  uint8_t *cell_status;
} builder;

/* ---- the list of jobs and its index by identity ---------------------------------------------------------- */

static fsl_job *job_at(const builder *b, size_t i) {
  return &b->block[i / BLOCK_JOBS][i % BLOCK_JOBS];
}

static size_t slot_of(const builder *b, fsl_hash identity) {
  size_t i = (size_t)identity.low & (b->n_slots - 1);
  while (b->slot[i] != 0 && fsl_hash_compare(job_at(b, b->slot[i] - 1)->identity, identity) != 0)
    i = (i + 1) & (b->n_slots - 1);
  return i;
}

static fsl_status no_memory(const builder *b) {
  return fsl_fail(b->ctx, FSL_ENOMEM, "out of memory for %zu jobs", b->n_jobs + 1);
}

static fsl_status widen_index(builder *b) {
  free(b->slot);
  b->n_slots = b->n_slots == 0 ? 1024 : 2 * b->n_slots;
  b->slot = calloc(b->n_slots, sizeof *b->slot);
  if (b->slot == NULL) return no_memory(b);
  for (size_t i = 0; i < b->n_jobs; i++) b->slot[slot_of(b, job_at(b, i)->identity)] = (uint32_t)(i + 1);
  return FSL_OK;
}

/* Room for one more job. */
static fsl_status grow(builder *b) {
  if (2 * (b->n_jobs + 1) > b->n_slots) FSL_TRY(widen_index(b));
  if (b->n_jobs < b->n_blocks * BLOCK_JOBS) return FSL_OK;
  if (b->n_blocks == b->most_blocks) {
    const size_t most = 2 * b->most_blocks + 16;
    fsl_job **const wider = realloc(b->block, most * sizeof *wider);
    if (wider == NULL) return no_memory(b);
    b->block = wider;
    b->most_blocks = most;
  }
  b->block[b->n_blocks] = malloc(BLOCK_JOBS * sizeof **b->block);
  if (b->block[b->n_blocks] == NULL) return no_memory(b);
  b->n_blocks++;
  return FSL_OK;
}

/* Moves the jobs into the arena, block by block. */
static fsl_status settle(builder *b, fsl_job **out) {
  free(b->slot);
  b->slot = NULL;
  FSL_GET(b->ctx, *out, b->n_jobs + 1);
  for (size_t i = 0; i < b->n_blocks; i++) {
    const size_t first = i * BLOCK_JOBS, n = b->n_jobs - first < BLOCK_JOBS ? b->n_jobs - first : BLOCK_JOBS;
    memcpy(*out + first, b->block[i], n * sizeof **out);
    free(b->block[i]);
    b->block[i] = NULL;
  }
  return FSL_OK;
}

static void clean_up(builder *b) {
  for (size_t i = 0; i < b->n_blocks; i++) free(b->block[i]);
  free(b->block);
  free(b->slot);
}

static fsl_status identify(const builder *b, fsl_job_type type, fsl_point point, fsl_hash *out) {
  const fsl_arena_mark mark = fsl_arena_now(b->ctx->arena);
  const fsl_status status = fsl_job_identity(b->ctx, b->spec, &b->parts, type, point, out);
  fsl_arena_release(b->ctx->arena, mark);
  return status;
}

/* The number of the job of this content, made if it is new. */
static fsl_status intern(builder *b, fsl_job_type type, fsl_point point, int64_t *out) {
  fsl_job job = {.type = type, .point = point};
  FSL_TRY(identify(b, type, point, &job.identity));
  FSL_TRY(grow(b));
  const size_t slot = slot_of(b, job.identity);
  if (b->slot[slot] == 0) {
    if (point.approximation >= 0) {
      const fsl_entry *const entry = &b->spec->approximations[point.approximation];
      job.approximation = (const fsl_approximation_kind *)(const void *)entry->kind;
      job.approximation_params = entry->params;
    }
    fsl_job_estimate(b->spec, &job);
    *job_at(b, b->n_jobs) = job;
    b->slot[slot] = (uint32_t)++b->n_jobs;
  }
  *out = (int64_t)b->slot[slot] - 1;
  return FSL_OK;
}

/* ---- skipped combinations, one line for all replicates and observations ------------------------------------- */

static fsl_status note_skip(builder *b, fsl_point point, fsl_cell_status why, const char *reason) {
  if (point.replicate != 0 || point.observation != 0) return FSL_OK;
  if (b->n_skips == b->skip_capacity) {
    const fsl_skip *const old = b->skips;
    b->skip_capacity = b->skip_capacity == 0 ? 64 : 4 * b->skip_capacity;
    FSL_GET(b->ctx, b->skips, b->skip_capacity);
    for (size_t i = 0; i < b->n_skips; i++) b->skips[i] = old[i];
  }
  point.replicate = point.observation = -1;
  b->skips[b->n_skips++] = (fsl_skip){point, why, reason};
  return FSL_OK;
}

/* ---- from cells to jobs ---------------------------------------------------------------------------------------- */

static fsl_status add_truth(builder *b, fsl_point point) {
  int64_t *const slot = &b->truth_of[fsl_grid_truth_cell(b->spec, point)];
  point.approximation = point.n_train = point.replicate = -1;
  return *slot >= 0 ? FSL_OK : intern(b, FSL_JOB_TRUTH, point, slot);
}

static fsl_status add_reference(builder *b, fsl_point point) {
  int64_t *const slot = &b->reference_of[fsl_grid_reference_cell(b->spec, point)];
  if (isinf(b->spec->n_train[point.n_train]) || *slot >= 0) return FSL_OK;
  point.approximation = -1;
  return intern(b, FSL_JOB_REFERENCE, point, slot);
}

static fsl_status add_budget(builder *b, size_t cell, fsl_point point) {
  const bool wanted = b->spec->budget && (size_t)point.replicate < b->spec->budget_replicates &&
                      (size_t)point.observation < b->spec->budget_observations;
  return wanted ? intern(b, FSL_JOB_BUDGET, point, &b->budget_of[cell]) : FSL_OK;
}

static fsl_status add_cell(builder *b, size_t cell) {
  const fsl_point point = fsl_grid_point(b->spec, cell);
  FSL_TRY(add_reference(b, point));
  FSL_TRY(intern(b, FSL_JOB_RUN, point, &b->job_of_cell[cell]));
  return add_budget(b, cell, point);
}

/* Truth jobs first: every other job of the problem is graded against the same truth. */
static fsl_status sort_out_cells(builder *b, size_t n_cells) {
  for (size_t cell = 0; cell < n_cells; cell++) {
    const fsl_point point = fsl_grid_point(b->spec, cell);
    const char *reason;
    const fsl_cell_status status = fsl_grid_cell_status(b->spec, point, &reason);
    b->cell_status[cell] = (uint8_t)status;
    FSL_TRY(status == FSL_CELL_NOT_RUN ? add_truth(b, point) : note_skip(b, point, status, reason));
  }
  return FSL_OK;
}

static fsl_status get_filled(fsl_ctx *ctx, size_t n, int64_t **out) {
  FSL_GET(ctx, *out, n);
  for (size_t i = 0; i < n; i++) (*out)[i] = -1;
  return FSL_OK;
}

static fsl_status start(builder *b, size_t n_cells) {
  const fsl_spec *const spec = b->spec;
  const size_t problems = spec->n_priors * spec->n_forward_models * spec->n_noise_levels * spec->n_observations;
  FSL_TRY(fsl_parts_create(b->ctx, spec, &b->parts));
  FSL_TRY(get_filled(b->ctx, n_cells, &b->job_of_cell));
  if (spec->budget) FSL_TRY(get_filled(b->ctx, n_cells, &b->budget_of));
  FSL_TRY(get_filled(b->ctx, problems, &b->truth_of));
  FSL_TRY(get_filled(b->ctx, problems * spec->n_n_train * spec->replicates, &b->reference_of));
  FSL_GET(b->ctx, b->cell_status, n_cells);
  return FSL_OK;
}

static fsl_status build(builder *b, size_t n_cells, fsl_grid *out) {
  fsl_job *jobs;
  FSL_TRY(start(b, n_cells));
  FSL_TRY(sort_out_cells(b, n_cells));
  for (size_t cell = 0; cell < n_cells; cell++)
    if (b->cell_status[cell] == FSL_CELL_NOT_RUN) FSL_TRY(add_cell(b, cell));
  FSL_TRY(settle(b, &jobs));
  *out = (fsl_grid){
      .n_jobs = b->n_jobs,
      .jobs = jobs,
      .n_cells = n_cells,
      .job_of_cell = b->job_of_cell,
      .cell_status = b->cell_status,
      .n_skips = b->n_skips,
      .skips = b->skips,
      .truth_of = b->truth_of,
      .reference_of = b->reference_of,
      .budget_of = b->budget_of,
  };
  return FSL_OK;
}

fsl_status fsl_grid_create(fsl_ctx *ctx, const fsl_spec *spec, fsl_grid *out) {
  const size_t n_cells = fsl_grid_n_cells(spec);
  if (n_cells > MAX_CELLS) return fsl_fail(ctx, FSL_EINPUT, "the grid has %zu cells, more than %d", n_cells, MAX_CELLS);
  builder b = {.ctx = ctx, .spec = spec};
  const fsl_status status = build(&b, n_cells, out);
  clean_up(&b);
  return status;
}

int64_t fsl_grid_find(const fsl_grid *grid, const fsl_spec *spec, fsl_job_type type, fsl_point point) {
  switch (type) {
  case FSL_JOB_TRUTH:
    return grid->truth_of[fsl_grid_truth_cell(spec, point)];
  case FSL_JOB_REFERENCE:
    return grid->reference_of[fsl_grid_reference_cell(spec, point)];
  case FSL_JOB_RUN:
    return grid->job_of_cell[fsl_grid_cell(spec, point)];
  case FSL_JOB_BUDGET:
    return grid->budget_of == NULL ? -1 : grid->budget_of[fsl_grid_cell(spec, point)];
  }
  return -1;
}
