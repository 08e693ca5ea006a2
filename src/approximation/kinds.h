/* approximation/kinds.h: every method, one const table in one file each. */
#ifndef FSL_APPROXIMATION_KINDS_H
#define FSL_APPROXIMATION_KINDS_H

#include "fslens/approximation.h"

extern const fsl_approximation_kind fsl_approximation_fsr;
extern const fsl_approximation_kind fsl_approximation_fsr_direct;
extern const fsl_approximation_kind fsl_approximation_fsr_ancestral;
extern const fsl_approximation_kind fsl_approximation_sigma_dps;
extern const fsl_approximation_kind fsl_approximation_zeta_dps;
extern const fsl_approximation_kind fsl_approximation_dps;
extern const fsl_approximation_kind fsl_approximation_pigdm;
extern const fsl_approximation_kind fsl_approximation_dmps;
extern const fsl_approximation_kind fsl_approximation_tmpd;
extern const fsl_approximation_kind fsl_approximation_moment_matched;

#endif
