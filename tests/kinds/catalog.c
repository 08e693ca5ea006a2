/* tests/kinds/catalog.c: the standard catalog and the kinds of this folder; linked in place of the library's own. */
#include "kinds.h"

#define FSL_MORE_APPROXIMATIONS                                                                                        \
  &fsl_test_crash, &fsl_test_loop, &fsl_test_nonfinite, &fsl_test_starve, &fsl_test_sleep, NULL

#include "catalog/catalog.c" /* NOLINT(bugprone-suspicious-include): the same tables, longer */
