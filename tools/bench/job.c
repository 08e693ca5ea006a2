/* job.c: the run job of a spec (spec=FILE) as a worker evaluates it, and the seconds of it that its posterior's moments
 * took. Linked with --wrap=fsl_posterior_moments. */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "job/job.h"

static double inside; /* seconds spent in fsl_posterior_moments */

fsl_status __real_fsl_posterior_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                        const double *x, const fsl_moments *out);
fsl_status __wrap_fsl_posterior_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                        const double *x, const fsl_moments *out);

fsl_status __wrap_fsl_posterior_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                        const double *x, const fsl_moments *out) {
  const double start = bench_clock();
  const fsl_status status = __real_fsl_posterior_moments(ctx, posterior, a, v, n, x, out);
  inside += bench_clock() - start;
  return status;
}

typedef struct work {
  bench b;
  fsl_spec spec;
  const fsl_job *job;
  fsl_job_cache *cache;
} work;

static double evaluate(void *self, size_t index) {
  work *const w = self;
  const fsl_arena_mark mark = fsl_arena_now(w->b.ctx.arena);
  fsl_record record;
  (void)index;
  inside = 0;
  bench_check(&w->b, fsl_job_evaluate(&w->b.ctx, &w->spec, w->job, w->cache, &record));
  if (record.status != FSL_RECORD_DONE) {
    fprintf(stderr, "bench: the job failed: %s\n", record.error);
    exit(1);
  }
  fsl_arena_release(w->b.ctx.arena, mark);
  return inside;
}

int main(int argc, char **argv) {
  const bench_setting setting = bench_read_setting(argc, argv);
  work w = {.cache = fsl_job_cache_create((size_t)256 << 20)};
  const char *errors = "";
  fsl_grid grid;
  bench_create(&w.b, &setting);
  if (fsl_spec_load(&w.b.ctx, &fsl_standard_catalog, setting.spec, 0, NULL, &w.spec, &errors) != FSL_OK) {
    fputs(errors, stderr);
    return 1;
  }
  bench_check(&w.b, fsl_grid_create(&w.b.ctx, &w.spec, &grid));
  for (size_t i = 0; i < grid.n_jobs; i++)
    if (grid.jobs[i].type == FSL_JOB_RUN) w.job = &grid.jobs[i];
  bench_serve("", evaluate, &w);
  fsl_job_cache_destroy(w.cache);
  fsl_arena_destroy(w.b.ctx.arena);
  return 0;
}
