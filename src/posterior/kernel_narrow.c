/* kernel_narrow.c: the hot kernels in few dimensions (see narrow.h). A chunk of atoms goes through three short loops,
 * logits, exponentials and sums, whose state lives in registers. Both sides share one exponential a pair:
 *   e_i = exp(logit_i - M),   q_i = e_i L_i,   L_i = exp(l_i - L),   L the largest l of the block,
 * so that the posterior's reference is M + L and no second maximum is needed. Where the posterior's mass lies so far
 * from the state that its sum nears underflow, the lane's posterior side is done again as a softmax of its own. */
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

/* Below this the posterior's sum, at most 1 an atom, may lack atoms whose e underflowed: e^-708 against e^-644. */
#define LEAST_SUM 1e-280

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

/* The block's largest log likelihood, FSL_FLOOR where there is none. */
static double largest(const fsl_block *b) {
  double most = FSL_FLOOR;
  for (size_t c = 0; c < (b->n + FSL_CHUNK - 1) / FSL_CHUNK; ++c)
    most = b->chunk_max[c] > most ? b->chunk_max[c] : most;
  return most;
}

static void set_likelihoods(const fsl_block *b, size_t first, size_t n, double reference, chunk *c) {
  for (size_t start = 0; start < n; start += FSL_CHUNK) {
    const size_t end = start + FSL_CHUNK < n ? start + FSL_CHUNK : n;
    const double factor = weight_of(splat(b->chunk_max[(first + start) / FSL_CHUNK] - reference))[0];
    for (size_t i = start; i < end; ++i) c->likelihood[i] = b->likelihood[first + i] * factor;
  }
  for (size_t i = n; i < c->n; ++i) c->likelihood[i] = 0.0;
}

/* The last chunk's atoms move to where there is room behind them. */
static void pad(size_t d, size_t n, chunk *c) {
  memcpy(c->padded, c->x, n * d * sizeof *c->x);
  memset(c->padded + n * d, 0, (c->n - n) * d * sizeof *c->x);
  c->x = c->padded;
  for (size_t i = n; i < c->n; ++i) c->weight[i] = -__builtin_inf();
}

/* The chunk at atom `first`; reference: L. */
static void open_chunk(const fsl_block *b, size_t first, bool posterior, double reference, chunk *c) {
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

static void logits(size_t d, const fsl_tile *tile, chunk *c, vec max[V]) {
#define CALL(dims) logits_in(dims, tile, c, max)
  FOR_DIMENSION(d, CALL)
#undef CALL
}

/* ---- weights --------------------------------------------------------------------------------------------------- */

static void weights(chunk *c, const vec max[V]) {
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
static void raise_maximum(size_t p, const vec max[V], side *prior, side *post) {
  vec factor[V];
  if (!any((max[0] > prior->max[0]) | (max[1] > prior->max[1]))) return;
  UNROLL for (int v = 0; v < V; ++v) {
    factor[v] = weight_of(prior->max[v] - max[v]);
    prior->max[v] = max[v];
  }
  rescale(p, factor, prior);
  if (post != NULL) rescale(p, factor, post);
}

/* ---- sums ------------------------------------------------------------------------------------------------------ */

/* Dimensions first .. first+dims-1 of `count` vectors of states from v on, both sides; the first of them sums the
 * weights too, and leaves q behind where there are others. */
INLINE void sum_both(int d, int first, int dims, int v, int count, chunk *c, side *prior, side *post) {
  vec s[MOST][V], sq[MOST][V], sum[V] = {{0}}, post_sum[V] = {{0}};
  const double *atoms = c->x + first;
  UNROLL for (int j = 0; j < dims; ++j) UNROLL for (int k = 0; k < count; ++k) s[j][k] = sq[j][k] = (vec){0};
  for (size_t i = 0, n = c->n; i < n; ++i) {
    vec q[V];
    UNROLL for (int k = 0; k < count; ++k) {
      if (first > 0) {
        q[k] = c->q[i];
        continue;
      }
      q[k] = c->e[i][v + k] * c->likelihood[i];
      sum[k] += c->e[i][v + k];
      post_sum[k] += q[k];
      if (dims < d) c->q[i] = q[k];
    }
    UNROLL for (int j = 0; j < dims; ++j) {
      const vec x = splat(atoms[i * (size_t)d + (size_t)j]);
      UNROLL for (int k = 0; k < count; ++k) {
        s[j][k] += c->e[i][v + k] * x;
        sq[j][k] += q[k] * x;
      }
    }
  }
  UNROLL for (int k = 0; k < count; ++k) {
    prior->sum[v + k] += sum[k];
    post->sum[v + k] += post_sum[k];
    UNROLL for (int j = 0; j < dims; ++j) {
      prior->total[first + j][v + k] += s[j][k];
      post->total[first + j][v + k] += sq[j][k];
    }
  }
}

INLINE void sum_both_in(int d, chunk *c, side *prior, side *post) {
  const int half = d <= GROUP ? d : (d + 1) / 2;
  if (d <= JOINT) {
    sum_both(d, 0, d, 0, V, c, prior, post);
    return;
  }
  UNROLL for (int v = 0; v < V; ++v) {
    sum_both(d, 0, half, v, 1, c, prior, post);
    if (half < d) sum_both(d, half, d - half, v, 1, c, prior, post);
  }
}

/* The same for one side. */
INLINE void sum_one(int d, int v, int count, const chunk *c, side *prior) {
  vec s[MOST][V], sum[V] = {{0}};
  const double *atoms = c->x;
  UNROLL for (int j = 0; j < d; ++j) UNROLL for (int k = 0; k < count; ++k) s[j][k] = (vec){0};
  for (size_t i = 0, n = c->n; i < n; ++i) {
    UNROLL for (int k = 0; k < count; ++k) sum[k] += c->e[i][v + k];
    UNROLL for (int j = 0; j < d; ++j) UNROLL for (int k = 0; k < count; ++k) s[j][k] +=
        c->e[i][v + k] * atoms[i * (size_t)d + (size_t)j];
  }
  UNROLL for (int k = 0; k < count; ++k) {
    prior->sum[v + k] += sum[k];
    UNROLL for (int j = 0; j < d; ++j) prior->total[j][v + k] += s[j][k];
  }
}

INLINE void sum_one_in(int d, const chunk *c, side *prior) {
  if (d <= JOINT_ALONE)
    sum_one(d, 0, V, c, prior);
  else
    UNROLL for (int v = 0; v < V; ++v) sum_one(d, v, 1, c, prior);
}

/* Densities alone. */
INLINE void sum_weights(bool posterior, const chunk *c, side *prior, side *post) {
  vec s[V] = {{0}}, sq[V] = {{0}};
  for (size_t i = 0; i < c->n; ++i) UNROLL for (int v = 0; v < V; ++v) {
      s[v] += c->e[i][v];
      if (posterior) sq[v] += c->e[i][v] * c->likelihood[i];
    }
  UNROLL for (int v = 0; v < V; ++v) {
    prior->sum[v] += s[v];
    if (posterior) post->sum[v] += sq[v];
  }
}

static void sums(const fsl_block *b, chunk *c, side *prior, side *post) {
  if (b->p == 0) {
    if (post != NULL)
      sum_weights(true, c, prior, post);
    else
      sum_weights(false, c, prior, NULL);
  } else if (post != NULL) {
#define CALL(dims) sum_both_in(dims, c, prior, post)
    FOR_DIMENSION(b->d, CALL)
#undef CALL
  } else {
#define CALL(dims) sum_one_in(dims, c, prior)
    FOR_DIMENSION(b->d, CALL)
#undef CALL
  }
}

/* ---- means ----------------------------------------------------------------------------------------------------- */

static void clear(side *s) {
  memset(s, 0, sizeof *s);
  UNROLL for (int v = 0; v < V; ++v) s->max[v] = splat(FSL_FLOOR);
}

/* own: every logit gets its l_i too, a softmax of its own. */
static void add_likelihoods(const fsl_block *b, size_t first, chunk *c, vec max[V]) {
  for (size_t i = 0; i < c->n && first + i < b->n; ++i) UNROLL for (int v = 0; v < V; ++v) {
      c->e[i][v] += b->log_likelihood[first + i];
      max[v] = larger(c->e[i][v], max[v]);
    }
}

static void run(const fsl_block *b, const fsl_tile *tile, bool own, double reference, side *prior, side *post) {
  chunk c;
  clear(prior);
  if (post != NULL) clear(post);
  for (size_t first = 0; first < b->n; first += CHUNK) {
    vec max[V], unused[V];
    memcpy(max, prior->max, sizeof max);
    memcpy(unused, prior->max, sizeof max);
    open_chunk(b, first, post != NULL, reference, &c);
    logits(b->d, tile, &c, own ? unused : max);
    if (own) add_likelihoods(b, first, &c, max);
    raise_maximum(b->p, max, prior, post);
    weights(&c, prior->max);
    sums(b, &c, prior, post);
  }
}

static void store(size_t p, const side *s, double *max, double *sum, double *sums_out) {
  memcpy(max, s->max, sizeof s->max);
  memcpy(sum, s->sum, sizeof s->sum);
  memcpy(sums_out, s->total, p * sizeof *s->total);
}

/* Lanes whose posterior sum is too small are done again, and they alone change. */
static void repair(const fsl_block *b, const fsl_tile *tile, side *post) {
  const ivec low[V] = {post->sum[0] < LEAST_SUM, post->sum[1] < LEAST_SUM};
  side own;
  if (!any(low[0] | low[1])) return;
  run(b, tile, true, 0.0, &own, NULL);
  UNROLL for (int v = 0; v < V; ++v) {
    post->max[v] = choose(low[v], own.max[v], post->max[v]);
    post->sum[v] = choose(low[v], own.sum[v], post->sum[v]);
    for (size_t j = 0; j < b->p; ++j) post->total[j][v] = choose(low[v], own.total[j][v], post->total[j][v]);
  }
}

static void both_means(const fsl_block *b, const fsl_tile *tile) {
  const double reference = largest(b);
  side prior, post;
  run(b, tile, false, reference, &prior, &post);
  UNROLL for (int v = 0; v < V; ++v) post.max[v] = prior.max[v] + reference;
  repair(b, tile, &post);
  store(b->p, &prior, tile->max, tile->sum, tile->vec);
  store(b->p, &post, tile->post_max, tile->post_sum, tile->post_vec);
}

static void prior_means(const fsl_block *b, const fsl_tile *tile) {
  side prior;
  run(b, tile, false, 0.0, &prior, NULL);
  store(b->p, &prior, tile->max, tile->sum, tile->vec);
}

bool FOR_ISA(fsl_narrow_means)(const fsl_block *block, const fsl_tile *tile) {
  if (block->d > MOST || tile->entropy || (block->p != 0 && (block->p != block->d || block->payload != block->x)))
    return false;
  const unsigned before = flush_subnormals();
  if (tile->posterior)
    both_means(block, tile);
  else
    prior_means(block, tile);
  restore(before);
  return true;
}

/* ---- second moments -------------------------------------------------------------------------------------------- */

/* Sums e_i, which becomes z_i = e_i (Q_i - qc) . u. An atom without weight stays without, whatever its Q_i. */
INLINE void project_in(int q, const double *inner, const fsl_tile *tile, chunk *c, side *prior) {
  vec centre[MOST * V], u[MOST * V], sum[V] = {{0}};
  memcpy(centre, tile->inner_centre, (size_t)(q * V) * sizeof *centre);
  memcpy(u, tile->u, (size_t)(q * V) * sizeof *u);
  for (size_t i = 0, n = c->n; i < n; i += ROWS) {
    vec s[ROWS][V];
    UNROLL for (int j = 0; j < q; ++j) UNROLL for (int k = 0; k < ROWS; ++k) {
      const vec value = splat(inner[(i + (size_t)k) * (size_t)q + (size_t)j]);
      UNROLL for (int v = 0; v < V; ++v) {
        if (j == 0) s[k][v] = (vec){0};
        s[k][v] += (value - centre[j * V + v]) * u[j * V + v];
      }
    }
    UNROLL for (int k = 0; k < ROWS; ++k) UNROLL for (int v = 0; v < V; ++v) {
      const vec e = c->e[i + (size_t)k][v];
      sum[v] += e;
      c->e[i + (size_t)k][v] = keep(e * s[k][v], e, 0.0);
    }
  }
  UNROLL for (int v = 0; v < V; ++v) prior->sum[v] += sum[v];
}

static void project(const fsl_block *b, const fsl_tile *tile, size_t first, size_t n, double *padded, chunk *c,
                    side *prior) {
  const double *inner = b->inner + first * b->q;
  if (n < c->n) {
    memcpy(padded, inner, n * b->q * sizeof *inner);
    memset(padded + n * b->q, 0, (c->n - n) * b->q * sizeof *inner);
    inner = padded;
  }
#define CALL(dims) project_in(dims, inner, tile, c, prior)
  FOR_DIMENSION(b->q, CALL)
#undef CALL
}

/* total += sum z_i (x_i - centre), dimensions first .. first+dims-1 of one vector of states */
INLINE void sum_centred(int d, int first, int dims, int v, const fsl_tile *tile, const chunk *c, side *prior) {
  vec s[MOST], centre[MOST];
  const double *atoms = c->x + first;
  UNROLL for (int j = 0; j < dims; ++j) {
    s[j] = (vec){0};
    centre[j] = lanes_of(tile->payload_centre)[(first + j) * V + v];
  }
  for (size_t i = 0, n = c->n; i < n; ++i) {
    const vec z = c->e[i][v];
    UNROLL for (int j = 0; j < dims; ++j) s[j] += z * (atoms[i * (size_t)d + (size_t)j] - centre[j]);
  }
  UNROLL for (int j = 0; j < dims; ++j) prior->total[first + j][v] += s[j];
}

INLINE void sum_centred_in(int d, const fsl_tile *tile, const chunk *c, side *prior) {
  const int half = d <= GROUP ? d : (d + 1) / 2;
  UNROLL for (int v = 0; v < V; ++v) {
    sum_centred(d, 0, half, v, tile, c, prior);
    if (half < d) sum_centred(d, half, d - half, v, tile, c, prior);
  }
}

static void second_moments(const fsl_block *b, const fsl_tile *tile, side *prior) {
  double padded[CHUNK * MOST];
  chunk c;
  clear(prior);
  for (size_t first = 0; first < b->n; first += CHUNK) {
    vec max[V];
    memcpy(max, prior->max, sizeof max);
    open_chunk(b, first, false, 0.0, &c);
    logits(b->d, tile, &c, max);
    raise_maximum(b->p, max, prior, NULL);
    weights(&c, prior->max);
    project(b, tile, first, b->n - first < CHUNK ? b->n - first : CHUNK, padded, &c, prior);
#define CALL(dims) sum_centred_in(dims, tile, &c, prior)
    FOR_DIMENSION(b->d, CALL)
#undef CALL
  }
}

bool FOR_ISA(fsl_narrow_cross)(const fsl_block *block, const fsl_tile *tile) {
  if (block->d > MOST || block->q == 0 || block->q > MOST || block->p != block->d || block->payload != block->x)
    return false;
  const unsigned before = flush_subnormals();
  side prior;
  second_moments(block, tile, &prior);
  store(block->p, &prior, tile->max, tile->sum, tile->vec);
  restore(before);
  return true;
}
