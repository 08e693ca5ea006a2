/* problem/prior_gaussian.c: one Gaussian. */
#include "problem/build.h"
#include "problem/kinds.h"

typedef struct gaussian_params {
  fsl_array mean;
  fsl_covariance_value covariance;
} gaussian_params;

static const fsl_param table[] = {
    {.name = "mean",
     .type = FSL_VECTOR,
     .offset = offsetof(gaussian_params, mean),
     .shape = "d",
     .help = "the mean; its length is the dimension"},
    {.name = "covariance",
     .type = FSL_COVARIANCE,
     .offset = offsetof(gaussian_params, covariance),
     .preset = "1",
     .shape = "d",
     .help = "the covariance: a number times the identity, a diagonal, or a matrix"},
};

static fsl_status create(fsl_ctx *ctx, const void *params, const fsl_prior_setting *setting, fsl_prior *out,
                         const char **bad) {
  const gaussian_params *const p = params;
  fsl_covariance *covariance;
  double *log_weight;
  (void)setting;
  *bad = "mean";
  FSL_TRY(fsl_build_check_points(ctx, p->mean));
  FSL_GET(ctx, covariance, 1);
  FSL_GET(ctx, log_weight, 1);
  *bad = "covariance";
  out->d = p->mean.shape[0];
  FSL_TRY(fsl_build_covariance(ctx, out->d, p->covariance.value, covariance));
  FSL_TRY(fsl_build_mode_names(ctx, 1, &out->mode_names));
  out->population = (fsl_mixture){
      .d = out->d,
      .n = 1,
      .log_weight = log_weight,
      .mean = p->mean.data,
      .n_covariances = 1,
      .covariance = covariance,
      .n_modes = 1,
  };
  return FSL_OK;
}

const fsl_prior_kind fsl_prior_gaussian = {
    .head = {.name = "gaussian",
             .help = "a Gaussian: every closed form is elementary",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(gaussian_params)},
    .create = create,
};
