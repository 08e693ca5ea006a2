/* merge.c: partial softmax moments merge two by two (the parallel form of log-sum-exp), lower leaves first. */
#include "posterior/merge.h"

#include <math.h>
#include <string.h>

#include "posterior/kernel.h"

size_t fsl_partial_side(fsl_partial_shape shape) {
  return FSL_PARTIAL_VEC + shape.p;
}
size_t fsl_partial_width(fsl_partial_shape shape) {
  return shape.sides * fsl_partial_side(shape);
}

static double shifted_energy(const double *record, double max, double factor) {
  return factor * (record[FSL_PARTIAL_ENERGY] + record[FSL_PARTIAL_SUM] * (record[FSL_PARTIAL_MAX] - max));
}

static void merge_side(size_t p, bool energy, const double *lower, const double *upper, double *out) {
  const double max = fmax(lower[FSL_PARTIAL_MAX], upper[FSL_PARTIAL_MAX]);
  const double f = exp(lower[FSL_PARTIAL_MAX] - max), g = exp(upper[FSL_PARTIAL_MAX] - max);
  out[FSL_PARTIAL_ENERGY] = energy ? shifted_energy(lower, max, f) + shifted_energy(upper, max, g) : 0.0;
  out[FSL_PARTIAL_SUM] = lower[FSL_PARTIAL_SUM] * f + upper[FSL_PARTIAL_SUM] * g;
  out[FSL_PARTIAL_MAX] = max;
  for (size_t j = FSL_PARTIAL_VEC; j < FSL_PARTIAL_VEC + p; ++j) out[j] = lower[j] * f + upper[j] * g;
}

static void merge_into(fsl_partial_shape shape, size_t n, const double *lower, const double *upper, double *out) {
  const size_t side = fsl_partial_side(shape);
  for (size_t i = 0; i < n * shape.sides; ++i)
    merge_side(shape.p, shape.energy, lower + i * side, upper + i * side, out + i * side);
}

void fsl_partial_merge(fsl_partial_shape shape, size_t n, double *lower, const double *upper) {
  merge_into(shape, n, lower, upper, lower);
}

void fsl_partial_clear(fsl_partial_shape shape, size_t n, double *records) {
  const size_t side = fsl_partial_side(shape);
  memset(records, 0, n * shape.sides * side * sizeof *records);
  for (size_t i = 0; i < n * shape.sides; ++i) records[i * side] = FSL_FLOOR;
}

/* ---- over the team --------------------------------------------------------------------------------------------- */

/* Room is taken before the round begins: nothing of a rank's own can go wrong inside it. */
fsl_status fsl_team_merge(fsl_ctx *ctx, fsl_partial_shape shape, size_t n, double *records) {
  if (ctx->team->size == 1 || n == 0) return FSL_OK;
  FSL_TRY(fsl_check_stop(ctx));
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t size = n * fsl_partial_width(shape);
  double *theirs;
  FSL_GET(ctx, theirs, size);
  fsl_round round = fsl_round_begin(ctx, FSL_OK);
  for (int bit = 1; bit < ctx->team->size; bit *= 2) {
    if (!fsl_round_step(ctx, &round, bit, size, records, theirs)) continue;
    if (ctx->team->rank & bit)
      merge_into(shape, n, theirs, records, records);
    else
      merge_into(shape, n, records, theirs, records);
  }
  fsl_arena_release(ctx->arena, mark);
  return fsl_round_end(ctx, &round);
}

fsl_status fsl_team_share(fsl_ctx *ctx, size_t n, double *values) {
  if (ctx->team->size == 1 || n == 0) return FSL_OK;
  FSL_TRY(fsl_check_stop(ctx));
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *theirs;
  FSL_GET(ctx, theirs, n);
  fsl_round round = fsl_round_begin(ctx, FSL_OK);
  for (int bit = 1; bit < ctx->team->size; bit *= 2) {
    if (!fsl_round_step(ctx, &round, bit, n, values, theirs)) continue;
    for (size_t i = 0; i < n; ++i) values[i] += theirs[i];
  }
  fsl_arena_release(ctx->arena, mark);
  return fsl_round_end(ctx, &round);
}

fsl_status fsl_team_gather(fsl_ctx *ctx, size_t n, double *values) {
  if (ctx->team->size == 1 || n == 0) return FSL_OK;
  FSL_TRY(fsl_check_stop(ctx));
  fsl_round round = fsl_round_begin(ctx, FSL_OK);
  for (size_t bit = 1; bit < (size_t)ctx->team->size; bit *= 2) {
    const size_t mine = (size_t)ctx->team->rank & ~(bit - 1), theirs = mine ^ bit;
    fsl_round_step(ctx, &round, (int)bit, bit * n, values + mine * n, values + theirs * n);
  }
  return fsl_round_end(ctx, &round);
}
