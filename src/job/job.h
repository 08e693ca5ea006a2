/* job/job.h: evaluates one job: the paper's algorithm. */
#ifndef FSL_JOB_H
#define FSL_JOB_H

#include "grid/grid.h"
#include "job/record.h"

typedef struct fsl_job_cache fsl_job_cache;

/* What the next job of a worker shares with the last: problem, truth, scenes and posterior; capped in bytes. */
fsl_job_cache *fsl_job_cache_create(size_t cap);
/* Bytes that jobs and cache may take together: the cache gives way to a job that needs more than is left beside it. 0:
 * no limit. */
void fsl_job_cache_limit(fsl_job_cache *cache, double bytes);
void fsl_job_cache_destroy(fsl_job_cache *cache);

/* Collective over ctx->team, which agrees on what became of the job before it returns; the record (its data part) is
 * the same on every rank. A failure that belongs to the job, on whatever rank, becomes a failed record and FSL_OK;
 * FSL_ESTOP comes back as it is. The record lives in ctx->arena.
 *
 * Fields, by type of job (T = times in the spec's order, M = pooled modes, d, m):
 *   truth     y (m), x_true (d; simulated only), mean (d), covariance (d, d), log_evidence (), method (), stated_error
 * (), ess (), chi2 (), true_mode_weight (T, M), and for every metric with a floor: <name>_floor (T), <name>_floor_hi
 * (T), and <name>_floor_lo (T) where it has one; budget_floor_approximation (T) reference mean_error, covariance_error,
 * sliced_w1, effective_atoms (T + 1: the times, then t = 0); mode_weight_tv, ess, khat, log_evidence_error () run every
 * metric's name (T), mode_weight (T, M), steps (), nonfinite (T), samples (T or 1, particles, d) if kept budget
 * sliced_w1_approximation, sliced_w1_integrator, sliced_w1_total, sliced_w1_finite_sample (T), mean_<part> (T, d),
 *             mode_weight_<part> (T, M), part one of finite_sample, approximation, integrator, total
 */
FSL_CHECKED fsl_status fsl_job_evaluate(fsl_ctx *ctx, const fsl_spec *spec, const fsl_job *job, fsl_job_cache *cache,
                                        fsl_record *out);

#endif
