/* convergence/power_law.c: slopes of errors against N. The fit above a known plateau is Levenberg-Marquardt in two
 * parameters (Marquardt 1963), written out because it runs once a bootstrap resample. */
#include "convergence/power_law.h"

#include <math.h>

enum { MOST_ITERATIONS = 100 };

/* Slopes |s| > 4 and plateaus e^12 above c^2 N^2s are out of what any data here can tell apart from nothing. */
static const double steepest = 8, deepest = 12, settled = 1e-10;

/* y = level + slope x */
typedef struct line {
  double level, slope;
} line;

static double mean_of(size_t n, const double *values) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  return sum / (double)n;
}

static bool all_positive(size_t n, const double *values) {
  for (size_t i = 0; i < n; i++)
    if (!(values[i] > 0) || !isfinite(values[i])) return false;
  return true;
}

double fsl_power_law_slope(size_t n, const double *log_n, const double *error) {
  if (n < 2 || !all_positive(n, error)) return NAN;
  const double centre = mean_of(n, log_n);
  double top = 0, bottom = 0;
  for (size_t i = 0; i < n; i++) {
    top += (log_n[i] - centre) * log(error[i]);
    bottom += (log_n[i] - centre) * (log_n[i] - centre);
  }
  return top / bottom;
}

/* ---- above a plateau: with u = log c^2 + 2 s log N the model is f = log(e^u + b^2), df/du = e^u/(e^u + b^2) ----- */

typedef struct plateau_fit {
  size_t n;
  const double *log_n, *error;
  double centre, b2;
} plateau_fit;

static double model(const plateau_fit *fit, line p, size_t i, double *weight) {
  const double signal = exp(p.level + p.slope * (fit->log_n[i] - fit->centre));
  *weight = signal / (signal + fit->b2);
  return log(signal + fit->b2);
}

static double misfit(const plateau_fit *fit, line p) {
  double sum = 0, weight;
  for (size_t i = 0; i < fit->n; i++) {
    const double r = 2 * log(fit->error[i]) - model(fit, p, i, &weight);
    sum += r * r;
  }
  return sum;
}

/* The line through log(E^2 - b^2); where noise left less than a tenth of E^2, that tenth stands in. */
static line start_of(const plateau_fit *fit) {
  line p = {0, 0};
  double spread = 0;
  for (size_t i = 0; i < fit->n; i++) {
    const double e2 = fit->error[i] * fit->error[i], x = fit->log_n[i] - fit->centre;
    const double z = log(fmax(e2 - fit->b2, 0.1 * e2));
    p.level += z / (double)fit->n;
    p.slope += x * z;
    spread += x * x;
  }
  p.slope = fmin(fmax(p.slope / spread, -steepest), steepest);
  return p;
}

/* One damped Gauss-Newton step from p; false where the normal equations are singular. */
static bool step_from(const plateau_fit *fit, line p, double damping, line *next) {
  double a00 = 0, a01 = 0, a11 = 0, g0 = 0, g1 = 0, w;
  for (size_t i = 0; i < fit->n; i++) {
    const double x = fit->log_n[i] - fit->centre;
    const double r = 2 * log(fit->error[i]) - model(fit, p, i, &w);
    a00 += w * w, a01 += w * w * x, a11 += w * w * x * x;
    g0 += w * r, g1 += w * x * r;
  }
  a00 *= 1 + damping, a11 *= 1 + damping;
  const double det = a00 * a11 - a01 * a01;
  if (!(det > 1e-300)) return false;
  next->level = p.level + (a11 * g0 - a01 * g1) / det;
  next->slope = fmin(fmax(p.slope + (a00 * g1 - a01 * g0) / det, -steepest), steepest);
  return isfinite(next->level);
}

static line minimise(const plateau_fit *fit) {
  line p = start_of(fit);
  double best = misfit(fit, p), damping = 1e-4;
  for (int i = 0; i < MOST_ITERATIONS && damping < 1e12; i++) {
    line next = p;
    const bool moved = step_from(fit, p, damping, &next);
    const double now = moved ? misfit(fit, next) : INFINITY;
    if (!(now <= best)) {
      damping *= 10;
      continue;
    }
    const bool done = fabs(next.slope - p.slope) < settled && fabs(next.level - p.level) < settled;
    p = next;
    best = now;
    damping *= 0.1;
    if (done) break;
  }
  return p;
}

/* Whether c^2 N^2s stands out from b^2 at two sizes or more, and the slope did not run into its bound. */
static bool identified(const plateau_fit *fit, line p) {
  size_t visible = 0;
  for (size_t i = 0; i < fit->n; i++)
    visible += p.level + p.slope * (fit->log_n[i] - fit->centre) > log(fit->b2) - deepest;
  return visible >= 2 && fabs(p.slope) < steepest;
}

double fsl_power_law_slope_above(size_t n, const double *log_n, const double *error, double b) {
  if (b == 0) return fsl_power_law_slope(n, log_n, error);
  if (n < 2 || !all_positive(n, error) || !(b > 0) || !isfinite(b)) return NAN;
  const plateau_fit fit = {.n = n, .log_n = log_n, .error = error, .centre = mean_of(n, log_n), .b2 = b * b};
  const line p = minimise(&fit);
  return identified(&fit, p) ? p.slope / 2 : NAN;
}
