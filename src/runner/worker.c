/* runner/worker.c: see worker.h. */
#include "runner/worker.h"

#include "store/files.h"

#include <math.h>
#include <string.h>

enum { CACHE_BYTES = 256 << 20 };

fsl_status fsl_bench_create(fsl_ctx *ctx, const fsl_spec *spec, const fsl_grid *grid, double rank_bytes,
                            fsl_bench *out) {
  *out = (fsl_bench){.spec = spec, .grid = grid, .cache = fsl_job_cache_create(CACHE_BYTES)};
  if (out->cache == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a worker's cache");
  fsl_job_cache_limit(out->cache, rank_bytes);
  fsl_host_name(out->host);
  return FSL_OK;
}

void fsl_bench_destroy(fsl_bench *bench) {
  fsl_job_cache_destroy(bench->cache);
  bench->cache = NULL;
}

fsl_status fsl_bench_evaluate(fsl_ctx *ctx, const fsl_bench *bench, int64_t job, fsl_allowance allowance,
                              fsl_answer *out) {
  fsl_record record;
  const double seconds = fmin(allowance.job, allowance.run);
  ctx->deadline = isinf(seconds) ? 0 : fsl_now() + seconds;
  FSL_TRY(fsl_job_evaluate(ctx, bench->spec, &bench->grid->jobs[job], bench->cache, &record));
  if (record.status == FSL_RECORD_TIMED_OUT && allowance.run <= allowance.job)
    return fsl_fail(ctx, FSL_ESTOP, "the run's deadline is over");
  record.host = bench->host;
  record.attempts = (int)allowance.attempt;
  out->starved = record.status == FSL_RECORD_FAILED && record.cause == FSL_ENOMEM;
  return fsl_record_encode(ctx, &record, &out->bytes, &out->size);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* Small records travel together, but none waits much longer than this for the next, in seconds. */
static const double longest_wait = 0.005;

typedef struct desk { /* what a worker rank works with */
  const fsl_bench *bench;
  fsl_rank_groups *groups;
  fsl_records records; /* finished and not sent */
  double sent;         /* when records were last sent */
} desk;

static void send_bytes(const uint8_t *bytes, size_t size, int tag) {
  MPI_Request request;
  MPI_Isend(bytes, (int)size, MPI_BYTE, 0, tag, MPI_COMM_WORLD, &request);
  fsl_wait_all(1, &request);
}

static void send_records(desk *d) {
  if (d->records.n > 0) send_bytes(d->records.bytes, d->records.size, FSL_TAG_RECORDS);
  d->records.n = d->records.size = 0;
  d->sent = fsl_now();
}

static void send_refusal(const fsl_ctx *ctx, fsl_status status) {
  uint8_t refusal[1 + sizeof ctx->error] = {(uint8_t)status};
  memcpy(refusal + 1, ctx->error, sizeof ctx->error);
  send_bytes(refusal, sizeof refusal, FSL_TAG_STOPPED);
}

/* A refusal is its status in a byte, then its words. Answers come in the order of the jobs. */
static void send_result(desk *d, const fsl_ctx *ctx, fsl_status status, const fsl_answer *answer) {
  const bool travels = status == FSL_OK && !answer->starved;
  if (travels && fsl_records_add(&d->records, answer->bytes, answer->size)) return;
  send_records(d);
  if (travels && fsl_records_add(&d->records, answer->bytes, answer->size)) return;
  if (status == FSL_OK)
    send_bytes(answer->bytes, answer->size, answer->starved ? FSL_TAG_STARVED : FSL_TAG_RECORD);
  else
    send_refusal(ctx, status);
}

/* ---- the loop of a worker rank ------------------------------------------------------------------------------- */

/* A record that no message can carry becomes a failed one, so that the master always hears of the job. */
static fsl_status fit_message(fsl_ctx *ctx, const fsl_bench *bench, const fsl_order *order, fsl_answer *answer) {
  if (answer->size <= (size_t)INT32_MAX) return FSL_OK;
  const fsl_record failed = {.job = bench->grid->jobs[order->job].identity,
                             .status = FSL_RECORD_FAILED,
                             .error = "its result is larger than 2 GiB: keep fewer samples",
                             .host = bench->host,
                             .ranks = ctx->team->size,
                             .attempts = (int)order->attempt};
  return fsl_record_encode(ctx, &failed, &answer->bytes, &answer->size);
}

static double seconds_of(int64_t nanoseconds) {
  return nanoseconds == INT64_MAX ? INFINITY : 1e-9 * (double)nanoseconds;
}

/* Everything of the job, its arena included, is gone when this returns. */
static fsl_status obey(fsl_ctx *ctx, desk *d, const fsl_order *order) {
  const fsl_team team = fsl_rank_groups_team(d->groups, (int)order->level);
  const fsl_allowance allowance = {seconds_of(order->job_limit), seconds_of(order->run_limit),
                                   (unsigned)order->attempt};
  fsl_ctx job = {.arena = fsl_arena_create(0), .team = &team, .log = ctx->log, .stop = ctx->stop};
  fsl_answer answer = {0};
  if (job.arena == NULL) { /* the others hear of it in their next round, and their first rank makes the record */
    const fsl_status status = fsl_team_agree(&job, fsl_fail(&job, FSL_ENOMEM, "out of memory for a job"));
    if (team.rank > 0) return FSL_OK;
    send_result(d, &job, status, &answer);
    memcpy(ctx->error, job.error, sizeof ctx->error);
    return status;
  }
  fsl_status status = fsl_bench_evaluate(&job, d->bench, order->job, allowance, &answer);
  if (status == FSL_OK) status = fit_message(&job, d->bench, order, &answer);
  if (team.rank == 0) send_result(d, &job, status, &answer);
  memcpy(ctx->error, job.error, sizeof ctx->error);
  fsl_arena_destroy(job.arena);
  return status == FSL_ESTOP ? FSL_OK : status;
}

/* Every order is obeyed, whatever became of the ones before: the master counts the answers. */
static fsl_status obey_all(fsl_ctx *ctx, desk *d, size_t n, const fsl_order *orders) {
  fsl_status status = FSL_OK;
  for (size_t i = 0; i < n; i++) {
    const fsl_status job_status = obey(ctx, d, &orders[i]);
    if (status == FSL_OK) status = job_status;
    if (fsl_now() - d->sent > longest_wait) send_records(d);
  }
  send_records(d);
  return status;
}

fsl_status fsl_worker_loop(fsl_ctx *ctx, const fsl_bench *bench, fsl_rank_groups *groups) {
  fsl_status status = FSL_OK;
  desk d = {.bench = bench, .groups = groups};
  for (;;) { /* a worker in trouble keeps listening until it is sent home: the master decides */
    fsl_order orders[FSL_MOST_ORDERS];
    MPI_Status envelope;
    int numbers;
    fsl_wait_message(MPI_COMM_WORLD, 0, FSL_TAG_ORDER, &envelope);
    MPI_Recv(orders, FSL_MOST_ORDERS * FSL_ORDER_NUMBERS, MPI_INT64_T, 0, FSL_TAG_ORDER, MPI_COMM_WORLD, &envelope);
    MPI_Get_count(&envelope, MPI_INT64_T, &numbers);
    if (orders[0].job < 0) return status;
    d.sent = fsl_now();
    const fsl_status batch_status = obey_all(ctx, &d, (size_t)numbers / FSL_ORDER_NUMBERS, orders);
    if (status == FSL_OK) status = batch_status;
  }
}
