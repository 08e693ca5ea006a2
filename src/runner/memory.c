/* runner/memory.c: see memory.h. */
#include "runner/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The first number of a file that holds one, INFINITY otherwise ("max"). */
static double read_number(const char *path) {
  double value = INFINITY;
  FILE *const file = fopen(path, "re");
  if (file == NULL) return INFINITY;
  if (fscanf(file, "%lf", &value) != 1) value = INFINITY;
  fclose(file);
  return value;
}

static double kernel_available(void) {
  char name[64];
  double kilobytes, found = INFINITY;
  FILE *const file = fopen("/proc/meminfo", "re");
  if (file == NULL) return INFINITY;
  while (isinf(found) && fscanf(file, "%63s %lf%*[^\n]", name, &kilobytes) == 2)
    if (strcmp(name, "MemAvailable:") == 0) found = 1024 * kilobytes;
  fclose(file);
  return found;
}

/* A container's own group is the root of what it sees: versions 2 and 1 of the interface. */
static double group_available(void) {
  const double newer = read_number("/sys/fs/cgroup/memory.max") - read_number("/sys/fs/cgroup/memory.current");
  const double older = read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes") -
                       read_number("/sys/fs/cgroup/memory/memory.usage_in_bytes");
  return fmin(isfinite(newer) ? newer : INFINITY, isfinite(older) ? older : INFINITY);
}

double fsl_memory_available(void) {
  return fmin(kernel_available(), group_available());
}
