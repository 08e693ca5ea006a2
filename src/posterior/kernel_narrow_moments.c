/* kernel_narrow_moments.c: second moments in few dimensions (see narrow.h): C times a vector, and whole joint
 * covariances. Each about given centres, so that nothing cancels. */
#include "posterior/narrow_chunk.h"

/* ---- C times a vector ------------------------------------------------------------------------------------------ */

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

/* The inner values of the chunk at `first`; the last chunk's move to where there is room for all n behind them. */
static const double *inner_of(const fsl_block *b, size_t first, size_t n, double *padded) {
  const double *const inner = b->inner + first * b->q;
  const size_t there = b->n - first < n ? b->n - first : n;
  if (there == n) return inner;
  memcpy(padded, inner, there * b->q * sizeof *inner);
  memset(padded + there * b->q, 0, (n - there) * b->q * sizeof *inner);
  return padded;
}

static void project(const double *inner, size_t q, const fsl_tile *tile, chunk *c, side *prior){
#define CALL(dims) project_in(dims, inner, tile, c, prior)
    FOR_DIMENSION(q, CALL)
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
    project(inner_of(b, first, c.n, padded), b->q, tile, &c, prior);
#define CALL(dims) sum_centred_in(dims, tile, &c, prior)
    FOR_DIMENSION(b->d, CALL)
#undef CALL
  }
}

static bool is_narrow(const fsl_block *b) {
  return b->d <= MOST && b->q > 0 && b->q <= MOST && b->p == b->d && b->payload == b->x;
}

bool FOR_ISA(fsl_narrow_cross)(const fsl_block *block, const fsl_tile *tile) {
  if (!is_narrow(block)) return false;
  const unsigned before = flush_subnormals();
  side prior;
  second_moments(block, tile, &prior);
  store(block->p, &prior, tile->max, tile->sum, tile->vec);
  restore(before);
  return true;
}

/* ---- joint covariances ----------------------------------------------------------------------------------------- */

/* Registers hold the sums of LINES dimensions of the atoms by COLUMNS of the inner values. */
#if defined __AVX512F__ || defined __aarch64__
enum { COLUMNS = 4, LINES = 4 };
#else
enum { COLUMNS = 4, LINES = 2 };
#endif

enum { PART = CHUNK / 2 }; /* so many atoms at a time, with all they need, fit the first-level cache */

typedef struct joint {
  side prior;
  vec total[MOST][MOST][V]; /* (q, p) */
  vec z[PART][COLUMNS];     /* e_i (Q_i - qc) of the atoms, columns and vector of states at hand */
} joint;

/* The first columns sum the weights too. An atom without weight stays without, whatever its Q_i. */
INLINE void weigh_columns(int columns, bool first, const double *inner, size_t q, int v, const vec *centre, size_t n,
                          vec (*e)[V], joint *t) {
  vec qc[COLUMNS], sum = {0};
  UNROLL for (int l = 0; l < columns; ++l) qc[l] = centre[l * V + v];
  for (size_t i = 0; i < n; ++i) {
    const vec weight = e[i][v];
    const ivec has = weight > 0.0;
    if (first) sum += weight;
    UNROLL for (int l = 0; l < columns; ++l) t->z[i][l] =
        (vec)((ivec)(weight * (inner[i * q + (size_t)l] - qc[l])) & has);
  }
  if (first) t->prior.sum[v] += sum;
}

INLINE void sum_lines(int d, int first, int lines, int columns, int v, const vec *centre, size_t n, const double *atoms,
                      vec (*z)[COLUMNS], vec (*total)[MOST][V]) {
  vec s[LINES][COLUMNS], pc[LINES];
  atoms += first;
  UNROLL for (int j = 0; j < lines; ++j) {
    pc[j] = centre[(first + j) * V + v];
    UNROLL for (int l = 0; l < columns; ++l) s[j][l] = (vec){0};
  }
  for (size_t i = 0; i < n; ++i) UNROLL for (int j = 0; j < lines; ++j) {
      const vec delta = atoms[i * (size_t)d + (size_t)j] - pc[j];
      UNROLL for (int l = 0; l < columns; ++l) s[j][l] += z[i][l] * delta;
    }
  UNROLL for (int j = 0; j < lines; ++j) UNROLL for (int l = 0; l < columns; ++l) total[l][first + j][v] += s[j][l];
}

/* Columns column .. column+columns-1 of the inner values; n atoms */
INLINE void sum_columns(int d, int columns, size_t column, const double *inner, size_t q, const fsl_tile *tile,
                        size_t n, const double *atoms, vec (*e)[V], joint *t) {
  const vec *centre = lanes_of(tile->payload_centre), *inner_centre = lanes_of(tile->inner_centre) + column * V;
  const int rest = d % LINES;
  for (int v = 0; v < V; ++v) {
    weigh_columns(columns, column == 0, inner + column, q, v, inner_centre, n, e, t);
    UNROLL for (int j = 0; j + LINES <= d; j += LINES)
        sum_lines(d, j, LINES, columns, v, centre, n, atoms, t->z, t->total + column);
    if (rest > 0) sum_lines(d, d - rest, rest, columns, v, centre, n, atoms, t->z, t->total + column);
  }
}

INLINE void sum_joint(int d, const double *inner, size_t q, const fsl_tile *tile, chunk *c, joint *t) {
  for (size_t i = 0; i < c->n; i += PART) {
    const size_t n = c->n - i < PART ? c->n - i : PART;
    const double *const atoms = c->x + i * (size_t)d, *const values = inner + i * q;
    size_t column = 0;
    for (; column + COLUMNS <= q; column += COLUMNS)
      sum_columns(d, COLUMNS, column, values, q, tile, n, atoms, c->e + i, t);
    for (; column < q; ++column) sum_columns(d, 1, column, values, q, tile, n, atoms, c->e + i, t);
  }
}

/* A larger maximum for all that was summed so far. */
INLINE void raise_joint(const vec max[V], joint *t) {
  vec old[V];
  memcpy(old, t->prior.max, sizeof old);
  raise_maximum(0, max, &t->prior, NULL);
  UNROLL for (int v = 0; v < V; ++v) old[v] = weight_of(old[v] - max[v]);
  for (int l = 0; l < MOST; ++l)
    for (int j = 0; j < MOST; ++j) UNROLL for (int v = 0; v < V; ++v) t->total[l][j][v] *= old[v];
}

static void joint_moments(const fsl_block *b, const fsl_tile *tile, joint *t) {
  double padded[CHUNK * MOST];
  chunk c;
  clear(&t->prior);
  memset(t->total, 0, sizeof t->total);
  for (size_t first = 0; first < b->n; first += CHUNK) {
    vec max[V];
    memcpy(max, t->prior.max, sizeof max);
    open_chunk(b, first, false, 0.0, &c);
    logits(b->d, tile, &c, max);
    if (any((max[0] > t->prior.max[0]) | (max[1] > t->prior.max[1]))) raise_joint(max, t);
    weights(&c, t->prior.max);
    const double *const inner = inner_of(b, first, c.n, padded);
#define CALL(dims) sum_joint(dims, inner, b->q, tile, &c, t)
    FOR_DIMENSION(b->d, CALL)
#undef CALL
  }
}

bool FOR_ISA(fsl_narrow_joint)(const fsl_block *block, const fsl_tile *tile) {
  if (!is_narrow(block)) return false;
  const unsigned before = flush_subnormals();
  joint t;
  joint_moments(block, tile, &t);
  store(0, &t.prior, tile->max, tile->sum, tile->vec);
  for (size_t l = 0; l < block->q; ++l)
    memcpy(tile->vec + l * block->p * LANES, t.total[l], block->p * sizeof *t.total[l]);
  restore(before);
  return true;
}
