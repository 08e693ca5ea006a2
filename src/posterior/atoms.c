/* atoms.c: a set of atoms: its leaves, likelihoods and evidence, and passes over it. */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "posterior/arrange.h"
#include "posterior/internal.h"

static uint64_t leaf_size_most(const fsl_atom_set *set) {
  return fsl_leaf_start(set->n_total, set->n_leaves, 1);
}

/* ---- a pass over the leaves ------------------------------------------------------------------------------------- */

typedef struct walk {
  const fsl_atom_set *set;
  const fsl_pass *pass;
  const double *payload, *inner;
  bool single;
  size_t lanes;
  fsl_leaves own;
  fsl_tiles tiles;
  fsl_single_tiles single_tiles; /* single: these */
  double *stack;                 /* (levels, lanes records): the pending subtrees */
} walk;

static fsl_block leaf_block(const walk *w, size_t leaf, size_t *at) {
  fsl_block block = fsl_atoms_leaf(w->set, leaf, at);
  const size_t offset = *at;
  block.p = w->pass->p;
  block.payload = w->payload != NULL ? w->payload + offset * w->pass->p : NULL;
  block.q = w->pass->q;
  block.inner = w->inner != NULL ? w->inner + offset * w->pass->q : NULL;
  return block;
}

/* One tile against leaf number i of those this rank does. */
static void run_block(const walk *w, const fsl_tile *tile, size_t i, size_t first, double *records) {
  const size_t leaf = w->own.first + i;
  size_t offset;
  const fsl_block block = leaf_block(w, leaf, &offset);
  if (w->single)
    fsl_single_block(w->pass, w->set->single, &w->single_tiles, &block, leaf - w->set->first_leaf, offset, first,
                     records);
  else
    fsl_pass_block(w->pass, &w->tiles, tile, &block, first, records);
}

/* One tile over this rank's leaves; equal subtrees merge as soon as both are there, like a binary counter. */
static fsl_status walk_tile(fsl_ctx *ctx, const walk *w, size_t first, double *records) {
  const fsl_partial_shape shape = w->pass->shape;
  const size_t left = w->pass->n - first, count = left < w->lanes ? left : w->lanes;
  const size_t width = fsl_partial_width(shape), level_size = w->lanes * width;
  fsl_tile tile;
  if (w->single)
    fsl_single_tiles_load(w->pass, w->set->single, &w->single_tiles, first);
  else
    fsl_tiles_load(w->pass, &w->tiles, first, &tile);
  size_t top = 0;
  for (size_t i = 0; i < w->own.count; ++i) {
    FSL_TRY(fsl_check_stop(ctx));
    run_block(w, &tile, i, first, w->stack + top++ * level_size);
    for (size_t done = i + 1; done % 2 == 0; done /= 2, --top)
      fsl_partial_merge(shape, count, w->stack + (top - 2) * level_size, w->stack + (top - 1) * level_size);
  }
  memcpy(records, w->stack, count * width * sizeof *records);
  return FSL_OK;
}

static fsl_status walk_all(fsl_ctx *ctx, walk *w, double *records) {
  const size_t width = fsl_partial_width(w->pass->shape);
  size_t levels = 1;
  for (size_t leaves = w->own.count; leaves > 0; leaves /= 2) ++levels;
  if (w->single)
    FSL_TRY(fsl_single_tiles_create(ctx, w->pass, &w->single_tiles));
  else
    FSL_TRY(fsl_tiles_create(ctx, w->pass, &w->tiles));
  w->lanes = w->single ? w->single_tiles.lanes : w->tiles.lanes;
  FSL_GET(ctx, w->stack, levels * w->lanes * width);
  for (size_t first = 0; first < w->pass->n; first += w->lanes)
    FSL_TRY(walk_tile(ctx, w, first, records + first * width));
  return FSL_OK;
}

static fsl_status run(fsl_ctx *ctx, const fsl_atom_set *set, const fsl_pass *pass, bool single, const double *payload,
                      const double *inner, double *records) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  walk w = {.set = set, .pass = pass, .payload = payload, .inner = inner, .single = single};
  w.own = fsl_atoms_own(ctx, set);
  FSL_TRY(walk_all(ctx, &w, records));
  fsl_arena_release(ctx->arena, mark);
  return set->divided ? fsl_team_merge(ctx, pass->shape, pass->n, records) : FSL_OK;
}

static fsl_status gather_rows(fsl_ctx *ctx, const size_t *list, size_t n, size_t width, const double *rows,
                              const double **out) {
  double *copy;
  if (rows == NULL) return FSL_OK;
  FSL_GET(ctx, copy, n * width);
  for (size_t i = 0; i < n; ++i) memcpy(copy + i * width, rows + list[i] * width, width * sizeof *copy);
  *out = copy;
  return FSL_OK;
}

/* The states that single precision fails, again in double. */
static fsl_status run_again(fsl_ctx *ctx, const fsl_atom_set *set, const fsl_pass *pass, const size_t *list, size_t n,
                            const double *payload, const double *inner, double *records) {
  const size_t width = fsl_partial_width(pass->shape);
  double *again;
  fsl_pass part = *pass;
  part.n = n;
  FSL_TRY(gather_rows(ctx, list, n, pass->d, pass->x, &part.x));
  FSL_TRY(gather_rows(ctx, list, n, pass->p, pass->payload_centre, &part.payload_centre));
  FSL_TRY(gather_rows(ctx, list, n, pass->q, pass->inner_centre, &part.inner_centre));
  FSL_TRY(gather_rows(ctx, list, n, pass->q, pass->u, &part.u));
  FSL_GET(ctx, again, n * width);
  FSL_TRY(run(ctx, set, &part, false, payload, inner, again));
  for (size_t i = 0; i < n; ++i) memcpy(records + list[i] * width, again + i * width, width * sizeof *again);
  return FSL_OK;
}

/* The merged records are the same on every rank, and so is what they lead to. */
static fsl_status run_single(fsl_ctx *ctx, const fsl_atom_set *set, const fsl_pass *pass, const double *payload,
                             const double *inner, double *records) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  size_t *list, n = 0;
  FSL_TRY(run(ctx, set, pass, true, payload, inner, records));
  FSL_GET(ctx, list, pass->n);
  for (size_t i = 0; i < pass->n; ++i)
    if (!fsl_single_holds(set, pass, i, records + i * fsl_partial_width(pass->shape))) list[n++] = i;
  if (n > 0) FSL_TRY(run_again(ctx, set, pass, list, n, payload, inner, records));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_atoms_run(fsl_ctx *ctx, const fsl_atom_set *set, const fsl_pass *pass, const double *payload,
                         const double *inner, double *records) {
  if (fsl_single_serves(set, pass, payload, inner)) return run_single(ctx, set, pass, payload, inner, records);
  return run(ctx, set, pass, false, payload, inner, records);
}

/* ---- what follows from the atoms -------------------------------------------------------------------------------- */

static fsl_status find_likelihoods(fsl_ctx *ctx, const fsl_problem *problem, fsl_atom_set *set) {
  double *l;
  FSL_GET(ctx, l, set->n);
  for (size_t i = 0; i < set->n; ++i) {
    if (i % 4096 == 0) FSL_TRY(fsl_check_stop(ctx));
    l[i] = fsl_noise_log_density(&problem->noise, problem->y, set->forward + i * set->m);
    if (isnan(l[i]) || l[i] == INFINITY)
      return fsl_fail(ctx, FSL_ENUMERIC, "the forward model is not a number at atom %zu of the prior", i);
  }
  set->log_likelihood = l;
  return FSL_OK;
}

static fsl_status find_chunks(fsl_ctx *ctx, fsl_atom_set *set) {
  double *likelihood, *chunk_max;
  set->chunks = (size_t)((leaf_size_most(set) + FSL_CHUNK - 1) / FSL_CHUNK);
  FSL_GET(ctx, likelihood, set->n);
  FSL_GET(ctx, chunk_max, set->own_leaves * set->chunks);
  for (size_t leaf = 0; leaf < set->own_leaves; ++leaf) {
    FSL_TRY(fsl_check_stop(ctx));
    const size_t start = fsl_atoms_offset(set, set->first_leaf + leaf),
                 end = fsl_atoms_offset(set, set->first_leaf + leaf + 1);
    for (size_t i = start; i < end; ++i) {
      double *most = chunk_max + leaf * set->chunks + (i - start) / FSL_CHUNK;
      if ((i - start) % FSL_CHUNK == 0) *most = FSL_FLOOR;
      *most = fmax(*most, set->log_likelihood[i]);
    }
    for (size_t i = start; i < end; ++i)
      likelihood[i] = exp(set->log_likelihood[i] - chunk_max[leaf * set->chunks + (i - start) / FSL_CHUNK]);
  }
  set->likelihood = likelihood;
  set->chunk_max = chunk_max;
  return FSL_OK;
}

static fsl_status arrange(fsl_ctx *ctx, fsl_atom_set *set) {
  fsl_arrangement *arrangement;
  if (set->d < FSL_WIDE) return FSL_OK;
  FSL_GET(ctx, arrangement, set->own_leaves);
  for (size_t leaf = 0; leaf < set->own_leaves; ++leaf) {
    size_t offset;
    const fsl_block block = fsl_atoms_leaf(set, set->first_leaf + leaf, &offset);
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(fsl_arrange(ctx, &block, arrangement + leaf));
  }
  set->arrangement = arrangement;
  return FSL_OK;
}

/* Totals and cumulative weights W_i of this rank's leaves. */
static void find_leaf(const fsl_atom_set *set, size_t leaf, double *cumulative, double *leaf_log) {
  const size_t start = fsl_atoms_offset(set, leaf), end = fsl_atoms_offset(set, leaf + 1);
  for (size_t i = start; i < end; ++i)
    cumulative[i] = set->log_likelihood[i] + (set->log_weight != NULL ? set->log_weight[i] : -set->log_norm);
  leaf_log[leaf] = fsl_log_sum_exp(end - start, cumulative + start);
  double sum = 0.0;
  for (size_t i = start; i < end; ++i) {
    if (leaf_log[leaf] > -INFINITY) sum += exp(cumulative[i] - leaf_log[leaf]);
    cumulative[i] = sum;
  }
}

static fsl_status prepare(fsl_ctx *ctx, const fsl_problem *problem, fsl_atom_set *set, double *leaf_log) {
  double *cumulative;
  FSL_TRY(find_likelihoods(ctx, problem, set));
  FSL_TRY(find_chunks(ctx, set));
  FSL_TRY(arrange(ctx, set));
  FSL_GET(ctx, cumulative, set->n);
  for (size_t i = 0; i < set->own_leaves; ++i) find_leaf(set, set->first_leaf + i, cumulative, leaf_log);
  set->cumulative = cumulative;
  return FSL_OK;
}

fsl_status fsl_atoms_finish(fsl_ctx *ctx, const fsl_problem *problem, fsl_atom_set *set) {
  double *leaf_log;
  FSL_GET(ctx, leaf_log, set->n_leaves);
  FSL_TRY(prepare(ctx, problem, set, leaf_log));
  if (set->sharded) FSL_TRY(fsl_team_gather(ctx, set->own_leaves, leaf_log));
  set->leaf_log = leaf_log;
  set->log_evidence = fsl_log_sum_exp(set->n_leaves, leaf_log);
  if (!isfinite(set->log_evidence))
    return fsl_fail(ctx, FSL_ENUMERIC, "no atom of the prior can have given this measurement");
  return FSL_OK;
}
