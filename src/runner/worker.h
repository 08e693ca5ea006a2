/* runner/worker.h: computes jobs: one evaluation to one record's bytes, and the loop of a worker rank. */
#ifndef FSL_RUNNER_WORKER_H
#define FSL_RUNNER_WORKER_H

#include "job/job.h"
#include "runner/campaign.h"
#include "runner/groups.h"

/* What a rank that computes holds on to between jobs. */
typedef struct fsl_bench {
  const fsl_spec *spec;
  const fsl_grid *grid;
  fsl_job_cache *cache;
  char host[256];
} fsl_bench;

/* rank_bytes: memory that jobs and what is held on to may take. */
FSL_CHECKED fsl_status fsl_bench_create(fsl_ctx *ctx, const fsl_spec *spec, const fsl_grid *grid, double rank_bytes,
                                        fsl_bench *out);
void fsl_bench_destroy(fsl_bench *bench);

/* What becomes of a job. */
typedef struct fsl_answer {
  uint8_t *bytes; /* of its record */
  size_t size;
  bool starved; /* it failed since memory ran out: another rank may have more */
} fsl_answer;

/* Evaluates a job in ctx->arena and encodes its record. FSL_ESTOP when a stop was asked for or the run's allowance is
 * over. Sets ctx->deadline. Collective over ctx->team; every rank gets the answer. */
FSL_CHECKED fsl_status fsl_bench_evaluate(fsl_ctx *ctx, const fsl_bench *bench, int64_t job, fsl_allowance allowance,
                                          fsl_answer *out);
/* Takes orders from the master (world rank 0) until told to go home. */
FSL_CHECKED fsl_status fsl_worker_loop(fsl_ctx *ctx, const fsl_bench *bench, fsl_rank_groups *groups);

#endif
