/* metric/reference.c: the finite-sample posterior's own error against truth: the exact mixture on weighted atoms, no
 * draws of it. */
#include "metric/khat.h"
#include "metric/parts.h"

#include "base/linalg.h"

#include <math.h>

enum { CHUNK = 2048 };

/* Moments in closed form; the covariance's error in the Frobenius norm. */
static fsl_status grade_moments(fsl_ctx *ctx, const fsl_scene *scene, const fsl_mixture *law, fsl_reference_at *out) {
  const size_t d = scene->d;
  double *mean, *covariance, shift = 0, error = 0, norm = 0;
  FSL_GET(ctx, mean, d);
  FSL_GET(ctx, covariance, d * d);
  FSL_TRY(fsl_law_moments(ctx, law, scene->a, scene->v, mean, covariance));
  for (size_t k = 0; k < d; k++) shift += (mean[k] - scene->mean[k]) * (mean[k] - scene->mean[k]);
  for (size_t i = 0; i < d * d; i++) {
    const double gap = covariance[i] - scene->covariance[i];
    error += gap * gap;
    norm += scene->covariance[i] * scene->covariance[i];
  }
  if (scene->trace > 0) out->mean_error = sqrt(shift / scene->trace);
  if (norm > 0) out->covariance_error = sqrt(error / norm);
  return FSL_OK;
}

static fsl_status grade_distance(fsl_ctx *ctx, const fsl_scene *scene, const fsl_mixture *law, double *out) {
  const size_t n = scene->directions.n_random;
  double *distance;
  FSL_GET(ctx, distance, n);
  FSL_TRY(fsl_sliced_law_distances(ctx, &scene->directions, n, scene->line, law, scene->a, scene->v, distance));
  *out = fsl_sum(n, distance) / (double)n;
  return FSL_OK;
}

/* How many atoms share a state: exp of the entropy of w, averaged over draws of p(x_t | y). */
static fsl_status effective_atoms(fsl_ctx *ctx, const fsl_scene *scene, const fsl_posterior *posterior, fsl_key key,
                                  size_t n, double *out) {
  double *x, *mean, *entropy;
  FSL_GET(ctx, x, n * scene->d);
  FSL_GET(ctx, mean, n * scene->d);
  FSL_GET(ctx, entropy, n);
  FSL_TRY(fsl_posterior_draw(ctx, posterior, scene->a, scene->v, key, 0, n, x, NULL));
  const fsl_moments moments = {.mean = mean, .entropy = entropy};
  FSL_TRY(fsl_posterior_moments(ctx, posterior, scene->a, scene->v, n, x, &moments));
  for (size_t i = 0; i < n; i++) entropy[i] = exp(entropy[i]);
  *out = fsl_sum(n, entropy) / (double)n;
  return FSL_OK;
}

static bool made_of_atoms(const fsl_posterior *posterior) {
  size_t n;
  return fsl_posterior_log_likelihood(posterior, &n) != NULL;
}

fsl_status fsl_reference_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_posterior *posterior, fsl_key key,
                               size_t n_draws, fsl_reference_at *out) {
  *out = (fsl_reference_at){NAN, NAN, NAN, NAN};
  if (!fsl_posterior_is_exact(posterior)) return FSL_OK;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_mixture law;
  FSL_TRY(fsl_posterior_law(ctx, posterior, &law));
  if (scene->setting.truth->known) {
    FSL_TRY(grade_moments(ctx, scene, &law, out));
    if (scene->line != NULL) FSL_TRY(grade_distance(ctx, scene, &law, &out->sliced_w1));
  }
  if (scene->v > 0 && n_draws > 0 && made_of_atoms(posterior))
    FSL_TRY(effective_atoms(ctx, scene, posterior, key, n_draws, &out->effective_atoms));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

/* ---- without t ----------------------------------------------------------------------------------------------- */

/* Masses of the prior's modes under weighted atoms: an atom of a smooth prior is shared by the modes as the prior holds
 * them responsible for it, which leaves its expected mass at the component weights. */
static fsl_status shared_masses(fsl_ctx *ctx, const fsl_mixture *prior, const fsl_mixture *law, double *mass) {
  double *shares;
  const size_t chunk = CHUNK;
  FSL_GET(ctx, shares, chunk * prior->n_modes);
  for (size_t first = 0; first < law->n; first += chunk) {
    const size_t n = law->n - first < chunk ? law->n - first : chunk;
    FSL_TRY(fsl_law_responsibilities(ctx, prior, 1, 0, n, law->mean + first * law->d, shares));
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < prior->n_modes; k++)
        mass[k] += exp(law->log_weight[first + i]) * shares[i * prior->n_modes + k];
  }
  return FSL_OK;
}

static fsl_status mode_weight_tv(fsl_ctx *ctx, const fsl_scene *scene, const fsl_mixture *law, double *out) {
  double *mass, sum = 0;
  FSL_GET(ctx, mass, scene->n_modes);
  if (fsl_mixture_is_atomic(scene->prior) || !fsl_mixture_is_atomic(law))
    fsl_mixture_mode_weights(law, mass);
  else
    FSL_TRY(shared_masses(ctx, scene->prior, law, mass));
  for (size_t k = 0; k < scene->n_modes; k++) sum += fabs(mass[k] - scene->setting.truth->mode_weight[k]);
  *out = 0.5 * sum;
  return FSL_OK;
}

static double effective_size(const fsl_mixture *law) {
  double sum = 0;
  for (size_t i = 0; i < law->n; i++) sum += exp(2 * law->log_weight[i]);
  return 1 / sum;
}

fsl_status fsl_reference_overall_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_posterior *posterior,
                                       fsl_reference_overall *out) {
  *out = (fsl_reference_overall){NAN, NAN, NAN, NAN};
  if (!fsl_posterior_is_exact(posterior) || !made_of_atoms(posterior)) return FSL_OK;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_mixture law;
  FSL_TRY(fsl_posterior_law(ctx, posterior, &law));
  out->ess = effective_size(&law);
  FSL_TRY(fsl_pareto_khat(ctx, law.n, law.log_weight, &out->khat));
  if (scene->setting.truth->known) {
    FSL_TRY(mode_weight_tv(ctx, scene, &law, &out->mode_weight_tv));
    out->log_evidence_error = fsl_posterior_log_evidence(posterior) - scene->setting.truth->log_evidence;
  }
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}
