/* tests/kinds/crash.c: the process dies of a signal. */
#include <signal.h>

#include "kinds.h"

/* A handler of MPI's would only write a trace first. */
static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  (void)params;
  (void)states;
  (void)g;
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
  return fsl_fail(ctx, FSL_EINTERNAL, "alive after SIGSEGV");
}

const fsl_approximation_kind fsl_test_crash = {
    .head = {.name = "test-crash", .help = "dies of SIGSEGV in its first score", .version = 1},
    .score = score,
};
