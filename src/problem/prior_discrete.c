/* problem/prior_discrete.c: weighted atoms. Equal atoms are one mode. */
#include "problem/build.h"
#include "problem/kinds.h"

typedef struct discrete_params {
  fsl_array atoms, weights;
} discrete_params;

static const fsl_param table[] = {
    {.name = "atoms",
     .type = FSL_MATRIX,
     .offset = offsetof(discrete_params, atoms),
     .shape = "K,d",
     .help = "the atoms, one a row"},
    {.name = "weights",
     .type = FSL_VECTOR,
     .offset = offsetof(discrete_params, weights),
     .optional = true,
     .shape = "K",
     .help = "their weights, normalised by fslens (absent: equal)"},
};

static fsl_status check(fsl_ctx *ctx, const void *params, const char **bad) {
  const discrete_params *const p = params;
  *bad = "atoms";
  FSL_TRY(fsl_build_check_points(ctx, p->atoms));
  *bad = "weights";
  return fsl_build_check_weights(ctx, p->atoms.shape[0], p->weights);
}

/* By value, so that 0 and -0 are one place. */
static bool same_place(size_t d, const double *a, const double *b) {
  for (size_t j = 0; j < d; j++)
    if (a[j] != b[j]) return false;
  return true;
}

/* mode_of (n): the number, in order of appearance, of the atom's value. */
static fsl_status find_modes(fsl_ctx *ctx, size_t n, size_t d, const double *atoms, uint32_t **mode_of,
                             size_t *n_modes) {
  FSL_GET(ctx, *mode_of, n);
  *n_modes = 0;
  for (size_t i = 0; i < n; i++) {
    size_t j = 0;
    while (j < i && !same_place(d, atoms + i * d, atoms + j * d)) j++;
    (*mode_of)[i] = j < i ? (*mode_of)[j] : (uint32_t)(*n_modes)++;
  }
  return FSL_OK;
}

static fsl_status create(fsl_ctx *ctx, const void *params, const fsl_prior_setting *setting, fsl_prior *out,
                         const char **bad) {
  const discrete_params *const p = params;
  const size_t n = p->atoms.shape[0], d = p->atoms.shape[1];
  (void)setting;
  const double *log_weight;
  uint32_t *mode_of;
  size_t n_modes = 0;
  FSL_TRY(check(ctx, params, bad));
  FSL_TRY(fsl_build_log_weights(ctx, n, p->weights, &log_weight));
  FSL_TRY(find_modes(ctx, n, d, p->atoms.data, &mode_of, &n_modes));
  FSL_TRY(fsl_build_mode_names(ctx, n_modes, &out->mode_names));
  out->d = d;
  return fsl_mixture_of_atoms(ctx, n, d, p->atoms.data, log_weight, mode_of, n_modes, &out->population);
}

const fsl_prior_kind fsl_prior_discrete = {
    .head = {.name = "discrete",
             .help = "weighted atoms: the population itself is a finite set",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(discrete_params),
             .check = check},
    .create = create,
};
