/* truth/truth.c: the choice between the three ways to a truth, and what every truth states alike. */
#include "truth/truth.h"

#include "truth/methods.h"

#include <math.h>

const char *fsl_truth_method_name(fsl_truth_method method) {
  static const char *const names[] = {"closed form", "quadrature", "sampled"};
  return names[method];
}

fsl_truth_method fsl_truth_choose(const fsl_prior *prior, const fsl_forward_model *model) {
  if (model->linear || fsl_mixture_is_atomic(&prior->population)) return FSL_TRUTH_CLOSED;
  return fsl_truth_quadrature_fits(&prior->population) ? FSL_TRUTH_QUADRATURE : FSL_TRUTH_SAMPLED;
}

/* Mean, covariance and mode weights of the law. */
static fsl_status summarise(fsl_ctx *ctx, fsl_truth *truth) {
  const size_t d = truth->law.d;
  double *mean, *covariance, *mode_weight;
  FSL_GET(ctx, mean, d);
  FSL_GET(ctx, covariance, d * d);
  FSL_GET(ctx, mode_weight, truth->law.n_modes);
  FSL_TRY(fsl_mixture_moments(ctx, &truth->law, mean, covariance));
  fsl_mixture_mode_weights(&truth->law, mode_weight);
  truth->mean = mean;
  truth->covariance = covariance;
  truth->mode_weight = mode_weight;
  return FSL_OK;
}

/* The copies draw from different keys, and neither from one that serves another purpose with the same content. */
static fsl_status key_of_copy(fsl_ctx *ctx, fsl_key key, unsigned copy, fsl_key *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
  if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the key of a sampled truth");
  fsl_hash_text(hasher, "draws of a sampled truth");
  fsl_hash_integer(hasher, key.word[0]);
  fsl_hash_integer(hasher, key.word[1]);
  fsl_hash_integer(hasher, copy);
  *out = fsl_key_of(fsl_hash_value(hasher));
  fsl_arena_release(ctx->arena, mark);
  return FSL_OK;
}

fsl_status fsl_truth_find(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, unsigned copy, double min_ess,
                          fsl_truth *out) {
  fsl_key own;
  *out =
      (fsl_truth){.method = fsl_truth_choose(problem->prior, problem->model), .known = true, .ess = NAN, .chi2 = NAN};
  switch (out->method) {
  case FSL_TRUTH_CLOSED:
    FSL_TRY(fsl_truth_closed(ctx, problem, out));
    return summarise(ctx, out);
  case FSL_TRUTH_QUADRATURE:
    return fsl_truth_quadrature(ctx, problem, out);
  case FSL_TRUTH_SAMPLED:
    FSL_TRY(key_of_copy(ctx, key, copy, &own));
    return fsl_truth_sampled(ctx, problem, own, min_ess, out);
  }
  return fsl_fail(ctx, FSL_EINTERNAL, "a truth of an unknown method");
}
