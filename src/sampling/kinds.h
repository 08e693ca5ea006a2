/* sampling/kinds.h: every integrator and every time grid, one const table each. */
#ifndef FSL_SAMPLING_KINDS_H
#define FSL_SAMPLING_KINDS_H

#include "sampling/sampling.h"

extern const fsl_sampler_kind fsl_sampler_euler_maruyama;
extern const fsl_sampler_kind fsl_sampler_exponential;
extern const fsl_sampler_kind fsl_sampler_ode_heun;

extern const fsl_time_grid_kind fsl_time_grid_uniform;
extern const fsl_time_grid_kind fsl_time_grid_log_snr;
extern const fsl_time_grid_kind fsl_time_grid_quadratic;

#endif
