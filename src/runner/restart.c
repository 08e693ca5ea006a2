/* runner/restart.c: see restart.h. */
#include "runner/restart.h"

enum { MOST_FRUITLESS = 5 };

static bool is_death(const fsl_ending *e) {
  if (e->status == 75) return e->reason == FSL_END_GAVE_UP;
  return e->status != 0 && e->status != 2 && e->status != 3;
}

bool fsl_restart_was_death(const fsl_ending *e) {
  return is_death(e) && e->status != 1 && e->status != 75 && !e->asked && e->reason == FSL_END_STOPPED;
}

/* 128 + n; launchers have plain numbers above it too: 213 of Open MPI 5, 255 of MPICH. */
static bool is_signal(int status) {
  return status > 128 && status <= 128 + 64;
}

fsl_verdict fsl_restart_decide(fsl_restarts *r, const fsl_ending *e) {
  if (e->status == 0 && e->began != r->began && e->reason == FSL_END_STOPPED) return (fsl_verdict){.status = 75};
  if (!is_death(e)) return (fsl_verdict){.status = e->status};
  if (e->asked) return (fsl_verdict){.status = 75};
  if (e->began == r->began && !is_signal(e->status)) return (fsl_verdict){.status = 1, .gave_up = FSL_NEVER_BEGAN};
  r->fruitless = e->records > r->records ? 0 : r->fruitless + 1;
  r->records = e->records;
  if (r->fruitless >= MOST_FRUITLESS) return (fsl_verdict){.status = 1, .gave_up = FSL_NO_PROGRESS};
  return (fsl_verdict){.again = true, .pause = 1 << r->fruitless};
}
