/* store/table.c: see table.h. */
#include "store/table.h"

#include "base/text.h"
#include "metric/reason.h"

#include <math.h>
#include <string.h>

enum { SLAB_VALUES = 1 << 22 };

static const char *const axis_names[FSL_N_AXES] = {
    "prior", "forward_model", "noise_level", "approximation", "n_train",  "replicate", "observation",
    "t",     "mode",          "component",   "component2",    "particle", "part",      "metric"};

static const char *const axis_titles[FSL_N_AXES] = {
    "prior of the inverse problem",
    "forward model",
    "standard deviation of the measurement noise (root mean square over components)",
    "likelihood-score approximation or sampler",
    "number of training samples; inf: the population",
    "independent training set; at n_train inf an independent run",
    "independent measurement",
    "diffusion time",
    "mode of the prior",
    "component",
    "component",
    "particle",
    "part of the error budget",
    "metric"};

/* ---- sheets ------------------------------------------------------------------------------------------------------ */

fsl_status fsl_sheet_open(fsl_results *results, const char *name, fsl_sheet *out) {
  *out = (fsl_sheet){.results = results};
  for (size_t i = 0; i < FSL_N_AXES; i++) out->scale[i] = -1;
  if (strcmp(name, "/") != 0) return fsl_h5_group(&results->h, name, &out->group);
  out->group = H5Gopen(results->h.file, "/", H5P_DEFAULT);
  return out->group >= 0 ? FSL_OK : fsl_fail(results->h.ctx, FSL_EIO, "%s: its root cannot be opened", results->h.path);
}

void fsl_sheet_close(fsl_sheet *sheet) {
  for (size_t i = 0; i < FSL_N_AXES; i++)
    if (sheet->scale[i] >= 0) H5Dclose(sheet->scale[i]);
  if (sheet->group >= 0) H5Gclose(sheet->group);
}

fsl_status fsl_sheet_add_numbers(fsl_sheet *sheet, fsl_axis axis, size_t n) {
  sheet->size[axis] = n;
  return fsl_h5_scale_numbers(&sheet->results->h, sheet->group, axis_names[axis], n, axis_titles[axis],
                              &sheet->scale[axis]);
}

fsl_status fsl_sheet_add_reals(fsl_sheet *sheet, fsl_axis axis, size_t n, const double *values) {
  sheet->size[axis] = n;
  return fsl_h5_scale_reals(&sheet->results->h, sheet->group, axis_names[axis], n, values, axis_titles[axis],
                            &sheet->scale[axis]);
}

fsl_status fsl_sheet_add_texts(fsl_sheet *sheet, fsl_axis axis, size_t n, const char *const *values) {
  sheet->size[axis] = n;
  return fsl_h5_scale_texts(&sheet->results->h, sheet->group, axis_names[axis], n, values, axis_titles[axis],
                            &sheet->scale[axis]);
}

static fsl_status add_entries(fsl_sheet *sheet, fsl_axis axis, size_t n, const fsl_entry *entries) {
  const char **names;
  FSL_GET(sheet->results->h.ctx, names, n);
  for (size_t i = 0; i < n; i++) names[i] = entries[i].name;
  return fsl_sheet_add_texts(sheet, axis, n, names);
}

/* The levels, and their names beside them; the attribute makes them a second coordinate (CF conventions, 5). */
static fsl_status add_noise(fsl_sheet *sheet) {
  const fsl_spec *const spec = sheet->results->spec;
  const fsl_h5_about about = {.name = "noise_name", .long_name = "name of the noise level"};
  double *level;
  const char **name;
  FSL_GET(sheet->results->h.ctx, level, spec->n_noise_levels);
  FSL_GET(sheet->results->h.ctx, name, spec->n_noise_levels);
  for (size_t i = 0; i < spec->n_noise_levels; i++) {
    level[i] = spec->noise_levels[i].level;
    name[i] = spec->noise_levels[i].name;
  }
  FSL_TRY(fsl_sheet_add_reals(sheet, FSL_AXIS_NOISE_LEVEL, spec->n_noise_levels, level));
  FSL_TRY(fsl_h5_attribute_text(&sheet->results->h, sheet->group, "coordinates", "noise_name"));
  return fsl_h5_texts(&sheet->results->h, sheet->group, &about, 1, &sheet->scale[FSL_AXIS_NOISE_LEVEL], name);
}

static fsl_status add_axis(fsl_sheet *sheet, fsl_axis axis) {
  const fsl_results *const r = sheet->results;
  const fsl_spec *const spec = r->spec;
  switch (axis) {
  case FSL_AXIS_PRIOR:
    return add_entries(sheet, axis, spec->n_priors, spec->priors);
  case FSL_AXIS_FORWARD_MODEL:
    return add_entries(sheet, axis, spec->n_forward_models, spec->forward_models);
  case FSL_AXIS_NOISE_LEVEL:
    return add_noise(sheet);
  case FSL_AXIS_APPROXIMATION:
    return add_entries(sheet, axis, spec->n_approximations, spec->approximations);
  case FSL_AXIS_N_TRAIN:
    return fsl_sheet_add_reals(sheet, axis, spec->n_n_train, spec->n_train);
  case FSL_AXIS_REPLICATE:
    return fsl_sheet_add_numbers(sheet, axis, spec->replicates);
  case FSL_AXIS_OBSERVATION:
    return fsl_sheet_add_numbers(sheet, axis, spec->n_observations);
  case FSL_AXIS_T:
    return fsl_sheet_add_reals(sheet, axis, spec->n_times, spec->times);
  case FSL_AXIS_MODE:
    return fsl_sheet_add_numbers(sheet, axis, r->most_modes);
  case FSL_AXIS_COMPONENT:
  case FSL_AXIS_COMPONENT2:
    return fsl_sheet_add_numbers(sheet, axis, r->most_components);
  case FSL_AXIS_PARTICLE:
    return fsl_sheet_add_numbers(sheet, axis, spec->particles);
  default:
    return fsl_fail(r->h.ctx, FSL_EINTERNAL, "an axis without coordinates of its own");
  }
}

fsl_status fsl_sheet_add_axes(fsl_sheet *sheet, size_t n, const fsl_axis *axes) {
  for (size_t i = 0; i < n; i++) FSL_TRY(add_axis(sheet, axes[i]));
  return FSL_OK;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void set_index(fsl_point *point, fsl_axis axis, int index) {
  int *const field[FSL_AXIS_T] = {&point->prior,   &point->forward_model, &point->noise_level, &point->approximation,
                                  &point->n_train, &point->replicate,     &point->observation};
  *field[axis] = index;
}

/* The point of cell number `cell` of the column's outer axes. */
static fsl_point point_of(const fsl_sheet *sheet, const fsl_column *column, size_t n_outer, size_t cell) {
  fsl_point point = {-1, -1, -1, -1, -1, -1, -1};
  for (size_t i = n_outer; i-- > 0; cell /= sheet->size[column->axis[i]])
    set_index(&point, column->axis[i], (int)(cell % sheet->size[column->axis[i]]));
  return point;
}

typedef struct layout {
  size_t n_outer, outer, inner; /* outer axes; their product; values of a cell */
  size_t split;                 /* leading axes that a slab fixes */
  size_t slabs, cells;          /* number of slabs; cells of one */
  hsize_t extent[FSL_H5_MAX_RANK];
} layout;

static layout lay_out(const fsl_sheet *sheet, const fsl_column *column) {
  layout l = {.outer = 1, .inner = 1, .slabs = 1};
  for (size_t i = 0; i < column->n_axes; i++) {
    l.extent[i] = sheet->size[column->axis[i]];
    if (column->axis[i] < FSL_AXIS_T) {
      l.n_outer++;
      l.outer *= l.extent[i];
    } else {
      l.inner *= l.extent[i];
    }
  }
  l.cells = l.outer;
  for (; l.split < l.n_outer && l.cells * l.inner > SLAB_VALUES; l.split++) {
    l.slabs *= l.extent[l.split];
    l.cells /= l.extent[l.split];
  }
  return l;
}

static void slab_bounds(const fsl_column *column, const layout *l, size_t slab, hsize_t *start, hsize_t *count) {
  for (size_t i = 0; i < column->n_axes; i++) {
    start[i] = 0;
    count[i] = l->extent[i];
  }
  for (size_t i = l->split; i-- > 0; slab /= l->extent[i]) {
    start[i] = slab % l->extent[i];
    count[i] = 1;
  }
}

static fsl_status write_slabs(const fsl_sheet *sheet, const fsl_column *column, const layout *l, double *values,
                              hid_t variable) {
  hsize_t start[FSL_H5_MAX_RANK], count[FSL_H5_MAX_RANK];
  for (size_t slab = 0; slab < l->slabs; slab++) {
    for (size_t i = 0; i < l->cells * l->inner; i++) values[i] = NAN;
    for (size_t cell = 0; cell < l->cells; cell++)
      FSL_TRY(column->fill(sheet, column, point_of(sheet, column, l->n_outer, slab * l->cells + cell),
                           values + cell * l->inner));
    slab_bounds(column, l, slab, start, count);
    FSL_TRY(fsl_h5_write_slab(&sheet->results->h, variable, column->n_axes, start, count, values));
  }
  return FSL_OK;
}

fsl_status fsl_sheet_write(const fsl_sheet *sheet, const fsl_column *column) {
  fsl_ctx *const ctx = sheet->results->h.ctx;
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const layout l = lay_out(sheet, column);
  hid_t scale[FSL_H5_MAX_RANK], variable;
  double *values;
  for (size_t i = 0; i < column->n_axes; i++) scale[i] = sheet->scale[column->axis[i]];
  FSL_GET(ctx, values, l.cells * l.inner);
  FSL_TRY(fsl_h5_variable(&sheet->results->h, sheet->group, &column->about,
                          column->type == 0 ? H5T_NATIVE_DOUBLE : column->type, column->n_axes, scale, &variable));
  const fsl_status status = write_slabs(sheet, column, &l, values, variable);
  H5Dclose(variable);
  fsl_arena_release(ctx->arena, mark);
  return status;
}

/* ---- flags ------------------------------------------------------------------------------------------------------- */

fsl_status fsl_sheet_add_flags(const fsl_sheet *sheet, const char *variable, size_t n, const char *meanings) {
  fsl_h5 *const h = &sheet->results->h;
  int8_t values[INT8_MAX];
  for (size_t i = 0; i < n; i++) values[i] = (int8_t)i;
  const hid_t set = H5Dopen(sheet->group, variable, H5P_DEFAULT);
  if (set < 0) return fsl_fail(h->ctx, FSL_EIO, "%s: '%s' cannot be opened again", h->path, variable);
  fsl_status status = fsl_h5_attribute_bytes(h, set, "flag_values", n, values);
  if (status == FSL_OK) status = fsl_h5_attribute_text(h, set, "flag_meanings", meanings);
  H5Dclose(set);
  return status;
}

fsl_status fsl_sheet_write_reasons(const fsl_sheet *sheet, const fsl_column *column) {
  fsl_ctx *const ctx = sheet->results->h.ctx;
  fsl_text meanings;
  fsl_column reasons = *column;
  reasons.type = H5T_NATIVE_INT8;
  fsl_text_start(&meanings, ctx->arena);
  for (size_t i = 0; i < FSL_N_REASONS; i++) fsl_text_add(&meanings, "%s%s", i == 0 ? "" : " ", fsl_reasons[i].name);
  const char *const text = fsl_text_end(&meanings);
  if (text == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the reasons' names");
  FSL_TRY(fsl_sheet_write(sheet, &reasons));
  return fsl_sheet_add_flags(sheet, column->about.name, FSL_N_REASONS, text);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

const fsl_record *fsl_results_record(const fsl_results *results, fsl_job_type type, fsl_point point) {
  const int64_t job = fsl_grid_find(results->grid, results->spec, type, point);
  const fsl_record *const record = job < 0 ? NULL : results->records[job];
  return record != NULL && record->status == FSL_RECORD_DONE ? record : NULL;
}

/* Copies a row-major array of `from` shape to the corner of one of `to` shape. */
static void copy_corner(size_t rank, const size_t *from, const size_t *to, const double *in, double *out) {
  size_t in_stride = 1, out_stride = 1;
  if (rank == 0) {
    *out = *in;
    return;
  }
  for (size_t i = 1; i < rank; i++) {
    in_stride *= from[i];
    out_stride *= to[i];
  }
  for (size_t i = 0; i < from[0] && i < to[0]; i++)
    copy_corner(rank - 1, from + 1, to + 1, in + i * in_stride, out + i * out_stride);
}

void fsl_copy_field(const fsl_sheet *sheet, const fsl_column *column, const fsl_record *record, const char *name,
                    double *cell) {
  const fsl_field *const field = record == NULL ? NULL : fsl_record_field(record, name);
  size_t to[FSL_H5_MAX_RANK], rank = 0;
  for (size_t i = 0; i < column->n_axes; i++)
    if (column->axis[i] >= FSL_AXIS_T) to[rank++] = sheet->size[column->axis[i]];
  if (field == NULL || field->rank != rank) return;
  copy_corner(rank, field->shape, to, field->data, cell);
}

fsl_status fsl_fill_field(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  const fsl_field_of *const of = column->self;
  fsl_copy_field(sheet, column, fsl_results_record(sheet->results, of->type, point), of->field, cell);
  return FSL_OK;
}
