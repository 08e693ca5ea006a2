/* store/table.c: see table.h. */
#include "store/table.h"

#include "base/text.h"
#include "metric/reason.h"

#include <math.h>
#include <string.h>

enum { SLAB_VALUES = 1 << 20 }; /* of all variables that are written together */

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

/* A variable that was added and is not written yet. */
struct fsl_placed {
  fsl_column column;
  hid_t variable;
  size_t inner; /* values of a cell */
  fsl_placed *next;
  double *values; /* of a slab's cells */
};

/* ---- sheets ------------------------------------------------------------------------------------------------------ */

fsl_status fsl_sheet_open(fsl_results *results, const char *name, fsl_sheet *out) {
  *out = (fsl_sheet){.results = results};
  out->last = &out->first;
  for (size_t i = 0; i < FSL_N_AXES; i++) {
    out->scale[i] = -1;
    out->name[i] = axis_names[i];
    out->title[i] = axis_titles[i];
  }
  if (strcmp(name, "/") != 0) return fsl_h5_group(&results->h, name, &out->group);
  out->group = H5Gopen(results->h.file, "/", H5P_DEFAULT);
  return out->group >= 0 ? FSL_OK : fsl_fail(results->h.ctx, FSL_EIO, "%s: its root cannot be opened", results->h.path);
}

void fsl_sheet_close(fsl_sheet *sheet) {
  for (const fsl_placed *p = sheet->first; p != NULL; p = p->next) H5Dclose(p->variable); /* after an error */
  for (size_t i = 0; i < FSL_N_AXES; i++)
    if (sheet->scale[i] >= 0) H5Dclose(sheet->scale[i]);
  if (sheet->group >= 0) H5Gclose(sheet->group);
}

void fsl_sheet_rename(fsl_sheet *sheet, fsl_axis axis, const char *name, const char *title) {
  sheet->name[axis] = name;
  sheet->title[axis] = title;
}

fsl_status fsl_sheet_add_numbers(fsl_sheet *sheet, fsl_axis axis, size_t n) {
  sheet->size[axis] = n;
  return fsl_h5_scale_numbers(&sheet->results->h, sheet->group, sheet->name[axis], n, sheet->title[axis],
                              &sheet->scale[axis]);
}

fsl_status fsl_sheet_add_reals(fsl_sheet *sheet, fsl_axis axis, size_t n, const double *values) {
  sheet->size[axis] = n;
  return fsl_h5_scale_reals(&sheet->results->h, sheet->group, sheet->name[axis], n, values, sheet->title[axis],
                            &sheet->scale[axis]);
}

fsl_status fsl_sheet_add_texts(fsl_sheet *sheet, fsl_axis axis, size_t n, const char *const *values) {
  sheet->size[axis] = n;
  return fsl_h5_scale_texts(&sheet->results->h, sheet->group, sheet->name[axis], n, values, sheet->title[axis],
                            &sheet->scale[axis]);
}

fsl_status fsl_sheet_add_times_and_zero(fsl_sheet *sheet) {
  const fsl_spec *const spec = sheet->results->spec;
  double *times;
  FSL_GET(sheet->results->h.ctx, times, spec->n_times + 1);
  memcpy(times, spec->times, spec->n_times * sizeof *times);
  fsl_sheet_rename(sheet, FSL_AXIS_T, "t_reference", "diffusion time, and 0");
  return fsl_sheet_add_reals(sheet, FSL_AXIS_T, spec->n_times + 1, times);
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

/* ---- adding variables -------------------------------------------------------------------------------------------- */

static size_t count_outer(const fsl_column *column) {
  size_t n = 0;
  while (n < column->n_axes && column->axis[n] < FSL_AXIS_T) n++;
  return n;
}

fsl_status fsl_sheet_add(fsl_sheet *sheet, const fsl_column *column) {
  fsl_ctx *const ctx = sheet->results->h.ctx;
  hid_t scale[FSL_H5_MAX_RANK], variable;
  fsl_placed *placed;
  FSL_GET(ctx, placed, 1);
  for (size_t i = 0; i < column->n_axes; i++) scale[i] = sheet->scale[column->axis[i]];
  FSL_TRY(fsl_h5_variable(&sheet->results->h, sheet->group, &column->about,
                          column->type == 0 ? H5T_NATIVE_DOUBLE : column->type, column->n_axes, scale, &variable));
  *placed = (fsl_placed){.column = *column, .variable = variable, .inner = 1};
  for (size_t i = count_outer(column); i < column->n_axes; i++) placed->inner *= sheet->size[column->axis[i]];
  *sheet->last = placed;
  sheet->last = &placed->next;
  return FSL_OK;
}

fsl_status fsl_sheet_add_field(fsl_sheet *sheet, const fsl_h5_about *about, fsl_job_type type, const char *field,
                               size_t n_axes, const fsl_axis *axes) {
  fsl_field_of *of;
  FSL_GET(sheet->results->h.ctx, of, 1);
  *of = (fsl_field_of){type, field};
  fsl_column column = {.about = *about, .n_axes = n_axes, .self = of, .fill = fsl_fill_field};
  for (size_t i = 0; i < n_axes; i++) column.axis[i] = axes[i];
  return fsl_sheet_add(sheet, &column);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Variables over the same outer axes, and how their cells are cut into slabs: `fixed` leading axes have one index each,
 * the next one has a range of `width` at most, and the rest are whole. */
typedef struct batch {
  fsl_placed *first; /* linked by next */
  size_t n_outer, extent[FSL_AXIS_T];
  fsl_axis axis[FSL_AXIS_T];
  size_t fixed, width, rest; /* rest: cells of one index of the range */
} batch;

static void set_index(fsl_point *point, fsl_axis axis, int index) {
  int *const field[FSL_AXIS_T] = {&point->prior,   &point->forward_model, &point->noise_level, &point->approximation,
                                  &point->n_train, &point->replicate,     &point->observation};
  *field[axis] = index;
}

/* The point of cell number `cell` of the outer axes. */
static fsl_point point_of(const batch *b, size_t cell) {
  fsl_point point = {-1, -1, -1, -1, -1, -1, -1};
  for (size_t i = b->n_outer; i-- > 0; cell /= b->extent[i]) set_index(&point, b->axis[i], (int)(cell % b->extent[i]));
  return point;
}

static bool same_outer(const fsl_column *a, const fsl_column *b) {
  const size_t n = count_outer(a);
  return n == count_outer(b) && memcmp(a->axis, b->axis, n * sizeof *a->axis) == 0;
}

/* Takes the variables that go with the first one off the sheet's list. */
static batch take_batch(fsl_sheet *sheet) {
  fsl_placed *const first = sheet->first;
  batch b = {.first = first, .n_outer = count_outer(&first->column)};
  fsl_placed **kept = &sheet->first, **taken = &b.first;
  for (fsl_placed *p = first, *next; p != NULL; p = next) {
    next = p->next;
    fsl_placed ***const end = same_outer(&p->column, &first->column) ? &taken : &kept;
    **end = p;
    *end = &p->next;
  }
  *kept = *taken = NULL;
  sheet->last = kept;
  for (size_t i = 0; i < b.n_outer; i++) {
    b.axis[i] = first->column.axis[i];
    b.extent[i] = sheet->size[b.axis[i]];
  }
  return b;
}

static void cut_slabs(batch *b) {
  size_t inner = 1;
  for (const fsl_placed *p = b->first; p != NULL; p = p->next) inner += p->inner;
  const size_t most = inner > SLAB_VALUES ? 1 : SLAB_VALUES / inner; /* cells */
  b->rest = 1;
  b->fixed = b->n_outer - 1;
  while (b->fixed > 0 && b->extent[b->fixed] > 0 && b->rest * b->extent[b->fixed] <= most)
    b->rest *= b->extent[b->fixed--];
  b->width = most / b->rest < b->extent[b->fixed] ? most / b->rest : b->extent[b->fixed];
}

/* Cells first .. first + n - 1 of the outer axes. */
static fsl_status fill_slab(fsl_sheet *sheet, const batch *b, size_t first, size_t n) {
  for (const fsl_placed *p = b->first; p != NULL; p = p->next)
    for (size_t i = 0; i < n * p->inner; i++) p->values[i] = NAN;
  for (size_t cell = 0; cell < n; cell++) {
    const fsl_point point = point_of(b, first + cell);
    for (const fsl_placed *p = b->first; p != NULL; p = p->next)
      FSL_TRY(p->column.fill(sheet, &p->column, point, p->values + cell * p->inner));
  }
  return FSL_OK;
}

/* index: of the fixed axes, and where the range begins; n: how many of the range. */
static fsl_status write_slab(fsl_sheet *sheet, const batch *b, const size_t *index, size_t n) {
  hsize_t start[FSL_H5_MAX_RANK] = {0}, count[FSL_H5_MAX_RANK];
  for (const fsl_placed *p = b->first; p != NULL; p = p->next) {
    for (size_t i = 0; i < p->column.n_axes; i++) count[i] = sheet->size[p->column.axis[i]];
    for (size_t i = 0; i <= b->fixed; i++) {
      start[i] = index[i];
      count[i] = i < b->fixed ? 1 : n;
    }
    FSL_TRY(fsl_h5_write_slab(&sheet->results->h, p->variable, p->column.n_axes, start, count, p->values));
  }
  return FSL_OK;
}

static fsl_status write_slabs(fsl_sheet *sheet, const batch *b) {
  size_t cells = 1;
  for (size_t i = 0; i < b->n_outer; i++) cells *= b->extent[i];
  for (size_t first = 0, n; first < cells; first += n * b->rest) {
    size_t index[FSL_AXIS_T] = {0}, at = first / b->rest;
    for (size_t i = b->fixed + 1; i-- > 0; at /= b->extent[i]) index[i] = at % b->extent[i];
    const size_t left = b->extent[b->fixed] - index[b->fixed];
    n = left < b->width ? left : b->width;
    FSL_TRY(fill_slab(sheet, b, first, n * b->rest));
    FSL_TRY(write_slab(sheet, b, index, n));
  }
  return FSL_OK;
}

static fsl_status write_batch(fsl_sheet *sheet, batch *b) {
  fsl_ctx *const ctx = sheet->results->h.ctx;
  cut_slabs(b);
  for (fsl_placed *p = b->first; p != NULL; p = p->next) FSL_GET(ctx, p->values, b->width * b->rest * p->inner);
  return write_slabs(sheet, b);
}

fsl_status fsl_sheet_write(fsl_sheet *sheet) {
  fsl_arena *const arena = sheet->results->h.ctx->arena;
  fsl_status status = FSL_OK;
  while (status == FSL_OK && sheet->first != NULL) {
    const fsl_arena_mark mark = fsl_arena_now(arena);
    batch b = take_batch(sheet);
    status = write_batch(sheet, &b);
    for (const fsl_placed *p = b.first; p != NULL; p = p->next) H5Dclose(p->variable);
    fsl_arena_release(arena, mark);
  }
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

fsl_status fsl_sheet_add_reasons(fsl_sheet *sheet, const fsl_column *column) {
  fsl_ctx *const ctx = sheet->results->h.ctx;
  fsl_text meanings;
  fsl_column reasons = *column;
  reasons.type = H5T_NATIVE_INT8;
  fsl_text_start(&meanings, ctx->arena);
  for (size_t i = 0; i < FSL_N_REASONS; i++) fsl_text_add(&meanings, "%s%s", i == 0 ? "" : " ", fsl_reasons[i].name);
  const char *const text = fsl_text_end(&meanings);
  if (text == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the reasons' names");
  FSL_TRY(fsl_sheet_add(sheet, &reasons));
  return fsl_sheet_add_flags(sheet, column->about.name, FSL_N_REASONS, text);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

fsl_status fsl_results_read(fsl_results *results, int64_t job, const fsl_record **out) {
  *out = NULL;
  if (job < 0) return FSL_OK;
  fsl_ctx *const ctx = results->h.ctx;
  fsl_read_record *const last = &results->last[results->grid->jobs[job].type];
  if (last->job != job) {
    fsl_arena *const whole = ctx->arena;
    fsl_arena_release(last->arena, (fsl_arena_mark){0});
    last->job = -1;
    ctx->arena = last->arena;
    const fsl_status status =
        results->source.read(ctx, results->source.self, (size_t)job, true, &last->record, &last->found);
    ctx->arena = whole;
    FSL_TRY(status);
    last->job = job;
  }
  if (last->found) *out = &last->record;
  return FSL_OK;
}

fsl_status fsl_results_record(fsl_results *results, fsl_job_type type, fsl_point point, const fsl_record **out) {
  FSL_TRY(fsl_results_read(results, fsl_grid_find(results->grid, results->spec, type, point), out));
  if (*out != NULL && (*out)->status != FSL_RECORD_DONE) *out = NULL;
  return FSL_OK;
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
  const fsl_record *record;
  FSL_TRY(fsl_results_record(sheet->results, of->type, point, &record));
  fsl_copy_field(sheet, column, record, of->field, cell);
  return FSL_OK;
}
