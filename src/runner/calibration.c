/* runner/calibration.c: see calibration.h. */
#include "runner/calibration.h"

#include <math.h>

/* The prior counts as two jobs that took their cost, give or take a factor of 2.5. */
static const double prior_jobs = 2, prior_spread = 0.92;
static const double quantile = 1.645; /* of the standard normal: 95 % */

void fsl_calibration_add(fsl_calibration *c, const fsl_job *job, double seconds, int ranks) {
  if (!(seconds > 0 && isfinite(seconds)) || !(job->cost > 0) || ranks < 1) return;
  const double ratio = log(seconds * ranks / job->cost);
  c->type[job->type].n++;
  c->type[job->type].sum += ratio;
  c->type[job->type].squares += ratio * ratio;
}

double fsl_calibration_factor(const fsl_calibration *c, fsl_job_type type) {
  return exp(c->type[type].sum / (c->type[type].n + prior_jobs));
}

double fsl_calibration_upper(const fsl_calibration *c, const fsl_job *job, int ranks) {
  const double n = c->type[job->type].n + prior_jobs, mean = c->type[job->type].sum / n;
  const double squares = c->type[job->type].squares + prior_jobs * prior_spread * prior_spread;
  const double variance = fmax(0, squares / n - mean * mean);
  return job->cost / ranks * exp(mean + quantile * sqrt(variance * (1 + 1 / n)));
}

/* 960,000 cells took 2 minutes, and a small file a tenth of a second. */
double fsl_gather_reserve(size_t n_cells) {
  return 1 + 2.5e-4 * (double)n_cells;
}
