/* posterior/narrow_chunk.h: what the kernels for few dimensions share: a chunk of atoms, its logits and its weights,
 * for a tile of two vectors of states. For files that are compiled once for each instruction set alone. */
#ifndef FSL_POSTERIOR_NARROW_CHUNK_H
#define FSL_POSTERIOR_NARROW_CHUNK_H

#include <string.h>

#include "posterior/narrow.h"

enum { V = 2, LANES = V * WIDTH, ROWS = 4, CHUNK = 2 * FSL_CHUNK, MOST = FSL_NARROW_MOST };
#if defined __AVX512F__ || defined __aarch64__
enum { GROUP = 8, JOINT = 5, JOINT_ALONE = 8 };
#else
enum { GROUP = 5, JOINT = 2, JOINT_ALONE = 5 };
#endif
/* What the registers hold: sums of both sides over GROUP dimensions for one vector of states, over JOINT for every
 * vector; of one side, over JOINT_ALONE for every vector. */

typedef struct chunk {
  size_t n;                 /* a multiple of ROWS: atoms without weight at the end */
  const double *x;          /* (n, d) */
  double weight[CHUNK];     /* log pi_i */
  double likelihood[CHUNK]; /* L_i */
  vec e[CHUNK][V];          /* distances, logits, then e_i */
  vec q[CHUNK];             /* of the vector of states at hand */
  double padded[CHUNK * MOST];
} chunk;

/* Running sums of one side. */
typedef struct side {
  vec max[V], sum[V], total[MOST][V];
} side;

INLINE const vec *lanes_of(const double *values) {
  return (const vec *)values;
}

/* x_k = exp(x_k) for x_k <= 0, to 1e-16 (1 + |x|): an error that a weight x e^x never shows. 2^y, y = n + r, by
 * rounding with a magic number, then a minimax polynomial of degree 11 with p(0) = 1. At y = -1023 the exponent's bits
 * reach 0, and the result with them. The vectors take every step together, or latency would rule. */
INLINE void exponentials(int n, vec *x) {
  static const double c[] = {0x1.c063cb093bfeap-32, 0x1.e605f861a83f9p-28, 0x1.b541675af5760p-24, 0x1.62bfd49f6430ap-20,
                             0x1.ffcbee3b3a185p-17, 0x1.4309130960e41p-13, 0x1.5d87fe7bbbd33p-10, 0x1.3b2ab6fba1e1dp-7,
                             0x1.c6b08d7048f32p-5,  0x1.ebfbdff82c598p-3,  0x1.62e42fefa39f3p-1,  1.0};
  const double magic = 0x1.8p52;
  vec t[2 * V], p[2 * V];
  UNROLL for (int k = 0; k < n; ++k) x[k] = larger(x[k] * 0x1.71547652b82fep+0, splat(-1023.0));
  UNROLL for (int k = 0; k < n; ++k) t[k] = x[k] + magic;
  UNROLL for (int k = 0; k < n; ++k) x[k] -= t[k] - magic;
  UNROLL for (int k = 0; k < n; ++k) p[k] = x[k] * c[0] + c[1];
  UNROLL for (int i = 2; i < 7; ++i) UNROLL for (int k = 0; k < n; ++k) p[k] = p[k] * x[k] + c[i];
  UNROLL for (int i = 7; i < 12; ++i) UNROLL for (int k = 0; k < n; ++k) p[k] = p[k] * x[k] + c[i];
  UNROLL for (int k = 0; k < n; ++k) x[k] = (vec)((uvec)p[k] + ((uvec)t[k] << 52));
}

INLINE vec weight_of(vec x) {
  exponentials(1, &x);
  return x;
}

/* ---- a chunk's atoms ------------------------------------------------------------------------------------------- */

static inline void set_likelihoods(const fsl_block *b, size_t first, size_t n, double reference, chunk *c) {
  for (size_t start = 0; start < n; start += FSL_CHUNK) {
    const size_t end = start + FSL_CHUNK < n ? start + FSL_CHUNK : n;
    const double factor = weight_of(splat(b->chunk_max[(first + start) / FSL_CHUNK] - reference))[0];
    for (size_t i = start; i < end; ++i) c->likelihood[i] = b->likelihood[first + i] * factor;
  }
  for (size_t i = n; i < c->n; ++i) c->likelihood[i] = 0.0;
}

/* The last chunk's atoms move to where there is room behind them. */
static inline void pad(size_t d, size_t n, chunk *c) {
  memcpy(c->padded, c->x, n * d * sizeof *c->x);
  memset(c->padded + n * d, 0, (c->n - n) * d * sizeof *c->x);
  c->x = c->padded;
  for (size_t i = n; i < c->n; ++i) c->weight[i] = -__builtin_inf();
}

/* The chunk at atom `first`; reference: L. */
static inline void open_chunk(const fsl_block *b, size_t first, bool posterior, double reference, chunk *c) {
  const size_t n = b->n - first < CHUNK ? b->n - first : CHUNK;
  c->n = (n + ROWS - 1) / ROWS * ROWS;
  c->x = b->x + first * b->d;
  if (b->log_weight != NULL)
    memcpy(c->weight, b->log_weight + first, n * sizeof *c->weight);
  else if (first == 0)
    memset(c->weight, 0, n * sizeof *c->weight);
  if (posterior) set_likelihoods(b, first, n, reference, c);
  if (c->n != n) pad(b->d, n, c);
}

/* ---- logits ---------------------------------------------------------------------------------------------------- */

INLINE void logit_rows(int d, const vec *x, const double *atoms, const double *weight, double h, vec (*out)[V],
                       vec max[V]) {
  vec s[ROWS][V];
  UNROLL for (int j = 0; j < d; ++j) UNROLL for (int i = 0; i < ROWS; ++i) {
    const vec atom = splat(atoms[i * d + j]);
    UNROLL for (int v = 0; v < V; ++v) {
      const vec delta = x[j * V + v] - atom;
      s[i][v] = j == 0 ? delta * delta : s[i][v] + delta * delta;
    }
  }
  UNROLL for (int i = 0; i < ROWS; ++i) UNROLL for (int v = 0; v < V; ++v) {
    out[i][v] = weight[i] - h * s[i][v];
    max[v] = larger(out[i][v], max[v]);
  }
}

INLINE void logits_in(int d, const fsl_tile *tile, chunk *c, vec max[V]) {
  vec x[MOST * V], most[V];
  memcpy(x, tile->x, (size_t)(d * V) * sizeof *x);
  memcpy(most, max, sizeof most);
  const double *atoms = c->x, h = tile->h;
  for (size_t i = 0, n = c->n; i < n; i += ROWS)
    logit_rows(d, x, atoms + i * (size_t)d, c->weight + i, h, c->e + i, most);
  memcpy(max, most, sizeof most);
}

/* call(k), k a constant, for k == d */
#define DIMENSION(k, call)                                                                                             \
  case k:                                                                                                              \
    call(k);                                                                                                           \
    break;
#define FOR_DIMENSION(d, call)                                                                                         \
  switch (d) {                                                                                                         \
    DIMENSION(1, call)                                                                                                 \
    DIMENSION(2, call)                                                                                                 \
    DIMENSION(3, call) DIMENSION(4, call) DIMENSION(5, call) DIMENSION(6, call) DIMENSION(7, call) DIMENSION(8, call)  \
  }

static inline void logits(size_t d, const fsl_tile *tile, chunk *c, vec max[V]) {
#define CALL(dims) logits_in(dims, tile, c, max)
  FOR_DIMENSION(d, CALL)
#undef CALL
}

/* ---- weights --------------------------------------------------------------------------------------------------- */

static inline void weights(chunk *c, const vec max[V]) {
  const vec most[V] = {max[0], max[1]};
  for (size_t i = 0, n = c->n; i < n; i += 2) {
    vec x[2 * V];
    UNROLL for (size_t k = 0; k < 2 * V; ++k) x[k] = c->e[i + k / V][k % V] - most[k % V];
    exponentials(2 * V, x);
    UNROLL for (size_t k = 0; k < 2 * V; ++k) c->e[i + k / V][k % V] = x[k];
  }
}

INLINE void rescale(size_t p, const vec factor[V], side *s) {
  UNROLL for (int v = 0; v < V; ++v) s->sum[v] *= factor[v];
  for (size_t j = 0; j < p; ++j) UNROLL for (int v = 0; v < V; ++v) s->total[j][v] *= factor[v];
}

/* A larger maximum for all that was summed so far. A factor of exactly 1 changes nothing. */
static inline void raise_maximum(size_t p, const vec max[V], side *prior, side *post) {
  vec factor[V];
  if (!any((max[0] > prior->max[0]) | (max[1] > prior->max[1]))) return;
  UNROLL for (int v = 0; v < V; ++v) {
    factor[v] = weight_of(prior->max[v] - max[v]);
    prior->max[v] = max[v];
  }
  rescale(p, factor, prior);
  if (post != NULL) rescale(p, factor, post);
}

INLINE void clear(side *s) {
  memset(s, 0, sizeof *s);
  UNROLL for (int v = 0; v < V; ++v) s->max[v] = splat(FSL_FLOOR);
}

INLINE void store(size_t p, const side *s, double *max, double *sum, double *sums_out) {
  memcpy(max, s->max, sizeof s->max);
  memcpy(sum, s->sum, sizeof s->sum);
  memcpy(sums_out, s->total, p * sizeof *s->total);
}

#endif
