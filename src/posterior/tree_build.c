/* tree_build.c: the moment tree: median splits of the widest side, moments of the lowest nodes that keep any by direct
 * sums, those above by translation. */
#include <math.h>
#include <string.h>

#include "posterior/internal.h"
#include "posterior/kernel_tree.h"
#include "posterior/tree_split.h"

enum { LEAF = 64, MOST_D = FSL_TREE_MOST_D, MOST_TERMS = 6000000 };

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

/* Higher moments serve larger nodes: measured to pay up to here. */
static size_t highest_degree(size_t d, double tolerance) {
  const bool loose = tolerance > 1e-5, tight = tolerance < 3e-9;
  if (d == 3) return loose ? 12 : tight ? 20 : 16;
  if (d == 2) return loose ? 18 : tight ? 28 : 26;
  return loose ? 20 : tight ? 32 : 28;
}

static size_t levels_of(size_t n) {
  size_t levels = 0;
  while (n >> levels > LEAF) ++levels;
  return levels;
}

static size_t nodes_above(size_t level) {
  return ((size_t)1 << level) - 1;
}

/* Moments an atom: beyond this many a plain sum over the node's atoms costs less. */
static size_t degree_of(size_t d, size_t highest, size_t n, double terms_per_atom) {
  size_t degree = highest;
  while (degree > 0 && (double)fsl_tree_terms(d, degree) > terms_per_atom * (double)n) --degree;
  return degree < 4 ? 0 : degree;
}

static size_t find_degrees(size_t n, size_t d, double tolerance, double terms_per_atom, uint8_t *degree) {
  size_t total = 0;
  for (size_t level = 0; level <= levels_of(n); ++level) {
    degree[level] = (uint8_t)degree_of(d, highest_degree(d, tolerance), n >> level, terms_per_atom);
    if (degree[level] > 0) total += fsl_tree_terms(d, degree[level]) << level;
  }
  return total;
}

/* The degrees of all levels, with fewer moments an atom where they would take too much memory. Returns how many moments
 * that are a side. */
static size_t choose_degrees(size_t n, size_t d, double tolerance, uint8_t *degree) {
  double terms_per_atom = 8.0;
  size_t total = find_degrees(n, d, tolerance, terms_per_atom, degree);
  for (; total > MOST_TERMS && terms_per_atom > 0.1; terms_per_atom *= 0.75)
    total = find_degrees(n, d, tolerance, 0.75 * terms_per_atom, degree);
  return total;
}

/* On whole uniform schedules to 1e-10 it is then 4, 2 and 1.5 times faster than plain sums. */
bool fsl_tree_pays(uint64_t n, size_t d, double tolerance) {
  static const uint64_t least[MOST_D + 1] = {0, 1000, 2000, 20000};
  return tolerance > 0.0 && d >= 1 && d <= MOST_D && n >= least[d];
}

size_t fsl_tree_bytes(size_t n, size_t d, double tolerance) {
  uint8_t degree[FSL_TREE_MOST_LEVELS];
  const size_t moments = choose_degrees(n, d, tolerance, degree), nodes = nodes_above(levels_of(n) + 1);
  return sizeof(fsl_tree) + (n * (d + 3) + nodes + 2 * moments) * sizeof(double) + nodes * sizeof(fsl_tree_node);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

typedef struct builder {
  fsl_tree *tree;
  fsl_tree_node *node;
  size_t sides;
  double *x, *log_weight, *log_likelihood, *likelihood, *leaf_max;
} builder;

static size_t start_of(const fsl_tree *tree, size_t level, size_t j) {
  return (size_t)(((uint64_t)j * tree->n) >> level);
}

static fsl_tree_node *node_at(const builder *b, size_t level, size_t j) {
  return b->node + nodes_above(level) + j;
}

static double log_weight_of(const builder *b, size_t side, size_t i) {
  return b->log_weight[i] + (side == 1 ? b->log_likelihood[i] : 0.0);
}

static void find_ball(const builder *b, size_t level, size_t j) {
  const size_t d = b->tree->d < MOST_D ? b->tree->d : MOST_D;
  const size_t from = start_of(b->tree, level, j), to = start_of(b->tree, level, j + 1);
  fsl_tree_node *node = node_at(b, level, j);
  double low[MOST_D] = {INFINITY, INFINITY, INFINITY}, high[MOST_D] = {-INFINITY, -INFINITY, -INFINITY}, most = 0.0;
  for (size_t i = from; i < to; ++i)
    for (size_t k = 0; k < d; ++k) {
      const double x = b->x[i * d + k];
      low[k] = x < low[k] ? x : low[k];
      high[k] = x > high[k] ? x : high[k];
    }
  for (size_t k = 0; k < d; ++k) node->centre[k] = low[k] + 0.5 * (high[k] - low[k]);
  for (size_t i = from; i < to; ++i) {
    double square = 0.0;
    for (size_t k = 0; k < d; ++k) {
      const double delta = b->x[i * d + k] - node->centre[k];
      square += delta * delta;
    }
    most = square > most ? square : most;
  }
  node->radius = sqrt(most) * (1.0 + 0x1p-50);
  node->log_radius = node->radius > 0.0 ? log(node->radius) : -1e6;
}

static void leaf_side(const builder *b, size_t side, size_t from, size_t to, fsl_tree_side *out) {
  const size_t d = b->tree->d;
  double max = FSL_FLOOR, sum = 0.0;
  for (size_t i = from; i < to; ++i) max = fmax(max, log_weight_of(b, side, i));
  *out = (fsl_tree_side){.log_weight = FSL_FLOOR};
  if (max <= FSL_FLOOR) return;
  for (size_t i = from; i < to; ++i) {
    const double w = exp(log_weight_of(b, side, i) - max);
    sum += w;
    for (size_t k = 0; k < d; ++k) out->mean[k] += w * b->x[i * d + k];
  }
  out->log_weight = max + log(sum);
  for (size_t k = 0; k < d; ++k) out->mean[k] /= sum;
  for (size_t i = from; i < to; ++i)
    for (size_t k = 0; k < d; ++k) {
      const double delta = b->x[i * d + k] - out->mean[k];
      out->variance += exp(log_weight_of(b, side, i) - out->log_weight) * delta * delta;
    }
}

static void join_sides(size_t d, const fsl_tree_side *a, const fsl_tree_side *b, fsl_tree_side *out) {
  const double max = fmax(a->log_weight, b->log_weight), f = exp(a->log_weight - max), g = exp(b->log_weight - max);
  const double share = g / (f + g);
  double square = 0.0;
  *out = (fsl_tree_side){.log_weight = max + log(f + g)};
  for (size_t k = 0; k < d; ++k) {
    const double delta = b->mean[k] - a->mean[k];
    out->mean[k] = a->mean[k] + share * delta;
    square += delta * delta;
  }
  out->variance = (1.0 - share) * a->variance + share * b->variance + share * (1.0 - share) * square;
}

static fsl_status find_nodes(fsl_ctx *ctx, const builder *b) {
  const size_t levels = b->tree->levels;
  for (size_t level = levels + 1; level-- > 0;) {
    FSL_TRY(fsl_check_stop(ctx));
    for (size_t j = 0; j < (size_t)1 << level; ++j) {
      fsl_tree_node *node = node_at(b, level, j);
      find_ball(b, level, j);
      for (size_t side = 0; side < b->sides; ++side)
        if (level == levels)
          leaf_side(b, side, start_of(b->tree, level, j), start_of(b->tree, level, j + 1), &node->side[side]);
        else
          join_sides(b->tree->d, &node_at(b, level + 1, 2 * j)->side[side],
                     &node_at(b, level + 1, 2 * j + 1)->side[side], &node->side[side]);
    }
  }
  return FSL_OK;
}

static double bounded_log(double value) {
  return value > 0.0 ? log(value) : -1e290;
}

/* Half by prior and half by posterior weight. */
static void find_shares(const builder *b) {
  for (size_t i = 0; i < nodes_above(b->tree->levels + 1); ++i) {
    const double prior = exp(b->node[i].side[0].log_weight - b->node->side[0].log_weight);
    const double post = b->sides == 2 ? exp(b->node[i].side[1].log_weight - b->node->side[1].log_weight) : prior;
    b->node[i].log_share[0] = bounded_log(prior);
    b->node[i].log_share[1] = bounded_log(0.5 * (prior + post));
  }
}

/* ---- moments ----------------------------------------------------------------------------------------------------- */

typedef struct level_moments {
  double *moment[2]; /* (2^level, terms) */
} level_moments;

static fsl_status direct_moments(fsl_ctx *ctx, const builder *b, size_t level, const level_moments *to) {
  const fsl_tree *tree = b->tree;
  const fsl_tree_kernel *kernel = tree->kernel;
  const size_t most = (tree->n >> level) + 1, degree = tree->degree[level], terms = fsl_tree_terms(tree->d, degree);
  double *weight[2] = {NULL, NULL}, *scratch;
  for (size_t side = 0; side < b->sides; ++side) FSL_GET(ctx, weight[side], most);
  FSL_GET(ctx, scratch, fsl_tree_scratch(tree->d, degree));
  for (size_t j = 0; j < (size_t)1 << level; ++j) {
    const size_t from = start_of(tree, level, j), n = start_of(tree, level, j + 1) - from;
    const fsl_tree_node *node = node_at(b, level, j);
    if (j % 256 == 0) FSL_TRY(fsl_check_stop(ctx));
    for (size_t side = 0; side < b->sides; ++side)
      for (size_t i = 0; i < n; ++i)
        weight[side][i] = exp(log_weight_of(b, side, from + i) - node->side[side].log_weight);
    double *const out[2] = {to->moment[0] + j * terms, b->sides == 2 ? to->moment[1] + j * terms : NULL};
    kernel->moments(n, tree->d, b->x + from * tree->d, (const double *const[2]){weight[0], weight[1]}, node->centre,
                    node->radius, degree, scratch, out);
  }
  return FSL_OK;
}

/* Number of the term with these indices. */
static size_t term_of(size_t d, size_t degree, const size_t *index) {
  size_t at = 0, left = degree;
  for (size_t k = 0; k + 1 < d; ++k) {
    for (size_t i = 0; i < index[k]; ++i) at += fsl_tree_terms(d - 1 - k, left - i);
    left -= index[k];
  }
  return at + index[d - 1];
}

/* Along one axis, in place: M_a becomes sum_{b <= a} shift^{a-b}/(a-b)! M_b. `power`: shift^k/k!. Highest first. */
static void shift_axis(size_t d, size_t degree, size_t axis, const double *power, double *moment) {
  size_t index[MOST_D] = {0}, line[FSL_TREE_MOST_DEGREE + 1];
  const size_t one = axis == 0 ? 1 : 0, two = axis == 2 ? 1 : 2;
  for (size_t i = 0; i <= (d >= 2 ? degree : 0); ++i)
    for (size_t j = 0; j <= (d == 3 ? degree - i : 0); ++j) {
      const size_t most = degree - i - j;
      if (d >= 2) index[one] = i;
      if (d == 3) index[two] = j;
      for (size_t k = 0; k <= most; ++k) {
        index[axis] = k;
        line[k] = term_of(d, degree, index);
      }
      for (size_t k = most + 1; k-- > 0;) {
        double sum = 0.0;
        for (size_t l = 0; l <= k; ++l) sum += power[k - l] * moment[line[l]];
        moment[line[k]] = sum;
      }
    }
}

/* Adds a child's moments to its parent's: rescaled, then moved. */
static void add_child(size_t d, size_t degree, size_t side, const fsl_tree_node *child, const fsl_tree_node *parent,
                      const double *from, double *scratch, double *to) {
  const size_t terms = fsl_tree_terms(d, degree);
  const double ratio = parent->radius > 0.0 ? child->radius / parent->radius : 0.0;
  const double share = exp(child->side[side].log_weight - parent->side[side].log_weight);
  double power[FSL_TREE_MOST_DEGREE + 1];
  power[0] = 1.0;
  for (size_t k = 1; k <= degree; ++k) power[k] = power[k - 1] * ratio;
  size_t at = 0;
  for (size_t i = 0; i <= (d == 3 ? degree : 0); ++i)
    for (size_t j = 0; j <= (d >= 2 ? degree - i : 0); ++j)
      for (size_t k = 0; k <= degree - i - j; ++k, ++at) scratch[at] = share * power[i + j + k] * from[at];
  for (size_t axis = 0; axis < d; ++axis) {
    const double shift = parent->radius > 0.0 ? (child->centre[axis] - parent->centre[axis]) / parent->radius : 0.0;
    for (size_t k = 1; k <= degree; ++k) power[k] = power[k - 1] * shift / (double)k;
    shift_axis(d, degree, axis, power, scratch);
  }
  for (size_t k = 0; k < terms; ++k) to[k] += scratch[k];
}

static fsl_status translate(fsl_ctx *ctx, const builder *b, size_t level, const level_moments *from,
                            const level_moments *to) {
  const size_t d = b->tree->d, degree = b->tree->degree[level], terms = fsl_tree_terms(d, degree);
  double *scratch;
  FSL_GET(ctx, scratch, terms);
  for (size_t j = 0; j < (size_t)2 << level; ++j)
    for (size_t side = 0; side < b->sides; ++side)
      add_child(d, degree, side, node_at(b, level + 1, j), node_at(b, level, j / 2), from->moment[side] + j * terms,
                scratch, to->moment[side] + j / 2 * terms);
  return fsl_check_stop(ctx);
}

/* A level whose moments go further than those below it starts from the atoms again. */
static fsl_status find_moments(fsl_ctx *ctx, const builder *b) {
  const fsl_tree *tree = b->tree;
  level_moments below = {{NULL, NULL}};
  for (size_t level = tree->levels + 1; level-- > 0;) {
    if (tree->degree[level] == 0) continue;
    const size_t terms = fsl_tree_terms(tree->d, tree->degree[level]);
    level_moments own = {{NULL, NULL}};
    for (size_t side = 0; side < b->sides; ++side) {
      FSL_GET(ctx, own.moment[side], terms << level);
      for (size_t j = 0; j < (size_t)1 << level; ++j) node_at(b, level, j)->moment[side] = own.moment[side] + j * terms;
    }
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    if (below.moment[0] != NULL && tree->degree[level] == tree->degree[level + 1])
      FSL_TRY(translate(ctx, b, level, &below, &own));
    else
      FSL_TRY(direct_moments(ctx, b, level, &own));
    fsl_arena_release(ctx->arena, mark);
    below = own;
  }
  return FSL_OK;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* The atoms in the tree's order. */
static fsl_status order_atoms(fsl_ctx *ctx, const builder *b, const double *x, const double *log_weight,
                              const double *log_likelihood) {
  const fsl_tree *tree = b->tree;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_split_point *point;
  FSL_GET(ctx, point, tree->n);
  for (size_t i = 0; i < tree->n; ++i) {
    point[i].index = i;
    for (size_t k = 0; k < tree->d; ++k) point[i].x[k] = x[i * tree->d + k];
  }
  for (size_t level = 0; level < tree->levels; ++level) {
    FSL_TRY(fsl_check_stop(ctx));
    for (size_t j = 0; j < (size_t)1 << level; ++j)
      fsl_split(tree->d, point + start_of(tree, level, j), start_of(tree, level, j + 1) - start_of(tree, level, j),
                start_of(tree, level + 1, 2 * j + 1) - start_of(tree, level, j));
  }
  for (size_t i = 0; i < tree->n; ++i) {
    for (size_t k = 0; k < tree->d; ++k) b->x[i * tree->d + k] = point[i].x[k];
    b->log_weight[i] = log_weight != NULL ? log_weight[point[i].index] : -log((double)tree->n);
    if (log_likelihood != NULL) b->log_likelihood[i] = log_likelihood[point[i].index] - tree->log_likelihood_max;
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static void find_likelihoods(const builder *b) {
  const fsl_tree *tree = b->tree;
  for (size_t leaf = 0; leaf < (size_t)1 << tree->levels && b->sides == 2; ++leaf) {
    const size_t from = start_of(tree, tree->levels, leaf), to = start_of(tree, tree->levels, leaf + 1);
    double max = FSL_FLOOR;
    for (size_t i = from; i < to; ++i) max = fmax(max, b->log_likelihood[i]);
    for (size_t i = from; i < to; ++i) b->likelihood[i] = exp(b->log_likelihood[i] - max);
    b->leaf_max[leaf] = max;
  }
}

static void find_tables(fsl_tree *tree) {
  for (size_t n = 0; n < FSL_TREE_MOST_DEGREE + 2; ++n) {
    tree->half_log_factorial[n] = 0.5 * lgamma((double)n + 1.0);
    tree->inverse_root[n] = 1.0 / sqrt((double)n);
  }
}

static fsl_status take_arrays(fsl_ctx *ctx, builder *b) {
  fsl_tree *tree = b->tree;
  FSL_GET(ctx, b->node, nodes_above(tree->levels + 1));
  FSL_GET(ctx, b->x, tree->n * tree->d);
  FSL_GET(ctx, b->log_weight, tree->n);
  if (b->sides == 2) {
    FSL_GET(ctx, b->log_likelihood, tree->n);
    FSL_GET(ctx, b->likelihood, tree->n);
    FSL_GET(ctx, b->leaf_max, (size_t)1 << tree->levels);
  }
  tree->node = b->node;
  tree->x = b->x;
  tree->log_weight = b->log_weight;
  tree->log_likelihood = b->log_likelihood;
  tree->likelihood = b->likelihood;
  tree->leaf_max = b->leaf_max;
  return FSL_OK;
}

static fsl_status check(fsl_ctx *ctx, size_t n, size_t d, const double *x, double tolerance) {
  if (n == 0 || d == 0 || d > MOST_D || !(tolerance > 0.0))
    return fsl_fail(ctx, FSL_EINTERNAL, "no tree for %zu atoms in %zu dimensions to %g", n, d, tolerance);
  if (!fsl_is_finite(n * d, x)) return fsl_fail(ctx, FSL_ENUMERIC, "an atom is not finite");
  return FSL_OK;
}

fsl_status fsl_tree_create(fsl_ctx *ctx, size_t n, size_t d, const double *x, const double *log_weight,
                           const double *log_likelihood, double tolerance, fsl_tree **out) {
  FSL_TRY(check(ctx, n, d, x, tolerance));
  fsl_tree *tree;
  FSL_GET(ctx, tree, 1);
  tree->kernel = fsl_tree_kernel_chosen();
  tree->n = n;
  tree->d = d;
  tree->levels = levels_of(n);
  choose_degrees(n, d, tolerance, tree->degree);
  tree->tolerance = tolerance;
  tree->posterior = log_likelihood != NULL;
  tree->log_likelihood_max = FSL_FLOOR;
  for (size_t i = 0; i < n && tree->posterior; ++i)
    tree->log_likelihood_max = fmax(tree->log_likelihood_max, log_likelihood[i]);
  find_tables(tree);
  builder b = {.tree = tree, .sides = tree->posterior ? 2 : 1};
  FSL_TRY(take_arrays(ctx, &b));
  FSL_TRY(order_atoms(ctx, &b, x, log_weight, log_likelihood));
  find_likelihoods(&b);
  FSL_TRY(find_nodes(ctx, &b));
  if (!(b.node->side[b.sides - 1].log_weight > FSL_FLOOR))
    return fsl_fail(ctx, FSL_ENUMERIC, "no atom of the tree has any weight");
  find_shares(&b);
  FSL_TRY(find_moments(ctx, &b));
  tree->spread = tree->node->radius;
  *out = tree;
  return FSL_OK;
}
