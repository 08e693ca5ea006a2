/* metric/sliced.c: sliced Wasserstein-1: the mean over fixed directions of the 1-D distance between projections. */
#include "metric/sliced.h"

#include "base/linalg.h"

#include <math.h>
#include <string.h>

/* ---- directions ------------------------------------------------------------------------------------------ */

static fsl_status direction_key(fsl_ctx *ctx, size_t d, fsl_key *key) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_hasher *hasher = fsl_hasher_create(ctx->arena);
  if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the directions' key");
  fsl_hash_text(hasher, "sliced directions");
  fsl_hash_integer(hasher, (int64_t)d);
  *key = fsl_key_of(fsl_hash_value(hasher));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static void scale_to_unit(size_t d, double *u) {
  const double norm = fsl_norm(d, u);
  for (size_t i = 0; i < d; i++) u[i] /= norm;
}

/* Takes from u what it has along the n vectors of its frame. Twice: one pass leaves rounding behind where u lay almost
 * in their span. */
static void make_orthogonal(size_t d, size_t n, const double *frame, double *u) {
  for (int pass = 0; pass < 2; pass++)
    for (size_t k = 0; k < n; k++) fsl_axpy(d, -fsl_dot(d, frame + k * d, u), frame + k * d, u);
}

/* Each run of d directions is an orthonormal frame of uniform orientation (Gram-Schmidt on normals), the last run maybe
 * part of one. Inside a frame the squares of any vector's projections sum to its own, so that means over the directions
 * scatter a few times less than over independent ones. */
static void fill_frames(size_t d, size_t n, fsl_key key, double *unit) {
  for (size_t j = 0; j < n; j++) {
    const size_t in_frame = j % d;
    double *const u = unit + j * d;
    fsl_normals(key, j, 0, d, u);
    make_orthogonal(d, in_frame, u - in_frame * d, u);
    scale_to_unit(d, u);
  }
}

static void fill_half_circle(size_t n, double *unit) {
  for (size_t j = 0; j < n; j++) {
    unit[2 * j] = cos(M_PI * (double)j / (double)n);
    unit[2 * j + 1] = sin(M_PI * (double)j / (double)n);
  }
}

/* unit (n, d) */
static void fill_directions(size_t d, size_t n, fsl_key key, double *unit) {
  if (d == 1)
    unit[0] = 1;
  else if (d == 2)
    fill_half_circle(n, unit);
  else
    fill_frames(d, n, key, unit);
}

fsl_status fsl_directions_create(fsl_ctx *ctx, size_t d, const fsl_forward_model *model, fsl_directions *out) {
  const size_t n_random = d == 1 ? 1 : FSL_DIRECTIONS, rows = model != NULL && model->linear ? model->m : 0;
  double *unit;
  fsl_key key;
  FSL_GET(ctx, unit, (n_random + rows) * d);
  FSL_TRY(direction_key(ctx, d, &key));
  fill_directions(d, n_random, key, unit);
  size_t n = n_random;
  if (rows > 0) FSL_TRY(fsl_forward_model_matrix(ctx, model, unit + n * d));
  for (size_t i = 0; i < rows; i++) {
    const double *row = unit + (n_random + i) * d;
    if (!(fsl_norm(d, row) > 0)) continue;
    for (size_t k = 0; k < d; k++) unit[n * d + k] = row[k];
    scale_to_unit(d, unit + n++ * d);
  }
  *out = (fsl_directions){.d = d, .n_random = n_random, .n = n, .unit = unit};
  return FSL_OK;
}

/* ---- projections of a law ----------------------------------------------------------------------------------- */

typedef struct projector {
  fsl_mixture law; /* without components of negligible weight */
  double *weight, *location, *variance;
  size_t max_nodes;
} projector;

/* Components whose weights sum to less than 1e-10 in all change no distance that is shown, and a sampled truth has
 * millions of them. */
fsl_status fsl_sliced_prune(fsl_ctx *ctx, const fsl_mixture *law, fsl_mixture *out) {
  const double least = log(1e-10 / (double)law->n);
  size_t kept = 0;
  for (size_t i = 0; i < law->n; i++) kept += law->log_weight[i] > least;
  *out = *law;
  if (kept > law->n - law->n / 4) return FSL_OK;
  double *log_weight, *mean;
  uint32_t *covariance_of = NULL;
  FSL_GET(ctx, log_weight, kept);
  FSL_GET(ctx, mean, kept * law->d);
  if (law->covariance_of != NULL) FSL_GET(ctx, covariance_of, kept);
  size_t n = 0;
  for (size_t i = 0; i < law->n; i++) {
    if (!(law->log_weight[i] > least)) continue;
    log_weight[n] = law->log_weight[i];
    if (covariance_of != NULL) covariance_of[n] = law->covariance_of[i];
    for (size_t k = 0; k < law->d; k++) mean[n * law->d + k] = law->mean[i * law->d + k];
    n++;
  }
  out->n = n;
  out->log_weight = log_weight;
  out->mean = mean;
  out->covariance_of = covariance_of;
  return FSL_OK;
}

static fsl_status projector_create(fsl_ctx *ctx, const fsl_mixture *law, size_t n_lines, projector *out) {
  FSL_TRY(fsl_sliced_prune(ctx, law, &out->law));
  const size_t n = out->law.n;
  FSL_GET(ctx, out->weight, n);
  FSL_GET(ctx, out->location, n);
  FSL_GET(ctx, out->variance, n);
  for (size_t i = 0; i < n; i++) out->weight[i] = exp(out->law.log_weight[i]);
  const double total = fsl_sum(n, out->weight);
  for (size_t i = 0; i < n; i++) out->weight[i] /= total;
  /* The tables of all lines together stay near 25 MB. */
  const size_t share = ((size_t)1 << 20) / n_lines;
  out->max_nodes = share < 1024 ? 1024 : share > 8192 ? 8192 : share;
  return FSL_OK;
}

static fsl_status project(fsl_ctx *ctx, const projector *p, double a, double v, const double *unit, fsl_line *out) {
  FSL_TRY(fsl_law_project(ctx, &p->law, a, v, unit, p->location, p->variance));
  const fsl_line_mixture mixture = {.n = p->law.n,
                                    .weight = p->weight,
                                    .location = p->location,
                                    .variance = p->variance,
                                    .group = p->law.covariance_of,
                                    .n_groups = p->law.n_covariances};
  return fsl_line_of_mixture(ctx, &mixture, p->max_nodes, out);
}

static fsl_status project_all(fsl_ctx *ctx, fsl_ctx *scratch, const fsl_mixture *law, double a, double v,
                              const fsl_directions *directions, size_t n, fsl_line *line) {
  projector p;
  const fsl_status made = projector_create(scratch, law, n, &p);
  if (made != FSL_OK) return fsl_fail(ctx, made, "%s", scratch->error);
  for (size_t j = 0; j < n; j++) {
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(project(ctx, &p, a, v, directions->unit + j * directions->d, &line[j]));
  }
  return FSL_OK;
}

/* The lines stay; a projector's work space is large for a sampled truth and goes at once, so it has an arena of its
 * own. */
fsl_status fsl_sliced_project(fsl_ctx *ctx, const fsl_mixture *law, double a, double v,
                              const fsl_directions *directions, size_t n, fsl_line *line) {
  fsl_ctx scratch = *ctx;
  scratch.arena = fsl_arena_create(0);
  if (scratch.arena == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for projections");
  const fsl_status status = project_all(ctx, &scratch, law, a, v, directions, n, line);
  fsl_arena_destroy(scratch.arena);
  return status;
}

fsl_status fsl_sliced_law_distances(fsl_ctx *ctx, const fsl_directions *directions, size_t n_lines,
                                    const fsl_line *line, const fsl_mixture *law, double a, double v,
                                    double *distance) {
  const fsl_arena_mark start = fsl_arena_now(ctx->arena);
  projector p;
  FSL_TRY(projector_create(ctx, law, n_lines, &p));
  for (size_t j = 0; j < n_lines; j++) {
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    fsl_line other;
    FSL_TRY(fsl_check_stop(ctx));
    FSL_TRY(project(ctx, &p, a, v, directions->unit + j * directions->d, &other));
    distance[j] = fsl_line_w1(&other, &line[j]);
    fsl_arena_release(ctx->arena, mark);
  }
  fsl_arena_release(ctx->arena, start);
  return FSL_OK;
}

/* ---- projections of samples --------------------------------------------------------------------------------- */

/* Doubles as integers of the same order. */
static uint64_t order_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static double real_of(uint64_t order) {
  const uint64_t bits = order >> 63 ? order & ~((uint64_t)1 << 63) : ~order;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

enum { DIGIT = 11, BUCKETS = 1 << DIGIT, PASSES = 6 };

/* Least-digit radix sort: floors sort ten thousand sets, where comparisons took most of the time. work (2 n). */
static void sort_reals(size_t n, double *x, uint64_t *work) {
  uint64_t *from = work, *to = work + n;
  for (size_t i = 0; i < n; i++) from[i] = order_of(x[i]);
  for (unsigned pass = 0; pass < PASSES; pass++) {
    size_t start[BUCKETS + 1] = {0};
    const unsigned shift = pass * DIGIT;
    for (size_t i = 0; i < n; i++) start[(from[i] >> shift & (BUCKETS - 1)) + 1]++;
    for (size_t b = 0; b < BUCKETS; b++) start[b + 1] += start[b];
    for (size_t i = 0; i < n; i++) to[start[from[i] >> shift & (BUCKETS - 1)]++] = from[i];
    uint64_t *const swap = from;
    from = to;
    to = swap;
  }
  for (size_t i = 0; i < n; i++) x[i] = real_of(from[i]);
}

enum { AT_ONCE = 32 }; /* directions that samples are projected on by one product */

/* out (n_units, n): samples x (n, d) along each unit vector, sorted. work (2 n). */
static void project_samples(size_t n, size_t d, const double *x, size_t n_units, const double *unit, double *out,
                            uint64_t *work) {
  fsl_matmul_t(n_units, d, n, unit, x, 0, out);
  for (size_t j = 0; j < n_units; j++) sort_reals(n, out + j * n, work);
}

fsl_status fsl_sliced_distances(fsl_ctx *ctx, const fsl_directions *directions, size_t n_lines, const fsl_line *line,
                                size_t n, const double *x, double *distance) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t d = directions->d;
  double *sorted, *ranks;
  uint64_t *work;
  FSL_GET(ctx, sorted, AT_ONCE * n);
  FSL_GET(ctx, ranks, n);
  FSL_GET(ctx, work, 2 * n);
  fsl_line_ranks(n, ranks);
  for (size_t first = 0; first < n_lines; first += AT_ONCE) {
    const size_t units = n_lines - first < AT_ONCE ? n_lines - first : (size_t)AT_ONCE;
    FSL_TRY(fsl_check_stop(ctx));
    project_samples(n, d, x, units, directions->unit + first * d, sorted, work);
    for (size_t j = 0; j < units; j++) {
      const fsl_line samples = fsl_line_of_samples(n, sorted + j * n, ranks);
      distance[first + j] = fsl_line_w1(&samples, &line[first + j]);
    }
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_sliced_between(fsl_ctx *ctx, const fsl_directions *directions, size_t n, const double *x, size_t n2,
                              const double *x2, double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const size_t d = directions->d, n_lines = directions->n_random;
  double *sorted, *sorted2, *ranks, sum = 0;
  uint64_t *work;
  FSL_GET(ctx, work, 2 * (n > n2 ? n : n2));
  FSL_GET(ctx, sorted, AT_ONCE * n);
  FSL_GET(ctx, sorted2, AT_ONCE * n2);
  FSL_GET(ctx, ranks, n + n2);
  fsl_line_ranks(n, ranks);
  fsl_line_ranks(n2, ranks + n);
  for (size_t at = 0; at < n_lines; at += AT_ONCE) {
    const size_t units = n_lines - at < AT_ONCE ? n_lines - at : (size_t)AT_ONCE;
    FSL_TRY(fsl_check_stop(ctx));
    project_samples(n, d, x, units, directions->unit + at * d, sorted, work);
    project_samples(n2, d, x2, units, directions->unit + at * d, sorted2, work);
    for (size_t j = 0; j < units; j++) {
      const fsl_line first = fsl_line_of_samples(n, sorted + j * n, ranks);
      const fsl_line second = fsl_line_of_samples(n2, sorted2 + j * n2, ranks + n);
      sum += fsl_line_w1(&first, &second);
    }
  }
  *out = sum / (double)n_lines;
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
