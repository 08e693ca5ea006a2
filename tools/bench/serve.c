/* serve.c: times a piece of work as often as the driver asks for it. */
#include "bench.h"

#include <stdio.h>
#include <time.h>

double bench_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void bench_serve(const char *about, bench_work *work, void *self) {
  size_t index, count;
  printf("ready {%s}\n", about);
  fflush(stdout);
  while (scanf("%zu %zu", &index, &count) == 2 && count > 0) {
    double said = 0;
    const double start = bench_clock();
    for (size_t i = 0; i < count; i++) said += work(self, index);
    const double seconds = bench_clock() - start;
    printf("%.9g %.9g\n", seconds / (double)count, said / (double)count);
    fflush(stdout);
  }
}
