/* runner/watchdog.c: see watchdog.h. */
#include "runner/watchdog.h"

#include "runner/overdue.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct fsl_watchdog {
  pthread_t thread;
  pthread_mutex_t shared; /* whoever holds it may touch what the two threads share */
  pthread_cond_t over;
  const volatile sig_atomic_t *stop;
  void (*bark)(void *self, bool timed_out);
  void *self;
  double limit;
  double began;   /* of the job under way; INFINITY: none is */
  double stopped; /* when the stop was first seen; INFINITY: not yet */
  bool ended;
};

static const long look_every = 200000000; /* nanoseconds */

/* Waits a little, or until the end. The mutex is held before and behind. */
static void wait_a_little(fsl_watchdog *dog) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += look_every;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_cond_timedwait(&dog->over, &dog->shared, &until);
}

static void *run(void *self) {
  fsl_watchdog *const dog = self;
  pthread_mutex_lock(&dog->shared);
  while (!dog->ended) {
    const double now = fsl_now();
    if (isinf(dog->stopped) && dog->stop != NULL && *dog->stop != 0) dog->stopped = now;
    const fsl_overdue overdue =
        isinf(dog->began) ? FSL_IN_TIME : fsl_overdue_find(dog->limit, now - dog->began, now - dog->stopped);
    if (overdue != FSL_IN_TIME) dog->bark(dog->self, overdue == FSL_PAST_LIMIT);
    wait_a_little(dog);
  }
  pthread_mutex_unlock(&dog->shared);
  return NULL;
}

/* Signals are the computing thread's. */
static int start_thread(fsl_watchdog *dog) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  const int failed = pthread_create(&dog->thread, NULL, run, dog);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return failed;
}

fsl_status fsl_watchdog_create(fsl_ctx *ctx, double limit, void (*bark)(void *self, bool timed_out), void *self,
                               fsl_watchdog **out) {
  fsl_watchdog *const dog = calloc(1, sizeof *dog);
  pthread_condattr_t clock;
  if (dog == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a watchdog");
  dog->stop = ctx->stop;
  dog->bark = bark;
  dog->self = self;
  dog->limit = limit;
  dog->began = dog->stopped = INFINITY;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&dog->over, &clock);
  pthread_condattr_destroy(&clock);
  pthread_mutex_init(&dog->shared, NULL);
  pthread_mutex_lock(&dog->shared);
  if (start_thread(dog) == 0) {
    *out = dog;
    return FSL_OK;
  }
  pthread_mutex_unlock(&dog->shared);
  free(dog);
  return fsl_fail(ctx, FSL_ENOMEM, "cannot start a thread for a watchdog");
}

void fsl_watchdog_watch(fsl_watchdog *dog) {
  dog->began = fsl_now();
  pthread_mutex_unlock(&dog->shared);
}

void fsl_watchdog_rest(fsl_watchdog *dog) {
  pthread_mutex_lock(&dog->shared);
  dog->began = INFINITY;
}

void fsl_watchdog_destroy(fsl_watchdog *dog) {
  dog->ended = true;
  pthread_cond_signal(&dog->over);
  pthread_mutex_unlock(&dog->shared);
  pthread_join(dog->thread, NULL);
  pthread_cond_destroy(&dog->over);
  pthread_mutex_destroy(&dog->shared);
  free(dog);
}
