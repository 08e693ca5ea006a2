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

enum { RATE, RATE_LOW, RATE_HIGH, FLOOR, POINTS, LEFT_OUT, REASON, N_VALUES };

typedef struct fits {
  fsl_results *results;
  size_t n_sizes;
  size_t *size;       /* n_sizes: numbers of the finite n_train, ascending */
  double *n_train;    /* n_sizes */
  int64_t population; /* number of n_train .inf, -1: none */
  double *error, *chi2, *at_population;
  size_t n_picks;
  fsl_picks *picks; /* n_picks: of each name and t, or one for all */
  fsl_point at;     /* whose rates `value` holds; prior -1: nobody's */
  double *value;    /* (n_times + 1, N_NAMES, N_VALUES) */
} fits;

/* ---- the errors of one series ------------------------------------------------------------------------------------ */

/* One metric of one method, or of the reference, as the file has it: (n_train, replicate, observation, width). */
typedef struct series {
  size_t width; /* number of times; 1: at t = 0 alone; 0: the file has no such variable */
  const double *value;
} series;

static double value_at(const fits *f, const series *s, size_t n, size_t r, size_t o, size_t t) {
  const fsl_spec *const spec = f->results->spec;
  const bool at_zero = t == spec->n_times;
  const size_t cell = (n * spec->replicates + r) * spec->n_observations + o;
  if (s->width == 0) return NAN;
  if (s->width == 1 && f->at.approximation < 0) return at_zero ? s->value[cell] : NAN;
  return t < s->width ? s->value[cell * s->width + t] : NAN;
}

static fsl_status read_run(const fits *f, fsl_point p, const char *name, double *value, series *out) {
  const fsl_spec *const spec = f->results->spec;
  const hsize_t start[8] = {(hsize_t)p.prior, (hsize_t)p.forward_model, (hsize_t)p.noise_level,
                            (hsize_t)p.approximation};
  const hsize_t count[8] = {1, 1, 1, 1, spec->n_n_train, spec->replicates, spec->n_observations, spec->n_times};
  bool found;
  FSL_TRY(fsl_h5_read_slab(&f->results->h, name, 8, start, count, value, &found));
  *out = (series){found ? spec->n_times : 0, value};
  return FSL_OK;
}

/* What has no t is at t = 0. */
static fsl_status read_reference(const fits *f, fsl_point p, const char *name, double *value, series *out) {
  const fsl_spec *const spec = f->results->spec;
  const size_t width = strcmp(name, "mode_weight_tv") == 0 ? 1 : spec->n_times + 1;
  const hsize_t start[7] = {(hsize_t)p.prior, (hsize_t)p.forward_model, (hsize_t)p.noise_level};
  const hsize_t count[7] = {1, 1, 1, spec->n_n_train, spec->replicates, spec->n_observations, width};
  char whole[64];
  bool found;
  snprintf(whole, sizeof whole, "reference/%s", name);
  FSL_TRY(fsl_h5_read_slab(&f->results->h, whole, width == 1 ? 6 : 7, start, count, value, &found));
  *out = (series){found ? width : 0, value};
  return FSL_OK;
}

/* The mean over the replicates that have a value: runs of their own in the population. NaN where none has. */
static double mean_at_population(const fits *f, const series *s, size_t o, size_t t) {
  double sum = 0, n = 0;
  if (f->population < 0 || f->at.approximation < 0) return NAN;
  for (size_t r = 0; r < f->results->spec->replicates; r++) {
    const double value = value_at(f, s, (size_t)f->population, r, o, t);
    if (!isfinite(value)) continue;
    sum += value;
    n++;
  }
  return n == 0 ? NAN : sum / n;
}

static void collect(const fits *f, const series *s, size_t t) {
  const fsl_spec *const spec = f->results->spec;
  size_t i = 0;
  for (size_t n = 0; n < f->n_sizes; n++)
    for (size_t r = 0; r < spec->replicates; r++)
      for (size_t o = 0; o < spec->n_observations; o++) f->error[i++] = value_at(f, s, f->size[n], r, o, t);
  for (size_t o = 0; o < spec->n_observations; o++) f->at_population[o] = mean_at_population(f, s, o, t);
}

static fsl_status collect_problem(const fits *f, fsl_point point) {
  const fsl_spec *const spec = f->results->spec;
  for (size_t o = 0; o < spec->n_observations; o++) {
    const fsl_record *truth;
    point.observation = (int)o;
    FSL_TRY(fsl_results_record(f->results, FSL_JOB_TRUTH, point, &truth));
    const fsl_field *const field = truth == NULL ? NULL : fsl_record_field(truth, "chi2");
    f->chi2[o] = field == NULL ? NAN : field->data[0];
  }
  return FSL_OK;
}

/* floor: n_observations x n_times; without the variable NaN. */
static fsl_status read_floor(const fits *f, fsl_point p, const char *name, double *floor) {
  const fsl_spec *const spec = f->results->spec;
  const hsize_t start[5] = {(hsize_t)p.prior, (hsize_t)p.forward_model, (hsize_t)p.noise_level};
  const hsize_t count[5] = {1, 1, 1, spec->n_observations, spec->n_times};
  char whole[64];
  bool found;
  snprintf(whole, sizeof whole, "%s_floor", name);
  FSL_TRY(fsl_h5_read_slab(&f->results->h, whole, 5, start, count, floor, &found));
  for (size_t i = 0; !found && i < spec->n_observations * spec->n_times; i++) floor[i] = NAN;
  return FSL_OK;
}

static double mean_floor(const fsl_spec *spec, const double *floor, size_t t) {
  double sum = 0;
  for (size_t o = 0; o < spec->n_observations; o++) sum += floor[o * spec->n_times + t];
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

/* One metric at one t. floor: NaN where there is none. */
static fsl_status fit(fits *f, size_t name, const series *s, size_t t, double floor, fsl_rate *out) {
  const fsl_spec *const spec = f->results->spec;
  collect(f, s, t);
  fsl_rate_input input = {
      .n_sizes = f->n_sizes,
      .n_replicates = spec->replicates,
      .n_observations = spec->n_observations,
      .n_train = f->n_train,
      .error = f->error,
      .chi2 = f->chi2,
      .largest_n = largest_size(f, f->at),
      .is_sampler = f->at.approximation >= 0,
      .population_error = f->at_population,
      .picks = &f->picks[f->n_picks == 1 ? 0 : t * N_NAMES + name],
      .floor = floor,
  };
  FSL_TRY(bootstrap_key(f, f->at, names[name], t, &input.key));
  return fsl_rate_fit(f->results->h.ctx, &input, out);
}

/* One metric at every t. */
static fsl_status fit_series(fits *f, size_t name) {
  const fsl_spec *const spec = f->results->spec;
  fsl_ctx *const ctx = f->results->h.ctx;
  const bool is_run = f->at.approximation >= 0;
  double *value, *floor;
  series s;
  FSL_GET(ctx, value, spec->n_n_train * spec->replicates * spec->n_observations * (spec->n_times + 1));
  FSL_GET(ctx, floor, spec->n_observations * spec->n_times);
  FSL_TRY((is_run ? read_run : read_reference)(f, f->at, names[name], value, &s));
  FSL_TRY(read_floor(f, f->at, names[name], floor));
  for (size_t t = 0; t <= spec->n_times; t++) {
    const double mean = is_run && t < spec->n_times ? mean_floor(spec, floor, t) : NAN;
    fsl_rate rate;
    FSL_TRY(fit(f, name, &s, t, mean, &rate));
    const double all[N_VALUES] = {rate.rate, rate.low, rate.high, rate.floor, rate.points, rate.left_out, rate.reason};
    memcpy(f->value + (t * N_NAMES + name) * N_VALUES, all, sizeof all);
  }
  return FSL_OK;
}

static void clear(fits *f) {
  const double nothing[N_VALUES] = {NAN, NAN, NAN, NAN, 0, 0, FSL_TOO_FEW_SIZES};
  for (size_t i = 0; i < (f->results->spec->n_times + 1) * N_NAMES; i++)
    memcpy(f->value + i * N_VALUES, nothing, sizeof nothing);
}

/* All rates of a method; the last entry of its axis is the reference. */
static fsl_status fit_point(fits *f, fsl_point point) {
  fsl_ctx *const ctx = f->results->h.ctx;
  fsl_status status = FSL_OK;
  if (point.approximation == (int)f->results->spec->n_approximations) point.approximation = -1;
  if (memcmp(&f->at, &point, sizeof point) == 0) return FSL_OK;
  f->at = point;
  clear(f);
  if (f->n_sizes == 0) return FSL_OK;
  FSL_TRY(collect_problem(f, point));
  for (size_t i = 0; status == FSL_OK && i < N_NAMES; i++) {
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    status = fit_series(f, i);
    fsl_arena_release(ctx->arena, mark);
  }
  return status;
}

/* ---- the group --------------------------------------------------------------------------------------------------- */

typedef struct value_of {
  fits *fits;
  size_t which;
} value_of;

static fsl_status fill_values(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  const value_of *const of = column->self;
  FSL_TRY(fit_point(of->fits, point));
  for (size_t i = 0; i < (sheet->results->spec->n_times + 1) * N_NAMES; i++)
    cell[i] = of->fits->value[i * N_VALUES + of->which];
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

/* Series of one name and t share their picks over all methods and problems of a prior. */
static fsl_status get_picks(fits *f) {
  static const size_t most = (size_t)1 << 25; /* 64 MB */
  const fsl_spec *const spec = f->results->spec;
  const size_t each = spec->n_n_train * spec->replicates * FSL_RESAMPLES, all = (spec->n_times + 1) * N_NAMES;
  f->n_picks = each * all <= most ? all : 1;
  FSL_GET(f->results->h.ctx, f->picks, f->n_picks);
  for (size_t i = 0; i < f->n_picks; i++)
    FSL_TRY(fsl_picks_create(f->results->h.ctx, spec->n_n_train, spec->replicates, FSL_RESAMPLES, &f->picks[i]));
  return FSL_OK;
}

static fsl_status start(fsl_results *results, fits *f) {
  const fsl_spec *const spec = results->spec;
  *f = (fits){.results = results, .population = -1, .at = {.prior = -1}};
  FSL_GET(results->h.ctx, f->size, spec->n_n_train);
  FSL_GET(results->h.ctx, f->n_train, spec->n_n_train);
  FSL_GET(results->h.ctx, f->error, spec->n_n_train * spec->replicates * spec->n_observations);
  FSL_GET(results->h.ctx, f->chi2, spec->n_observations);
  FSL_GET(results->h.ctx, f->at_population, spec->n_observations);
  FSL_GET(results->h.ctx, f->value, (spec->n_times + 1) * N_NAMES * N_VALUES);
  for (size_t i = 0; i < spec->n_n_train; i++) {
    if (isinf(spec->n_train[i]))
      f->population = (int64_t)i;
    else
      insert_size(f, i, spec->n_train[i]);
  }
  return f->n_sizes > 0 ? get_picks(f) : FSL_OK;
}

static fsl_status add_coordinates(fsl_sheet *sheet) {
  static const fsl_axis axes[] = {FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL};
  const fsl_spec *const spec = sheet->results->spec;
  const char **method;
  FSL_GET(sheet->results->h.ctx, method, spec->n_approximations + 1);
  for (size_t i = 0; i < spec->n_approximations; i++) method[i] = spec->approximations[i].name;
  method[spec->n_approximations] = "reference";
  fsl_sheet_rename(sheet, FSL_AXIS_APPROXIMATION, "method",
                   "approximation or sampler; reference: the finite-sample posterior");
  FSL_TRY(fsl_sheet_add_axes(sheet, 3, axes));
  FSL_TRY(fsl_sheet_add_texts(sheet, FSL_AXIS_APPROXIMATION, spec->n_approximations + 1, method));
  FSL_TRY(fsl_sheet_add_times_and_zero(sheet));
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
  value_of of[N_VALUES];
  fits f;
  FSL_TRY(start(sheet->results, &f));
  FSL_TRY(add_coordinates(sheet));
  for (size_t i = 0; i < N_VALUES; i++) {
    of[i] = (value_of){&f, i};
    const fsl_column column = {.about = about[i],
                               .n_axes = 6,
                               .axis = {FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL,
                                        FSL_AXIS_APPROXIMATION, FSL_AXIS_T, FSL_AXIS_METRIC},
                               .self = &of[i],
                               .fill = fill_values};
    FSL_TRY((i == REASON ? fsl_sheet_add_reasons : fsl_sheet_add)(sheet, &column));
  }
  return fsl_sheet_write(sheet);
}

fsl_status fsl_write_convergence(fsl_results *results) {
  fsl_sheet sheet;
  FSL_TRY(fsl_sheet_open(results, "convergence", &sheet));
  const fsl_status status = write_rates(&sheet);
  fsl_sheet_close(&sheet);
  return status;
}
