/* loops.h: bare loops that say what a machine can do at most. loops.c is compiled once for each instruction set. */
#ifndef FSL_BENCH_LOOPS_H
#define FSL_BENCH_LOOPS_H

#include <stddef.h>

typedef struct bench_loops {
  const char *name;
  /* Multiply-adds in registers; returns how many flops (two a multiply-add). The operands are the caller's, so that
   * nothing is known beforehand: b of about 1, c small. */
  double (*multiply_add)(size_t rounds, double b, double c, double *sink);
  double (*multiply_add_single)(size_t rounds, double b, double c, double *sink);
  /* out = exp(in), 1024 values in the first-level cache, by the kernels' own exponential; returns how many. */
  double (*exponentials)(size_t rounds, const double *in, double *out);
} bench_loops;

enum { BENCH_EXPONENTIALS = 1024 };

extern const bench_loops bench_loops_generic;
#if defined __x86_64__
extern const bench_loops bench_loops_v3, bench_loops_v4;
#endif

#endif
