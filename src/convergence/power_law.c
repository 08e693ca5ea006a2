/* convergence/power_law.c: slopes of errors against N. The fit above a known plateau is damped Newton in two parameters
 * (Marquardt 1963), written out because it runs once a bootstrap resample. */
#include "convergence/power_law.h"

#include <math.h>

enum { MOST_ITERATIONS = 100 };

/* Slopes |s| > 4 and plateaus e^12 above c^2 N^2s are out of what any data here can tell apart from nothing. */
static const double steepest = 8, deepest = 12, settled = 1e-10;
static const double rounding = 1e-12; /* of a sum of squares: close to the minimum steps change nothing else */

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

/* A quadratic form in (level, slope). */
typedef struct form {
  double a00, a01, a11;
} form;

static void add_to_form(form *f, double weight, double x) {
  f->a00 += weight;
  f->a01 += weight * x;
  f->a11 += weight * x * x;
}

/* The sum of squares at a point, and half its derivatives: downhill, Hessian, and the Hessian's part that is never
 * indefinite (Gauss and Newton's). */
typedef struct local {
  double misfit, g0, g1;
  form hessian, plain;
} local;

static local look(const plateau_fit *fit, line p) {
  local at = {0};
  for (size_t i = 0; i < fit->n; i++) {
    const double x = fit->log_n[i] - fit->centre, signal = exp(p.level + p.slope * x), whole = signal + fit->b2;
    const double w = signal / whole, r = log(fit->error[i] * fit->error[i] / whole);
    at.misfit += r * r;
    at.g0 += w * r;
    at.g1 += w * x * r;
    add_to_form(&at.plain, w * w, x);
    add_to_form(&at.hessian, w * w - r * w * (1 - w), x);
  }
  return at;
}

static bool solve(form f, double damping, double g0, double g1, line *out) {
  const double a00 = f.a00 * (1 + damping), a11 = f.a11 * (1 + damping), det = a00 * a11 - f.a01 * f.a01;
  if (!(det > 1e-300 && a00 > 0)) return false;
  out->level = (a11 * g0 - f.a01 * g1) / det;
  out->slope = (a00 * g1 - f.a01 * g0) / det;
  return true;
}

/* One damped step from p; false where the normal equations are singular. Newton's where the sum of squares is convex:
 * errors scatter about the line, and Gauss and Newton's steps then close in only slowly. */
static bool step_from(const local *at, line p, double damping, line *next) {
  line step;
  if (!solve(at->hessian, damping, at->g0, at->g1, &step) && !solve(at->plain, damping, at->g0, at->g1, &step))
    return false;
  next->level = p.level + step.level;
  next->slope = fmin(fmax(p.slope + step.slope, -steepest), steepest);
  return isfinite(next->level);
}

static line minimise(const plateau_fit *fit) {
  line p = start_of(fit);
  local at = look(fit, p);
  double damping = 1e-4;
  for (int i = 0; i < MOST_ITERATIONS && damping < 1e12; i++) {
    line next = p;
    if (!step_from(&at, p, damping, &next)) {
      damping *= 10;
      continue;
    }
    if (fabs(next.slope - p.slope) < settled && fabs(next.level - p.level) < settled) return next;
    const local there = look(fit, next);
    if (!(there.misfit <= at.misfit * (1 + rounding))) {
      damping *= 10;
      continue;
    }
    p = next;
    at = there;
    damping *= 0.1;
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
