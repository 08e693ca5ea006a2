/* The results file: every number of every record lies where its names say, in every group, whatever is missing. Records
 * are made up so that a value names its job and its place; the file is read back with HDF5 alone. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/h5.h"
#include "store/results.h"
#include "store/results_read.h"

static const char text_of_spec[] =
    "name: made-up\n"
    "seed: 7\n"
    "grid:\n"
    "  prior:\n"
    "    - {name: tri, kind: discrete, atoms: [[-1, 0], [0, 1], [2, 2]]}\n"
    "    - {name: bell, kind: gaussian, mean: [0, 1]}\n"
    "  forward_model: [identity, {name: one, kind: linear, matrix: [[1, 2]]}, {name: big, kind: abs}]\n"
    "  noise_level: [0.5, {name: uneven, std: [0.3, 0.4]}]\n"
    "  approximation: [fsr, {name: first-published, kind: dps}, tmpd]\n"
    "  n_train: [.inf, 400, 100, 1600]\n"
    "replicates: 2\n"
    "observations: {kind: simulated, count: 2}\n"
    "sampler: {kind: euler-maruyama, steps: 10, particles: 16}\n"
    "times: [0.1, 0.4]\n"
    "exclude: [{prior: bell, approximation: first-published}]\n"
    "budget: {replicates: 2, observations: 1, refine: 4}\n";

enum { N_TIMES = 2, N_MODES = 3, DIMENSION = 2 };

typedef struct fixture {
  fsl_arena *arena;
  fsl_ctx ctx;
  fsl_spec spec;
  fsl_grid grid;
  const fsl_record **records;
  char folder[64], path[96];
  hid_t file;
} fixture;

/* ---- made-up records --------------------------------------------------------------------------------------------- */

/* Value i of field number `field` of a job: no two are the same. */
static double made_up(size_t job, size_t field, size_t i) {
  return (double)job + (double)field / 128 + (double)i / 65536;
}

typedef struct maker {
  fixture *f;
  size_t job, n;
  fsl_field *fields;
} maker;

static double *add(maker *m, const char *name, size_t rank, size_t n0, size_t n1) {
  const size_t size = rank == 0 ? 1 : rank == 1 ? n0 : n0 * n1;
  double *const data = fsl_arena_get(m->f->arena, size, sizeof *data);
  assert_non_null(data);
  for (size_t i = 0; i < size; i++) data[i] = made_up(m->job, m->n, i);
  m->fields[m->n++] = (fsl_field){.name = name, .rank = rank, .shape = {n0, n1}, .data = data};
  return data;
}

static void make_truth(maker *m, size_t measurements) {
  add(m, "y", 1, measurements, 0);
  add(m, "x_true", 1, DIMENSION, 0);
  add(m, "mean", 1, DIMENSION, 0);
  double *const covariance = add(m, "covariance", 2, DIMENSION, DIMENSION);
  covariance[0] = 4;
  covariance[3] = 9;
  add(m, "log_evidence", 0, 0, 0);
  *add(m, "method", 0, 0, 0) = (double)(m->job % 3);
  add(m, "stated_error", 0, 0, 0);
  add(m, "ess", 0, 0, 0);
  *add(m, "chi2", 0, 0, 0) = 2;
  add(m, "sliced_w1_floor", 1, N_TIMES, 0);
  add(m, "sliced_w1_floor_hi", 1, N_TIMES, 0);
  add(m, "spread_min_floor_lo", 1, N_TIMES, 0);
  add(m, "budget_floor_approximation", 1, N_TIMES, 0);
  double *const weight = add(m, "true_mode_weight", 2, N_TIMES, N_MODES);
  for (size_t i = 0; i < N_TIMES * N_MODES; i++) weight[i] = i % N_MODES == 0 ? 0.5 : 0.25;
}

/* mean_error falls exactly as N^-1/2, at every t. */
static void make_reference(maker *m, double n_train) {
  double *const error = add(m, "mean_error", 1, N_TIMES + 1, 0);
  for (size_t t = 0; t <= N_TIMES; t++) error[t] = (double)(t + 1) / sqrt(n_train);
  add(m, "covariance_error", 1, N_TIMES + 1, 0);
  add(m, "sliced_w1", 1, N_TIMES + 1, 0);
  add(m, "effective_atoms", 1, N_TIMES + 1, 0);
  add(m, "mode_weight_tv", 0, 0, 0);
  add(m, "ess", 0, 0, 0);
  add(m, "khat", 0, 0, 0);
  add(m, "log_evidence_error", 0, 0, 0);
}

static void make_run(maker *m, size_t modes) {
  for (size_t i = 0; i < FSL_N_METRICS; i++) add(m, fsl_metrics[i].head.name, 1, N_TIMES, 0);
  add(m, "mode_weight", 2, N_TIMES, modes);
}

static void make_budget(maker *m) {
  static const char *const w1[] = {"sliced_w1_finite_sample", "sliced_w1_approximation", "sliced_w1_integrator",
                                   "sliced_w1_total"};
  static const char *const mean[] = {"mean_finite_sample", "mean_approximation", "mean_integrator", "mean_total"};
  for (size_t i = 0; i < 4; i++) add(m, w1[i], 1, N_TIMES, 0);
  for (size_t i = 0; i < 4; i++) add(m, mean[i], 2, N_TIMES, DIMENSION);
}

static size_t modes_of(const fixture *f, const fsl_job *job) {
  return f->spec.prior_of[job->point.prior].population.n_modes;
}

static const fsl_record *make_record(fixture *f, size_t i) {
  const fsl_job *const job = &f->grid.jobs[i];
  const size_t model = (size_t)job->point.prior * f->spec.n_forward_models + (size_t)job->point.forward_model;
  fsl_record *const record = fsl_arena_get(f->arena, 1, sizeof *record);
  maker m = {f, i, 0, fsl_arena_get(f->arena, 64, sizeof(fsl_field))};
  assert_non_null(record);
  assert_non_null(m.fields);
  if (job->type == FSL_JOB_TRUTH) make_truth(&m, f->spec.model_of[model]->m);
  if (job->type == FSL_JOB_REFERENCE) make_reference(&m, f->spec.n_train[job->point.n_train]);
  if (job->type == FSL_JOB_RUN) make_run(&m, modes_of(f, job));
  if (job->type == FSL_JOB_BUDGET) make_budget(&m);
  *record = (fsl_record){.job = job->identity,
                         .n_fields = m.n,
                         .fields = m.fields,
                         .error = "",
                         .host = i % 2 == 0 ? "north" : "south",
                         .seconds = (double)i / 8,
                         .ranks = 2,
                         .attempts = 1};
  return record;
}

static const fsl_record *fail_record(fixture *f, size_t i, fsl_record_status status) {
  fsl_record *const record = fsl_arena_get(f->arena, 1, sizeof *record);
  assert_non_null(record);
  *record = (fsl_record){
      .job = f->grid.jobs[i].identity, .status = status, .error = "it diverged \xe2\x86\x91", .host = "north"};
  return record;
}

/* ---- setting up -------------------------------------------------------------------------------------------------- */

static void parse(fixture *f, const char *text, bool with_records) {
  const char *errors = "";
  const fsl_status status =
      fsl_spec_parse(&f->ctx, &fsl_standard_catalog, "made-up.yaml", text, strlen(text), 0, NULL, &f->spec, &errors);
  assert_string_equal(errors, "");
  assert_int_equal(status, FSL_OK);
  assert_int_equal(fsl_grid_create(&f->ctx, &f->spec, &f->grid), FSL_OK);
  f->records = fsl_arena_get(f->arena, f->grid.n_jobs + 1, sizeof *f->records);
  assert_non_null(f->records);
  for (size_t i = 0; with_records && i < f->grid.n_jobs; i++) f->records[i] = make_record(f, i);
}

/* The results file asks for records as it does of journals. */
static fsl_status read_record(fsl_ctx *ctx, void *self, size_t job, bool whole, fsl_record *out, bool *found) {
  const fixture *const f = self;
  (void)ctx;
  *found = f->records[job] != NULL;
  if (!*found) return FSL_OK;
  *out = *f->records[job];
  if (!whole) out->n_fields = 0;
  return FSL_OK;
}

static fsl_status write_file(fixture *f, const char *path) {
  const fsl_provenance provenance = {.started = "2026-01-01T00:00:00Z",
                                     .ended = "2026-01-01T00:00:09Z",
                                     .command = "fslens run made-up.yaml",
                                     .slurm = "",
                                     .signatures = "",
                                     .ranks = 3};
  return fsl_results_write(&f->ctx, path, &f->spec, &f->grid, (fsl_record_source){f, read_record}, &provenance);
}

static void write_and_open(fixture *f) {
  const fsl_status status = write_file(f, f->path);
  assert_string_equal(f->ctx.error, "");
  assert_int_equal(status, FSL_OK);
  f->file = H5Fopen(f->path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(f->file >= 0);
}

static int set_up(void **state) {
  fixture *const f = calloc(1, sizeof *f);
  if (f == NULL || (f->arena = fsl_arena_create(0)) == NULL) return -1;
  f->ctx = (fsl_ctx){.arena = f->arena, .team = &fsl_team_solo};
  f->file = -1;
  snprintf(f->folder, sizeof f->folder, "/tmp/fsl-results-XXXXXX");
  if (mkdtemp(f->folder) == NULL) return -1;
  snprintf(f->path, sizeof f->path, "%s/out.h5", f->folder);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *const f = *state;
  if (f->file >= 0) H5Fclose(f->file);
  unlink(f->path);
  rmdir(f->folder);
  fsl_arena_destroy(f->arena);
  free(f);
  return 0;
}

/* ---- reading back ------------------------------------------------------------------------------------------------ */

enum { MAX_RANK = 12 };

typedef struct variable {
  int rank;
  hsize_t shape[MAX_RANK];
  double *data;
} variable;

static variable read_back(fixture *f, const char *name) {
  variable v = {0};
  const hid_t set = H5Dopen(f->file, name, H5P_DEFAULT);
  if (set < 0) fail_msg("there is no %s", name);
  const hid_t space = H5Dget_space(set);
  v.rank = H5Sget_simple_extent_dims(space, v.shape, NULL);
  v.data = fsl_arena_get(f->arena, (size_t)H5Sget_simple_extent_npoints(space) + 1, sizeof *v.data);
  assert_non_null(v.data);
  assert_true(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, v.data) >= 0);
  H5Sclose(space);
  H5Dclose(set);
  return v;
}

static double at(const variable *v, const size_t *index) {
  size_t flat = 0;
  for (int i = 0; i < v->rank; i++) {
    assert_true(index[i] < v->shape[i]);
    flat = flat * v->shape[i] + index[i];
  }
  return v->data[flat];
}

static void expect_shape(const variable *v, int rank, const hsize_t *shape) {
  assert_int_equal(v->rank, rank);
  for (int i = 0; i < rank; i++) assert_int_equal(v->shape[i], shape[i]);
}

static void expect_same(double got, double expected) {
  if (isnan(expected) ? !isnan(got) : got != expected) fail_msg("%.17g where %.17g belongs", got, expected);
}

static void expect_near(double got, double expected, double within) {
  if (!(fabs(got - expected) <= within)) fail_msg("%.17g where %.17g belongs", got, expected);
}

/* Texts of a one-dimensional dataset, or the one of an attribute. */
static void expect_text(fixture *f, const char *name, size_t i, const char *expected) {
  const hid_t set = H5Dopen(f->file, name, H5P_DEFAULT);
  assert_true(set >= 0);
  const hid_t type = H5Dget_type(set), space = H5Dget_space(set);
  assert_true(H5Tis_variable_str(type) > 0);
  assert_int_equal(H5Tget_cset(type), H5T_CSET_UTF8);
  const size_t n = (size_t)H5Sget_simple_extent_npoints(space);
  char **const texts = calloc(n, sizeof *texts);
  assert_non_null(texts);
  assert_true(i < n);
  assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) >= 0);
  assert_string_equal(texts[i], expected);
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
  free(texts);
  H5Sclose(space);
  H5Tclose(type);
  H5Dclose(set);
}

static void expect_attribute(fixture *f, const char *object, const char *name, const char *expected) {
  char *text = NULL;
  assert_true(H5LTget_attribute_string(f->file, object, name, (char *)(void *)&text) >= 0);
  assert_string_equal(text, expected);
  H5free_memory(text);
}

/* The names of a variable's axes, each of a scale in the variable's own group. */
static herr_t note_scale(hid_t set, unsigned axis, hid_t scale, void *self) {
  (void)set;
  (void)axis;
  H5Iget_name(scale, self, 96);
  return 1;
}

static void expect_axes(fixture *f, const char *name, int n, const char *const *expected) {
  const char *const slash = strrchr(name, '/');
  const hid_t set = H5Dopen(f->file, name, H5P_DEFAULT);
  assert_true(set >= 0);
  for (int i = 0; i < n; i++) {
    char found[96] = "", wanted[96];
    H5DSiterate_scales(set, (unsigned)i, NULL, note_scale, found);
    snprintf(wanted, sizeof wanted, "/%.*s%s", slash == NULL ? 0 : (int)(slash - name) + 1, name, expected[i]);
    assert_string_equal(found, wanted);
  }
  H5Dclose(set);
}

/* ---- where values lie -------------------------------------------------------------------------------------------- */

static double field_value(const fixture *f, int64_t job, const char *name, size_t i) {
  const fsl_record *const record = job < 0 ? NULL : f->records[job];
  if (record == NULL || record->status != FSL_RECORD_DONE) return NAN;
  const fsl_field *const field = fsl_record_field(record, name);
  return field == NULL ? NAN : field->data[i];
}

static void expect_metric(fixture *f, const char *name) {
  const variable v = read_back(f, name);
  const hsize_t shape[] = {2, 3, 2, 3, 4, 2, 2, N_TIMES};
  expect_shape(&v, 8, shape);
  for (size_t cell = 0; cell < f->grid.n_cells; cell++) {
    const fsl_point p = fsl_grid_point(&f->spec, cell);
    for (size_t t = 0; t < N_TIMES; t++) {
      const size_t index[] = {
          (size_t)p.prior,   (size_t)p.forward_model, (size_t)p.noise_level, (size_t)p.approximation,
          (size_t)p.n_train, (size_t)p.replicate,     (size_t)p.observation, t};
      expect_same(at(&v, index), field_value(f, f->grid.job_of_cell[cell], name, t));
    }
  }
}

static void every_metric_lies_in_its_cell(void **state) {
  fixture *const f = *state;
  parse(f, text_of_spec, true);
  write_and_open(f);
  for (size_t i = 0; i < FSL_N_METRICS; i++) expect_metric(f, fsl_metrics[i].head.name);
}

static void floors_and_modes_lie_in_their_problem(void **state) {
  fixture *const f = *state;
  parse(f, text_of_spec, true);
  write_and_open(f);
  const variable floor = read_back(f, "sliced_w1_floor"), high = read_back(f, "sliced_w1_floor_hi"),
                 low = read_back(f, "spread_min_floor_lo"), weight = read_back(f, "true_mode_weight"),
                 y = read_back(f, "y");
  const hsize_t shape[] = {2, 3, 2, 2, N_TIMES};
  expect_shape(&floor, 5, shape);
  for (size_t i = 0; i < 24; i++) {
    const fsl_point p = {.prior = (int)(i / 12),
                         .forward_model = (int)(i / 4 % 3),
                         .noise_level = (int)(i / 2 % 2),
                         .observation = (int)(i % 2)};
    const int64_t job = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_TRUTH, p);
    const size_t m = f->spec.model_of[p.prior * 3 + p.forward_model]->m;
    for (size_t t = 0; t < N_TIMES; t++) {
      expect_same(floor.data[i * N_TIMES + t], field_value(f, job, "sliced_w1_floor", t));
      expect_same(high.data[i * N_TIMES + t], field_value(f, job, "sliced_w1_floor_hi", t));
      expect_same(low.data[i * N_TIMES + t], field_value(f, job, "spread_min_floor_lo", t));
      for (size_t k = 0; k < N_MODES; k++)
        expect_same(weight.data[(i * N_TIMES + t) * N_MODES + k],
                    field_value(f, job, "true_mode_weight", t * N_MODES + k));
    }
    for (size_t j = 0; j < DIMENSION; j++) /* padded where the measurement is shorter */
      expect_same(y.data[i * DIMENSION + j], j < m ? field_value(f, job, "y", j) : NAN);
  }
}

/* One mode of the gaussian against three of the atoms. */
static void mode_weights_are_padded(void **state) {
  fixture *const f = *state;
  parse(f, text_of_spec, true);
  write_and_open(f);
  const variable v = read_back(f, "mode_weight");
  for (size_t cell = 0; cell < f->grid.n_cells; cell++) {
    const fsl_point p = fsl_grid_point(&f->spec, cell);
    const size_t modes = f->spec.prior_of[p.prior].population.n_modes;
    for (size_t t = 0; t < N_TIMES; t++)
      for (size_t k = 0; k < N_MODES; k++)
        expect_same(v.data[(cell * N_TIMES + t) * N_MODES + k],
                    k < modes ? field_value(f, f->grid.job_of_cell[cell], "mode_weight", t * modes + k) : NAN);
  }
}

static void a_cell_says_what_became_of_it(void **state) {
  fixture *const f = *state;
  parse(f, text_of_spec, true);
  const fsl_point points[] = {{0, 0, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 1, 1, 0}, {0, 0, 0, 0, 2, 0, 0},
                              {1, 0, 0, 1, 1, 0, 0}, {0, 2, 0, 2, 1, 0, 0}, {0, 0, 0, 0, 2, 1, 0}};
  const double expected[] = {FSL_CELL_FAILED,   FSL_CELL_TIMED_OUT,      FSL_CELL_NOT_RUN,
                             FSL_CELL_EXCLUDED, FSL_CELL_NOT_APPLICABLE, FSL_CELL_DONE};
  int64_t job[3];
  for (size_t i = 0; i < 3; i++) job[i] = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_RUN, points[i]);
  f->records[job[0]] = fail_record(f, (size_t)job[0], FSL_RECORD_FAILED);
  f->records[job[1]] = fail_record(f, (size_t)job[1], FSL_RECORD_TIMED_OUT);
  f->records[job[2]] = NULL;
  write_and_open(f);
  const variable status = read_back(f, "status"), index = read_back(f, "job_index"), w1 = read_back(f, "sliced_w1");
  for (size_t i = 0; i < 6; i++) {
    const size_t cell = fsl_grid_cell(&f->spec, points[i]);
    expect_same(status.data[cell], expected[i]);
    expect_same(index.data[cell], (double)f->grid.job_of_cell[cell]);
    assert_true(isnan(w1.data[cell * N_TIMES]) == (expected[i] != FSL_CELL_DONE));
  }
  expect_attribute(f, "status", "flag_meanings", "not_run done failed not_applicable excluded timed_out");
  expect_text(f, "jobs/error", (size_t)job[0], "it diverged \xe2\x86\x91");
  expect_text(f, "jobs/status", (size_t)job[0], "failed");
  expect_text(f, "jobs/status", (size_t)job[1], "timed_out");
  expect_text(f, "jobs/status", (size_t)job[2], "not_run");
}

static void coordinates_are_the_specs(void **state) {
  fixture *const f = *state;
  static const char *const cell[] = {"prior",   "forward_model", "noise_level", "approximation",
                                     "n_train", "replicate",     "observation", "t"};
  static const char *const sized[] = {"prior",     "forward_model", "noise_level", "n_train",
                                      "replicate", "observation",   "t_reference"};
  static const char *const truth[] = {"prior",       "forward_model", "noise_level",
                                      "observation", "component",     "component2"};
  static const char *const rates[] = {"prior", "forward_model", "noise_level", "method", "t_reference", "metric"};
  static const char *const budget[] = {"prior",   "forward_model",    "noise_level",        "approximation",
                                       "n_train", "budget_replicate", "budget_observation", "t"};
  parse(f, text_of_spec, false);
  write_and_open(f);
  expect_axes(f, "sliced_w1", 8, cell);
  expect_axes(f, "reference/mean_error", 7, sized);
  expect_axes(f, "truth/covariance", 6, truth);
  expect_axes(f, "convergence/rate", 6, rates);
  expect_axes(f, "budget/sliced_w1", 8, budget);
  const variable n_train = read_back(f, "n_train"), noise = read_back(f, "noise_level"),
                 t = read_back(f, "reference/t_reference");
  const double sizes[] = {INFINITY, 400, 100, 1600}, times[] = {0.1, 0.4, 0};
  for (size_t i = 0; i < 4; i++) expect_same(n_train.data[i], sizes[i]);
  for (size_t i = 0; i < 3; i++) expect_same(t.data[i], times[i]);
  expect_same(noise.data[0], 0.5);
  expect_near(noise.data[1], sqrt((0.09 + 0.16) / 2), 1e-15);
  expect_text(f, "noise_name", 1, "uneven");
  expect_text(f, "approximation", 1, "first-published");
  expect_text(f, "convergence/method", 3, "reference");
  expect_attribute(f, "/", "campaign", "made-up");
}

/* ---- the groups -------------------------------------------------------------------------------------------------- */

static void the_reference_has_t_zero_and_nothing_at_inf(void **state) {
  fixture *const f = *state;
  parse(f, text_of_spec, true);
  write_and_open(f);
  const variable error = read_back(f, "reference/covariance_error"), khat = read_back(f, "reference/khat");
  const hsize_t shape[] = {2, 3, 2, 4, 2, 2, N_TIMES + 1};
  expect_shape(&error, 7, shape);
  for (size_t i = 0; i < 2 * 3 * 2 * 4 * 2 * 2; i++) {
    const fsl_point p = {.prior = (int)(i / 96),
                         .forward_model = (int)(i / 32 % 3),
                         .noise_level = (int)(i / 16 % 2),
                         .n_train = (int)(i / 4 % 4),
                         .replicate = (int)(i / 2 % 2),
                         .observation = (int)(i % 2)};
    const int64_t job = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_REFERENCE, p);
    assert_true((job < 0) == (p.n_train == 0 || (p.forward_model == 1 && p.noise_level == 1)));
    for (size_t t = 0; t <= N_TIMES; t++)
      expect_same(error.data[i * (N_TIMES + 1) + t], field_value(f, job, "covariance_error", t));
    expect_same(khat.data[i], field_value(f, job, "khat", 0));
  }
}

static void the_truth_says_how_it_was_found(void **state) {
  static const char *const methods[] = {"closed form", "quadrature", "sampled"};
  fixture *const f = *state;
  parse(f, text_of_spec, true);
  write_and_open(f);
  const variable covariance = read_back(f, "truth/covariance"), evidence = read_back(f, "truth/log_evidence");
  for (size_t i = 0; i < 24; i++) {
    const fsl_point p = {.prior = (int)(i / 12),
                         .forward_model = (int)(i / 4 % 3),
                         .noise_level = (int)(i / 2 % 2),
                         .observation = (int)(i % 2)};
    const int64_t job = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_TRUTH, p);
    expect_text(f, "truth/method", i, job < 0 ? "" : methods[job % 3]);
    expect_same(evidence.data[i], field_value(f, job, "log_evidence", 0));
    for (size_t k = 0; k < 4; k++) expect_same(covariance.data[i * 4 + k], field_value(f, job, "covariance", k));
  }
}

/* Errors that fall exactly as N^-1/2 in the made-up records; the sizes come unsorted and with .inf among them. */
static void the_references_rate_is_its_slope(void **state) {
  fixture *const f = *state;
  parse(f,
        "name: rates\nseed: 7\ngrid: {prior: [{kind: gaussian, mean: [0, 1]}], forward_model: [identity], noise_level: "
        "[1], approximation: [fsr], n_train: [.inf, 400, 100, 1600, 40]}\nreplicates: 5\ntimes: [0.1, 0.4]\n",
        true);
  write_and_open(f);
  const variable rate = read_back(f, "convergence/rate"), low = read_back(f, "convergence/rate_low"),
                 high = read_back(f, "convergence/rate_high"), points = read_back(f, "convergence/points"),
                 left_out = read_back(f, "convergence/left_out");
  const hsize_t shape[] = {1, 1, 1, 2, N_TIMES + 1, 6};
  expect_shape(&rate, 6, shape);
  for (size_t t = 0; t <= N_TIMES; t++) {
    const size_t mean_error[] = {0, 0, 0, 1, t, 0}, maximum[] = {0, 0, 0, 1, t, 4};
    expect_near(at(&rate, mean_error), -0.5, 1e-9);
    expect_near(at(&low, mean_error), -0.5, 1e-9);
    expect_near(at(&high, mean_error), -0.5, 1e-9);
    expect_same(at(&points, mean_error), 3); /* 40 is below 30 chi2 = 60 */
    expect_same(at(&left_out, mean_error), 1);
    expect_same(at(&rate, maximum), NAN); /* no such error of a reference */
  }
  const size_t at_zero[] = {0, 0, 0, 0, N_TIMES, 0};
  expect_same(at(&rate, at_zero), NAN); /* a sampler is not measured at t = 0 */
}

/* A sampler whose error is sqrt(4/N + b^2), b the mean of what its replicates at .inf have: each of them is off. */
static void the_value_at_inf_is_the_mean_over_replicates(void **state) {
  fixture *const f = *state;
  static const double own[] = {0.02, 0.14, 0.11, 0.05, 0.08}; /* mean .08 */
  parse(f,
        "name: rates\nseed: 7\ngrid: {prior: [{kind: gaussian, mean: [0, 1]}], forward_model: [identity], noise_level: "
        "[1], approximation: [fsr], n_train: [100, 400, 1600, .inf]}\nreplicates: 5\ntimes: [0.1, 0.4]\n",
        true);
  for (size_t i = 0; i < f->grid.n_jobs; i++) {
    const fsl_job *const job = &f->grid.jobs[i];
    if (job->type != FSL_JOB_RUN) continue;
    maker m = {f, i, 0, fsl_arena_get(f->arena, 1, sizeof(fsl_field))};
    fsl_record *const record = fsl_arena_get(f->arena, 1, sizeof *record);
    assert_non_null(m.fields);
    assert_non_null(record);
    double *const error = add(&m, "mean_error", 1, N_TIMES, 0);
    const double n = f->spec.n_train[job->point.n_train];
    error[0] = isinf(n) ? own[job->point.replicate] : sqrt(4 / n + 0.08 * 0.08);
    error[1] = isinf(n) && job->point.replicate == 1 ? NAN : error[0]; /* a lost run is left out of the mean */
    *record = *f->records[i];
    record->n_fields = m.n;
    record->fields = m.fields;
    f->records[i] = record;
  }
  write_and_open(f);
  const variable rate = read_back(f, "convergence/rate");
  const size_t first[] = {0, 0, 0, 0, 0, 0}, second[] = {0, 0, 0, 0, 1, 0};
  expect_near(at(&rate, first), -0.5, 1e-6);
  assert_true(at(&rate, second) > -0.5 && at(&rate, second) < -0.4); /* b = .065 is too small for these errors */
}

/* Of a record with the field what it says; without it values; without a record that there is none. */
static void reasons_lie_beside_their_values(void **state) {
  fixture *const f = *state;
  static const double said[N_TIMES] = {FSL_HAS_VALUE, FSL_ONE_DRAW_DOMINATES};
  parse(f, text_of_spec, true);
  const fsl_point with = {0, 0, 0, 2, 1, 1, 1}, without = {0, 0, 0, 2, 1, 0, 1}, failed = {0, 0, 1, 0, 2, 1, 0};
  const int64_t job = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_RUN, with),
                lost = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_RUN, failed),
                unknown = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_TRUTH, with),
                missing = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_TRUTH, without);
  fsl_record *const record = fsl_arena_get(f->arena, 1, sizeof *record);
  fsl_field *const field = fsl_arena_get(f->arena, 2, sizeof *field);
  static const double none[] = {NAN};
  assert_true(record != NULL && field != NULL);
  *record = *f->records[job];
  record->n_fields = 1;
  record->fields = field;
  field[0] = (fsl_field){.name = "score_error_reason", .rank = 1, .shape = {N_TIMES}, .data = said};
  f->records[job] = record;
  f->records[lost] = fail_record(f, (size_t)lost, FSL_RECORD_FAILED);
  assert_true(unknown == missing); /* one truth serves both replicates */
  fsl_record *const truth = fsl_arena_get(f->arena, 1, sizeof *truth);
  assert_non_null(truth);
  *truth = *f->records[unknown];
  truth->n_fields = 1;
  truth->fields = field + 1;
  field[1] = (fsl_field){.name = "log_evidence", .data = none};
  f->records[unknown] = truth;
  write_and_open(f);
  const variable reason = read_back(f, "score_error_reason"), other = read_back(f, "path_kl_reason"),
                 of_truth = read_back(f, "truth/truth_reason"), of_rate = read_back(f, "convergence/rate_reason");
  const size_t cells[3] = {fsl_grid_cell(&f->spec, with), fsl_grid_cell(&f->spec, without),
                           fsl_grid_cell(&f->spec, failed)};
  for (size_t t = 0; t < N_TIMES; t++) {
    expect_same(reason.data[cells[0] * N_TIMES + t], said[t]);
    expect_same(other.data[cells[0] * N_TIMES + t], FSL_HAS_VALUE);
    expect_same(reason.data[cells[1] * N_TIMES + t], FSL_HAS_VALUE);
    expect_same(reason.data[cells[2] * N_TIMES + t], FSL_NO_RESULT);
  }
  expect_same(of_truth.data[1], FSL_TRUTH_UNKNOWN);
  expect_same(of_truth.data[0], FSL_HAS_VALUE);
  expect_same(of_truth.data[6], FSL_NO_RESULT); /* noise of two numbers does not fit one measurement */
  for (hsize_t i = 0; i < of_rate.shape[0] * of_rate.shape[1]; i++) assert_true(of_rate.data[i] > FSL_HAS_VALUE);
  char meanings[1024];
  int8_t values[FSL_N_REASONS];
  assert_true(H5LTget_attribute_char(f->file, "score_error_reason", "flag_values", (char *)values) >= 0);
  for (int i = 0; i < FSL_N_REASONS; i++) assert_int_equal(values[i], i);
  size_t n = 0;
  for (int i = 0; i < FSL_N_REASONS; i++)
    n += (size_t)snprintf(meanings + n, sizeof meanings - n, "%s%s", i == 0 ? "" : " ", fsl_reasons[i].name);
  expect_attribute(f, "score_error_reason", "flag_meanings", meanings);
  expect_attribute(f, "truth/truth_reason", "flag_meanings", meanings);
  expect_attribute(f, "convergence/rate_reason", "flag_meanings", meanings);
  assert_true(H5Lexists(f->file, "nonfinite_fraction_reason", H5P_DEFAULT) == 0); /* never NaN */
}

static void expect_parts(fixture *f, fsl_point p, const variable *w1, const variable *mean) {
  static const char *const names[] = {"sliced_w1_finite_sample", "sliced_w1_approximation", "sliced_w1_integrator",
                                      NULL, "sliced_w1_total"};
  const int64_t budget = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_BUDGET, p);
  const int64_t truth = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_TRUTH, p);
  for (size_t t = 0; t < N_TIMES; t++)
    for (size_t part = 0; part < 5; part++) {
      const size_t index[] = {(size_t)p.prior,
                              (size_t)p.forward_model,
                              (size_t)p.noise_level,
                              (size_t)p.approximation,
                              (size_t)p.n_train,
                              (size_t)p.replicate,
                              (size_t)p.observation,
                              t,
                              part,
                              1};
      if (names[part] != NULL) {
        expect_same(at(w1, index), field_value(f, budget, names[part], t));
      } else {
        const double a = f->spec.schedule.a(&f->spec.schedule, f->spec.times[t]);
        expect_same(at(w1, index), field_value(f, truth, "sliced_w1_floor", t));
        expect_near(at(mean, index), sqrt((9 * a * a + 1 - a * a) / 16), 1e-12);
      }
    }
}

static void the_budget_has_its_parts_and_floors(void **state) {
  fixture *const f = *state;
  parse(f, text_of_spec, true);
  write_and_open(f);
  const variable w1 = read_back(f, "budget/sliced_w1"), mean = read_back(f, "budget/mean"),
                 mode = read_back(f, "budget/mode_weight"), floor = read_back(f, "budget/sliced_w1_floor");
  const hsize_t shape[] = {2, 3, 2, 3, 4, 2, 1, N_TIMES, 5, DIMENSION};
  expect_shape(&w1, 9, shape);
  expect_shape(&mean, 10, shape);
  expect_parts(f, (fsl_point){0, 0, 0, 0, 1, 0, 0}, &w1, &mean);
  expect_parts(f, (fsl_point){0, 1, 0, 2, 2, 1, 0}, &w1, &mean);
  expect_text(f, "budget/part", 3, "floor");
  /* a mode of weight 1/2 among 16 particles */
  const size_t half[] = {0, 0, 0, 0, 1, 0, 0, 0, 3, 0};
  expect_near(at(&mode, half), sqrt(0.25 / 16), 1e-15);
  const int64_t truth = fsl_grid_find(&f->grid, &f->spec, FSL_JOB_TRUTH, (fsl_point){0, 0, 0, -1, -1, -1, 0});
  const double expected[] = {0, field_value(f, truth, "budget_floor_approximation", 1), 0, NAN,
                             field_value(f, truth, "sliced_w1_floor", 1)};
  for (size_t part = 0; part < 5; part++) {
    const size_t index[] = {0, 0, 0, 0, 1, part};
    expect_same(at(&floor, index), expected[part]);
  }
}

static void a_row_for_every_job(void **state) {
  fixture *const f = *state;
  char identity[33];
  parse(f, text_of_spec, true);
  write_and_open(f);
  const variable seconds = read_back(f, "jobs/seconds"), cells = read_back(f, "jobs/cells");
  double served[4] = {0};
  assert_int_equal(seconds.shape[0], f->grid.n_jobs);
  for (size_t i = 0; i < f->grid.n_jobs; i++) {
    expect_same(seconds.data[i], (double)i / 8);
    served[f->grid.jobs[i].type] += cells.data[i];
  }
  size_t computed = 0;
  for (size_t cell = 0; cell < f->grid.n_cells; cell++) computed += f->grid.job_of_cell[cell] >= 0;
  expect_same(served[FSL_JOB_RUN], (double)computed);
  expect_same(served[FSL_JOB_TRUTH], (double)computed); /* every cell that is computed has one truth */
  fsl_hash_print(f->grid.jobs[5].identity, identity);
  expect_text(f, "jobs/identity", 5, identity);
  expect_text(f, "jobs/host", 5, "south");
  expect_attribute(f, "provenance", "hosts", "north south");
  expect_attribute(f, "provenance", "spec", text_of_spec);
  expect_attribute(f, "provenance", "command", "fslens run made-up.yaml");
}

/* ---- reading by name --------------------------------------------------------------------------------------------- */

static void the_reader_finds_axes_by_name(void **state) {
  fixture *const f = *state;
  fsl_results_file *file;
  fsl_results_variable v;
  parse(f, text_of_spec, true);
  assert_int_equal(write_file(f, f->path), FSL_OK);
  assert_int_equal(fsl_results_open(&f->ctx, f->path, &file), FSL_OK);
  assert_string_equal(fsl_results_campaign(file), "made-up");
  assert_true(fsl_results_has(file, "budget/mean") && !fsl_results_has(file, "nowhere/mean"));
  assert_int_equal(fsl_results_variable_read(&f->ctx, file, "reference/mean_error", &v), FSL_OK);
  assert_int_equal(fsl_results_axis_find(&v, "n_train"), 3);
  assert_int_equal(fsl_results_axis_find(&v, "approximation"), v.rank);
  assert_string_equal(v.axis[3].label[0], "inf");
  expect_same(v.axis[3].number[1], 400);
  assert_string_equal(v.axis[0].label[1], "bell");
  assert_null(v.axis[0].number);
  /* prior tri, identity, 0.5, N = 400, replicate 1, observation 0, t = 0: three times as much as at the first t */
  const size_t flat = ((1 * 2 + 1) * 2 + 0) * (N_TIMES + 1) + N_TIMES;
  expect_near(v.data[flat], 3 / sqrt(400), 1e-15);
  assert_int_equal(fsl_results_variable_read(&f->ctx, file, "sliced_w2", &v), FSL_EINPUT);
  assert_non_null(strstr(f->ctx.error, "sliced_w2"));
  fsl_results_close(file);
}

static void another_file_is_no_results_file(void **state) {
  fixture *const f = *state;
  fsl_results_file *file;
  assert_int_equal(fsl_results_open(&f->ctx, f->path, &file), FSL_EINPUT);
  assert_non_null(strstr(f->ctx.error, f->path));
  const hid_t made = H5Fcreate(f->path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(made >= 0);
  H5Fclose(made);
  assert_int_equal(fsl_results_open(&f->ctx, f->path, &file), FSL_EINPUT);
  assert_non_null(strstr(f->ctx.error, "not a results file"));
}

/* ---- what is missing --------------------------------------------------------------------------------------------- */

static herr_t expect_empty(hid_t root, const char *name, const H5O_info_t *info, void *self) {
  fixture *const f = self;
  if (info->type != H5O_TYPE_DATASET) return 0;
  const hid_t set = H5Dopen(root, name, H5P_DEFAULT), type = H5Dget_type(set);
  const bool real = H5Tget_class(type) == H5T_FLOAT, counted = strstr(name, "points") || strstr(name, "left_out");
  if (real && !counted && H5DSis_scale(set) <= 0) {
    const variable v = read_back(f, name);
    size_t n = 1;
    for (int i = 0; i < v.rank; i++) n *= v.shape[i];
    for (size_t i = 0; i < n; i++) expect_same(v.data[i], NAN);
  }
  H5Tclose(type);
  H5Dclose(set);
  return 0;
}

static void without_records_all_is_nan(void **state) {
  fixture *const f = *state;
  parse(f, text_of_spec, false);
  write_and_open(f);
  H5Ovisit(f->file, H5_INDEX_NAME, H5_ITER_NATIVE, expect_empty, f);
  const variable status = read_back(f, "status");
  size_t computed = 0;
  double fill = 0;
  const hid_t set = H5Dopen(f->file, "sliced_w1", H5P_DEFAULT), list = H5Dget_create_plist(set);
  assert_true(H5Pget_fill_value(list, H5T_NATIVE_DOUBLE, &fill) >= 0);
  expect_same(fill, NAN);
  H5Pclose(list);
  H5Dclose(set);
  for (size_t i = 0; i < f->grid.n_cells; i++) {
    computed += status.data[i] == FSL_CELL_NOT_RUN;
    expect_same(status.data[i], f->grid.cell_status[i]);
  }
  assert_true(computed > 0);
}

static void a_grid_without_jobs_has_a_file_too(void **state) {
  fixture *const f = *state;
  parse(f,
        "name: none\nseed: 1\ngrid: {prior: [{kind: gaussian, mean: [0]}], forward_model: [square], noise_level: [1], "
        "approximation: [pigdm], n_train: [10]}\n",
        true);
  assert_int_equal(f->grid.n_jobs, 0);
  write_and_open(f);
  const variable status = read_back(f, "status"), seconds = read_back(f, "jobs/seconds");
  expect_same(status.data[0], FSL_CELL_NOT_APPLICABLE);
  assert_int_equal(seconds.shape[0], 0);
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

/* Large enough to be written in several slabs. */
static void kept_samples_lie_in_their_cell(void **state) {
  enum { PARTICLES = 100000, VALUES = 2 * PARTICLES * 2 };
  fixture *const f = *state;
  parse(f,
        "name: kept\nseed: 1\ngrid: {prior: [{kind: gaussian, mean: [0, 0]}], forward_model: [identity], "
        "noise_level: [1], approximation: [fsr, tmpd], n_train: [10, 20, 30]}\nreplicates: 2\n"
        "sampler: {particles: 100000, steps: 4}\ntimes: [0.1, 0.2]\noutput: {samples: all}\nbudget: none\n",
        false);
  for (size_t i = 0; i < f->grid.n_jobs; i++) {
    if (f->grid.jobs[i].type != FSL_JOB_RUN) continue;
    fsl_field *const field = fsl_arena_get(f->arena, 1, sizeof *field);
    fsl_record *const record = fsl_arena_get(f->arena, 1, sizeof *record);
    double *const data = fsl_arena_get(f->arena, VALUES, sizeof *data);
    assert_true(field != NULL && record != NULL && data != NULL);
    for (size_t k = 0; k < VALUES; k++) data[k] = (double)i + (k % 4096 == 0 ? (double)k : 0);
    *field = (fsl_field){.name = "samples", .rank = 3, .shape = {2, PARTICLES, 2}, .data = data};
    *record = (fsl_record){.job = f->grid.jobs[i].identity, .n_fields = 1, .fields = field, .error = "", .host = ""};
    f->records[i] = record;
  }
  write_and_open(f);
  const variable v = read_back(f, "samples");
  const hsize_t shape[] = {1, 1, 1, 2, 3, 2, 1, 2, PARTICLES, 2};
  expect_shape(&v, 10, shape);
  for (size_t cell = 0; cell < f->grid.n_cells; cell++)
    for (size_t k = 0; k < VALUES; k += 1024)
      expect_same(v.data[cell * VALUES + k], field_value(f, f->grid.job_of_cell[cell], "samples", k));
}

/* ---- writing safely ---------------------------------------------------------------------------------------------- */

static size_t count_files(const char *folder) {
  size_t n = 0;
  DIR *const open = opendir(folder);
  assert_non_null(open);
  for (const struct dirent *entry; (entry = readdir(open)) != NULL;) n += entry->d_name[0] != '.';
  closedir(open);
  return n;
}

/* Every size at which the disk can be full, in steps: the old file stays whole and nothing is left beside it. */
static void a_full_disk_leaves_the_old_file_whole(void **state) {
  fixture *const f = *state;
  struct rlimit limit, old;
  struct stat before, after;
  parse(f, text_of_spec, true);
  assert_int_equal(write_file(f, f->path), FSL_OK);
  assert_int_equal(stat(f->path, &before), 0);
  void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  for (rlim_t size = 0; size < (rlim_t)before.st_size; size += (rlim_t)before.st_size / 7) {
    limit = (struct rlimit){size, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    f->ctx.error[0] = '\0';
    const fsl_status status = write_file(f, f->path);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, FSL_EIO);
    assert_non_null(strstr(f->ctx.error, f->path));
    assert_int_equal(stat(f->path, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
    assert_int_equal(count_files(f->folder), 1);
  }
  signal(SIGXFSZ, handler);
  f->ctx.error[0] = '\0';
  write_and_open(f);
  expect_metric(f, "sliced_w1");
}

static void a_folder_that_is_not_there_is_named(void **state) {
  fixture *const f = *state;
  parse(f, text_of_spec, false);
  assert_int_equal(write_file(f, "/tmp/fsl-no-such-folder/out.h5"), FSL_EINPUT);
  assert_non_null(strstr(f->ctx.error, "/tmp/fsl-no-such-folder/out.h5"));
}

/* What HDF5 keeps of a file that it could not close is out of anyone's reach. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
  return "leak:libhdf5";
}

int main(void) {
  fsl_h5_start();
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(every_metric_lies_in_its_cell),
      TEST(floors_and_modes_lie_in_their_problem),
      TEST(mode_weights_are_padded),
      TEST(a_cell_says_what_became_of_it),
      TEST(coordinates_are_the_specs),
      TEST(the_reference_has_t_zero_and_nothing_at_inf),
      TEST(the_truth_says_how_it_was_found),
      TEST(the_references_rate_is_its_slope),
      TEST(the_value_at_inf_is_the_mean_over_replicates),
      TEST(reasons_lie_beside_their_values),
      TEST(the_budget_has_its_parts_and_floors),
      TEST(a_row_for_every_job),
      TEST(the_reader_finds_axes_by_name),
      TEST(another_file_is_no_results_file),
      TEST(without_records_all_is_nan),
      TEST(a_grid_without_jobs_has_a_file_too),
      TEST(kept_samples_lie_in_their_cell),
      TEST(a_full_disk_leaves_the_old_file_whole),
      TEST(a_folder_that_is_not_there_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
