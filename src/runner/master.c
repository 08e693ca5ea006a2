/* runner/master.c: see master.h. Which block of workers computes what is decided in schedule.c. */
#include "runner/master.h"

#include "runner/messages.h"
#include "runner/nap.h"
#include "runner/overdue.h"
#include "runner/schedule.h"

#include <math.h>

/* A lone worker is handed jobs ahead while all it has in hand is this short, in seconds, even if its jobs take long for
 * what they are: it never waits for an answer to cross. */
static const double ahead_seconds = 0.02;
enum { MOST_AHEAD = 16 };

typedef struct worker_state {
  fsl_block block; /* whose first worker this is */
  int orders;      /* that it has not answered yet */
  double most;     /* seconds that the last one may take */
  int64_t job;     /* the last one */
  double began;    /* when it was given the last one */
  bool lost;       /* it did not answer in time; nothing is expected of it any more */
} worker_state;

typedef struct master {
  fsl_campaign *campaign;
  fsl_schedule schedule;
  worker_state *worker; /* n_workers */
  int n_running, n_lost;
  bool starved;   /* there was no memory to take an answer */
  double stopped; /* when a stop was asked for, or the journal failed; INFINITY: it was not */
} master;

/* ---- handing out ------------------------------------------------------------------------------------------------- */

static int64_t nanoseconds(double seconds) {
  if (!(seconds < 1e9)) return INT64_MAX;
  return seconds > 0 ? (int64_t)(1e9 * seconds) : 0;
}

static void order_block(fsl_block block, const fsl_order *order) {
  for (int i = 0; i < 1 << block.level; i++)
    MPI_Send(order, FSL_ORDER_NUMBERS, MPI_INT64_T, 1 + block.first + i, FSL_TAG_ORDER, MPI_COMM_WORLD);
}

static void note_clipped(const fsl_ctx *ctx, const master *m, const fsl_job *job) {
  const int level = fsl_schedule_level(m->schedule.n_workers, m->schedule.forced);
  if (m->schedule.forced > 0 && (size_t)1 << level > job->max_ranks)
    fsl_say(ctx, FSL_LOG_DEBUG, "a %s job fills %zu of the %zu ranks that were asked for", fsl_job_type_name(job->type),
            job->max_ranks, m->schedule.forced);
}

static fsl_status start(fsl_ctx *ctx, master *m, int64_t job, fsl_block block) {
  const fsl_job *const next = &m->campaign->grid->jobs[job];
  worker_state *const worker = &m->worker[block.first];
  fsl_allowance allowance;
  FSL_TRY(fsl_campaign_start(ctx, m->campaign, job, &allowance));
  note_clipped(ctx, m, next);
  fsl_schedule_set(&m->schedule, block, true);
  m->schedule.pending_seconds -= next->cost;
  *worker = (worker_state){.block = block,
                           .orders = worker->orders + 1,
                           .most = fsl_calibration_upper(&m->campaign->calibration, next, 1 << block.level),
                           .job = job,
                           .began = fsl_now()};
  m->n_running++;
  const fsl_order order = {job, block.level, allowance.attempt, nanoseconds(allowance.job), nanoseconds(allowance.run)};
  order_block(block, &order);
  return FSL_OK;
}

/* The lone worker with the fewest short jobs in hand, for one more; block.level -1: there is none. Under limits of time
 * none is handed ahead: its clock would run while it waits. */
static fsl_block find_ready(const master *m, const fsl_job *job) {
  const worker_state *found = NULL;
  const double most = fsl_calibration_upper(&m->campaign->calibration, job, 1);
  const bool limited = isfinite(m->campaign->spec->job_seconds);
  for (int i = 0; i < m->schedule.n_workers && !limited; i++) {
    const worker_state *const w = &m->worker[i];
    const bool ready = w->orders > 0 && w->orders < MOST_AHEAD && w->block.level == 0 && !w->lost &&
                       fmax(w->most, most) * (w->orders + 1) < ahead_seconds;
    if (ready && (found == NULL || w->orders < found->orders)) found = w;
  }
  return found == NULL ? (fsl_block){0, -1} : found->block;
}

static fsl_block find_block(const master *m, const fsl_job *job, size_t least) {
  const fsl_block block = fsl_schedule_next(&m->schedule, job->cost, least, job->max_ranks);
  if (block.level >= 0 || m->schedule.forced > 0 || least > 1) return block;
  return find_ready(m, job);
}

/* Starts jobs while there are any and a block is free. */
static fsl_status start_jobs(fsl_ctx *ctx, master *m) {
  size_t cursor = 0;
  for (int64_t job; (job = fsl_campaign_candidate(m->campaign, &cursor)) >= 0;) {
    const size_t least = fsl_campaign_least_ranks(m->campaign, job);
    if (least == 0) {
      FSL_TRY(fsl_campaign_too_large(ctx, m->campaign, job));
      continue;
    }
    const fsl_block block = find_block(m, &m->campaign->grid->jobs[job], least);
    if (block.level < 0) return FSL_OK;
    if (fsl_campaign_fits(m->campaign, job, (size_t)1 << block.level))
      FSL_TRY(start(ctx, m, job, block));
    else
      fsl_campaign_pass_over(m->campaign, job);
  }
  return FSL_OK;
}

/* ---- taking answers ---------------------------------------------------------------------------------------------- */

/* The first worker of a block answered: it is free, and found again, once nothing more is expected of it. */
static void settle(master *m, worker_state *worker) {
  if (!worker->lost) m->n_running--;
  if (--worker->orders > 0) return;
  if (worker->lost) m->n_lost--;
  worker->lost = false;
  fsl_schedule_set(&m->schedule, worker->block, false);
}

/* Why a worker has no record: the first byte is its status, the rest its words. */
static fsl_status take_refusal(fsl_ctx *ctx, master *m, int worker, const uint8_t *bytes) {
  const fsl_status status = (fsl_status)bytes[0];
  fsl_campaign_drop(m->campaign);
  if (status == FSL_ESTOP) return fsl_campaign_stop(ctx, m->campaign, FSL_END_STOPPED);
  return fsl_fail(ctx, status == FSL_OK ? FSL_EINTERNAL : status, "worker %d gave up: %s", worker,
                  (const char *)bytes + 1);
}

static void drop_orders(master *m, worker_state *w) {
  w->lost = true;
  m->n_lost++;
  m->n_running -= w->orders;
  for (int i = 0; i < w->orders; i++) fsl_campaign_drop(m->campaign);
}

/* An answer that there is no memory for stays where it is, before all others: the second time nothing more can come. */
static fsl_status starve(fsl_ctx *ctx, master *m, int size) {
  for (int i = 0; m->starved && i < m->schedule.n_workers; i++)
    if (m->worker[i].orders > 0 && !m->worker[i].lost) drop_orders(m, &m->worker[i]);
  m->starved = true;
  return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a result of %d bytes", size);
}

/* Receives the answer of a group's first worker: a record, or why there is none. */
static fsl_status take_answer(fsl_ctx *ctx, master *m, const MPI_Status *envelope) {
  int size;
  MPI_Get_count(envelope, MPI_BYTE, &size);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  uint8_t *const bytes = fsl_arena_get(ctx->arena, (size_t)size + 2, 1);
  if (bytes == NULL) return starve(ctx, m, size);
  MPI_Recv(bytes, size, MPI_BYTE, envelope->MPI_SOURCE, envelope->MPI_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  worker_state *const worker = &m->worker[envelope->MPI_SOURCE - 1];
  const bool late = worker->lost;
  settle(m, worker);
  if (!late && envelope->MPI_TAG == FSL_TAG_RECORD) return fsl_campaign_take(ctx, m->campaign, bytes, (size_t)size);
  const fsl_status status = late ? FSL_OK : take_refusal(ctx, m, envelope->MPI_SOURCE, bytes);
  fsl_arena_release(ctx->arena, mark);
  return status;
}

/* One answer if one is there; *idle says whether there was none. */
static fsl_status poll(fsl_ctx *ctx, master *m, bool *idle) {
  MPI_Status envelope;
  const int found = fsl_probe(MPI_COMM_WORLD, MPI_ANY_SOURCE, MPI_ANY_TAG, &envelope);
  *idle = !found;
  return found ? take_answer(ctx, m, &envelope) : fsl_campaign_sync(ctx, m->campaign, false);
}

/* ---- workers that do not answer ---------------------------------------------------------------------------------- */

/* A job that ignores its time limit is recorded, and its workers are given up: they cannot be interrupted, and the
 * others go on without them. */
static fsl_status lose(fsl_ctx *ctx, master *m, worker_state *w, bool timed_out) {
  drop_orders(m, w);
  return timed_out ? fsl_campaign_overdue(ctx, m->campaign, w->job) : FSL_OK;
}

static fsl_status look_for_overdue(fsl_ctx *ctx, master *m) {
  const double now = fsl_now();
  for (int i = 0; i < m->schedule.n_workers; i++) {
    worker_state *const w = &m->worker[i];
    if (w->orders == 0 || w->lost) continue;
    const fsl_overdue overdue = fsl_overdue_find(m->campaign->spec->job_seconds, now - w->began, now - m->stopped);
    if (overdue != FSL_IN_TIME) FSL_TRY(lose(ctx, m, w, overdue == FSL_PAST_LIMIT));
  }
  return FSL_OK;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static fsl_status look_for_stop(fsl_ctx *ctx, master *m, fsl_status trouble) {
  const bool asked = *ctx->stop != 0, late = fsl_now() > m->campaign->deadline;
  if (isinf(m->stopped) && (asked || late || m->campaign->reason == FSL_END_STOPPED || trouble == FSL_EIO))
    m->stopped = fsl_now();
  if (asked) return fsl_campaign_stop(ctx, m->campaign, FSL_END_STOPPED);
  if (late) return fsl_campaign_stop(ctx, m->campaign, FSL_END_DEADLINE);
  return FSL_OK;
}

static void first_of(fsl_status *trouble, fsl_status status) {
  if (*trouble == FSL_OK) *trouble = status;
}

/* The first trouble stops new jobs; the answers under way are still taken, so that nothing finished is lost. */
static fsl_status serve(fsl_ctx *ctx, master *m) {
  fsl_status trouble = FSL_OK;
  FSL_GET(ctx, m->schedule.busy, m->schedule.n_workers);
  FSL_GET(ctx, m->worker, m->schedule.n_workers);
  fsl_nap nap = {0};
  for (bool idle;; nap = idle ? nap : (fsl_nap){0}) {
    first_of(&trouble, look_for_stop(ctx, m, trouble));
    m->campaign->stopping = m->campaign->stopping || trouble != FSL_OK;
    first_of(&trouble, start_jobs(ctx, m));
    if (m->n_running == 0) return trouble;
    first_of(&trouble, poll(ctx, m, &idle));
    if (!idle) continue;
    first_of(&trouble, look_for_overdue(ctx, m));
    fsl_nap_wait(&nap);
  }
}

static double pending_seconds(const fsl_campaign *c) {
  double seconds = 0;
  for (size_t i = 0; i < c->n_pending; i++) seconds += c->grid->jobs[c->pending[i]].cost;
  return seconds;
}

fsl_status fsl_master_loop(fsl_ctx *ctx, fsl_campaign *campaign, int n_workers, bool *lost) {
  static const fsl_order go_home = {.job = -1};
  master m = {.campaign = campaign, .stopped = INFINITY};
  m.schedule = (fsl_schedule){
      .n_workers = n_workers, .forced = campaign->options->group, .pending_seconds = pending_seconds(campaign)};
  const fsl_status status = serve(ctx, &m);
  *lost = m.n_lost > 0;
  if (*lost && campaign->reason == FSL_END_FINISHED) campaign->reason = FSL_END_GAVE_UP;
  for (int i = 0; i < n_workers; i++) order_block((fsl_block){i, 0}, &go_home);
  return status;
}
