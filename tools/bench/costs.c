/* costs.c: what jobs take beside what the cost model says: one job of each kind that a spec has (replicate 0 of
 * observation 0), evaluated here, in CPU seconds, so that other work on the machine matters little.
 *
 *   costs SPEC [KEY=VALUE...]        one line per job: planned taken type approximation prior forward_model n_train
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "catalog/catalog.h"
#include "job/job.h"

/* Posteriors are made anew for each job, as the model has it; a problem and its scenes stay while jobs share them. */
enum { CACHE_BYTES = 1 };

typedef struct work {
  fsl_ctx ctx;
  fsl_spec spec;
  fsl_grid grid;
  fsl_job_cache *cache;
} work;

static void check(const work *w, fsl_status status) {
  if (status == FSL_OK) return;
  fprintf(stderr, "costs: %s\n", w->ctx.error);
  exit(1);
}

static double cpu_seconds(void) {
  struct timespec at;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
  return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

static void say(const work *w, const fsl_job *job, double taken) {
  const fsl_point at = job->point;
  const bool runs = job->type == FSL_JOB_RUN || job->type == FSL_JOB_BUDGET;
  printf("%.6g %.6g %s %s %s %s %g\n", job->cost, taken, fsl_job_type_name(job->type),
         runs ? w->spec.approximations[at.approximation].name : "-", w->spec.priors[at.prior].name,
         w->spec.forward_models[at.forward_model].name, at.n_train < 0 ? NAN : w->spec.n_train[at.n_train]);
  fflush(stdout);
}

static void evaluate(work *w, const fsl_job *job) {
  const fsl_arena_mark mark = fsl_arena_now(w->ctx.arena);
  const double start = cpu_seconds();
  fsl_record record;
  check(w, fsl_job_evaluate(&w->ctx, &w->spec, job, w->cache, &record));
  if (record.status != FSL_RECORD_DONE)
    fprintf(stderr, "costs: a job failed: %s\n", record.error);
  else
    say(w, job, cpu_seconds() - start);
  fsl_arena_release(w->ctx.arena, mark);
}

static bool share_problem(fsl_point a, fsl_point b) {
  return a.prior == b.prior && a.forward_model == b.forward_model && a.noise_level == b.noise_level &&
         a.observation == b.observation;
}

static void evaluate_problem(work *w, const fsl_job *truth) {
  evaluate(w, truth);
  for (size_t i = 0; i < w->grid.n_jobs; i++) {
    const fsl_job *const job = &w->grid.jobs[i];
    if (job->type != FSL_JOB_TRUTH && job->point.replicate == 0 && share_problem(job->point, truth->point))
      evaluate(w, job);
  }
}

int main(int argc, char **argv) {
  work w = {.ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo}, .cache = fsl_job_cache_create(CACHE_BYTES)};
  const char *errors = "";
  if (argc < 2) return 2;
  if (fsl_spec_load(&w.ctx, &fsl_standard_catalog, argv[1], (size_t)argc - 2, (const char *const *)argv + 2, &w.spec,
                    &errors) != FSL_OK) {
    fputs(errors, stderr);
    return 2;
  }
  check(&w, fsl_grid_create(&w.ctx, &w.spec, &w.grid));
  for (size_t i = 0; i < w.grid.n_jobs; i++)
    if (w.grid.jobs[i].type == FSL_JOB_TRUTH && w.grid.jobs[i].point.observation == 0)
      evaluate_problem(&w, &w.grid.jobs[i]);
  fsl_job_cache_destroy(w.cache);
  fsl_arena_destroy(w.ctx.arena);
  return 0;
}
