/* schedule.c: a whole schedule of fsr as a job runs it: training set, likelihoods, every step. */
#include <stdlib.h>

#include "approximation/kinds.h"
#include "bench.h"
#include "sampling/kinds.h"

static double one_run(void *self, size_t index) {
  bench *const b = self;
  const fsl_arena_mark mark = fsl_arena_now(b->ctx.arena);
  const double t_min = b->setting.t_min;
  fsl_samples samples;
  const fsl_run run = {.posterior = bench_posterior(b),
                       .approximation = &fsl_approximation_fsr,
                       .sampler = &fsl_sampler_euler_maruyama,
                       .time_grid = &fsl_time_grid_uniform,
                       .diffusion = &b->diffusion,
                       .t_max = 1,
                       .steps = b->setting.steps,
                       .refine = 1,
                       .start = FSL_START_NORMAL,
                       .particles = b->setting.b,
                       .n_times = 1,
                       .times = &t_min,
                       .path_key = {{5, (uint32_t)index}},
                       .draw_key = {{6, 0}}};
  bench_check(b, fsl_run_sampler(&b->ctx, &run, &samples));
  const double left = (double)samples.nonfinite[0];
  fsl_arena_release(b->ctx.arena, mark);
  return left;
}

int main(int argc, char **argv) {
  const bench_setting setting = bench_read_setting(argc, argv);
  bench b;
  bench_create(&b, &setting);
  bench_serve("", one_run, &b);
  fsl_arena_destroy(b.ctx.arena);
  return 0;
}
