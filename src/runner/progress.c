/* runner/progress.c: progress lines (see progress.h). */
#include "runner/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BAR_WIDTH = 30 };

void fsl_duration_print(double seconds, char *text, size_t size) {
  const double most = 1e10; /* three hundred years */
  const unsigned long s = !(seconds > 0) ? 0 : (unsigned long)(fmin(seconds, most) + 0.5), minutes = (s + 30) / 60;
  if (s < 100)
    snprintf(text, size, "%lu s", s);
  else if (minutes < 100)
    snprintf(text, size, "%lu min", minutes);
  else if (minutes < 48 * 60)
    snprintf(text, size, "%lu h %lu min", minutes / 60, minutes % 60);
  else
    snprintf(text, size, "%lu days %lu h", minutes / (24 * 60), minutes / 60 % 24);
}

static double fraction_done(const fsl_progress_counts *c) {
  if (c->done + c->failed >= c->total) return 1;
  return c->cost_total > 0 ? c->cost_done / c->cost_total : 0;
}

/* "3 min left". Until a job of this run is done, from what all were expected to take. */
static void print_left(const fsl_progress_counts *c, char *text, size_t size) {
  const double fraction = fraction_done(c);
  const double left = fraction > 0 ? c->seconds * (1 - fraction) / fraction : c->expected - c->seconds;
  char duration[32];
  fsl_duration_print(left, duration, sizeof duration);
  if (left < 0)
    snprintf(text, size, "longer than expected");
  else
    snprintf(text, size, "%s left", duration);
}

void fsl_progress_line(const fsl_progress_counts *c, bool with_bar, char *text, size_t size) {
  char bar[BAR_WIDTH + 4] = "", passed[32], left[48];
  if (with_bar) {
    const size_t full = (size_t)(fraction_done(c) * BAR_WIDTH);
    bar[0] = '[';
    for (size_t i = 0; i < BAR_WIDTH; i++) bar[i + 1] = i < full ? '#' : '.';
    memcpy(bar + BAR_WIDTH + 1, "] ", 3);
  }
  fsl_duration_print(c->seconds, passed, sizeof passed);
  print_left(c, left, sizeof left);
  snprintf(text, size, "%s%zu of %zu jobs done, %zu failed; %s passed, %s", bar, c->done, c->total, c->failed, passed,
           left);
}
