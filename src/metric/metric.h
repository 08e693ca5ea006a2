/* metric/metric.h: what is measured about samples at time t against p(x_t | y) under truth, the floors of exact
 * samples, the reference's own error, score errors and the error budget. */
#ifndef FSL_METRIC_H
#define FSL_METRIC_H

#include "metric/reason.h"
#include "posterior/create.h"
#include "sampling/sampling.h"
#include "truth/truth.h"

/* ---- the table of metrics: root variables of the results file, in this order -------------------------- */

typedef enum fsl_metric_id {
  FSL_MEAN_ERROR,
  FSL_SPREAD_RATIO,
  FSL_SPREAD_MIN,
  FSL_SPREAD_MAX,
  FSL_WITHIN_MODE_SPREAD,
  FSL_SLICED_W1,
  FSL_MAX_SLICED_W1,
  FSL_MMD2,
  FSL_MODE_WEIGHT_TV,
  FSL_PRIOR_HALLUCINATION,
  FSL_LIKELIHOOD_HALLUCINATION,
  FSL_ESCAPE,
  FSL_STOPPING_ERROR,
  FSL_SCORE_ERROR,
  FSL_SCORE_ERROR_ABS,
  FSL_PATH_KL,
  FSL_NONFINITE_FRACTION,
  FSL_N_METRICS
} fsl_metric_id;

typedef struct fsl_metric_info {
  fsl_kind head;         /* name, help (one line), source; no parameters */
  const char *long_name; /* for the results file */
  const char *units;     /* "1" or "nat" */
  bool has_floor;        /* <name>_floor and <name>_floor_hi */
  bool has_floor_lo;     /* spreads: <name>_floor_lo too */
  bool has_rate;         /* appears in /convergence */
} fsl_metric_info;

extern const fsl_metric_info fsl_metrics[FSL_N_METRICS];
/* Whether one of a set of metrics (bit i: metric i) needs the mode of each sample; `mode_weight` comes with them. */
bool fsl_metrics_need_modes(uint32_t metrics);
/* Whether <name>_reason stands beside it in the results file: all but the fraction that is never NaN. */
bool fsl_metric_has_reason(fsl_metric_id id);
enum { FSL_MAX_MODES = 64 }; /* of `mode_weight`: all but the first 63 are pooled in the last when there are more */
size_t fsl_pooled_modes(size_t n_modes);

/* ---- a scene: everything about (problem, truth, t) that grading shares --------------------------------- */

typedef struct fsl_scene fsl_scene;

/* What is known of priors at a time, for all their problems: the edge of the 99 % highest-density region of p(x_t). A
 * plain value that starts as {0} and must outlive no scene; the last of so many pairs of prior and t are kept. */
enum { FSL_REGIONS = 256 };
typedef struct fsl_regions {
  size_t n, next;
  struct {
    fsl_hash prior;
    double a, v, threshold; /* log density */
  } entry[FSL_REGIONS];
} fsl_regions;

/* What the scenes of one (problem, truth) share whatever their t: made by the first that needs it, in its arena. All of
 * them have the same setting but for t. Starts as {0}. */
struct fsl_line;
typedef struct fsl_scene_common {
  const double *mass_at_0;          /* n_modes: masses of the truth at t = 0; NULL: not made yet */
  const struct fsl_line *line_at_0; /* p(x_0 | y) along the random directions; NULL: not made yet */
} fsl_scene_common;

typedef struct fsl_scene_setting {
  const fsl_problem *problem;
  const fsl_truth *truth;
  const fsl_diffusion *diffusion;
  double t;                 /* > 0; 0 for grading a reference at t = 0 */
  size_t particles;         /* for the number of draws where truth has no closed form here: 16 each */
  uint32_t metrics;         /* bit i: metric i is wanted */
  bool modes;               /* masses of the modes are wanted even if no metric needs them */
  fsl_key key;              /* of the truth draws that the scene needs */
  fsl_regions *regions;     /* NULL: none are shared */
  fsl_scene_common *common; /* NULL: nothing is shared */
} fsl_scene_setting;

/* Lives in ctx->arena. Not collective; the same bits on every rank. */
FSL_CHECKED fsl_status fsl_scene_create(fsl_ctx *ctx, const fsl_scene_setting *setting, fsl_scene **out);
/* Grades samples x (n, d) at the scene's time: value (FSL_N_METRICS, NaN where not wanted, not defined, or not about
 * samples), mode_weight (fsl_pooled_modes; NaN where nothing asks for modes) may be NULL. Rows that are not finite are
 * left out; all NaN where more than 1 % are. */
FSL_CHECKED fsl_status fsl_scene_grade(fsl_ctx *ctx, const fsl_scene *scene, size_t n, const double *x, double *value,
                                       double *mode_weight);
/* Why `value` of metric `id` is NaN where n_finite of n graded samples were finite; not about score errors. */
fsl_reason fsl_scene_reason(const fsl_scene *scene, fsl_metric_id id, size_t n, size_t n_finite, double value);
/* Masses of the modes under truth at the scene's t (fsl_pooled_modes); t = 0: at t = 0; NaN where nothing asks for
 * them. */
const double *fsl_scene_true_mode_weight(const fsl_scene *scene);
enum { FSL_PRECISION_STATES = 256 };       /* whose scores single precision is measured by */
enum { FSL_DIRECT_DRAWS_A_PARTICLE = 16 }; /* of the reference, for the budget's links */
/* mean over 128 directions of the W1 between two sample sets of the scene's dimension (the budget's distance). */
FSL_CHECKED fsl_status fsl_scene_sliced_w1_between(fsl_ctx *ctx, const fsl_scene *scene, size_t n, const double *x,
                                                   size_t n2, const double *x2, double *out);

typedef struct fsl_floor {
  double mean[FSL_N_METRICS], high[FSL_N_METRICS], low[FSL_N_METRICS]; /* NaN where a metric has none */
  double budget_approximation; /* sliced W1 between two exact sets: mean over pairs */
} fsl_floor;

enum { FSL_FLOOR_SETS = 40 };
/* Grades FSL_FLOOR_SETS sets of `particles` exact samples of `exact` (the truth's law, or its second independent set)
 * exactly as a sampler's are graded: mean and the ceil(.95 (n+1))-th smallest (low: the floor(.05 (n+1))-th). */
FSL_CHECKED fsl_status fsl_scene_floor(fsl_ctx *ctx, const fsl_scene *scene, const fsl_mixture *exact, size_t particles,
                                       fsl_key key, fsl_floor *out);

/* ---- the reference against truth ------------------------------------------------------------------------ */

typedef struct fsl_reference_at {
  double mean_error, covariance_error, sliced_w1, effective_atoms;
} fsl_reference_at;

typedef struct fsl_reference_overall {
  double mode_weight_tv, ess, khat, log_evidence_error;
} fsl_reference_overall;

enum { FSL_EFFECTIVE_DRAWS = 512 }; /* for effective_atoms */
/* What the reference is graded by at t = 0, where no samples are. */
#define FSL_METRICS_AT_0 (1u << FSL_SLICED_W1 | 1u << FSL_MAX_SLICED_W1)
/* On a team of one. scene at t (t = 0 included); n_draws >= 512 for effective_atoms, 0: not wanted. */
FSL_CHECKED fsl_status fsl_reference_grade(fsl_ctx *ctx, const fsl_scene *scene, const fsl_posterior *posterior,
                                           fsl_key key, size_t n_draws, fsl_reference_at *out);
FSL_CHECKED fsl_status fsl_reference_overall_grade(fsl_ctx *ctx, const fsl_scene *scene_at_0,
                                                   const fsl_posterior *posterior, fsl_reference_overall *out);

/* ---- score errors and path KL: collective over the team ------------------------------------------------- */

typedef struct fsl_score_errors {
  double *score_error, *score_error_abs, *path_kl;                          /* n_times each */
  fsl_reason *score_error_reason, *score_error_abs_reason, *path_kl_reason; /* n_times each: why they are NaN */
} fsl_score_errors;

/* Under the posterior's own p(x_t | y), same training set. All NaN for methods without a score or where the posterior
 * is not exact. d = 1 by quadrature (1001 points or more), else over n_draws exact draws. NaN too where one draw
 * carries over a tenth of a sum, and where the sum of errors is no larger than rounding makes it: the states that carry
 * the true one may have been missed. */
FSL_CHECKED fsl_status fsl_score_errors_find(fsl_ctx *ctx, const fsl_approximation_kind *kind, const void *params,
                                             const fsl_posterior *posterior, const fsl_diffusion *diffusion,
                                             double t_max, size_t n_times, const double *times, size_t n_draws,
                                             fsl_key key, const fsl_score_errors *out);

#endif
