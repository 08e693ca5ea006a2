/* kernel_tree.c: the moment tree's loops (see kernel_tree.h), compiled once for each instruction set with
 * -DFSL_KERNEL_ISA=<name>. */
#include "posterior/kernel_tree.h"

#include <string.h>

#include "posterior/vector.h"

enum { V = 2, LANES = V * WIDTH, SUMS = 10, TERMS = FSL_TREE_MOST_DEGREE + 1 };

#define LOG_CRAMER 0.0830 /* log 1.0865, rounded up */
#define SLACK      1e-6   /* more than what logarithm() is off by */
/* Where nodes near the mass may take more than their share by weight, so that few large ones serve: none more than this
 * part of the whole, and each kernel with an error of this part of the tolerance. */
#define LOG_PART  (-4.0)
#define LOG_LOCAL (-2.5)

INLINE vec smaller(vec a, vec b) {
  return -larger(-a, -b);
}

INLINE vec root(vec a) {
#if defined __AVX512F__
  return (vec)_mm512_sqrt_pd((__m512d)a);
#elif defined __AVX__
  return (vec)_mm256_sqrt_pd((__m256d)a);
#elif defined __SSE2__
  return (vec)_mm_sqrt_pd((__m128d)a);
#else
  UNROLL for (int k = 0; k < WIDTH; ++k) a[k] = __builtin_sqrt(a[k]);
  return a;
#endif
}

/* log of a normal number to 4e-8, by the exponent and atanh; something below -708 for 0. */
INLINE vec logarithm(vec a) {
  const uvec bits = (uvec)a;
  const vec exponent = ((vec)((bits >> 52) | UINT64_C(0x4330000000000000)) - 0x1p52) - 1022.5;
  const vec m = (vec)((bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000));
  const vec t = (m - 0x1.6a09e667f3bcdp+0) / (m + 0x1.6a09e667f3bcdp+0), q = t * t;
  const vec p = ((q * (1.0 / 7) + 1.0 / 5) * q + 1.0 / 3) * q + 1.0;
  return exponent * 0x1.62e42fefa39efp-1 + 2.0 * t * p;
}

INLINE double least(const vec a[V]) {
  const vec s = smaller(a[0], a[1]);
  double out = s[0];
  UNROLL for (int k = 1; k < WIDTH; ++k) out = s[k] < out ? s[k] : out;
  return out;
}

INLINE vec load(const double *values, size_t row, size_t v) {
  vec out;
  memcpy(&out, values + row * LANES + v * WIDTH, sizeof out);
  return out;
}

INLINE void store(double *values, size_t row, size_t v, vec value) {
  memcpy(values + row * LANES + v * WIDTH, &value, sizeof value);
}

/* ---- a node as the lanes see it ---------------------------------------------------------------------------------- */

typedef struct walk {
  const fsl_tree *tree;
  const fsl_tree_tile *tile;
  double h, inverse_s, log_s, inverse_length;
  vec z[FSL_TREE_MOST_D][V], centre[FSL_TREE_MOST_D][V];
  vec reference[2][V];
  vec reach[V], most[V]; /* a node's D is at most |z - c| + r + reach, and at most `most` */
  vec sum[2][SUMS][V];   /* 1, then first, then second moments */
  vec used[V];
} walk;

typedef struct view {
  vec u[FSL_TREE_MOST_D][V], square[V]; /* (z - c)/s, its square */
  vec log_most[V];                      /* log E0 */
  vec room[V];                          /* reference - log W, the smaller of both sides */
  vec log_far[V];                       /* log g */
  vec limit[V];                         /* log E may be up to this */
  ivec dropped[V];
  bool any;       /* some lane needs this node */
  double allowed; /* min over those lanes of limit + |u|^2/4: for E1 */
  double load;    /* log of how much larger than S the terms of the expansion may be: rounding grows with it */
} view;

INLINE void look_at(int d, int sides, bool second, const walk *w, const fsl_tree_node *node, view *out) {
  const double budget = w->tile->log_tolerance, share = node->log_share[sides - 1];
  const double rho = node->radius * w->inverse_s;
  vec allowed[V], rounding[V];
  UNROLL for (int v = 0; v < V; ++v) {
    vec square = {0};
    UNROLL for (int j = 0; j < d; ++j) {
      const vec delta = w->z[j][v] - node->centre[j];
      out->u[j][v] = delta * w->inverse_s;
      square += delta * delta;
    }
    const vec distance = root(square), near = larger(distance - node->radius, splat(0.0)) * w->inverse_s;
    const vec far = logarithm(smaller(distance + (w->reach[v] + node->radius), w->most[v]) * w->inverse_length);
    out->log_far[v] = larger(far, splat(0.0)) * (second ? 2.0 : 1.0);
    out->square[v] = square * w->inverse_s * w->inverse_s;
    out->log_most[v] = -0.5 * near * near;
    vec room = w->reference[0][v] - node->side[0].log_weight;
    if (sides == 2) room = smaller(room, w->reference[1][v] - node->side[1].log_weight);
    out->room[v] = room;
    const vec whole = budget - out->log_far[v], alloted = room + share;
    out->dropped[v] = out->log_most[v] <= whole + alloted;
    const vec local = smaller(splat(LOG_LOCAL), room + LOG_PART);
    out->limit[v] = whole + (w->tile->careful ? alloted : larger(alloted, local));
    allowed[v] = choose(out->dropped[v], splat(1e308), out->limit[v] + 0.25 * out->square[v]);
    rounding[v] = smaller(out->log_most[v], 0.5 - 0.25 * out->square[v]) - room;
    rounding[v] = choose(out->dropped[v], splat(1e308), -rounding[v]);
  }
  out->any = any(~(out->dropped[0] & out->dropped[1]));
  out->allowed = least(allowed);
  out->load = rho * rho - least(rounding);
}

/* log E1 */
INLINE double cramer(const fsl_tree *tree, size_t p, double log_rho, double rho) {
  const double q = rho * tree->inverse_root[p + 2];
  if (q > 0.75) return 1e300;
  return (double)(p + 1) * log_rho - tree->half_log_factorial[p + 1] + q / (1.0 - q) + LOG_CRAMER; /* -log(1-q) < .. */
}

/* log E2 of every lane */
INLINE void chernoff(const view *node, size_t p, double log_rho, double rho, vec out[V]) {
  const double n = (double)(p + 1);
  UNROLL for (int v = 0; v < V; ++v) {
    const vec u = root(node->square[v]);
    const vec y = larger(2.0 * n / (u + root(node->square[v] + 4.0 * n)), splat(rho));
    out[v] = n * (log_rho - logarithm(y) + SLACK) + u * y + 0.5 * y * y - 0.5 * node->square[v];
  }
}

INLINE bool all_within(const view *node, const vec log_error[V]) {
  return !any((log_error[0] > node->limit[0]) & ~node->dropped[0]) &&
         !any((log_error[1] > node->limit[1]) & ~node->dropped[1]);
}

/* The smallest order that every lane is content with, and log E there; false: none. */
INLINE bool choose_order(const walk *w, const fsl_tree_node *node, const view *seen, size_t most, size_t *order,
                         vec log_error[V]) {
  const fsl_tree *tree = w->tree;
  const double rho = node->radius * w->inverse_s, log_rho = node->log_radius - w->log_s;
  const bool first = cramer(tree, most, log_rho, rho) <= seen->allowed;
  if (!first) {
    if (rho > 1e3) return false;
    chernoff(seen, most, log_rho, rho, log_error);
    if (!all_within(seen, log_error)) return false;
  }
  size_t low = 0, high = most;
  while (low < high) {
    const size_t p = (low + high) / 2;
    bool ok;
    if (first) {
      ok = cramer(tree, p, log_rho, rho) <= seen->allowed;
    } else {
      chernoff(seen, p, log_rho, rho, log_error);
      ok = all_within(seen, log_error);
    }
    if (ok)
      high = p;
    else
      low = p + 1;
  }
  *order = high;
  if (!first) chernoff(seen, high, log_rho, rho, log_error);
  if (first)
    UNROLL for (int v = 0; v < V; ++v) log_error[v] = cramer(tree, high, log_rho, rho) - 0.25 * seen->square[v];
  return true;
}

/* `used` grows by what this node leaves out: E0 where it is dropped. */
INLINE void charge(walk *w, const view *node, const vec *log_error) {
  UNROLL for (int v = 0; v < V; ++v) {
    const vec e = log_error != NULL ? choose(node->dropped[v], node->log_most[v], log_error[v]) : node->log_most[v];
    const vec part = e + node->log_far[v] - node->room[v] - w->tile->log_tolerance + SLACK;
    w->used[v] += exponential(smaller(part, splat(700.0)));
  }
}

/* ---- expansions ---------------------------------------------------------------------------------------------------
 */

/* rho^k He_k(u), and k, k (k - 1) times the one and two before: what shifts an index. */
typedef struct axis {
  vec h[3][TERMS][V];
} axis;

INLINE void hermite(int d, bool second, const view *seen, double rho, size_t degree, axis *out) {
  UNROLL for (int j = 0; j < d; ++j) UNROLL for (int v = 0; v < V; ++v) {
    out[j].h[0][0][v] = splat(1.0);
    out[j].h[0][1][v] = rho * seen->u[j][v];
    out[j].h[1][0][v] = out[j].h[2][0][v] = out[j].h[2][1][v] = splat(0.0);
    out[j].h[1][1][v] = splat(1.0);
  }
  for (size_t k = 1; k < degree; ++k) {
    const double fall = rho * rho * (double)k, next = (double)(k + 1);
    UNROLL for (int j = 0; j < d; ++j) UNROLL for (int v = 0; v < V; ++v) {
      const vec now = out[j].h[0][k][v];
      out[j].h[0][k + 1][v] = out[j].h[0][1][v] * now - fall * out[j].h[0][k - 1][v];
      out[j].h[1][k + 1][v] = next * now;
      if (second) out[j].h[2][k + 1][v] = next * out[j].h[1][k][v];
    }
  }
}

/* The last index: out[side][i] = sum_l row[side][l] h[i][l] for l <= degree. */
INLINE void sum_row(int sides, int shifts, const double *const row[2], size_t degree, const axis *a,
                    vec out[2][SUMS][V]) {
  vec s[2][3][V];
  UNROLL for (int side = 0; side < sides; ++side) UNROLL for (int i = 0; i < shifts; ++i)
      UNROLL for (int v = 0; v < V; ++v) s[side][i][v] = (vec){0};
  for (size_t l = 0; l <= degree; ++l) {
    UNROLL for (int side = 0; side < sides; ++side) {
      const vec m = splat(row[side][l]);
      UNROLL for (int i = 0; i < shifts; ++i) UNROLL for (int v = 0; v < V; ++v) s[side][i][v] += m * a->h[i][l][v];
    }
  }
  UNROLL for (int side = 0; side < sides; ++side) UNROLL for (int i = 0; i < shifts; ++i)
      UNROLL for (int v = 0; v < V; ++v) out[side][i][v] = s[side][i][v];
}

/* One more index in front: out += in, sums over d indices (1, first moments, second ones row by row), times h[.][k]. */
INLINE void fold(int d, int sides, bool second, vec in[2][SUMS][V], const axis *a, size_t k, vec out[2][SUMS][V]) {
  UNROLL for (int side = 0; side < sides; ++side) UNROLL for (int v = 0; v < V; ++v) {
    const vec h = a->h[0][k][v], first = a->h[1][k][v];
    out[side][0][v] += in[side][0][v] * h;
    out[side][1][v] += in[side][0][v] * first;
    UNROLL for (int j = 0; j < d; ++j) out[side][2 + j][v] += in[side][1 + j][v] * h;
    if (!second) continue;
    out[side][2 + d][v] += in[side][0][v] * a->h[2][k][v];
    UNROLL for (int j = 0; j < d; ++j) out[side][3 + d + j][v] += in[side][1 + j][v] * first;
    UNROLL for (int j = 0; j < d * (d + 1) / 2; ++j) out[side][3 + 2 * d + j][v] += in[side][1 + d + j][v] * h;
  }
}

INLINE void clear(int sums, vec out[2][SUMS][V]) {
  UNROLL for (int side = 0; side < 2; ++side) UNROLL for (int j = 0; j < sums; ++j) UNROLL for (int v = 0; v < V; ++v)
      out[side][j][v] = (vec){0};
}

/* The last two indices; `kept`: the degree of the moments that are there. */
INLINE void sum_plane(int sides, bool second, const double *const plane[2], size_t degree, size_t kept, const axis *a,
                      vec out[2][SUMS][V]) {
  const double *row[2] = {plane[0], plane[1]};
  vec t[2][SUMS][V];
  clear(second ? 6 : 3, out);
  for (size_t k = 0; k <= degree; ++k) {
    sum_row(sides, second ? 3 : 2, row, degree - k, a + 1, t);
    fold(1, sides, second, t, a, k, out);
    row[0] += kept - k + 1;
    if (sides == 2) row[1] += kept - k + 1;
  }
}

INLINE void sum_solid(int sides, bool second, const double *const solid[2], size_t degree, size_t kept, const axis *a,
                      vec out[2][SUMS][V]) {
  const double *plane[2] = {solid[0], solid[1]};
  vec t[2][SUMS][V];
  clear(second ? 10 : 4, out);
  for (size_t k = 0; k <= degree; ++k) {
    sum_plane(sides, second, plane, degree - k, kept - k, a + 1, t);
    fold(2, sides, second, t, a, k, out);
    plane[0] += (kept - k + 1) * (kept - k + 2) / 2;
    if (sides == 2) plane[1] += (kept - k + 1) * (kept - k + 2) / 2;
  }
}

/* Adds a node's sums, which are about its centre in units of its radius. */
INLINE void add_node(int d, int sides, bool second, walk *w, const fsl_tree_node *node, const view *seen,
                     vec in[2][SUMS][V]) {
  const double r = node->radius;
  UNROLL for (int side = 0; side < sides; ++side) UNROLL for (int v = 0; v < V; ++v) {
    const vec log_factor = node->side[side].log_weight - 0.5 * seen->square[v] - w->reference[side][v];
    const vec factor = choose(seen->dropped[v], splat(0.0), exponential(smaller(log_factor, splat(700.0))));
    const vec s = factor * in[side][0][v];
    vec(*sum)[V] = w->sum[side];
    sum[0][v] += s;
    vec shift[FSL_TREE_MOST_D], first[FSL_TREE_MOST_D];
    UNROLL for (int j = 0; j < d; ++j) {
      first[j] = factor * r * in[side][1 + j][v];
      shift[j] = node->centre[j] - (second ? w->centre[j][v] : splat(0.0));
      if (!second) sum[1 + j][v] += first[j] + s * shift[j];
    }
    if (!second) continue;
    int at = 1 + d;
    UNROLL for (int j = 0; j < d; ++j) UNROLL for (int k = j; k < d; ++k, ++at) sum[at][v] +=
        factor * (r * r) * in[side][at][v] + first[j] * shift[k] + (first[k] + s * shift[k]) * shift[j];
  }
}

INLINE void expand(int d, int sides, bool second, walk *w, const fsl_tree_node *node, const view *seen, size_t degree,
                   size_t kept) {
  axis a[FSL_TREE_MOST_D];
  vec out[2][SUMS][V];
  hermite(d, second, seen, node->radius * w->inverse_s, degree, a);
  if (d == 1) sum_row(sides, second ? 3 : 2, node->moment, degree, a, out);
  if (d == 2) sum_plane(sides, second, node->moment, degree, kept, a, out);
  if (d == 3) sum_solid(sides, second, node->moment, degree, kept, a, out);
  add_node(d, sides, second, w, node, seen, out);
}

/* ---- plain sums ----------------------------------------------------------------------------------------------------
 */

INLINE vec logit_of(int d, const walk *w, size_t i, int v) {
  const double *x = w->tree->x + i * (size_t)d;
  vec square = {0};
  UNROLL for (int j = 0; j < d; ++j) {
    const vec delta = w->z[j][v] - x[j];
    square += delta * delta;
  }
  return w->tree->log_weight[i] - w->h * square;
}

INLINE void add_atom(int d, bool second, const walk *w, const double *x, vec e, int v, vec (*sum)[V]) {
  sum[0][v] += e;
  if (!second) {
    UNROLL for (int j = 0; j < d; ++j) sum[1 + j][v] += e * x[j];
    return;
  }
  vec delta[FSL_TREE_MOST_D];
  UNROLL for (int j = 0; j < d; ++j) delta[j] = x[j] - w->centre[j][v];
  int at = 1 + d;
  UNROLL for (int j = 0; j < d; ++j) UNROLL for (int k = j; k < d; ++k, ++at) sum[at][v] += e * delta[j] * delta[k];
}

/* The posterior side reuses the prior side's exponential times factor = exp(gap) where that loses nothing; `apart`:
 * some lane needs its own. */
INLINE void add_atoms(int d, int sides, bool second, bool apart, walk *w, size_t from, size_t to, const vec gap[V]) {
  const fsl_tree *tree = w->tree;
  vec sum[2][SUMS][V], factor[V];
  clear(second ? 1 + d + d * (d + 1) / 2 : 1 + d, sum);
  if (sides == 2) UNROLL for (int v = 0; v < V; ++v) factor[v] = exponential(smaller(gap[v], splat(600.0)));
  for (size_t i = from; i < to; ++i) {
    UNROLL for (int v = 0; v < V; ++v) {
      const vec logit = logit_of(d, w, i, v);
      const vec e = exponential(smaller(logit - w->reference[0][v], splat(700.0)));
      add_atom(d, second, w, tree->x + i * (size_t)d, e, v, sum[0]);
      if (sides == 1) continue;
      vec q = e * tree->likelihood[i] * factor[v];
      if (apart) {
        const vec own = logit + tree->log_likelihood[i] - w->reference[1][v];
        q = choose(gap[v] > 600.0, exponential(smaller(own, splat(700.0))), q);
      }
      add_atom(d, second, w, tree->x + i * (size_t)d, q, v, sum[1]);
    }
  }
  UNROLL for (int side = 0; side < sides; ++side) UNROLL for (int j = 0; j < SUMS; ++j)
      UNROLL for (int v = 0; v < V; ++v) if (j < (second ? 1 + d + d * (d + 1) / 2 : 1 + d))
          w->sum[side][j][v] += sum[side][j][v];
}

INLINE size_t start_of(const fsl_tree *tree, size_t level, size_t j) {
  return (size_t)(((uint64_t)j * tree->n) >> level);
}

INLINE void add_leaf(int d, int sides, bool second, walk *w, size_t leaf) {
  const fsl_tree *tree = w->tree;
  const size_t from = start_of(tree, tree->levels, leaf), to = start_of(tree, tree->levels, leaf + 1);
  vec gap[V];
  UNROLL for (int v = 0; v < V; ++v) gap[v] =
      w->reference[0][v] + (sides == 2 ? tree->leaf_max[leaf] : 0.0) - w->reference[1][v];
  if (sides == 2 && any((gap[0] > 600.0) | (gap[1] > 600.0)))
    add_atoms(d, sides, second, true, w, from, to, gap);
  else
    add_atoms(d, sides, second, false, w, from, to, gap);
}

/* The largest logits of both sides as references. */
INLINE void find_largest(int d, int sides, walk *w) {
  const fsl_tree *tree = w->tree;
  UNROLL for (int side = 0; side < 2; ++side) UNROLL for (int v = 0; v < V; ++v) w->reference[side][v] =
      splat(FSL_FLOOR);
  for (size_t i = 0; i < tree->n; ++i) {
    UNROLL for (int v = 0; v < V; ++v) {
      const vec logit = logit_of(d, w, i, v);
      w->reference[0][v] = larger(logit, w->reference[0][v]);
      if (sides == 2) w->reference[1][v] = larger(logit + tree->log_likelihood[i], w->reference[1][v]);
    }
  }
}

/* ---- a lower bound of the sums --------------------------------------------------------------------------------------
 */

/* Jensen: a node's sum is at least W exp(-h (|z - mean|^2 + variance)). Each lane goes down to the better child, and
 * what it leaves aside counts too. */
typedef struct bound {
  vec value[V], loose[V], mean[FSL_TREE_MOST_D][V];
} bound;

INLINE void bound_nodes(int d, const walk *w, int side, const size_t at[LANES], bound *out) {
  double weight[LANES], variance[LANES], mean[FSL_TREE_MOST_D][LANES];
  for (size_t k = 0; k < LANES; ++k) {
    const fsl_tree_side *s = &w->tree->node[at[k]].side[side];
    weight[k] = s->log_weight;
    variance[k] = s->variance;
    UNROLL for (int j = 0; j < d; ++j) mean[j][k] = s->mean[j];
  }
  UNROLL for (int v = 0; v < V; ++v) {
    vec square = {0};
    UNROLL for (int j = 0; j < d; ++j) {
      out->mean[j][v] = load(mean[j], 0, (size_t)v);
      const vec delta = w->z[j][v] - out->mean[j][v];
      square += delta * delta;
    }
    const vec spread = w->h * load(variance, 0, (size_t)v);
    out->value[v] = load(weight, 0, (size_t)v) - (w->h * square + spread);
    out->loose[v] = spread * (1.0 + 4.0 * w->h * square);
  }
}

/* max, sum: a running log-sum-exp. */
INLINE void add_log(vec value, vec *max, vec *sum) {
  const vec top = larger(value, *max);
  *sum = *sum * exponential(*max - top) + exponential(value - top);
  *max = top;
}

/* A leaf whose bound is loose: its largest term. */
INLINE void look_into_leaf(int d, const walk *w, int side, size_t leaf, size_t lane, double *value) {
  const fsl_tree *tree = w->tree;
  const size_t v = lane / WIDTH, k = lane % WIDTH;
  for (size_t i = start_of(tree, tree->levels, leaf); i < start_of(tree, tree->levels, leaf + 1); ++i) {
    double square = 0.0;
    UNROLL for (int j = 0; j < d; ++j) {
      const double delta = w->z[j][v][k] - tree->x[i * (size_t)d + (size_t)j];
      square += delta * delta;
    }
    const double logit = tree->log_weight[i] - w->h * square + (side == 1 ? tree->log_likelihood[i] : 0.0);
    if (logit > *value) *value = logit;
  }
}

INLINE void find_bound(int d, walk *w, int side) {
  const fsl_tree *tree = w->tree;
  size_t at[LANES] = {0}, level = 0;
  bound now, left, right;
  vec max[V] = {splat(FSL_FLOOR), splat(FSL_FLOOR)}, sum[V] = {{0}};
  bound_nodes(d, w, side, at, &now);
  for (; level < tree->levels && any((now.loose[0] > 0.25) | (now.loose[1] > 0.25)); ++level) {
    size_t other[LANES];
    for (size_t k = 0; k < LANES; ++k) {
      at[k] = 2 * at[k] + 1;
      other[k] = at[k] + 1;
    }
    bound_nodes(d, w, side, at, &left);
    bound_nodes(d, w, side, other, &right);
    UNROLL for (size_t v = 0; v < V; ++v) {
      const ivec go_right = right.value[v] > left.value[v];
      add_log(choose(go_right, left.value[v], right.value[v]), &max[v], &sum[v]);
      now.value[v] = choose(go_right, right.value[v], left.value[v]);
      now.loose[v] = choose(go_right, right.loose[v], left.loose[v]);
      UNROLL for (int j = 0; j < d; ++j) now.mean[j][v] = choose(go_right, right.mean[j][v], left.mean[j][v]);
      UNROLL for (size_t k = 0; k < WIDTH; ++k) if (go_right[k]) at[v * WIDTH + k] = other[v * WIDTH + k];
    }
  }
  if (level == tree->levels)
    for (size_t k = 0; k < LANES; ++k) {
      double value = now.value[k / WIDTH][k % WIDTH];
      if (now.loose[k / WIDTH][k % WIDTH] > 2.0)
        look_into_leaf(d, w, side, at[k] + 1 - ((size_t)1 << tree->levels), k, &value);
      now.value[k / WIDTH][k % WIDTH] = value;
    }
  UNROLL for (size_t v = 0; v < V; ++v) {
    add_log(now.value[v], &max[v], &sum[v]);
    w->reference[side][v] = max[v] + logarithm(sum[v]) - SLACK;
    vec square = {0};
    for (int j = 0; j < d; ++j) {
      const vec delta = w->z[j][v] - now.mean[j][v];
      square += delta * delta;
      store(w->tile->anchor[side], (size_t)j, v, now.mean[j][v]);
    }
    w->reach[v] = larger(w->reach[v], root(square));
  }
}

/* ---- the walk
 * -------------------------------------------------------------------------------------------------------- */

/* In vector operations, roughly. */
INLINE bool sums_are_cheaper(int d, int sides, bool second, size_t n, size_t degree) {
  const size_t shifts = second ? 3 : 2, terms = fsl_tree_terms((size_t)d, degree);
  const size_t pair = 22 + 5 * (size_t)d + 2 * (size_t)(d * sides) + (second ? 6 : 0);
  return n * pair < terms * shifts * (size_t)sides + 8 * (size_t)d * degree + 60;
}

INLINE void walk_tree(int d, int sides, bool second, walk *w) {
  const fsl_tree *tree = w->tree;
  const size_t shift = second ? 2 : 1;
  const double own = w->tile->log_tolerance + 32.0, heaviest = own < 10.0 ? own : 10.0;
  struct {
    size_t level, j;
  } stack[72];
  size_t top = 1;
  stack[0].level = stack[0].j = 0;
  while (top > 0) {
    const size_t level = stack[--top].level, j = stack[top].j;
    const fsl_tree_node *node = &tree->node[((size_t)1 << level) - 1 + j];
    view seen;
    vec log_error[V];
    size_t order;
    look_at(d, sides, second, w, node, &seen);
    if (!seen.any) {
      charge(w, &seen, NULL);
    } else if (tree->degree[level] > shift && seen.load < heaviest &&
               choose_order(w, node, &seen, tree->degree[level] - shift, &order, log_error)) {
      const size_t degree = order + shift, n = start_of(tree, level, j + 1) - start_of(tree, level, j);
      if (sums_are_cheaper(d, sides, second, n, degree)) {
        for (size_t leaf = j << (tree->levels - level); leaf < (j + 1) << (tree->levels - level); ++leaf)
          add_leaf(d, sides, second, w, leaf);
      } else {
        expand(d, sides, second, w, node, &seen, degree, tree->degree[level]);
        charge(w, &seen, log_error);
      }
    } else if (level == tree->levels) {
      add_leaf(d, sides, second, w, j);
    } else {
      for (size_t child = 0; child < 2; ++child, ++top) {
        stack[top].level = level + 1;
        stack[top].j = 2 * j + 1 - child;
      }
    }
  }
}

INLINE void open_walk(int d, int sides, bool second, const fsl_tree *tree, const fsl_tree_tile *tile, walk *w) {
  const fsl_tree_node *all = tree->node;
  memset(w, 0, sizeof *w);
  w->tree = tree;
  w->tile = tile;
  w->inverse_s = 1.0 / tile->s;
  w->h = 0.5 * w->inverse_s * w->inverse_s;
  w->log_s = __builtin_log(tile->s);
  w->inverse_length = 1.0 / tile->length;
  UNROLL for (size_t v = 0; v < V; ++v) {
    vec own = {0}, square = {0};
    UNROLL for (int j = 0; j < d; ++j) {
      w->z[j][v] = load(tile->z, (size_t)j, v);
      if (second) w->centre[j][v] = load(tile->centre, (size_t)j, v);
      const vec offset = w->centre[j][v] - all->centre[j], delta = w->z[j][v] - w->centre[j][v];
      own += offset * offset;
      square += delta * delta;
    }
    w->most[v] = (second ? root(own) : splat(all->radius)) + all->radius;
    w->reach[v] = root(square) * (second ? 1.0 : 0.0);
  }
  (void)sides;
}

INLINE void evaluate_in(int d, int sides, bool second, const fsl_tree *tree, const fsl_tree_tile *tile) {
  walk w;
  open_walk(d, sides, second, tree, tile, &w);
  if (tile->direct) {
    find_largest(d, sides, &w);
    for (size_t leaf = 0; leaf < (size_t)1 << tree->levels; ++leaf) add_leaf(d, sides, second, &w, leaf);
  } else {
    vec reach[V] = {w.reach[0], w.reach[1]};
    for (int side = 0; side < sides; ++side) find_bound(d, &w, side);
    if (second) memcpy(w.reach, reach, sizeof reach);
    walk_tree(d, sides, second, &w);
  }
  const int first = second ? 1 + d : 1, count = second ? d * (d + 1) / 2 : d;
  for (int side = 0; side < sides; ++side)
    for (size_t v = 0; v < V; ++v) {
      store(tile->reference[side], 0, v, w.reference[side][v]);
      store(tile->sum[side], 0, v, w.sum[side][0][v]);
      for (int j = 0; j < count; ++j) store(tile->vec[side], (size_t)j, v, w.sum[side][first + j][v]);
      for (int j = 0; j < d && tile->direct; ++j) store(tile->anchor[side], (size_t)j, v, w.z[j][v]);
    }
  for (size_t v = 0; v < V; ++v) store(tile->used, 0, v, w.used[v]);
}

#define IN_DIMENSION(d)                                                                                                \
  static void evaluate_##d(const fsl_tree *tree, const fsl_tree_tile *tile) {                                          \
    if (tile->second)                                                                                                  \
      evaluate_in(d, 1, true, tree, tile);                                                                             \
    else if (tile->sides == 1)                                                                                         \
      evaluate_in(d, 1, false, tree, tile);                                                                            \
    else                                                                                                               \
      evaluate_in(d, 2, false, tree, tile);                                                                            \
  }
IN_DIMENSION(1)
IN_DIMENSION(2)
IN_DIMENSION(3)

static void evaluate(const fsl_tree *tree, const fsl_tree_tile *tile) {
  const unsigned before = flush_subnormals();
  if (tree->d == 1) evaluate_1(tree, tile);
  if (tree->d == 2) evaluate_2(tree, tile);
  if (tree->d == 3) evaluate_3(tree, tile);
  restore(before);
}

/* ---- moments of atoms
 * ------------------------------------------------------------------------------------------------- */

/* Lanes are atoms here: total[side][alpha] += weight[side] delta^alpha / alpha!, the powers in `power`. */
INLINE void add_powers(int d, int sides, size_t degree, vec (*power)[TERMS], const vec weight[2], vec *total[2]) {
  vec *out[2] = {total[0], total[1]};
  const size_t first = d == 3 ? degree : 0, middle = d >= 2;
  for (size_t i = 0; i <= first; ++i)
    for (size_t j = 0; j <= (middle ? degree - i : 0); ++j) {
      vec ahead[2];
      UNROLL for (int side = 0; side < sides; ++side) {
        ahead[side] = weight[side];
        if (d == 3) ahead[side] *= power[0][i];
        if (d >= 2) ahead[side] *= power[d - 2][j];
      }
      const size_t count = degree - i - j + 1;
      for (size_t k = 0; k < count; ++k)
        UNROLL for (int side = 0; side < sides; ++side) out[side][k] += ahead[side] * power[d - 1][k];
      UNROLL for (int side = 0; side < sides; ++side) out[side] += count;
    }
}

INLINE void sum_powers(int d, int sides, size_t n, const double *x, const double *const weight[2], const double *centre,
                       double inverse_radius, size_t degree, vec *total[2]) {
  vec power[FSL_TREE_MOST_D][TERMS], w[2] = {{0}};
  for (size_t from = 0; from < n; from += WIDTH) {
    for (int j = 0; j < d; ++j) {
      vec delta = {0};
      for (size_t k = 0; k < WIDTH && from + k < n; ++k)
        delta[k] = (x[(from + k) * (size_t)d + (size_t)j] - centre[j]) * inverse_radius;
      power[j][0] = splat(1.0);
      for (size_t k = 1; k <= degree; ++k) power[j][k] = power[j][k - 1] * delta * (1.0 / (double)k);
    }
    for (int side = 0; side < sides; ++side)
      for (size_t k = 0; k < WIDTH; ++k) w[side][k] = from + k < n ? weight[side][from + k] : 0.0;
    add_powers(d, sides, degree, power, w, total);
  }
}

static void moments(size_t n, size_t d, const double *x, const double *const weight[2], const double *centre,
                    double radius, size_t degree, double *scratch, double *const out[2]) {
  const unsigned before = flush_subnormals();
  const size_t terms = fsl_tree_terms(d, degree), sides = weight[1] != NULL ? 2 : 1;
  const double inverse = radius > 0.0 ? 1.0 / radius : 0.0;
  vec *total[2] = {(vec *)(void *)scratch, (vec *)(void *)scratch + terms};
  memset(scratch, 0, sides * terms * sizeof(vec));
  if (d == 1 && sides == 1) sum_powers(1, 1, n, x, weight, centre, inverse, degree, total);
  if (d == 1 && sides == 2) sum_powers(1, 2, n, x, weight, centre, inverse, degree, total);
  if (d == 2 && sides == 1) sum_powers(2, 1, n, x, weight, centre, inverse, degree, total);
  if (d == 2 && sides == 2) sum_powers(2, 2, n, x, weight, centre, inverse, degree, total);
  if (d == 3 && sides == 1) sum_powers(3, 1, n, x, weight, centre, inverse, degree, total);
  if (d == 3 && sides == 2) sum_powers(3, 2, n, x, weight, centre, inverse, degree, total);
  for (size_t side = 0; side < sides; ++side)
    for (size_t k = 0; k < terms; ++k) {
      out[side][k] = 0.0;
      for (size_t lane = 0; lane < WIDTH; ++lane) out[side][k] += total[side][k][lane];
    }
  restore(before);
}

extern const fsl_tree_kernel FOR_ISA(fsl_tree_kernel);
const fsl_tree_kernel FOR_ISA(fsl_tree_kernel) = {
    .name = TEXT(FSL_KERNEL_ISA), .lanes = LANES, .evaluate = evaluate, .moments = moments};
