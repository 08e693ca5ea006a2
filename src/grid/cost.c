/* grid/cost.c: the uncalibrated cost model. Figures are seconds on a current core; only their ratios matter for
 * scheduling. */
#include "grid/cost.h"

#include "metric/cost.h"

#include <math.h>

static const double job_seconds = 1e-4;                /* what every job takes: keys, a record */
static const double state_ns = 25, state_axis_ns = 20; /* a state's step: noise and update, each dimension */
static const double refined_ns = 35,
                    refined_axis_ns = 15; /* more in a refined run: noise that sums up to the plain one's */

const char *const fsl_cost_part_names[FSL_N_COST_PARTS] = {"sampling", "score errors", "reference",
                                                           "truth",    "floors",       "budget"};

typedef struct sizes {
  fsl_posterior_size posterior;
  fsl_scene_size scene;
} sizes;

static const fsl_prior *prior_at(const fsl_spec *spec, fsl_point point) {
  return &spec->prior_of[point.prior];
}

static const fsl_forward_model *model_at(const fsl_spec *spec, fsl_point point) {
  return spec->model_of[(size_t)point.prior * spec->n_forward_models + (size_t)point.forward_model];
}

static sizes sizes_of(const fsl_spec *spec, fsl_point point) {
  const fsl_prior *const prior = prior_at(spec, point);
  const fsl_forward_model *const model = model_at(spec, point);
  const double n_train = point.n_train < 0 ? INFINITY : spec->n_train[point.n_train];
  const uint32_t metrics = fsl_spec_computed_metrics(spec);
  return (sizes){.posterior = fsl_posterior_size_of(prior, model, n_train, &spec->evaluation),
                 .scene = fsl_scene_size_of(prior, model, spec->particles, metrics, spec->budget)};
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* The first problem of a prior finds the prior's regions for all. */
static bool is_first_of_prior(fsl_point point) {
  return point.forward_model == 0 && point.noise_level == 0 && point.observation == 0;
}

static double truth_seconds(const fsl_spec *spec, const fsl_job *job, const sizes *s) {
  const fsl_prior *const prior = prior_at(spec, job->point);
  const fsl_forward_model *const model = model_at(spec, job->point);
  const int copies = fsl_truth_choose(prior, model) == FSL_TRUTH_SAMPLED ? 2 : 1; /* floors have a second one */
  const double regions = is_first_of_prior(job->point) ? fsl_regions_seconds(&s->scene, spec->n_times) : 0;
  return copies * fsl_truth_seconds(prior, model) + regions + fsl_scenes_seconds(&s->scene, spec->n_times);
}

/* The first reference of a problem makes the scene at t = 0 for all. */
static bool is_first_reference(const fsl_spec *spec, fsl_point point) {
  int first = 0;
  while (first < point.n_train && isinf(spec->n_train[first])) first++;
  return point.n_train == first && point.replicate == 0;
}

/* The times and t = 0. */
static double reference_seconds(const fsl_spec *spec, const fsl_job *job, const sizes *s) {
  return fsl_posterior_seconds(&s->posterior) +
         (is_first_reference(spec, job->point) ? fsl_scene_at_0_seconds(&s->scene) : 0) +
         fsl_reference_seconds(&s->scene, &s->posterior, spec->n_times);
}

static double draws_seconds(const fsl_spec *spec, const fsl_job *job, const sizes *s) {
  const double n = (double)spec->particles, times = (double)spec->n_times;
  const double one = n * fsl_posterior_draw_seconds(&s->posterior);
  return job->approximation->draws_again ? one + (times - 1) * n * fsl_posterior_redraw_seconds(&s->posterior)
                                         : times * one;
}

/* One run: `refine` times the steps, each as often as the sampler evaluates its field. */
static double sampler_seconds(const fsl_spec *spec, const fsl_job *job, const sizes *s, double refine) {
  const fsl_approximation_kind *const method = job->approximation;
  const fsl_sampler_kind *const sampler = (const fsl_sampler_kind *)(const void *)spec->sampler.kind;
  if (method->draw != NULL) return draws_seconds(spec, job, s);
  const double steps = refine * ((double)spec->steps + (double)spec->n_times - 1);
  const double field =
      fsl_means_seconds(&s->posterior, method->needs_exact) + fsl_method_state_seconds(method, &s->posterior);
  const double more = refine > 1 ? refined_ns + refined_axis_ns * s->posterior.d : 0;
  const double moved = 1e-9 * (state_ns + state_axis_ns * s->posterior.d + more);
  return fsl_method_open_seconds(method, &s->posterior) +
         steps * ((double)spec->particles * (sampler->evaluations * field + moved) +
                  sampler->evaluations * fsl_method_time_seconds(method, &s->posterior));
}

/* The scores of some states again in double precision. */
static double precision_seconds(const fsl_spec *spec, const fsl_job *job, const sizes *s) {
  if (!s->posterior.single || job->approximation->draw != NULL) return 0;
  fsl_posterior_size in_double = s->posterior;
  in_double.single = false;
  const double state = fsl_means_seconds(&in_double, true) + fsl_means_seconds(&s->posterior, true) +
                       fsl_method_state_seconds(job->approximation, &in_double) +
                       fsl_method_state_seconds(job->approximation, &s->posterior);
  return (double)spec->n_times * fmin((double)spec->particles, FSL_PRECISION_STATES) * state;
}

static double run_seconds(const fsl_spec *spec, const fsl_job *job, const sizes *s) {
  return fsl_posterior_seconds(&s->posterior) + sampler_seconds(spec, job, s, 1) + precision_seconds(spec, job, s) +
         (double)spec->n_times * fsl_grade_seconds(&s->scene);
}

/* Both runs, and at each time the reference's draws and distances, graded as a run's are. The population is its own
 * reference, and a method that draws is not refined. */
static double budget_seconds(const fsl_spec *spec, const fsl_job *job, const sizes *s) {
  const double draws = FSL_DIRECT_DRAWS_A_PARTICLE * (double)spec->particles;
  const double draw = fsl_posterior_draw_seconds(&s->posterior) + fsl_law_mode_seconds(&s->scene.prior);
  const bool refines = job->approximation->draw == NULL;
  return fsl_posterior_seconds(&s->posterior) + sampler_seconds(spec, job, s, 1) +
         (refines ? sampler_seconds(spec, job, s, (double)spec->budget_refine) : 0) +
         (double)spec->n_times *
             (draws * draw + fsl_grade_seconds(&s->scene) + (refines ? 2 : 1) * fsl_between_seconds(&s->scene)) +
         (s->posterior.drawn ? fsl_reference_seconds(&s->scene, &s->posterior, spec->n_times) : 0);
}

void fsl_job_cost_parts(const fsl_spec *spec, const fsl_job *job, double parts[FSL_N_COST_PARTS]) {
  const sizes s = sizes_of(spec, job->point);
  for (int i = 0; i < FSL_N_COST_PARTS; i++) parts[i] = 0;
  switch (job->type) {
  case FSL_JOB_TRUTH:
    parts[FSL_COST_TRUTH] = job_seconds + truth_seconds(spec, job, &s);
    parts[FSL_COST_FLOORS] = (double)spec->n_times * fsl_floor_seconds(&s.scene);
    break;
  case FSL_JOB_REFERENCE:
    parts[FSL_COST_REFERENCE] = job_seconds + reference_seconds(spec, job, &s);
    break;
  case FSL_JOB_RUN:
    parts[FSL_COST_SAMPLING] = job_seconds + run_seconds(spec, job, &s);
    parts[FSL_COST_SCORE_ERRORS] = fsl_score_errors_seconds(&s.scene, job->approximation, &s.posterior, spec->n_times);
    break;
  case FSL_JOB_BUDGET:
    parts[FSL_COST_BUDGET] = job_seconds + budget_seconds(spec, job, &s);
    break;
  }
}

/* ---- estimates -----------------------------------------------------------------------------------------------------
 */

size_t fsl_job_bytes(const fsl_spec *spec, const fsl_job *job, size_t ranks) {
  const fsl_prior *const prior = prior_at(spec, job->point);
  const fsl_forward_model *const model = model_at(spec, job->point);
  const sizes s = sizes_of(spec, job->point);
  const fsl_posterior_setting *const how = &spec->evaluation;
  const size_t atoms = (size_t)s.posterior.atoms;
  size_t posterior = 0; /* a truth job makes none */
  if (s.posterior.drawn)
    posterior = fsl_posterior_bytes(atoms, ranks, how, prior->d, model->m, spec->particles);
  else if (job->type != FSL_JOB_TRUTH || fsl_mixture_is_atomic(&prior->population))
    posterior = fsl_population_bytes(prior, model, how, spec->particles);
  return posterior + fsl_run_bytes(spec->particles, prior->d, model->m, spec->n_times) + fsl_truth_bytes(prior, model);
}

void fsl_job_estimate(const fsl_spec *spec, fsl_job *job) {
  const sizes s = sizes_of(spec, job->point);
  const bool splits = job->type == FSL_JOB_RUN && s.posterior.drawn;
  double parts[FSL_N_COST_PARTS];
  fsl_job_cost_parts(spec, job, parts);
  job->cost = 0;
  for (int i = 0; i < FSL_N_COST_PARTS; i++) job->cost += parts[i];
  job->bytes = fsl_job_bytes(spec, job, 1);
  job->max_ranks = splits ? fsl_leaf_count((uint64_t)s.posterior.atoms, prior_at(spec, job->point)->d) : 1;
}
