/* store/results_jobs.c: /jobs: one row a job: what it is, how it went, where it ran. The only volatile numbers of the
 * file. */
#include "store/table.h"

#include "base/text.h"
#include "grid/describe.h"

#include <math.h>
#include <string.h>

/* Rows are written this many at a time: each record is read once for all columns. */
enum { SLAB_ROWS = 4096, MOST_HOSTS = 64 };

typedef struct rows {
  fsl_results *results;
  hid_t group, scale;
  size_t n, n_hosts;
  const char *host[MOST_HOSTS]; /* distinct ones of the records */
} rows;

static const char *status_name(const fsl_record *record) {
  if (record == NULL) return fsl_cell_status_names[FSL_CELL_NOT_RUN];
  if (record->status == FSL_RECORD_DONE) return fsl_cell_status_names[FSL_CELL_DONE];
  return fsl_cell_status_names[record->status == FSL_RECORD_FAILED ? FSL_CELL_FAILED : FSL_CELL_TIMED_OUT];
}

/* ---- the columns: a job's values, `record` NULL where there is none. NULL: out of memory ------------------------- */

typedef const char *text_of(fsl_arena *arena, const fsl_results *r, size_t job, const fsl_record *record);
typedef double number_of(const fsl_record *record);

static const char *text_type(fsl_arena *arena, const fsl_results *r, size_t job, const fsl_record *record) {
  (void)arena;
  (void)record;
  return fsl_job_type_name(r->grid->jobs[job].type);
}

static const char *text_identity(fsl_arena *arena, const fsl_results *r, size_t job, const fsl_record *record) {
  char hexadecimal[33];
  (void)record;
  fsl_hash_print(r->grid->jobs[job].identity, hexadecimal);
  return fsl_text_copy(arena, hexadecimal);
}

static const char *text_status(fsl_arena *arena, const fsl_results *r, size_t job, const fsl_record *record) {
  (void)arena;
  (void)r;
  (void)job;
  return status_name(record);
}

static const char *text_host(fsl_arena *arena, const fsl_results *r, size_t job, const fsl_record *record) {
  (void)arena;
  (void)r;
  (void)job;
  return record == NULL ? "" : record->host;
}

static const char *text_error(fsl_arena *arena, const fsl_results *r, size_t job, const fsl_record *record) {
  (void)arena;
  (void)r;
  (void)job;
  return record == NULL ? "" : record->error;
}

static const char *text_cell(fsl_arena *arena, const fsl_results *r, size_t job, const fsl_record *record) {
  (void)record;
  return fsl_point_describe(arena, r->spec, r->grid->jobs[job].point);
}

static double seconds(const fsl_record *record) {
  return record == NULL ? NAN : record->seconds;
}

static double ranks(const fsl_record *record) {
  return record == NULL ? 0 : record->ranks;
}

static double attempts(const fsl_record *record) {
  return record == NULL ? 0 : record->attempts;
}

static const struct text_column {
  fsl_h5_about about;
  text_of *of;
} text_columns[] = {
    {{"type", "truth, reference, run or budget", NULL, NULL}, text_type},
    {{"identity", "hash of everything the result depends on", NULL, NULL}, text_identity},
    {{"status", "done, failed, timed_out or not_run", NULL, NULL}, text_status},
    {{"host", "where its first rank ran", NULL, NULL}, text_host},
    {{"error", "why it failed", NULL, NULL}, text_error},
    {{"first_cell", "the first cell it serves", NULL, NULL}, text_cell},
};

static const struct number_column {
  fsl_h5_about about;
  bool is_real;
  number_of *of;
} number_columns[] = {
    {{"seconds", "time the job took", "s", NULL}, true, seconds},
    {{"attempts", "times it was started", NULL, NULL}, false, attempts},
    {{"ranks", "ranks that shared it", NULL, NULL}, false, ranks},
};

enum {
  N_TEXTS = sizeof text_columns / sizeof *text_columns,
  N_NUMBERS = sizeof number_columns / sizeof *number_columns
};

/* ---- writing ----------------------------------------------------------------------------------------------------- */

typedef struct open_columns {
  hid_t text[N_TEXTS], number[N_NUMBERS]; /* -1: not open */
  const char **texts[N_TEXTS];            /* SLAB_ROWS each */
  double *numbers[N_NUMBERS];
} open_columns;

static fsl_status open_all(rows *r, open_columns *c) {
  fsl_h5 *const h = &r->results->h;
  memset(c->text, -1, sizeof c->text);
  memset(c->number, -1, sizeof c->number);
  for (size_t i = 0; i < N_TEXTS; i++) {
    FSL_TRY(fsl_h5_text_variable(h, r->group, &text_columns[i].about, 1, &r->scale, &c->text[i]));
    FSL_GET(h->ctx, c->texts[i], SLAB_ROWS);
  }
  for (size_t i = 0; i < N_NUMBERS; i++) {
    const hid_t type = number_columns[i].is_real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
    FSL_TRY(fsl_h5_variable(h, r->group, &number_columns[i].about, type, 1, &r->scale, &c->number[i]));
    FSL_GET(h->ctx, c->numbers[i], SLAB_ROWS);
  }
  return FSL_OK;
}

static void close_all(const open_columns *c) {
  for (size_t i = 0; i < N_TEXTS; i++)
    if (c->text[i] >= 0) H5Dclose(c->text[i]);
  for (size_t i = 0; i < N_NUMBERS; i++)
    if (c->number[i] >= 0) H5Dclose(c->number[i]);
}

static fsl_status note_host(rows *r, const fsl_record *record) {
  size_t i = 0;
  if (record == NULL || r->n_hosts == MOST_HOSTS) return FSL_OK;
  while (i < r->n_hosts && strcmp(r->host[i], record->host) != 0) i++;
  if (i < r->n_hosts) return FSL_OK;
  r->host[r->n_hosts] = fsl_text_copy(r->results->h.ctx->arena, record->host);
  return r->host[r->n_hosts++] != NULL ? FSL_OK : fsl_fail(r->results->h.ctx, FSL_ENOMEM, "out of memory for a host");
}

static fsl_status fill_row(rows *r, const open_columns *c, fsl_arena *texts, size_t job, size_t row) {
  fsl_results *const results = r->results;
  fsl_arena *const whole = results->h.ctx->arena;
  fsl_record read;
  bool found;
  results->h.ctx->arena = texts;
  const fsl_status status = results->source.read(results->h.ctx, results->source.self, job, false, &read, &found);
  results->h.ctx->arena = whole;
  FSL_TRY(status);
  const fsl_record *const record = found ? &read : NULL;
  FSL_TRY(note_host(r, record));
  for (size_t i = 0; i < N_NUMBERS; i++) c->numbers[i][row] = number_columns[i].of(record);
  for (size_t i = 0; i < N_TEXTS; i++) {
    c->texts[i][row] = text_columns[i].of(texts, results, job, record);
    if (c->texts[i][row] == NULL) return fsl_fail(results->h.ctx, FSL_ENOMEM, "out of memory for the texts of jobs");
  }
  return FSL_OK;
}

static fsl_status write_slab(rows *r, const open_columns *c, size_t first, size_t n) {
  fsl_h5 *const h = &r->results->h;
  const hsize_t start = first, count = n;
  for (size_t i = 0; i < N_TEXTS; i++) FSL_TRY(fsl_h5_write_texts(h, c->text[i], first, n, c->texts[i]));
  for (size_t i = 0; i < N_NUMBERS; i++) FSL_TRY(fsl_h5_write_slab(h, c->number[i], 1, &start, &count, c->numbers[i]));
  return FSL_OK;
}

static fsl_status write_slabs(rows *r, const open_columns *c, fsl_arena *texts) {
  for (size_t first = 0; first < r->n; first += SLAB_ROWS) {
    const size_t n = r->n - first < SLAB_ROWS ? r->n - first : SLAB_ROWS;
    for (size_t i = 0; i < n; i++) FSL_TRY(fill_row(r, c, texts, first + i, i));
    FSL_TRY(write_slab(r, c, first, n));
    fsl_arena_release(texts, (fsl_arena_mark){0});
  }
  return FSL_OK;
}

static fsl_status write_columns(rows *r) {
  open_columns c;
  fsl_arena *const texts = fsl_arena_create(0);
  fsl_status status = open_all(r, &c);
  if (status == FSL_OK && texts == NULL)
    status = fsl_fail(r->results->h.ctx, FSL_ENOMEM, "out of memory for the texts of jobs");
  if (status == FSL_OK) status = write_slabs(r, &c, texts);
  close_all(&c);
  fsl_arena_destroy(texts);
  return status;
}

static fsl_status write_numbers(rows *r, const fsl_h5_about *about, hid_t type, const double *values) {
  const hsize_t start = 0, count = r->n;
  hid_t variable;
  FSL_TRY(fsl_h5_variable(&r->results->h, r->group, about, type, 1, &r->scale, &variable));
  const fsl_status status = fsl_h5_write_slab(&r->results->h, variable, 1, &start, &count, values);
  H5Dclose(variable);
  return status;
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

static fsl_status list_hosts(const rows *r, const char **out) {
  fsl_text text;
  fsl_text_start(&text, r->results->h.ctx->arena);
  for (size_t i = 0; i < r->n_hosts; i++) fsl_text_add(&text, "%s%s", i == 0 ? "" : " ", r->host[i]);
  *out = fsl_text_end(&text);
  return *out != NULL ? FSL_OK : fsl_fail(r->results->h.ctx, FSL_ENOMEM, "out of memory for the hosts");
}

static fsl_status write_rows(rows *r) {
  FSL_TRY(fsl_h5_scale_numbers(&r->results->h, r->group, "job", r->n, "number of the job", &r->scale));
  FSL_TRY(write_columns(r));
  FSL_TRY(write_cell_counts(r));
  return list_hosts(r, &r->results->hosts);
}

fsl_status fsl_write_jobs(fsl_results *results) {
  rows r = {.results = results, .scale = -1, .n = results->grid->n_jobs};
  FSL_TRY(fsl_h5_group(&results->h, "jobs", &r.group));
  const fsl_status status = write_rows(&r);
  if (r.scale >= 0) H5Dclose(r.scale);
  H5Gclose(r.group);
  return status;
}
