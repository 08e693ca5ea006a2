/* problem/kinds.h: the kinds of this folder, one table a file; the catalog lists them. */
#ifndef FSL_PROBLEM_KINDS_H
#define FSL_PROBLEM_KINDS_H

#include "fslens/problem.h"

extern const fsl_prior_kind fsl_prior_discrete;
extern const fsl_prior_kind fsl_prior_gaussian;
extern const fsl_prior_kind fsl_prior_gmm;
extern const fsl_prior_kind fsl_prior_gmm_grid;
extern const fsl_prior_kind fsl_prior_dataset;

extern const fsl_forward_model_kind fsl_forward_identity;
extern const fsl_forward_model_kind fsl_forward_linear;
extern const fsl_forward_model_kind fsl_forward_inpainting;
extern const fsl_forward_model_kind fsl_forward_blur;
extern const fsl_forward_model_kind fsl_forward_downsampling;
extern const fsl_forward_model_kind fsl_forward_random_projection;
extern const fsl_forward_model_kind fsl_forward_square;
extern const fsl_forward_model_kind fsl_forward_abs;
extern const fsl_forward_model_kind fsl_forward_sin;
extern const fsl_forward_model_kind fsl_forward_tanh;
extern const fsl_forward_model_kind fsl_forward_product;
extern const fsl_forward_model_kind fsl_forward_phase_retrieval;
extern const fsl_forward_model_kind fsl_forward_clip;

extern const fsl_diffusion_kind fsl_diffusion_vp;
extern const fsl_diffusion_kind fsl_diffusion_ve;

#endif
