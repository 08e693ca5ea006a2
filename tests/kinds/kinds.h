/* tests/kinds/kinds.h: kinds that misbehave, for tests of what the runner does about it. Only build/fslens-test has
 * them. All are scores, of any forward model. */
#ifndef FSL_TESTS_KINDS_H
#define FSL_TESTS_KINDS_H

#include "fslens/approximation.h"

extern const fsl_approximation_kind fsl_test_crash;
extern const fsl_approximation_kind fsl_test_loop;
extern const fsl_approximation_kind fsl_test_nonfinite;
extern const fsl_approximation_kind fsl_test_starve;
extern const fsl_approximation_kind fsl_test_sleep;

#endif
