/* job/evaluate.c: one job from its point to its record. */
#include "job/stages.h"

#include <string.h>

static fsl_status run_stage(fsl_ctx *ctx, const fsl_stage *stage) {
  switch (stage->job->type) {
  case FSL_JOB_TRUTH:
    return fsl_stage_truth(ctx, stage);
  case FSL_JOB_REFERENCE:
    return fsl_stage_reference(ctx, stage);
  case FSL_JOB_RUN:
    return fsl_stage_run(ctx, stage);
  case FSL_JOB_BUDGET:
    return fsl_stage_budget(ctx, stage);
  }
  return fsl_fail(ctx, FSL_EINTERNAL, "a job of an unknown type");
}

static fsl_status evaluate(fsl_ctx *ctx, const fsl_spec *spec, const fsl_job *job, fsl_job_cache *cache,
                           fsl_fields **fields) {
  fsl_stage stage = {.spec = spec, .job = job, .cache = cache};
  FSL_GET(ctx, *fields, 1);
  stage.fields = *fields;
  FSL_TRY(fsl_grid_keys(ctx, spec, job->point, &stage.keys));
  FSL_TRY(fsl_shared_get(ctx, cache, spec, job, &stage.shared));
  return run_stage(ctx, &stage);
}

/* A stop is the runner's business, and so is a defect; the rest belongs to the job. */
static bool belongs_to_job(fsl_status status) {
  return status == FSL_EINPUT || status == FSL_ENOMEM || status == FSL_ENUMERIC || status == FSL_ETIME ||
         status == FSL_EIO;
}

static fsl_status describe_failure(fsl_ctx *ctx, fsl_status status, fsl_record *out) {
  char *error;
  FSL_GET(ctx, error, sizeof ctx->error);
  memcpy(error, ctx->error, sizeof ctx->error);
  out->cause = status;
  out->status = status == FSL_ETIME ? FSL_RECORD_TIMED_OUT : FSL_RECORD_FAILED;
  out->error = error;
  return FSL_OK;
}

fsl_status fsl_job_evaluate(fsl_ctx *ctx, const fsl_spec *spec, const fsl_job *job, fsl_job_cache *cache,
                            fsl_record *out) {
  const double start = fsl_now();
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_fields *fields = NULL;
  const fsl_status status = fsl_team_agree(ctx, evaluate(ctx, spec, job, cache, &fields));
  if (status != FSL_OK) fsl_arena_release(ctx->arena, mark); /* room for the record, if memory was short */
  if (status != FSL_OK && !belongs_to_job(status)) return status;
  *out = (fsl_record){.job = job->identity, .error = "", .host = "", .ranks = ctx->team->size, .attempts = 1};
  if (status == FSL_OK) {
    out->n_fields = fields->n;
    out->fields = fields->field;
  } else {
    FSL_TRY(describe_failure(ctx, status, out));
  }
  out->seconds = fsl_now() - start;
  return FSL_OK;
}
