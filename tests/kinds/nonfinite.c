/* tests/kinds/nonfinite.c: every particle leaves the numbers at the first step. */
#include <math.h>

#include "kinds.h"

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  (void)ctx;
  (void)params;
  for (size_t i = 0; i < states->n * states->d; i++) g[i] = NAN;
  return FSL_OK;
}

const fsl_approximation_kind fsl_test_nonfinite = {
    .head = {.name = "test-nonfinite", .help = "its score is NaN everywhere", .version = 1},
    .score = score,
};
