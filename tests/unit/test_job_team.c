/* A rank that fails alone, wherever it is in a job, never leaves its team waiting: every rank returns with the same
 * status and reason, and the next job of the same ranks is right. A rank that waits for ever ends this program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job/job.h"

#include "simulated_team.h"

/* ---- where a rank fails: at a chance (an allocation, a look at the stop flag) counted from one of its exchanges
 * -------
 */

typedef enum fault_kind { NO_FAULT, STARVES, IS_STOPPED, IS_LATE, N_FAULT_KINDS } fault_kind;

typedef struct fault {
  fault_kind kind;
  size_t after; /* this many exchanges */
  size_t at;    /* the chance, from 1 */
  size_t seen;  /* chances so far */
} fault;

static _Thread_local fault own_fault;
static _Thread_local const size_t *own_exchanges; /* of this thread's rank, so far */
static _Thread_local const fsl_status
    *own_known; /* its job's trouble, once all know of it: what follows is no chance */

void *__real_fsl_arena_get(fsl_arena *arena, size_t n, size_t size);
void *__wrap_fsl_arena_get(fsl_arena *arena, size_t n, size_t size);
fsl_status __real_fsl_check_stop(fsl_ctx *ctx);
fsl_status __wrap_fsl_check_stop(fsl_ctx *ctx);

static bool fails_now(void) {
  return *own_known == FSL_OK && *own_exchanges >= own_fault.after && ++own_fault.seen == own_fault.at;
}

void *__wrap_fsl_arena_get(fsl_arena *arena, size_t n, size_t size) {
  if (own_fault.kind == STARVES && fails_now()) return NULL;
  return __real_fsl_arena_get(arena, n, size);
}

/* What was asked for stays so, as a signal and a deadline do. */
fsl_status __wrap_fsl_check_stop(fsl_ctx *ctx) {
  static const volatile sig_atomic_t raised = 1;
  if (own_fault.kind == IS_STOPPED && fails_now()) ctx->stop = &raised;
  if (own_fault.kind == IS_LATE && fails_now()) ctx->deadline = 1e-9;
  return __real_fsl_check_stop(ctx);
}

/* ---- a job ----------------------------------------------------------------------------------------------------- */

static const char text[] = "name: team\n"
                           "seed: 3\n"
                           "grid:\n"
                           "  prior: [{name: tri, kind: discrete, atoms: [[-1.8, 0], [0.2, 1], [2.2, -1]]}]\n"
                           "  forward_model: [identity]\n"
                           "  noise_level: [0.3]\n"
                           "  approximation: [sigma-dps, tmpd, fsr-ancestral]\n"
                           "  n_train: [16384]\n"
                           "sampler: {steps: 2, particles: 4}\n"
                           "times: [0.2]\n"
                           "budget: none\n"
                           "moment_tree: none\n"; /* the ranks share the atoms, and meet in every pass */

typedef struct campaign {
  fsl_ctx ctx;
  fsl_spec spec;
  fsl_grid grid;
  const fsl_job *job; /* the one that is looked at */
  fsl_hash right;     /* its data, computed alone */
  bool fresh;         /* each trial begins with empty caches */
  fsl_job_cache *cache[SIMULATED_MOST];
  /* of one trial */
  fault fault[SIMULATED_MOST];
  bool fired[SIMULATED_MOST];
  fsl_status status[SIMULATED_MOST];
  fsl_record_status recorded[SIMULATED_MOST];
  char error[SIMULATED_MOST][sizeof((fsl_ctx *)NULL)->error];
  size_t exchanges[SIMULATED_MOST];
  fsl_hash after[SIMULATED_MOST]; /* data of the job that follows */
} campaign;

static fsl_hash data_of(fsl_ctx *ctx, const fsl_record *record) {
  uint8_t *bytes;
  size_t size;
  fsl_record again = {0};
  if (fsl_record_encode(ctx, record, &bytes, &size) != FSL_OK ||
      fsl_record_decode(ctx, bytes, size, &again) != FSL_OK || again.status != FSL_RECORD_DONE)
    return (fsl_hash){0};
  return again.data;
}

static void open_campaign(campaign *c, const char *method, const char *metrics) {
  const char *errors = "";
  *c = (campaign){.ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo}};
  assert_int_equal(
      fsl_spec_parse(&c->ctx, &fsl_standard_catalog, "team.yaml", text, strlen(text), 1, &metrics, &c->spec, &errors),
      FSL_OK);
  assert_int_equal(fsl_grid_create(&c->ctx, &c->spec, &c->grid), FSL_OK);
  for (size_t i = 0; i < c->grid.n_jobs; i++)
    if (c->grid.jobs[i].type == FSL_JOB_RUN && strcmp(c->grid.jobs[i].approximation->head.name, method) == 0)
      c->job = &c->grid.jobs[i];
  assert_int_equal(c->job->max_ranks, SIMULATED_MOST);
  fsl_record record;
  for (int r = 0; r < SIMULATED_MOST; r++) c->cache[r] = fsl_job_cache_create(1 << 20);
  assert_int_equal(fsl_job_evaluate(&c->ctx, &c->spec, c->job, c->cache[0], &record), FSL_OK);
  c->right = data_of(&c->ctx, &record);
}

static void close_campaign(campaign *c) {
  for (int r = 0; r < SIMULATED_MOST; r++) fsl_job_cache_destroy(c->cache[r]);
  fsl_arena_destroy(c->ctx.arena);
}

/* A job in which ranks may fail, then the same job again, as a worker runs them: an arena each. */
static void two_jobs(fsl_ctx *ctx, void *data) {
  campaign *const c = data;
  const int rank = ctx->team->rank;
  fsl_job_cache *const cache = c->fresh ? fsl_job_cache_create(1 << 20) : c->cache[rank];
  fsl_ctx first = {.arena = fsl_arena_create(0), .team = ctx->team}, second = {.arena = ctx->arena, .team = ctx->team};
  fsl_record record = {.error = ""};
  own_fault = c->fault[rank];
  own_known = &first.known;
  own_exchanges = &((const simulated_rank *)ctx->team->self)->exchanges;
  c->status[rank] = fsl_job_evaluate(&first, &c->spec, c->job, cache, &record);
  c->fired[rank] = own_fault.kind != NO_FAULT && own_fault.seen >= own_fault.at;
  own_fault = (fault){NO_FAULT, 0, 0, 0};
  c->exchanges[rank] = *own_exchanges;
  c->recorded[rank] = record.status;
  memcpy(c->error[rank], first.error, sizeof first.error);
  fsl_arena_destroy(first.arena);
  if (fsl_job_evaluate(&second, &c->spec, c->job, cache, &record) == FSL_OK) c->after[rank] = data_of(&second, &record);
  if (c->fresh) fsl_job_cache_destroy(cache);
}

/* ---- what is promised -------------------------------------------------------------------------------------------- */

static void check_agreement(const campaign *c, int size) {
  for (int r = 0; r < size; r++) {
    assert_int_equal(c->status[r], c->status[0]);
    assert_int_equal(c->recorded[r], c->recorded[0]);
    assert_string_equal(c->error[r], c->error[0]);
    assert_memory_equal(&c->after[r], &c->right, sizeof c->right);
  }
}

static void check_reason(const campaign *c, int rank) {
  static const fsl_status status[N_FAULT_KINDS] = {[IS_STOPPED] = FSL_ESTOP};
  static const fsl_record_status recorded[N_FAULT_KINDS] = {
      [STARVES] = FSL_RECORD_FAILED, [IS_LATE] = FSL_RECORD_TIMED_OUT};
  static const char *const says[N_FAULT_KINDS] = {
      [STARVES] = "out of memory", [IS_STOPPED] = "stopped", [IS_LATE] = "its time limit has passed"};
  const fault_kind kind = c->fault[rank].kind;
  char start[64];
  snprintf(start, sizeof start, "rank %d of the group: ", rank);
  assert_int_equal(c->status[0], status[kind]);
  assert_int_equal(c->recorded[0], recorded[kind]);
  assert_memory_equal(c->error[0], start, strlen(start));
  assert_non_null(strstr(c->error[0], says[kind]));
}

/* One rank fails; whether it had that chance. */
static bool fails_at(campaign *c, int size, int rank, fault trouble) {
  memset(c->fault, 0, sizeof c->fault);
  memset(c->after, 0, sizeof c->after);
  c->fault[rank] = trouble;
  simulate(size, two_jobs, c);
  check_agreement(c, size);
  if (c->fired[rank]) check_reason(c, rank);
  return c->fired[rank];
}

/* Every rank of teams of 2 and 4, and three of 8, at its first chance after each of its exchanges but those of the last
 * round. */
static void fails_after_each_exchange(campaign *c, fault_kind kind) {
  for (int bits = 1; 1 << bits <= SIMULATED_MOST; bits++)
    for (int rank = 0; rank < 1 << bits; rank += bits < 3 ? 1 : 3) {
      size_t after = 0;
      while (fails_at(c, 1 << bits, rank, (fault){kind, after, 1, 0})) after++;
      assert_int_equal(c->recorded[0], FSL_RECORD_DONE);
      assert_int_equal(after, c->exchanges[rank] - (size_t)bits + 1);
    }
}

/* One rank of a team of two, at one in `stride` of its chances, from its cache to the end of the job. */
static void fails_at_every_chance(campaign *c, fault_kind kind, bool fresh, size_t stride) {
  size_t at = 1;
  c->fresh = fresh;
  while (fails_at(c, 2, 1, (fault){kind, 0, at, 0})) at += stride;
  assert_int_equal(c->recorded[0], FSL_RECORD_DONE);
  assert_true(at > 10);
}

/* A problem that is not in the cache yet is looked at for a stop thousands of times. */
static void fails_everywhere(const char *method, fault_kind kind) {
  campaign c;
  open_campaign(&c, method, "metrics=[mean_error]");
  fails_after_each_exchange(&c, kind);
  fails_at_every_chance(&c, kind, false, 1);
  fails_at_every_chance(&c, kind, true, kind == STARVES ? 1 : 101);
  close_campaign(&c);
}

static void a_rank_out_of_memory_takes_its_team_along(void **state) {
  (void)state;
  fails_everywhere("tmpd", STARVES);
}

static void a_rank_that_is_stopped_takes_its_team_along(void **state) {
  (void)state;
  fails_everywhere("fsr-ancestral", IS_STOPPED);
}

static void a_rank_past_its_deadline_takes_its_team_along(void **state) {
  (void)state;
  fails_everywhere("sigma-dps", IS_LATE);
}

/* Score errors draw from the posterior and ask for its moments many times: one place in eleven. */
static void a_rank_that_fails_while_it_grades_scores_takes_its_team_along(void **state) {
  (void)state;
  campaign c;
  open_campaign(&c, "tmpd", "metrics=[score_error]");
  size_t after = 0;
  while (fails_at(&c, 4, (int)(after % 4), (fault){STARVES, after, 1, 0})) after += 11;
  assert_true(after > 200);
  close_campaign(&c);
}

static size_t below(uint32_t *state, size_t n) {
  *state = *state * 1664525u + 1013904223u;
  return (*state >> 8) % n;
}

/* Several ranks in trouble of several kinds, at places of their own. */
static void ranks_that_fail_at_once_agree(void **state) {
  (void)state;
  campaign c;
  uint32_t random = 1;
  open_campaign(&c, "fsr-ancestral", "metrics=[mean_error]");
  for (int trial = 0; trial < 200; trial++) {
    memset(c.after, 0, sizeof c.after);
    for (int r = 0; r < 4; r++)
      c.fault[r] = (fault){(fault_kind)below(&random, N_FAULT_KINDS), below(&random, 12), 1 + below(&random, 5), 0};
    simulate(4, two_jobs, &c);
    check_agreement(&c, 4);
  }
  close_campaign(&c);
}

/* The exchanges of a job's last round are its rank's own: nothing follows in which the others would hear of them. */
static void a_failed_exchange_is_heard_of_in_the_next_round(void **state) {
  (void)state;
  campaign c;
  open_campaign(&c, "fsr-ancestral", "metrics=[mean_error]");
  for (int rank = 0; rank < 4; rank++)
    for (size_t at = 1;; at++) {
      memset(c.after, 0, sizeof c.after);
      simulate_failing(4, rank, at, two_jobs, &c);
      if (at > c.exchanges[rank]) break;
      if (at + 2 <= c.exchanges[rank]) check_agreement(&c, 4);
      assert_int_equal(c.recorded[rank], FSL_RECORD_FAILED);
      assert_non_null(strstr(c.error[rank], "an exchange of the group failed"));
      for (int r = 0; r < 4; r++) assert_memory_equal(&c.after[r], &c.right, sizeof c.right);
    }
  close_campaign(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rank_out_of_memory_takes_its_team_along),
      cmocka_unit_test(a_rank_that_is_stopped_takes_its_team_along),
      cmocka_unit_test(a_rank_past_its_deadline_takes_its_team_along),
      cmocka_unit_test(a_rank_that_fails_while_it_grades_scores_takes_its_team_along),
      cmocka_unit_test(ranks_that_fail_at_once_agree),
      cmocka_unit_test(a_failed_exchange_is_heard_of_in_the_next_round),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
