/* kernel.c: the hot kernels (see kernel.h), compiled once for each instruction set with -DFSL_KERNEL_ISA=<name>.
 * Each chunk of atoms goes through distances, maxima, exponentials and weighted sums, all in the first-level cache; the
 * maximum is online (Milakov & Gimelshein 2018), and the posterior side reuses the prior side's exponential wherever
 * that loses nothing. */
#include "posterior/kernel.h"

#include <string.h>

#include "posterior/narrow.h"
#include "posterior/vector.h"

#if defined __AVX512F__ || defined __aarch64__
enum { DIMS = 4 };
#else
enum { DIMS = 2 };
#endif

enum { V = 2, LANES = V * WIDTH, ROWS = 4, DEPTH = 128, SPARSE_FROM = 12 };

/* ---- one chunk ------------------------------------------------------------------------------------------------- */

/* What one chunk leaves behind: weights of the atoms `row` that have any, in order. */
typedef struct chunk {
  size_t first, n; /* atoms first .. first+n-1 of the block */
  vec logit[FSL_CHUNK][V];
  vec e[FSL_CHUNK][V], q[FSL_CHUNK][V];
  uint32_t row[FSL_CHUNK];
  size_t count;
  vec rescale[V], post_rescale[V];
} chunk;

INLINE const vec *lanes_of(const double *values) {
  return (const vec *)values;
}

INLINE void distance_rows(int rows, const double *x, size_t d, const double *atoms, size_t stride, bool go_on,
                          vec (*out)[V]) {
  vec s[ROWS][V];
  UNROLL for (int i = 0; i < rows; ++i) UNROLL for (int v = 0; v < V; ++v) s[i][v] = go_on ? out[i][v] : (vec){0};
  for (size_t j = 0; j < d; ++j) {
    UNROLL for (int i = 0; i < rows; ++i) {
      const vec atom = splat(atoms[(size_t)i * stride + j]);
      UNROLL for (int v = 0; v < V; ++v) {
        const vec delta = lanes_of(x)[j * V + (size_t)v] - atom;
        s[i][v] += delta * delta;
      }
    }
  }
  UNROLL for (int i = 0; i < rows; ++i) UNROLL for (int v = 0; v < V; ++v) out[i][v] = s[i][v];
}

INLINE void distances(const fsl_block *b, const fsl_tile *tile, chunk *c) {
  for (size_t j = 0; j < b->d; j += DEPTH) {
    const size_t depth = b->d - j < DEPTH ? b->d - j : DEPTH;
    const double *x = tile->x + j * LANES, *atoms = b->x + c->first * b->d + j;
    size_t i = 0;
    for (; i + ROWS <= c->n; i += ROWS) distance_rows(ROWS, x, depth, atoms + i * b->d, b->d, j > 0, c->logit + i);
    for (; i < c->n; ++i) distance_rows(1, x, depth, atoms + i * b->d, b->d, j > 0, c->logit + i);
  }
}

/* Distances become logits; `max` becomes the largest so far. */
INLINE void logits(const fsl_block *b, const fsl_tile *tile, double shift, chunk *c, vec max[V]) {
  distances(b, tile, c);
  for (size_t i = 0; i < c->n; ++i) {
    const double weight = shift + (b->log_weight != NULL ? b->log_weight[c->first + i] : 0.0);
    UNROLL for (int v = 0; v < V; ++v) {
      c->logit[i][v] = weight - tile->h * c->logit[i][v];
      max[v] = larger(c->logit[i][v], max[v]);
    }
  }
}

INLINE void posterior_max(const fsl_block *b, const chunk *c, vec max[V]) {
  const double *l = b->log_likelihood + c->first;
  for (size_t i = 0; i < c->n; ++i) UNROLL for (int v = 0; v < V; ++v) max[v] = larger(c->logit[i][v] + l[i], max[v]);
}

INLINE void list_rows(chunk *c, bool sparse, bool posterior) {
  c->count = 0;
  for (size_t i = 0; i < c->n; ++i) {
    vec all = c->e[i][0] + c->e[i][1];
    if (posterior) all += c->q[i][0] + c->q[i][1];
    c->row[c->count] = (uint32_t)i;
    c->count += !sparse || some(all);
  }
}

INLINE void prior_weights(chunk *c, const vec max[V], vec sum[V]) {
  vec s[V] = {{0}};
  for (size_t i = 0; i < c->n; ++i) {
    UNROLL for (int v = 0; v < V; ++v) {
      c->e[i][v] = exponential(c->logit[i][v] - max[v]);
      s[v] += c->e[i][v];
    }
  }
  UNROLL for (int v = 0; v < V; ++v) sum[v] = sum[v] * c->rescale[v] + s[v];
}

/* Both sides with one exponential a pair: q = e L f, f = exp(M + max l - M~). It loses nothing while f < e^600: an e
 * that was flushed belongs to q < e^-100. */
INLINE void both_weights(const double *likelihood, chunk *c, const vec max[V], vec sum[V], const vec factor[V],
                         vec post_sum[V]) {
  vec s[V] = {{0}}, sq[V] = {{0}};
  for (size_t i = 0; i < c->n; ++i) {
    UNROLL for (int v = 0; v < V; ++v) {
      const vec e = exponential(c->logit[i][v] - max[v]);
      const vec q = e * likelihood[i] * factor[v];
      c->e[i][v] = e;
      c->q[i][v] = q;
      s[v] += e;
      sq[v] += q;
    }
  }
  UNROLL for (int v = 0; v < V; ++v) {
    sum[v] = sum[v] * c->rescale[v] + s[v];
    post_sum[v] = post_sum[v] * c->post_rescale[v] + sq[v];
  }
}

/* The same for a chunk where some lane needs its own second exponential; the other lanes keep the first way's bits. */
static void careful_weights(const fsl_block *b, chunk *c, const vec max[V], vec sum[V], const vec factor[V],
                            const vec gap[V], const vec post_max[V], vec post_sum[V]) {
  const double *likelihood = b->likelihood + c->first, *l = b->log_likelihood + c->first;
  const vec before[V] = {post_sum[0], post_sum[1]};
  both_weights(likelihood, c, max, sum, factor, post_sum);
  vec s[V] = {{0}};
  for (size_t i = 0; i < c->n; ++i) {
    UNROLL for (int v = 0; v < V; ++v) {
      const vec own = exponential(c->logit[i][v] + l[i] - post_max[v]);
      c->q[i][v] = choose(gap[v] > 600.0, own, c->q[i][v]);
      s[v] += c->q[i][v];
    }
  }
  UNROLL for (int v = 0; v < V; ++v) post_sum[v] = before[v] * c->post_rescale[v] + s[v];
}

INLINE void posterior_weights(const fsl_block *b, chunk *c, const vec max[V], vec sum[V], const vec post_max[V],
                              vec post_sum[V]) {
  vec gap[V], factor[V];
  UNROLL for (int v = 0; v < V; ++v) {
    gap[v] = max[v] + b->chunk_max[c->first / FSL_CHUNK] - post_max[v];
    factor[v] = exponential(choose(gap[v] > 600.0, splat(600.0), gap[v]));
  }
  if (any((gap[0] > 600.0) | (gap[1] > 600.0)))
    careful_weights(b, c, max, sum, factor, gap, post_max, post_sum);
  else
    both_weights(b->likelihood + c->first, c, max, sum, factor, post_sum);
}

/* ---- weighted sums --------------------------------------------------------------------------------------------- */

INLINE void sum_dims(int dims, const chunk *c, bool posterior, const double *payload, size_t stride, vec (*total)[V],
                     vec (*post_total)[V]) {
  vec s[DIMS][V], sq[DIMS][V];
  UNROLL for (int j = 0; j < dims; ++j) UNROLL for (int v = 0; v < V; ++v) s[j][v] = sq[j][v] = (vec){0};
  for (size_t k = 0; k < c->count; ++k) {
    const size_t i = c->row[k];
    UNROLL for (int j = 0; j < dims; ++j) {
      const vec value = splat(payload[i * stride + (size_t)j]);
      UNROLL for (int v = 0; v < V; ++v) {
        s[j][v] += c->e[i][v] * value;
        if (posterior) sq[j][v] += c->q[i][v] * value;
      }
    }
  }
  UNROLL for (int j = 0; j < dims; ++j) UNROLL for (int v = 0; v < V; ++v) {
    total[j][v] = total[j][v] * c->rescale[v] + s[j][v];
    if (posterior) post_total[j][v] = post_total[j][v] * c->post_rescale[v] + sq[j][v];
  }
}

INLINE void sum_payload(const fsl_block *b, const fsl_tile *tile, const chunk *c, bool posterior) {
  const double *payload = b->payload + c->first * b->p;
  vec(*total)[V] = (vec(*)[V])(void *)tile->vec, (*post)[V] = (vec(*)[V])(void *)tile->post_vec;
  size_t j = 0;
  for (; j + DIMS <= b->p; j += DIMS)
    sum_dims(DIMS, c, posterior, payload + j, b->p, total + j, posterior ? post + j : NULL);
  for (; j < b->p; ++j) sum_dims(1, c, posterior, payload + j, b->p, total + j, posterior ? post + j : NULL);
}

INLINE void sum_energy(const fsl_block *b, const fsl_tile *tile, const chunk *c, const vec max[V], const vec step[V],
                       const vec old_sum[V]) {
  vec *energy = (vec *)(void *)tile->energy;
  vec s[V] = {{0}};
  for (size_t i = 0; i < c->n; ++i) {
    const double adjust = b->adjust != NULL ? b->adjust[c->first + i] : 0.0;
    UNROLL for (int v = 0; v < V; ++v) s[v] += c->e[i][v] * (larger(c->logit[i][v] - max[v], splat(-800.0)) + adjust);
  }
  UNROLL for (int v = 0; v < V; ++v) energy[v] = c->rescale[v] * (energy[v] + old_sum[v] * step[v]) + s[v];
}

INLINE void set(double *values, size_t n, double value) {
  for (size_t i = 0; i < n * LANES; ++i) values[i] = value;
}

INLINE void store(double *out, const vec values[V]) {
  memcpy(out, values, sizeof(vec[V]));
}

/* The part every pass has in common: the chunk at `first`, its logits, the new maximum and the old one's factor. */
INLINE void open_chunk(const fsl_block *b, const fsl_tile *tile, size_t first, double shift, chunk *c, vec max[V],
                       vec step[V]) {
  c->first = first;
  c->n = b->n - first < FSL_CHUNK ? b->n - first : FSL_CHUNK;
  const vec old[V] = {max[0], max[1]};
  logits(b, tile, shift, c, max);
  UNROLL for (int v = 0; v < V; ++v) {
    step[v] = old[v] - max[v];
    c->rescale[v] = exponential(step[v]);
  }
}

INLINE void means_of(const fsl_block *b, const fsl_tile *tile, bool posterior) {
  chunk c;
  vec max[V] = {splat(FSL_FLOOR), splat(FSL_FLOOR)}, sum[V] = {{0}}, step[V];
  vec post_max[V] = {splat(FSL_FLOOR), splat(FSL_FLOOR)}, post_sum[V] = {{0}};
  set(tile->vec, b->p, 0.0);
  if (posterior) set(tile->post_vec, b->p, 0.0);
  if (tile->entropy) set(tile->energy, 1, 0.0);
  for (size_t first = 0; first < b->n; first += FSL_CHUNK) {
    open_chunk(b, tile, first, 0.0, &c, max, step);
    const vec old_sum[V] = {sum[0], sum[1]};
    if (posterior) {
      const vec old[V] = {post_max[0], post_max[1]};
      posterior_max(b, &c, post_max);
      UNROLL for (int v = 0; v < V; ++v) c.post_rescale[v] = exponential(old[v] - post_max[v]);
      posterior_weights(b, &c, max, sum, post_max, post_sum);
    } else {
      prior_weights(&c, max, sum);
    }
    list_rows(&c, b->p >= SPARSE_FROM, posterior);
    if (b->p > 0 && c.count > 0) sum_payload(b, tile, &c, posterior);
    if (tile->entropy) sum_energy(b, tile, &c, max, step, old_sum);
  }
  store(tile->max, max);
  store(tile->sum, sum);
  if (posterior) {
    store(tile->post_max, post_max);
    store(tile->post_sum, post_sum);
  }
}

static void means(const fsl_block *block, const fsl_tile *tile) {
  if (FOR_ISA(fsl_narrow_means)(block, tile)) return;
  const unsigned before = flush_subnormals();
  if (tile->posterior)
    means_of(block, tile, true);
  else
    means_of(block, tile, false);
  restore(before);
}

/* ---- second moments -------------------------------------------------------------------------------------------- */

/* total += sum_k z_k (P_k - centre) over the listed rows */
INLINE void sum_centred(int dims, const chunk *c, vec (*z)[V], const double *payload, size_t stride, const vec *centre,
                        vec (*total)[V]) {
  vec s[DIMS][V];
  UNROLL for (int j = 0; j < dims; ++j) UNROLL for (int v = 0; v < V; ++v) s[j][v] = (vec){0};
  for (size_t k = 0; k < c->count; ++k) {
    const size_t i = c->row[k];
    UNROLL for (int j = 0; j < dims; ++j) {
      const vec value = splat(payload[i * stride + (size_t)j]);
      UNROLL for (int v = 0; v < V; ++v) s[j][v] += z[i][v] * (value - centre[j * V + v]);
    }
  }
  UNROLL for (int j = 0; j < dims; ++j) UNROLL for (int v = 0; v < V; ++v) total[j][v] =
      total[j][v] * c->rescale[v] + s[j][v];
}

INLINE void sum_all_centred(const chunk *c, vec (*z)[V], const double *payload, size_t stride, const vec *centre,
                            size_t from, size_t to, vec (*total)[V]) {
  size_t j = from;
  for (; j + DIMS <= to; j += DIMS) sum_centred(DIMS, c, z, payload + j, stride, centre + j * V, total + (j - from));
  for (; j < to; ++j) sum_centred(1, c, z, payload + j, stride, centre + j * V, total + (j - from));
}

/* q_i = e_i (Q_i - qc) . u */
INLINE void project(const fsl_block *b, const fsl_tile *tile, chunk *c) {
  const vec *centre = lanes_of(tile->inner_centre), *u = lanes_of(tile->u);
  for (size_t k = 0; k < c->count; ++k) {
    const size_t i = c->row[k];
    const double *inner = b->inner + (c->first + i) * b->q;
    vec s[V] = {{0}};
    for (size_t j = 0; j < b->q; ++j)
      UNROLL for (size_t v = 0; v < V; ++v) s[v] += (inner[j] - centre[j * V + v]) * u[j * V + v];
    UNROLL for (int v = 0; v < V; ++v) c->q[i][v] = c->e[i][v] * s[v];
  }
}

static void cross(const fsl_block *b, const fsl_tile *tile) {
  if (FOR_ISA(fsl_narrow_cross)(b, tile)) return;
  const unsigned before = flush_subnormals();
  chunk c;
  vec max[V] = {splat(FSL_FLOOR), splat(FSL_FLOOR)}, sum[V] = {{0}}, step[V];
  set(tile->vec, b->p, 0.0);
  for (size_t first = 0; first < b->n; first += FSL_CHUNK) {
    open_chunk(b, tile, first, 0.0, &c, max, step);
    prior_weights(&c, max, sum);
    list_rows(&c, true, false);
    if (c.count == 0) continue;
    project(b, tile, &c);
    sum_all_centred(&c, c.q, b->payload + first * b->p, b->p, lanes_of(tile->payload_centre), 0, b->p,
                    (vec(*)[V])(void *)tile->vec);
  }
  store(tile->max, max);
  store(tile->sum, sum);
  restore(before);
}

static void spread(const fsl_block *b, const fsl_tile *tile) {
  const unsigned before = flush_subnormals();
  chunk c;
  vec max[V] = {splat(FSL_FLOOR), splat(FSL_FLOOR)}, sum[V] = {{0}}, step[V];
  const vec *centre = lanes_of(tile->payload_centre);
  set(tile->vec, b->p * (b->p + 1) / 2, 0.0);
  for (size_t first = 0; first < b->n; first += FSL_CHUNK) {
    open_chunk(b, tile, first, 0.0, &c, max, step);
    prior_weights(&c, max, sum);
    list_rows(&c, true, false);
    if (c.count == 0) continue;
    const double *payload = b->payload + first * b->p;
    vec(*total)[V] = (vec(*)[V])(void *)tile->vec;
    for (size_t j = 0; j < b->p; total += b->p - j, ++j) {
      for (size_t k = 0; k < c.count; ++k)
        UNROLL for (size_t v = 0; v < V; ++v) c.q[c.row[k]][v] =
            c.e[c.row[k]][v] * (payload[c.row[k] * b->p + j] - centre[j * V + v]);
      sum_all_centred(&c, c.q, payload, b->p, centre, j, b->p, total);
    }
  }
  store(tile->max, max);
  store(tile->sum, sum);
  restore(before);
}

enum { COLUMNS = 4 };

/* z = e_i (Q_i - qc) of `n` columns of the inner values */
INLINE void weigh_inner(const fsl_block *b, const fsl_tile *tile, const chunk *c, size_t column, size_t n,
                        vec (*z)[COLUMNS][V]) {
  const vec *centre = lanes_of(tile->inner_centre) + column * V;
  for (size_t k = 0; k < c->count; ++k) {
    const size_t i = c->row[k];
    const double *inner = b->inner + (c->first + i) * b->q + column;
    for (size_t j = 0; j < n; ++j)
      UNROLL for (size_t v = 0; v < V; ++v) z[i][j][v] = c->e[i][v] * (inner[j] - centre[j * V + v]);
  }
}

/* total (columns, p) += sum_k z_k (P_k - pc)^T, a dimension of P at a time */
INLINE void sum_columns(int columns, const fsl_block *b, const fsl_tile *tile, const chunk *c, vec (*z)[COLUMNS][V],
                        vec (*total)[V]) {
  const vec *centre = lanes_of(tile->payload_centre);
  for (size_t j = 0; j < b->p; ++j) {
    vec s[COLUMNS][V];
    UNROLL for (int l = 0; l < columns; ++l) UNROLL for (int v = 0; v < V; ++v) s[l][v] = (vec){0};
    for (size_t k = 0; k < c->count; ++k) {
      const size_t i = c->row[k];
      const vec value = splat(b->payload[(c->first + i) * b->p + j]);
      UNROLL for (int v = 0; v < V; ++v) {
        const vec delta = value - centre[j * V + (size_t)v];
        UNROLL for (int l = 0; l < columns; ++l) s[l][v] += z[i][l][v] * delta;
      }
    }
    UNROLL for (int l = 0; l < columns; ++l) UNROLL for (int v = 0; v < V; ++v) {
      vec *sum = &total[(size_t)l * b->p + j][v];
      *sum = *sum * c->rescale[v] + s[l][v];
    }
  }
}

static void joint(const fsl_block *b, const fsl_tile *tile) {
  if (FOR_ISA(fsl_narrow_joint)(b, tile)) return;
  const unsigned before = flush_subnormals();
  chunk c;
  vec z[FSL_CHUNK][COLUMNS][V];
  vec max[V] = {splat(FSL_FLOOR), splat(FSL_FLOOR)}, sum[V] = {{0}}, step[V];
  set(tile->vec, b->p * b->q, 0.0);
  for (size_t first = 0; first < b->n; first += FSL_CHUNK) {
    open_chunk(b, tile, first, 0.0, &c, max, step);
    prior_weights(&c, max, sum);
    list_rows(&c, true, false);
    if (c.count == 0) continue;
    vec(*total)[V] = (vec(*)[V])(void *)tile->vec;
    size_t l = 0;
    for (; l + COLUMNS <= b->q; l += COLUMNS) {
      weigh_inner(b, tile, &c, l, COLUMNS, z);
      sum_columns(COLUMNS, b, tile, &c, z, total + l * b->p);
    }
    for (; l < b->q; ++l) {
      weigh_inner(b, tile, &c, l, 1, z);
      sum_columns(1, b, tile, &c, z, total + l * b->p);
    }
  }
  store(tile->max, max);
  store(tile->sum, sum);
  restore(before);
}

/* ---- modes and picks ------------------------------------------------------------------------------------------- */

static void modes(const fsl_block *b, const fsl_tile *tile, double shift, size_t n_modes) {
  const unsigned before = flush_subnormals();
  chunk c;
  vec max[V], sum[V], step[V];
  memcpy(max, tile->max, sizeof max);
  memcpy(sum, tile->sum, sizeof sum);
  vec(*total)[V] = (vec(*)[V])(void *)tile->vec;
  for (size_t first = 0; first < b->n; first += FSL_CHUNK) {
    open_chunk(b, tile, first, shift, &c, max, step);
    prior_weights(&c, max, sum);
    if (any((step[0] < 0.0) | (step[1] < 0.0)))
      for (size_t k = 0; k < n_modes; ++k) UNROLL for (int v = 0; v < V; ++v) total[k][v] *= c.rescale[v];
    if (n_modes == 0) continue;
    for (size_t i = 0; i < c.n; ++i) {
      const size_t mode = b->mode_of != NULL ? b->mode_of[first + i] : b->first_mode + first + i;
      UNROLL for (int v = 0; v < V; ++v) total[mode][v] += c.e[i][v];
    }
  }
  store(tile->max, max);
  store(tile->sum, sum);
  restore(before);
}

static void pick(const fsl_block *b, const fsl_tile *tile, size_t *index) {
  const unsigned before = flush_subnormals();
  chunk c;
  vec unused[V] = {splat(FSL_FLOOR), splat(FSL_FLOOR)}, step[V], sum[V] = {{0}};
  ivec passed[V] = {{0}}, last[V] = {{0}};
  const vec *max = lanes_of(tile->maximum), *target = lanes_of(tile->target);
  for (size_t first = 0; first < b->n; first += FSL_CHUNK) {
    open_chunk(b, tile, first, 0.0, &c, unused, step);
    for (size_t i = 0; i < c.n; ++i) {
      const double l = tile->posterior ? b->log_likelihood[first + i] : 0.0;
      const ivec here = (ivec){0} + (int64_t)(first + i);
      UNROLL for (int v = 0; v < V; ++v) {
        const vec weight = exponential(c.logit[i][v] + l - max[v]);
        const ivec positive = weight > 0.0;
        sum[v] += weight;
        passed[v] -= sum[v] <= target[v];
        last[v] = (here & positive) | (last[v] & ~positive);
      }
    }
  }
  for (size_t k = 0; k < LANES; ++k) {
    const int64_t after = passed[k / WIDTH][k % WIDTH], limit = last[k / WIDTH][k % WIDTH];
    index[k] = (size_t)(after < limit ? after : limit);
  }
  restore(before);
}

static void exponential_of(double *values) {
  for (size_t i = 0; i < FSL_MAX_LANES; i += WIDTH) {
    vec x;
    memcpy(&x, values + i, sizeof x);
    x = exponential(x);
    memcpy(values + i, &x, sizeof x);
  }
}

extern const fsl_kernel_wide FOR_ISA(fsl_kernel_wide);
extern const struct fsl_kernel_single FOR_ISA(fsl_kernel_single);
extern const fsl_kernel FOR_ISA(fsl_kernel);
const fsl_kernel FOR_ISA(fsl_kernel) = {.name = TEXT(FSL_KERNEL_ISA),
                                        .lanes = LANES,
                                        .means = means,
                                        .cross = cross,
                                        .spread = spread,
                                        .joint = joint,
                                        .modes = modes,
                                        .pick = pick,
                                        .wide = &FOR_ISA(fsl_kernel_wide),
                                        .single = &FOR_ISA(fsl_kernel_single),
                                        .exponential = exponential_of};
