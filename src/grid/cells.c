/* grid/cells.c: numbering of cells, and what of the product is excluded or not defined. */
#include "grid/cells.h"

#include <math.h>

const char *const fsl_cell_status_names[6] = {"not_run", "done", "failed", "not_applicable", "excluded", "timed_out"};

const char *fsl_job_type_name(fsl_job_type type) {
  static const char *const names[] = {"truth", "reference", "run", "budget"};
  return names[type];
}

/* The axes of a cell in the file's order, slowest first. */
static void axis_sizes(const fsl_spec *spec, size_t size[7]) {
  size[0] = spec->n_priors;
  size[1] = spec->n_forward_models;
  size[2] = spec->n_noise_levels;
  size[3] = spec->n_approximations;
  size[4] = spec->n_n_train;
  size[5] = spec->replicates;
  size[6] = spec->n_observations;
}

size_t fsl_grid_n_cells(const fsl_spec *spec) {
  size_t size[7], n = 1;
  axis_sizes(spec, size);
  for (size_t i = 0; i < 7; i++) n *= size[i];
  return n;
}

size_t fsl_grid_cell(const fsl_spec *spec, fsl_point p) {
  const int index[7] = {p.prior,   p.forward_model, p.noise_level, p.approximation,
                        p.n_train, p.replicate,     p.observation};
  size_t size[7], cell = 0;
  axis_sizes(spec, size);
  for (size_t i = 0; i < 7; i++) cell = cell * size[i] + (size_t)index[i];
  return cell;
}

fsl_point fsl_grid_point(const fsl_spec *spec, size_t cell) {
  size_t size[7];
  int index[7];
  axis_sizes(spec, size);
  for (size_t i = 7; i-- > 0; cell /= size[i]) index[i] = (int)(cell % size[i]);
  return (fsl_point){index[0], index[1], index[2], index[3], index[4], index[5], index[6]};
}

size_t fsl_grid_truth_cell(const fsl_spec *spec, fsl_point p) {
  const size_t pair = (size_t)p.prior * spec->n_forward_models + (size_t)p.forward_model;
  return (pair * spec->n_noise_levels + (size_t)p.noise_level) * spec->n_observations + (size_t)p.observation;
}

size_t fsl_grid_reference_cell(const fsl_spec *spec, fsl_point p) {
  const size_t pair = (size_t)p.prior * spec->n_forward_models + (size_t)p.forward_model;
  const size_t sized = (pair * spec->n_noise_levels + (size_t)p.noise_level) * spec->n_n_train + (size_t)p.n_train;
  return (sized * spec->replicates + (size_t)p.replicate) * spec->n_observations + (size_t)p.observation;
}

/* ---- what is left out ------------------------------------------------------------------------------------- */

static bool matches(const bool *mask, int index) {
  return mask == NULL || mask[index];
}

static bool is_excluded(const fsl_spec *spec, fsl_point p) {
  for (size_t i = 0; i < spec->n_exclusions; i++) {
    const fsl_exclusion *const e = &spec->exclusions[i];
    if (matches(e->prior, p.prior) && matches(e->forward_model, p.forward_model) &&
        matches(e->noise_level, p.noise_level) && matches(e->approximation, p.approximation) &&
        matches(e->n_train, p.n_train))
      return true;
  }
  return false;
}

/* Why the approximation is not defined at the point; NULL where it is. Mirrors fsl_approximation_inapplicable, which
 * asks a posterior that does not exist yet. */
static const char *undefined_because(const fsl_spec *spec, fsl_point p) {
  const char *const misfit = fsl_spec_misfit(spec, (size_t)p.prior, (size_t)p.forward_model, (size_t)p.noise_level);
  if (misfit != NULL) return misfit;
  const fsl_approximation_kind *const kind =
      (const fsl_approximation_kind *)(const void *)spec->approximations[p.approximation].kind;
  const fsl_sampler_kind *const sampler = (const fsl_sampler_kind *)(const void *)spec->sampler.kind;
  const fsl_forward_model *const model =
      spec->model_of[(size_t)p.prior * spec->n_forward_models + (size_t)p.forward_model];
  const bool atoms = isfinite(spec->n_train[p.n_train]) || fsl_mixture_is_atomic(&spec->prior_of[p.prior].population);
  if (kind->linear_only && !model->linear) return "needs a linear forward model";
  if (kind->needs_exact && !atoms && !model->linear) return "the population has no closed form for a nonlinear model";
  if (kind->needs_forward_moments && !atoms && !model->linear)
    return "the population's moments of A(x) have no closed form for a nonlinear model";
  if (kind->forbids_ode && sampler->is_ode) return "is not defined for a deterministic sampler";
  return NULL;
}

fsl_cell_status fsl_grid_cell_status(const fsl_spec *spec, fsl_point point, const char **reason) {
  *reason = NULL;
  if (is_excluded(spec, point)) {
    *reason = "excluded by the spec";
    return FSL_CELL_EXCLUDED;
  }
  *reason = undefined_because(spec, point);
  return *reason == NULL ? FSL_CELL_NOT_RUN : FSL_CELL_NOT_APPLICABLE;
}
