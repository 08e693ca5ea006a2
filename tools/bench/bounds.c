/* bounds.c: flops a second of bare multiply-adds and exponentials a second, on one instruction set (isa=NAME; the best
 * of this machine by default). Work 0: fp64 multiply-adds, 1: fp32 ones, 2: exponentials; the second figure is how
 * many were done. */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "loops.h"
#include "posterior/kernel.h"

#if defined __clang__
static const char compiler[] = __VERSION__; /* says its name */
#else
static const char compiler[] = "gcc " __VERSION__;
#endif

typedef struct work {
  const bench_loops *loops;
  _Alignas(64) double in[BENCH_EXPONENTIALS];
  _Alignas(64) double out[BENCH_EXPONENTIALS];
  double sink;
} work;

static double one_loop(void *self, size_t index) {
  work *const w = self;
  if (index == 0) return w->loops->multiply_add(20000, 0.999, 1e-3, &w->sink);
  if (index == 1) return w->loops->multiply_add_single(20000, 0.999, 1e-3, &w->sink);
  return w->loops->exponentials(10000, w->in, w->out);
}

static const bench_loops *find(const char *name) {
#if defined __x86_64__
  if (strcmp(name, "v3") == 0) return &bench_loops_v3;
  if (strcmp(name, "v4") == 0) return &bench_loops_v4;
#endif
  return &bench_loops_generic;
}

int main(int argc, char **argv) {
  static work w;
  const bench_setting setting = bench_read_setting(argc, argv);
  const char *name = setting.isa[0] != '\0' ? setting.isa : fsl_kernel_chosen()->name;
  char about[512];
  int length = snprintf(about, sizeof about, "\"isa\": \"%s\", \"all\": [", name);
  for (size_t i = 0; i < fsl_kernel_count(); i++)
    length +=
        snprintf(about + length, sizeof about - (size_t)length, "%s\"%s\"", i > 0 ? ", " : "", fsl_kernel_at(i)->name);
  snprintf(about + length, sizeof about - (size_t)length, "], \"compiler\": \"%s\"", compiler);
  w.loops = find(name);
  for (size_t i = 0; i < BENCH_EXPONENTIALS; i++) w.in[i] = -30.0 * (double)i / BENCH_EXPONENTIALS;
  bench_serve(about, one_loop, &w);
  return w.sink > 0 ? 0 : 1;
}
