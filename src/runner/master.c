/* runner/master.c: see master.h. Which block of workers computes what is decided in schedule.c. */
#include "runner/master.h"

#include "runner/messages.h"
#include "runner/nap.h"
#include "runner/schedule.h"

/* A lone worker is handed jobs ahead while all it has in hand is this short, in seconds: it never waits for an answer
 * to cross. */
static const double ahead_seconds = 0.02;
enum { MOST_AHEAD = 16 };

typedef struct worker_state {
  fsl_block block; /* whose first worker this is */
  int orders;      /* that it has not answered yet */
  double cost;     /* of the last one */
} worker_state;

typedef struct master {
  fsl_campaign *campaign;
  fsl_schedule schedule;
  worker_state *worker; /* n_workers */
  int n_running;
} master;

static void order_block(fsl_block block, int64_t job) {
  const fsl_order order = {job, block.level};
  for (int i = 0; i < 1 << block.level; i++)
    MPI_Send(&order, 2, MPI_INT64_T, 1 + block.first + i, FSL_TAG_ORDER, MPI_COMM_WORLD);
}

static void note_clipped(const fsl_ctx *ctx, const master *m, const fsl_job *job) {
  const int level = fsl_schedule_level(m->schedule.n_workers, m->schedule.forced);
  if (m->schedule.forced > 0 && (size_t)1 << level > job->max_ranks)
    fsl_say(ctx, FSL_LOG_DEBUG, "a %s job fills %zu of the %zu ranks that were asked for", fsl_job_type_name(job->type),
            job->max_ranks, m->schedule.forced);
}

static void start(const fsl_ctx *ctx, master *m, int64_t job, fsl_block block) {
  const fsl_job *const next = &m->campaign->grid->jobs[job];
  worker_state *const worker = &m->worker[block.first];
  note_clipped(ctx, m, next);
  fsl_schedule_set(&m->schedule, block, true);
  m->schedule.pending_seconds -= next->cost;
  *worker = (worker_state){.block = block, .orders = worker->orders + 1, .cost = next->cost};
  m->n_running++;
  m->campaign->next++;
  order_block(block, job);
}

/* The lone worker with the fewest short jobs in hand, for one more; block.level -1: there is none. */
static fsl_block find_ready(const master *m, double cost) {
  const worker_state *found = NULL;
  for (int i = 0; i < m->schedule.n_workers; i++) {
    const worker_state *const w = &m->worker[i];
    const bool ready = w->orders > 0 && w->orders < MOST_AHEAD && w->block.level == 0 &&
                       (w->cost > cost ? w->cost : cost) * (w->orders + 1) < ahead_seconds;
    if (ready && (found == NULL || w->orders < found->orders)) found = w;
  }
  return found == NULL ? (fsl_block){0, -1} : found->block;
}

/* Starts jobs while there are any and a block is free. */
static void start_jobs(const fsl_ctx *ctx, master *m) {
  for (int64_t job; (job = fsl_campaign_peek(m->campaign)) >= 0;) {
    const fsl_job *const next = &m->campaign->grid->jobs[job];
    fsl_block block = fsl_schedule_next(&m->schedule, next->cost, next->max_ranks);
    if (block.level < 0 && m->schedule.forced == 0) block = find_ready(m, next->cost);
    if (block.level < 0) return;
    start(ctx, m, job, block);
  }
}

/* Receives the answer of a group's first worker: a record, or why there is none. */
static fsl_status take_answer(fsl_ctx *ctx, master *m, const MPI_Status *envelope) {
  int size;
  MPI_Get_count(envelope, MPI_BYTE, &size);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  uint8_t *bytes;
  FSL_GET(ctx, bytes, (size_t)size + 1);
  MPI_Recv(bytes, size, MPI_BYTE, envelope->MPI_SOURCE, envelope->MPI_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  worker_state *const worker = &m->worker[envelope->MPI_SOURCE - 1];
  if (--worker->orders == 0) fsl_schedule_set(&m->schedule, worker->block, false);
  m->n_running--;
  if (envelope->MPI_TAG == FSL_TAG_RECORD) return fsl_campaign_take(ctx, m->campaign, bytes, (size_t)size);
  m->campaign->stopping = true;
  const bool asked = *ctx->stop != 0;
  const fsl_status status =
      asked ? FSL_OK : fsl_fail(ctx, FSL_EINTERNAL, "worker %d gave up: %s", envelope->MPI_SOURCE, (const char *)bytes);
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

/* The first trouble stops new jobs; the answers under way are still taken, so that nothing finished is lost. */
static fsl_status serve(fsl_ctx *ctx, master *m) {
  fsl_status trouble = FSL_OK;
  fsl_nap nap = {0};
  for (;;) {
    bool idle;
    m->campaign->stopping = m->campaign->stopping || *ctx->stop != 0 || trouble != FSL_OK;
    start_jobs(ctx, m);
    if (m->n_running == 0) return trouble;
    const fsl_status status = poll(ctx, m, &idle);
    if (trouble == FSL_OK) trouble = status;
    if (idle)
      fsl_nap_wait(&nap);
    else
      nap = (fsl_nap){0};
  }
}

static double pending_seconds(const fsl_campaign *c) {
  double seconds = 0;
  for (size_t i = 0; i < c->n_pending; i++) seconds += c->grid->jobs[c->pending[i]].cost;
  return seconds;
}

fsl_status fsl_master_loop(fsl_ctx *ctx, fsl_campaign *campaign, int n_workers) {
  master m = {.campaign = campaign};
  m.schedule = (fsl_schedule){
      .n_workers = n_workers, .forced = campaign->options->group, .pending_seconds = pending_seconds(campaign)};
  FSL_GET(ctx, m.schedule.busy, n_workers);
  FSL_GET(ctx, m.worker, n_workers);
  const fsl_status status = serve(ctx, &m);
  for (int i = 0; i < n_workers; i++) order_block((fsl_block){i, 0}, -1);
  return status;
}
