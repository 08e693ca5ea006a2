/* store/results_budget.c: /budget: a method's error as the links from truth to its samples, each beside its floor. */
#include "store/table.h"

#include <math.h>

enum { PART_FINITE_SAMPLE, PART_APPROXIMATION, PART_INTEGRATOR, PART_FLOOR, PART_TOTAL, N_PARTS };
static const char *const part_names[N_PARTS] = {"finite_sample", "approximation", "integrator", "floor", "total"};

/* A column of links: the fields of a budget record in the order of the parts, and what stands for the floor. */
typedef struct links links;
struct links {
  const char *field[N_PARTS];
  /* Fills entry (t, PART_FLOOR) of the cell from the truth's record; n values an entry. */
  void (*floor)(const fsl_sheet *sheet, const fsl_record *truth, size_t n, double *cell);
};

static double *entry(double *cell, size_t t, size_t part, size_t n) {
  return cell + (t * N_PARTS + part) * n;
}

/* One part's field (T) or (T, k) into a cell (t, part) or (t, part, n), k <= n. */
static void place_part(const fsl_field *field, size_t part, size_t n, double *cell) {
  const size_t width = field == NULL ? 0 : field->rank == 1 ? 1 : field->shape[1];
  for (size_t t = 0; field != NULL && t < field->shape[0]; t++)
    for (size_t i = 0; i < width && i < n; i++) entry(cell, t, part, n)[i] = field->data[t * width + i];
}

/* ---- floors ----------------------------------------------------------------------------------------------------- */

static void distance_floor(const fsl_sheet *sheet, const fsl_record *truth, size_t n, double *cell) {
  (void)sheet;
  place_part(fsl_record_field(truth, "sliced_w1_floor"), PART_FLOOR, n, cell);
}

/* Standard deviation of the mean of as many exact samples: Cov x_t = a^2 Cov x_0 + v I. */
static void mean_floor(const fsl_sheet *sheet, const fsl_record *truth, size_t n, double *cell) {
  const fsl_spec *const spec = sheet->results->spec;
  const fsl_diffusion *const diffusion = &spec->schedule;
  const fsl_field *const covariance = fsl_record_field(truth, "covariance");
  const size_t d = covariance == NULL ? 0 : covariance->shape[0];
  for (size_t t = 0; t < spec->n_times; t++) {
    const double a = diffusion->a(diffusion, spec->times[t]), v = diffusion->v(diffusion, spec->times[t]);
    for (size_t i = 0; i < d && i < n; i++)
      entry(cell, t, PART_FLOOR, n)[i] = sqrt((a * a * covariance->data[i * d + i] + v) / (double)spec->particles);
  }
}

/* Standard deviation of the share of as many exact samples in a mode of weight w: sqrt(w (1 - w) / particles). */
static void mode_floor(const fsl_sheet *sheet, const fsl_record *truth, size_t n, double *cell) {
  const double particles = (double)sheet->results->spec->particles;
  const fsl_field *const weight = fsl_record_field(truth, "true_mode_weight");
  const size_t modes = weight == NULL ? 0 : weight->shape[1];
  for (size_t t = 0; weight != NULL && t < weight->shape[0]; t++)
    for (size_t k = 0; k < modes && k < n; k++) {
      const double w = weight->data[t * modes + k];
      entry(cell, t, PART_FLOOR, n)[k] = sqrt(fmax(0, w * (1 - w)) / particles);
    }
}

/* What exact samples score in each part. Links without draws have none: the reference is graded as the mixture it is,
 * and a refined run shares the plain one's path. */
static fsl_status fill_floors(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  (void)column;
  const fsl_record *truth;
  FSL_TRY(fsl_results_record(sheet->results, FSL_JOB_TRUTH, point, &truth));
  if (truth == NULL) return FSL_OK;
  place_part(fsl_record_field(truth, "budget_floor_approximation"), PART_APPROXIMATION, 1, cell);
  place_part(fsl_record_field(truth, "sliced_w1_floor"), PART_TOTAL, 1, cell);
  for (size_t t = 0; t < sheet->size[FSL_AXIS_T]; t++)
    if (!isnan(*entry(cell, t, PART_TOTAL, 1)))
      *entry(cell, t, PART_FINITE_SAMPLE, 1) = *entry(cell, t, PART_INTEGRATOR, 1) = 0;
  return FSL_OK;
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

static const links distance_links = {
    {"sliced_w1_finite_sample", "sliced_w1_approximation", "sliced_w1_integrator", NULL, "sliced_w1_total"},
    distance_floor};
static const links mean_links = {{"mean_finite_sample", "mean_approximation", "mean_integrator", NULL, "mean_total"},
                                 mean_floor};
static const links mode_links = {
    {"mode_weight_finite_sample", "mode_weight_approximation", "mode_weight_integrator", NULL, "mode_weight_total"},
    mode_floor};

enum { N_DISTANCE_AXES = 9, N_VECTOR_AXES = 10 };

static fsl_status fill_links(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  const links *const l = column->self;
  const fsl_record *budget, *truth;
  FSL_TRY(fsl_results_record(sheet->results, FSL_JOB_BUDGET, point, &budget));
  FSL_TRY(fsl_results_record(sheet->results, FSL_JOB_TRUTH, point, &truth));
  const size_t n = column->n_axes == N_DISTANCE_AXES ? 1 : sheet->size[column->axis[N_DISTANCE_AXES]];
  if (budget == NULL) return FSL_OK;
  for (size_t part = 0; part < N_PARTS; part++)
    if (l->field[part] != NULL) place_part(fsl_record_field(budget, l->field[part]), part, n, cell);
  if (truth != NULL) l->floor(sheet, truth, n, cell);
  return FSL_OK;
}

static fsl_status add_links(fsl_sheet *sheet, const char *name, const char *title, const links *l, size_t n_axes,
                            fsl_axis last) {
  const fsl_column column = {
      .about = {name, title, "1", NULL},
      .n_axes = n_axes,
      .axis = {FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL, FSL_AXIS_APPROXIMATION, FSL_AXIS_N_TRAIN,
               FSL_AXIS_REPLICATE, FSL_AXIS_OBSERVATION, FSL_AXIS_T, FSL_AXIS_PART, last},
      .self = l,
      .fill = fill_links,
  };
  return fsl_sheet_add(sheet, &column);
}

static fsl_status add_floors(fsl_sheet *sheet) {
  const fsl_column column = {
      .about = {"sliced_w1_floor", "what exact samples score in each part", "1", NULL},
      .n_axes = 6,
      .axis = {FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL, FSL_AXIS_OBSERVATION, FSL_AXIS_T,
               FSL_AXIS_PART},
      .fill = fill_floors,
  };
  return fsl_sheet_add(sheet, &column);
}

/* ---- the group -------------------------------------------------------------------------------------------------- */

static size_t fewer(size_t a, size_t b) {
  return a < b ? a : b;
}

static fsl_status add_coordinates(fsl_sheet *sheet) {
  static const fsl_axis cell[] = {FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL, FSL_AXIS_APPROXIMATION,
                                  FSL_AXIS_N_TRAIN};
  static const fsl_axis inner[] = {FSL_AXIS_T, FSL_AXIS_MODE, FSL_AXIS_COMPONENT};
  const fsl_spec *const spec = sheet->results->spec;
  FSL_TRY(fsl_sheet_add_axes(sheet, sizeof cell / sizeof *cell, cell));
  fsl_sheet_rename(sheet, FSL_AXIS_REPLICATE, "budget_replicate", "independent training set of the budget");
  fsl_sheet_rename(sheet, FSL_AXIS_OBSERVATION, "budget_observation", "independent measurement of the budget");
  FSL_TRY(fsl_sheet_add_numbers(sheet, FSL_AXIS_REPLICATE, fewer(spec->budget_replicates, spec->replicates)));
  FSL_TRY(fsl_sheet_add_numbers(sheet, FSL_AXIS_OBSERVATION, fewer(spec->budget_observations, spec->n_observations)));
  FSL_TRY(fsl_sheet_add_axes(sheet, sizeof inner / sizeof *inner, inner));
  return fsl_sheet_add_texts(sheet, FSL_AXIS_PART, N_PARTS, part_names);
}

static fsl_status write_all(fsl_sheet *sheet) {
  FSL_TRY(add_coordinates(sheet));
  FSL_TRY(add_links(sheet, "sliced_w1", "sliced Wasserstein-1 distance of each link; the total is at most their sum",
                    &distance_links, N_DISTANCE_AXES, FSL_AXIS_MODE));
  FSL_TRY(add_floors(sheet));
  FSL_TRY(add_links(sheet, "mean",
                    "difference of means along each link; they telescope to the total; floor: the standard "
                    "deviation of as many exact samples",
                    &mean_links, N_VECTOR_AXES, FSL_AXIS_COMPONENT));
  FSL_TRY(add_links(sheet, "mode_weight",
                    "difference of mode weights along each link; they telescope to the total; floor: the standard "
                    "deviation of as many exact samples",
                    &mode_links, N_VECTOR_AXES, FSL_AXIS_MODE));
  return fsl_sheet_write(sheet);
}

fsl_status fsl_write_budget(fsl_results *results) {
  fsl_sheet sheet;
  if (!results->spec->budget) return FSL_OK;
  FSL_TRY(fsl_sheet_open(results, "budget", &sheet));
  const fsl_status status = write_all(&sheet);
  fsl_sheet_close(&sheet);
  return status;
}
