/* approximation/cost.h: seconds that a method takes beside the means: the cost model's. */
#ifndef FSL_APPROXIMATION_COST_H
#define FSL_APPROXIMATION_COST_H

#include "fslens/approximation.h"
#include "posterior/cost.h"

/* For one state at one time. */
double fsl_method_state_seconds(const fsl_approximation_kind *kind, const fsl_posterior_size *size);
/* Once a run. */
double fsl_method_open_seconds(const fsl_approximation_kind *kind, const fsl_posterior_size *size);
/* For all states of a time together. */
double fsl_method_time_seconds(const fsl_approximation_kind *kind, const fsl_posterior_size *size);

#endif
