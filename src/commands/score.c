/* commands/score.c: `fslens score`: every approximation's score at given states: a drop-in diagnostic for samplers made
 * elsewhere. */
#include "commands/commands.h"
#include "commands/options.h"

#include "base/array_file.h"
#include "base/text.h"
#include "grid/grid.h"
#include "job/problem.h"
#include "store/h5.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

typedef struct scoring {
  fsl_ctx *ctx;
  const fsl_spec *spec;
  states s;
  size_t n_cells;
  double *score[N_SCORES]; /* (n_cells, n, d): in the cell's order */
} scoring;

/* ---- states -------------------------------------------------------------------------------------------------------
 */

static fsl_status read_states(fsl_ctx *ctx, const fsl_spec *spec, const char *path, states *out) {
  fsl_array x, t;
  FSL_TRY(fsl_array_read(ctx, path, "x", &x));
  FSL_TRY(fsl_array_read(ctx, path, "t", &t));
  x = fsl_array_rows(x);
  *out = (states){x.shape[0], x.shape[1], x.data, t.data};
  if (fsl_array_size(t) != out->n)
    return fsl_fail(ctx, FSL_EINPUT, "%s: there are %zu times for %zu states", path, fsl_array_size(t), out->n);
  for (size_t i = 0; i < out->n; i++)
    if (!(t.data[i] > 0 && t.data[i] <= 1))
      return fsl_fail(ctx, FSL_EINPUT, "%s: time %zu is %g, expected above 0 and at most 1", path, i + 1, t.data[i]);
  for (size_t p = 0; p < spec->n_priors; p++)
    if (spec->prior_of[p].d == out->d) return FSL_OK;
  return fsl_fail(ctx, FSL_EINPUT, "%s: its states have %zu components, no prior of the spec has that dimension", path,
                  out->d);
}

/* ---- scores ---------------------------------------------------------------------------------------------------------
 */

/* Runs of states that share a time are scored together. */
static fsl_status score_states(scoring *z, const fsl_entry *method, const fsl_posterior *posterior, size_t cell) {
  const fsl_approximation_kind *const kind = (const fsl_approximation_kind *)(const void *)method->kind;
  const fsl_diffusion *const diffusion = &z->spec->schedule;
  for (size_t i = 0, end; i < z->s.n; i = end) {
    for (end = i + 1; end < z->s.n && z->s.t[end] == z->s.t[i]; end++) continue;
    const double t = z->s.t[i];
    const size_t at = (cell * z->s.n + i) * z->s.d;
    FSL_TRY(fsl_approximation_score(z->ctx, kind, method->params, posterior, t, diffusion->a(diffusion, t),
                                    diffusion->v(diffusion, t), end - i, z->s.x + i * z->s.d,
                                    z->score[LIKELIHOOD_SCORE] + at, z->score[PRIOR_SCORE] + at,
                                    z->score[POSTERIOR_SCORE] + at));
  }
  return FSL_OK;
}

static fsl_status score_cell(scoring *z, size_t cell) {
  const fsl_point point = fsl_grid_point(z->spec, cell);
  const fsl_entry *const method = &z->spec->approximations[point.approximation];
  fsl_problem problem;
  fsl_posterior *posterior;
  FSL_TRY(fsl_job_problem(z->ctx, z->spec, point, &problem));
  FSL_TRY(fsl_job_posterior(z->ctx, z->spec, point, &problem, &posterior));
  return score_states(z, method, posterior, cell);
}

static fsl_status score_all(scoring *z, const fsl_grid *grid) {
  for (size_t i = 0; i < N_SCORES; i++) {
    FSL_GET(z->ctx, z->score[i], z->n_cells * z->s.n * z->s.d);
    for (size_t j = 0; j < z->n_cells * z->s.n * z->s.d; j++) z->score[i][j] = NAN;
  }
  for (size_t cell = 0; cell < z->n_cells; cell++) {
    const fsl_point point = fsl_grid_point(z->spec, cell);
    if (grid->cell_status[cell] != FSL_CELL_NOT_RUN || z->spec->prior_of[point.prior].d != z->s.d) continue;
    const fsl_arena_mark mark = fsl_arena_now(z->ctx->arena);
    FSL_TRY(score_cell(z, cell));
    fsl_arena_release(z->ctx->arena, mark);
  }
  return FSL_OK;
}

/* ---- the file
 * ---------------------------------------------------------------------------------------------------------- */

enum { N_AXES = 9 };

static fsl_status entry_scale(fsl_h5 *h, hid_t root, const char *axis, size_t n, const fsl_entry *entries, hid_t *out) {
  const char **names;
  FSL_GET(h->ctx, names, n);
  for (size_t i = 0; i < n; i++) names[i] = entries[i].name;
  return fsl_h5_scale_texts(h, root, axis, n, names, NULL, out);
}

static fsl_status noise_scale(fsl_h5 *h, hid_t root, const fsl_spec *spec, hid_t *out) {
  double *level;
  FSL_GET(h->ctx, level, spec->n_noise_levels);
  for (size_t i = 0; i < spec->n_noise_levels; i++) level[i] = spec->noise_levels[i].level;
  return fsl_h5_scale_reals(h, root, "noise_level", spec->n_noise_levels, level, NULL, out);
}

static fsl_status add_scales(fsl_h5 *h, hid_t root, const scoring *z, hid_t scale[N_AXES]) {
  const fsl_spec *const spec = z->spec;
  FSL_TRY(entry_scale(h, root, "prior", spec->n_priors, spec->priors, &scale[0]));
  FSL_TRY(entry_scale(h, root, "forward_model", spec->n_forward_models, spec->forward_models, &scale[1]));
  FSL_TRY(noise_scale(h, root, spec, &scale[2]));
  FSL_TRY(entry_scale(h, root, "approximation", spec->n_approximations, spec->approximations, &scale[3]));
  FSL_TRY(fsl_h5_scale_reals(h, root, "n_train", spec->n_n_train, spec->n_train, NULL, &scale[4]));
  FSL_TRY(fsl_h5_scale_numbers(h, root, "replicate", spec->replicates, NULL, &scale[5]));
  FSL_TRY(fsl_h5_scale_numbers(h, root, "observation", spec->n_observations, NULL, &scale[6]));
  FSL_TRY(fsl_h5_scale_numbers(h, root, "state", z->s.n, NULL, &scale[7]));
  return fsl_h5_scale_numbers(h, root, "component", z->s.d, NULL, &scale[8]);
}

static fsl_status write_score(fsl_h5 *h, hid_t root, const scoring *z, const hid_t *scale, size_t which) {
  static const fsl_h5_about about[N_SCORES] = {
      [PRIOR_SCORE] = {"prior_score", "grad log p(x_t)", NULL, NULL},
      [POSTERIOR_SCORE] = {"posterior_score", "prior score plus the method's likelihood score", NULL, NULL},
      [LIKELIHOOD_SCORE] = {"likelihood_score", "the method's approximation of grad log p(y | x_t)", NULL, NULL},
  };
  const fsl_spec *const spec = z->spec;
  const hsize_t start[N_AXES] = {0};
  const hsize_t count[N_AXES] = {spec->n_priors,  spec->n_forward_models, spec->n_noise_levels, spec->n_approximations,
                                 spec->n_n_train, spec->replicates,       spec->n_observations, z->s.n,
                                 z->s.d};
  hid_t variable;
  FSL_TRY(fsl_h5_variable(h, root, &about[which], H5T_NATIVE_DOUBLE, N_AXES, scale, &variable));
  const fsl_status status = fsl_h5_write_slab(h, variable, N_AXES, start, count, z->score[which]);
  H5Dclose(variable);
  return status;
}

static fsl_status write_states(fsl_h5 *h, hid_t root, const scoring *z, const hid_t *scale) {
  static const fsl_h5_about about = {"t", "diffusion time of the state", NULL, NULL};
  const hsize_t start = 0, count = z->s.n;
  hid_t variable;
  FSL_TRY(fsl_h5_variable(h, root, &about, H5T_NATIVE_DOUBLE, 1, &scale[7], &variable));
  const fsl_status status = fsl_h5_write_slab(h, variable, 1, &start, &count, z->s.t);
  H5Dclose(variable);
  return status;
}

static fsl_status write_root(fsl_h5 *h, hid_t root, const scoring *z) {
  hid_t scale[N_AXES];
  for (size_t i = 0; i < N_AXES; i++) scale[i] = -1;
  fsl_status status = add_scales(h, root, z, scale);
  for (size_t which = 0; which < N_SCORES && status == FSL_OK; which++) status = write_score(h, root, z, scale, which);
  if (status == FSL_OK) status = write_states(h, root, z, scale);
  for (size_t i = 0; i < N_AXES; i++)
    if (scale[i] >= 0) H5Dclose(scale[i]);
  return status;
}

/* Beside its place, then renamed: an old file stays whole until the new one is. */
static fsl_status write_file(const scoring *z, const char *path) {
  fsl_h5 h;
  const char *const beside = fsl_text_format(z->ctx->arena, "%s.tmp-%ld", path, (long)getpid());
  if (beside == NULL) return fsl_fail(z->ctx, FSL_ENOMEM, "out of memory for a path");
  FSL_TRY(fsl_h5_create(z->ctx, beside, &h));
  const hid_t root = H5Gopen(h.file, "/", H5P_DEFAULT);
  fsl_status status = write_root(&h, root, z);
  H5Gclose(root);
  if (status == FSL_OK) status = fsl_h5_close(&h);
  if (status == FSL_OK && rename(beside, path) != 0)
    status = fsl_fail(z->ctx, FSL_EIO, "%s: cannot be put in place", path);
  if (status != FSL_OK) unlink(beside);
  return status;
}

static fsl_status score(fsl_ctx *ctx, const fsl_arguments *arguments) {
  const char *const output = fsl_arguments_value(arguments, OUTPUT, NULL);
  const char *const path = fsl_arguments_value(arguments, STATES, NULL), *errors = "";
  fsl_spec *spec;
  fsl_grid grid;
  FSL_GET(ctx, spec, 1);
  if (path == NULL || output == NULL)
    return fsl_fail(ctx, FSL_EINPUT, "score needs --states S.h5 and -o T.h5 (see fslens score --help)");
  const fsl_status loaded = fsl_spec_load(ctx, &fsl_standard_catalog, arguments->positional[0], arguments->count[SET],
                                          arguments->values[SET], spec, &errors);
  if (loaded != FSL_OK) fputs(errors, stderr);
  FSL_TRY(loaded);
  FSL_TRY(fsl_grid_create(ctx, spec, &grid));
  scoring z = {.ctx = ctx, .spec = spec, .n_cells = grid.n_cells};
  FSL_TRY(read_states(ctx, spec, path, &z.s));
  FSL_TRY(score_all(&z, &grid));
  return write_file(&z, output);
}

int fsl_command_score(int argc, char **argv) {
  fsl_ctx ctx = fsl_command_ctx();
  fsl_arguments arguments;
  int exit_status = 1;
  if (ctx.arena != NULL && fsl_arguments_read(ctx.arena, &usage, argc, argv, &arguments, &exit_status)) {
    const fsl_status status = score(&ctx, &arguments);
    exit_status = status == FSL_OK ? 0 : fsl_command_failed(&ctx, status);
  }
  fsl_arena_destroy(ctx.arena);
  return exit_status;
}
