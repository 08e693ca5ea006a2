/* runner/progress.c: progress lines (see progress.h). */
#include "runner/progress.h"

#include <string.h>

enum { BAR_WIDTH = 30 };
static const double bar_every = 0.1, plain_every = 10;

static void print_duration(double seconds, char *text, size_t size) {
  const unsigned long s = seconds < 0 ? 0 : (unsigned long)(seconds + 0.5);
  if (s < 100)
    snprintf(text, size, "%lu s", s);
  else if (s < 6000)
    snprintf(text, size, "%lu min %02lu s", s / 60, s % 60);
  else
    snprintf(text, size, "%lu h %02lu min", s / 3600, s / 60 % 60);
}

static double fraction_done(const fsl_progress_counts *c) {
  if (c->done + c->failed >= c->total) return 1;
  return c->cost_total > 0 ? c->cost_done / c->cost_total : 0;
}

void fsl_progress_line(const fsl_progress_counts *c, bool with_bar, char *text, size_t size) {
  const double fraction = fraction_done(c);
  const double rate = c->seconds > 0 ? (double)(c->done + c->failed - c->resumed) / c->seconds : 0;
  char bar[BAR_WIDTH + 4] = "", left[32] = "?";
  if (with_bar) {
    const size_t full = (size_t)(fraction * BAR_WIDTH);
    bar[0] = '[';
    for (size_t i = 0; i < BAR_WIDTH; i++) bar[i + 1] = i < full ? '#' : '.';
    memcpy(bar + BAR_WIDTH + 1, "] ", 3);
  }
  if (fraction > 0) print_duration(c->seconds * (1 - fraction) / fraction, left, sizeof left);
  snprintf(text, size, "%s%zu of %zu jobs done, %zu failed, %.3g jobs/s, %s left", bar, c->done, c->total, c->failed,
           rate, left);
}

void fsl_progress_show(fsl_progress *progress, const fsl_progress_counts *counts, double now, bool final) {
  const bool bar = progress->style == FSL_PROGRESS_BAR;
  if (progress->style == FSL_PROGRESS_NONE) return;
  if (!final && now - progress->last < (bar ? bar_every : plain_every)) return;
  char text[256];
  fsl_progress_line(counts, bar, text, sizeof text);
  progress->last = now;
  if (bar)
    fprintf(progress->out, "\r\033[K%s%s", text, final ? "\n" : "");
  else
    fprintf(progress->out, "%s\n", text);
  fflush(progress->out);
}
