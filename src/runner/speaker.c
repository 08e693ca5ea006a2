/* runner/speaker.c: see speaker.h. */
#include "runner/speaker.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct fsl_speaker {
  pthread_t thread;
  pthread_mutex_t shared; /* over all below */
  pthread_cond_t over;
  fsl_progress_style style;
  FILE *out;
  double pace;
  const char *phase;          /* NULL: jobs are computed, or nothing is said */
  double phase_began;         /* on the clock of fsl_now() */
  fsl_progress_counts counts; /* as they were at `counted` */
  double counted;
  bool has_counts, ended;
  bool open;   /* a bar's line is not ended yet */
  double last; /* when a line was last written */
};

/* ---- lines: the mutex is held ------------------------------------------------------------------------------------ */

static void write_line(fsl_speaker *s, const char *text, bool end) {
  if (s->style == FSL_PROGRESS_BAR)
    fprintf(s->out, "\r\033[K%s%s", text, end ? "\n" : "");
  else
    fprintf(s->out, "%s\n", text);
  s->open = s->style == FSL_PROGRESS_BAR && !end;
  fflush(s->out);
  s->last = fsl_now();
}

static void clear_line(fsl_speaker *s) {
  if (s->open) fprintf(s->out, "\r\033[K");
  s->open = false;
}

static void write_phase(fsl_speaker *s) {
  char text[256], passed[32];
  fsl_duration_print(fsl_now() - s->phase_began, passed, sizeof passed);
  snprintf(text, sizeof text, "%s: %s", s->phase, passed);
  write_line(s, text, false);
}

static void write_counts(fsl_speaker *s, bool final) {
  char text[256];
  fsl_progress_counts now = s->counts;
  now.seconds += fsl_now() - s->counted;
  fsl_progress_line(&now, s->style == FSL_PROGRESS_BAR, text, sizeof text);
  write_line(s, text, final);
}

static double patience(const fsl_speaker *s) {
  return s->style == FSL_PROGRESS_BAR ? s->pace / 100 : s->pace;
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

/* A tenth of the pace: of a bar once a second. */
static void wait_a_little(fsl_speaker *s) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  const double pause = s->pace / 10;
  until.tv_sec += (time_t)pause;
  until.tv_nsec += (long)(1e9 * (pause - (double)(time_t)pause));
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_cond_timedwait(&s->over, &s->shared, &until);
}

static void *run(void *self) {
  fsl_speaker *const s = self;
  pthread_mutex_lock(&s->shared);
  while (!s->ended) {
    wait_a_little(s);
    if (s->ended || fsl_now() - s->last < patience(s)) continue;
    if (s->phase != NULL)
      write_phase(s);
    else if (s->has_counts)
      write_counts(s, false);
  }
  pthread_mutex_unlock(&s->shared);
  return NULL;
}

/* Signals are the computing thread's. */
static int start_thread(fsl_speaker *s) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  const int failed = pthread_create(&s->thread, NULL, run, s);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return failed;
}

fsl_speaker *fsl_speaker_create(fsl_progress_style style, FILE *out, double pace) {
  fsl_speaker *const s = style == FSL_PROGRESS_NONE ? NULL : calloc(1, sizeof *s);
  pthread_condattr_t clock;
  if (s == NULL) return NULL;
  s->style = style;
  s->out = out;
  s->pace = pace;
  s->last = fsl_now();
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&s->over, &clock);
  pthread_condattr_destroy(&clock);
  pthread_mutex_init(&s->shared, NULL);
  if (start_thread(s) == 0) return s;
  pthread_cond_destroy(&s->over);
  pthread_mutex_destroy(&s->shared);
  free(s);
  return NULL;
}

void fsl_speaker_destroy(fsl_speaker *s) {
  if (s == NULL) return;
  pthread_mutex_lock(&s->shared);
  clear_line(s);
  s->ended = true;
  pthread_cond_signal(&s->over);
  pthread_mutex_unlock(&s->shared);
  pthread_join(s->thread, NULL);
  pthread_cond_destroy(&s->over);
  pthread_mutex_destroy(&s->shared);
  free(s);
}

/* ---- what is said ------------------------------------------------------------------------------------------------ */

void fsl_speaker_phase(fsl_speaker *s, const char *what) {
  if (s == NULL) return;
  pthread_mutex_lock(&s->shared);
  s->phase = what;
  s->phase_began = fsl_now();
  s->has_counts = false;
  pthread_mutex_unlock(&s->shared);
}

void fsl_speaker_show(fsl_speaker *s, const fsl_progress_counts *counts, bool final) {
  if (s == NULL) return;
  pthread_mutex_lock(&s->shared);
  s->phase = NULL;
  s->counts = *counts;
  s->counted = fsl_now();
  s->has_counts = !final;
  if (final || s->counted - s->last >= patience(s)) write_counts(s, final);
  pthread_mutex_unlock(&s->shared);
}

void fsl_speaker_say(fsl_speaker *s, FILE *out, const char *kind, const char *text) {
  if (s != NULL) {
    pthread_mutex_lock(&s->shared);
    clear_line(s);
  }
  fprintf(out, "fslens: %s%s\n", kind, text);
  fflush(out);
  if (s == NULL) return;
  s->last = fsl_now();
  pthread_mutex_unlock(&s->shared);
}
