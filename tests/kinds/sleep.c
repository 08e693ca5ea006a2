/* tests/kinds/sleep.c: a job of a chosen length that takes no core. */
#include <float.h>
#include <string.h>
#include <time.h>

#include "kinds.h"

enum { NAP_NANOSECONDS = 10000000 };

typedef struct sleep_params {
  double seconds, at;
} sleep_params;

static const fsl_param params_table[] = {
    {.name = "seconds",
     .type = FSL_REAL,
     .offset = offsetof(sleep_params, seconds),
     .preset = "1",
     .low = 0,
     .high = DBL_MAX,
     .help = "how long it sleeps"},
    {.name = "at",
     .type = FSL_REAL,
     .offset = offsetof(sleep_params, at),
     .preset = "1",
     .low = 0,
     .high = DBL_MAX,
     .help = "sleeps in scores at this t and above: t_max is a run's first"},
};

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  const sleep_params *const p = params;
  const double end = fsl_now() + (states->t >= p->at ? p->seconds : 0);
  while (fsl_now() < end) {
    FSL_TRY(fsl_check_stop(ctx));
    nanosleep(&(struct timespec){.tv_nsec = NAP_NANOSECONDS}, NULL);
  }
  memset(g, 0, states->n * states->d * sizeof *g);
  return FSL_OK;
}

const fsl_approximation_kind fsl_test_sleep = {
    .head = {.name = "test-sleep",
             .help = "sleeps in the first score of a run, then a score of zero",
             .version = 1,
             FSL_PARAMS(params_table),
             .params_size = sizeof(sleep_params)},
    .score = score,
};
