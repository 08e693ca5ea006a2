/* draw.c: exact draws of p(x_t | y) and of p(x_0 | x_t, y): a leaf (or group) by its share of the weight, then an atom
 * (or component) inside it, with one uniform. Every rank picks the leaf from the same table; the one that holds it
 * finds the atom and shares it. */
#include <math.h>
#include <string.h>

#include "posterior/internal.h"

enum { STREAM_UNIFORMS = 0, STREAM_NORMALS = 1, BATCH = 256 };

fsl_key fsl_second_key(fsl_key key) {
  return (fsl_key){{key.word[0] ^ UINT32_C(0x9e3779b9), key.word[1] ^ UINT32_C(0x85ebca6b)}};
}

size_t fsl_pick(size_t n, const double *weight, double target, double *before) {
  double sum = 0.0;
  size_t last = 0;
  *before = 0.0;
  for (size_t i = 0; i < n; ++i) {
    if (!(weight[i] > 0.0)) continue;
    *before = sum;
    last = i;
    sum += weight[i];
    if (sum > target) break;
  }
  return last;
}

/* Within the picked entry: what is left of the target, as a share of the entry's weight. */
static double rest(double target, double before, double weight) {
  return weight > 0.0 ? fmin(1.0, fmax(0.0, (target - before) / weight)) : 0.0;
}

/* x += sqrt(v) times normals; an odd d skips one normal a draw, so that Box-Muller pairs belong to one draw. */
static fsl_status add_noise(fsl_ctx *ctx, fsl_key key, uint64_t stream, uint64_t first, size_t n, size_t d, double v,
                            double *x) {
  const size_t padded = d + d % 2;
  const double root = sqrt(v);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *z;
  FSL_GET(ctx, z, BATCH * padded);
  for (size_t done = 0; done < n; done += BATCH) {
    const size_t batch = n - done < BATCH ? n - done : BATCH;
    fsl_normals(key, stream, (first + done) * padded, batch * padded, z);
    for (size_t i = 0; i < batch; ++i)
      for (size_t j = 0; j < d; ++j) x[(done + i) * d + j] += root * z[i * padded + j];
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* ---- atoms: p(x_t | y) ------------------------------------------------------------------------------------------- */

static bool owns(const fsl_atom_set *set, size_t leaf) {
  return leaf >= set->first_leaf && leaf < set->first_leaf + set->own_leaves;
}

/* First atom of a leaf whose cumulative weight exceeds the share, by bisection. */
static size_t find_atom(const fsl_atom_set *set, size_t leaf, double share) {
  size_t offset;
  const size_t n = fsl_atoms_leaf(set, leaf, &offset).n;
  const double *cumulative = set->cumulative + offset, target = fmin(share, 1.0 - 0x1p-53) * cumulative[n - 1];
  size_t low = 0, high = n - 1;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (cumulative[middle] > target)
      high = middle;
    else
      low = middle + 1;
  }
  return offset + low;
}

static fsl_status atoms_of(fsl_ctx *ctx, const fsl_atom_set *set, fsl_key key, uint64_t first, size_t n, double *x0) {
  double *u, *share, total = 0.0;
  FSL_GET(ctx, u, n);
  FSL_GET(ctx, share, set->n_leaves);
  for (size_t k = 0; k < set->n_leaves; ++k) total += share[k] = exp(set->leaf_log[k] - set->log_evidence);
  fsl_uniforms(key, STREAM_UNIFORMS, first, n, u);
  memset(x0, 0, n * set->d * sizeof *x0);
  for (size_t i = 0; i < n; ++i) {
    double before;
    const size_t leaf = fsl_pick(set->n_leaves, share, u[i] * total, &before);
    if (!owns(set, leaf)) continue;
    const size_t atom = find_atom(set, leaf, rest(u[i] * total, before, share[leaf]));
    memcpy(x0 + i * set->d, set->x + atom * set->d, set->d * sizeof *x0);
  }
  return FSL_OK;
}

fsl_status fsl_atoms_draw(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, fsl_key key, uint64_t first,
                          size_t n, double *x, double *x0) {
  const fsl_atom_set *set = &posterior->atoms;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY(atoms_of(ctx, set, key, first, n, x));
  if (set->sharded) FSL_TRY(fsl_team_share(ctx, n * set->d, x));
  fsl_arena_release(ctx->arena, mark);
  if (x0 != NULL) memcpy(x0, x, n * set->d * sizeof *x0);
  for (size_t i = 0; i < n * set->d; ++i) x[i] *= a;
  return add_noise(ctx, key, STREAM_NORMALS, first, n, set->d, v, x);
}

/* ---- one pick a state inside a block ----------------------------------------------------------------------------- */

/* States `list` (count of them) look for their shares inside one block; picked[i] is the atom of list[i]. */
typedef struct search {
  const fsl_kernel *kernel;
  fsl_block block;
  double a, v;
  bool posterior;
  const double *x;                /* (n, d) */
  const double *maximum, *target; /* n */
} search;

static fsl_status find_in_block(fsl_ctx *ctx, const search *s, size_t count, const size_t *list, size_t *picked) {
  const size_t lanes = s->kernel->lanes, d = s->block.d;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *x, *maximum, *target;
  FSL_GET(ctx, x, d * lanes);
  FSL_GET(ctx, maximum, lanes);
  FSL_GET(ctx, target, lanes);
  for (size_t first = 0; first < count; first += lanes) {
    const size_t n = count - first < lanes ? count - first : lanes;
    size_t index[FSL_MAX_LANES];
    for (size_t k = 0; k < n; ++k) {
      const size_t i = list[first + k];
      for (size_t j = 0; j < d; ++j) x[j * lanes + k] = s->x[i * d + j] / fsl_divisor(s->a);
      maximum[k] = s->maximum[i];
      target[k] = s->target[i];
    }
    const fsl_tile tile = {
        .h = fsl_precision(s->a, s->v), .x = x, .maximum = maximum, .target = target, .posterior = s->posterior};
    s->kernel->pick(&s->block, &tile, index);
    for (size_t k = 0; k < n; ++k) picked[first + k] = index[k];
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* From (maximum, sum) of each of `n_parts` parts of n states: the part each state picks with its uniform, and what to
 * look for inside. table (n_parts, n, 2). States that are not finite pick nothing (n_parts). */
static fsl_status pick_parts(fsl_ctx *ctx, size_t n_parts, size_t n, size_t d, const double *x, const double *table,
                             const double *u, size_t *part, double *maximum, double *target) {
  double *weight;
  FSL_GET(ctx, weight, n_parts);
  for (size_t i = 0; i < n; ++i) {
    double most = FSL_FLOOR, total = 0.0, before;
    part[i] = n_parts;
    if (!fsl_is_finite(d, x + i * d)) continue;
    for (size_t k = 0; k < n_parts; ++k) most = fmax(most, table[(k * n + i) * 2]);
    for (size_t k = 0; k < n_parts; ++k) {
      const double *entry = table + (k * n + i) * 2;
      total += weight[k] = entry[1] * exp(entry[0] - most);
    }
    if (!(total > 0.0)) continue;
    const size_t k = fsl_pick(n_parts, weight, u[i] * total, &before);
    part[i] = k;
    maximum[i] = table[(k * n + i) * 2];
    target[i] = rest(u[i] * total, before, weight[k]) * table[(k * n + i) * 2 + 1];
  }
  return FSL_OK;
}

static size_t list_part(size_t n, const size_t *part, size_t k, size_t *list) {
  size_t count = 0;
  for (size_t i = 0; i < n; ++i)
    if (part[i] == k) list[count++] = i;
  return count;
}

static void nan_where_none(size_t n, size_t d, const size_t *part, size_t none, double *x0) {
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < d && part[i] == none; ++j) x0[i * d + j] = NAN;
}

/* ---- atoms: p(x_0 | x_t, y) -------------------------------------------------------------------------------------- */

/* (maximum, sum) of the posterior side of this rank's leaves at every state. */
static fsl_status leaf_table(fsl_ctx *ctx, const fsl_atom_set *set, const fsl_pass *pass, double *table) {
  const size_t width = fsl_partial_width(pass->shape), side = fsl_partial_side(pass->shape);
  const fsl_leaves own = fsl_atoms_own(ctx, set);
  double *records;
  FSL_GET(ctx, records, pass->n * width);
  for (size_t k = own.first; k < own.first + own.count; ++k) {
    size_t offset;
    const fsl_block block = fsl_atoms_leaf(set, k, &offset);
    FSL_TRY(fsl_pass_run(ctx, pass, &block, records));
    for (size_t i = 0; i < pass->n; ++i)
      memcpy(table + (k * pass->n + i) * 2, records + i * width + side, 2 * sizeof *table);
  }
  return FSL_OK;
}

static fsl_status find_atoms(fsl_ctx *ctx, const fsl_atom_set *set, search *s, size_t n, const size_t *part,
                             double *x0) {
  const fsl_leaves own = fsl_atoms_own(ctx, set);
  size_t *list, *picked;
  FSL_GET(ctx, list, n);
  FSL_GET(ctx, picked, n);
  for (size_t k = own.first; k < own.first + own.count; ++k) {
    size_t offset;
    const fsl_block block = fsl_atoms_leaf(set, k, &offset);
    const size_t count = list_part(n, part, k, list);
    s->block = block;
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(find_in_block(ctx, s, count, list, picked));
    for (size_t i = 0; i < count; ++i) memcpy(x0 + list[i] * set->d, block.x + picked[i] * set->d, set->d * sizeof *x0);
  }
  return FSL_OK;
}

/* Everything of a draw_x0 between the table and the sharing of atoms: this rank's part alone. */
static fsl_status own_atoms(fsl_ctx *ctx, const fsl_posterior *posterior, const fsl_pass *pass, const double *table,
                            const double *u, size_t *part, double *x0) {
  const fsl_atom_set *set = &posterior->atoms;
  double *maximum, *target;
  FSL_GET(ctx, maximum, pass->n);
  FSL_GET(ctx, target, pass->n);
  FSL_TRY(pick_parts(ctx, set->n_leaves, pass->n, set->d, pass->x, table, u, part, maximum, target));
  search s = {.kernel = posterior->kernel,
              .a = pass->a,
              .v = pass->v,
              .posterior = true,
              .x = pass->x,
              .maximum = maximum,
              .target = target};
  memset(x0, 0, pass->n * set->d * sizeof *x0);
  return find_atoms(ctx, set, &s, pass->n, part, x0);
}

fsl_status fsl_atoms_draw_x0(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, fsl_key key,
                             uint64_t stream, uint64_t first, size_t n, const double *x, double *x0) {
  const fsl_atom_set *set = &posterior->atoms;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const fsl_pass pass = {.kernel = posterior->kernel,
                         .what = FSL_PASS_MEANS,
                         .n = n,
                         .d = set->d,
                         .x = x,
                         .a = a,
                         .v = v,
                         .shape = {.sides = 2}};
  double *table, *u;
  size_t *part;
  FSL_GET(ctx, table, set->n_leaves * n * 2);
  FSL_GET(ctx, u, n);
  FSL_GET(ctx, part, n);
  FSL_TRY(leaf_table(ctx, set, &pass, table));
  if (set->divided) FSL_TRY(fsl_team_gather(ctx, fsl_atoms_own(ctx, set).count * n * 2, table));
  fsl_uniforms(key, stream, first, n, u);
  FSL_TRY(own_atoms(ctx, posterior, &pass, table, u, part, x0));
  if (set->divided) FSL_TRY(fsl_team_share(ctx, n * set->d, x0));
  nan_where_none(n, set->d, part, set->n_leaves, x0);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* ---- mixtures ---------------------------------------------------------------------------------------------------- */

fsl_status fsl_mixtures_draw(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, fsl_key key,
                             uint64_t first, size_t n, double *x, double *x0) {
  const size_t d = posterior->prior.d;
  FSL_TRY(fsl_mixture_draw(ctx, &posterior->conditioned, 1.0, 0.0, key, first, n, x, NULL));
  if (x0 != NULL) memcpy(x0, x, n * d * sizeof *x0);
  for (size_t i = 0; i < n * d; ++i) x[i] *= a;
  return add_noise(ctx, fsl_second_key(key), STREAM_NORMALS, first, n, d, v, x);
}

typedef struct mixture_draw {
  double a, v;
  const double *x, *z; /* (n, d), (n, padded) */
  size_t n, padded;
} mixture_draw;

static fsl_status group_table(fsl_ctx *ctx, const fsl_posterior *posterior, const fsl_group *group,
                              const mixture_draw *q, double *table) {
  const size_t d = posterior->prior.d;
  const fsl_partial_shape shape = {.sides = 1};
  fsl_noised_group noised;
  double *rotated, *scaled, *records;
  FSL_TRY(fsl_group_noised(ctx, group, d, q->a, q->v, &noised));
  FSL_GET(ctx, rotated, q->n * d);
  FSL_GET(ctx, scaled, q->n * d);
  FSL_GET(ctx, records, q->n * fsl_partial_width(shape));
  FSL_TRY(fsl_group_states(ctx, group, &noised, q->n, d, q->x, rotated, scaled));
  const fsl_pass pass = {.kernel = posterior->kernel,
                         .what = FSL_PASS_MEANS,
                         .n = q->n,
                         .d = d,
                         .x = scaled,
                         .a = noised.a,
                         .v = noised.v,
                         .shape = shape};
  noised.block.p = 0;
  FSL_TRY(fsl_pass_run(ctx, &pass, &noised.block, records));
  for (size_t i = 0; i < q->n; ++i) {
    table[2 * i] = records[i * fsl_partial_width(shape) + FSL_PARTIAL_MAX] + noised.constant;
    table[2 * i + 1] = records[i * fsl_partial_width(shape) + FSL_PARTIAL_SUM];
  }
  return FSL_OK;
}

/* x0 = m_k + U diag(sqrt(lambda v/tau)) z in the group's frame */
static void displace(const fsl_group *group, const fsl_noised_group *noised, size_t d, const double *rotated,
                     size_t component, const double *z, double *row, double *x0) {
  for (size_t j = 0; j < d; ++j)
    row[j] = noised->shrink[j] * group->mean[component * d + j] + noised->gain[j] * rotated[j] +
             sqrt(group->covariance->values[j] * noised->shrink[j]) * z[j];
  fsl_group_unrotate(group, d, row, x0);
}

static fsl_status group_draw(fsl_ctx *ctx, const fsl_posterior *posterior, const fsl_group *group,
                             const mixture_draw *q, size_t count, const size_t *list, double *maximum,
                             const double *target, double *x0) {
  const size_t d = posterior->prior.d;
  fsl_noised_group noised;
  double *rotated, *scaled, *row;
  size_t *picked;
  FSL_TRY(fsl_group_noised(ctx, group, d, q->a, q->v, &noised));
  FSL_GET(ctx, rotated, q->n * d);
  FSL_GET(ctx, scaled, q->n * d);
  FSL_GET(ctx, row, d);
  FSL_GET(ctx, picked, count);
  FSL_TRY(fsl_group_states(ctx, group, &noised, q->n, d, q->x, rotated, scaled));
  for (size_t i = 0; i < count; ++i) maximum[list[i]] -= noised.constant;
  const search s = {.kernel = posterior->kernel,
                    .block = noised.block,
                    .a = noised.a,
                    .v = noised.v,
                    .x = scaled,
                    .maximum = maximum,
                    .target = target};
  FSL_TRY(find_in_block(ctx, &s, count, list, picked));
  for (size_t i = 0; i < count; ++i)
    displace(group, &noised, d, rotated + list[i] * d, picked[i], q->z + list[i] * q->padded, row, x0 + list[i] * d);
  return FSL_OK;
}

static fsl_status draw_by_group(fsl_ctx *ctx, const fsl_posterior *posterior, const mixture_draw *q, const double *u,
                                double *x0) {
  const fsl_groups *groups = &posterior->conditioned_groups;
  const size_t n = q->n;
  double *table, *maximum, *target;
  size_t *part, *list;
  FSL_GET(ctx, table, groups->n * n * 2);
  FSL_GET(ctx, maximum, n);
  FSL_GET(ctx, target, n);
  FSL_GET(ctx, part, n);
  FSL_GET(ctx, list, n);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  for (size_t g = 0; g < groups->n; ++g) {
    FSL_TRY(group_table(ctx, posterior, &groups->group[g], q, table + g * n * 2));
    fsl_arena_release(ctx->arena, mark);
  }
  FSL_TRY(pick_parts(ctx, groups->n, n, groups->d, q->x, table, u, part, maximum, target));
  for (size_t g = 0; g < groups->n; ++g) {
    const size_t count = list_part(n, part, g, list);
    if (count > 0) FSL_TRY(group_draw(ctx, posterior, &groups->group[g], q, count, list, maximum, target, x0));
    fsl_arena_release(ctx->arena, mark);
  }
  nan_where_none(n, groups->d, part, groups->n, x0);
  return FSL_OK;
}

fsl_status fsl_mixtures_draw_x0(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, fsl_key key,
                                uint64_t stream, uint64_t first, size_t n, const double *x, double *x0) {
  const size_t d = posterior->prior.d, padded = d + d % 2;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *u, *z;
  FSL_GET(ctx, u, n);
  FSL_GET(ctx, z, n * padded);
  fsl_uniforms(key, stream, first, n, u);
  fsl_normals(fsl_second_key(key), stream, first * padded, n * padded, z);
  const mixture_draw q = {.a = a, .v = v, .x = x, .z = z, .n = n, .padded = padded};
  FSL_TRY(draw_by_group(ctx, posterior, &q, u, x0));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
