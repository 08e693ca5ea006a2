/* store/results_convergence.c: /convergence: rates in N of the reference and of every method. */
#include "convergence/rates.h"
#include "store/table.h"
#include "truth/truth.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double sampled_draws = 0x1p22;

/* What is fitted: the reference's fields and the methods' metrics go by one list of names. */
static const char *const names[] = {"mean_error", "covariance_error", "mode_weight_tv",
                                    "sliced_w1",  "max_sliced_w1",    "score_error"};
enum { N_NAMES = sizeof names / sizeof *names };

typedef struct fits {
  fsl_results *results;
  size_t n_sizes;
  size_t *size;       /* n_sizes: numbers of the finite n_train, ascending */
  double *n_train;    /* n_sizes */
  int64_t population; /* number of n_train .inf, -1: none */
  double *error, *chi2, *at_population;
  fsl_picks picks;
} fits;

/* ---- the errors of one series ------------------------------------------------------------------------------------ */

/* One number of a record: the field's value at t, or its only one. */
static double value_at(const fsl_record *record, const char *name, size_t t, bool overall) {
  const fsl_field *const field = record == NULL ? NULL : fsl_record_field(record, name);
  if (field == NULL) return NAN;
  if (field->rank == 0) return overall ? field->data[0] : NAN;
  return t < field->shape[0] ? field->data[t] : NAN;
}

static void collect(fits *f, fsl_job_type type, fsl_point point, const char *name, size_t t) {
  const fsl_spec *const spec = f->results->spec;
  const bool at_zero = t == spec->n_times;
  size_t i = 0;
  for (size_t s = 0; s < f->n_sizes; s++)
    for (size_t r = 0; r < spec->replicates; r++)
      for (size_t o = 0; o < spec->n_observations; o++) {
        point.n_train = (int)f->size[s];
        point.replicate = (int)r;
        point.observation = (int)o;
        f->error[i++] = value_at(fsl_results_record(f->results, type, point), name, t, at_zero);
      }
}

/* The mean over the replicates that have a value: runs of their own in the population. NaN where none has. */
static double mean_at_population(const fits *f, fsl_point point, const char *name, size_t t) {
  double sum = 0, n = 0;
  point.n_train = (int)f->population;
  for (size_t r = 0; r < f->results->spec->replicates; r++) {
    point.replicate = (int)r;
    const double value = value_at(fsl_results_record(f->results, FSL_JOB_RUN, point), name, t, false);
    if (!isfinite(value)) continue;
    sum += value;
    n++;
  }
  return n == 0 ? NAN : sum / n;
}

static void collect_problem(fits *f, fsl_job_type type, fsl_point point, const char *name, size_t t) {
  const fsl_spec *const spec = f->results->spec;
  for (size_t o = 0; o < spec->n_observations; o++) {
    point.observation = (int)o;
    f->chi2[o] = value_at(fsl_results_record(f->results, FSL_JOB_TRUTH, point), "chi2", 0, true);
    const bool has_population = f->population >= 0 && type == FSL_JOB_RUN;
    f->at_population[o] = has_population ? mean_at_population(f, point, name, t) : NAN;
  }
}

static double mean_floor(const fits *f, fsl_point point, const char *name, size_t t) {
  const fsl_spec *const spec = f->results->spec;
  char field[64];
  double sum = 0;
  snprintf(field, sizeof field, "%s_floor", name);
  for (size_t o = 0; o < spec->n_observations; o++) {
    point.observation = (int)o;
    sum += value_at(fsl_results_record(f->results, FSL_JOB_TRUTH, point), field, t, false);
  }
  return sum / (double)spec->n_observations;
}

/* Sizes beyond which the truth, or the file the samples come from, is no longer large. */
static double largest_size(const fits *f, fsl_point point) {
  const fsl_spec *const spec = f->results->spec;
  const fsl_prior *const prior = &spec->prior_of[point.prior];
  const fsl_forward_model *const model =
      spec->model_of[(size_t)point.prior * spec->n_forward_models + (size_t)point.forward_model];
  if (prior->without_replacement) return (double)prior->population.n / 10;
  if (model != NULL && fsl_truth_choose(prior, model) == FSL_TRUTH_SAMPLED) return sampled_draws / 64;
  return INFINITY;
}

/* The bootstrap is keyed by the campaign's seed and the series' name, so that adding a series changes no other. */
static fsl_status bootstrap_key(const fits *f, fsl_point point, const char *name, size_t t, fsl_key *out) {
  fsl_hasher *const hasher = fsl_hasher_create(f->results->h.ctx->arena);
  if (hasher == NULL) return fsl_fail(f->results->h.ctx, FSL_ENOMEM, "out of memory for a hash");
  const fsl_spec *const spec = f->results->spec;
  fsl_hash_text(hasher, "rate");
  fsl_hash_integer(hasher, (int64_t)spec->seed);
  fsl_hash_hash(hasher, spec->prior_of[point.prior].identity);
  fsl_hash_text(hasher, name);
  fsl_hash_real(hasher, t < spec->n_times ? spec->times[t] : 0);
  *out = fsl_key_of(fsl_hash_value(hasher));
  return FSL_OK;
}

static fsl_status fit(fits *f, fsl_point point, const char *name, size_t t, fsl_rate *out) {
  const fsl_spec *const spec = f->results->spec;
  const fsl_job_type type = point.approximation < 0 ? FSL_JOB_REFERENCE : FSL_JOB_RUN;
  collect(f, type, point, name, t);
  collect_problem(f, type, point, name, t);
  fsl_rate_input input = {
      .n_sizes = f->n_sizes,
      .n_replicates = spec->replicates,
      .n_observations = spec->n_observations,
      .n_train = f->n_train,
      .error = f->error,
      .chi2 = f->chi2,
      .largest_n = largest_size(f, point),
      .is_sampler = type == FSL_JOB_RUN,
      .population_error = f->at_population,
      .picks = &f->picks,
      .floor = type == FSL_JOB_RUN && t < spec->n_times ? mean_floor(f, point, name, t) : NAN,
  };
  FSL_TRY(bootstrap_key(f, point, name, t, &input.key));
  return fsl_rate_fit(f->results->h.ctx, &input, out);
}

/* ---- the group --------------------------------------------------------------------------------------------------- */

enum { RATE, RATE_LOW, RATE_HIGH, FLOOR, POINTS, LEFT_OUT, REASON, N_VALUES };

typedef struct value_of {
  double *value; /* over every cell of the group, N_VALUES each */
  size_t which;
} value_of;

static size_t per_point(const fsl_spec *spec) {
  return (spec->n_times + 1) * N_NAMES;
}

static size_t first_cell(const fsl_spec *spec, fsl_point p) {
  const size_t n_methods = spec->n_approximations + 1;
  const size_t pair = (size_t)p.prior * spec->n_forward_models + (size_t)p.forward_model;
  return ((pair * spec->n_noise_levels + (size_t)p.noise_level) * n_methods + (size_t)p.approximation) *
         per_point(spec);
}

static fsl_status fill_values(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  const value_of *const of = column->self;
  const size_t first = first_cell(sheet->results->spec, point), n = per_point(sheet->results->spec);
  for (size_t i = 0; i < n; i++) cell[i] = of->value[(first + i) * N_VALUES + of->which];
  return FSL_OK;
}

/* One metric at one t for every method; the last entry of the axis is the reference. */
static fsl_status fit_methods(fits *f, fsl_point point, size_t t, size_t name, double *value) {
  const fsl_spec *const spec = f->results->spec;
  for (int a = 0; a <= (int)spec->n_approximations; a++) {
    fsl_rate rate = {NAN, NAN, NAN, NAN, 0, 0, FSL_TOO_FEW_SIZES};
    point.approximation = a;
    double *const at = value + (first_cell(spec, point) + t * N_NAMES + name) * N_VALUES;
    if (a == (int)spec->n_approximations) point.approximation = -1;
    const fsl_arena_mark mark = fsl_arena_now(f->results->h.ctx->arena);
    if (f->n_sizes > 0) FSL_TRY(fit(f, point, names[name], t, &rate));
    fsl_arena_release(f->results->h.ctx->arena, mark);
    const double all[N_VALUES] = {rate.rate, rate.low, rate.high, rate.floor, rate.points, rate.left_out, rate.reason};
    memcpy(at, all, sizeof all);
  }
  return FSL_OK;
}

/* Series with one key follow each other: they share the bootstrap's picks. */
static fsl_status fit_prior(fits *f, int prior, double *value) {
  const fsl_spec *const spec = f->results->spec;
  for (size_t t = 0; t <= spec->n_times; t++)
    for (size_t i = 0; i < N_NAMES; i++)
      for (int m = 0; m < (int)spec->n_forward_models; m++)
        for (int l = 0; l < (int)spec->n_noise_levels; l++)
          FSL_TRY(fit_methods(f, (fsl_point){prior, m, l, 0, 0, 0, 0}, t, i, value));
  return FSL_OK;
}

static fsl_status fit_all(fits *f, double *value) {
  for (int p = 0; p < (int)f->results->spec->n_priors; p++) FSL_TRY(fit_prior(f, p, value));
  return FSL_OK;
}

/* Few sizes: insertion keeps them ascending. */
static void insert_size(fits *f, size_t number, double n_train) {
  size_t at = f->n_sizes++;
  for (; at > 0 && f->n_train[at - 1] > n_train; at--) {
    f->n_train[at] = f->n_train[at - 1];
    f->size[at] = f->size[at - 1];
  }
  f->n_train[at] = n_train;
  f->size[at] = number;
}

static fsl_status start(fsl_results *results, fits *f) {
  const fsl_spec *const spec = results->spec;
  *f = (fits){.results = results, .population = -1};
  FSL_GET(results->h.ctx, f->size, spec->n_n_train);
  FSL_GET(results->h.ctx, f->n_train, spec->n_n_train);
  FSL_GET(results->h.ctx, f->error, spec->n_n_train * spec->replicates * spec->n_observations);
  FSL_TRY(fsl_picks_create(results->h.ctx, spec->n_n_train, spec->replicates, FSL_RESAMPLES, &f->picks));
  FSL_GET(results->h.ctx, f->chi2, spec->n_observations);
  FSL_GET(results->h.ctx, f->at_population, spec->n_observations);
  for (size_t i = 0; i < spec->n_n_train; i++) {
    if (isinf(spec->n_train[i]))
      f->population = (int64_t)i;
    else
      insert_size(f, i, spec->n_train[i]);
  }
  return FSL_OK;
}

static fsl_status add_coordinates(fsl_sheet *sheet) {
  static const fsl_axis axes[] = {FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL};
  const fsl_spec *const spec = sheet->results->spec;
  const char **method;
  double *times;
  FSL_GET(sheet->results->h.ctx, method, spec->n_approximations + 1);
  FSL_GET(sheet->results->h.ctx, times, spec->n_times + 1);
  for (size_t i = 0; i < spec->n_approximations; i++) method[i] = spec->approximations[i].name;
  method[spec->n_approximations] = "reference";
  memcpy(times, spec->times, spec->n_times * sizeof *times);
  FSL_TRY(fsl_sheet_add_axes(sheet, 3, axes));
  FSL_TRY(fsl_sheet_add_texts(sheet, FSL_AXIS_APPROXIMATION, spec->n_approximations + 1, method));
  FSL_TRY(fsl_sheet_add_reals(sheet, FSL_AXIS_T, spec->n_times + 1, times));
  return fsl_sheet_add_texts(sheet, FSL_AXIS_METRIC, N_NAMES, names);
}

static fsl_status write_rates(fsl_sheet *sheet) {
  static const fsl_h5_about about[N_VALUES] = {
      {"rate", "slope of log mean error against log N", "1", "BCa bootstrap: Efron 1987"},
      {"rate_low", "lower end of the 95 % interval", "1", NULL},
      {"rate_high", "upper end of the 95 % interval", "1", NULL},
      {"floor", "error of exact samples", "1", NULL},
      {"points", "sizes used", "1", NULL},
      {"left_out", "sizes left out", "1", NULL},
      {"rate_reason", "why there is no rate", "1", NULL},
  };
  const fsl_spec *const spec = sheet->results->spec;
  fits f;
  double *value;
  FSL_TRY(start(sheet->results, &f));
  FSL_TRY(add_coordinates(sheet));
  FSL_GET(sheet->results->h.ctx, value,
          spec->n_priors * spec->n_forward_models * spec->n_noise_levels * (spec->n_approximations + 1) *
              per_point(spec) * N_VALUES);
  FSL_TRY(fit_all(&f, value));
  for (size_t i = 0; i < N_VALUES; i++) {
    const value_of of = {value, i};
    const fsl_column column = {.about = about[i],
                               .n_axes = 6,
                               .axis = {FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL,
                                        FSL_AXIS_APPROXIMATION, FSL_AXIS_T, FSL_AXIS_METRIC},
                               .self = &of,
                               .fill = fill_values};
    FSL_TRY((i == REASON ? fsl_sheet_write_reasons : fsl_sheet_write)(sheet, &column));
  }
  return FSL_OK;
}

fsl_status fsl_write_convergence(fsl_results *results) {
  fsl_sheet sheet;
  FSL_TRY(fsl_sheet_open(results, "convergence", &sheet));
  const fsl_status status = write_rates(&sheet);
  fsl_sheet_close(&sheet);
  return status;
}
