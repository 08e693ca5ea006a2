/* runner/signals.h: asks for a stop by SIGUSR1, SIGTERM or SIGINT. */
#ifndef FSL_RUNNER_SIGNALS_H
#define FSL_RUNNER_SIGNALS_H

#include <signal.h>

/* Installed before MPI_Init: a USR1 that finds no handler kills the rank. A second SIGINT ends the process at once. */
void fsl_signals_install(void);
/* Nonzero once a stop was asked for. */
const volatile sig_atomic_t *fsl_signals_stop(void);

#endif
