/* sampling/steps.c: the steps of a run: a time grid's nodes, the measured times inserted, each interval refined. */
#include "sampling/noise.h"
#include "sampling/sampling.h"

#include <math.h>

/* A measured time this close to a node, in units of the interval, is that node. */
static const double same_node = 1e-9;

typedef struct builder {
  size_t n, refine;
  double *node, *share;
  uint64_t *nominal, *part;
  int64_t *record;
} builder;

static fsl_status check_times(fsl_ctx *ctx, double t_max, size_t n_times, const double *times) {
  if (n_times == 0) return fsl_fail(ctx, FSL_EINPUT, "no times to sample at");
  for (size_t i = 0; i < n_times; i++) {
    if (!(times[i] > 0 && times[i] < t_max))
      return fsl_fail(ctx, FSL_EINPUT, "time %g does not lie between 0 and t_max = %g", times[i], t_max);
    for (size_t j = 0; j < i; j++)
      if (times[j] == times[i]) return fsl_fail(ctx, FSL_EINPUT, "time %g is given twice", times[i]);
  }
  return FSL_OK;
}

static double smallest(size_t n, const double *times) {
  double least = times[0];
  for (size_t i = 1; i < n; i++) least = fmin(least, times[i]);
  return least;
}

/* Nodes that are a measured time but for rounding become that time, so that no sliver of a step is left. */
static void snap(size_t steps, size_t n_times, const double *times, double *node) {
  for (size_t i = 0; i < n_times; i++)
    for (size_t k = 1; k < steps; k++)
      if (fabs(node[k] - times[i]) <= same_node * (node[k - 1] - node[k + 1]) / 2) node[k] = times[i];
}

static fsl_status place_nodes(fsl_ctx *ctx, const fsl_time_grid_kind *grid, const fsl_diffusion *diffusion,
                              double t_max, size_t steps, size_t n_times, const double *times, double *node) {
  grid->nodes(diffusion, t_max, smallest(n_times, times), steps, node);
  node[0] = t_max;
  node[steps] = smallest(n_times, times);
  snap(steps, n_times, times, node);
  for (size_t k = 0; k < steps; k++)
    if (!(node[k + 1] < node[k]))
      return fsl_fail(ctx, FSL_EINPUT, "time grid %s: %zu steps between %g and %g do not decrease", grid->head.name,
                      steps, t_max, node[steps]);
  return FSL_OK;
}

/* The largest measured time in (low, high), or low. */
static double next_cut(double high, double low, size_t n_times, const double *times) {
  double cut = low;
  for (size_t i = 0; i < n_times; i++)
    if (times[i] > cut && times[i] < high) cut = times[i];
  return cut;
}

static int64_t time_index(double t, size_t n_times, const double *times) {
  for (size_t i = 0; i < n_times; i++)
    if (times[i] == t) return (int64_t)i;
  return -1;
}

/* Part number `plain` of nominal step k, from `high` to `low`, cut into `refine` equal steps. */
static void add_part(builder *b, uint64_t k, uint64_t plain, double high, double low, double nominal_length,
                     int64_t record) {
  for (size_t r = 0; r < b->refine; r++) {
    const size_t i = b->n++;
    const bool last = r + 1 == b->refine;
    b->node[i + 1] = last ? low : high + (low - high) * (double)(r + 1) / (double)b->refine;
    b->share[i] = (b->node[i] - b->node[i + 1]) / nominal_length;
    b->nominal[i] = k;
    b->part[i] = plain * b->refine + r;
    b->record[i] = last ? record : -1;
  }
}

static void split(builder *b, uint64_t k, double high, double low, size_t n_times, const double *times) {
  const double length = high - low;
  for (uint64_t part = 0; high > low; part++) {
    const double cut = next_cut(high, low, n_times, times);
    add_part(b, k, part, high, cut, length, time_index(cut, n_times, times));
    high = cut;
  }
}

static fsl_status get_builder(fsl_ctx *ctx, size_t capacity, size_t refine, builder *b) {
  *b = (builder){.refine = refine};
  FSL_GET(ctx, b->node, capacity + 1);
  FSL_GET(ctx, b->share, capacity);
  FSL_GET(ctx, b->nominal, capacity);
  FSL_GET(ctx, b->part, capacity);
  FSL_GET(ctx, b->record, capacity);
  return FSL_OK;
}

fsl_status fsl_steps_create(fsl_ctx *ctx, const fsl_time_grid_kind *grid, const fsl_diffusion *diffusion, double t_max,
                            size_t steps, size_t refine, size_t n_times, const double *times, fsl_steps *out) {
  builder b;
  double *coarse;
  if (steps == 0 || refine == 0) return fsl_fail(ctx, FSL_EINPUT, "a run needs at least one step");
  if ((n_times + 1) * refine > FSL_MAX_PARTS)
    return fsl_fail(ctx, FSL_EINPUT, "%zu times refined %zu times exceed %d parts of a step", n_times, refine,
                    FSL_MAX_PARTS);
  FSL_TRY(check_times(ctx, t_max, n_times, times));
  FSL_GET(ctx, coarse, steps + 1);
  FSL_TRY(place_nodes(ctx, grid, diffusion, t_max, steps, n_times, times, coarse));
  FSL_TRY(get_builder(ctx, (steps + n_times) * refine, refine, &b));
  b.node[0] = t_max;
  for (size_t k = 0; k < steps; k++) split(&b, k, coarse[k], coarse[k + 1], n_times, times);
  *out = (fsl_steps){b.n, b.node, b.share, b.nominal, b.part, b.record};
  return FSL_OK;
}
