/* runner/nap.c: spins, then naps (see nap.h). */
#include "runner/nap.h"

#include <sys/prctl.h>
#include <time.h>

enum { SPINS = 40, FIRST_NAP = 4000, LONGEST_NAP = 1000000, TIMER_SLACK = 1000 };

void fsl_nap_setup(void) {
  prctl(PR_SET_TIMERSLACK, TIMER_SLACK, 0, 0, 0);
}

void fsl_nap_wait(fsl_nap *nap) {
  if (nap->spins < SPINS) {
    nap->spins++; /* no sched_yield: beside a busy process it gives away a whole slice of 4 ms */
    return;
  }
  nap->nanoseconds = nap->nanoseconds == 0 ? FIRST_NAP : nap->nanoseconds * 2;
  if (nap->nanoseconds > LONGEST_NAP) nap->nanoseconds = LONGEST_NAP;
  const struct timespec pause = {.tv_sec = 0, .tv_nsec = nap->nanoseconds};
  nanosleep(&pause, NULL);
}
