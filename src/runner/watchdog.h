/* runner/watchdog.h: a thread that waits beside one that computes, and acts when a job ignores its time limit or a
 * stop. The two never run at once on what they share: the computing thread holds it except between watch and rest. */
#ifndef FSL_RUNNER_WATCHDOG_H
#define FSL_RUNNER_WATCHDOG_H

#include "fslens/base.h"

typedef struct fsl_watchdog fsl_watchdog;

/* limit: of a job, in seconds, INFINITY for none; ctx->stop is looked at as well. `bark` is called by the thread, once,
 * with whether the limit was passed (else the stop), and must end the process. */
FSL_CHECKED fsl_status fsl_watchdog_create(fsl_ctx *ctx, double limit, void (*bark)(void *self, bool timed_out),
                                           void *self, fsl_watchdog **out);
void fsl_watchdog_watch(fsl_watchdog *dog); /* a job begins */
void fsl_watchdog_rest(fsl_watchdog *dog);  /* it is over */
void fsl_watchdog_destroy(fsl_watchdog *dog);

#endif
