/* simulated_team.h: a team of 1, 2, 4 or 8 ranks in one process: threads that exchange through shared memory. */
#ifndef SIMULATED_TEAM_H
#define SIMULATED_TEAM_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fslens/base.h"

enum { SIMULATED_MOST = 8 };

/* Two ranks meet twice an exchange: when both have put their message, and when both have read the other's. */
typedef struct simulated_world {
  int size;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  const double *message[SIMULATED_MOST][SIMULATED_MOST]; /* from, to */
  int flag[SIMULATED_MOST][SIMULATED_MOST];
  size_t length[SIMULATED_MOST][SIMULATED_MOST];
  size_t exchanges;
} simulated_world;

typedef struct simulated_rank {
  simulated_world *world;
  int rank;
  fsl_team team;
  fsl_ctx ctx;
  void (*body)(fsl_ctx *ctx, void *data);
  void *data;
} simulated_rank;

static fsl_status simulated_exchange(void *self, int partner, int flag, int *partner_flag, const double *send,
                                     double *recv, size_t n) {
  const simulated_rank *me = self;
  simulated_world *w = me->world;
  const int rank = me->rank;
  pthread_mutex_lock(&w->lock);
  w->message[rank][partner] = send;
  w->flag[rank][partner] = flag;
  w->length[rank][partner] = n;
  ++w->exchanges;
  pthread_cond_broadcast(&w->changed);
  while (w->message[partner][rank] == NULL) pthread_cond_wait(&w->changed, &w->lock);
  const fsl_status status = w->length[partner][rank] == n ? FSL_OK : FSL_EINTERNAL;
  if (status == FSL_OK) memcpy(recv, w->message[partner][rank], n * sizeof *recv);
  *partner_flag = w->flag[partner][rank];
  w->message[partner][rank] = NULL; /* read: the partner may go on */
  pthread_cond_broadcast(&w->changed);
  while (w->message[rank][partner] != NULL) pthread_cond_wait(&w->changed, &w->lock);
  pthread_mutex_unlock(&w->lock);
  return status;
}

static void *simulated_thread(void *self) {
  simulated_rank *me = self;
  me->body(&me->ctx, me->data);
  return NULL;
}

/* Runs body(ctx, data) on every rank; data is shared, ctx->team->rank tells who asks. */
static void simulate(int size, void (*body)(fsl_ctx *ctx, void *data), void *data) {
  simulated_world world = {.size = size, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  simulated_rank rank[SIMULATED_MOST] = {{0}};
  pthread_t thread[SIMULATED_MOST];
  for (int r = 0; r < size; ++r) {
    rank[r] = (simulated_rank){.world = &world, .rank = r, .body = body, .data = data};
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

#endif
