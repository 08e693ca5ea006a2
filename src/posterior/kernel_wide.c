/* kernel_wide.c: means and cross for many dimensions (see kernel.h), compiled once for each instruction set.
 *
 * Distances by expanded squares about the block's centre c, z = x/a - c and X_i = x_i - c:
 *   logit_i = log pi_i - h |X_i|^2 - h (|z|^2 + 2 z.c) + 2h z.x_i,
 * one multiply-add a dimension where differences take two operations. Where that loses accuracy (h large: |z|^2 and
 * |X_i|^2 cancel) the atoms that count, few there, get their logits again by differences.
 *
 * A tile is PANELS register tiles of LANES states. A chunk of atoms goes through both products while it is in the
 * second-level cache, all panels sharing each block of dimensions. Weights below 2^-56/n of the largest are exactly 0:
 * left out of every sum, they are worth less than its rounding. What is left out depends on a lane alone. */
#include "posterior/kernel.h"

#include <math.h>
#include <string.h>

#include "posterior/vector.h"

/* Atoms x V vectors of states in registers, and dimensions x 2 V vectors of weights. */
#if defined __AVX512F__
enum { ROWS = 12, DIMS = 6 };
#elif defined __AVX__ || defined __aarch64__
enum { ROWS = 6, DIMS = 3 };
#else
enum { ROWS = 4, DIMS = 2 };
#endif

#if defined __clang__
#define UNROLL_ALL _Pragma("unroll")
#else
#define UNROLL_ALL _Pragma("GCC unroll 16")
#endif

#define ALONE static __attribute__((noinline)) /* inner loops that need every register */

enum { V = 2, LANES = V * WIDTH, PANELS = WIDTH == 8 ? 4 : 8, TILE = PANELS * LANES, ROW_OF_TILE = PANELS * V };
enum { DEPTH = 128, DIMS_BLOCK = 48 }; /* dimensions at a time: of the first product, of the second */
enum { PRIOR, POSTERIOR, EITHER };

/* One register tile of states and what a chunk leaves behind for it. */
typedef struct panel {
  vec *z;                  /* (d, V): 2h z */
  vec offset[V];           /* -h (|z|^2 + 2 z.c) */
  vec window[V], reach[V]; /* logits within `window` of the maximum and h|z - X_i|^2 < reach are found again */
  bool refine;             /* some lane's window is open */
  vec max[V], sum[V], rescale[V], energy[V];
  vec post_max[V], post_sum[V], post_rescale[V];
  bool moved[2]; /* some lane's rescale is not 1 */
  vec logit[FSL_CHUNK][V];
  vec weight[FSL_CHUNK][2 * V]; /* e, q */
  uint32_t row[3][FSL_CHUNK];   /* atoms of the chunk with any e, any q, either */
  size_t count[3];
  int list; /* of the atoms with any weight on either side */
} panel;

typedef struct wide {
  const fsl_block *b;
  const fsl_tile *tile;
  double least, cut; /* weights below `least` are 0; those of logits `cut` below the maximum are */
  size_t panels;
  size_t first, n; /* the chunk: atoms first .. first+n-1 of the arrangement */
  const fsl_arrangement *arrangement;
  const uint32_t *order; /* of the chunk */
  double *packed;        /* (n, stride): its atoms */
  size_t stride;
  panel panel[PANELS];
} wide;

INLINE const vec *lanes_of(const double *values) {
  return (const vec *)values;
}

INLINE bool some_of(ivec mask) {
#if defined __AVX512F__
  return _mm512_test_epi64_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined __AVX__
  return _mm256_movemask_pd((__m256d)mask) != 0;
#else
  return any(mask);
#endif
}

INLINE vec smaller(vec a, vec b) {
#if defined __AVX512F__
  return (vec)_mm512_min_pd((__m512d)a, (__m512d)b);
#elif defined __AVX__
  return (vec)_mm256_min_pd((__m256d)a, (__m256d)b);
#elif defined __SSE2__
  return (vec)_mm_min_pd((__m128d)a, (__m128d)b);
#else
  return choose(a < b, a, b);
#endif
}

/* Values that come with the atoms of a chunk: values[row[i] * stride + j]. */
typedef struct columns {
  const double *values;
  size_t stride;
  const uint32_t *row;
} columns;

INLINE vec *sums_of(double *values) {
  return (vec *)(void *)values;
}

/* ---- logits ------------------------------------------------------------------------------------------------------ */

/* out (rows) = or += z.x of d dimensions */
INLINE void dot_rows(int rows, const vec *z, size_t d, const double *x, size_t stride, bool go_on, vec (*out)[V]) {
  vec s[ROWS][V];
  UNROLL_ALL for (int i = 0; i < rows; ++i) UNROLL for (int v = 0; v < V; ++v) s[i][v] = go_on ? out[i][v] : (vec){0};
  for (size_t j = 0; j < d; ++j) {
    vec state[V];
    UNROLL for (int v = 0; v < V; ++v) state[v] = z[j * V + (size_t)v];
    UNROLL_ALL for (int i = 0; i < rows; ++i) {
      const vec atom = splat(x[(size_t)i * stride + j]);
      UNROLL for (int v = 0; v < V; ++v) s[i][v] += atom * state[v];
    }
  }
  UNROLL_ALL for (int i = 0; i < rows; ++i) UNROLL for (int v = 0; v < V; ++v) out[i][v] = s[i][v];
}

ALONE void dot_many(const vec *z, size_t d, const double *x, size_t stride, bool go_on, vec (*out)[V]) {
  dot_rows(ROWS, z, d, x, stride, go_on, out);
}
ALONE void dot_four(const vec *z, size_t d, const double *x, size_t stride, bool go_on, vec (*out)[V]) {
  dot_rows(4, z, d, x, stride, go_on, out);
}
ALONE void dot_one(const vec *z, size_t d, const double *x, size_t stride, bool go_on, vec (*out)[V]) {
  dot_rows(1, z, d, x, stride, go_on, out);
}

INLINE void dot_all(const vec *z, size_t d, size_t n, const double *x, size_t stride, bool go_on, vec (*out)[V]) {
  size_t i = 0;
  for (; i + ROWS <= n; i += ROWS) dot_many(z, d, x + i * stride, stride, go_on, out + i);
  for (; i + 4 <= n; i += 4) dot_four(z, d, x + i * stride, stride, go_on, out + i);
  for (; i < n; ++i) dot_one(z, d, x + i * stride, stride, go_on, out + i);
}

/* The next chunk may lie elsewhere: no hardware foresees that. */
INLINE void fetch_next(const wide *w) {
  const size_t next = w->first + w->n, left = w->b->n - next;
  for (size_t i = 0; i < left && i < FSL_CHUNK; ++i) {
    const double *x = w->b->x + w->arrangement->order[next + i] * w->b->d;
    for (size_t j = 0; j < w->b->d; j += 8) __builtin_prefetch(x + j, 0, 2);
  }
}

/* The chunk's atoms one after the other, rows an odd number of cache lines apart: columns of them then spread over the
 * sets of the cache. */
INLINE void pack(const wide *w) {
  const size_t d = w->b->d;
  for (size_t i = 0; i < w->n; ++i) memcpy(w->packed + i * w->stride, w->b->x + w->order[i] * d, d * sizeof *w->packed);
  fetch_next(w);
}

/* logit = 2h z.x_i of the chunk's atoms */
INLINE void products(wide *w) {
  const size_t d = w->b->d;
  pack(w);
  for (size_t j = 0; j < d; j += DEPTH) {
    const size_t depth = d - j < DEPTH ? d - j : DEPTH;
    for (size_t k = 0; k < w->panels; ++k)
      dot_all(w->panel[k].z + j * V, depth, w->n, w->packed + j, w->stride, j > 0, w->panel[k].logit);
  }
}

/* Finishes the logits and finds the largest of each side in this chunk. */
INLINE void finish_logits(const wide *w, panel *p, const double *l, vec top[V], vec post_top[V]) {
  const double *weight = w->arrangement->log_weight + w->first, *square = w->arrangement->square + w->first;
  for (size_t i = 0; i < w->n; ++i) {
    const double own = weight[i] - w->tile->h * square[i];
    UNROLL for (int v = 0; v < V; ++v) {
      const vec logit = (p->logit[i][v] + p->offset[v]) + own;
      p->logit[i][v] = logit;
      top[v] = larger(logit, top[v]);
      if (l != NULL) post_top[v] = larger(logit + l[i], post_top[v]);
    }
  }
}

ALONE void finish_prior(const wide *w, panel *p, vec top[V]) {
  finish_logits(w, p, NULL, top, NULL);
}
ALONE void finish_both(const wide *w, panel *p, vec top[V], vec post_top[V]) {
  finish_logits(w, p, w->arrangement->log_likelihood + w->first, top, post_top);
}

INLINE void find_top(const wide *w, const panel *p, const double *add, vec top[V]) {
  UNROLL for (int v = 0; v < V; ++v) top[v] = splat(FSL_FLOOR);
  for (size_t i = 0; i < w->n; ++i) {
    const double l = add != NULL ? add[i] : 0.0;
    UNROLL for (int v = 0; v < V; ++v) top[v] = larger(p->logit[i][v] + l, top[v]);
  }
}

enum { PARTS = 4 }; /* independent sums of a distance, so that additions overlap */

/* |x/a - x_i|^2 of one atom, by differences */
static void distance(const double *x, size_t d, const double *atom, vec out[V]) {
  vec s[PARTS][V] = {{{0}}};
  size_t j = 0;
  for (; j + PARTS <= d; j += PARTS)
    UNROLL for (size_t part = 0; part < PARTS; ++part) UNROLL for (size_t v = 0; v < V; ++v) {
      const vec delta = lanes_of(x)[(j + part) * ROW_OF_TILE + v] - atom[j + part];
      s[part][v] += delta * delta;
    }
  for (; j < d; ++j) UNROLL for (size_t v = 0; v < V; ++v) {
      const vec delta = lanes_of(x)[j * ROW_OF_TILE + v] - atom[j];
      s[0][v] += delta * delta;
    }
  UNROLL for (int v = 0; v < V; ++v) out[v] = (s[0][v] + s[1][v]) + (s[2][v] + s[3][v]);
}

/* The logits that count, again by differences. */
static void refine(const wide *w, panel *p, size_t number, bool posterior, vec top[V], vec post_top[V]) {
  const fsl_block *b = w->b;
  const double *l = posterior ? w->arrangement->log_likelihood + w->first : NULL;
  vec low[V], post_low[V];
  ivec some_count[V];
  UNROLL for (int v = 0; v < V; ++v) {
    low[v] = larger(p->max[v], top[v]) - p->window[v];
    post_low[v] = larger(p->post_max[v], post_top[v]) - p->window[v];
    some_count[v] = (top[v] > low[v]) | (post_top[v] > post_low[v]);
  }
  if (!some_of(some_count[0] | some_count[1])) return;
  for (size_t i = 0; i < w->n; ++i) {
    const double weight = w->arrangement->log_weight[w->first + i];
    ivec counts[V];
    UNROLL for (int v = 0; v < V; ++v) {
      counts[v] = p->logit[i][v] > low[v];
      if (posterior) counts[v] |= p->logit[i][v] + l[i] > post_low[v];
      counts[v] &= weight - p->logit[i][v] < p->reach[v];
    }
    if (!some_of(counts[0] | counts[1])) continue;
    vec s[V];
    distance(w->tile->x + number * LANES, b->d, b->x + w->order[i] * b->d, s);
    UNROLL for (int v = 0; v < V; ++v) p->logit[i][v] = choose(counts[v], weight - w->tile->h * s[v], p->logit[i][v]);
  }
  find_top(w, p, NULL, top);
  if (posterior) find_top(w, p, l, post_top);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* Lists the atoms with any weight on one side; `least` is the smallest weight of all. */
INLINE void list_rows(const wide *w, panel *p, int list, const vec least[V]) {
  const bool all = w->tile->whole || !some_of((least[0] <= 0.0) | (least[1] <= 0.0));
  size_t n = 0;
  for (size_t i = 0; i < w->n; ++i) {
    const vec *weight = p->weight[i] + list * V;
    p->row[list][n] = (uint32_t)i;
    n += all || some(weight[0] + weight[1]);
  }
  p->count[list] = n;
}

ALONE void prior_weights(const wide *w, panel *p) {
  vec s[V] = {{0}}, least[V] = {splat(1.0), splat(1.0)};
  for (size_t i = 0; i < w->n; ++i) UNROLL for (int v = 0; v < V; ++v) {
      vec e = exponential(p->logit[i][v] - p->max[v]);
      e = keep(e, e, w->least);
      p->weight[i][v] = e;
      s[v] += e;
      least[v] = smaller(least[v], e);
    }
  list_rows(w, p, PRIOR, least);
  UNROLL for (int v = 0; v < V; ++v) p->sum[v] = p->sum[v] * p->rescale[v] + s[v];
}

/* Both sides with one exponential a pair: q = e L f, f = exp(M + max l - M~). It loses nothing while f < e^600: an e
 * that was flushed belongs to q < e^-100. */
ALONE void both_weights(const wide *w, panel *p, const vec factor[V]) {
  const double *likelihood = w->arrangement->likelihood + w->first;
  vec s[V] = {{0}}, sq[V] = {{0}}, least[V] = {splat(1.0), splat(1.0)}, least_q[V] = {splat(1.0), splat(1.0)};
  for (size_t i = 0; i < w->n; ++i) UNROLL for (int v = 0; v < V; ++v) {
      vec e = exponential(p->logit[i][v] - p->max[v]), q = e * likelihood[i] * factor[v];
      e = keep(e, e, w->least);
      q = keep(q, q, w->least);
      p->weight[i][v] = e;
      p->weight[i][V + v] = q;
      s[v] += e;
      sq[v] += q;
      least[v] = smaller(least[v], e);
      least_q[v] = smaller(least_q[v], q);
    }
  list_rows(w, p, PRIOR, least);
  list_rows(w, p, POSTERIOR, least_q);
  UNROLL for (int v = 0; v < V; ++v) {
    p->sum[v] = p->sum[v] * p->rescale[v] + s[v];
    p->post_sum[v] = p->post_sum[v] * p->post_rescale[v] + sq[v];
  }
}

/* The same for a chunk where some lane needs its own second exponential; the other lanes keep the first way's bits. */
ALONE void careful_weights(const wide *w, panel *p, const vec factor[V], const vec gap[V]) {
  const double *l = w->arrangement->log_likelihood + w->first;
  vec before[V], s[V] = {{0}}, least[V] = {splat(1.0), splat(1.0)};
  memcpy(before, p->post_sum, sizeof before);
  both_weights(w, p, factor);
  for (size_t i = 0; i < w->n; ++i) UNROLL for (int v = 0; v < V; ++v) {
      const vec own = exponential(p->logit[i][v] + l[i] - p->post_max[v]);
      p->weight[i][V + v] = choose(gap[v] > 600.0, keep(own, own, w->least), p->weight[i][V + v]);
      s[v] += p->weight[i][V + v];
      least[v] = smaller(least[v], p->weight[i][V + v]);
    }
  list_rows(w, p, POSTERIOR, least);
  UNROLL for (int v = 0; v < V; ++v) p->post_sum[v] = before[v] * p->post_rescale[v] + s[v];
}

INLINE void posterior_weights(const wide *w, panel *p) {
  const double most = w->arrangement->chunk_max[w->first / FSL_CHUNK];
  vec gap[V], factor[V];
  UNROLL for (int v = 0; v < V; ++v) {
    gap[v] = p->max[v] + most - p->post_max[v];
    factor[v] = exponential(choose(gap[v] > 600.0, splat(600.0), gap[v]));
  }
  if (some_of((gap[0] > 600.0) | (gap[1] > 600.0)))
    careful_weights(w, p, factor, gap);
  else
    both_weights(w, p, factor);
}

/* rescale = exp(old - new); whether any lane moved */
INLINE bool find_rescale(const vec old[V], const vec max[V], vec rescale[V]) {
  UNROLL for (int v = 0; v < V; ++v) rescale[v] = exponential(old[v] - max[v]);
  return some_of((old[0] < max[0]) | (old[1] < max[1]));
}

/* The list of the atoms on either side's, in order: one of theirs, if that has all. */
INLINE int join_lists(const wide *w, panel *p) {
  if (p->count[PRIOR] == w->n) return PRIOR;
  if (p->count[POSTERIOR] == w->n) return POSTERIOR;
  size_t i = 0, k = 0, n = 0;
  while (i < p->count[PRIOR] || k < p->count[POSTERIOR]) {
    const uint32_t a = i < p->count[PRIOR] ? p->row[PRIOR][i] : FSL_CHUNK;
    const uint32_t b = k < p->count[POSTERIOR] ? p->row[POSTERIOR][k] : FSL_CHUNK;
    p->row[EITHER][n++] = a < b ? a : b;
    i += a <= b;
    k += b <= a;
  }
  p->count[EITHER] = n;
  return EITHER;
}

INLINE void sum_energy(const wide *w, panel *p, const vec old[V], const vec old_sum[V]) {
  vec s[V] = {{0}};
  for (size_t i = 0; i < w->n; ++i) {
    const double adjust = w->b->adjust != NULL ? w->b->adjust[w->order[i]] : 0.0;
    UNROLL for (int v = 0; v < V; ++v) s[v] +=
        p->weight[i][v] * (larger(p->logit[i][v] - p->max[v], splat(-800.0)) + adjust);
  }
  UNROLL for (int v = 0; v < V; ++v) p->energy[v] =
      p->rescale[v] * (p->energy[v] + old_sum[v] * (old[v] - p->max[v])) + s[v];
}

/* Some weight of a chunk is worth something on the side of these maxima; otherwise what follows would find zeros. */
INLINE bool is_worth(const wide *w, const vec max[V], const vec top[V]) {
  return some_of((top[0] >= max[0] + w->cut) | (top[1] >= max[1] + w->cut));
}

/* From a chunk's products to its weights. */
INLINE void weigh(const wide *w, size_t number, panel *p, bool posterior) {
  vec top[V], post_top[V], old[V], old_post[V], old_sum[V];
  UNROLL for (int v = 0; v < V; ++v) {
    top[v] = splat(FSL_FLOOR);
    post_top[v] = splat(posterior ? FSL_FLOOR : 2 * FSL_FLOOR);
    old[v] = p->max[v];
    old_post[v] = p->post_max[v];
    old_sum[v] = p->sum[v];
  }
  p->count[PRIOR] = p->count[POSTERIOR] = 0;
  p->moved[PRIOR] = p->moved[POSTERIOR] = false;
  if (posterior)
    finish_both(w, p, top, post_top);
  else
    finish_prior(w, p, top);
  if (p->refine) refine(w, p, number, posterior, top, post_top);
  if (!w->tile->whole && !is_worth(w, p->max, top) && !is_worth(w, p->post_max, post_top)) return;
  UNROLL for (int v = 0; v < V; ++v) p->max[v] = larger(top[v], p->max[v]);
  p->moved[PRIOR] = find_rescale(old, p->max, p->rescale);
  if (posterior && (w->tile->whole || is_worth(w, p->post_max, post_top))) {
    UNROLL for (int v = 0; v < V; ++v) p->post_max[v] = larger(post_top[v], p->post_max[v]);
    p->moved[POSTERIOR] = find_rescale(old_post, p->post_max, p->post_rescale);
    posterior_weights(w, p);
  } else {
    prior_weights(w, p);
  }
  if (w->tile->entropy) sum_energy(w, p, old, old_sum);
}

/* ---- weighted sums ----------------------------------------------------------------------------------------------- */

static const uint32_t in_order[FSL_CHUNK] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                             16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                             32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                             48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* Values (n, width) of the block's atoms: the packed ones, if they are the atoms. */
INLINE columns columns_of(const wide *w, const double *values, size_t width) {
  return values == w->b->x ? (columns){w->packed, w->stride, in_order} : (columns){values, width, w->order};
}

/* total (dims) += sum over the listed rows of weight x value, for one side or both: `sides` V vectors from `from` on.
 */
INLINE void sum_dims(int dims, int sides, const panel *p, int from, int list, const columns *payload, size_t at,
                     vec *const total[2]) {
  vec s[2 * DIMS][2 * V];
  UNROLL_ALL for (int j = 0; j < dims; ++j) UNROLL for (int v = 0; v < sides * V; ++v) s[j][v] = (vec){0};
  const size_t count = p->count[list];
  for (size_t k = 0; k < count; ++k) {
    const size_t i = p->row[list][k];
    const double *value = payload->values + payload->row[i] * payload->stride + at;
    const vec *weight = p->weight[i] + from * V;
    if (sides == 2) { /* registers: the values, one weight */
      vec x[DIMS];
      UNROLL_ALL for (int j = 0; j < dims; ++j) x[j] = splat(value[j]);
      UNROLL for (int v = 0; v < 2 * V; ++v) UNROLL_ALL for (int j = 0; j < dims; ++j) s[j][v] += weight[v] * x[j];
    } else { /* the weights, one value */
      UNROLL_ALL for (int j = 0; j < dims; ++j) UNROLL for (int v = 0; v < V; ++v) s[j][v] +=
          weight[v] * splat(value[j]);
    }
  }
  UNROLL_ALL for (int j = 0; j < dims; ++j) UNROLL for (int v = 0; v < sides * V; ++v) {
    const int side = from + v / V;
    vec *out = total[side] + j * ROW_OF_TILE + v % V;
    *out = *out * (side == POSTERIOR ? p->post_rescale : p->rescale)[v % V] + s[j][v];
  }
}

enum { FEW = 2 };

#define SUM_DIMS(name, dims, sides)                                                                                    \
  ALONE void name(const panel *p, int from, int list, const columns *payload, size_t at, vec *const total[2]) {        \
    sum_dims(dims, sides, p, from, list, payload, at, total);                                                          \
  }
SUM_DIMS(both_many, DIMS, 2)
SUM_DIMS(both_few, FEW, 2)
SUM_DIMS(both_one, 1, 2)
SUM_DIMS(side_many, 2 * DIMS, 1)
SUM_DIMS(side_few, 2 * FEW, 1)
SUM_DIMS(side_one, 1, 1)

/* A remainder of 1 is bad: too few independent sums. The last two steps share what is left. */
INLINE void sum_block(int sides, const panel *p, int from, int list, const columns *payload, size_t at, size_t n,
                      vec *const total[2]) {
  const size_t many = sides == 2 ? DIMS : 2 * DIMS, few = sides == 2 ? FEW : 2 * FEW;
  for (size_t j = 0, step; j < n; j += step) {
    vec *const here[2] = {total[0] + j * ROW_OF_TILE, total[1] + j * ROW_OF_TILE};
    const size_t left = n - j;
    step = left >= many + few || left == many ? many : left >= few ? few : 1;
    if (step == many)
      (sides == 2 ? both_many : side_many)(p, from, list, payload, at + j, here);
    else if (step == few)
      (sides == 2 ? both_few : side_few)(p, from, list, payload, at + j, here);
    else
      (sides == 2 ? both_one : side_one)(p, from, list, payload, at + j, here);
  }
}

/* Both sides share the loads of the payload where their rows are much the same. */
INLINE void sum_panel(const panel *p, bool posterior, const columns *payload, size_t at, size_t n,
                      vec *const total[2]) {
  if (10 * (p->count[PRIOR] + p->count[POSTERIOR]) > 18 * p->count[p->list]) {
    sum_block(2, p, PRIOR, p->list, payload, at, n, total);
    return;
  }
  if (p->count[PRIOR] > 0 || p->moved[PRIOR]) sum_block(1, p, PRIOR, PRIOR, payload, at, n, total);
  if (posterior && (p->count[POSTERIOR] > 0 || p->moved[POSTERIOR]))
    sum_block(1, p, POSTERIOR, POSTERIOR, payload, at, n, total);
}

INLINE void sum_payload(wide *w, bool posterior) {
  const size_t p = w->b->p;
  const columns payload = columns_of(w, w->b->payload, p);
  for (size_t k = 0; k < w->panels; ++k) w->panel[k].list = join_lists(w, &w->panel[k]);
  for (size_t j = 0; j < p; j += DIMS_BLOCK)
    for (size_t k = 0; k < w->panels; ++k) {
      const size_t first = j * ROW_OF_TILE + k * V;
      vec *prior = sums_of(w->tile->vec) + first, *post = posterior ? sums_of(w->tile->post_vec) + first : prior;
      vec *const total[2] = {prior, post};
      sum_panel(&w->panel[k], posterior, &payload, j, p - j < DIMS_BLOCK ? p - j : DIMS_BLOCK, total);
    }
}

/* ---- a tile ------------------------------------------------------------------------------------------------------ */

/* How far a logit from expanded squares may be off: eps h Q times a small number, Q = |z|^2 + R^2 + 2 |z| (R + |c|), R
 * the largest |X_i|. Below `enough` that is nothing; nor is it more than differences lose where h|z - X_i|^2 > h Q/4.
 * Otherwise atoms count whose share of the error exceeds `enough`/n, or
 * whose weight exceeds (`enough`/error)^2 where that is more: the rest's errors are independent. */
static void find_window(const wide *w, panel *p, const vec square[V]) {
  const double eps = 0x1p-53, enough = 1e-13, d = (double)w->b->d, radius = w->arrangement->radius;
  double z2[LANES], window[LANES], reach[LANES];
  memcpy(z2, square, sizeof z2);
  p->refine = false;
  for (int k = 0; k < LANES; ++k) {
    const double size = z2[k] + radius * radius + 2.0 * sqrt(z2[k]) * w->arrangement->reach;
    const double worst = w->tile->h * size * eps;
    const double error = worst * (2.0 + 0.5 * sqrt(d));
    const bool open = error > enough;
    const double bound = 2.0 * worst * (d + 8.0);
    window[k] = open ? fmin(log((double)w->b->n * error / enough), 1.0 + 2.0 * log(error / enough)) + bound : -1.0;
    reach[k] = open ? 0.25 * w->tile->h * size : FSL_FLOOR;
    p->refine = p->refine || open;
  }
  memcpy(p->window, window, sizeof window);
  memcpy(p->reach, reach, sizeof reach);
}

INLINE void open_panel(const wide *w, size_t number, panel *p) {
  const fsl_block *b = w->b;
  const vec *x = lanes_of(w->tile->x) + number * V;
  const double *centre = w->arrangement->centre;
  vec square[V] = {{0}}, along[V] = {{0}};
  p->z = sums_of(w->tile->work) + number * b->d * V;
  for (size_t j = 0; j < b->d; ++j) UNROLL for (size_t v = 0; v < V; ++v) {
      const vec z = x[j * ROW_OF_TILE + v] - centre[j];
      square[v] += z * z;
      along[v] += z * centre[j];
      p->z[j * V + v] = z * (2.0 * w->tile->h);
    }
  UNROLL for (int v = 0; v < V; ++v) {
    p->offset[v] = -w->tile->h * (square[v] + 2.0 * along[v]);
    p->max[v] = p->post_max[v] = splat(FSL_FLOOR);
    p->sum[v] = p->post_sum[v] = p->energy[v] = (vec){0};
  }
  find_window(w, p, square);
}

static void open_tile(wide *w, const fsl_block *b, const fsl_tile *tile, double least) {
  w->b = b;
  w->arrangement = b->arrangement;
  w->packed = tile->work + b->d * TILE;
  w->stride = FSL_WIDE_STRIDE(b->d);
  w->tile = tile;
  w->least = least;
  w->cut = least > 0.0 ? log(least) - 1.0 : -710.0;
  w->panels = (tile->count + LANES - 1) / LANES;
  for (size_t k = 0; k < w->panels; ++k) open_panel(w, k, &w->panel[k]);
}

static void close_tile(const wide *w, bool posterior) {
  const fsl_tile *t = w->tile;
  for (size_t k = 0; k < w->panels; ++k) {
    const panel *p = &w->panel[k];
    memcpy(t->max + k * LANES, p->max, sizeof p->max);
    memcpy(t->sum + k * LANES, p->sum, sizeof p->sum);
    if (t->entropy) memcpy(t->energy + k * LANES, p->energy, sizeof p->energy);
    if (!posterior) continue;
    memcpy(t->post_max + k * LANES, p->post_max, sizeof p->post_max);
    memcpy(t->post_sum + k * LANES, p->post_sum, sizeof p->post_sum);
  }
}

/* Takes the next chunk through products and weights. */
INLINE void next_chunk(wide *w, size_t first, bool posterior) {
  w->first = first;
  w->n = w->b->n - first < FSL_CHUNK ? w->b->n - first : FSL_CHUNK;
  w->order = w->arrangement->order + first;
  products(w);
  for (size_t k = 0; k < w->panels; ++k) weigh(w, k, &w->panel[k], posterior);
}

INLINE void means_of(const fsl_block *b, const fsl_tile *tile, bool posterior) {
  wide w;
  open_tile(&w, b, tile, 0x1p-56 / (double)b->n);
  memset(tile->vec, 0, b->p * TILE * sizeof *tile->vec);
  if (posterior) memset(tile->post_vec, 0, b->p * TILE * sizeof *tile->post_vec);
  for (size_t first = 0; first < b->n; first += FSL_CHUNK) {
    next_chunk(&w, first, posterior);
    if (b->p > 0) sum_payload(&w, posterior);
  }
  close_tile(&w, posterior);
}

static void means(const fsl_block *block, const fsl_tile *tile) {
  const unsigned before = flush_subnormals();
  if (tile->posterior)
    means_of(block, tile, true);
  else
    means_of(block, tile, false);
  restore(before);
}

/* ---- C times a vector -------------------------------------------------------------------------------------------- */

enum { INNER_ROWS = 4, CENTRED = 3 };

INLINE void project_rows(int rows, const double *const *inner, const vec *centre, const vec *u, size_t q,
                         vec (*out)[V]) {
  UNROLL for (int i = 0; i < rows; ++i) UNROLL for (int v = 0; v < V; ++v) out[i][v] = (vec){0};
  for (size_t j = 0; j < q; ++j) UNROLL for (int i = 0; i < rows; ++i) {
      const vec value = splat(inner[i][j]);
      UNROLL for (size_t v = 0; v < V; ++v) out[i][v] += (value - centre[j * ROW_OF_TILE + v]) * u[j * ROW_OF_TILE + v];
    }
}

/* e_i becomes e_i (Q_i - qc).u */
INLINE void project(const wide *w, size_t number, panel *p) {
  const fsl_block *b = w->b;
  const vec *centre = lanes_of(w->tile->inner_centre) + number * V, *u = lanes_of(w->tile->u) + number * V;
  const uint32_t *row = p->row[PRIOR];
  const columns values = columns_of(w, b->inner, b->q);
  for (size_t k = 0; k < p->count[PRIOR]; k += INNER_ROWS) {
    const double *inner[INNER_ROWS];
    vec s[INNER_ROWS][V];
    const size_t left = p->count[PRIOR] - k;
    for (size_t i = 0; i < INNER_ROWS; ++i)
      inner[i] = values.values + values.row[row[k + (i < left ? i : 0)]] * values.stride;
    if (left > 1)
      project_rows(INNER_ROWS, inner, centre, u, b->q, s);
    else
      project_rows(1, inner, centre, u, b->q, s);
    for (size_t i = 0; i < INNER_ROWS && i < left; ++i)
      UNROLL for (int v = 0; v < V; ++v) p->weight[row[k + i]][v] *= s[i][v];
  }
}

INLINE void sum_centred(int dims, const panel *p, const columns *payload, size_t at, const vec *centre, vec *total) {
  vec s[CENTRED][V], c[CENTRED][V];
  UNROLL for (int j = 0; j < dims; ++j) UNROLL for (int v = 0; v < V; ++v) {
    s[j][v] = (vec){0};
    c[j][v] = centre[j * ROW_OF_TILE + v];
  }
  for (size_t k = 0; k < p->count[PRIOR]; ++k) {
    const size_t i = p->row[PRIOR][k];
    UNROLL for (int j = 0; j < dims; ++j) {
      const vec value = splat(payload->values[payload->row[i] * payload->stride + at + (size_t)j]);
      UNROLL for (int v = 0; v < V; ++v) s[j][v] += p->weight[i][v] * (value - c[j][v]);
    }
  }
  UNROLL for (int j = 0; j < dims; ++j) UNROLL for (int v = 0; v < V; ++v) {
    vec *out = total + j * ROW_OF_TILE + v;
    *out = *out * p->rescale[v] + s[j][v];
  }
}

INLINE void sum_all_centred(const wide *w, size_t number, const panel *p) {
  const size_t n = w->b->p;
  const columns payload = columns_of(w, w->b->payload, n);
  const vec *centre = lanes_of(w->tile->payload_centre) + number * V;
  vec *total = sums_of(w->tile->vec) + number * V;
  size_t j = 0;
  for (; j + CENTRED <= n; j += CENTRED)
    sum_centred(CENTRED, p, &payload, j, centre + j * ROW_OF_TILE, total + j * ROW_OF_TILE);
  for (; j < n; ++j) sum_centred(1, p, &payload, j, centre + j * ROW_OF_TILE, total + j * ROW_OF_TILE);
}

/* No weight is left out here: a covariance may be far smaller than the spread of the atoms, and must stay right. */
static void cross(const fsl_block *b, const fsl_tile *tile) {
  const unsigned before = flush_subnormals();
  wide w;
  open_tile(&w, b, tile, 0.0);
  memset(tile->vec, 0, b->p * TILE * sizeof *tile->vec);
  for (size_t first = 0; first < b->n; first += FSL_CHUNK) {
    next_chunk(&w, first, false);
    for (size_t k = 0; k < w.panels; ++k) {
      panel *p = &w.panel[k];
      if (p->count[PRIOR] == 0 && !p->moved[PRIOR]) continue;
      project(&w, k, p);
      sum_all_centred(&w, k, p);
    }
  }
  close_tile(&w, false);
  restore(before);
}

extern const fsl_kernel_wide FOR_ISA(fsl_kernel_wide);
const fsl_kernel_wide FOR_ISA(fsl_kernel_wide) = {.lanes = TILE, .means = means, .cross = cross};
