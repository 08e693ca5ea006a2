/* kernel_narrow.c: the hot kernels in few dimensions (see narrow.h). A chunk of atoms goes through three short loops,
 * logits, exponentials and sums, whose state lives in registers. Both sides share one exponential a pair:
 *   e_i = exp(logit_i - M),   q_i = e_i L_i,   L_i = exp(l_i - L),   L the largest l of the block,
 * so that the posterior's reference is M + L and no second maximum is needed. Where the posterior's mass lies so far
 * from the state that its sum nears underflow, the lane's posterior side is done again as a softmax of its own. */
#include "posterior/narrow_chunk.h"

/* Below this the posterior's sum, at most 1 an atom, may lack atoms whose e underflowed: e^-708 against e^-644. */
#define LEAST_SUM 1e-280

/* The block's largest log likelihood, FSL_FLOOR where there is none. */
static double largest(const fsl_block *b) {
  double most = FSL_FLOOR;
  for (size_t c = 0; c < (b->n + FSL_CHUNK - 1) / FSL_CHUNK; ++c)
    most = b->chunk_max[c] > most ? b->chunk_max[c] : most;
  return most;
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
