/* law.c: a noised mixture as a law to measure samples against; by the kernels, one group of equal covariances at a
 * time. */
#include "posterior/law.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "posterior/internal.h"

enum { STATES = 1024 }; /* at a time: bounds the work space */

/* Responsibilities of the modes at up to STATES states, tile by tile. */
typedef struct sweep {
  const fsl_kernel *kernel;
  size_t d, n_modes, lanes;
  fsl_groups groups;
  fsl_noised_group *noised;
  double *scaled;          /* (groups, STATES, d) */
  double *rotated, *tile;  /* (STATES, d), (d, lanes) */
  double *max, *sum, *vec; /* lanes, lanes, (n_modes, lanes) */
} sweep;

static fsl_status open_sweep(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n, size_t n_modes,
                             sweep *out) {
  const size_t d = law->d, states = n < STATES ? n : STATES;
  *out = (sweep){.kernel = fsl_kernel_chosen(), .d = d, .n_modes = n_modes};
  out->lanes = out->kernel->lanes;
  FSL_TRY(fsl_groups_create(ctx, law, &out->groups));
  FSL_GET(ctx, out->noised, out->groups.n);
  for (size_t g = 0; g < out->groups.n; ++g)
    FSL_TRY(fsl_group_noised(ctx, &out->groups.group[g], d, a, v, &out->noised[g]));
  FSL_GET(ctx, out->scaled, out->groups.n * states * d);
  FSL_GET(ctx, out->rotated, states * d);
  FSL_GET(ctx, out->tile, d * out->lanes);
  FSL_GET(ctx, out->max, out->lanes);
  FSL_GET(ctx, out->sum, out->lanes);
  FSL_GET(ctx, out->vec, (n_modes + 1) * out->lanes);
  return FSL_OK;
}

static fsl_status load(fsl_ctx *ctx, const sweep *s, size_t n, const double *x) {
  for (size_t g = 0; g < s->groups.n; ++g)
    FSL_TRY(
        fsl_group_states(ctx, &s->groups.group[g], &s->noised[g], n, s->d, x, s->rotated, s->scaled + g * n * s->d));
  return FSL_OK;
}

/* One tile of the loaded states over all groups: max, sum and vec of the sweep. */
static void run_tile(const sweep *s, size_t n, size_t first) {
  for (size_t k = 0; k < s->lanes; ++k) {
    s->max[k] = FSL_FLOOR;
    s->sum[k] = 0.0;
  }
  memset(s->vec, 0, s->n_modes * s->lanes * sizeof *s->vec);
  for (size_t g = 0; g < s->groups.n; ++g) {
    const fsl_noised_group *noised = &s->noised[g];
    fsl_lanes_pack(s->lanes, n, s->d, fsl_divisor(noised->a), s->scaled + g * n * s->d, first, s->tile);
    const fsl_tile tile = {
        .h = fsl_precision(noised->a, noised->v), .x = s->tile, .max = s->max, .sum = s->sum, .vec = s->vec};
    s->kernel->modes(&noised->block, &tile, noised->constant, s->n_modes);
  }
}

/* What to do with one state's lane of a finished tile. */
typedef void take_state(const sweep *s, size_t lane, size_t state, bool ok, void *out);

static fsl_status run_sweep(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n, const double *x,
                            size_t n_modes, take_state *take, void *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  sweep s;
  FSL_TRY(open_sweep(ctx, law, a, v, n, n_modes, &s));
  for (size_t done = 0; done < n; done += STATES) {
    const size_t states = n - done < STATES ? n - done : STATES;
    FSL_TRY(load(ctx, &s, states, x + done * s.d));
    for (size_t first = 0; first < states; first += s.lanes) {
      FSL_TRY(fsl_check_stop(ctx));
      run_tile(&s, states, first);
      for (size_t k = 0; k < s.lanes && first + k < states; ++k)
        take(&s, k, done + first + k, fsl_is_finite(s.d, x + (done + first + k) * s.d), out);
    }
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

static void take_density(const sweep *s, size_t lane, size_t state, bool ok, void *out) {
  ((double *)out)[state] = ok ? s->max[lane] + log(s->sum[lane]) : NAN;
}

static void take_responsibilities(const sweep *s, size_t lane, size_t state, bool ok, void *out) {
  double *row = (double *)out + state * s->n_modes;
  for (size_t k = 0; k < s->n_modes; ++k) row[k] = ok ? s->vec[k * s->lanes + lane] / s->sum[lane] : NAN;
}

static void take_largest(const sweep *s, size_t lane, size_t state, bool ok, void *out) {
  uint32_t best = 0;
  for (size_t k = 1; k < s->n_modes && ok; ++k)
    if (s->vec[k * s->lanes + lane] > s->vec[best * s->lanes + lane]) best = (uint32_t)k;
  ((uint32_t *)out)[state] = best;
}

static bool has_atoms(const fsl_mixture *law) {
  for (size_t c = 0; c < law->n_covariances; ++c)
    for (size_t j = 0; j < law->d; ++j)
      if (law->covariance[c].values[j] == 0.0) return true;
  return false;
}

fsl_status fsl_law_log_density(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n, const double *x,
                               double *out) {
  if (v == 0.0 && has_atoms(law)) return fsl_fail(ctx, FSL_ENUMERIC, "atoms have no density at t = 0");
  return run_sweep(ctx, law, a, v, n, x, 0, take_density, out);
}

fsl_status fsl_law_responsibilities(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n, const double *x,
                                    double *out) {
  return run_sweep(ctx, law, a, v, n, x, law->n_modes, take_responsibilities, out);
}

fsl_status fsl_law_most_responsible(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, size_t n, const double *x,
                                    uint32_t *mode) {
  return run_sweep(ctx, law, a, v, n, x, law->n_modes, take_largest, mode);
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
