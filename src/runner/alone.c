/* runner/alone.c: see alone.h. */
#include "runner/alone.h"

#include "runner/watchdog.h"
#include "runner/worker.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- a job that does not come back ------------------------------------------------------------------------------- */

typedef struct lonely {
  fsl_ctx *ctx;
  fsl_campaign *campaign;
  int64_t job; /* under way */
} lonely;

/* Called by the watchdog while the computing thread is stuck in a job, which uses nothing of the campaign. */
static void give_up(void *self, bool timed_out) {
  lonely *const l = self;
  fsl_campaign *const c = l->campaign;
  int exit_status = 1;
  fsl_status status = FSL_OK;
  fsl_campaign_drop(c);
  if (timed_out) status = fsl_campaign_overdue(l->ctx, c, l->job);
  if (status == FSL_OK) status = fsl_campaign_stop(l->ctx, c, timed_out ? FSL_END_GAVE_UP : FSL_END_STOPPED);
  if (status == FSL_OK) status = fsl_campaign_close(l->ctx, c, &exit_status);
  if (status != FSL_OK) fprintf(stderr, "fslens: %s\n", l->ctx->error);
  _exit(fsl_exit_status(status, exit_status));
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static fsl_status take(lonely *l, const fsl_ctx *own, fsl_status status, const fsl_answer *answer) {
  if (status == FSL_OK) return fsl_campaign_take(l->ctx, l->campaign, answer->bytes, answer->size);
  memcpy(l->ctx->error, own->error, sizeof l->ctx->error);
  fsl_campaign_drop(l->campaign);
  if (status != FSL_ESTOP) return status;
  return fsl_campaign_stop(l->ctx, l->campaign, *l->ctx->stop != 0 ? FSL_END_STOPPED : FSL_END_DEADLINE);
}

static fsl_status compute(lonely *l, const fsl_bench *bench, fsl_watchdog *dog, int64_t job) {
  fsl_ctx own = {.arena = fsl_arena_create(0), .team = &fsl_team_solo, .log = l->ctx->log, .stop = l->ctx->stop};
  fsl_answer answer = {0};
  fsl_allowance allowance;
  if (own.arena == NULL) return fsl_fail(l->ctx, FSL_ENOMEM, "out of memory for a job");
  l->job = job;
  fsl_status status = fsl_campaign_start(l->ctx, l->campaign, job, &allowance);
  if (status == FSL_OK) {
    fsl_watchdog_watch(dog);
    const fsl_status evaluated = fsl_bench_evaluate(&own, bench, job, allowance, &answer);
    fsl_watchdog_rest(dog);
    status = take(l, &own, evaluated, &answer);
  }
  fsl_arena_destroy(own.arena);
  return status;
}

static fsl_status compute_all(lonely *l, const fsl_bench *bench, fsl_watchdog *dog) {
  fsl_campaign *const c = l->campaign;
  const fsl_cursor start = {.in_order = true};
  fsl_cursor cursor = start;
  for (int64_t job; *l->ctx->stop == 0 && (job = fsl_campaign_candidate(c, &cursor)) >= 0;) {
    if (fsl_campaign_least_ranks(c, job) == 0) {
      FSL_TRY(fsl_campaign_too_large(l->ctx, c, job));
    } else if (fsl_campaign_fits(c, job, 1)) {
      FSL_TRY(compute(l, bench, dog, job));
      cursor = start;
    } else {
      fsl_campaign_pass_over(c, job);
    }
  }
  return *l->ctx->stop == 0 ? FSL_OK : fsl_campaign_stop(l->ctx, c, FSL_END_STOPPED);
}

fsl_status fsl_work_alone(fsl_ctx *ctx, fsl_campaign *campaign) {
  lonely l = {.ctx = ctx, .campaign = campaign};
  fsl_bench bench;
  fsl_watchdog *dog;
  FSL_TRY(fsl_bench_create(ctx, campaign->spec, campaign->grid, campaign->rank_bytes, &bench));
  fsl_status status = fsl_watchdog_create(ctx, campaign->spec->job_seconds, give_up, &l, &dog);
  if (status == FSL_OK) {
    status = compute_all(&l, &bench, dog);
    fsl_watchdog_destroy(dog);
  }
  fsl_bench_destroy(&bench);
  return status;
}
