/* kernel_single.c: means and second moments in single precision (see single.h). Direct differences throughout:
 * expanded squares lose a hundred times more in float. One exponential a pair serves both sides as in kernel_narrow.c;
 * where that is not enough the caller asks again in double. */
#include <string.h>

#include "posterior/single.h"
#include "posterior/vector_single.h"

enum {
  V = 2,
  LANES = V * FLOATS,
  ROWS = FSL_SINGLE_ROWS,
  CHUNK = 2 * FSL_CHUNK,
  DEPTH = 64,
  SPARSE_FROM = 12,
  WIDE_FROM = 32,
  MOST = 8
};
#if defined __AVX512F__ || defined __aarch64__
enum { JOINT = 5, DIMS = 8 };
#else
enum { JOINT = 3, DIMS = 4 };
#endif
/* Dimensions summed at once: up to JOINT of them for every vector of states, or DIMS for one. */

/* Weights are exp(logit - M + LIFT): floats reach further up than sums need, and tiny weights last longer. */
#define LIFT  60.0F
#define FLOOR (-3e38F)
/* A weight below this share of its sum is left out of the sums of many dimensions: a million of them are below 1e-9. */
#define NEGLIGIBLE 0x1p-50

typedef struct chunk {
  size_t n; /* a multiple of ROWS: atoms without weight at the end */
  const float *x;
  float weight[CHUNK], likelihood[CHUNK];
  fvec (*e)[V], q[CHUNK][V]; /* of the tile at hand */
  uint32_t row[CHUNK];       /* atoms with any weight */
  size_t count;
} chunk;

INLINE const fvec *lanes_of(const float *values) {
  return (const fvec *)values;
}

/* x_k = exp(x_k), 0 below -88: as in kernel_narrow.c, degree 6 (error 2e-8). */
INLINE void exponentials(int n, fvec *x) {
  static const float c[] = {
      0x1.470b4ap-13F, 0x1.5f7276p-10F, 0x1.3b270ep-7F, 0x1.c6ae72p-5F, 0x1.ebfbe2p-3F, 0x1.62e432p-1F, 1.0F};
  const float magic = 0x1.8p23F;
  fvec t[2 * V], p[2 * V];
  UNROLL for (int k = 0; k < n; ++k) x[k] = flarger(x[k] * 0x1.715476p+0F, fsplat(-127.0F));
  UNROLL for (int k = 0; k < n; ++k) t[k] = x[k] + magic;
  UNROLL for (int k = 0; k < n; ++k) x[k] -= t[k] - magic;
  UNROLL for (int k = 0; k < n; ++k) p[k] = x[k] * c[0] + c[1];
  UNROLL for (int i = 2; i < 7; ++i) UNROLL for (int k = 0; k < n; ++k) p[k] = p[k] * x[k] + c[i];
  UNROLL for (int k = 0; k < n; ++k) x[k] = (fvec)((fuvec)p[k] + ((fuvec)t[k] << 23));
}

/* ---- a chunk's atoms ------------------------------------------------------------------------------------------- */

static double largest(const fsl_block *b) {
  double most = FSL_FLOOR;
  for (size_t c = 0; c < (b->n + FSL_CHUNK - 1) / FSL_CHUNK; ++c)
    most = b->chunk_max[c] > most ? b->chunk_max[c] : most;
  return most;
}

static void set_likelihoods(const fsl_block *b, size_t first, size_t n, double reference, chunk *c) {
  for (size_t start = 0; start < n; start += FSL_CHUNK) {
    const size_t end = start + FSL_CHUNK < n ? start + FSL_CHUNK : n;
    const double factor = exponential(splat(b->chunk_max[(first + start) / FSL_CHUNK] - reference))[0];
    for (size_t i = start; i < end; ++i) c->likelihood[i] = (float)(b->likelihood[first + i] * factor);
  }
  for (size_t i = n; i < c->n; ++i) c->likelihood[i] = 0.0F;
}

static void open_chunk(const fsl_block *b, const float *x, size_t first, size_t most, bool posterior, double reference,
                       chunk *c) {
  const size_t n = b->n - first < most ? b->n - first : most;
  c->n = (n + ROWS - 1) / ROWS * ROWS;
  c->x = x + first * b->d;
  for (size_t i = 0; i < n; ++i) c->weight[i] = b->log_weight != NULL ? (float)b->log_weight[first + i] : 0.0F;
  for (size_t i = n; i < c->n; ++i) c->weight[i] = -__builtin_inff();
  if (posterior) set_likelihoods(b, first, n, reference, c);
}

/* ---- logits ---------------------------------------------------------------------------------------------------- */

INLINE void distance_rows(size_t depth, const fvec *x, const float *atoms, size_t stride, fvec s[ROWS][V]) {
  UNROLL for (int i = 0; i < ROWS; ++i) UNROLL for (int v = 0; v < V; ++v) s[i][v] = (fvec){0};
  for (size_t j = 0; j < depth; ++j) UNROLL for (size_t i = 0; i < ROWS; ++i) {
      const fvec atom = fsplat(atoms[i * stride + j]);
      UNROLL for (size_t v = 0; v < V; ++v) {
        const fvec delta = x[j * V + v] - atom;
        s[i][v] += delta * delta;
      }
    }
}

INLINE void finish_rows(const float *weight, float h, fvec s[ROWS][V], fvec (*out)[V], fvec max[V]) {
  UNROLL for (int i = 0; i < ROWS; ++i) UNROLL for (int v = 0; v < V; ++v) {
    out[i][v] = weight[i] - h * s[i][v];
    max[v] = flarger(out[i][v], max[v]);
  }
}

INLINE void logits_in(size_t d, const fsl_single_tile *tile, chunk *c, fvec max[V]) {
  fvec most[V] = {max[0], max[1]};
  const fvec *x = lanes_of(tile->x);
  const float *atoms = c->x, h = tile->h;
  for (size_t i = 0, n = c->n; i < n; i += ROWS) {
    fvec s[ROWS][V];
    distance_rows(d, x, atoms + i * d, d, s);
    finish_rows(c->weight + i, h, s, c->e + i, most);
  }
  memcpy(max, most, sizeof most);
}

/* Depth by depth: a block of the atoms stays in the first-level cache for all tiles, and sums of sums lose less. */
static void deep_distances(size_t d, size_t n_tiles, const fsl_single_tile *tile, const chunk *c, fvec e[][CHUNK][V]) {
  for (size_t j = 0; j < d; j += DEPTH) {
    const size_t depth = d - j < DEPTH ? d - j : DEPTH;
    for (size_t t = 0; t < n_tiles; ++t)
      for (size_t i = 0, n = c->n; i < n; i += ROWS) {
        fvec s[ROWS][V];
        distance_rows(depth, lanes_of(tile[t].x) + j * V, c->x + i * d + j, d, s);
        UNROLL for (size_t k = 0; k < ROWS; ++k) UNROLL for (int v = 0; v < V; ++v) {
          if (j > 0) s[k][v] += e[t][i + k][v];
          e[t][i + k][v] = s[k][v];
        }
      }
  }
}

static void finish_logits(float h, chunk *c, fvec max[V]) {
  fvec most[V] = {max[0], max[1]};
  for (size_t i = 0, n = c->n; i < n; i += ROWS) {
    fvec s[ROWS][V];
    memcpy(s, c->e + i, sizeof s);
    finish_rows(c->weight + i, h, s, c->e + i, most);
  }
  memcpy(max, most, sizeof most);
}

/* call(k), k a constant, for k == d; else */
#define DIMENSION(k, call)                                                                                             \
  case k:                                                                                                              \
    call(k);                                                                                                           \
    break;
#define FOR_DIMENSION(d, call, other)                                                                                  \
  switch (d) {                                                                                                         \
    DIMENSION(1, call)                                                                                                 \
    DIMENSION(2, call)                                                                                                 \
    DIMENSION(3, call)                                                                                                 \
    DIMENSION(4, call)                                                                                                 \
    DIMENSION(5, call)                                                                                                 \
    DIMENSION(6, call)                                                                                                 \
    DIMENSION(7, call)                                                                                                 \
    DIMENSION(8, call)                                                                                                 \
  default:                                                                                                             \
    other;                                                                                                             \
  }

/* Distances are there already where d > MOST. */
static void logits(size_t d, const fsl_single_tile *tile, chunk *c, fvec max[V]){
#define CALL(dims) logits_in(dims, tile, c, max)
    FOR_DIMENSION(d, CALL, finish_logits(tile->h, c, max))
#undef CALL
}

/* ---- running sums ---------------------------------------------------------------------------------------------- */

/* total (lanes) += s, vectors v .. v+count-1 */
INLINE void add(const fvec *s, int v, int count, double *total) {
  float values[LANES];
  memcpy(values, s, (size_t)count * sizeof *s);
  for (int k = 0; k < count * FLOATS; ++k) total[v * FLOATS + k] += (double)values[k];
}

INLINE void rescale(const double *factor, size_t n, double *values) {
  for (size_t j = 0; j < n; ++j)
    for (size_t k = 0; k < LANES; ++k) values[j * LANES + k] *= factor[k];
}

/* A larger maximum for all that was summed so far. A factor of exactly 1 changes nothing. */
static void raise_maximum(const fvec max[V], size_t p, bool posterior, fvec now[V], const fsl_single_tile *tile) {
  float before[LANES], after[LANES];
  double factor[LANES] __attribute__((aligned(64)));
  if (!fany_above(max[0], now[0]) && !fany_above(max[1], now[1])) return;
  memcpy(before, now, sizeof before);
  memcpy(after, max, sizeof after);
  memcpy(now, max, sizeof after);
  for (size_t k = 0; k < LANES; ++k) factor[k] = (double)before[k] - (double)after[k];
  for (size_t k = 0; k < LANES; k += WIDTH) *(vec *)(void *)(factor + k) = exponential(*(const vec *)(factor + k));
  rescale(factor, 1, tile->sum);
  rescale(factor, p, tile->vec);
  if (!posterior) return;
  rescale(factor, 1, tile->post_sum);
  rescale(factor, p, tile->post_vec);
}

/* ---- weights --------------------------------------------------------------------------------------------------- */

INLINE void weights(bool posterior, const fvec max[V], chunk *c, const fsl_single_tile *tile) {
  const fvec reference[V] = {max[0] - LIFT, max[1] - LIFT};
  fvec sum[V] = {{0}}, post_sum[V] = {{0}};
  for (size_t i = 0, n = c->n; i < n; i += 2) {
    fvec x[2 * V];
    UNROLL for (size_t k = 0; k < 2 * V; ++k) x[k] = c->e[i + k / V][k % V] - reference[k % V];
    exponentials(2 * V, x);
    UNROLL for (size_t k = 0; k < 2 * V; ++k) {
      c->e[i + k / V][k % V] = x[k];
      sum[k % V] += x[k];
      if (!posterior) continue;
      const fvec q = x[k] * fsplat(c->likelihood[i + k / V]);
      c->q[i + k / V][k % V] = q;
      post_sum[k % V] += q;
    }
  }
  add(sum, 0, V, tile->sum);
  if (posterior) add(post_sum, 0, V, tile->post_sum);
}

INLINE void thresholds(const double *sum, fvec out[V]) {
  float low[LANES];
  for (size_t k = 0; k < LANES; ++k) low[k] = (float)(sum[k] * NEGLIGIBLE);
  memcpy(out, low, sizeof low);
}

/* Lists the atoms with any weight. sparse: weights that no sum so far can feel become 0, each lane's by itself. */
static void list_rows(bool sparse, bool posterior, chunk *c, const fsl_single_tile *tile) {
  fvec low[V], post_low[V];
  thresholds(tile->sum, low);
  if (posterior) thresholds(tile->post_sum, post_low);
  c->count = 0;
  for (size_t i = 0, n = c->n; i < n; ++i) {
    c->row[c->count] = (uint32_t)i;
    if (!sparse) {
      ++c->count;
      continue;
    }
    fvec all = {0};
    UNROLL for (int v = 0; v < V; ++v) {
      c->e[i][v] = fkeep(c->e[i][v], low[v]);
      if (posterior) c->q[i][v] = fkeep(c->q[i][v], post_low[v]);
      all += posterior ? c->e[i][v] + c->q[i][v] : c->e[i][v] + (fvec){0};
    }
    c->count += fany_above(all, (fvec){0});
  }
}

/* ---- sums ------------------------------------------------------------------------------------------------------ */

/* Dimensions first .. first+dims-1 of `count` vectors of states from v on. rows: only atoms with any weight. */
INLINE void sum_dims(bool rows, bool posterior, size_t d, size_t first, int dims, int v, int count, const chunk *c,
                     const fsl_single_tile *tile) {
  fvec s[DIMS][V], sq[DIMS][V];
  const float *atoms = c->x + first;
  UNROLL for (int j = 0; j < dims; ++j) UNROLL for (int k = 0; k < count; ++k) s[j][k] = sq[j][k] = (fvec){0};
  for (size_t r = 0, n = rows ? c->count : c->n; r < n; ++r) {
    const size_t i = rows ? c->row[r] : r;
    UNROLL for (int j = 0; j < dims; ++j) {
      const fvec x = fsplat(atoms[i * d + (size_t)j]);
      UNROLL for (int k = 0; k < count; ++k) {
        s[j][k] += c->e[i][v + k] * x;
        if (posterior) sq[j][k] += c->q[i][v + k] * x;
      }
    }
  }
  UNROLL for (int j = 0; j < dims; ++j) {
    add(s[j], v, count, tile->vec + (first + (size_t)j) * LANES);
    if (posterior) add(sq[j], v, count, tile->post_vec + (first + (size_t)j) * LANES);
  }
}

INLINE void sums_in(bool posterior, int d, const chunk *c, const fsl_single_tile *tile) {
  const int half = d <= DIMS ? d : (d + 1) / 2;
  if (d <= JOINT) {
    sum_dims(false, posterior, (size_t)d, 0, d, 0, V, c, tile);
    return;
  }
  UNROLL for (int v = 0; v < V; ++v) {
    sum_dims(false, posterior, (size_t)d, 0, half, v, 1, c, tile);
    if (half < d) sum_dims(false, posterior, (size_t)d, (size_t)half, d - half, v, 1, c, tile);
  }
}

INLINE void deep_sums(bool posterior, size_t d, chunk *c, const fsl_single_tile *tile) {
  const int dims = posterior ? DIMS / 2 : DIMS;
  size_t j = 0;
  list_rows(d >= SPARSE_FROM, posterior, c, tile);
  for (; j + (size_t)dims <= d; j += (size_t)dims) sum_dims(true, posterior, d, j, dims, 0, V, c, tile);
  for (; j < d; ++j) sum_dims(true, posterior, d, j, 1, 0, V, c, tile);
}

static void sums(bool posterior, size_t d, chunk *c, const fsl_single_tile *tile) {
  if (posterior) {
#define CALL(dims) sums_in(true, dims, c, tile)
    FOR_DIMENSION(d, CALL, deep_sums(true, d, c, tile))
#undef CALL
  } else {
#define CALL(dims) sums_in(false, dims, c, tile)
    FOR_DIMENSION(d, CALL, deep_sums(false, d, c, tile))
#undef CALL
  }
}

/* ---- means ----------------------------------------------------------------------------------------------------- */

static void clear(size_t p, const fsl_single_tile *tile, bool posterior, fvec max[V]) {
  memset(tile->sum, 0, LANES * sizeof *tile->sum);
  memset(tile->vec, 0, p * LANES * sizeof *tile->vec);
  max[0] = max[1] = fsplat(FLOOR);
  if (!posterior) return;
  memset(tile->post_sum, 0, LANES * sizeof *tile->post_sum);
  memset(tile->post_vec, 0, p * LANES * sizeof *tile->post_vec);
}

static void store_maximum(const fvec max[V], bool posterior, double reference, const fsl_single_tile *tile) {
  for (size_t k = 0; k < LANES; ++k) {
    const float most = max[k / FLOATS][k % FLOATS];
    tile->max[k] = most > FLOOR ? (double)(most - LIFT) : FSL_FLOOR;
    if (posterior) tile->post_max[k] = tile->max[k] + reference;
  }
}

/* Many dimensions: a chunk stays in the second-level cache while every tile passes over it. */
static size_t chunk_size(size_t d) {
  return d > WIDE_FROM ? FSL_CHUNK : CHUNK;
}

static void means(const fsl_block *b, const float *x, size_t n, const fsl_single_tile *tile) {
  const unsigned before = flush_subnormals();
  const bool posterior = tile->posterior;
  const double reference = posterior ? largest(b) : 0.0;
  fvec max[FSL_SINGLE_TILES][V], e[FSL_SINGLE_TILES][CHUNK][V];
  chunk c;
  for (size_t t = 0; t < n; ++t) clear(b->p, tile + t, posterior, max[t]);
  for (size_t first = 0; first < b->n; first += chunk_size(b->d)) {
    open_chunk(b, x, first, chunk_size(b->d), posterior, reference, &c);
    if (b->d > MOST) deep_distances(b->d, n, tile, &c, e);
    for (size_t t = 0; t < n; ++t) {
      fvec most[V] = {max[t][0], max[t][1]};
      c.e = e[t];
      logits(b->d, tile + t, &c, most);
      raise_maximum(most, b->p, posterior, max[t], tile + t);
      if (posterior)
        weights(true, max[t], &c, tile + t);
      else
        weights(false, max[t], &c, tile + t);
      if (b->p > 0) sums(posterior, b->d, &c, tile + t);
    }
  }
  for (size_t t = 0; t < n; ++t) store_maximum(max[t], posterior, reference, tile + t);
  restore(before);
}

/* ---- second moments -------------------------------------------------------------------------------------------- */

/* q_i = e_i (x_i - middle) . u; rows: of the atoms listed, the last one several times where ROWS do not divide them. */
INLINE void project(bool rows, size_t d, chunk *c, const fsl_single_tile *tile) {
  const fvec *middle = lanes_of(tile->middle), *u = lanes_of(tile->u);
  for (size_t r = 0, n = c->count; r < n; r += ROWS) {
    fvec s[ROWS][V];
    size_t i[ROWS];
    UNROLL for (size_t k = 0; k < ROWS; ++k) i[k] = rows ? c->row[r + k < n ? r + k : n - 1] : r + k;
    UNROLL for (int k = 0; k < ROWS; ++k) UNROLL for (int v = 0; v < V; ++v) s[k][v] = (fvec){0};
    for (size_t j = 0; j < d; ++j) UNROLL for (size_t k = 0; k < ROWS; ++k) {
        const fvec value = fsplat(c->x[i[k] * d + j]);
        UNROLL for (size_t v = 0; v < V; ++v) s[k][v] += (value - middle[j * V + v]) * u[j * V + v];
      }
    UNROLL for (size_t k = 0; k < ROWS; ++k) UNROLL for (size_t v = 0; v < V; ++v) c->q[i[k]][v] =
        c->e[i[k]][v] * s[k][v];
  }
}

/* Dimensions first .. first+dims-1 of one vector of states. */
INLINE void sum_centred(size_t d, size_t first, int dims, int v, const chunk *c, const fsl_single_tile *tile) {
  fvec s[DIMS], middle[DIMS];
  UNROLL for (int j = 0; j < dims; ++j) {
    s[j] = (fvec){0};
    middle[j] = lanes_of(tile->middle)[(first + (size_t)j) * V + (size_t)v];
  }
  for (size_t r = 0, n = c->count; r < n; ++r) {
    const size_t i = c->row[r];
    UNROLL for (int j = 0; j < dims; ++j) s[j] += c->q[i][v] * (c->x[i * d + first + (size_t)j] - middle[j]);
  }
  UNROLL for (int j = 0; j < dims; ++j) add(s + j, v, 1, tile->vec + (first + (size_t)j) * LANES);
}

INLINE void sums_centred(size_t d, chunk *c, const fsl_single_tile *tile) {
  project(d >= SPARSE_FROM, d, c, tile);
  for (int v = 0; v < V; ++v) {
    size_t j = 0;
    for (; j + DIMS <= d; j += DIMS) sum_centred(d, j, DIMS, v, c, tile);
    for (; j < d; ++j) sum_centred(d, j, 1, v, c, tile);
  }
}

static void cross(const fsl_block *b, const float *x, size_t n, const fsl_single_tile *tile) {
  const unsigned before = flush_subnormals();
  fvec max[FSL_SINGLE_TILES][V], e[FSL_SINGLE_TILES][CHUNK][V];
  chunk c;
  for (size_t t = 0; t < n; ++t) clear(b->d, tile + t, false, max[t]);
  for (size_t first = 0; first < b->n; first += chunk_size(b->d)) {
    open_chunk(b, x, first, chunk_size(b->d), false, 0.0, &c);
    if (b->d > MOST) deep_distances(b->d, n, tile, &c, e);
    for (size_t t = 0; t < n; ++t) {
      fvec most[V] = {max[t][0], max[t][1]};
      c.e = e[t];
      logits(b->d, tile + t, &c, most);
      raise_maximum(most, b->d, false, max[t], tile + t);
      weights(false, max[t], &c, tile + t);
      list_rows(b->d >= SPARSE_FROM, false, &c, tile + t);
#define CALL(dims) sums_centred(dims, &c, tile + t)
      FOR_DIMENSION(b->d, CALL, sums_centred(b->d, &c, tile + t))
#undef CALL
    }
  }
  for (size_t t = 0; t < n; ++t) store_maximum(max[t], false, 0.0, tile + t);
  restore(before);
}

extern const fsl_kernel_single FOR_ISA(fsl_kernel_single);
const fsl_kernel_single FOR_ISA(fsl_kernel_single) = {.lanes = LANES, .means = means, .cross = cross};
