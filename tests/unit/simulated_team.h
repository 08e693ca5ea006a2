/* simulated_team.h: a team of 1, 2, 4 or 8 ranks in one process: threads that exchange through shared memory. A rank
 * that waits for ever ends the test program. */
#ifndef SIMULATED_TEAM_H
#define SIMULATED_TEAM_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fslens/base.h"

enum { SIMULATED_MOST = 8, SIMULATED_PATIENCE = 60 };

typedef struct simulated_letter {
  bool there;
  fsl_trouble trouble;
  size_t n;
  const double *data;
} simulated_letter;

/* Two ranks meet twice an exchange: when both have put their letter, and when both have read the other's. */
typedef struct simulated_world {
  int size;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  simulated_letter letter[SIMULATED_MOST][SIMULATED_MOST]; /* from, to */
} simulated_world;

typedef struct simulated_rank {
  simulated_world *world;
  int rank;
  size_t exchanges, fails_at; /* the exchange with this number, from 1, fails on this rank; 0: none */
  fsl_team team;
  fsl_ctx ctx;
  void (*body)(fsl_ctx *ctx, void *data);
  void *data;
} simulated_rank;

/* Waits with the lock held until letter->there is `there`. */
static void simulated_wait(simulated_world *w, const simulated_letter *letter, bool there, int rank, int partner) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += SIMULATED_PATIENCE;
  while (letter->there != there)
    if (pthread_cond_timedwait(&w->changed, &w->lock, &end) != 0) {
      fprintf(stderr, "rank %d of %d waits for ever for rank %d\n", rank, w->size, partner);
      abort();
    }
}

static fsl_status simulated_exchange(void *self, int partner, fsl_trouble own, fsl_trouble *theirs, size_t n,
                                     const double *send, double *recv) {
  simulated_rank *me = self;
  simulated_world *w = me->world;
  simulated_letter *out = &w->letter[me->rank][partner], *in = &w->letter[partner][me->rank];
  fsl_status status = FSL_OK;
  pthread_mutex_lock(&w->lock);
  *out = (simulated_letter){true, own, n, send};
  pthread_cond_broadcast(&w->changed);
  simulated_wait(w, in, true, me->rank, partner);
  const bool well = own.status == FSL_OK && in->trouble.status == FSL_OK;
  *theirs = in->trouble;
  if (well && in->n != n) status = FSL_EINTERNAL;
  if (++me->exchanges == me->fails_at) status = FSL_EIO;
  if (well && status == FSL_OK && n > 0) memcpy(recv, in->data, n * sizeof *recv);
  in->there = false; /* read: the partner may go on */
  pthread_cond_broadcast(&w->changed);
  simulated_wait(w, out, false, me->rank, partner);
  pthread_mutex_unlock(&w->lock);
  return status;
}

static void *simulated_thread(void *self) {
  simulated_rank *me = self;
  me->body(&me->ctx, me->data);
  return NULL;
}

/* Runs body(ctx, data) on every rank; data is shared, ctx->team->rank tells who asks. Exchange number fails_at of rank
 * `who` fails. */
static void simulate_failing(int size, int who, size_t fails_at, void (*body)(fsl_ctx *ctx, void *data), void *data) {
  simulated_world world = {.size = size, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  simulated_rank rank[SIMULATED_MOST] = {{0}};
  pthread_t thread[SIMULATED_MOST];
  for (int r = 0; r < size; ++r) {
    rank[r] = (simulated_rank){.world = &world, .rank = r, .body = body, .data = data};
    rank[r].fails_at = r == who ? fails_at : 0;
    rank[r].team = (fsl_team){.rank = r, .size = size, .self = &rank[r], .exchange = simulated_exchange};
    rank[r].ctx.arena = fsl_arena_create(0);
    rank[r].ctx.team = &rank[r].team;
    if (rank[r].ctx.arena == NULL || pthread_create(&thread[r], NULL, simulated_thread, &rank[r]) != 0) abort();
  }
  for (int r = 0; r < size; ++r) {
    pthread_join(thread[r], NULL);
    fsl_arena_destroy(rank[r].ctx.arena);
  }
}

static inline void simulate(int size, void (*body)(fsl_ctx *ctx, void *data), void *data) {
  simulate_failing(size, -1, 0, body, data);
}

#endif
