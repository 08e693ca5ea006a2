/* Rounds of exchanges: whoever enters one in trouble is heard by all, once, and all leave with the same status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "posterior/merge.h"

#include "simulated_team.h"

typedef struct trial {
  int size;
  fsl_status enters[SIMULATED_MOST]; /* with this status */
  bool early[SIMULATED_MOST];        /* false: after a round in which it was well */
  fsl_status leaves[SIMULATED_MOST];
  char text[SIMULATED_MOST][sizeof((fsl_ctx *)NULL)->error];
  size_t exchanges[SIMULATED_MOST];
} trial;

/* Two rounds of different lengths, as a job has them. */
static fsl_status work(fsl_ctx *ctx, const trial *t) {
  double value[SIMULATED_MOST] = {0};
  const int rank = ctx->team->rank;
  const fsl_status own = t->enters[rank];
  if (own != FSL_OK && t->early[rank]) return fsl_fail(ctx, own, "%s of %d", fsl_status_name(own), rank);
  value[rank] = 1;
  FSL_TRY(fsl_team_gather(ctx, 1, value));
  if (own != FSL_OK) return fsl_fail(ctx, own, "%s of %d", fsl_status_name(own), rank);
  FSL_TRY(fsl_team_share(ctx, 3, value));
  return FSL_OK;
}

static void body(fsl_ctx *ctx, void *data) {
  trial *const t = data;
  const int rank = ctx->team->rank;
  t->leaves[rank] = fsl_team_agree(ctx, work(ctx, t));
  memcpy(t->text[rank], ctx->error, sizeof ctx->error);
  t->exchanges[rank] = ((const simulated_rank *)ctx->team->self)->exchanges;
}

static void check(trial *t, fsl_status status, const char *text) {
  simulate(t->size, body, t);
  for (int r = 0; r < t->size; r++) {
    assert_int_equal(t->leaves[r], status);
    assert_string_equal(t->text[r], text);
    assert_int_equal(t->exchanges[r], t->exchanges[0]);
  }
}

static void every_rank_hears_of_a_lone_failure_and_of_its_text(void **state) {
  (void)state;
  for (int size = 2; size <= SIMULATED_MOST; size *= 2)
    for (int rank = 0; rank < size; rank++)
      for (int early = 0; early < 2; early++) {
        trial t = {.size = size};
        char text[128];
        t.enters[rank] = FSL_ENOMEM;
        t.early[rank] = early;
        snprintf(text, sizeof text, "rank %d of the group: %s of %d", rank, fsl_status_name(FSL_ENOMEM), rank);
        check(&t, FSL_ENOMEM, text);
      }
}

static void a_team_without_trouble_agrees_on_none(void **state) {
  (void)state;
  for (int size = 1; size <= SIMULATED_MOST; size *= 2) {
    trial t = {.size = size};
    check(&t, FSL_OK, "");
  }
}

static void the_larger_status_stands_for_all_then_the_lower_rank(void **state) {
  (void)state;
  trial t = {.size = 8, .enters = {[2] = FSL_ENUMERIC, [3] = FSL_ETIME, [5] = FSL_ESTOP, [6] = FSL_ETIME}};
  char text[128];
  snprintf(text, sizeof text, "rank 3 of the group: %s of 3", fsl_status_name(FSL_ETIME));
  check(&t, FSL_ETIME, text);
}

static void a_stop_stays_a_stop_and_a_deadline_a_deadline(void **state) {
  (void)state;
  for (fsl_status status = FSL_EINPUT; status <= FSL_EINTERNAL; status++) {
    trial t = {.size = 4, .enters = {[1] = status}};
    char text[128];
    snprintf(text, sizeof text, "rank 1 of the group: %s of 1", fsl_status_name(status));
    check(&t, status, text);
  }
}

static void an_early_failure_is_heard_before_a_later_one(void **state) {
  (void)state;
  trial t = {.size = 4, .enters = {[1] = FSL_EINPUT, [2] = FSL_ETIME}, .early = {[1] = true}};
  char text[128];
  snprintf(text, sizeof text, "rank 1 of the group: %s of 1", fsl_status_name(FSL_EINPUT));
  check(&t, FSL_EINPUT, text);
}

/* What goes wrong on every rank alike is nobody's own. */
static void a_failure_of_all_names_no_rank(void **state) {
  (void)state;
  trial t = {.size = 2, .enters = {FSL_ENUMERIC, FSL_ENUMERIC}};
  char text[128];
  snprintf(text, sizeof text, "%s of 0", fsl_status_name(FSL_ENUMERIC));
  check(&t, FSL_ENUMERIC, text);
}

static fsl_status gather_one(fsl_ctx *ctx) {
  double value[SIMULATED_MOST] = {0};
  return fsl_team_gather(ctx, 1, value);
}

static fsl_status share_one(fsl_ctx *ctx) {
  double value = 0;
  return fsl_team_share(ctx, 1, &value);
}

static fsl_status merge_one(fsl_ctx *ctx) {
  double record[FSL_PARTIAL_VEC + 1] = {0};
  return fsl_team_merge(ctx, (fsl_partial_shape){.sides = 1, .p = 1}, 1, record);
}

typedef struct exchange_trial {
  fsl_status (*exchange)(fsl_ctx *ctx);
  int stops; /* this rank's stop flag is up */
  fsl_status leaves[SIMULATED_MOST];
} exchange_trial;

static void exchange_body(fsl_ctx *ctx, void *data) {
  static const sig_atomic_t up = 1;
  exchange_trial *const t = data;
  if (ctx->team->rank == t->stops) ctx->stop = &up;
  t->leaves[ctx->team->rank] = fsl_team_agree(ctx, t->exchange(ctx));
}

/* A rank without work of its own looks at the flag nowhere else. */
static void a_stop_travels_in_every_exchange(void **state) {
  (void)state;
  static fsl_status (*const exchanges[])(fsl_ctx *) = {gather_one, share_one, merge_one};
  for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++)
    for (int rank = 0; rank < 4; rank++) {
      exchange_trial t = {.exchange = exchanges[i], .stops = rank};
      simulate(4, exchange_body, &t);
      for (int r = 0; r < 4; r++) assert_int_equal(t.leaves[r], FSL_ESTOP);
    }
}

static void nothing_is_exchanged_once_all_know(void **state) {
  (void)state;
  trial late = {.size = 4, .enters = {[3] = FSL_EIO}},
        early = {.size = 4, .enters = {[3] = FSL_EIO}, .early = {[3] = true}};
  simulate(4, body, &late);
  simulate(4, body, &early);
  assert_int_equal(early.exchanges[0], 2 + 2); /* the round and its text */
  assert_int_equal(late.exchanges[0], 2 + 2 + 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_rank_hears_of_a_lone_failure_and_of_its_text),
      cmocka_unit_test(a_team_without_trouble_agrees_on_none),
      cmocka_unit_test(the_larger_status_stands_for_all_then_the_lower_rank),
      cmocka_unit_test(a_stop_stays_a_stop_and_a_deadline_a_deadline),
      cmocka_unit_test(an_early_failure_is_heard_before_a_later_one),
      cmocka_unit_test(a_failure_of_all_names_no_rank),
      cmocka_unit_test(a_stop_travels_in_every_exchange),
      cmocka_unit_test(nothing_is_exchanged_once_all_know),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
