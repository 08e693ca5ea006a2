/* runner/launch.c: see launch.h. */
#include "runner/launch.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct sign {
  const char *launcher, *size, *rank;
} sign;

/* Open MPI; MPICH, Intel MPI and srun's PMI-2; srun without any PMI. */
static const sign signs[] = {
    {"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
    {"mpirun", "PMI_SIZE", "PMI_RANK"},
    {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
};

enum { N_SIGNS = sizeof signs / sizeof *signs };

static const char *value_of(char *const *environment, const char *name) {
  const size_t length = strlen(name);
  for (; *environment != NULL; environment++)
    if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') return *environment + length + 1;
  return NULL;
}

/* `otherwise` where it is not set, or no number that counts something. */
static int number_of(char *const *environment, const char *name, int otherwise) {
  const char *const text = value_of(environment, name);
  char *end = NULL;
  const long value = text == NULL ? -1 : strtol(text, &end, 10);
  return text == NULL || end == text || *end != '\0' || value < 0 || value > 1 << 30 ? otherwise : (int)value;
}

static bool is_own_task(char *const *environment, long process) {
  return number_of(environment, "SLURM_TASK_PID", -1) == process;
}

/* PMIx tells a rank in the environment, and no size. */
static fsl_launch by_rank_alone(char *const *environment, fsl_launch launch) {
  const int rank = number_of(environment, "PMIX_RANK", 0);
  if (launch.processes > 1 || rank == 0) return launch;
  launch.launcher = "mpirun";
  launch.variable = "PMIX_RANK";
  launch.first = rank == 1;
  launch.processes = rank + 1;
  return launch;
}

fsl_launch fsl_launch_read(char *const *environment, long process) {
  fsl_launch launch = {.processes = 1, .first = true};
  for (size_t i = 0; i < N_SIGNS; i++) {
    const bool counts = strcmp(signs[i].launcher, "srun") != 0 || is_own_task(environment, process);
    const int processes = counts ? number_of(environment, signs[i].size, 1) : 1;
    if (processes <= launch.processes) continue;
    launch.launcher = signs[i].launcher;
    launch.variable = signs[i].size;
    launch.processes = processes;
    launch.first = number_of(environment, signs[i].rank, 0) == 0;
  }
  launch.by_mpi = value_of(environment, "OMPI_COMM_WORLD_SIZE") != NULL || value_of(environment, "PMIX_RANK") != NULL ||
                  value_of(environment, "PMI_RANK") != NULL;
  return by_rank_alone(environment, launch);
}
