/* grid/cost.c: the uncalibrated cost model. Figures are seconds on a current core; only their ratios matter for
 * scheduling. */
#include "grid/cost.h"

#include "posterior/create.h"
#include "posterior/tree.h"
#include "truth/truth.h"

#include <math.h>

static const double pair_seconds = 0.7e-9;      /* one (state, atom): exp and bookkeeping */
static const double pair_axis_seconds = 0.1e-9; /* and for each dimension */
static const double state_axis_seconds = 40e-9; /* a state's dimension, a step: noise, update */
static const double sorted_seconds = 25e-9;     /* a sample in one sorted projection */
static const double line_seconds = 70e-6;       /* a projection's distribution against truth's, whatever is in it */
static const double projected_seconds = 15e-9;  /* an atom's dimension along a line */
static const double kernel_seconds = 2e-9;      /* a pair in mmd2, and each dimension a fifth of it */
static const double draw_seconds = 20e-9;       /* a component of a prior draw */
static const double quadrature_points = 4000;   /* of score errors in one dimension */
static const double job_seconds = 1e-4;
/* The moment tree in d = 1, 2, 3: a state's seconds at 1e4 atoms, how they grow, and an atom's when it is built. */
static const struct {
  double state, power, atom;
} tree_seconds[] = {{0, 0, 0}, {0.4e-6, 0.2, 0.6e-6}, {1.7e-6, 0.27, 1e-6}, {15e-6, 0.7, 3e-6}};
static const size_t sampled_truth_bytes = 300 << 20; /* 2^24 likelihoods, and two sets of draws that are kept */

typedef struct sizes {
  double atoms, components, d, particles, steps, times, directions;
  bool finite, tree;
} sizes;

static const fsl_forward_model *model_at(const fsl_spec *spec, fsl_point point) {
  return spec->model_of[(size_t)point.prior * spec->n_forward_models + (size_t)point.forward_model];
}

static sizes sizes_of(const fsl_spec *spec, fsl_point point) {
  const fsl_prior *const prior = &spec->prior_of[point.prior];
  const bool finite = point.n_train >= 0 && isfinite(spec->n_train[point.n_train]);
  const double atoms = finite ? spec->n_train[point.n_train] : (double)prior->population.n;
  return (sizes){
      .atoms = atoms,
      .components = (double)prior->population.n,
      .d = (double)prior->d,
      .particles = (double)spec->particles,
      .steps = (double)spec->steps,
      .times = (double)spec->n_times,
      .directions = prior->d == 1 ? 1 : 128,
      .finite = finite,
      .tree = (finite || fsl_mixture_is_atomic(&prior->population)) &&
              fsl_tree_pays((uint64_t)atoms, prior->d, spec->evaluation.tolerance),
  };
}

static double direct_seconds(sizes s, double states) {
  return states * s.atoms * (pair_seconds + pair_axis_seconds * s.d) + states * s.d * state_axis_seconds;
}

static double pass_seconds(sizes s, double states) {
  if (!s.tree) return direct_seconds(s, states);
  const size_t d = (size_t)s.d;
  return states * tree_seconds[d].state * pow(s.atoms / 1e4, tree_seconds[d].power) + states * s.d * state_axis_seconds;
}

/* A training set's draws, and its tree. */
static double posterior_seconds(sizes s) {
  return s.atoms * (s.d * draw_seconds + (s.tree ? tree_seconds[(size_t)s.d].atom : 0));
}

static double grade_seconds(sizes s) {
  const double pairs = fmin(s.particles, 2048) * fmin(s.particles, 2048) / 2;
  return s.directions * (line_seconds + 3 * s.particles * sorted_seconds) + pairs * kernel_seconds * (1 + s.d / 5);
}

/* What the first job of a problem makes for all: at each time the density region's prior draws, and the truth's draws
 * or quantiles sorted into modes. */
static double scene_seconds(sizes s) {
  const double draws = 1e5 + fmax(16 * s.particles, 32768);
  return s.times * (draws * s.components * (pair_seconds + pair_axis_seconds * s.d) + draws * s.d * draw_seconds);
}

static bool truth_is_sampled(const fsl_spec *spec, fsl_point point) {
  return fsl_truth_choose(&spec->prior_of[point.prior], model_at(spec, point)) == FSL_TRUTH_SAMPLED;
}

static double truth_seconds(const fsl_spec *spec, const fsl_job *job, sizes s) {
  const bool sampled = truth_is_sampled(spec, job->point);
  return scene_seconds(s) + s.times * 41 * grade_seconds(s) + (sampled ? 2 * 4194304 * s.d * draw_seconds : 0);
}

static double reference_seconds(sizes s) {
  const double line = line_seconds + s.atoms * (sorted_seconds + s.d * projected_seconds);
  return (s.times + 1) * (direct_seconds(s, 512) + s.directions * line) + posterior_seconds(s);
}

static double run_seconds(const fsl_job *job, sizes s, double refine) {
  const double passes = 1 + job->approximation->extra_passes;
  const double steps = job->approximation->draw != NULL ? s.times : s.steps + s.times;
  return posterior_seconds(s) + refine * steps * passes * pass_seconds(s, s.particles) + s.times * grade_seconds(s);
}

static double score_error_seconds(const fsl_spec *spec, const fsl_job *job, sizes s) {
  const uint32_t scores = 1u << FSL_SCORE_ERROR | 1u << FSL_SCORE_ERROR_ABS | 1u << FSL_PATH_KL;
  if (job->approximation->score == NULL || (spec->metrics & scores) == 0) return 0;
  const double states = s.d == 1 ? fmax(quadrature_points, s.particles) : s.particles;
  return (33 + s.times) * (1 + job->approximation->extra_passes) * pass_seconds(s, states);
}

static double seconds_of(const fsl_spec *spec, const fsl_job *job, sizes s) {
  switch (job->type) {
  case FSL_JOB_TRUTH:
    return truth_seconds(spec, job, s);
  case FSL_JOB_REFERENCE:
    return reference_seconds(s);
  case FSL_JOB_RUN:
    return run_seconds(job, s, 1) + score_error_seconds(spec, job, s);
  case FSL_JOB_BUDGET:
    return run_seconds(job, s, 1 + (double)spec->budget_refine);
  }
  return 0;
}

size_t fsl_job_bytes(const fsl_spec *spec, const fsl_job *job, size_t ranks) {
  const sizes s = sizes_of(spec, job->point);
  const size_t d = spec->prior_of[job->point.prior].d, m = model_at(spec, job->point)->m;
  return fsl_posterior_bytes((uint64_t)s.atoms, ranks, &spec->evaluation, d, m, spec->particles) +
         fsl_run_bytes(spec->particles, d, m, spec->n_times) +
         (truth_is_sampled(spec, job->point) ? sampled_truth_bytes : 0);
}

void fsl_job_estimate(const fsl_spec *spec, fsl_job *job) {
  const sizes s = sizes_of(spec, job->point);
  const bool splits = job->type == FSL_JOB_RUN && s.finite;
  job->cost = job_seconds + seconds_of(spec, job, s);
  job->bytes = fsl_job_bytes(spec, job, 1);
  job->max_ranks = splits ? fsl_leaf_count((uint64_t)s.atoms, spec->prior_of[job->point.prior].d) : 1;
}
