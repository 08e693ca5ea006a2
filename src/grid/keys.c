/* grid/keys.c: identities of jobs and keys of random numbers, by content (see keys.h). */
#include "grid/keys.h"

#include <math.h>

enum { RESULT_VERSION = 5 }; /* raised when any job's result changes for a reason its kinds' versions do not tell */

static fsl_status start(fsl_ctx *ctx, const char *purpose, fsl_hasher **out) {
  *out = fsl_hasher_create(ctx->arena);
  if (*out == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory while hashing %s", purpose);
  fsl_hash_text(*out, purpose);
  return FSL_OK;
}

/* ---- content of a point's axes --------------------------------------------------------------------- */

/* A fixed y by its values; a simulated one by what it is drawn from. */
static void add_observation(fsl_hasher *hasher, const fsl_spec *spec, fsl_point point) {
  fsl_hash_hash(hasher, spec->prior_of[point.prior].identity);
  if (spec->y_is_fixed) {
    const size_t m = spec->y.shape[1];
    fsl_hash_reals(hasher, spec->y.data + (size_t)point.observation * m, m);
  } else {
    fsl_hash_integer(hasher, point.observation);
  }
}

static void add_problem(fsl_hasher *hasher, const fsl_spec *spec, fsl_point point) {
  const size_t pair = (size_t)point.prior * spec->n_forward_models + (size_t)point.forward_model;
  const fsl_noise_level *const noise = &spec->noise_levels[point.noise_level];
  add_observation(hasher, spec, point);
  fsl_hash_hash(hasher, spec->model_of[pair]->identity);
  fsl_hash_reals(hasher, noise->std.data, noise->std.rank == 0 ? 1 : noise->std.shape[0]);
}

/* The population has no training set, so no replicate: all replicates share its posterior. */
static void add_training_set(fsl_hasher *hasher, const fsl_spec *spec, fsl_point point) {
  const double n_train = spec->n_train[point.n_train];
  fsl_hash_real(hasher, n_train);
  fsl_hash_integer(hasher, isinf(n_train) ? 0 : point.replicate);
}

/* A run of a sampler. In the population too replicates are runs of their own, so that scatter over them is honest. */
static void add_run(fsl_hasher *hasher, const fsl_spec *spec, fsl_point point) {
  fsl_hash_real(hasher, spec->n_train[point.n_train]);
  fsl_hash_integer(hasher, point.replicate);
}

/* ---- keys ------------------------------------------------------------------------------------------- */

typedef void add_fn(fsl_hasher *hasher, const fsl_spec *spec, fsl_point point);

static void add_prior(fsl_hasher *hasher, const fsl_spec *spec, fsl_point point) {
  fsl_hash_hash(hasher, spec->prior_of[point.prior].identity);
}

/* The key of `purpose`: of the seed and up to two kinds of content. */
static fsl_status key_of(fsl_ctx *ctx, const fsl_spec *spec, fsl_point point, const char *purpose, add_fn *first,
                         add_fn *second, fsl_key *out) {
  fsl_hasher *hasher;
  FSL_TRY(start(ctx, purpose, &hasher));
  fsl_hash_integer(hasher, (int64_t)spec->seed);
  first(hasher, spec, point);
  if (second != NULL) second(hasher, spec, point);
  *out = fsl_key_of(fsl_hash_value(hasher));
  return FSL_OK;
}

fsl_status fsl_grid_keys(fsl_ctx *ctx, const fsl_spec *spec, fsl_point point, fsl_job_keys *out) {
  *out = (fsl_job_keys){0};
  FSL_TRY(key_of(ctx, spec, point, "x_true", add_prior, NULL, &out->x_true));
  FSL_TRY(key_of(ctx, spec, point, "noise", add_observation, NULL, &out->noise));
  FSL_TRY(key_of(ctx, spec, point, "truth", add_problem, NULL, &out->truth));
  FSL_TRY(key_of(ctx, spec, point, "floor", add_problem, NULL, &out->floor));
  if (point.n_train < 0) return FSL_OK;
  FSL_TRY(key_of(ctx, spec, point, "training_set", add_prior, add_training_set, &out->training_set));
  FSL_TRY(key_of(ctx, spec, point, "path", add_observation, add_run, &out->path));
  FSL_TRY(key_of(ctx, spec, point, "draw", add_observation, add_run, &out->draw));
  FSL_TRY(key_of(ctx, spec, point, "direct", add_observation, add_run, &out->direct));
  FSL_TRY(key_of(ctx, spec, point, "score", add_problem, add_run, &out->score));
  return key_of(ctx, spec, point, "effective", add_problem, add_training_set, &out->effective);
}

/* ---- identities --------------------------------------------------------------------------------------- */

static fsl_status entry_hash(fsl_ctx *ctx, const fsl_entry *entry, fsl_hasher *hasher) {
  const fsl_status status = fsl_kind_hash(ctx, entry->kind, entry->params, hasher);
  return status == FSL_OK ? FSL_OK : fsl_while(ctx, status, "naming '%s' by its content", entry->name);
}

static fsl_status hash_approximations(fsl_ctx *ctx, const fsl_spec *spec, const fsl_hash **out) {
  fsl_hash *hash;
  FSL_GET(ctx, hash, spec->n_approximations);
  for (size_t i = 0; i < spec->n_approximations; i++) {
    fsl_hasher *hasher;
    FSL_TRY(start(ctx, "approximation", &hasher));
    FSL_TRY(entry_hash(ctx, &spec->approximations[i], hasher));
    hash[i] = fsl_hash_value(hasher);
  }
  *out = hash;
  return FSL_OK;
}

/* How a run is sampled: everything a `run` job depends on beyond its point and what it is graded by. */
static fsl_status hash_sampling(fsl_ctx *ctx, const fsl_spec *spec, fsl_hash *out) {
  fsl_hasher *hasher;
  FSL_TRY(start(ctx, "sampling", &hasher));
  FSL_TRY(entry_hash(ctx, &spec->sampler, hasher));
  FSL_TRY(entry_hash(ctx, &spec->time_grid, hasher));
  fsl_hash_integer(hasher, (int64_t)spec->steps);
  fsl_hash_real(hasher, spec->t_max);
  fsl_hash_integer(hasher, spec->start);
  fsl_hash_integer(hasher, spec->samples);
  *out = fsl_hash_value(hasher);
  return FSL_OK;
}

/* What every job is graded by. t_max is here too: path_kl starts from it. */
static fsl_status hash_grading(fsl_ctx *ctx, const fsl_spec *spec, fsl_hash *out) {
  fsl_hasher *hasher;
  FSL_TRY(start(ctx, "grading", &hasher));
  fsl_hash_integer(hasher, (int64_t)spec->particles);
  fsl_hash_reals(hasher, spec->times, spec->n_times);
  fsl_hash_integer(hasher, spec->metrics);
  /* What the budget alone needs. */
  if (spec->budget && !fsl_metrics_need_modes(spec->metrics)) fsl_hash_text(hasher, "modes");
  if (fsl_spec_computed_metrics(spec) != spec->metrics) fsl_hash_text(hasher, "sliced_w1");
  fsl_hash_integer(hasher, spec->y_is_fixed);
  *out = fsl_hash_value(hasher);
  return FSL_OK;
}

/* How sums over atoms are evaluated. */
static fsl_status hash_evaluation(fsl_ctx *ctx, const fsl_spec *spec, fsl_hash *out) {
  fsl_hasher *hasher;
  FSL_TRY(start(ctx, "evaluation", &hasher));
  fsl_hash_integer(hasher, spec->evaluation.single);
  fsl_hash_real(hasher, spec->evaluation.tolerance);
  *out = fsl_hash_value(hasher);
  return FSL_OK;
}

fsl_status fsl_parts_create(fsl_ctx *ctx, const fsl_spec *spec, fsl_parts *out) {
  fsl_hasher *hasher;
  FSL_TRY(start(ctx, "diffusion", &hasher));
  FSL_TRY(entry_hash(ctx, &spec->diffusion, hasher));
  out->diffusion = fsl_hash_value(hasher);
  FSL_TRY(hash_approximations(ctx, spec, &out->approximation));
  FSL_TRY(hash_sampling(ctx, spec, &out->sampling));
  FSL_TRY(hash_evaluation(ctx, spec, &out->evaluation));
  return hash_grading(ctx, spec, &out->grading);
}

fsl_status fsl_job_identity(fsl_ctx *ctx, const fsl_spec *spec, const fsl_parts *parts, fsl_job_type type,
                            fsl_point point, fsl_hash *out) {
  fsl_hasher *hasher;
  FSL_TRY(start(ctx, fsl_job_type_name(type), &hasher));
  fsl_hash_integer(hasher, RESULT_VERSION);
  fsl_hash_integer(hasher, (int64_t)spec->seed);
  add_problem(hasher, spec, point);
  fsl_hash_hash(hasher, parts->diffusion);
  fsl_hash_hash(hasher, parts->grading);
  const bool samples = type == FSL_JOB_RUN || type == FSL_JOB_BUDGET;
  if (type != FSL_JOB_TRUTH) {
    (samples ? add_run : add_training_set)(hasher, spec, point);
    fsl_hash_hash(hasher, parts->evaluation);
  }
  if (samples) {
    fsl_hash_hash(hasher, parts->approximation[point.approximation]);
    fsl_hash_hash(hasher, parts->sampling);
  }
  if (type == FSL_JOB_BUDGET) fsl_hash_integer(hasher, (int64_t)spec->budget_refine);
  *out = fsl_hash_value(hasher);
  return FSL_OK;
}
