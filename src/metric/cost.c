/* metric/cost.c: see cost.h. Nanoseconds on a quiet core with AVX-512, d from 1 to 256, 256 to 2048 particles, truths
 * of 3 to 5000 components. */
#include "metric/cost.h"

#include <math.h>

#include "metric/parts.h"
#include "truth/truth.h"

static const double line_ns = 8000, sorted_ns = 37, projected_ns = 0.05; /* samples along a line, each, its dimension */
static const double exact_ns = 1150; /* a pair of normals that enter a line one by one */
static const double node_ns = 700,
                    nodes_of_many_ns = 8000; /* what samples meet: of one such normal, of a line of many */
static const double binned_ns = 40000, bin_ns = 8, located_ns = 0.25; /* a line of many; each, its dimension */
static const double quantile_ns = 500, step_ns = 25,
                    sort_ns = 85;                       /* one in one dimension; a value in 1e5 sorted ones */
static const double pair_ns = 1.7, pair_axis_ns = 0.09; /* of the kernel of mmd2 */
static const double multiply_ns = 0.05, plain_ns = 0.3; /* in products of matrices; of a matrix and a vector */
static const double eigen_ns = 0.8;                     /* per d^3 and at least 40 d^2 */

static bool wants(const fsl_scene_size *s, fsl_metric_id id) {
  return (s->metrics >> (unsigned)id & 1U) != 0;
}

static bool wants_lines(const fsl_scene_size *s) {
  return wants(s, FSL_SLICED_W1) || wants(s, FSL_MAX_SLICED_W1);
}

static bool wants_region(const fsl_scene_size *s) {
  return wants(s, FSL_LIKELIHOOD_HALLUCINATION) || wants(s, FSL_ESCAPE);
}

static bool wants_scores(const fsl_scene_size *s) {
  return wants(s, FSL_SCORE_ERROR) || wants(s, FSL_SCORE_ERROR_ABS) || wants(s, FSL_PATH_KL);
}

fsl_scene_size fsl_scene_size_of(const fsl_prior *prior, const fsl_forward_model *model, size_t particles,
                                 uint32_t metrics, bool modes) {
  const double least = (double)fsl_affordable_draws(&prior->population, FSL_SCENE_LEAST_DRAWS);
  return (fsl_scene_size){.metrics = metrics,
                          .modes = modes || fsl_metrics_need_modes(metrics),
                          .particles = (double)particles,
                          .draws = fmax(least, FSL_SCENE_DRAWS_A_PARTICLE * (double)particles),
                          .region_draws = (double)fsl_affordable_draws(&prior->population, FSL_REGION_DRAWS),
                          .directions = prior->d == 1 ? 1 : FSL_DIRECTIONS,
                          .rows = model->linear ? (double)model->m : 0,
                          .m = (double)model->m,
                          .forward = fsl_forward_multiplications(model),
                          .prior = fsl_law_size_of(&prior->population),
                          .truth = fsl_truth_law_size(prior, model),
                          .atomic_truth = fsl_truth_choose(prior, model) != FSL_TRUTH_CLOSED ||
                                          fsl_mixture_is_atomic(&prior->population),
                          .atomic_prior = fsl_mixture_is_atomic(&prior->population)};
}

static double spectral_ns(double d) {
  return d * d * (40 + eigen_ns * d);
}

/* ---- preparation ------------------------------------------------------------------------------------------------- */

/* Components that are left once those of negligible weight are gone. Many measurements leave few of them: as seen with
 * images, where 256 to 4096 atoms left 11 to 39; and measurements of all dimensions about half of a few. */
static double left_of(double components, double d, double m) {
  if (m > 8) return fmin(components, fmax(4, 0.75 * sqrt(components)));
  return m >= d && components <= FSL_LINE_EXACT ? fmin(components, fmax(4, 0.6 * components)) : components;
}

/* A law along one direction. */
static double line_of_ns(const fsl_law_size *law, double m) {
  const double k = left_of(law->components, law->d, m), frame = law->rotated ? plain_ns * law->d * law->d : law->d;
  const double places = k * (3 + located_ns * law->d) + law->groups * frame;
  if (k <= FSL_LINE_EXACT) return places + exact_ns * k * k;
  return places + binned_ns * law->groups + bin_ns * k;
}

/* The truth's draws sorted into modes; atoms at t = 0 have no quantiles to look for. */
static double census_ns(const fsl_scene_size *s, bool at_0) {
  const double quantile = at_0 && s->atomic_truth ? step_ns : quantile_ns;
  const double draw = s->prior.d == 1 ? quantile : 1e9 * fsl_law_draw_seconds(&s->truth);
  return s->draws * (draw + 1e9 * fsl_law_mode_seconds(&s->prior));
}

/* What the truth enters the kernel's mean by: its components, where few have weight, or draws. */
static double embedded(const fsl_scene_size *s) {
  const double left = s->atomic_truth ? s->truth.components : left_of(s->truth.components, s->prior.d, s->m);
  return left <= FSL_KERNEL_COMPONENTS && s->truth.groups <= FSL_KERNEL_COVARIANCES ? left : s->draws;
}

static double embedding_ns(const fsl_scene_size *s) {
  const double n = embedded(s), pair = pair_ns + pair_axis_ns * s->prior.d;
  const bool tabled = s->prior.d == 1 && n > FSL_KERNEL_COVARIANCES;
  const double own = n < s->draws ? n : s->prior.d == 1 ? 1 : FSL_KERNEL_SELF_PAIRS;
  return pair * n * (own + (tabled ? 3 * FSL_KERNEL_TABLE_NODES : 0));
}

static double scene_ns(const fsl_scene_size *s, bool at_0) {
  const double lines = wants_lines(s) ? (s->directions + s->rows) * line_of_ns(&s->truth, s->m) : 0;
  const double spreads = wants(s, FSL_SPREAD_MIN) || wants(s, FSL_SPREAD_MAX) ? spectral_ns(s->prior.d) : 0;
  const double check = wants_region(s) ? s->draws * (10 + plain_ns * s->forward) : 0;
  return (s->modes || check > 0 ? census_ns(s, at_0) : 0) + lines + spreads + check +
         (wants(s, FSL_MMD2) ? embedding_ns(s) : 0) + s->rows * s->forward * plain_ns;
}

double fsl_scenes_seconds(const fsl_scene_size *s, size_t n_times) {
  const double at_0 = wants(s, FSL_PRIOR_HALLUCINATION) && !s->atomic_prior ? census_ns(s, true) : 0;
  const double lines_at_0 = wants(s, FSL_STOPPING_ERROR) ? s->directions * line_of_ns(&s->truth, s->m) : 0;
  return 1e-9 * (scene_ns(s, false) * (double)n_times + at_0 + lines_at_0);
}

double fsl_regions_seconds(const fsl_scene_size *s, size_t n_times) {
  if (!wants_region(s)) return 0;
  return (double)n_times * s->region_draws *
         (fsl_law_draw_seconds(&s->prior) + fsl_law_density_seconds(&s->prior) + 1e-9 * sort_ns);
}

/* ---- grading ----------------------------------------------------------------------------------------------------- */

static double sorted_lines_ns(const fsl_scene_size *s, double lines) {
  return lines * (line_ns + s->particles * (sorted_ns + projected_ns * s->prior.d));
}

static double mmd2_ns(const fsl_scene_size *s) {
  const double used = fmin(s->particles, FSL_KERNEL_PARTICLES), n = embedded(s);
  const double others = s->prior.d == 1 && n > FSL_KERNEL_COVARIANCES ? 1 : n;
  return (pair_ns + pair_axis_ns * s->prior.d) * used * (used + others);
}

static double nodes_ns(const fsl_scene_size *s) {
  return s->truth.components <= FSL_LINE_EXACT ? node_ns * s->truth.components : nodes_of_many_ns;
}

double fsl_grade_seconds(const fsl_scene_size *s) {
  const double d = s->prior.d, n = s->particles, nodes = nodes_ns(s);
  double sum = n * (5 + 3 * d) + (s->modes ? 1e9 * n * fsl_law_mode_seconds(&s->prior) : 0);
  if (wants_lines(s)) sum += sorted_lines_ns(s, s->directions + s->rows) + (s->directions + s->rows) * nodes;
  if (wants(s, FSL_STOPPING_ERROR)) sum += sorted_lines_ns(s, s->directions) + s->directions * nodes;
  if (wants(s, FSL_MMD2)) sum += mmd2_ns(s);
  if (wants(s, FSL_SPREAD_MIN) || wants(s, FSL_SPREAD_MAX)) sum += 2 * multiply_ns * n * d * d + spectral_ns(d) / 4;
  if (wants_region(s)) sum += n * (10 + plain_ns * s->forward);
  return 1e-9 * sum;
}

double fsl_between_seconds(const fsl_scene_size *s) {
  return 2e-9 * sorted_lines_ns(s, s->directions);
}

double fsl_floor_seconds(const fsl_scene_size *s) {
  const double set = s->particles * fsl_law_draw_seconds(&s->truth) + fsl_grade_seconds(s);
  return FSL_FLOOR_SETS * (set + (wants(s, FSL_SLICED_W1) ? fsl_between_seconds(s) / 2 : 0));
}

/* ---- the reference and scores ------------------------------------------------------------------------------------ */

double fsl_scene_at_0_seconds(const fsl_scene_size *s) {
  fsl_scene_size at_0 = *s;
  at_0.metrics &= FSL_METRICS_AT_0;
  at_0.modes = false;
  return 1e-9 * scene_ns(&at_0, true);
}

/* At t > 0 a mixture, of few atoms with about a third of them negligible; at t = 0 sorted steps. */
double fsl_reference_seconds(const fsl_scene_size *s, const fsl_posterior_size *posterior, size_t n_times) {
  const double n = posterior->atoms, d = posterior->d, times = (double)n_times, kept = n > FSL_LINE_EXACT ? n : 0.7 * n;
  const fsl_law_size law = {.components = kept, .groups = 1, .modes = s->prior.modes, .d = d};
  const double steps = left_of(fmin(n, FSL_LINE_STEPS), d, s->m) * sort_ns + n * (3 + located_ns * d);
  const double lines = times * (line_of_ns(&law, s->m) + line_ns) + steps + line_ns;
  const double moments = (times + 1) * n * d * (2 + multiply_ns * d);
  const double draws = fsl_posterior_draw_seconds(posterior) + fsl_posterior_redraw_seconds(posterior);
  return 1e-9 * ((wants_lines(s) ? s->directions * lines : 0) + moments) + times * FSL_EFFECTIVE_DRAWS * draws;
}

double fsl_score_errors_seconds(const fsl_scene_size *s, const fsl_approximation_kind *kind,
                                const fsl_posterior_size *posterior, size_t n_times) {
  if (kind->score == NULL || !wants_scores(s) || (posterior->groups > 0 && !posterior->linear)) return 0;
  const bool by_quadrature = posterior->d == 1;
  const double states = by_quadrature ? 1.2 * FSL_SCORE_LEAST_POINTS : s->particles;
  const double draw = by_quadrature ? 0 : fsl_posterior_draw_seconds(posterior);
  const double state = draw + fsl_means_seconds(posterior, true) + fsl_method_state_seconds(kind, posterior);
  return fsl_method_open_seconds(kind, posterior) +
         (FSL_PATH_NODES - 1 + (double)n_times) * (states * state + fsl_method_time_seconds(kind, posterior));
}
