/* runner/schedule.c: the choice of a block of workers (see schedule.h). */
#include "runner/schedule.h"

/* Splitting a job pays for its exchanges only when each part still takes this long. */
static const double shortest_part = 0.05;

int fsl_schedule_level(int n_workers, size_t ranks) {
  int level = 0;
  while (((size_t)2 << level) <= ranks && (2 << level) <= n_workers) level++;
  return level;
}

static int wanted_level(const fsl_schedule *s, double cost, size_t least, size_t most) {
  const int lowest = fsl_schedule_level(s->n_workers, least), highest = fsl_schedule_level(s->n_workers, most);
  const double share = (s->pending_seconds > cost ? s->pending_seconds : cost) / s->n_workers;
  int level = s->forced > 0 ? fsl_schedule_level(s->n_workers, s->forced) : 0;
  while (s->forced == 0 && level < highest && cost / (1 << level) > share && cost / (2 << level) > shortest_part)
    level++;
  if (level > highest) level = highest;
  return level < lowest ? lowest : level;
}

static bool is_free(const fsl_schedule *s, fsl_block block) {
  for (int i = 0; i < 1 << block.level; i++)
    if (s->busy[block.first + i]) return false;
  return true;
}

static fsl_block find_free(const fsl_schedule *s, int level) {
  for (fsl_block block = {0, level}; block.first + (1 << level) <= s->n_workers; block.first += 1 << level)
    if (is_free(s, block)) return block;
  return (fsl_block){0, -1};
}

fsl_block fsl_schedule_next(const fsl_schedule *schedule, double cost, size_t least, size_t most) {
  const int lowest = fsl_schedule_level(schedule->n_workers, least);
  int level = wanted_level(schedule, cost, least, most);
  fsl_block block = find_free(schedule, level);
  while (block.level < 0 && schedule->forced == 0 && level > lowest) block = find_free(schedule, --level);
  return block;
}

void fsl_schedule_set(fsl_schedule *schedule, fsl_block block, bool busy) {
  for (int i = 0; i < 1 << block.level; i++) schedule->busy[block.first + i] = busy;
}
