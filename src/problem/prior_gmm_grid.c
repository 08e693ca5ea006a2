/* problem/prior_gmm_grid.c: 25 unit Gaussians at (8i, 8j, 8i, 8j, ...), i and j in -2 .. 2: the field's yardstick. */
#include "problem/build.h"
#include "problem/kinds.h"

enum { SIDE = 5, COMPONENTS = SIDE * SIDE };
enum { WEIGHTS_UNIFORM, WEIGHTS_RANDOM };

typedef struct grid_params {
  int64_t dimension;
  int weights;
  int64_t seed;
} grid_params;

static const char *const weight_choices[] = {"uniform", "random", NULL};

static const fsl_param table[] = {
    {.name = "dimension",
     .type = FSL_INTEGER,
     .offset = offsetof(grid_params, dimension),
     .preset = "8",
     .low = 1,
     .high = 10000,
     .help = "the dimension",
     .source = "Cardoso et al. 2024 (8, 80, 800)"},
    {.name = "weights",
     .type = FSL_CHOICE,
     .offset = offsetof(grid_params, weights),
     .preset = "uniform",
     .choices = weight_choices,
     .help = "equal weights, or uniform random numbers normalised"},
    {.name = "seed",
     .type = FSL_INTEGER,
     .offset = offsetof(grid_params, seed),
     .preset = "0",
     .low = 0,
     .high = 9007199254740992.0,
     .help = "of random weights"},
};

static fsl_status make_weights(fsl_ctx *ctx, const grid_params *p, const double **out) {
  double *weight;
  FSL_GET(ctx, weight, COMPONENTS);
  for (size_t k = 0; k < COMPONENTS; k++) weight[k] = 1;
  if (p->weights == WEIGHTS_RANDOM) {
    fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
    if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a hash");
    fsl_hash_text(hasher, "gmm-grid");
    fsl_hash_integer(hasher, p->seed);
    fsl_uniforms(fsl_key_of(fsl_hash_value(hasher)), 0, 0, COMPONENTS, weight);
  }
  const fsl_array weights = {.data = weight, .rank = 1, .shape = {COMPONENTS}};
  return fsl_build_log_weights(ctx, COMPONENTS, weights, out);
}

static fsl_status create(fsl_ctx *ctx, const void *params, const fsl_prior_setting *setting, fsl_prior *out,
                         const char **bad) {
  const grid_params *const p = params;
  const size_t d = (size_t)p->dimension;
  fsl_covariance *covariance;
  double *mean;
  const double *log_weight;
  (void)setting;
  (void)bad;
  FSL_GET(ctx, covariance, 1);
  FSL_GET(ctx, mean, COMPONENTS * d);
  for (size_t k = 0; k < COMPONENTS; k++)
    for (size_t j = 0; j < d; j++) {
      const int step = (int)(j % 2 == 0 ? k / SIDE : k % SIDE) - SIDE / 2;
      mean[k * d + j] = 8.0 * step;
    }
  FSL_TRY(fsl_build_isotropic(ctx, d, 1, covariance));
  FSL_TRY(make_weights(ctx, p, &log_weight));
  FSL_TRY(fsl_build_mode_names(ctx, COMPONENTS, &out->mode_names));
  out->d = d;
  out->population = (fsl_mixture){
      .d = d,
      .n = COMPONENTS,
      .log_weight = log_weight,
      .mean = mean,
      .n_covariances = 1,
      .covariance = covariance,
      .n_modes = COMPONENTS,
  };
  return FSL_OK;
}

const fsl_prior_kind fsl_prior_gmm_grid = {
    .head = {.name = "gmm-grid",
             .help = "25 unit Gaussians at (8i, 8j, 8i, 8j, ...): the field's yardstick with a known posterior",
             .source = "Cardoso et al. 2024 (MCGDiff)",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(grid_params)},
    .create = create,
};
