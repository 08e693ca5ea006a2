/* problem/prior_gmm.c: a Gaussian mixture; component k is mode k. */
#include "problem/build.h"
#include "problem/kinds.h"

typedef struct gmm_params {
  fsl_array weights, means;
  fsl_covariance_list covariances;
} gmm_params;

static const fsl_param table[] = {
    {.name = "weights",
     .type = FSL_VECTOR,
     .offset = offsetof(gmm_params, weights),
     .optional = true,
     .shape = "K",
     .help = "weights of the components, normalised by fslens (absent: equal)"},
    {.name = "means",
     .type = FSL_MATRIX,
     .offset = offsetof(gmm_params, means),
     .shape = "K,d",
     .help = "means of the components, one a row"},
    {.name = "covariances",
     .type = FSL_COVARIANCES,
     .offset = offsetof(gmm_params, covariances),
     .shape = "K,d",
     .help = "one a component, each a number, a diagonal or a matrix; a single number stands for all"},
};

static fsl_status make_covariances(fsl_ctx *ctx, const gmm_params *p, size_t d, fsl_covariance **out) {
  FSL_GET(ctx, *out, p->covariances.n);
  for (size_t k = 0; k < p->covariances.n; k++) {
    const fsl_status status = fsl_build_covariance(ctx, d, p->covariances.data[k].value, &(*out)[k]);
    if (status != FSL_OK) return fsl_while(ctx, status, "component %zu", k + 1);
  }
  return FSL_OK;
}

/* NULL where one covariance serves all. */
static fsl_status number_covariances(fsl_ctx *ctx, const gmm_params *p, const uint32_t **out) {
  uint32_t *covariance_of = NULL;
  if (p->covariances.n > 1) FSL_GET(ctx, covariance_of, p->covariances.n);
  for (size_t k = 0; covariance_of != NULL && k < p->covariances.n; k++) covariance_of[k] = (uint32_t)k;
  *out = covariance_of;
  return FSL_OK;
}

static fsl_status check(fsl_ctx *ctx, const void *params, const char **bad) {
  const gmm_params *const p = params;
  const size_t n = p->means.shape[0];
  *bad = "means";
  FSL_TRY(fsl_build_check_points(ctx, p->means));
  *bad = "weights";
  FSL_TRY(fsl_build_check_weights(ctx, n, p->weights));
  *bad = "covariances";
  if (p->covariances.n == n || p->covariances.n == 1) return FSL_OK;
  return fsl_fail(ctx, FSL_EINPUT, "there are %zu covariances for %zu means", p->covariances.n, n);
}

static fsl_status create(fsl_ctx *ctx, const void *params, const fsl_prior_setting *setting, fsl_prior *out,
                         const char **bad) {
  const gmm_params *const p = params;
  const size_t n = p->means.shape[0];
  fsl_covariance *covariance;
  const double *log_weight;
  const uint32_t *covariance_of = NULL;
  (void)setting;
  FSL_TRY(check(ctx, params, bad));
  out->d = p->means.shape[1];
  *bad = "covariances";
  FSL_TRY(make_covariances(ctx, p, out->d, &covariance));
  FSL_TRY(number_covariances(ctx, p, &covariance_of));
  FSL_TRY(fsl_build_log_weights(ctx, n, p->weights, &log_weight));
  FSL_TRY(fsl_build_mode_names(ctx, n, &out->mode_names));
  out->population = (fsl_mixture){
      .d = out->d,
      .n = n,
      .log_weight = log_weight,
      .mean = p->means.data,
      .n_covariances = p->covariances.n,
      .covariance = covariance,
      .covariance_of = covariance_of,
      .n_modes = n,
  };
  return FSL_OK;
}

const fsl_prior_kind fsl_prior_gmm = {
    .head = {.name = "gmm",
             .help = "a Gaussian mixture",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(gmm_params),
             .check = check},
    .create = create,
};
