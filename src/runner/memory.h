/* runner/memory.h: memory that this process can still take, wherever it is limited. */
#ifndef FSL_RUNNER_MEMORY_H
#define FSL_RUNNER_MEMORY_H

/* Bytes; INFINITY where nothing limits them or the limit cannot be read. */
typedef struct fsl_memory {
  double shared; /* that processes of this machine, or of this process's control group, can take together */
  double own;    /* that this process can take: what RLIMIT_AS and RLIMIT_DATA leave */
} fsl_memory;

fsl_memory fsl_memory_available(void);

/* Bytes that the control groups of a process leave: the least of its own and of those around it, versions 1 and 2.
 * Files in the page cache do not count as used: the kernel gives them up. groups, mounts: texts of /proc/PID/cgroup and
 * /proc/PID/mountinfo; root: the folder that all mount points lie in, "" for the real ones. */
double fsl_memory_of_groups(const char *groups, const char *mounts, const char *root);

#endif
