/* tests/kinds/loop.c: a method that never returns and never looks at the stop flag. It sleeps, to leave the core to
 * others. */
#include <time.h>

#include "kinds.h"

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  (void)params;
  (void)states;
  (void)g;
  while (ctx != NULL) nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
  return FSL_OK;
}

const fsl_approximation_kind fsl_test_loop = {
    .head = {.name = "test-loop", .help = "its first score never ends", .version = 1},
    .score = score,
};
