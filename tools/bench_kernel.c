/* bench_kernel.c: times every kernel this machine runs: milliseconds for both means of B states over N atoms. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "posterior/kernel.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double *reals(size_t n) {
  double *p = aligned_alloc(64, (n * sizeof(double) + 63) / 64 * 64);
  if (p == NULL) exit(1);
  for (size_t i = 0; i < n; ++i) p[i] = 2.0 * rand() / RAND_MAX - 1.0;
  return p;
}

static void both_means(const fsl_kernel *kernel, size_t n_states, size_t n, size_t d, double v) {
  const size_t lanes = kernel->lanes, chunks = (n + FSL_CHUNK - 1) / FSL_CHUNK;
  double *l = reals(n), *likelihood = reals(n), *chunk_max = reals(chunks), *x = reals(n * d);
  for (size_t c = 0; c < chunks; ++c) {
    chunk_max[c] = FSL_FLOOR;
    for (size_t i = c * FSL_CHUNK; i < n && i < (c + 1) * FSL_CHUNK; ++i) chunk_max[c] = fmax(chunk_max[c], l[i]);
    for (size_t i = c * FSL_CHUNK; i < n && i < (c + 1) * FSL_CHUNK; ++i) likelihood[i] = exp(l[i] - chunk_max[c]);
  }
  const fsl_block block = {.n = n,
                           .d = d,
                           .x = x,
                           .log_likelihood = l,
                           .likelihood = likelihood,
                           .chunk_max = chunk_max,
                           .p = d,
                           .payload = x};
  const fsl_tile tile = {.h = 0.245 / v,
                         .x = reals(d * lanes),
                         .posterior = true,
                         .max = reals(lanes),
                         .sum = reals(lanes),
                         .vec = reals(d * lanes),
                         .post_max = reals(lanes),
                         .post_sum = reals(lanes),
                         .post_vec = reals(d * lanes)};
  double best = INFINITY;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double start = now();
    for (size_t i = 0; i < n_states; i += lanes) kernel->means(&block, &tile);
    best = fmin(best, now() - start);
  }
  printf("%-8s %6zu %6zu %4zu  v %-5g %9.3f ms\n", kernel->name, n_states, n, d, v, 1e3 * best);
}

int main(void) {
  static const size_t cases[][3] = {
      {256, 1000, 1}, {1024, 10000, 2}, {1024, 10000, 8}, {1024, 10000, 64}, {256, 10000, 784}};
  for (size_t k = 0; k < fsl_kernel_count(); ++k)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
      both_means(fsl_kernel_at(k), cases[i][0], cases[i][1], cases[i][2], 50.0);
      if (i == 3) both_means(fsl_kernel_at(k), cases[i][0], cases[i][1], cases[i][2], 0.01);
    }
  return 0;
}
