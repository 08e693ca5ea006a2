/* metric/kernel_mean.c: sums of Gaussian kernels. A Gaussian kernel integrated against a normal is again one:
 * E exp(-|x - Y|^2/2h^2) = prod_e (1 + s_e/h^2)^-1/2 exp(-z_e^2 / 2(h^2 + s_e)) in the covariance's eigenbasis. */
#include "metric/kernel_mean.h"

#include "base/isa.h"
#include "base/linalg.h"

#include <math.h>

enum { TILE = 256 };

/* Points under one kernel: those of one covariance, in coordinates where the kernel is exp(-|z - z'|^2/2). */
typedef struct cluster {
  size_t n;
  const double *map; /* (d, d): coordinates z = map x; NULL: z = scale x */
  double scale;
  const double *z;      /* (n, d) */
  const double *weight; /* n, the kernel's factor included */
} cluster;

struct fsl_kernel_mean {
  size_t d, n_clusters;
  double h2, self; /* self: E k(Y, Y') */
  const cluster *cluster;
  double low, step; /* d = 1: a table of the embedding and its derivative; step 0: none */
  const double *value, *slope;
};

/* ---- sums of kernels --------------------------------------------------------------------------------------------- */

/* Four doubles that compilers for any machine turn into whatever vectors it has. */
enum { LANES = 4 };
#define FSL_INLINE static inline __attribute__((always_inline))
typedef double reals __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t integers __attribute__((vector_size(LANES * sizeof(int64_t))));

/* exp(y), y <= 0: y = n ln 2 + r, the Taylor series to r^11 (error 5e-15), and n put into the exponent's bits. Below
 * -700 it is exp(-700). */
FSL_INLINE void exp_lanes(reals *y) {
  const reals magic = {0x1.8p52, 0x1.8p52, 0x1.8p52, 0x1.8p52};
  const reals least = {-700, -700, -700, -700};
  const integers low = *y < least;
  const reals x = (reals)(((integers)*y & ~low) | ((integers)least & low));
  const reals shifted = x * M_LOG2E + magic, n = shifted - magic;
  const reals r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
  reals p = r * (1 / 39916800.0) + 1 / 3628800.0;
  p = p * r + 1 / 362880.0;
  p = p * r + 1 / 40320.0;
  p = p * r + 1 / 5040.0;
  p = p * r + 1 / 720.0;
  p = p * r + 1 / 120.0;
  p = p * r + 1 / 24.0;
  p = p * r + 1 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const integers exponent = ((integers)shifted + 1023) << 52;
  *y = p * (reals)exponent;
}

/* A tile: up to TILE points and their weights, filled up to whole vectors by points of weight 0. */
typedef struct tile {
  size_t d, width; /* width: a multiple of LANES */
  double *x;       /* (d, width): component by component */
  double *norm;    /* width: |x|^2 */
  double *weight;  /* width */
} tile;

/* out_i += sum over the tile at direct distances. */
FSL_INLINE void add_direct(const tile *t, size_t n, const double *z, double *out) {
  const reals *const x = (const reals *)t->x, *const w = (const reals *)t->weight;
  const size_t d = t->d, vectors = t->width / LANES;
  for (size_t i = 0; i < n; i++) {
    reals sum = {0};
    for (size_t j = 0; j < vectors; j++) {
      reals y = {0};
      for (size_t k = 0; k < d; k++) {
        const reals gap = x[k * vectors + j] - z[i * d + k];
        y -= gap * gap;
      }
      y *= 0.5;
      exp_lanes(&y);
      sum += w[j] * y;
    }
    out[i] += (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
}

/* The same by |z - x|^2 = |z|^2 + |x|^2 - 2 z.x, given norm (n) of z and product (n, width). */
FSL_INLINE void add_expanded(const tile *t, size_t n, const double *norm, const double *product, double *out) {
  const reals *const other = (const reals *)t->norm, *const w = (const reals *)t->weight;
  for (size_t i = 0; i < n; i++) {
    const reals *const row = (const reals *)(product + i * t->width);
    reals sum = {0};
    for (size_t j = 0; j < t->width / LANES; j++) {
      reals y = row[j] - 0.5 * (norm[i] + other[j]);
      const integers above = y > 0; /* by rounding */
      y = (reals)((integers)y & ~above);
      exp_lanes(&y);
      sum += w[j] * y;
    }
    out[i] += (sum[0] + sum[1]) + (sum[2] + sum[3]);
  }
}

/* Wider vectors for the same bits: without fused multiply-add both versions round alike. */
#if defined __x86_64__
#define WIDE __attribute__((target("avx2")))
#else
#define WIDE
#endif
WIDE static void add_direct_v3(const tile *t, size_t n, const double *z, double *out) {
  add_direct(t, n, z, out);
}

WIDE static void add_expanded_v3(const tile *t, size_t n, const double *norm, const double *product, double *out) {
  add_expanded(t, n, norm, product, out);
}

static fsl_status open_tile(fsl_ctx *ctx, size_t d, tile *out) {
  *out = (tile){.d = d};
  FSL_GET(ctx, out->x, TILE * d);
  FSL_GET(ctx, out->norm, TILE);
  FSL_GET(ctx, out->weight, TILE);
  return FSL_OK;
}

/* n <= TILE points (n, d); weight NULL: 1 each. */
static void load_tile(tile *t, size_t n, const double *points, const double *weight) {
  const size_t d = t->d, width = (n + LANES - 1) / LANES * LANES;
  t->width = width;
  for (size_t j = 0; j < width; j++) {
    const bool there = j < n;
    t->weight[j] = !there ? 0 : weight == NULL ? 1 : weight[j];
    t->norm[j] = there ? fsl_dot(d, points + j * d, points + j * d) : 0;
    for (size_t k = 0; k < d; k++) t->x[k * width + j] = there ? points[j * d + k] : 0;
  }
}

static fsl_status sums_by_tiles(fsl_ctx *ctx, size_t d, size_t n, const double *z, size_t m, const double *other,
                                const double *weight, double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  tile t;
  FSL_TRY(open_tile(ctx, d, &t));
  for (size_t from = 0; from < m; from += TILE) {
    FSL_TRY(fsl_check_stop(ctx));
    load_tile(&t, m - from < TILE ? m - from : TILE, other + from * d, weight == NULL ? NULL : weight + from);
    (fsl_isa_chosen() >= FSL_ISA_V3 ? add_direct_v3 : add_direct)(&t, n, z, out);
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* In many dimensions distances come from products of matrices. */
static fsl_status sums_by_products(fsl_ctx *ctx, size_t d, size_t n, const double *z, size_t m, const double *other,
                                   const double *weight, double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *norm, *product;
  tile t;
  FSL_TRY(open_tile(ctx, d, &t));
  FSL_GET(ctx, norm, n);
  FSL_GET(ctx, product, n * TILE);
  for (size_t i = 0; i < n; i++) norm[i] = fsl_dot(d, z + i * d, z + i * d);
  for (size_t from = 0; from < m; from += TILE) {
    FSL_TRY(fsl_check_stop(ctx));
    load_tile(&t, m - from < TILE ? m - from : TILE, other + from * d, weight == NULL ? NULL : weight + from);
    fsl_matmul(n, d, t.width, z, t.x, 0, product);
    (fsl_isa_chosen() >= FSL_ISA_V3 ? add_expanded_v3 : add_expanded)(&t, n, norm, product, out);
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* out_i += sum_j weight_j exp(-|z_i - other_j|^2/2) */
static fsl_status kernel_sums(fsl_ctx *ctx, size_t d, size_t n, const double *z, size_t m, const double *other,
                              const double *weight, double *out) {
  if (d > 16) return sums_by_products(ctx, d, n, z, m, other, weight, out);
  return sums_by_tiles(ctx, d, n, z, m, other, weight, out);
}

static fsl_status to_coordinates(fsl_ctx *ctx, const cluster *c, size_t n, size_t d, const double *x, double *z) {
  if (c->map != NULL) return fsl_matvec_rows(ctx, d, d, c->map, n, x, z);
  for (size_t i = 0; i < n * d; i++) z[i] = c->scale * x[i];
  return FSL_OK;
}

/* out (n) = E k(x_i, Y) */
static fsl_status embedding(fsl_ctx *ctx, const fsl_kernel_mean *kernel, size_t n, const double *x, double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *z;
  FSL_GET(ctx, z, n * kernel->d);
  for (size_t i = 0; i < n; i++) out[i] = 0;
  for (size_t c = 0; c < kernel->n_clusters; c++) {
    const cluster *at = &kernel->cluster[c];
    FSL_TRY(to_coordinates(ctx, at, n, kernel->d, x, z));
    FSL_TRY(kernel_sums(ctx, kernel->d, n, z, at->n, at->z, at->weight, out));
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* ---- one dimension: a table, as every set of samples asks for the same function ---------------------------------- */

static double embedding_slope(const fsl_kernel_mean *kernel, double x) {
  double sum = 0;
  for (size_t c = 0; c < kernel->n_clusters; c++) {
    const cluster *at = &kernel->cluster[c];
    const double scale = at->map == NULL ? at->scale : at->map[0], z = scale * x;
    for (size_t j = 0; j < at->n; j++) {
      const double gap = z - at->z[j];
      sum -= at->weight[j] * scale * gap * exp(-0.5 * gap * gap);
    }
  }
  return sum;
}

static fsl_status tabulate(fsl_ctx *ctx, fsl_kernel_mean *kernel) {
  size_t n = 0;
  double low = INFINITY, high = -INFINITY, *node, *value, *slope;
  for (size_t c = 0; c < kernel->n_clusters; c++) {
    const cluster *at = &kernel->cluster[c];
    const double scale = at->map == NULL ? at->scale : at->map[0];
    for (size_t j = 0; j < at->n; j++) {
      low = fmin(low, (at->z[j] - 9 * copysign(1, scale)) / scale);
      low = fmin(low, (at->z[j] + 9 * copysign(1, scale)) / scale);
      high = fmax(high, (at->z[j] + 9 * copysign(1, scale)) / scale);
    }
    n += at->n;
  }
  if (kernel->d != 1 || n <= FSL_KERNEL_COVARIANCES || !(high > low)) return FSL_OK;
  FSL_GET(ctx, node, FSL_KERNEL_TABLE_NODES);
  FSL_GET(ctx, value, FSL_KERNEL_TABLE_NODES);
  FSL_GET(ctx, slope, FSL_KERNEL_TABLE_NODES);
  const double step = (high - low) / (FSL_KERNEL_TABLE_NODES - 1);
  for (size_t i = 0; i < FSL_KERNEL_TABLE_NODES; i++) {
    FSL_TRY(fsl_check_stop(ctx));
    node[i] = low + (double)i * step;
    slope[i] = embedding_slope(kernel, node[i]);
  }
  FSL_TRY(embedding(ctx, kernel, FSL_KERNEL_TABLE_NODES, node, value));
  kernel->low = low;
  kernel->step = step;
  kernel->value = value;
  kernel->slope = slope;
  return FSL_OK;
}

static double interpolate(const fsl_kernel_mean *kernel, double x) {
  const double place = (x - kernel->low) / kernel->step;
  if (!(place >= 0 && place < FSL_KERNEL_TABLE_NODES - 1)) return 0;
  const size_t j = (size_t)place;
  const double s = place - (double)j, h = kernel->step, f = kernel->value[j], rise = kernel->value[j + 1] - f;
  const double f1 = h * kernel->slope[j], g1 = h * kernel->slope[j + 1];
  return f + s * (f1 + s * (3 * rise - 2 * f1 - g1 + s * (f1 + g1 - 2 * rise)));
}

static fsl_status embedding_sum(fsl_ctx *ctx, const fsl_kernel_mean *kernel, size_t n, const double *x, double *sum) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *value;
  FSL_GET(ctx, value, n);
  if (kernel->step > 0)
    for (size_t i = 0; i < n; i++) value[i] = interpolate(kernel, x[i]);
  else
    FSL_TRY(embedding(ctx, kernel, n, x, value));
  *sum = fsl_sum(n, value);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* ---- a mixture in closed form ------------------------------------------------------------------------------------ */

/* (a^2 S + (v + h2) I)^power */
static fsl_status covariance_at(fsl_ctx *ctx, const fsl_covariance *covariance, size_t d, double a, double v, double h2,
                                double power, double **out) {
  double *m, *value;
  FSL_GET(ctx, m, d * d);
  FSL_GET(ctx, value, d);
  for (size_t e = 0; e < d; e++) value[e] = pow(a * a * covariance->values[e] + v + h2, power);
  for (size_t e = 0; e < d && covariance->vectors == NULL; e++) m[e * d + e] = value[e];
  if (covariance->vectors != NULL) FSL_TRY(fsl_spectral(ctx, d, value, covariance->vectors, m));
  *out = m;
  return FSL_OK;
}

static double log_factor(const fsl_covariance *covariance, size_t d, double a, double v, double h2) {
  double sum = 0;
  for (size_t e = 0; e < d; e++) sum -= 0.5 * log1p((a * a * covariance->values[e] + v) / h2);
  return sum;
}

static uint32_t covariance_of(const fsl_mixture *law, size_t k) {
  return law->covariance_of == NULL ? 0 : law->covariance_of[k];
}

static fsl_status cluster_create(fsl_ctx *ctx, const fsl_mixture *law, size_t c, double a, double v, double h2,
                                 cluster *out) {
  const size_t d = law->d;
  const fsl_covariance *covariance = &law->covariance[c];
  size_t n = 0;
  for (size_t k = 0; k < law->n; k++) n += covariance_of(law, k) == c;
  double *x, *z, *weight, *map = NULL;
  FSL_GET(ctx, z, n * d);
  FSL_GET(ctx, weight, n);
  FSL_GET(ctx, x, n * d);
  const double factor = log_factor(covariance, d, a, v, h2);
  size_t used = 0;
  for (size_t k = 0; k < law->n; k++) {
    if (covariance_of(law, k) != c) continue;
    weight[used] = exp(law->log_weight[k] + factor);
    for (size_t i = 0; i < d; i++) x[used * d + i] = a * law->mean[k * d + i];
    used++;
  }
  if (!covariance->isotropic) FSL_TRY(covariance_at(ctx, covariance, d, a, v, h2, -0.5, &map));
  *out = (cluster){
      .n = n, .map = map, .z = z, .weight = weight, .scale = 1 / sqrt(a * a * covariance->values[0] + v + h2)};
  return to_coordinates(ctx, out, n, d, x, z);
}

/* Sum over components k of covariance c and l of covariance e of w_k w_l E k(Y_k, Y_l). */
static fsl_status pair_sum(fsl_ctx *ctx, const fsl_mixture *law, size_t c, size_t e, double a, double v, double h2,
                           double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t d = law->d;
  double *s, *other, *z, *z2, *w2, *sums;
  FSL_TRY(covariance_at(ctx, &law->covariance[c], d, a, v, 0, 1, &s));
  FSL_TRY(covariance_at(ctx, &law->covariance[e], d, a, v, h2, 1, &other));
  for (size_t i = 0; i < d * d; i++) s[i] += other[i];
  if (!fsl_cholesky(d, s)) return fsl_fail(ctx, FSL_ENUMERIC, "a mixture's covariances cannot be added");
  FSL_GET(ctx, z, law->n * d);
  FSL_GET(ctx, z2, law->n * d);
  FSL_GET(ctx, w2, law->n);
  FSL_GET(ctx, sums, law->n);
  size_t n = 0, n2 = 0;
  double *weight;
  FSL_GET(ctx, weight, law->n);
  for (size_t k = 0; k < law->n; k++) {
    const bool first = covariance_of(law, k) == c, second = covariance_of(law, k) == e;
    double *at[2] = {first ? z + n * d : NULL, second ? z2 + n2 * d : NULL};
    for (int side = 0; side < 2; side++) {
      if (at[side] == NULL) continue;
      for (size_t i = 0; i < d; i++) at[side][i] = a * law->mean[k * d + i];
      fsl_forward_solve(d, s, at[side]);
    }
    if (first) weight[n++] = exp(law->log_weight[k]);
    if (second) w2[n2++] = exp(law->log_weight[k]);
  }
  FSL_TRY(kernel_sums(ctx, d, n, z, n2, z2, w2, sums));
  const double factor = exp(0.5 * ((double)d * log(h2) - fsl_cholesky_log_det(d, s)));
  *out = factor * fsl_dot(n, weight, sums);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static fsl_status self_of_mixture(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, double h2, double *self) {
  *self = 0;
  for (size_t c = 0; c < law->n_covariances; c++)
    for (size_t e = c; e < law->n_covariances; e++) {
      double sum = 0;
      FSL_TRY(pair_sum(ctx, law, c, e, a, v, h2, &sum));
      *self += (c == e ? 1 : 2) * sum;
    }
  return FSL_OK;
}

fsl_status fsl_kernel_mean_of_mixture(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, double h2,
                                      fsl_kernel_mean **out) {
  fsl_kernel_mean *kernel;
  cluster *clusters;
  FSL_GET(ctx, kernel, 1);
  FSL_GET(ctx, clusters, law->n_covariances);
  for (size_t c = 0; c < law->n_covariances; c++) FSL_TRY(cluster_create(ctx, law, c, a, v, h2, &clusters[c]));
  *kernel = (fsl_kernel_mean){.d = law->d, .n_clusters = law->n_covariances, .h2 = h2, .cluster = clusters};
  FSL_TRY(self_of_mixture(ctx, law, a, v, h2, &kernel->self));
  FSL_TRY(tabulate(ctx, kernel));
  *out = kernel;
  return FSL_OK;
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

/* Sum of k over pairs of each of n draws from `first` on and the `span` draws that follow them, around the end. */
static fsl_status ring_sum(fsl_ctx *ctx, const fsl_kernel_mean *kernel, size_t first, size_t n, size_t span,
                           double *sum) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t d = kernel->d, total = kernel->cluster->n, from = (first + n) % total;
  const size_t straight = span < total - from ? span : total - from;
  const double *z = kernel->cluster->z;
  double *sums;
  FSL_GET(ctx, sums, n);
  FSL_TRY(kernel_sums(ctx, d, n, z + first * d, straight, z + from * d, NULL, sums));
  FSL_TRY(kernel_sums(ctx, d, n, z + first * d, span - straight, z, NULL, sums));
  *sum = fsl_sum(n, sums);
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* Mean of k over pairs of different draws. Of many draws each is paired with the same number of others (a balanced
 * incomplete U-statistic, Blom 1976): its first-order scatter is then that of all pairs, which the embedding by the
 * same draws cancels; a mean over some of the draws would leave it in. */
static fsl_status self_of_draws(fsl_ctx *ctx, const fsl_kernel_mean *kernel, double *self) {
  const size_t n = kernel->cluster->n, block = n > 2 * FSL_KERNEL_SELF_PAIRS ? TILE : 1;
  const size_t span = n > 2 * FSL_KERNEL_SELF_PAIRS ? FSL_KERNEL_SELF_PAIRS : n - 1;
  double total = 0;
  for (size_t first = 0; first < n; first += block) {
    const size_t b = n - first < block ? n - first : block;
    double sum = 0;
    FSL_TRY(ring_sum(ctx, kernel, first, b, span, &sum));
    total += sum;
  }
  *self = total / ((double)n * (double)span);
  return FSL_OK;
}

/* Evenly spread quantiles stand for the law itself, so there every pair counts. */
static double self_of_quantiles(const fsl_kernel_mean *kernel) {
  const cluster *all = kernel->cluster;
  double sum = 0;
  for (size_t i = 0; i < all->n; i++) sum += interpolate(kernel, all->z[i] / all->scale);
  return sum / (double)all->n;
}

fsl_status fsl_kernel_mean_of_draws(fsl_ctx *ctx, size_t n, size_t d, double *draws, double h2, bool even,
                                    fsl_kernel_mean **out) {
  fsl_kernel_mean *kernel;
  cluster *one;
  double *weight;
  FSL_GET(ctx, kernel, 1);
  FSL_GET(ctx, one, 1);
  FSL_GET(ctx, weight, n);
  for (size_t i = 0; i < n; i++) weight[i] = 1 / (double)n;
  *one = (cluster){.n = n, .scale = 1 / sqrt(h2), .z = draws, .weight = weight};
  FSL_TRY(to_coordinates(ctx, one, n, d, draws, draws));
  *kernel = (fsl_kernel_mean){.d = d, .n_clusters = 1, .h2 = h2, .cluster = one};
  FSL_TRY(tabulate(ctx, kernel));
  if (even && kernel->step > 0)
    kernel->self = self_of_quantiles(kernel);
  else
    FSL_TRY(self_of_draws(ctx, kernel, &kernel->self));
  *out = kernel;
  return FSL_OK;
}

/* ---- the discrepancy --------------------------------------------------------------------------------------------- */

fsl_status fsl_kernel_mean_mmd2(fsl_ctx *ctx, const fsl_kernel_mean *kernel, size_t n, const double *x, double *out) {
  const size_t d = kernel->d, used = n < FSL_KERNEL_PARTICLES ? n : FSL_KERNEL_PARTICLES;
  *out = NAN;
  if (used < 2) return FSL_OK;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *z, *sums, cross = 0;
  FSL_GET(ctx, z, used * d);
  FSL_GET(ctx, sums, used);
  for (size_t i = 0; i < used * d; i++) z[i] = x[i] / sqrt(kernel->h2);
  FSL_TRY(kernel_sums(ctx, d, used, z, used, z, NULL, sums));
  const double own = fsl_sum(used, sums) - (double)used;
  FSL_TRY(embedding_sum(ctx, kernel, used, x, &cross));
  *out = own / ((double)used * (double)(used - 1)) - 2 * cross / (double)used + kernel->self;
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
