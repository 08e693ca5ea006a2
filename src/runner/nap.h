/* runner/nap.h: how a rank waits: a few spins, then naps that double from microseconds up to a millisecond, so that a
 * waiting rank costs next to no processor time and a short wait costs next to no delay. */
#ifndef FSL_RUNNER_NAP_H
#define FSL_RUNNER_NAP_H

typedef struct fsl_nap {
  unsigned spins;
  long nanoseconds;
} fsl_nap;

void fsl_nap_setup(void); /* once a process: lets short sleeps be short */
void fsl_nap_wait(fsl_nap *nap);

#endif
