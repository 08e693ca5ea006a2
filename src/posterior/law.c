/* law.c: a noised mixture as a law to measure samples against; by the kernels, one group of equal covariances at a
 * time, or where it is large as look_large.c does it. */
#include "posterior/law.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "posterior/look.h"

enum { STATES = 1024 };                                    /* at a time: bounds the work space */
enum { LARGE_DIMENSION = 64, LARGE_COMPONENTS = 1 << 10 }; /* from these on a law is large */

bool fsl_law_is_large(double components, double d) {
  return d >= LARGE_DIMENSION && components >= LARGE_COMPONENTS;
}

static bool has_atoms(const fsl_mixture *law) {
  for (size_t c = 0; c < law->n_covariances; ++c)
    for (size_t j = 0; j < law->d; ++j)
      if (law->covariance[c].values[j] == 0.0) return true;
  return false;
}

fsl_status fsl_law_view_create(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, fsl_law_view **out) {
  fsl_law_view *view;
  FSL_GET(ctx, view, 1);
  *view = (fsl_law_view){.law = law, .a = a, .v = v};
  FSL_TRY(fsl_groups_create(ctx, law, &view->groups));
  FSL_GET(ctx, view->noised, view->groups.n);
  for (size_t g = 0; g < view->groups.n; ++g)
    FSL_TRY(fsl_group_noised(ctx, &view->groups.group[g], law->d, a, v, &view->noised[g]));
  view->large = fsl_law_is_large((double)law->n, (double)law->d) && (v > 0.0 || !has_atoms(law));
  *out = view;
  return FSL_OK;
}

/* ---- by the kernels, tile by tile -------------------------------------------------------------------------------- */

typedef struct sweep {
  const fsl_law_view *view;
  const fsl_kernel *kernel;
  size_t d;
  double *scaled;         /* (groups, STATES, d) */
  double *rotated, *tile; /* (STATES, d), (d, lanes) */
  fsl_look look;
} sweep;

static fsl_status open_sweep(fsl_ctx *ctx, const fsl_law_view *view, size_t n, size_t n_modes, sweep *out) {
  const size_t d = view->law->d, states = n < STATES ? n : STATES;
  *out = (sweep){.view = view, .kernel = fsl_kernel_chosen(), .d = d};
  fsl_look *const look = &out->look;
  *look = (fsl_look){.n_modes = n_modes, .lanes = out->kernel->lanes};
  FSL_GET(ctx, out->scaled, view->groups.n * states * d);
  FSL_GET(ctx, out->rotated, states * d);
  FSL_GET(ctx, out->tile, d * look->lanes);
  FSL_GET(ctx, look->max, look->lanes);
  FSL_GET(ctx, look->sum, look->lanes);
  FSL_GET(ctx, look->vec, (n_modes + 1) * look->lanes);
  return FSL_OK;
}

static fsl_status load(fsl_ctx *ctx, const sweep *s, size_t n, const double *x) {
  for (size_t g = 0; g < s->view->groups.n; ++g)
    FSL_TRY(fsl_group_states(ctx, &s->view->groups.group[g], &s->view->noised[g], n, s->d, x, s->rotated,
                             s->scaled + g * n * s->d));
  return FSL_OK;
}

/* One tile of the loaded states over all groups: max, sum and vec of the look. */
static void run_tile(const sweep *s, size_t n, size_t first) {
  const fsl_look *const look = &s->look;
  for (size_t k = 0; k < look->lanes; ++k) {
    look->max[k] = FSL_FLOOR;
    look->sum[k] = 0.0;
  }
  memset(look->vec, 0, look->n_modes * look->lanes * sizeof *look->vec);
  for (size_t g = 0; g < s->view->groups.n; ++g) {
    const fsl_noised_group *noised = &s->view->noised[g];
    fsl_lanes_pack(look->lanes, n, s->d, fsl_divisor(noised->a), s->scaled + g * n * s->d, first, s->tile);
    const fsl_tile tile = {
        .h = fsl_precision(noised->a, noised->v), .x = s->tile, .max = look->max, .sum = look->sum, .vec = look->vec};
    s->kernel->modes(&noised->block, &tile, noised->constant, look->n_modes);
  }
}

static fsl_status run_sweep(fsl_ctx *ctx, const fsl_law_view *view, size_t n, const double *x, size_t n_modes,
                            fsl_look_take *take, void *out) {
  sweep s;
  FSL_TRY(open_sweep(ctx, view, n, n_modes, &s));
  for (size_t done = 0; done < n; done += STATES) {
    const size_t states = n - done < STATES ? n - done : STATES;
    FSL_TRY(load(ctx, &s, states, x + done * s.d));
    for (size_t first = 0; first < states; first += s.look.lanes) {
      FSL_TRY(fsl_check_stop(ctx));
      run_tile(&s, states, first);
      for (size_t k = 0; k < s.look.lanes && first + k < states; ++k)
        take(&s.look, k, done + first + k, fsl_is_finite(s.d, x + (done + first + k) * s.d), out);
    }
  }
  return FSL_OK;
}

/* ---- what is asked ----------------------------------------------------------------------------------------------- */

static fsl_status look_at(fsl_ctx *ctx, const fsl_law_view *view, size_t n, const double *x, size_t n_modes,
                          fsl_look_take *take, void *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY((view->large ? fsl_look_large : run_sweep)(ctx, view, n, x, n_modes, take, out));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* What a view is asked for; each may be NULL. */
typedef struct answer {
  double *density, *share;
  uint32_t *mode;
} answer;

static uint32_t largest(const fsl_look *look, size_t lane) {
  uint32_t best = 0;
  for (size_t k = 1; k < look->n_modes; ++k)
    if (look->vec[k * look->lanes + lane] > look->vec[best * look->lanes + lane]) best = (uint32_t)k;
  return best;
}

static void take(const fsl_look *look, size_t lane, size_t state, bool ok, void *out) {
  const answer *const a = out;
  if (a->density != NULL) a->density[state] = ok ? look->max[lane] + log(look->sum[lane]) : NAN;
  if (a->mode != NULL) a->mode[state] = ok ? largest(look, lane) : 0;
  for (size_t k = 0; k < look->n_modes && a->share != NULL; ++k)
    a->share[state * look->n_modes + k] = ok ? look->vec[k * look->lanes + lane] / look->sum[lane] : NAN;
}

fsl_status fsl_law_view_states(fsl_ctx *ctx, const fsl_law_view *view, size_t n, const double *x, uint32_t *mode,
                               double *density) {
  const size_t n_modes = mode != NULL ? view->law->n_modes : 0;
  answer a = {.density = density, .mode = mode};
  if (density != NULL && view->v == 0.0 && has_atoms(view->law))
    return fsl_fail(ctx, FSL_ENUMERIC, "atoms have no density at t = 0");
  if (density == NULL && n_modes == 1) { /* no choice */
    memset(mode, 0, n * sizeof *mode);
    return FSL_OK;
  }
  return look_at(ctx, view, n, x, n_modes, take, &a);
}

fsl_status fsl_law_log_density(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n, const double *x,
                               double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_law_view *view;
  FSL_TRY(fsl_law_view_create(ctx, law, a, v, &view));
  FSL_TRY(fsl_law_view_states(ctx, view, n, x, NULL, out));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_law_responsibilities(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n, const double *x,
                                    double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_law_view *view;
  answer asked = {.share = out};
  FSL_TRY(fsl_law_view_create(ctx, law, a, v, &view));
  FSL_TRY(look_at(ctx, view, n, x, law->n_modes, take, &asked));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_law_most_responsible(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n, const double *x,
                                    uint32_t *mode) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_law_view *view;
  FSL_TRY(fsl_law_view_create(ctx, law, a, v, &view));
  FSL_TRY(fsl_law_view_states(ctx, view, n, x, mode, NULL));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* u^T S u; scratch (d). */
static double projected_variance(const fsl_covariance *covariance, size_t d, const double *direction, double *scratch) {
  const double *u = direction;
  double sum = 0.0;
  if (covariance->vectors != NULL) {
    fsl_matvec_t(d, d, covariance->vectors, direction, scratch);
    u = scratch;
  }
  for (size_t j = 0; j < d; ++j) sum += covariance->values[j] * u[j] * u[j];
  return sum;
}

fsl_status fsl_law_project(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, const double *direction,
                           double *location, double *variance) {
  const double noise = v * fsl_dot(law->d, direction, direction);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  double *own, *scratch;
  FSL_GET(ctx, own, law->n_covariances);
  FSL_GET(ctx, scratch, law->d);
  for (size_t c = 0; c < law->n_covariances; ++c)
    own[c] = projected_variance(&law->covariance[c], law->d, direction, scratch);
  for (size_t k = 0; k < law->n; ++k) {
    location[k] = a * fsl_dot(law->d, direction, law->mean + k * law->d);
    variance[k] = a * a * own[law->covariance_of != NULL ? law->covariance_of[k] : 0] + noise;
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_law_moments(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, double *mean, double *covariance) {
  const size_t d = law->d;
  FSL_TRY(fsl_mixture_moments(ctx, law, mean, covariance));
  for (size_t j = 0; j < d; ++j) mean[j] *= a;
  for (size_t j = 0; j < d * d; ++j) covariance[j] *= a * a;
  for (size_t j = 0; j < d; ++j) covariance[j * d + j] += v;
  return FSL_OK;
}
