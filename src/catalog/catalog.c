/* catalog/catalog.c: the standard catalog. A kind enters fslens by its file and its line here. */
#include "catalog/catalog.h"

#include "approximation/kinds.h"
#include "problem/kinds.h"
#include "sampling/kinds.h"

/* A build with more kinds names them here, NULL behind them. */
#ifndef FSL_MORE_APPROXIMATIONS
#define FSL_MORE_APPROXIMATIONS NULL
#endif

static const fsl_prior_kind *const priors[] = {
    &fsl_prior_discrete, &fsl_prior_gaussian, &fsl_prior_gmm, &fsl_prior_gmm_grid, &fsl_prior_dataset, NULL,
};

static const fsl_forward_model_kind *const forward_models[] = {
    &fsl_forward_identity,     &fsl_forward_linear,
    &fsl_forward_inpainting,   &fsl_forward_blur,
    &fsl_forward_downsampling, &fsl_forward_random_projection,
    &fsl_forward_square,       &fsl_forward_abs,
    &fsl_forward_sin,          &fsl_forward_tanh,
    &fsl_forward_product,      &fsl_forward_phase_retrieval,
    &fsl_forward_clip,         NULL,
};

static const fsl_approximation_kind *const approximations[] = {
    &fsl_approximation_fsr,           &fsl_approximation_fsr_direct,
    &fsl_approximation_fsr_ancestral, &fsl_approximation_sigma_dps,
    &fsl_approximation_zeta_dps,      &fsl_approximation_dps,
    &fsl_approximation_pigdm,         &fsl_approximation_dmps,
    &fsl_approximation_tmpd,          &fsl_approximation_moment_matched,
    FSL_MORE_APPROXIMATIONS,
};

static const fsl_sampler_kind *const samplers[] = {
    &fsl_sampler_euler_maruyama,
    &fsl_sampler_exponential,
    &fsl_sampler_ode_heun,
    NULL,
};

static const fsl_time_grid_kind *const time_grids[] = {
    &fsl_time_grid_uniform,
    &fsl_time_grid_log_snr,
    &fsl_time_grid_quadratic,
    NULL,
};

static const fsl_diffusion_kind *const diffusions[] = {&fsl_diffusion_vp, &fsl_diffusion_ve, NULL};

const fsl_catalog fsl_standard_catalog = {
    .priors = priors,
    .forward_models = forward_models,
    .approximations = approximations,
    .samplers = samplers,
    .time_grids = time_grids,
    .diffusions = diffusions,
};
