/* sampling/time_grids.c: where the steps' nodes lie between t_max and t_min. */
#include "sampling/kinds.h"

#include <math.h>

static void uniform(const fsl_diffusion *diffusion, double t_max, double t_min, size_t steps, double *node) {
  (void)diffusion;
  for (size_t i = 0; i <= steps; i++) node[i] = t_max + (t_min - t_max) * (double)i / (double)steps;
}

/* sqrt(t) in equal steps: dense where t is small. */
static void quadratic(const fsl_diffusion *diffusion, double t_max, double t_min, size_t steps, double *node) {
  (void)diffusion;
  const double from = sqrt(t_max), to = sqrt(t_min);
  for (size_t i = 0; i <= steps; i++) {
    const double root = from + (to - from) * (double)i / (double)steps;
    node[i] = root * root;
  }
}

static double log_snr(const fsl_diffusion *diffusion, double t) {
  return 2 * log(diffusion->a(diffusion, t)) - log(diffusion->v(diffusion, t));
}

/* The time in [low, high] where the decreasing log(abar/v) equals `level`: bisection to the last bit. */
static double time_of(const fsl_diffusion *diffusion, double level, double low, double high) {
  for (;;) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return middle;
    if (log_snr(diffusion, middle) > level)
      low = middle;
    else
      high = middle;
  }
}

static void by_log_snr(const fsl_diffusion *diffusion, double t_max, double t_min, size_t steps, double *node) {
  const double from = log_snr(diffusion, t_max), to = log_snr(diffusion, t_min);
  node[0] = t_max;
  for (size_t i = 1; i < steps; i++)
    node[i] = time_of(diffusion, from + (to - from) * (double)i / (double)steps, t_min, t_max);
  node[steps] = t_min;
}

const fsl_time_grid_kind fsl_time_grid_uniform = {
    .head = {.name = "uniform", .help = "equal steps in t", .source = "Song et al. 2021", .version = 1},
    .nodes = uniform,
};

const fsl_time_grid_kind fsl_time_grid_log_snr = {
    .head = {.name = "log-snr",
             .help = "equal steps in log(abar/v), the log signal-to-noise ratio",
             .source = "Lu et al. 2022 (DPM-Solver)",
             .version = 1},
    .nodes = by_log_snr,
};

const fsl_time_grid_kind fsl_time_grid_quadratic = {
    .head = {.name = "quadratic",
             .help = "equal steps in sqrt(t)",
             .source = "Song, Meng & Ermon 2021 (DDIM)",
             .version = 1},
    .nodes = quadratic,
};
