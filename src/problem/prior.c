/* problem/prior.c: what every prior does alike: identity, training sets, and the x0 that is measured. */
#include "fslens/problem.h"

#include "base/linalg.h"

#include <stdlib.h>
#include <string.h>

static bool reads_a_file(const fsl_kind *kind) {
  bool reads = false;
  for (size_t i = 0; i < kind->n_params; i++) reads = reads || kind->params[i].type == FSL_FILE;
  return reads;
}

fsl_status fsl_prior_create(fsl_ctx *ctx, const fsl_prior_kind *kind, const void *params,
                            const fsl_prior_setting *setting, fsl_prior *out, const char **bad) {
  *out = (fsl_prior){0};
  *bad = NULL;
  const bool reads = reads_a_file(&kind->head);
  FSL_TRY(kind->create(ctx, params, setting, out, bad));
  if (reads && fsl_hash_compare(out->content, (fsl_hash){0, 0}) == 0)
    return fsl_fail(ctx, FSL_EINTERNAL, "%s does not say what it read from its file", kind->head.name);
  fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
  if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a hash");
  fsl_hash_text(hasher, "prior");
  FSL_TRY(fsl_kind_hash(ctx, &kind->head, params, hasher));
  if (reads) fsl_hash_hash(hasher, out->content);
  if (out->without_replacement) { /* which rows are held out is part of what the prior is */
    fsl_hash_integer(hasher, (int64_t)setting->seed);
    fsl_hash_integer(hasher, setting->simulated_y);
  }
  out->identity = fsl_hash_value(hasher);
  return FSL_OK;
}

/* ---- subsets of rows: the order of their keyed random numbers, so that every rank knows it alone ---------------- */

typedef struct ticket {
  double number;
  size_t row;
} ticket;

static int by_number(const void *a, const void *b) {
  const ticket *const x = a, *const y = b;
  if (x->number != y->number) return x->number < y->number ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

static fsl_status permute(fsl_ctx *ctx, fsl_key key, size_t n, ticket **out) {
  double *number;
  FSL_GET(ctx, *out, n);
  FSL_GET(ctx, number, n);
  fsl_uniforms(key, 0, 0, n, number);
  for (size_t i = 0; i < n; i++) (*out)[i] = (ticket){number[i], i};
  qsort(*out, n, sizeof **out, by_number);
  return FSL_OK;
}

static fsl_status draw_subset(fsl_ctx *ctx, const fsl_prior *prior, fsl_key key, uint64_t n_train, uint64_t first,
                              size_t n, double *x, uint32_t *mode) {
  const fsl_mixture *const rows = &prior->population;
  ticket *order;
  if (n_train > rows->n)
    return fsl_fail(ctx, FSL_EINPUT, "a training set of %llu samples is asked of a file that offers %zu",
                    (unsigned long long)n_train, rows->n);
  FSL_TRY(permute(ctx, key, rows->n, &order));
  for (size_t i = 0; i < n; i++) {
    const size_t row = order[first + i].row;
    memcpy(x + i * rows->d, rows->mean + row * rows->d, rows->d * sizeof *x);
    if (mode != NULL) mode[i] = fsl_mixture_mode(rows, row);
  }
  return FSL_OK;
}

static fsl_status draw_independent(fsl_ctx *ctx, const fsl_prior *prior, fsl_key key, uint64_t first, size_t n,
                                   double *x, uint32_t *mode) {
  uint32_t *component;
  FSL_GET(ctx, component, n);
  FSL_TRY(fsl_mixture_draw(ctx, &prior->population, 1, 0, key, first, n, x, component));
  for (size_t i = 0; i < n && mode != NULL; i++) mode[i] = fsl_mixture_mode(&prior->population, component[i]);
  return FSL_OK;
}

fsl_status fsl_prior_training_set(fsl_ctx *ctx, const fsl_prior *prior, fsl_key key, uint64_t n_train, uint64_t first,
                                  size_t n, double *x, uint32_t *mode) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const fsl_status status = prior->without_replacement ? draw_subset(ctx, prior, key, n_train, first, n, x, mode)
                                                       : draw_independent(ctx, prior, key, first, n, x, mode);
  fsl_arena_release(ctx->arena, mark);
  return status;
}

fsl_status fsl_prior_x_true(fsl_ctx *ctx, const fsl_prior *prior, fsl_key key, uint64_t observation, double *x) {
  if (prior->n_held_out == 0) return fsl_mixture_draw(ctx, &prior->population, 1, 0, key, observation, 1, x, NULL);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  ticket *order;
  FSL_TRY(permute(ctx, key, prior->n_held_out, &order));
  memcpy(x, prior->held_out + order[observation % prior->n_held_out].row * prior->d, prior->d * sizeof *x);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
