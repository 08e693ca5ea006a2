/* job/shared.h: what the jobs of one problem share: the problem, its truth and the scenes they are graded in; and what
 * those of one training set share on top: the posterior. A worker keeps the last few, capped in bytes. */
#ifndef FSL_JOB_SHARED_H
#define FSL_JOB_SHARED_H

#include "job/job.h"

typedef struct fsl_shared {
  fsl_arena *arena; /* owns everything below */
  fsl_key name;     /* the content of the problem */
  uint64_t used;    /* when: the cache's own count */
  fsl_problem problem;
  fsl_truth truth;
  bool has_second;
  fsl_truth second;     /* of a sampled truth: the independent copy that floors are drawn from */
  fsl_regions *regions; /* the cache's, of all problems */
  fsl_scene_common common;
  fsl_scene **scene; /* n_times + 1, the last at t = 0; NULL: not made yet */
} fsl_shared;

/* The shared part of a job's problem, found or made. It belongs to the cache and stays until the next call. */
FSL_CHECKED fsl_status fsl_shared_get(fsl_ctx *ctx, fsl_job_cache *cache, const fsl_spec *spec, const fsl_job *job,
                                      fsl_shared **out);
/* The scene at times[index]; index n_times: at t = 0. */
FSL_CHECKED fsl_status fsl_shared_scene(fsl_ctx *ctx, fsl_shared *shared, const fsl_spec *spec, size_t index,
                                        const fsl_scene **out);
/* The truth that floors are drawn from: of a sampled one an independent copy, made once; else the truth itself. */
FSL_CHECKED fsl_status fsl_shared_second(fsl_ctx *ctx, fsl_shared *shared, const fsl_spec *spec, const fsl_truth **out);
/* The posterior of the point's training set, or of the population, under `shared`'s problem, which is in use. On a team
 * of one found or made, where the cache has room for one of its size; it stays until the next fsl_shared_get. Else made
 * in ctx->arena: ranks of a team would have to agree on what each has. Collective over the team. */
FSL_CHECKED fsl_status fsl_shared_posterior(fsl_ctx *ctx, fsl_job_cache *cache, fsl_shared *shared,
                                            const fsl_spec *spec, fsl_point point, const fsl_posterior **out);

#endif
