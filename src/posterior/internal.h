/* posterior/internal.h: what an fsl_posterior is made of; for this folder alone. */
#ifndef FSL_POSTERIOR_INTERNAL_H
#define FSL_POSTERIOR_INTERNAL_H

#include "posterior/create.h"
#include "posterior/pass.h"
#include "posterior/single.h"
#include "posterior/tree.h"

/* ---- atoms: a training set (its leaves shared out over the team) or a discrete population (whole on every rank) ----
 */

struct fsl_atom_set {
  size_t n, d, m;                          /* this rank's atoms */
  size_t n_leaves, first_leaf, own_leaves; /* of the whole set; this rank's */
  uint64_t n_total;
  bool sharded;                       /* each rank has its own leaves; false: every rank has all */
  bool divided;                       /* passes are shared out over the team by leaves, whoever has them */
  size_t chunks;                      /* stride of chunk_max from leaf to leaf */
  const double *x;                    /* (n, d) */
  const double *log_weight;           /* n: log pi_i; NULL: all -log_norm */
  double log_norm;                    /* log N for equal weights, 0 otherwise */
  const double *log_likelihood;       /* n */
  const double *likelihood;           /* n, see fsl_block */
  const double *chunk_max;            /* (own_leaves, chunks) */
  const double *forward;              /* (n, m): A(x_i) */
  const double *adjust;               /* n or NULL, see fsl_block */
  const fsl_arrangement *arrangement; /* own_leaves; NULL where few dimensions need none */
  const uint32_t *mode_of;            /* n or NULL */
  const double *cumulative;           /* n: of W_i within each leaf, up to about 1 */
  const double *leaf_log;             /* n_leaves: log sum of pi_i exp(l_i) */
  double log_evidence;
  const fsl_single *single; /* NULL: double precision alone */
};

/* The first atom of leaf `leaf` (of the whole set) among this rank's. */
size_t fsl_atoms_offset(const fsl_atom_set *set, size_t leaf);
/* Leaf `leaf` (of the whole set) as a block without payload; `offset`: its first atom among this rank's. */
fsl_block fsl_atoms_leaf(const fsl_atom_set *set, size_t leaf, size_t *offset);
/* The leaves this rank does in a pass: first .. first + count - 1. */
typedef struct fsl_leaves {
  size_t first, count;
} fsl_leaves;
fsl_leaves fsl_atoms_own(const fsl_ctx *ctx, const fsl_atom_set *set);
/* Runs a pass over all leaves and the team: records (n). Collective where divided. */
FSL_CHECKED fsl_status fsl_atoms_run(fsl_ctx *ctx, const fsl_atom_set *set, const fsl_pass *pass, const double *payload,
                                     const double *inner, double *records);
/* Fills in everything that follows from x, forward, log_weight and mode_of: likelihoods, leaves, evidence. Collective
 * where sharded. */
FSL_CHECKED fsl_status fsl_atoms_finish(fsl_ctx *ctx, const fsl_problem *problem, fsl_atom_set *set);

/* ---- mixtures: components that share a covariance are atoms in its scaled eigenbasis ----------------------------- */

typedef struct fsl_group {
  const fsl_covariance *covariance;
  size_t n;
  const double *mean;       /* (n, d): U^T mu_k */
  const double *log_weight; /* n */
  const uint32_t *index;    /* n: number in the mixture; NULL: the same */
  const uint32_t *mode_of;  /* n; NULL: the component's own number */
} fsl_group;

typedef struct fsl_groups {
  size_t d, n, n_components;
  const fsl_group *group;
} fsl_groups;

FSL_CHECKED fsl_status fsl_groups_create(fsl_ctx *ctx, const fsl_mixture *mixture, fsl_groups *out);

/* A group noised to (a, v): tau_j = a^2 lambda_j + v; component k's logit is constant + log w_k - h |z - a' nu_k|^2. */
typedef struct fsl_noised_group {
  fsl_block block;       /* payload: the rotated means */
  double a, v, constant; /* h = a^2/2v in these coordinates */
  bool scaled;           /* false: states as they are, but rotated */
  const double *root;    /* d: sqrt(tau_j) */
  const double *gain;    /* d: a lambda_j / tau_j */
  const double *shrink;  /* d: v / tau_j */
} fsl_noised_group;

/* Allocates in the arena: release it when done. */
FSL_CHECKED fsl_status fsl_group_noised(fsl_ctx *ctx, const fsl_group *group, size_t d, double a, double v,
                                        fsl_noised_group *out);
/* rotated (n, d) = U^T x, scaled (n, d) what the kernel compares with the block. */
FSL_CHECKED fsl_status fsl_group_states(fsl_ctx *ctx, const fsl_group *group, const fsl_noised_group *noised, size_t n,
                                        size_t d, const double *x, double *rotated, double *scaled);
void fsl_group_rotate(const fsl_group *group, size_t d, const double *x, double *out);   /* U^T x */
void fsl_group_unrotate(const fsl_group *group, size_t d, const double *x, double *out); /* U x */

/* ---- the posterior ----------------------------------------------------------------------------------------------- */

struct fsl_posterior {
  const fsl_problem *problem;
  fsl_posterior_setting setting;
  const fsl_posterior *in_double; /* itself where setting.single is not set */
  const fsl_kernel *kernel;
  bool is_atoms, is_exact;
  double log_evidence;
  fsl_atom_set atoms;
  const fsl_tree *tree;           /* of the atoms, for moments of x0; NULL: none */
  fsl_mixture prior, conditioned; /* mixtures; of atoms only `prior`'s mode counts and flags are used */
  fsl_groups prior_groups, conditioned_groups;
  const double *matrix;   /* (m, d) of a linear model; mixtures only */
  const double *measured; /* (n, m): M mu_k where one isotropic covariance is all there is; else NULL */
};

/* The implementations behind the functions of fslens/posterior.h. */
fsl_status fsl_atoms_moments(fsl_ctx *, const fsl_posterior *, double a, double v, size_t n, const double *x,
                             const fsl_moments *out);
fsl_status fsl_atoms_covariance_times(fsl_ctx *, const fsl_posterior *, double a, double v, size_t n, const double *x,
                                      const double *mean, const double *u, double *out);
fsl_status fsl_atoms_forward_moments(fsl_ctx *, const fsl_posterior *, double a, double v, size_t n, const double *x,
                                     const double *mean, double *expected, double *spread, double *cross);
/* Whether one pass for Cov_w(x0, A) and Cov_w(A) together beats two of atoms in d dimensions. */
bool fsl_joint_pays(size_t d, size_t m);
bool fsl_atoms_cross_is_cheap(const fsl_posterior *posterior);
fsl_status fsl_atoms_cross_times(fsl_ctx *, const fsl_posterior *, double a, double v, size_t n, const double *x,
                                 const double *mean, const double *expected, const double *u, double *out);
fsl_status fsl_atoms_draw(fsl_ctx *, const fsl_posterior *, double a, double v, fsl_key key, uint64_t first, size_t n,
                          double *x, double *x0);
fsl_status fsl_atoms_draw_x0(fsl_ctx *, const fsl_posterior *, double a, double v, fsl_key key, uint64_t stream,
                             uint64_t first, size_t n, const double *x, double *x0);

fsl_status fsl_mixtures_moments(fsl_ctx *, const fsl_posterior *, double a, double v, size_t n, const double *x,
                                const fsl_moments *out);
fsl_status fsl_mixtures_covariance_times(fsl_ctx *, const fsl_posterior *, double a, double v, size_t n,
                                         const double *x, const double *mean, const double *u, double *out);
fsl_status fsl_mixtures_forward_moments(fsl_ctx *, const fsl_posterior *, double a, double v, size_t n, const double *x,
                                        const double *mean, double *expected, double *spread, double *cross);
fsl_status fsl_mixtures_cross_times(fsl_ctx *, const fsl_posterior *, double a, double v, size_t n, const double *x,
                                    const double *mean, const double *u, double *out);
fsl_status fsl_mixtures_draw(fsl_ctx *, const fsl_posterior *, double a, double v, fsl_key key, uint64_t first,
                             size_t n, double *x, double *x0);
fsl_status fsl_mixtures_draw_x0(fsl_ctx *, const fsl_posterior *, double a, double v, fsl_key key, uint64_t stream,
                                uint64_t first, size_t n, const double *x, double *x0);

/* A key for a second purpose under the same name, so that the first one's streams stay the caller's. */
fsl_key fsl_second_key(fsl_key key);
/* The first i with cumulative weight above target, weights >= 0; else the last with any. *before: the sum below it. */
size_t fsl_pick(size_t n, const double *weight, double target, double *before);

#endif
