/* posterior.c: makes posteriors and sends each question to the atoms or to the mixture behind it. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/linalg.h"
#include "base/sparse.h"
#include "posterior/arrange.h"
#include "posterior/internal.h"

/* ---- equal atoms ------------------------------------------------------------------------------------------------- */

typedef struct row_order {
  size_t d;
  const volatile sig_atomic_t *stop; /* raised: all rows are equal, so that a sort that nobody needs ends soon */
} row_order;

static int compare_rows(const void *a, const void *b, void *order) {
  const double *x = *(const double *const *)a, *y = *(const double *const *)b;
  const row_order *by = order;
  if (by->stop != NULL && *by->stop != 0) return 0;
  for (size_t j = 0; j < by->d; ++j)
    if (x[j] != y[j]) return x[j] < y[j] ? -1 : 1;
  return 0;
}

static double weight_of(const fsl_atom_set *set, size_t i) {
  return set->log_weight != NULL ? exp(set->log_weight[i]) : 1.0;
}

/* adjust_i = log(total weight of the atoms equal to i / its own): merges them in the entropy. */
static fsl_status merge_equal(fsl_ctx *ctx, fsl_atom_set *set) {
  const size_t d = set->d;
  row_order order = {d, ctx->stop};
  double *adjust;
  FSL_GET(ctx, adjust, set->n);
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  const double **row;
  FSL_GET(ctx, row, set->n);
  for (size_t i = 0; i < set->n; ++i) row[i] = set->x + i * d;
  qsort_r(row, set->n, sizeof *row, compare_rows, &order);
  FSL_TRY(fsl_check_stop(ctx));
  for (size_t i = 0, end; i < set->n; i = end) {
    double total = 0.0;
    for (end = i; end < set->n && compare_rows(&row[i], &row[end], &order) == 0; ++end)
      total += weight_of(set, (size_t)(row[end] - set->x) / d);
    for (size_t k = i; k < end; ++k) {
      const size_t atom = (size_t)(row[k] - set->x) / d;
      adjust[atom] = weight_of(set, atom) > 0.0 ? log(total / weight_of(set, atom)) : 0.0;
    }
  }
  fsl_arena_release(ctx->arena, mark);
  set->adjust = adjust;
  return FSL_OK;
}

/* ---- making one -------------------------------------------------------------------------------------------------- */

static fsl_status find_forward(fsl_ctx *ctx, const fsl_problem *problem, fsl_atom_set *set) {
  double *forward;
  FSL_GET(ctx, forward, set->n * set->m);
  for (size_t i = 0; i < set->n; ++i) {
    if (i % 256 == 0) FSL_TRY(fsl_check_stop(ctx));
    problem->model->value(problem->model, set->x + i * set->d, forward + i * set->m);
  }
  set->forward = forward;
  return FSL_OK;
}

static fsl_status start(fsl_ctx *ctx, const fsl_problem *problem, const fsl_posterior_setting *setting,
                        fsl_posterior **out) {
  FSL_GET(ctx, *out, 1);
  (*out)->setting = setting != NULL ? *setting : FSL_POSTERIOR_DEFAULT;
  (*out)->problem = problem;
  (*out)->kernel = fsl_kernel_chosen();
  (*out)->prior = problem->prior->population;
  return FSL_OK;
}

/* The posterior is whole: its twin in double precision shares all it has. */
static fsl_status finish(fsl_ctx *ctx, fsl_posterior *made, fsl_posterior **out) {
  fsl_posterior *twin = made;
  if (made->setting.single) {
    if (made->is_atoms) FSL_TRY(fsl_single_create(ctx, &made->atoms, &made->atoms.single));
    FSL_GET(ctx, twin, 1);
    *twin = *made;
    twin->setting.single = false;
    twin->in_double = twin;
  }
  made->in_double = twin;
  *out = made;
  return FSL_OK;
}

double fsl_posterior_accuracy(const fsl_posterior *posterior) {
  const double units = 4; /* in the last place; a fifth of one was seen */
  if (posterior->setting.single) return units * FLT_EPSILON;
  return fmax(units * DBL_EPSILON, posterior->tree != NULL ? posterior->setting.tolerance : 0);
}

static bool wants_tree(const fsl_posterior *made, uint64_t n) {
  return fsl_tree_pays(n, made->prior.d, made->setting.tolerance);
}

static fsl_status plant(fsl_ctx *ctx, fsl_posterior *made) {
  const fsl_atom_set *set = &made->atoms;
  fsl_tree *tree;
  if (!wants_tree(made, set->n_total)) return FSL_OK;
  FSL_TRY(fsl_tree_create(ctx, set->n, set->d, set->x, set->log_weight, set->log_likelihood, made->setting.tolerance,
                          &tree));
  made->tree = tree;
  return FSL_OK;
}

/* This rank's own samples. */
static fsl_status draw_shard(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, fsl_atom_set *set) {
  double *x;
  uint32_t *mode;
  const uint64_t first = fsl_leaf_start(set->n_total, set->n_leaves, set->first_leaf);
  FSL_GET(ctx, x, set->n * set->d);
  FSL_GET(ctx, mode, set->n);
  FSL_TRY(fsl_prior_training_set(ctx, problem->prior, key, set->n_total, first, set->n, x, mode));
  set->x = x;
  set->mode_of = mode;
  FSL_TRY(find_forward(ctx, problem, set));
  const bool repeats = fsl_mixture_is_atomic(&problem->prior->population); /* a density never repeats a sample */
  return repeats && (!set->sharded || ctx->team->size == 1) ? merge_equal(ctx, set) : FSL_OK;
}

/* With a tree every rank has the whole set: then it is states that are shared out. */
static fsl_atom_set shard_of(const fsl_ctx *ctx, const fsl_problem *problem, uint64_t n_train, bool whole) {
  fsl_atom_set set = {.d = problem->prior->d, .m = problem->model->m, .n_total = n_train};
  set.sharded = !whole;
  set.divided = true;
  set.n_leaves = fsl_leaf_count(n_train, set.d);
  set.own_leaves = whole ? set.n_leaves : set.n_leaves / (size_t)ctx->team->size;
  set.first_leaf = whole ? 0 : set.own_leaves * (size_t)ctx->team->rank;
  set.n = (size_t)(fsl_leaf_start(n_train, set.n_leaves, set.first_leaf + set.own_leaves) -
                   fsl_leaf_start(n_train, set.n_leaves, set.first_leaf));
  set.log_norm = log((double)n_train);
  return set;
}

fsl_status fsl_posterior_of_training_set(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key, uint64_t n_train,
                                         const fsl_posterior_setting *setting, fsl_posterior **out) {
  if (n_train == 0) return fsl_fail(ctx, FSL_EINPUT, "a training set has one sample at least");
  if (fsl_leaf_count(n_train, problem->prior->d) % (size_t)ctx->team->size != 0)
    return fsl_fail(ctx, FSL_EINTERNAL, "%d ranks do not divide the %zu leaves of %llu samples", ctx->team->size,
                    fsl_leaf_count(n_train, problem->prior->d), (unsigned long long)n_train);
  fsl_posterior *made = NULL;
  FSL_TRY(start(ctx, problem, setting, &made));
  fsl_atom_set set = shard_of(ctx, problem, n_train, wants_tree(made, n_train));
  FSL_TRY(draw_shard(ctx, problem, key, &set));
  FSL_TRY(fsl_atoms_finish(ctx, problem, &set));
  made->is_atoms = made->is_exact = true;
  made->atoms = set;
  made->log_evidence = set.log_evidence;
  FSL_TRY(plant(ctx, made));
  return finish(ctx, made, out);
}

static fsl_status population_of_atoms(fsl_ctx *ctx, const fsl_problem *problem, fsl_posterior *made) {
  const fsl_mixture *mixture = &problem->prior->population;
  fsl_atom_set set = {.n = mixture->n,
                      .d = mixture->d,
                      .m = problem->model->m,
                      .own_leaves = 1,
                      .n_total = mixture->n,
                      .x = mixture->mean,
                      .log_weight = mixture->log_weight,
                      .mode_of = mixture->mode_of};
  set.n_leaves = set.own_leaves = fsl_leaf_count(mixture->n, mixture->d);
  FSL_TRY(find_forward(ctx, problem, &set));
  FSL_TRY(merge_equal(ctx, &set));
  FSL_TRY(fsl_atoms_finish(ctx, problem, &set));
  made->is_atoms = made->is_exact = true;
  made->atoms = set;
  made->log_evidence = set.log_evidence;
  return plant(ctx, made);
}

/* One isotropic covariance scales the components' part of M m_k by one number at every time: M mu_k is found once. */
static fsl_status measure_means(fsl_ctx *ctx, fsl_posterior *made, size_t m) {
  const fsl_mixture *prior = &made->prior;
  double *measured;
  fsl_sparse matrix;
  if (prior->n_covariances != 1 || !prior->covariance->isotropic || prior->covariance->vectors != NULL) return FSL_OK;
  FSL_GET(ctx, measured, prior->n * m);
  FSL_TRY(fsl_check_stop(ctx));
  FSL_TRY(fsl_sparse_create(ctx, m, prior->d, made->matrix, &matrix));
  fsl_sparse_times(&matrix, prior->n, prior->mean, measured);
  made->measured = measured;
  return FSL_OK;
}

static fsl_status population_of_mixture(fsl_ctx *ctx, const fsl_problem *problem, fsl_posterior *made) {
  const fsl_forward_model *model = problem->model;
  made->log_evidence = NAN;
  FSL_TRY(fsl_groups_create(ctx, &made->prior, &made->prior_groups));
  if (!model->linear) return FSL_OK;
  double *matrix;
  FSL_GET(ctx, matrix, model->m * model->d);
  FSL_TRY(fsl_forward_model_matrix(ctx, model, matrix));
  FSL_TRY(fsl_mixture_condition(ctx, &made->prior, model->m, matrix, model->bias, problem->noise.std, problem->y,
                                &made->conditioned, &made->log_evidence));
  made->matrix = matrix;
  made->is_exact = true;
  FSL_TRY(measure_means(ctx, made, model->m));
  return fsl_groups_create(ctx, &made->conditioned, &made->conditioned_groups);
}

fsl_status fsl_posterior_of_population(fsl_ctx *ctx, const fsl_problem *problem, const fsl_posterior_setting *setting,
                                       fsl_posterior **out) {
  fsl_posterior *made;
  FSL_TRY(start(ctx, problem, setting, &made));
  if (fsl_mixture_is_atomic(&made->prior))
    FSL_TRY(population_of_atoms(ctx, problem, made));
  else
    FSL_TRY(population_of_mixture(ctx, problem, made));
  return finish(ctx, made, out);
}

/* ---- what it is -------------------------------------------------------------------------------------------------- */

size_t fsl_posterior_dimension(const fsl_posterior *posterior) {
  return posterior->prior.d;
}
const fsl_problem *fsl_posterior_problem(const fsl_posterior *posterior) {
  return posterior->problem;
}
bool fsl_posterior_is_exact(const fsl_posterior *posterior) {
  return posterior->is_exact;
}
const fsl_posterior *fsl_posterior_in_double(const fsl_posterior *posterior) {
  return posterior->in_double;
}
double fsl_posterior_log_evidence(const fsl_posterior *posterior) {
  return posterior->log_evidence;
}

bool fsl_posterior_has_forward_moments(const fsl_posterior *posterior) {
  return posterior->is_atoms || posterior->problem->model->linear;
}

bool fsl_posterior_cross_is_cheap(const fsl_posterior *posterior) {
  return posterior->is_atoms && fsl_atoms_cross_is_cheap(posterior);
}

const double *fsl_posterior_log_likelihood(const fsl_posterior *posterior, size_t *n) {
  *n = posterior->is_atoms ? posterior->atoms.n : 0;
  return posterior->atoms.log_likelihood;
}

/* Two sides of records, and the forward moments' triangle. */
static size_t records_bytes(size_t d, size_t m, size_t n_states) {
  const size_t record = 2 * (FSL_PARTIAL_VEC + d) + FSL_PARTIAL_VEC + m * (m + 1) / 2;
  return sizeof(double) * 2 * n_states * record;
}

/* Atoms, l_i, exp l_i, cumulative, adjust, modes, A(x_i) and the arrangement, of all atoms where there is a tree. */
size_t fsl_posterior_bytes(uint64_t n_atoms, size_t ranks, const fsl_posterior_setting *setting, size_t d, size_t m,
                           size_t n_states) {
  const double tolerance = setting != NULL ? setting->tolerance : FSL_POSTERIOR_DEFAULT.tolerance;
  const bool tree = fsl_tree_pays(n_atoms, d, tolerance);
  const size_t own = tree ? (size_t)n_atoms : (size_t)((n_atoms + ranks - 1) / ranks);
  const size_t atoms = own * (sizeof(double) * (d + m + 4) + sizeof(uint32_t) + fsl_arrangement_bytes(d));
  const size_t single = setting != NULL && setting->single ? fsl_posterior_single_bytes(own, d) : 0;
  return atoms + single + (tree ? fsl_tree_bytes(own, d, tolerance) : 0) + records_bytes(d, m, n_states);
}

/* Of a mixture whose components were conditioned. Per component: its mean, again in the frame of its covariance, M
 * mu_k, and for the time of a pass its mean scaled to t or a spread's features; weights, modes, numbers and the
 * arrangement. Per covariance: its eigenvectors; and what finds them. */
static size_t conditioned_bytes(size_t n, size_t n_covariances, size_t d, size_t m) {
  const size_t component = sizeof(double) * (2 * d + m + (d > m ? d : m) + 8) + fsl_arrangement_bytes(d);
  return n * component + sizeof(double) * (n_covariances * (d + 1) * d + 2 * d * d + 3 * d * m + 2 * m * m);
}

/* A prior of several covariances, or a rotated one, is copied into their frames, and scaled to a time. */
size_t fsl_population_bytes(const fsl_prior *prior, const fsl_forward_model *model,
                            const fsl_posterior_setting *setting, size_t n_states) {
  const fsl_mixture *const law = &prior->population;
  const size_t d = law->d, m = model->m;
  if (fsl_mixture_is_atomic(law)) return fsl_posterior_bytes(law->n, 1, setting, d, m, n_states);
  const bool copied = law->n_covariances > 1 || law->covariance->vectors != NULL;
  const size_t own = copied ? law->n * sizeof(double) * (2 * d + 4) : 0;
  return own + (model->linear ? conditioned_bytes(law->n, law->n_covariances, d, m) : 0) +
         records_bytes(d, m, n_states);
}

size_t fsl_posterior_single_bytes(uint64_t n_atoms, size_t d) {
  return (size_t)n_atoms * d * sizeof(float);
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

/* Gives work space back, also after a failure. */
static fsl_status done(fsl_ctx *ctx, fsl_arena_mark mark, fsl_status status) {
  fsl_arena_release(ctx->arena, mark);
  return status;
}

fsl_status fsl_posterior_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                 const double *x, const fsl_moments *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  return done(ctx, mark,
              posterior->is_atoms ? fsl_atoms_moments(ctx, posterior, a, v, n, x, out)
                                  : fsl_mixtures_moments(ctx, posterior, a, v, n, x, out));
}

fsl_status fsl_posterior_covariance_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                          const double *x, const double *mean, const double *u, double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  return done(ctx, mark,
              posterior->is_atoms ? fsl_atoms_covariance_times(ctx, posterior, a, v, n, x, mean, u, out)
                                  : fsl_mixtures_covariance_times(ctx, posterior, a, v, n, x, mean, u, out));
}

static fsl_status needs(fsl_ctx *ctx, bool has, const char *what) {
  return has ? FSL_OK : fsl_fail(ctx, FSL_EINTERNAL, "this population has no closed form for %s", what);
}

fsl_status fsl_posterior_forward_moments(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                         const double *x, const double *mean, double *expected, double *spread,
                                         double *cross) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY(needs(ctx, fsl_posterior_has_forward_moments(posterior), "moments of A(x)"));
  return done(ctx, mark,
              posterior->is_atoms
                  ? fsl_atoms_forward_moments(ctx, posterior, a, v, n, x, mean, expected, spread, cross)
                  : fsl_mixtures_forward_moments(ctx, posterior, a, v, n, x, mean, expected, spread, cross));
}

fsl_status fsl_posterior_cross_times(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, size_t n,
                                     const double *x, const double *mean, const double *expected, const double *u,
                                     double *out) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY(needs(ctx, fsl_posterior_has_forward_moments(posterior), "moments of A(x)"));
  return done(ctx, mark,
              posterior->is_atoms ? fsl_atoms_cross_times(ctx, posterior, a, v, n, x, mean, expected, u, out)
                                  : fsl_mixtures_cross_times(ctx, posterior, a, v, n, x, mean, u, out));
}

fsl_status fsl_posterior_draw(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, fsl_key key,
                              uint64_t first, size_t n, double *x, double *x0) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY(needs(ctx, posterior->is_exact, "draws of p(x_t | y)"));
  return done(ctx, mark,
              posterior->is_atoms ? fsl_atoms_draw(ctx, posterior, a, v, key, first, n, x, x0)
                                  : fsl_mixtures_draw(ctx, posterior, a, v, key, first, n, x, x0));
}

fsl_status fsl_posterior_draw_x0(fsl_ctx *ctx, const fsl_posterior *posterior, double a, double v, fsl_key key,
                                 uint64_t stream, uint64_t first, size_t n, const double *x, double *x0) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  FSL_TRY(needs(ctx, posterior->is_exact, "draws of p(x_0 | x_t, y)"));
  return done(ctx, mark,
              posterior->is_atoms ? fsl_atoms_draw_x0(ctx, posterior, a, v, key, stream, first, n, x, x0)
                                  : fsl_mixtures_draw_x0(ctx, posterior, a, v, key, stream, first, n, x, x0));
}

/* ---- as mixtures ------------------------------------------------------------------------------------------------- */

fsl_status fsl_posterior_prior_law(fsl_ctx *ctx, const fsl_posterior *posterior, fsl_mixture *out) {
  const fsl_atom_set *set = &posterior->atoms;
  if (!posterior->is_atoms) {
    *out = posterior->prior;
    return FSL_OK;
  }
  if (set->n != set->n_total)
    return fsl_fail(ctx, FSL_EINTERNAL, "a law is for a team of one: the atoms are shared out");
  return fsl_mixture_of_atoms(ctx, set->n, set->d, set->x, set->log_weight, set->mode_of, posterior->prior.n_modes,
                              out);
}

fsl_status fsl_posterior_law(fsl_ctx *ctx, const fsl_posterior *posterior, fsl_mixture *out) {
  FSL_TRY(needs(ctx, posterior->is_exact, "p(x_0 | y)"));
  if (!posterior->is_atoms) {
    *out = posterior->conditioned;
    return FSL_OK;
  }
  fsl_mixture prior;
  double log_total;
  FSL_TRY(fsl_posterior_prior_law(ctx, posterior, &prior));
  return fsl_mixture_reweight(ctx, &prior, posterior->atoms.log_likelihood, out, &log_total);
}
