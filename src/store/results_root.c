/* store/results_root.c: the metrics of every run, their floors, and what a cell is. */
#include "store/table.h"

#include "base/text.h"
#include "store/recognise.h"

#include <math.h>

static const fsl_axis all_axes[] = {
    FSL_AXIS_PRIOR,     FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL, FSL_AXIS_APPROXIMATION, FSL_AXIS_N_TRAIN,
    FSL_AXIS_REPLICATE, FSL_AXIS_OBSERVATION,   FSL_AXIS_T,           FSL_AXIS_MODE,          FSL_AXIS_COMPONENT};
enum { N_ALL_AXES = sizeof all_axes / sizeof *all_axes };

#define CELL_AXES                                                                                                      \
  FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL, FSL_AXIS_APPROXIMATION, FSL_AXIS_N_TRAIN,              \
      FSL_AXIS_REPLICATE, FSL_AXIS_OBSERVATION
#define PROBLEM_AXES FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL, FSL_AXIS_OBSERVATION

/* ---- metrics and floors ------------------------------------------------------------------------------------------ */

static fsl_status add_metric(fsl_sheet *sheet, const fsl_metric_info *info) {
  static const fsl_axis axes[] = {CELL_AXES, FSL_AXIS_T};
  const fsl_h5_about about = {info->head.name, info->long_name, info->units, info->head.source};
  return fsl_sheet_add_field(sheet, &about, FSL_JOB_RUN, info->head.name, 8, axes);
}

static fsl_status add_floor(fsl_sheet *sheet, const fsl_metric_info *info, const char *suffix, const char *what) {
  static const fsl_axis axes[] = {PROBLEM_AXES, FSL_AXIS_T};
  fsl_arena *const arena = sheet->results->h.ctx->arena;
  const char *const name = fsl_text_format(arena, "%s%s", info->head.name, suffix);
  const char *const title = fsl_text_format(arena, "%s: %s", info->long_name, what);
  if (name == NULL || title == NULL) return fsl_fail(sheet->results->h.ctx, FSL_ENOMEM, "out of memory for a name");
  const fsl_h5_about about = {name, title, info->units, NULL};
  return fsl_sheet_add_field(sheet, &about, FSL_JOB_TRUTH, name, 5, axes);
}

/* A record without the field has values throughout. */
static fsl_status fill_reason(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  const fsl_field_of *const of = column->self;
  const fsl_record *record;
  FSL_TRY(fsl_results_record(sheet->results, of->type, point, &record));
  for (size_t t = 0; t < sheet->size[FSL_AXIS_T]; t++) cell[t] = record == NULL ? FSL_NO_RESULT : FSL_HAS_VALUE;
  fsl_copy_field(sheet, column, record, of->field, cell);
  return FSL_OK;
}

static fsl_status add_reason(fsl_sheet *sheet, const fsl_metric_info *info) {
  fsl_arena *const arena = sheet->results->h.ctx->arena;
  const char *const name = fsl_text_format(arena, "%s_reason", info->head.name);
  const char *const title = fsl_text_format(arena, "%s: why it is NaN", info->long_name);
  if (name == NULL || title == NULL) return fsl_fail(sheet->results->h.ctx, FSL_ENOMEM, "out of memory for a name");
  fsl_field_of *of;
  FSL_GET(sheet->results->h.ctx, of, 1);
  *of = (fsl_field_of){FSL_JOB_RUN, name};
  const fsl_column column = {
      .about = {name, title, "1", NULL}, .n_axes = 8, .axis = {CELL_AXES, FSL_AXIS_T}, .self = of, .fill = fill_reason};
  return fsl_sheet_add_reasons(sheet, &column);
}

static fsl_status add_metrics(fsl_sheet *sheet) {
  for (size_t i = 0; i < FSL_N_METRICS; i++) {
    const fsl_metric_info *const info = &fsl_metrics[i];
    if ((sheet->results->spec->metrics >> i & 1u) == 0) continue; /* only what the spec asks for */
    FSL_TRY(add_metric(sheet, info));
    if (fsl_metric_has_reason((fsl_metric_id)i)) FSL_TRY(add_reason(sheet, info));
    if (!info->has_floor) continue;
    FSL_TRY(add_floor(sheet, info, "_floor", "mean over sets of exact samples"));
    FSL_TRY(add_floor(sheet, info, "_floor_hi", "exceeded by one set of exact samples in twenty"));
    if (info->has_floor_lo)
      FSL_TRY(add_floor(sheet, info, "_floor_lo", "undercut by one set of exact samples in twenty"));
  }
  return FSL_OK;
}

/* ---- what a cell is ---------------------------------------------------------------------------------------------- */

static fsl_status fill_status(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  static const fsl_cell_status became[] = {FSL_CELL_DONE, FSL_CELL_FAILED, FSL_CELL_TIMED_OUT};
  fsl_results *const r = sheet->results;
  const size_t number = fsl_grid_cell(r->spec, point);
  const fsl_record *record;
  (void)column;
  FSL_TRY(fsl_results_read(r, r->grid->job_of_cell[number], &record));
  *cell = record == NULL ? r->grid->cell_status[number] : became[record->status];
  return FSL_OK;
}

static fsl_status fill_job(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  (void)column;
  *cell = (double)sheet->results->grid->job_of_cell[fsl_grid_cell(sheet->results->spec, point)];
  return FSL_OK;
}

static fsl_status add_cells(fsl_sheet *sheet) {
  const fsl_column status = {.about = {"status", "what became of the cell", NULL, NULL},
                             .n_axes = 7,
                             .axis = {CELL_AXES},
                             .type = H5T_NATIVE_INT8,
                             .fill = fill_status};
  const fsl_column job = {.about = {"job_index", "row in /jobs, -1 for none", NULL, NULL},
                          .n_axes = 7,
                          .axis = {CELL_AXES},
                          .type = H5T_NATIVE_INT64,
                          .fill = fill_job};
  FSL_TRY(fsl_sheet_add(sheet, &status));
  FSL_TRY(fsl_sheet_add_flags(sheet, "status", 6, "not_run done failed not_applicable excluded timed_out"));
  return fsl_sheet_add(sheet, &job);
}

/* ---- modes, measurements, samples -------------------------------------------------------------------------------- */

static fsl_status add_field(fsl_sheet *sheet, const char *name, const char *title, fsl_job_type type, size_t n_axes,
                            const fsl_axis *axes) {
  const fsl_h5_about about = {name, title, "1", NULL};
  return fsl_sheet_add_field(sheet, &about, type, name, n_axes, axes);
}

static fsl_status add_precision(fsl_sheet *sheet) {
  static const fsl_axis axes[] = {CELL_AXES, FSL_AXIS_T};
  if (!sheet->results->spec->evaluation.single) return FSL_OK;
  return add_field(sheet, "precision_error", "error of the posterior score from single precision, times sqrt(v/d)",
                   FSL_JOB_RUN, 8, axes);
}

/* Where a metric or the budget asks for them: to find the modes of samples takes a pass over the whole prior. */
static fsl_status add_modes(fsl_sheet *sheet) {
  static const fsl_axis modes[] = {CELL_AXES, FSL_AXIS_T, FSL_AXIS_MODE};
  static const fsl_axis true_modes[] = {PROBLEM_AXES, FSL_AXIS_T, FSL_AXIS_MODE};
  const fsl_spec *const spec = sheet->results->spec;
  if (!spec->budget && !fsl_metrics_need_modes(spec->metrics)) return FSL_OK;
  FSL_TRY(add_field(sheet, "mode_weight", "mass of the samples in each mode of the prior", FSL_JOB_RUN, 9, modes));
  return add_field(sheet, "true_mode_weight", "mass of p(x_t | y) in each mode of the prior", FSL_JOB_TRUTH, 6,
                   true_modes);
}

static fsl_status add_problems(fsl_sheet *sheet) {
  static const fsl_axis vectors[] = {PROBLEM_AXES, FSL_AXIS_COMPONENT};
  FSL_TRY(add_modes(sheet));
  FSL_TRY(add_field(sheet, "y", "the measurement", FSL_JOB_TRUTH, 5, vectors));
  return add_field(sheet, "x_true", "what was measured; NaN for a fixed y", FSL_JOB_TRUTH, 5, vectors);
}

/* `final` keeps one time, so its cells have no t: the field's first axis has length 1. */
static fsl_status fill_final(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  const fsl_record *record;
  FSL_TRY(fsl_results_record(sheet->results, FSL_JOB_RUN, point, &record));
  const fsl_field *const field = record == NULL ? NULL : fsl_record_field(record, "samples");
  if (field == NULL) return FSL_OK;
  const fsl_field inner = {
      .name = "samples", .rank = 2, .shape = {field->shape[1], field->shape[2]}, .data = field->data};
  const fsl_record one = {.n_fields = 1, .fields = &inner};
  fsl_copy_field(sheet, column, &one, "samples", cell);
  return FSL_OK;
}

static fsl_status add_samples(fsl_sheet *sheet) {
  static const fsl_axis with_t[] = {CELL_AXES, FSL_AXIS_T, FSL_AXIS_PARTICLE, FSL_AXIS_COMPONENT};
  static const fsl_axis particle = FSL_AXIS_PARTICLE;
  const fsl_samples_kept kept = sheet->results->spec->samples;
  if (kept == FSL_SAMPLES_NONE) return FSL_OK;
  FSL_TRY(fsl_sheet_add_axes(sheet, 1, &particle));
  if (kept == FSL_SAMPLES_ALL)
    return add_field(sheet, "samples", "the sampler's states at each t", FSL_JOB_RUN, 10, with_t);
  const fsl_column column = {.about = {"samples", "the sampler's states at the smallest t", "1", NULL},
                             .n_axes = 9,
                             .axis = {CELL_AXES, FSL_AXIS_PARTICLE, FSL_AXIS_COMPONENT},
                             .fill = fill_final};
  return fsl_sheet_add(sheet, &column);
}

/* Methods with all their parameters, for tables and plots. */
static fsl_status write_labels(fsl_sheet *sheet) {
  const fsl_spec *const spec = sheet->results->spec;
  const fsl_h5_about about = {.name = "approximation_label", .long_name = "approximation with its parameters"};
  const char **label;
  FSL_GET(sheet->results->h.ctx, label, spec->n_approximations);
  for (size_t i = 0; i < spec->n_approximations; i++) label[i] = spec->approximations[i].label;
  return fsl_h5_texts(&sheet->results->h, sheet->group, &about, 1, &sheet->scale[FSL_AXIS_APPROXIMATION], label);
}

static fsl_status write_all(fsl_sheet *sheet) {
  fsl_h5 *const h = &sheet->results->h;
  FSL_TRY(fsl_h5_attribute_text(h, sheet->group, "title", fsl_file_sort_title(FSL_FILE_RESULTS)));
  FSL_TRY(fsl_h5_attribute_text(h, sheet->group, "campaign", sheet->results->spec->name));
  FSL_TRY(fsl_h5_attribute_integer(h, sheet->group, "seed", (int64_t)sheet->results->spec->seed));
  FSL_TRY(fsl_sheet_add_axes(sheet, N_ALL_AXES, all_axes));
  FSL_TRY(write_labels(sheet));
  FSL_TRY(add_metrics(sheet));
  FSL_TRY(add_cells(sheet));
  FSL_TRY(add_problems(sheet));
  FSL_TRY(add_precision(sheet));
  FSL_TRY(add_samples(sheet));
  return fsl_sheet_write(sheet);
}

fsl_status fsl_write_root(fsl_results *results) {
  fsl_sheet sheet;
  FSL_TRY(fsl_sheet_open(results, "/", &sheet));
  const fsl_status status = write_all(&sheet);
  fsl_sheet_close(&sheet);
  return status;
}
