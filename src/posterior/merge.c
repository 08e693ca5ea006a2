/* merge.c: partial softmax moments merge two by two (the parallel form of log-sum-exp), lower leaves first. */
#include "posterior/merge.h"

#include <math.h>
#include <string.h>

#include "posterior/kernel.h"

enum { PIECE = 4096 };

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

/* ---- over the team ------------------------------------------------------------------------------------------------
 */

/* What an exchange did to this rank: its own trouble, and the first trouble heard of. */
typedef struct trouble {
  fsl_status own, heard;
} trouble;

static int flag_of(const trouble *t) {
  return (int)(t->own != FSL_OK ? t->own : t->heard);
}

/* Exchanges n doubles in pieces; `send` or `recv` NULL: zeros are sent, what comes is dropped. Goes on whatever
 * happens, so that no partner waits. */
static void exchange(fsl_ctx *ctx, int partner, trouble *t, const double *send, double *recv, size_t n) {
  static const double zeros[PIECE];
  double dropped[PIECE] = {0};
  const fsl_team *team = ctx->team;
  for (size_t i = 0; i < n; i += PIECE) {
    const size_t count = n - i < PIECE ? n - i : PIECE;
    int partner_flag = FSL_OK;
    const fsl_status status = team->exchange(team->self, partner, flag_of(t), &partner_flag,
                                             send != NULL ? send + i : zeros, recv != NULL ? recv + i : dropped, count);
    if (status != FSL_OK && t->own == FSL_OK)
      t->own = fsl_fail(ctx, status, "an exchange with rank %d of the group failed", partner);
    if (partner_flag != FSL_OK && t->heard == FSL_OK) t->heard = (fsl_status)partner_flag;
  }
}

static fsl_status outcome(fsl_ctx *ctx, const trouble *t) {
  if (t->own != FSL_OK) return t->own;
  if (t->heard == FSL_OK) return FSL_OK;
  return fsl_fail(ctx, t->heard, "another rank of the group gave up (%s)", fsl_status_name(t->heard));
}

/* Room for what a partner sends, or NULL with the trouble noted. */
static double *room(fsl_ctx *ctx, trouble *t, size_t n) {
  double *space = t->own == FSL_OK ? fsl_arena_get(ctx->arena, n, sizeof *space) : NULL;
  if (space == NULL && t->own == FSL_OK)
    t->own = fsl_fail(ctx, FSL_ENOMEM, "out of memory: %zu numbers from another rank", n);
  return space;
}

fsl_status fsl_team_merge(fsl_ctx *ctx, fsl_status status, fsl_partial_shape shape, size_t n, double *records) {
  if (ctx->team->size == 1 || n == 0) return status;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t size = n * fsl_partial_width(shape);
  trouble t = {.own = status};
  double *theirs = room(ctx, &t, size);
  for (int bit = 1; bit < ctx->team->size; bit *= 2) {
    exchange(ctx, ctx->team->rank ^ bit, &t, t.own == FSL_OK ? records : NULL, theirs, size);
    if (flag_of(&t) != FSL_OK) continue;
    if (ctx->team->rank & bit)
      merge_into(shape, n, theirs, records, records);
    else
      merge_into(shape, n, records, theirs, records);
  }
  fsl_arena_release(ctx->arena, mark);
  return outcome(ctx, &t);
}

fsl_status fsl_team_share(fsl_ctx *ctx, fsl_status status, size_t n, double *values) {
  if (ctx->team->size == 1 || n == 0) return status;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  trouble t = {.own = status};
  double *theirs = room(ctx, &t, n);
  for (int bit = 1; bit < ctx->team->size; bit *= 2) {
    exchange(ctx, ctx->team->rank ^ bit, &t, t.own == FSL_OK ? values : NULL, theirs, n);
    if (flag_of(&t) != FSL_OK) continue;
    for (size_t i = 0; i < n; ++i) values[i] += theirs[i];
  }
  fsl_arena_release(ctx->arena, mark);
  return outcome(ctx, &t);
}

fsl_status fsl_team_gather(fsl_ctx *ctx, fsl_status status, size_t n, double *values) {
  if (ctx->team->size == 1 || n == 0) return status;
  trouble t = {.own = status};
  for (size_t bit = 1; bit < (size_t)ctx->team->size; bit *= 2) {
    const size_t mine = (size_t)ctx->team->rank & ~(bit - 1), theirs = mine ^ bit;
    const bool well = t.own == FSL_OK;
    exchange(ctx, ctx->team->rank ^ (int)bit, &t, well ? values + mine * n : NULL, well ? values + theirs * n : NULL,
             bit * n);
  }
  return outcome(ctx, &t);
}
