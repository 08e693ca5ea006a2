/* store/results_jobs.c: /jobs: one row a job: what it is, how it went, where it ran. The only volatile numbers of the
 * file. */
#include "store/table.h"

#include "base/text.h"
#include "grid/describe.h"

#include <math.h>

typedef struct rows {
  fsl_results *results;
  hid_t group, scale;
  size_t n;
} rows;

static const char *status_name(const fsl_record *record) {
  if (record == NULL) return fsl_cell_status_names[FSL_CELL_NOT_RUN];
  if (record->status == FSL_RECORD_DONE) return fsl_cell_status_names[FSL_CELL_DONE];
  return fsl_cell_status_names[record->status == FSL_RECORD_FAILED ? FSL_CELL_FAILED : FSL_CELL_TIMED_OUT];
}

typedef const char *text_of(const rows *r, size_t job);
typedef double number_of(const rows *r, size_t job);

static const char *text_type(const rows *r, size_t job) {
  return fsl_job_type_name(r->results->grid->jobs[job].type);
}

static const char *text_identity(const rows *r, size_t job) {
  char hexadecimal[33];
  fsl_hash_print(r->results->grid->jobs[job].identity, hexadecimal);
  const char *const copy = fsl_text_copy(r->results->h.ctx->arena, hexadecimal);
  return copy == NULL ? "" : copy;
}

static const char *text_status(const rows *r, size_t job) {
  return status_name(r->results->records[job]);
}

static const char *text_host(const rows *r, size_t job) {
  const fsl_record *const record = r->results->records[job];
  return record == NULL ? "" : record->host;
}

static const char *text_error(const rows *r, size_t job) {
  const fsl_record *const record = r->results->records[job];
  return record == NULL ? "" : record->error;
}

static const char *text_cell(const rows *r, size_t job) {
  const fsl_job *const described = &r->results->grid->jobs[job];
  const char *const text = fsl_point_describe(r->results->h.ctx->arena, r->results->spec, described->point);
  return text == NULL ? "" : text;
}

static double seconds(const rows *r, size_t job) {
  return r->results->records[job] == NULL ? NAN : r->results->records[job]->seconds;
}

static double ranks(const rows *r, size_t job) {
  return r->results->records[job] == NULL ? 0 : r->results->records[job]->ranks;
}

static double attempts(const rows *r, size_t job) {
  return r->results->records[job] == NULL ? 0 : r->results->records[job]->attempts;
}

static fsl_status write_texts(rows *r, const char *name, const char *title, text_of *of) {
  const fsl_h5_about about = {.name = name, .long_name = title};
  const char **text;
  FSL_GET(r->results->h.ctx, text, r->n + 1);
  for (size_t i = 0; i < r->n; i++) text[i] = of(r, i);
  return fsl_h5_texts(&r->results->h, r->group, &about, 1, &r->scale, text);
}

static fsl_status write_numbers(rows *r, const fsl_h5_about *about, hid_t type, const double *values) {
  const hsize_t start = 0, count = r->n;
  hid_t variable;
  FSL_TRY(fsl_h5_variable(&r->results->h, r->group, about, type, 1, &r->scale, &variable));
  const fsl_status status = fsl_h5_write_slab(&r->results->h, variable, 1, &start, &count, values);
  H5Dclose(variable);
  return status;
}

static fsl_status write_column(rows *r, const char *name, const char *title, const char *units, hid_t type,
                               number_of *of) {
  const fsl_h5_about about = {.name = name, .long_name = title, .units = units};
  double *value;
  FSL_GET(r->results->h.ctx, value, r->n + 1);
  for (size_t i = 0; i < r->n; i++) value[i] = of(r, i);
  return write_numbers(r, &about, type, value);
}

static fsl_status write_cell_counts(rows *r) {
  static const fsl_job_type types[] = {FSL_JOB_TRUTH, FSL_JOB_REFERENCE, FSL_JOB_RUN, FSL_JOB_BUDGET};
  const fsl_h5_about about = {.name = "cells", .long_name = "cells of the grid that the job serves"};
  const fsl_grid *const grid = r->results->grid;
  double *count;
  FSL_GET(r->results->h.ctx, count, r->n + 1);
  for (size_t cell = 0; cell < grid->n_cells; cell++) {
    const fsl_point point = fsl_grid_point(r->results->spec, cell);
    for (size_t i = 0; i < 4 && grid->job_of_cell[cell] >= 0; i++) {
      const int64_t job = fsl_grid_find(grid, r->results->spec, types[i], point);
      if (job >= 0) count[job]++;
    }
  }
  return write_numbers(r, &about, H5T_NATIVE_INT64, count);
}

static fsl_status write_rows(rows *r) {
  FSL_TRY(fsl_h5_scale_numbers(&r->results->h, r->group, "job", r->n, "number of the job", &r->scale));
  FSL_TRY(write_texts(r, "type", "truth, reference, run or budget", text_type));
  FSL_TRY(write_texts(r, "identity", "hash of everything the result depends on", text_identity));
  FSL_TRY(write_texts(r, "status", "done, failed, timed_out or not_run", text_status));
  FSL_TRY(write_column(r, "seconds", "time the job took", "s", H5T_NATIVE_DOUBLE, seconds));
  FSL_TRY(write_texts(r, "host", "where its first rank ran", text_host));
  FSL_TRY(write_column(r, "attempts", "times it was started", NULL, H5T_NATIVE_INT64, attempts));
  FSL_TRY(write_column(r, "ranks", "ranks that shared it", NULL, H5T_NATIVE_INT64, ranks));
  FSL_TRY(write_texts(r, "error", "why it failed", text_error));
  FSL_TRY(write_texts(r, "first_cell", "the first cell it serves", text_cell));
  return write_cell_counts(r);
}

fsl_status fsl_write_jobs(fsl_results *results) {
  rows r = {.results = results, .scale = -1, .n = results->grid->n_jobs};
  FSL_TRY(fsl_h5_group(&results->h, "jobs", &r.group));
  const fsl_status status = write_rows(&r);
  if (r.scale >= 0) H5Dclose(r.scale);
  H5Gclose(r.group);
  return status;
}
