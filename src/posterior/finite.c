/* finite.c: moments of a prior that is made of atoms. Burns & Fridovich-Keil 2026. */
#include <math.h>
#include <string.h>

#include "posterior/internal.h"

#define LOG_2_PI 1.8378770664093454836

static fsl_pass pass_of(const fsl_posterior *posterior, fsl_pass_what what, double a, double v, size_t n,
                        const double *x, size_t p) {
  return (fsl_pass){.kernel = posterior->kernel,
                    .what = what,
                    .n = n,
                    .d = posterior->atoms.d,
                    .x = x,
                    .a = a,
                    .v = v,
                    .p = p,
                    .shape = {.sides = 1, .p = fsl_pass_sums(what, p)}};
}

static void mean_of(const double *side, size_t p, bool ok, double *out) {
  for (size_t j = 0; j < p; ++j) out[j] = ok ? side[FSL_PARTIAL_VEC + j] / side[FSL_PARTIAL_SUM] : NAN;
}

static double log_density(const double *side, bool ok, double constant) {
  return ok ? side[FSL_PARTIAL_MAX] + log(side[FSL_PARTIAL_SUM]) + constant : NAN;
}

static double entropy(const double *side, bool ok) {
  return ok ? fmax(0.0, log(side[FSL_PARTIAL_SUM]) - side[FSL_PARTIAL_ENERGY] / side[FSL_PARTIAL_SUM]) : NAN;
}

static void unpack_moments(const fsl_atom_set *set, const fsl_pass *pass, double v, const double *records,
                           const fsl_moments *out) {
  const size_t d = set->d, side = fsl_partial_side(pass->shape), width = fsl_partial_width(pass->shape);
  const double constant = -set->log_norm - 0.5 * (double)d * (LOG_2_PI + log(fmax(v, FSL_TINY_VARIANCE)));
  for (size_t i = 0; i < pass->n; ++i) {
    const double *prior = records + i * width, *post = prior + side;
    const bool ok = fsl_is_finite(d, pass->x + i * d);
    if (out->mean != NULL) mean_of(prior, d, ok, out->mean + i * d);
    if (out->log_density != NULL) out->log_density[i] = log_density(prior, ok, constant);
    if (out->entropy != NULL) out->entropy[i] = entropy(prior, ok);
    if (out->posterior_mean != NULL) mean_of(post, d, ok, out->posterior_mean + i * d);
    if (out->posterior_log_density != NULL)
      out->posterior_log_density[i] = log_density(post, ok, constant - set->log_evidence);
  }
}

fsl_status fsl_atoms_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                             const double *x, const fsl_moments *out) {
  const fsl_atom_set *set = &posterior->atoms;
  const bool means = out->mean != NULL || out->posterior_mean != NULL;
  fsl_pass pass = pass_of(posterior, FSL_PASS_MEANS, a, v, n, x, means ? set->d : 0);
  pass.shape.sides = out->posterior_mean != NULL || out->posterior_log_density != NULL ? 2 : 1;
  pass.shape.energy = out->entropy != NULL;
  if (pass.shape.energy && set->sharded && ctx->team->size > 1)
    return fsl_fail(ctx, FSL_EINTERNAL, "the entropy is for a team of one: equal atoms may lie on different ranks");
  double *records;
  FSL_GET(ctx, records, n * fsl_partial_width(pass.shape));
  FSL_TRY(fsl_atoms_run(ctx, set, &pass, set->x, NULL, records));
  unpack_moments(set, &pass, v, records, out);
  return FSL_OK;
}

static fsl_status cross(fsl_ctx *ctx, const fsl_posterior *posterior, fsl_pass *pass, const double *inner,
                        double *out) {
  const fsl_atom_set *set = &posterior->atoms;
  const size_t d = set->d, width = fsl_partial_width(pass->shape), q = pass->q;
  double *records;
  FSL_GET(ctx, records, pass->n * width);
  FSL_TRY(fsl_atoms_run(ctx, set, pass, set->x, inner, records));
  for (size_t i = 0; i < pass->n; ++i) {
    const bool ok = fsl_is_finite(d, pass->x + i * d) && fsl_is_finite(d, pass->payload_centre + i * d) &&
                    fsl_is_finite(q, pass->inner_centre + i * q) && fsl_is_finite(q, pass->u + i * q);
    mean_of(records + i * width, d, ok, out + i * d);
  }
  return FSL_OK;
}

fsl_status fsl_atoms_covariance_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                      const double *x, const double *mean, const double *u, double *out) {
  fsl_pass pass = pass_of(posterior, FSL_PASS_CROSS, a, v, n, x, posterior->atoms.d);
  pass.q = posterior->atoms.d;
  pass.payload_centre = pass.inner_centre = mean;
  pass.u = u;
  return cross(ctx, posterior, &pass, posterior->atoms.x, out);
}

fsl_status fsl_atoms_cross_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                 const double *x, const double *mean, const double *expected, const double *u,
                                 double *out) {
  fsl_pass pass = pass_of(posterior, FSL_PASS_CROSS, a, v, n, x, posterior->atoms.d);
  pass.q = posterior->atoms.m;
  pass.payload_centre = mean;
  pass.inner_centre = expected;
  pass.u = u;
  return cross(ctx, posterior, &pass, posterior->atoms.forward, out);
}

/* Expected values first, then second moments about them: a one-pass difference of squares would cancel. */
fsl_status fsl_atoms_forward_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                     const double *x, double *expected, double *spread) {
  const fsl_atom_set *set = &posterior->atoms;
  const size_t m = set->m, d = set->d;
  fsl_pass first = pass_of(posterior, FSL_PASS_MEANS, a, v, n, x, m);
  double *records;
  FSL_GET(ctx, records, n * fsl_partial_width(first.shape));
  FSL_TRY(fsl_atoms_run(ctx, set, &first, set->forward, NULL, records));
  for (size_t i = 0; i < n; ++i)
    mean_of(records + i * fsl_partial_width(first.shape), m, fsl_is_finite(d, x + i * d), expected + i * m);
  if (spread == NULL) return FSL_OK;
  fsl_pass second = pass_of(posterior, FSL_PASS_SPREAD, a, v, n, x, m);
  second.payload_centre = expected;
  FSL_GET(ctx, records, n * fsl_partial_width(second.shape));
  FSL_TRY(fsl_atoms_run(ctx, set, &second, set->forward, NULL, records));
  for (size_t i = 0; i < n; ++i)
    fsl_unpack_spread(m, records + i * fsl_partial_width(second.shape), fsl_is_finite(m, expected + i * m),
                      spread + i * m * m);
  return FSL_OK;
}
