/* runner/schedule.c: the choice of a block of workers (see schedule.h). */
#include "runner/schedule.h"

#include <math.h>

/* Splitting a job pays for its exchanges only when each part still takes this long. */
static const double shortest_part = 0.05;
/* What is waited for may come later than expected. */
static const double doubt = 1.25;
/* A job that should have ended is expected to take this part of the time it has taken once more. */
static const double overrun = 0.25;
static const double longest_batch = 0.005;

int fsl_schedule_level(int n_workers, size_t ranks) {
  int level = 0;
  while (((size_t)2 << level) <= ranks && (2 << level) <= n_workers) level++;
  return level;
}

static double share(const fsl_schedule *s, double cost) {
  return (s->pending_seconds > cost ? s->pending_seconds : cost) / s->n_workers;
}

static int wanted_level(const fsl_schedule *s, double cost, size_t least, size_t most) {
  const int lowest = fsl_schedule_level(s->n_workers, least), highest = fsl_schedule_level(s->n_workers, most);
  int level = s->forced > 0 ? fsl_schedule_level(s->n_workers, s->forced) : 0;
  while (s->forced == 0 && level < highest && cost / (1 << level) > share(s, cost) &&
         cost / (2 << level) > shortest_part)
    level++;
  if (level > highest) level = highest;
  return level < lowest ? lowest : level;
}

/* When all of a block is expected to be free: `now` where it is. */
static double ready_at(const fsl_schedule *s, fsl_block block, bool *is_free) {
  double left = 0;
  *is_free = true;
  for (int i = block.first; i < block.first + (1 << block.level); i++) {
    if (!s->busy[i]) continue;
    *is_free = false;
    left = s->until == NULL ? INFINITY : fmax(left, fmax(s->until[i] - s->now, overrun * (s->now - s->since[i])));
  }
  return s->now + left;
}

static bool overlap(fsl_block a, fsl_block b) {
  return a.first < b.first + (1 << b.level) && b.first < a.first + (1 << a.level);
}

bool fsl_schedule_has_room(const fsl_schedule *s, fsl_block block) {
  for (int i = block.first; s->room != NULL && i < block.first + (1 << block.level); i++)
    if (s->need[block.level] > s->room[i]) return false;
  return true;
}

size_t fsl_schedule_least(const fsl_schedule *s, size_t most) {
  const int highest = fsl_schedule_level(s->n_workers, most);
  for (int level = 0; level <= highest; level++)
    for (fsl_block block = {0, level}; block.first + (1 << level) <= s->n_workers; block.first += 1 << level)
      if (fsl_schedule_has_room(s, block)) return (size_t)1 << level;
  return 0;
}

typedef struct offer {
  fsl_block block;
  bool is_free;
  double end; /* of the job there */
} offer;

static const offer no_offer = {.block = {0, -1}, .is_free = false, .end = INFINITY};

/* Free ones win ties. A block that nothing is known of can be waited for, where there is no better one. */
static bool is_better(const offer *a, const offer *b) {
  if (b->block.level < 0) return true;
  return a->end < b->end || (a->is_free && !b->is_free && a->end <= b->end);
}

/* The best block of one level. */
static offer best_of_level(const fsl_schedule *s, int level, double cost) {
  offer best = no_offer;
  for (fsl_block block = {0, level}; block.first + (1 << level) <= s->n_workers; block.first += 1 << level) {
    offer o = {.block = block};
    if (!fsl_schedule_has_room(s, block)) continue;
    const double ready = ready_at(s, block, &o.is_free), took = cost / (1 << level);
    if (s->has_reserved && overlap(block, s->reserved) && !(ready + took <= s->reserved_from)) continue;
    o.end = s->now + doubt * (ready - s->now) + took;
    if (is_better(&o, &best)) best = o;
    if (best.is_free) break; /* no other ends earlier */
  }
  return best;
}

fsl_block fsl_schedule_next(const fsl_schedule *s, double cost, size_t least, size_t most, fsl_block *wait) {
  const int wanted = wanted_level(s, cost, least, most);
  const int lowest = s->forced > 0 ? wanted : fsl_schedule_level(s->n_workers, least);
  offer best = no_offer;
  for (int level = wanted; level >= lowest && level >= 0; level--) {
    const offer o = best_of_level(s, level, cost);
    if (o.block.level >= 0 && is_better(&o, &best)) best = o;
  }
  if (wait != NULL) *wait = best.block;
  return best.is_free ? best.block : (fsl_block){0, -1};
}

fsl_block fsl_schedule_elsewhere(const fsl_schedule *s, fsl_block starved, size_t least, fsl_block *wait) {
  const fsl_block none = {0, -1};
  const int lowest = fsl_schedule_level(s->n_workers, least);
  *wait = none;
  for (int level = starved.level; level >= lowest && level >= 0; level--)
    for (fsl_block block = {0, level}; block.first + (1 << level) <= s->n_workers; block.first += 1 << level) {
      bool is_free;
      ready_at(s, block, &is_free);
      if (overlap(block, starved) || !fsl_schedule_has_room(s, block)) continue;
      if (is_free || wait->level < 0) *wait = block;
      if (is_free) return block;
    }
  return none;
}

bool fsl_schedule_again(const fsl_schedule *s, fsl_block starved, size_t least, bool tried_again) {
  fsl_block wait;
  fsl_schedule_elsewhere(s, starved, least, &wait);
  return !tried_again && wait.level >= 0;
}

void fsl_schedule_set(fsl_schedule *schedule, fsl_block block, bool busy) {
  for (int i = 0; i < 1 << block.level; i++) schedule->busy[block.first + i] = busy;
}

void fsl_schedule_reserve(fsl_schedule *schedule, fsl_block block) {
  bool is_free;
  schedule->has_reserved = true;
  schedule->reserved = block;
  schedule->reserved_from = ready_at(schedule, block, &is_free);
}

double fsl_schedule_batch(const fsl_schedule *schedule) {
  return fmin(longest_batch, schedule->pending_seconds / schedule->n_workers / 2);
}
