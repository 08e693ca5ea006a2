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

static fsl_key key_of_copy(fsl_key key, unsigned copy) {
  return (fsl_key){.word = {key.word[0] ^ (0x9e3779b9u * copy), key.word[1] ^ (0x85ebca6bu * copy)}};
}

fsl_status fsl_truth_find(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, unsigned copy, double min_ess,
                          fsl_truth *out) {
  *out =
      (fsl_truth){.method = fsl_truth_choose(problem->prior, problem->model), .known = true, .ess = NAN, .chi2 = NAN};
  switch (out->method) {
  case FSL_TRUTH_CLOSED:
    FSL_TRY(fsl_truth_closed(ctx, problem, out));
    return summarise(ctx, out);
  case FSL_TRUTH_QUADRATURE:
    FSL_TRY(fsl_truth_quadrature(ctx, problem, out));
    return summarise(ctx, out);
  case FSL_TRUTH_SAMPLED:
    return fsl_truth_sampled(ctx, problem, key_of_copy(key, copy), min_ess, out);
  }
  return fsl_fail(ctx, FSL_EINTERNAL, "a truth of an unknown method");
}
