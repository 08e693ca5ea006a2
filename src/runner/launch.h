/* runner/launch.h: what the launcher (mpirun, srun) says in the environment about the processes that it started. Pure.
 */
#ifndef FSL_RUNNER_LAUNCH_H
#define FSL_RUNNER_LAUNCH_H

#include <stdbool.h>

typedef struct fsl_launch {
  bool by_mpi;          /* MPI_Init has somebody to talk to */
  const char *launcher; /* "mpirun" or "srun"; NULL: none that says how many it started */
  const char *variable; /* what says so */
  int processes;        /* at least so many; 1 without a launcher */
  bool first;           /* of the processes that can tell, this is the first: it speaks for all */
} fsl_launch;

/* environment: "NAME=value" texts up to a NULL, as in environ. process: the id of this process; srun's variables count
 * only for the process that srun itself started, as the shell of an allocation hands them on to all its commands. */
fsl_launch fsl_launch_read(char *const *environment, long process);

#endif
