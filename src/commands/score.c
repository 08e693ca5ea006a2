/* commands/score.c: `fslens score`: every approximation's score at given states: a drop-in diagnostic for samplers made
 * elsewhere. */
#include "commands/commands.h"
#include "commands/options.h"

#include "base/array_file.h"
#include "grid/grid.h"
#include "job/problem.h"
#include "runner/campaign.h"
#include "runner/signals.h"
#include "store/collect.h"
#include "store/files.h"
#include "store/output.h"
#include "store/provenance.h"
#include "store/signature.h"

#include <math.h>
#include <stdio.h>

enum { STATES, OUTPUT, SET };

static const fsl_option options[] = {
    [STATES] = {"--states", NULL, "S.h5", "x (state, component) and t (state); FILE.h5:/group names a group"},
    [OUTPUT] = {"--output", "-o", "T.h5", "where the scores go"},
    [SET] = {"--set", NULL, "KEY=VALUE", "overrides a value of the spec; may be repeated"},
};

static const fsl_usage usage = {
    .command = "score",
    .positional = "SPEC",
    .help =
        "Writes prior_score, posterior_score and likelihood_score of every approximation of the spec at given states.",
    .least = 1,
    .most = 1,
    .n_options = sizeof options / sizeof *options,
    .options = options,
};

typedef struct states {
  size_t n, d;
  const double *x, *t;
} states;

enum { PRIOR_SCORE, POSTERIOR_SCORE, LIKELIHOOD_SCORE, N_SCORES };
enum { N_CELL_AXES = 7, N_AXES = 9 };

typedef struct scoring {
  fsl_ctx *ctx;
  const fsl_spec *spec;
  const char *command;
  states s;
  fsl_h5 h;
  hid_t scale[N_AXES], variable[N_SCORES]; /* -1: not made yet */
} scoring;

/* ---- states ------------------------------------------------------------------------------------------------------ */

/* States that are not finite keep their place and get NaN. */
static size_t count_nonfinite(const states *s) {
  size_t n = 0;
  for (size_t i = 0; i < s->n; i++) {
    bool finite = true;
    for (size_t j = 0; j < s->d; j++) finite = finite && isfinite(s->x[i * s->d + j]);
    n += !finite;
  }
  return n;
}

static fsl_status read_states(fsl_ctx *ctx, const fsl_spec *spec, const char *path, states *out) {
  static const char *const names[] = {"x", "t"};
  fsl_array both[2];
  FSL_TRY(fsl_array_read_all(ctx, path, 2, names, both));
  const fsl_array x = fsl_array_rows(both[0]), t = both[1];
  *out = (states){x.shape[0], x.shape[1], x.data, t.data};
  if (fsl_array_size(t) != out->n)
    return fsl_fail(ctx, FSL_EINPUT, "%s: there are %zu times for %zu states", path, fsl_array_size(t), out->n);
  for (size_t i = 0; i < out->n; i++)
    if (!(t.data[i] > 0 && t.data[i] <= 1))
      return fsl_fail(ctx, FSL_EINPUT, "%s: time %zu is %g, expected above 0 and at most 1", path, i + 1, t.data[i]);
  const size_t nonfinite = count_nonfinite(out);
  if (nonfinite > 0)
    fsl_say(ctx, FSL_LOG_WARN, "%s: %zu of %zu states are not finite; their scores are NaN", path, nonfinite, out->n);
  for (size_t p = 0; p < spec->n_priors; p++)
    if (spec->prior_of[p].d == out->d) return FSL_OK;
  return fsl_fail(ctx, FSL_EINPUT, "%s: its states have %zu components, no prior of the spec has that dimension", path,
                  out->d);
}

/* ---- scores ------------------------------------------------------------------------------------------------------ */

/* Runs of states that share a time are scored together. score: (n, d) each. */
static fsl_status score_states(const scoring *z, const fsl_entry *method, const fsl_posterior *posterior,
                               double *const score[N_SCORES]) {
  const fsl_approximation_kind *const kind = (const fsl_approximation_kind *)(const void *)method->kind;
  const fsl_diffusion *const diffusion = &z->spec->schedule;
  for (size_t i = 0, end; i < z->s.n; i = end) {
    FSL_TRY(fsl_check_stop(z->ctx));
    for (end = i + 1; end < z->s.n && z->s.t[end] == z->s.t[i]; end++) continue;
    const double t = z->s.t[i];
    const size_t at = i * z->s.d;
    FSL_TRY(fsl_approximation_score(z->ctx, kind, method->params, posterior, t, diffusion->a(diffusion, t),
                                    diffusion->v(diffusion, t), end - i, z->s.x + at, score[LIKELIHOOD_SCORE] + at,
                                    score[PRIOR_SCORE] + at, score[POSTERIOR_SCORE] + at));
  }
  return FSL_OK;
}

static fsl_status write_cell(scoring *z, fsl_point point, double *const score[N_SCORES]) {
  const int index[N_CELL_AXES] = {point.prior,   point.forward_model, point.noise_level, point.approximation,
                                  point.n_train, point.replicate,     point.observation};
  hsize_t start[N_AXES] = {0}, count[N_AXES] = {1, 1, 1, 1, 1, 1, 1, z->s.n, z->s.d};
  for (size_t i = 0; i < N_CELL_AXES; i++) start[i] = (hsize_t)index[i];
  for (size_t i = 0; i < N_SCORES; i++)
    FSL_TRY(fsl_h5_write_slab(&z->h, z->variable[i], N_AXES, start, count, score[i]));
  return FSL_OK;
}

static fsl_status score_cell(scoring *z, size_t cell) {
  const fsl_point point = fsl_grid_point(z->spec, cell);
  fsl_problem problem;
  fsl_posterior *posterior;
  double *score[N_SCORES];
  for (size_t i = 0; i < N_SCORES; i++) FSL_GET(z->ctx, score[i], z->s.n * z->s.d);
  FSL_TRY(fsl_job_problem(z->ctx, z->spec, point, &problem));
  FSL_TRY(fsl_job_posterior(z->ctx, z->spec, point, &problem, &posterior));
  FSL_TRY(score_states(z, &z->spec->approximations[point.approximation], posterior, score));
  return write_cell(z, point, score);
}

/* Cells that are skipped stay NaN, the fill value. */
static fsl_status score_all(scoring *z) {
  fsl_grid grid;
  FSL_TRY(fsl_grid_create(z->ctx, z->spec, &grid));
  for (size_t cell = 0; cell < grid.n_cells; cell++) {
    const fsl_point point = fsl_grid_point(z->spec, cell);
    if (grid.cell_status[cell] != FSL_CELL_NOT_RUN || z->spec->prior_of[point.prior].d != z->s.d) continue;
    const fsl_arena_mark mark = fsl_arena_now(z->ctx->arena);
    FSL_TRY(score_cell(z, cell));
    fsl_arena_release(z->ctx->arena, mark);
  }
  return FSL_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static fsl_status entry_scale(scoring *z, const char *axis, const char *title, size_t n, const fsl_entry *entries,
                              hid_t *out) {
  const char **names;
  FSL_GET(z->ctx, names, n);
  for (size_t i = 0; i < n; i++) names[i] = entries[i].name;
  return fsl_h5_scale_texts(&z->h, z->h.file, axis, n, names, title, out);
}

static fsl_status noise_scale(scoring *z, hid_t *out) {
  static const fsl_h5_about about = {"noise_name", "name of the noise level", NULL, NULL};
  const fsl_spec *const spec = z->spec;
  double *level;
  const char **name;
  FSL_GET(z->ctx, level, spec->n_noise_levels);
  FSL_GET(z->ctx, name, spec->n_noise_levels);
  for (size_t i = 0; i < spec->n_noise_levels; i++) {
    level[i] = spec->noise_levels[i].level;
    name[i] = spec->noise_levels[i].name;
  }
  FSL_TRY(fsl_h5_scale_reals(&z->h, z->h.file, "noise_level", spec->n_noise_levels, level,
                             "standard deviation of the measurement noise (root mean square over components)", out));
  return fsl_h5_texts(&z->h, z->h.file, &about, 1, out, name);
}

static fsl_status add_scales(scoring *z) {
  const fsl_spec *const spec = z->spec;
  fsl_h5 *const h = &z->h;
  hid_t *const scale = z->scale;
  FSL_TRY(entry_scale(z, "prior", "prior of the inverse problem", spec->n_priors, spec->priors, &scale[0]));
  FSL_TRY(entry_scale(z, "forward_model", "forward model", spec->n_forward_models, spec->forward_models, &scale[1]));
  FSL_TRY(noise_scale(z, &scale[2]));
  FSL_TRY(entry_scale(z, "approximation", "likelihood-score approximation", spec->n_approximations,
                      spec->approximations, &scale[3]));
  FSL_TRY(fsl_h5_scale_reals(h, h->file, "n_train", spec->n_n_train, spec->n_train,
                             "number of training samples; inf: the population", &scale[4]));
  FSL_TRY(fsl_h5_scale_numbers(h, h->file, "replicate", spec->replicates, "independent training set", &scale[5]));
  FSL_TRY(fsl_h5_scale_numbers(h, h->file, "observation", spec->n_observations, "independent measurement", &scale[6]));
  FSL_TRY(fsl_h5_scale_numbers(h, h->file, "state", z->s.n, "state, as given", &scale[7]));
  return fsl_h5_scale_numbers(h, h->file, "component", z->s.d, "component of the state", &scale[8]);
}

/* One value for each state. */
static fsl_status write_per_state(scoring *z, const fsl_h5_about *about, const double *values) {
  const hsize_t start = 0, count = z->s.n;
  hid_t variable;
  FSL_TRY(fsl_h5_variable(&z->h, z->h.file, about, H5T_NATIVE_DOUBLE, 1, &z->scale[7], &variable));
  const fsl_status status = fsl_h5_write_slab(&z->h, variable, 1, &start, &count, values);
  H5Dclose(variable);
  return status;
}

/* The diffusion's kind and parameters, as a spec writes them. */
static fsl_status describe_diffusion(scoring *z, hid_t group) {
  const fsl_entry *const diffusion = &z->spec->diffusion;
  FSL_TRY(fsl_h5_attribute_text(&z->h, group, "kind", diffusion->kind->name));
  for (size_t i = 0; i < diffusion->kind->n_params; i++) {
    const fsl_param *const param = &diffusion->kind->params[i];
    const void *const field = (const char *)diffusion->params + param->offset;
    const char *text;
    if (param->type == FSL_REAL) {
      FSL_TRY(fsl_h5_attribute_real(&z->h, group, param->name, *(const double *)field));
      continue;
    }
    FSL_TRY(fsl_param_print(z->ctx, param, diffusion->params, &text));
    FSL_TRY(fsl_h5_attribute_text(&z->h, group, param->name, text));
  }
  return FSL_OK;
}

/* x_t = a x_0 + sqrt(v) times a standard normal. */
static fsl_status write_schedule(scoring *z) {
  static const fsl_h5_about t = {"t", "diffusion time of the state", NULL, NULL},
                            a = {"a", "factor of x_0 in x_t at the state's time", NULL, NULL},
                            v = {"v", "variance of the noise in x_t at the state's time", NULL, NULL};
  const fsl_diffusion *const diffusion = &z->spec->schedule;
  double *factor, *variance;
  hid_t group;
  FSL_GET(z->ctx, factor, z->s.n);
  FSL_GET(z->ctx, variance, z->s.n);
  for (size_t i = 0; i < z->s.n; i++) {
    factor[i] = diffusion->a(diffusion, z->s.t[i]);
    variance[i] = diffusion->v(diffusion, z->s.t[i]);
  }
  FSL_TRY(write_per_state(z, &t, z->s.t));
  FSL_TRY(write_per_state(z, &a, factor));
  FSL_TRY(write_per_state(z, &v, variance));
  FSL_TRY(fsl_h5_group(&z->h, "schedule", &group));
  const fsl_status status = describe_diffusion(z, group);
  H5Gclose(group);
  return status;
}

static fsl_status write_provenance(scoring *z, uint64_t started) {
  char host[256];
  fsl_host_name(host);
  const fsl_provenance provenance = {.started = fsl_provenance_time(z->ctx->arena, started),
                                     .signatures = fsl_signature(z->ctx->arena),
                                     .ended = fsl_provenance_time(z->ctx->arena, fsl_campaign_time()),
                                     .command = z->command,
                                     .slurm = fsl_provenance_slurm(z->ctx->arena),
                                     .ranks = 1};
  if (provenance.started == NULL || provenance.ended == NULL || provenance.slurm == NULL ||
      provenance.signatures == NULL)
    return fsl_fail(z->ctx, FSL_ENOMEM, "out of memory for the provenance");
  return fsl_provenance_write(&z->h, z->spec, host, &provenance);
}

static fsl_status write_all(scoring *z) {
  static const fsl_h5_about about[N_SCORES] = {
      [PRIOR_SCORE] = {"prior_score", "grad log p(x_t)", NULL, NULL},
      [POSTERIOR_SCORE] = {"posterior_score", "prior score plus the method's likelihood score", NULL, NULL},
      [LIKELIHOOD_SCORE] = {"likelihood_score", "the method's approximation of grad log p(y | x_t)", NULL, NULL},
  };
  const uint64_t started = fsl_campaign_time();
  FSL_TRY(fsl_h5_attribute_text(&z->h, z->h.file, "title", fsl_file_sort_title(FSL_FILE_SCORES)));
  FSL_TRY(fsl_h5_attribute_text(&z->h, z->h.file, "coordinates", "noise_name t"));
  FSL_TRY(add_scales(z));
  FSL_TRY(write_schedule(z));
  for (size_t i = 0; i < N_SCORES; i++)
    FSL_TRY(fsl_h5_variable(&z->h, z->h.file, &about[i], H5T_NATIVE_DOUBLE, N_AXES, z->scale, &z->variable[i]));
  FSL_TRY(score_all(z));
  return write_provenance(z, started);
}

static void close_handles(const scoring *z) {
  for (size_t i = 0; i < N_AXES; i++)
    if (z->scale[i] >= 0) H5Dclose(z->scale[i]);
  for (size_t i = 0; i < N_SCORES; i++)
    if (z->variable[i] >= 0) H5Dclose(z->variable[i]);
}

static fsl_status fill(void *self, fsl_h5 *h) {
  scoring *const z = self;
  z->h = *h;
  for (size_t i = 0; i < N_AXES; i++) z->scale[i] = -1;
  for (size_t i = 0; i < N_SCORES; i++) z->variable[i] = -1;
  const fsl_status status = write_all(z);
  close_handles(z);
  return status;
}

static fsl_status score(fsl_ctx *ctx, const fsl_arguments *arguments, const char *command) {
  const char *const output = fsl_arguments_value(arguments, OUTPUT, NULL);
  const char *const path = fsl_arguments_value(arguments, STATES, NULL), *errors = "";
  fsl_spec *spec;
  fsl_output out;
  FSL_GET(ctx, spec, 1);
  if (command == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the command line");
  if (path == NULL || output == NULL)
    return fsl_fail(ctx, FSL_EINPUT, "score needs --states S.h5 and -o T.h5 (see fslens score --help)");
  const char *const inputs[] = {arguments->positional[0], path};
  FSL_TRY(fsl_output_check(ctx, output, FSL_FILE_SCORES, 2, inputs, &out));
  const fsl_status loaded = fsl_spec_load(ctx, &fsl_standard_catalog, arguments->positional[0], arguments->count[SET],
                                          arguments->values[SET], spec, &errors);
  if (loaded != FSL_OK) fputs(errors, stderr);
  FSL_TRY(loaded);
  FSL_TRY(fsl_output_check(ctx, output, FSL_FILE_SCORES, spec->n_read, spec->read, &out));
  scoring z = {.ctx = ctx, .spec = spec, .command = command};
  FSL_TRY(read_states(ctx, spec, path, &z.s));
  return fsl_output_write(ctx, output, FSL_FILE_SCORES, &z, fill);
}

/* A stop ends it between two pieces of work, so that the unfinished file is removed. */
int fsl_command_score(int argc, char **argv) {
  fsl_ctx ctx = fsl_command_ctx();
  fsl_arguments arguments;
  int exit_status = 1;
  fsl_signals_install();
  ctx.stop = fsl_signals_stop();
  if (fsl_arguments_read(ctx.arena, &usage, argc, argv, &arguments, &exit_status)) {
    const fsl_status status = score(&ctx, &arguments, fsl_command_line(ctx.arena, argc, argv));
    exit_status = status == FSL_OK ? 0 : fsl_command_failed(&ctx, status);
  }
  fsl_arena_destroy(ctx.arena);
  return exit_status;
}
