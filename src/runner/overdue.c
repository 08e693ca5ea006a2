/* runner/overdue.c: see overdue.h. */
#include "runner/overdue.h"

#include <math.h>

/* Seconds: a stop is promised within 5. */
static const double stop_grace = 3, limit_grace = 5;

fsl_overdue fsl_overdue_find(double limit, double running, double stopped) {
  if (stopped > stop_grace) return FSL_PAST_STOP;
  return running > limit + fmax(limit_grace, limit / 10) ? FSL_PAST_LIMIT : FSL_IN_TIME;
}
