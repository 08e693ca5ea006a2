/* catalog/catalog.h: the registries: one table of kinds each. Adding a kind is its file and one line in catalog.c. */
#ifndef FSL_CATALOG_H
#define FSL_CATALOG_H

#include "fslens/approximation.h"
#include "metric/metric.h"
#include "sampling/sampling.h"

typedef struct fsl_catalog {
  const fsl_prior_kind *const *priors; /* each list ends with NULL */
  const fsl_forward_model_kind *const *forward_models;
  const fsl_approximation_kind *const *approximations;
  const fsl_sampler_kind *const *samplers;
  const fsl_time_grid_kind *const *time_grids;
  const fsl_diffusion_kind *const *diffusions;
} fsl_catalog;

extern const fsl_catalog fsl_standard_catalog;

#endif
