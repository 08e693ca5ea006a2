/* look_large.c: densities and modes under many components of many dimensions. Distances come from a product of matrices
 * in single precision, whose error is bounded; the components that may count by it are few as a rule, and get theirs
 * again by differences in double precision. States near which many components count are done again by a product in
 * double precision. So what comes out is right to rounding either way; left out are components whose weights are below
 * 2^-44/n of the largest. */
#include "posterior/look.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "base/linalg.h"

/* Components per product, their products with all states of a tile in floats, and the states of a tile: a multiple of
 * 32, for which no BLAS has a remainder. In double precision half as many. */
enum { COMPONENTS = 1024, TABLE = 1 << 24, MOST_STATES = 256, LEAST_STATES = 64 };
enum { CROWD = 16 };                 /* more than n/CROWD components that may count: in double precision */
static const double negligible = 44; /* powers of 2 */
static const double accurate = 1e-9; /* a worst-case bound of a logit: what is left is about a hundredth of it */
static const double hopeless = 4;    /* one that single precision cannot screen by */

/* A tile of states against all components. */
typedef struct screen {
  const fsl_law_view *view;
  bool single;
  size_t d, n, states, count; /* all components; of a tile, and how many are there */
  double *rotated, *scaled;   /* (states, d) */
  double *at;                 /* (groups, states, d): x/a in the group's coordinates */
  double *centred, *atoms;    /* (states, d), (COMPONENTS, d) about the group's centre; floats where single */
  double *square;             /* (groups, states): |x/a - centre|^2 */
  void *product;              /* (states, n) floats, or half as many rows of doubles */
  double *logit;              /* n, of one state */
  uint32_t *found;            /* n: components that may count */
  fsl_look look;
} screen;

static fsl_status open_screen(fsl_ctx *ctx, const fsl_law_view *view, size_t n_modes, screen *s) {
  const size_t d = view->law->d, n = view->groups.n_components, fits = TABLE / n / LEAST_STATES * LEAST_STATES;
  const size_t states = fits < LEAST_STATES ? LEAST_STATES : fits > MOST_STATES ? MOST_STATES : fits;
  float *table;
  *s = (screen){.view = view, .d = d, .n = n, .states = states, .look = {.n_modes = n_modes, .lanes = 1}};
  FSL_GET(ctx, s->rotated, states * d);
  FSL_GET(ctx, s->scaled, states * d);
  FSL_GET(ctx, s->at, view->groups.n * states * d);
  FSL_GET(ctx, s->centred, states * d);
  FSL_GET(ctx, s->atoms, COMPONENTS * d);
  FSL_GET(ctx, s->square, view->groups.n * states);
  FSL_GET(ctx, table, states * n);
  s->product = table;
  FSL_GET(ctx, s->logit, n);
  FSL_GET(ctx, s->found, n);
  FSL_GET(ctx, s->look.max, 1);
  FSL_GET(ctx, s->look.sum, 1);
  FSL_GET(ctx, s->look.vec, n_modes + 1);
  return FSL_OK;
}

/* Of the table, whose bytes are the same in either precision. */
static size_t rows_of(const screen *s) {
  return s->single ? s->states : s->states / 2;
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* Four at once, for compilers that do not find that by themselves. */
enum { LANES = 4 };
typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));
typedef float narrow_lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

static void subtract(size_t d, const double *row, const double *centre, double *out) {
  size_t j = 0;
  for (; j + LANES <= d; j += LANES) *(lanes *)(out + j) = *(const lanes *)(row + j) - *(const lanes *)(centre + j);
  for (; j < d; ++j) out[j] = row[j] - centre[j];
}

static void subtract_narrow(size_t d, const double *row, const double *centre, float *out) {
  size_t j = 0;
  for (; j + LANES <= d; j += LANES)
    *(narrow_lanes *)(out + j) =
        __builtin_convertvector(*(const lanes *)(row + j) - *(const lanes *)(centre + j), narrow_lanes);
  for (; j < d; ++j) out[j] = (float)(row[j] - centre[j]);
}

/* out (n, d) = rows - centre, in floats where single. */
static void centre_rows(bool single, size_t n, size_t d, const double *rows, const double *centre, double *out) {
  for (size_t i = 0; i < n; ++i)
    if (single)
      subtract_narrow(d, rows + i * d, centre, (float *)(void *)out + i * d);
    else
      subtract(d, rows + i * d, centre, out + i * d);
}

/* The tile's states in the coordinates of group g, and about its centre; rows beyond the last are 0. */
static fsl_status load_states(fsl_ctx *ctx, screen *s, size_t g, const double *x) {
  const fsl_group *const group = &s->view->groups.group[g];
  const fsl_noised_group *const noised = &s->view->noised[g];
  const double *const centre = noised->block.arrangement->centre, a = fsl_divisor(noised->a);
  double *const at = s->at + g * s->states * s->d;
  FSL_TRY(fsl_group_states(ctx, group, noised, s->count, s->d, x, s->rotated, s->scaled));
  for (size_t i = 0; i < s->count * s->d; ++i) at[i] = s->scaled[i] / a;
  memset(s->centred, 0, rows_of(s) * s->d * sizeof *s->centred);
  centre_rows(s->single, s->count, s->d, at, centre, s->centred);
  for (size_t i = 0; i < s->count; ++i) {
    double sum = 0.0;
    for (size_t j = 0; j < s->d; ++j) sum += (at[i * s->d + j] - centre[j]) * (at[i * s->d + j] - centre[j]);
    s->square[g * s->states + i] = sum;
  }
  return FSL_OK;
}

/* Columns first .. first + n - 1 of the table: the states times components `from` on of a block. */
static void multiply(screen *s, const fsl_block *block, size_t from, size_t n, size_t first) {
  const blasint states = (blasint)rows_of(s), d = (blasint)s->d, all = (blasint)s->n, m = (blasint)n;
  centre_rows(s->single, n, s->d, block->x + from * s->d, block->arrangement->centre, s->atoms);
  if (s->single)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, states, m, d, 1.0F, (const float *)(void *)s->centred, d,
                (const float *)(void *)s->atoms, d, 0.0F, (float *)s->product + first, all);
  else
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, states, m, d, 1.0, s->centred, d, s->atoms, d, 0.0,
                (double *)s->product + first, all);
}

static fsl_status fill_table(fsl_ctx *ctx, screen *s, const double *x) {
  size_t first = 0;
  for (size_t g = 0; g < s->view->groups.n; ++g) {
    const fsl_block *const block = &s->view->noised[g].block;
    FSL_TRY(load_states(ctx, s, g, x));
    for (size_t from = 0; from < block->n; from += COMPONENTS) {
      const size_t n = block->n - from < COMPONENTS ? block->n - from : (size_t)COMPONENTS;
      FSL_TRY(fsl_check_stop(ctx));
      multiply(s, block, from, n, first + from);
    }
    first += block->n;
  }
  return FSL_OK;
}

/* ---- logits of one state ----------------------------------------------------------------------------------------- */

static double precision_of(const fsl_noised_group *noised) {
  return fsl_precision(noised->a, noised->v);
}

/* Bounds the error of every logit of a group: gamma_d of the product, and what the operands' rounding adds. */
static double error_bound(const screen *s, size_t g, size_t state) {
  const fsl_noised_group *const noised = &s->view->noised[g];
  const double unit = s->single ? 0x1p-24 : 0x1p-53, z = sqrt(s->square[g * s->states + state]);
  const double radius = noised->block.arrangement->radius;
  return precision_of(noised) * (2.0 * (double)(s->d + 4) * unit * z * radius + 0x1p-51 * (z + radius) * (z + radius));
}

/* Entries at .. at + LANES - 1 of the table. */
static inline void products_at(const screen *s, size_t at, lanes *out) {
  if (s->single)
    *out = __builtin_convertvector(*(const narrow_lanes *)((const float *)s->product + at), lanes);
  else
    *out = *(const lanes *)((const double *)s->product + at);
}

/* out (n) of a group by expanded squares, and their largest value. */
static double expand(const screen *s, size_t g, size_t first, size_t state, double *out) {
  const fsl_noised_group *const noised = &s->view->noised[g];
  const fsl_arrangement *const known = noised->block.arrangement;
  const double h = precision_of(noised), own = noised->constant - h * s->square[g * s->states + state];
  const size_t at = state * s->n + first, n = noised->block.n;
  double top[LANES] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    lanes product;
    products_at(s, at + i, &product);
    *(lanes *)(out + i) =
        (*(const lanes *)(known->log_weight + i) - h * *(const lanes *)(known->square + i)) + (own + 2.0 * h * product);
    for (size_t k = 0; k < LANES; ++k) top[k] = out[i + k] > top[k] ? out[i + k] : top[k];
  }
  double most = fmax(fmax(top[0], top[1]), fmax(top[2], top[3]));
  for (; i < n; ++i) {
    const double product =
        s->single ? (double)((const float *)s->product)[at + i] : ((const double *)s->product)[at + i];
    out[i] = (known->log_weight[i] - h * known->square[i]) + (own + 2.0 * h * product);
    most = fmax(most, out[i]);
  }
  return most;
}

/* The logit of component i of a group by differences. */
static double exact_logit(const screen *s, size_t g, size_t i, size_t state) {
  const fsl_noised_group *const noised = &s->view->noised[g];
  const double *const x = s->at + (g * s->states + state) * s->d, *const mean = noised->block.x + i * s->d;
  lanes even = {0}, odd = {0};
  size_t j = 0;
  for (; j + 2 * LANES <= s->d; j += 2 * LANES) {
    const lanes first = *(const lanes *)(x + j) - *(const lanes *)(mean + j);
    const lanes second = *(const lanes *)(x + j + LANES) - *(const lanes *)(mean + j + LANES);
    even += first * first;
    odd += second * second;
  }
  even += odd;
  double sum = (even[0] + even[1]) + (even[2] + even[3]);
  for (; j < s->d; ++j) sum += (x[j] - mean[j]) * (x[j] - mean[j]);
  return noised->constant + noised->block.arrangement->log_weight[i] - precision_of(noised) * sum;
}

static uint32_t mode_of(const fsl_noised_group *noised, const fsl_group *group, size_t i) {
  if (noised->block.mode_of != NULL) return noised->block.mode_of[i];
  return group->index != NULL ? group->index[i] : (uint32_t)i;
}

/* The components that may count, in order; *worst bounds the error of their logits. */
static size_t find_candidates(screen *s, size_t state, double *worst) {
  double most = -INFINITY;
  size_t first = 0, count = 0;
  *worst = 0.0;
  for (size_t g = 0; g < s->view->groups.n; ++g) {
    most = fmax(most, expand(s, g, first, state, s->logit + first));
    *worst = fmax(*worst, error_bound(s, g, state));
    first += s->view->noised[g].block.n;
  }
  const double least = most - 2.0 * *worst - (negligible * M_LN2 + log((double)s->n));
  for (size_t i = 0; i < s->n; ++i) {
    s->found[count] = (uint32_t)i;
    count += s->logit[i] >= least;
  }
  return count;
}

/* Logits of the candidates again, where they are not accurate. */
static void refine(screen *s, size_t state, size_t count) {
  size_t g = 0, first = 0;
  for (size_t k = 0; k < count; ++k) {
    const size_t i = s->found[k];
    while (i >= first + s->view->noised[g].block.n) first += s->view->noised[g++].block.n;
    s->logit[i] = exact_logit(s, g, i - first, state);
  }
}

static void sum_candidates(screen *s, size_t count) {
  fsl_look *const look = &s->look;
  size_t g = 0, first = 0;
  *look->max = FSL_FLOOR;
  *look->sum = 0.0;
  memset(look->vec, 0, look->n_modes * sizeof *look->vec);
  for (size_t k = 0; k < count; ++k) *look->max = fmax(*look->max, s->logit[s->found[k]]);
  for (size_t k = 0; k < count; ++k) {
    const size_t i = s->found[k];
    const double weight = exp(s->logit[i] - *look->max);
    while (i >= first + s->view->noised[g].block.n) first += s->view->noised[g++].block.n;
    *look->sum += weight;
    if (look->n_modes > 0) look->vec[mode_of(&s->view->noised[g], &s->view->groups.group[g], i - first)] += weight;
  }
}

/* False: single precision does not serve here. Written so that a bound of NaN does not. */
static bool look_at(screen *s, size_t state) {
  double worst;
  const size_t count = find_candidates(s, state, &worst);
  if (s->single && !(worst < hopeless && count <= s->n / CROWD)) return false;
  if (!(worst <= accurate)) refine(s, state, count);
  sum_candidates(s, count);
  return true;
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

/* States that single precision does not serve. */
typedef struct rest {
  size_t count, *state; /* numbers of the caller's states */
  double *x;            /* (states of a tile, d) */
} rest;

/* Double precision, in tiles. */
static fsl_status look_at_rest(fsl_ctx *ctx, screen *s, rest *r, fsl_look_take *take, void *out) {
  const bool single = s->single;
  s->single = false;
  for (size_t done = 0; done < r->count; done += rows_of(s)) {
    s->count = r->count - done < rows_of(s) ? r->count - done : rows_of(s);
    FSL_TRY(fill_table(ctx, s, r->x + done * s->d));
    for (size_t i = 0; i < s->count; ++i) {
      (void)look_at(s, i);
      take(&s->look, 0, r->state[done + i], true, out);
    }
  }
  r->count = 0;
  s->single = single;
  return FSL_OK;
}

/* Of a tile in single precision: those it does not serve are left in `r`. */
static void look_at_tile(screen *s, size_t first, const double *x, fsl_look_take *take, void *out, rest *r) {
  for (size_t i = 0; i < s->count; ++i) {
    const double *const row = x + (first + i) * s->d;
    const bool ok = fsl_is_finite(s->d, row);
    if (!ok || look_at(s, i)) {
      take(&s->look, 0, first + i, ok, out);
      continue;
    }
    memcpy(r->x + r->count * s->d, row, s->d * sizeof *row);
    r->state[r->count++] = first + i;
  }
}

fsl_status fsl_look_large(fsl_ctx *ctx, const fsl_law_view *view, size_t n, const double *x, size_t n_modes,
                          fsl_look_take *take, void *out) {
  screen s;
  rest r = {0};
  FSL_TRY(open_screen(ctx, view, n_modes, &s));
  FSL_GET(ctx, r.state, s.states);
  FSL_GET(ctx, r.x, s.states * s.d);
  s.single = true;
  for (size_t done = 0, count; done < n; done += count) {
    s.count = count = n - done < rows_of(&s) ? n - done : rows_of(&s);
    FSL_TRY(fill_table(ctx, &s, x + done * s.d));
    look_at_tile(&s, done, x, take, out, &r);
    const bool crowded = s.single && 2 * r.count > count; /* so will the next tile be */
    FSL_TRY(look_at_rest(ctx, &s, &r, take, out));
    if (crowded) s.single = false;
  }
  return FSL_OK;
}
