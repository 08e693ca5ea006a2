/* runner/memory.h: memory of the machine this process runs on. */
#ifndef FSL_RUNNER_MEMORY_H
#define FSL_RUNNER_MEMORY_H

/* Bytes that processes of this machine can still take: what the kernel calls available, or what the control group
 * leaves where that is less. INFINITY where neither can be read. */
double fsl_memory_available(void);

#endif
