/* loops.c: bare loops, compiled as the kernels are (see loops.h). */
#include "loops.h"

#include "posterior/vector.h"

typedef float single_vec __attribute__((vector_size(WIDTH * 8)));

/* Enough chains to hide the latency of a multiply-add on two ports, and few enough for 16 registers. */
enum { CHAINS = 12, STEPS = 64 };

#define CHAIN_LOOP(type, real, lanes)                                                                                  \
  type chain[CHAINS], scale = (type){0} + (real)b, shift = (type){0} + (real)c, sum = {0};                             \
  for (int k = 0; k < CHAINS; k++) chain[k] = shift * (real)(k + 1);                                                   \
  for (size_t i = 0; i < rounds; i++)                                                                                  \
    for (int j = 0; j < STEPS; j++) {                                                                                  \
      _Pragma("GCC unroll 12") for (int k = 0; k < CHAINS; k++) chain[k] = chain[k] * scale + shift;                   \
    }                                                                                                                  \
  for (int k = 0; k < CHAINS; k++) sum += chain[k];                                                                    \
  for (int k = 0; k < (lanes); k++) *sink += (double)sum[k];                                                           \
  return 2.0 * CHAINS * STEPS * (lanes) * (double)rounds

static double multiply_add(size_t rounds, double b, double c, double *sink) {
  CHAIN_LOOP(vec, double, WIDTH);
}

static double multiply_add_single(size_t rounds, double b, double c, double *sink) {
  CHAIN_LOOP(single_vec, float, 2 * WIDTH);
}

/* Each value is on its own: the processor overlaps as many vectors as it can hold. */
static double exponentials(size_t rounds, const double *in, double *out) {
  const vec *const x = (const vec *)in;
  vec *const y = (vec *)out;
  for (size_t i = 0; i < rounds; i++) {
    for (size_t k = 0; k < BENCH_EXPONENTIALS / WIDTH; k += 4) {
      UNROLL for (size_t j = 0; j < 4; j++) y[k + j] = exponential(x[k + j]);
    }
    __asm__ volatile("" ::: "memory");
  }
  return (double)BENCH_EXPONENTIALS * (double)rounds;
}

const bench_loops FOR_ISA(bench_loops) = {TEXT(FSL_KERNEL_ISA), multiply_add, multiply_add_single, exponentials};
