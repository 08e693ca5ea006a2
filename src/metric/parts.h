/* metric/parts.h: what the families of metrics share: the scene's inside, a batch of finite samples, and each family's
 * preparation and grading. Not collective. */
#ifndef FSL_METRIC_PARTS_H
#define FSL_METRIC_PARTS_H

#include "metric/kernel_mean.h"
#include "metric/metric.h"
#include "metric/sliced.h"

/* How much is drawn and summed: what results depend on, and the cost model. */
enum {
  FSL_SCENE_LEAST_DRAWS = 1 << 15, /* of the truth, and at least */
  FSL_SCENE_DRAWS_A_PARTICLE = 16,
  FSL_REGION_DRAWS = 100000,    /* of the prior, for its density region */
  FSL_LEAST_AFFORDABLE = 4096,  /* of either, where densities of a large prior cost much */
  FSL_PATH_NODES = 33,          /* times of path_kl */
  FSL_SCORE_LEAST_POINTS = 1001 /* of a score error in one dimension */
};

/* The truth's draws as a stream: in one dimension evenly spread quantiles, else keyed draws. */
typedef struct fsl_truth_stream {
  const fsl_mixture *law;
  double a, v;
  fsl_key key;
  fsl_line line; /* d = 1 */
  uint64_t total;
} fsl_truth_stream;

struct fsl_scene {
  fsl_scene_setting setting;
  size_t d, n_modes;
  double a, v;
  const fsl_mixture *prior;
  fsl_law_view *prior_view; /* at t; NULL: no metric asks */
  fsl_truth_stream truth;
  const double *mean, *covariance; /* of truth at t */
  double trace;
  const double *whiten; /* (d, d): S^-1/2, NULL where S is singular or not wanted */
  fsl_directions directions;
  const fsl_line *line;      /* directions.n: truth at t; NULL: not wanted */
  const fsl_line *line_at_0; /* directions.n_random: p(x_0 | y); NULL: not wanted */
  fsl_kernel_mean *kernel;   /* NULL: not wanted, or no spread */
  const double *mass;        /* n_modes: truth's at t; NULL: not wanted */
  const double *pooled_mass; /* fsl_pooled_modes(n_modes) */
  const bool *excluded;      /* n_modes: true weight at t = 0 below 1e-3; NULL: none, or too much of truth in them */
  fsl_reason not_excluded;   /* why `excluded` is NULL */
  uint32_t main_mode;        /* of largest posterior weight at t = 0 */
  double main_trace;         /* tr Cov of truth inside it; NaN: too few */
  double region_threshold;   /* log density at the edge of the prior's 99 % region; NaN: none */
  double ellipsoid;          /* squared radius of the 68 % noise ellipsoid */
  double true_both;          /* truth's fraction that fits the measurement and not the prior */
};

static inline bool fsl_scene_wants(const fsl_scene *scene, fsl_metric_id id) {
  return (scene->setting.metrics >> (unsigned)id & 1U) != 0;
}

/* Whether anything asks for masses of modes. */
bool fsl_scene_wants_modes(const fsl_scene *scene);
/* At most `most`: fewer, 4096 at least, where so many densities of a large prior cost too much. */
size_t fsl_affordable_draws(const fsl_mixture *prior, size_t most);

/* Finite samples of one grading. */
typedef struct fsl_batch {
  size_t n, d;
  const double *x;       /* (n, d) */
  const uint32_t *mode;  /* n; NULL: no metric asks */
  const double *density; /* n: log density under the prior at t; NULL: not known */
} fsl_batch;

FSL_CHECKED fsl_status fsl_truth_stream_create(fsl_ctx *ctx, const fsl_mixture *law, double a, double v, fsl_key key,
                                               uint64_t total, fsl_truth_stream *out);
FSL_CHECKED fsl_status fsl_truth_stream_draw(fsl_ctx *ctx, const fsl_truth_stream *stream, uint64_t first, size_t n,
                                             double *x);
/* A key of its own for each purpose. */
FSL_CHECKED fsl_status fsl_scene_key(fsl_ctx *ctx, fsl_key key, const char *purpose, fsl_key *out);

/* moments_metrics.c: mean_error, spread_ratio, spread_min, spread_max */
FSL_CHECKED fsl_status fsl_moments_prepare(fsl_ctx *ctx, fsl_scene *scene);
FSL_CHECKED fsl_status fsl_moments_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch, double *value);
/* modes.c: mode_weight, mode_weight_tv, prior_hallucination; within_mode.c: within_mode_spread;
 * prior_region.c. All three measure the truth by one pass over its draws. */
FSL_CHECKED fsl_status fsl_census_prepare(fsl_ctx *ctx, fsl_scene *scene);
FSL_CHECKED fsl_status fsl_modes_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch, double *value,
                                       double *mode_weight);
void fsl_modes_pool(size_t n_modes, const double *mass, double *pooled);

/* plane_masses.c: whether the modes' masses under `law` at v can be had by quadrature: in two dimensions, of up to 2^18
 * components, none of which is a mere line. */
bool fsl_plane_fits(const fsl_mixture *law, double v);
/* mass (n_modes of the prior): of the regions where each mode is the most responsible in p(x_t), under the law at
 * (a, v). To about 1e-4. view: of the prior at (a, v); NULL: made
 * here. */
FSL_CHECKED fsl_status fsl_plane_masses(fsl_ctx *ctx, const fsl_mixture *prior, const fsl_law_view *view,
                                        const fsl_mixture *law, double a, double v, double *mass);

typedef struct fsl_spread_sum { /* of the states inside one mode, about a centre */
  double n, *sum, squares;      /* sum (d) */
} fsl_spread_sum;
void fsl_spread_add(fsl_spread_sum *spread, size_t d, const double *x, const double *centre);
double fsl_spread_trace(const fsl_spread_sum *spread, size_t d); /* NaN below 30 */
FSL_CHECKED fsl_status fsl_within_mode_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch,
                                             double *value);

/* prior_region.c: likelihood_hallucination and escape. Whether a metric asks for the region, and it exists. */
bool fsl_scene_has_region(const fsl_scene *scene);
FSL_CHECKED fsl_status fsl_region_prepare(fsl_ctx *ctx, fsl_scene *scene);
/* How many of n states fit the measurement and lie outside the prior's region. density (n): of p(x_t), where it is
 * known already; else NULL. */
FSL_CHECKED fsl_status fsl_likelihood_count(fsl_ctx *ctx, const fsl_scene *scene, size_t n, const double *x,
                                            const double *density, size_t *count);
FSL_CHECKED fsl_status fsl_likelihood_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_batch *batch,
                                            double *value);
/* The batch must have its densities. */
void fsl_escape_grade(const fsl_scene *scene, const fsl_batch *batch, double *value);

#endif
