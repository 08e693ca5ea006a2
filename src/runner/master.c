/* runner/master.c: see master.h. Which block of workers computes what is decided in schedule.c. */
#include "runner/master.h"

#include "grid/cost.h"
#include "grid/describe.h"
#include "runner/messages.h"
#include "runner/nap.h"
#include "runner/overdue.h"
#include "runner/schedule.h"

#include <math.h>

/* A lone worker is handed jobs ahead while all it has in hand is this short, in seconds, even if its jobs take long for
 * what they are: it never waits for an answer to cross. */
static const double ahead_seconds = 0.02;
enum { MOST_AHEAD = 4 * FSL_MOST_ORDERS };

typedef struct worker_state {
  fsl_block block; /* whose first worker this is */
  int orders;      /* that it has not answered yet */
  double most;     /* seconds that one of them may take */
  int64_t job;     /* the last one */
  bool has_job;    /* there was one */
  double began;    /* when it was given the last one */
  bool lost;       /* it did not answer in time; nothing is expected of it any more */
} worker_state;

typedef struct outbox { /* orders for a lone worker that are not sent yet */
  int worker;
  size_t n;
  double seconds; /* of its jobs, as expected */
  fsl_order order[FSL_MOST_ORDERS];
} outbox;

/* A job that ran out of memory, to be tried once more elsewhere. */
typedef struct again again;
struct again {
  int64_t job;
  fsl_block starved;
  again *next;
};

enum { MOST_LEVELS = 32 };

typedef struct master {
  fsl_campaign *campaign;
  fsl_schedule schedule;
  worker_state *worker;                 /* n_workers */
  double *since, *until;                /* n_workers: the schedule's */
  double pending_cost[FSL_N_JOB_TYPES]; /* of the jobs that have not started */
  double need[MOST_LEVELS];             /* the schedule's: of the job that was looked at last */
  again *again;
  bool *tried_again; /* n_jobs; NULL: none was */
  outbox out;
  int n_running, n_lost;
  bool starved;   /* there was no memory to take an answer */
  double stopped; /* when a stop was asked for, or the journal failed; INFINITY: it was not */
} master;

/* ---- handing out ------------------------------------------------------------------------------------------------- */

static int64_t nanoseconds(double seconds) {
  if (!(seconds < 1e9)) return INT64_MAX;
  return seconds > 0 ? (int64_t)(1e9 * seconds) : 0;
}

static void send_orders(int worker, size_t n, const fsl_order *orders) {
  MPI_Send(orders, (int)n * FSL_ORDER_NUMBERS, MPI_INT64_T, 1 + worker, FSL_TAG_ORDER, MPI_COMM_WORLD);
}

static void send_outbox(outbox *out) {
  if (out->n > 0) send_orders(out->worker, out->n, out->order);
  out->n = 0;
  out->seconds = 0;
}

/* Lone workers' orders are gathered: the outbox is sent at the latest when all that can start has. */
static void post(outbox *out, fsl_block block, const fsl_order *order, double seconds) {
  if (block.level > 0) {
    for (int i = 0; i < 1 << block.level; i++) send_orders(block.first + i, 1, order);
    return;
  }
  if (out->worker != block.first || out->n == FSL_MOST_ORDERS) send_outbox(out);
  out->worker = block.first;
  out->order[out->n++] = *order;
  out->seconds += seconds;
}

static double expected_seconds(const master *m, const fsl_job *job) {
  return job->cost * fsl_calibration_factor(&m->campaign->calibration, job->type);
}

static void look_at_clock(master *m) {
  m->schedule.now = fsl_now();
  m->schedule.pending_seconds = 0;
  for (int type = 0; type < FSL_N_JOB_TYPES; type++)
    m->schedule.pending_seconds +=
        fmax(0, m->pending_cost[type]) * fsl_calibration_factor(&m->campaign->calibration, (fsl_job_type)type);
}

/* Looks at what a job needs, which the schedule asks for from here on: the fewest ranks that have room for it, 0 where
 * none have. */
static size_t look_at_job(master *m, int64_t job) {
  const fsl_campaign *const c = m->campaign;
  const size_t most = c->grid->jobs[job].max_ranks;
  const int highest = fsl_schedule_level(m->schedule.n_workers, most);
  for (int level = 0; level <= highest; level++)
    m->need[level] = (double)fsl_job_bytes(c->spec, &c->grid->jobs[job], (size_t)1 << level);
  return fsl_schedule_least(&m->schedule, most);
}

static void note_clipped(const fsl_ctx *ctx, const master *m, const fsl_job *job) {
  const int level = fsl_schedule_level(m->schedule.n_workers, m->schedule.forced);
  if (m->schedule.forced > 0 && (size_t)1 << level > job->max_ranks)
    fsl_say(ctx, FSL_LOG_DEBUG, "a %s job fills %zu of the %zu ranks that were asked for", fsl_job_type_name(job->type),
            job->max_ranks, m->schedule.forced);
}

/* The block is busy for so much longer. */
static void occupy(master *m, fsl_block block, double seconds) {
  const double now = m->schedule.now;
  for (int i = block.first; i < block.first + (1 << block.level); i++) {
    const bool idle = !m->schedule.busy[i];
    m->since[i] = idle ? now : m->since[i];
    m->until[i] = (idle ? now : fmax(now, m->until[i])) + seconds;
  }
  fsl_schedule_set(&m->schedule, block, true);
}

static fsl_status start(fsl_ctx *ctx, master *m, int64_t job, fsl_block block) {
  const fsl_job *const next = &m->campaign->grid->jobs[job];
  worker_state *const worker = &m->worker[block.first];
  const double seconds = expected_seconds(m, next) / (1 << block.level);
  const double most = fsl_calibration_upper(&m->campaign->calibration, next, 1 << block.level);
  fsl_allowance allowance;
  FSL_TRY(fsl_campaign_start(ctx, m->campaign, job, &allowance));
  note_clipped(ctx, m, next);
  occupy(m, block, seconds);
  m->pending_cost[next->type] -= next->cost;
  m->schedule.pending_seconds = fmax(0, m->schedule.pending_seconds - expected_seconds(m, next));
  *worker = (worker_state){.block = block,
                           .orders = worker->orders + 1,
                           .most = worker->orders == 0 ? most : fmax(worker->most, most),
                           .job = job,
                           .has_job = true,
                           .began = fsl_now()};
  m->n_running++;
  const fsl_order order = {job, block.level, allowance.attempt, nanoseconds(allowance.job), nanoseconds(allowance.run)};
  post(&m->out, block, &order, seconds);
  return FSL_OK;
}

/* Whether a lone worker with short jobs in hand can take one more of at most `most` seconds. */
static bool is_ready(const worker_state *w, double most) {
  return w->orders > 0 && w->orders < MOST_AHEAD && w->block.level == 0 && !w->lost &&
         fmax(w->most, most) * (w->orders + 1) < ahead_seconds;
}

static bool has_room(const master *m, int worker) {
  return fsl_schedule_has_room(&m->schedule, (fsl_block){worker, 0});
}

/* The lone worker that is handed one more job ahead; block.level -1: there is none. Neighbours go to the same worker,
 * up to a batch; else to the one with the fewest in hand. Under limits of time none is handed ahead: its clock would
 * run while it waits. */
static fsl_block find_ready(const master *m, const fsl_job *job) {
  const worker_state *found = NULL;
  const double most = fsl_calibration_upper(&m->campaign->calibration, job, 1);
  if (isfinite(m->campaign->spec->job_seconds) || m->schedule.forced > 0) return (fsl_block){0, -1};
  const bool fills = m->out.n > 0 && m->out.n < FSL_MOST_ORDERS &&
                     m->out.seconds + expected_seconds(m, job) <= fsl_schedule_batch(&m->schedule);
  if (fills && has_room(m, m->out.worker) && is_ready(&m->worker[m->out.worker], most))
    return (fsl_block){m->out.worker, 0};
  for (int i = 0; i < m->schedule.n_workers && !fills; i++) {
    const worker_state *const w = &m->worker[i];
    if (has_room(m, i) && is_ready(w, most) && (found == NULL || w->orders < found->orders)) found = w;
  }
  return found == NULL ? (fsl_block){0, -1} : found->block;
}

typedef struct hand { /* what one round of handing out has come to */
  bool waits;         /* a job waits for a block: none is handed ahead any more */
  int n_free;         /* workers */
} hand;

/* The batch that is being filled, else the block on which the job ends first, else a worker that takes it ahead. */
static fsl_block find_block(const master *m, const hand *h, const fsl_job *job, size_t least, fsl_block *wait) {
  *wait = (fsl_block){0, -1};
  if (least == 1 && m->out.n > 0) {
    const fsl_block same = find_ready(m, job);
    if (same.level == 0 && same.first == m->out.worker) return same;
  }
  const fsl_block block = fsl_schedule_next(&m->schedule, expected_seconds(m, job), least, job->max_ranks, wait);
  if (block.level >= 0 || least > 1 || h->waits) return block;
  return find_ready(m, job);
}

static int count_free(const fsl_schedule *s) {
  int n = 0;
  for (int i = 0; i < s->n_workers; i++) n += !s->busy[i];
  return n;
}

/* The first job that waits has its block kept for it; what is behind it fills the other workers, and those of the block
 * for as long as it is not whole. */
static fsl_status offer(fsl_ctx *ctx, master *m, hand *h, int64_t job, size_t least) {
  fsl_block wait;
  const fsl_block block = find_block(m, h, &m->campaign->grid->jobs[job], least, &wait);
  if (block.level < 0) {
    if (!h->waits && wait.level >= 0) fsl_schedule_reserve(&m->schedule, wait);
    h->waits = true;
    return FSL_OK;
  }
  if (!fsl_campaign_fits(m->campaign, job, (size_t)1 << block.level)) {
    fsl_campaign_pass_over(m->campaign, job);
    return FSL_OK;
  }
  for (int i = 0; i < 1 << block.level; i++) h->n_free -= !m->schedule.busy[block.first + i];
  return start(ctx, m, job, block);
}

/* Whether the job can go to one worker now. */
static bool suits_one(master *m, int64_t job) {
  return job >= 0 && look_at_job(m, job) == 1 && fsl_campaign_fits(m->campaign, job, 1);
}

/* The batch that is being filled goes on with the family of its last job. */
static fsl_status fill_batch(fsl_ctx *ctx, master *m) {
  while (m->out.n > 0) {
    const int64_t kin = fsl_campaign_kin(m->campaign, m->worker[m->out.worker].job);
    if (!suits_one(m, kin)) return FSL_OK;
    const fsl_block block = find_ready(m, &m->campaign->grid->jobs[kin]);
    if (block.level != 0 || block.first != m->out.worker) return FSL_OK;
    FSL_TRY(start(ctx, m, kin, block));
  }
  return FSL_OK;
}

/* A free worker goes on with the family of its last job, whose posterior it has, where one worker is what such a job
 * gets. */
static fsl_status go_on(fsl_ctx *ctx, master *m) {
  for (int i = 0; i < m->schedule.n_workers; i++) {
    const worker_state *const w = &m->worker[i];
    if (m->schedule.busy[i] || w->lost || !w->has_job || w->block.level > 0) continue;
    const int64_t kin = fsl_campaign_kin(m->campaign, w->job);
    if (!suits_one(m, kin) || !has_room(m, i)) continue;
    const fsl_job *const job = &m->campaign->grid->jobs[kin];
    if (fsl_schedule_next(&m->schedule, expected_seconds(m, job), 1, job->max_ranks, NULL).level != 0) continue;
    FSL_TRY(start(ctx, m, kin, (fsl_block){i, 0}));
    FSL_TRY(fill_batch(ctx, m));
  }
  return FSL_OK;
}

/* Whether the first job in order waits for more than one worker: then nobody goes before it. */
static bool head_is_large(master *m) {
  fsl_cursor cursor = {.in_order = true};
  const int64_t head = fsl_campaign_candidate(m->campaign, &cursor);
  return head < 0 || look_at_job(m, head) != 1;
}

/* Jobs that ran out of memory come first: the workers that they may go to are few. What finds none, up to the end, has
 * no record, and is started by the next run. */
static fsl_status try_again(fsl_ctx *ctx, master *m) {
  for (again **at = &m->again; *at != NULL && !fsl_campaign_waits(m->campaign);) {
    const again *const a = *at;
    const size_t least = look_at_job(m, a->job);
    fsl_block wait;
    const fsl_block block = fsl_schedule_elsewhere(&m->schedule, a->starved, least, &wait);
    if (block.level < 0 || !fsl_campaign_fits(m->campaign, a->job, (size_t)1 << block.level)) {
      at = &(*at)->next;
      continue;
    }
    *at = a->next;
    FSL_TRY(start(ctx, m, a->job, block));
  }
  return FSL_OK;
}

static fsl_status start_some(fsl_ctx *ctx, master *m) {
  fsl_cursor cursor = {0};
  m->schedule.has_reserved = false;
  FSL_TRY(try_again(ctx, m));
  if (!head_is_large(m)) FSL_TRY(go_on(ctx, m));
  hand h = {.n_free = count_free(&m->schedule)};
  for (int64_t job; (job = fsl_campaign_candidate(m->campaign, &cursor)) >= 0;) {
    const size_t least = look_at_job(m, job);
    if (least == 0) {
      m->pending_cost[m->campaign->grid->jobs[job].type] -= m->campaign->grid->jobs[job].cost;
      FSL_TRY(fsl_campaign_too_large(ctx, m->campaign, job));
    } else {
      FSL_TRY(offer(ctx, m, &h, job, least));
      FSL_TRY(fill_batch(ctx, m));
    }
    if (h.waits && h.n_free == 0) return FSL_OK;
  }
  return FSL_OK;
}

/* Starts jobs while there are any and workers for them. What has started is sent, whatever befell the others. */
static fsl_status start_jobs(fsl_ctx *ctx, master *m) {
  look_at_clock(m);
  const fsl_status status = start_some(ctx, m);
  send_outbox(&m->out);
  return status;
}

/* ---- taking answers ---------------------------------------------------------------------------------------------- */

/* The first worker of a block answered: it is free, and found again, once nothing more is expected of it. */
static void settle(master *m, worker_state *worker) {
  for (int i = 0; i < 1 << worker->block.level; i++) m->since[worker->block.first + i] = m->schedule.now;
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

static fsl_status put_off(fsl_ctx *ctx, master *m, int64_t job, fsl_block starved) {
  const fsl_campaign *const c = m->campaign;
  again *a;
  if (m->tried_again == NULL) FSL_GET(ctx, m->tried_again, c->grid->n_jobs);
  FSL_GET(ctx, a, 1);
  *a = (again){job, starved, m->again};
  m->again = a;
  m->tried_again[job] = true;
  m->pending_cost[c->grid->jobs[job].type] += c->grid->jobs[job].cost;
  fsl_campaign_drop(m->campaign);
  fsl_say(ctx, FSL_LOG_INFO, "%s: out of memory on rank %d; it is tried once on another",
          fsl_job_describe(ctx->arena, c->spec, &c->grid->jobs[job]), 1 + starved.first);
  return FSL_OK;
}

/* The record of a job that ran out of memory: it counts where the job is not tried on other workers. */
static fsl_status take_starved(fsl_ctx *ctx, master *m, fsl_block block, const uint8_t *bytes, size_t size) {
  fsl_record record;
  FSL_TRY(fsl_record_skim(ctx, bytes, size, &record));
  const int64_t job = fsl_job_index_find(m->campaign->index, record.job);
  const bool tried = job >= 0 && m->tried_again != NULL && m->tried_again[job];
  const size_t least = job < 0 ? 0 : look_at_job(m, job);
  if (least > 0 && !m->campaign->stopping && fsl_schedule_again(&m->schedule, block, least, tried))
    return put_off(ctx, m, job, block);
  return fsl_campaign_take(ctx, m->campaign, bytes, size);
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

/* Small records that came together: what is wrong with one does not keep the others. */
static fsl_status take_records(fsl_ctx *ctx, master *m, int source) {
  fsl_records records = {0};
  fsl_status first = FSL_OK;
  MPI_Status envelope;
  int received;
  MPI_Recv(records.bytes, FSL_RECORDS_BYTES, MPI_BYTE, source, FSL_TAG_RECORDS, MPI_COMM_WORLD, &envelope);
  MPI_Get_count(&envelope, MPI_BYTE, &received);
  records.size = (size_t)received;
  worker_state *const worker = &m->worker[source - 1];
  size_t at = 0, size;
  for (const uint8_t *bytes; (bytes = fsl_records_next(&records, &at, &size)) != NULL;) {
    const bool late = worker->lost;
    settle(m, worker);
    const fsl_status status = late ? FSL_OK : fsl_campaign_take(ctx, m->campaign, bytes, size);
    if (first == FSL_OK) first = status;
  }
  return first;
}

/* A large record, or why there is none. */
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
  fsl_status status = FSL_OK;
  if (!late && envelope->MPI_TAG == FSL_TAG_RECORD)
    status = fsl_campaign_take(ctx, m->campaign, bytes, (size_t)size);
  else if (!late && envelope->MPI_TAG == FSL_TAG_STARVED)
    return take_starved(ctx, m, worker->block, bytes, (size_t)size); /* what it keeps lies behind the mark */
  else if (!late)
    status = take_refusal(ctx, m, envelope->MPI_SOURCE, bytes);
  fsl_arena_release(ctx->arena, mark);
  return status;
}

/* One answer if one is there; *idle says whether there was none. */
static fsl_status poll(fsl_ctx *ctx, master *m, bool *idle) {
  MPI_Status envelope;
  const int found = fsl_probe(MPI_COMM_WORLD, MPI_ANY_SOURCE, MPI_ANY_TAG, &envelope);
  *idle = !found;
  if (!found) return fsl_campaign_sync(ctx, m->campaign, false);
  const bool small = envelope.MPI_TAG == FSL_TAG_RECORDS;
  return small ? take_records(ctx, m, envelope.MPI_SOURCE) : take_answer(ctx, m, &envelope);
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
  FSL_GET(ctx, m->since, m->schedule.n_workers);
  FSL_GET(ctx, m->until, m->schedule.n_workers);
  m->schedule.since = m->since;
  m->schedule.until = m->until;
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

static void count_pending(master *m) {
  const fsl_campaign *const c = m->campaign;
  for (size_t i = 0; i < c->n_pending; i++) {
    const fsl_job *const job = &c->grid->jobs[c->pending[i].job];
    m->pending_cost[job->type] += job->cost;
  }
}

fsl_status fsl_master_loop(fsl_ctx *ctx, fsl_campaign *campaign, int n_workers, const double *room, bool *lost) {
  static const fsl_order go_home = {.job = -1};
  master m = {.campaign = campaign, .stopped = INFINITY};
  m.schedule = (fsl_schedule){.n_workers = n_workers, .forced = campaign->options->group, .room = room, .need = m.need};
  count_pending(&m);
  const fsl_status status = serve(ctx, &m);
  *lost = m.n_lost > 0;
  if (*lost && campaign->reason == FSL_END_FINISHED) campaign->reason = FSL_END_GAVE_UP;
  for (int i = 0; i < n_workers; i++) send_orders(i, 1, &go_home);
  return status;
}
