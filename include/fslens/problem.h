/* fslens/problem.h: the inverse problem y = A(x0) + n, x0 ~ p(x0), and the diffusion that noises x0:
 * mixtures, priors, forward models, Gaussian noise, schedules. Arrays are row-major. */
#ifndef FSLENS_PROBLEM_H
#define FSLENS_PROBLEM_H

#include "fslens/kind.h"

/* ---- mixtures: sum_k w_k N(mean_k, S_k) -------------------------------------------------------------
 * Every prior, every training set, every truth is one: atoms are components with S = 0, a kernel density estimate
 * shares one isotropic S. Noised to time t it is sum_k w_k N(a mean_k, a^2 S_k + v I). */

/* A covariance by its eigenvalues; `vectors` (d, d) holds eigenvectors in columns, NULL for the identity basis.
 * Atoms: values all 0. Never indefinite. */
typedef struct fsl_covariance {
  const double *values;  /* d, >= 0 */
  const double *vectors; /* (d, d) or NULL */
  bool isotropic;        /* all values equal and vectors NULL */
} fsl_covariance;

typedef struct fsl_mixture {
  size_t d, n;                      /* dimension; number of components */
  const double *log_weight;         /* n, normalised: log-sum-exp 0; -inf allowed */
  const double *mean;               /* (n, d) */
  size_t n_covariances;             /* distinct ones, >= 1 */
  const fsl_covariance *covariance; /* n_covariances */
  const uint32_t *covariance_of;    /* n; NULL: all use covariance[0] */
  size_t n_modes;                   /* >= 1 */
  const uint32_t *mode_of;          /* n, < n_modes; NULL: component k is mode k (then n_modes == n) */
} fsl_mixture;

bool fsl_mixture_is_atomic(const fsl_mixture *mixture); /* every covariance is 0 */
uint32_t fsl_mixture_mode(const fsl_mixture *mixture, size_t k);
/* Atoms with the given log weights (normalised here; NULL: equal). `points` (n, d) is kept, not copied. */
FSL_CHECKED fsl_status fsl_mixture_of_atoms(fsl_ctx *ctx, size_t n, size_t d, const double *points,
                                            const double *log_weight, const uint32_t *mode_of, size_t n_modes,
                                            fsl_mixture *out);
/* Closed-form mean (d) and covariance (d, d); either may be NULL. */
FSL_CHECKED fsl_status fsl_mixture_moments(fsl_ctx *ctx, const fsl_mixture *mixture, double *mean, double *covariance);
/* Total weight of each mode (n_modes). */
void fsl_mixture_mode_weights(const fsl_mixture *mixture, double *weight);
/* The posterior under y = M x + b + N(0, diag(std^2)): again a mixture, component by component, with
 * covariances (S^-1 + M^T S_n^-1 M)^-1 computed without inverting S; log_evidence = log p(y). matrix (m, d). */
FSL_CHECKED fsl_status fsl_mixture_condition(fsl_ctx *ctx, const fsl_mixture *prior, size_t m, const double *matrix,
                                             const double *bias, const double *std, const double *y, fsl_mixture *out,
                                             double *log_evidence);
/* log p(y) alone. */
FSL_CHECKED fsl_status fsl_mixture_log_evidence(fsl_ctx *ctx, const fsl_mixture *prior, size_t m, const double *matrix,
                                                const double *bias, const double *std, const double *y,
                                                double *log_evidence);
/* Same components, weights times exp(log_factor), normalised; *log_total is the log of the old total (the
 * log evidence when log_factor = log p(y | x_k) and the components are atoms). All -inf: FSL_ENUMERIC. */
FSL_CHECKED fsl_status fsl_mixture_reweight(fsl_ctx *ctx, const fsl_mixture *prior, const double *log_factor,
                                            fsl_mixture *out, double *log_total);
/* Draws number first .. first+n-1 of sum_k w_k N(a mean_k, a^2 S_k + v I): x (n, d); component (n) may be NULL.
 * A draw depends on (key, its number, mixture, a, v) alone. a = 1, v = 0: the mixture itself. */
FSL_CHECKED fsl_status fsl_mixture_draw(fsl_ctx *ctx, const fsl_mixture *mixture, double a, double v, fsl_key key,
                                        uint64_t first, size_t n, double *x, uint32_t *component);

/* ---- priors ------------------------------------------------------------------------------------------ */

typedef struct fsl_prior_setting {
  uint64_t seed;    /* the campaign's: chooses the held-out rows of a file */
  bool simulated_y; /* observations are simulated: a file without bandwidth holds out a tenth */
} fsl_prior_setting;

typedef struct fsl_prior {
  size_t d;
  fsl_mixture population;        /* the prior itself; of a file without bandwidth: its rows that are not held out */
  fsl_integers shape;            /* of one sample, such as [rows, columns]; its product is d. No data: not an image */
  const char *const *mode_names; /* n_modes of the population */
  bool without_replacement;      /* a file without bandwidth: training sets are subsets of the rows */
  size_t n_held_out;             /* rows that only simulated observations measure */
  const double *held_out;        /* (n_held_out, d) */
  fsl_hash content;              /* of the values that were read from files; all 0: none were */
  fsl_hash identity;             /* kind, parameters, content, and what the setting changed */
} fsl_prior;

typedef struct fsl_prior_kind {
  fsl_kind head;
  /* Builds the prior in ctx->arena. FSL_EINPUT names the parameter in *bad. */
  fsl_status (*create)(fsl_ctx *ctx, const void *params, const fsl_prior_setting *setting, fsl_prior *out,
                       const char **bad);
} fsl_prior_kind;

/* Fills `identity` too. The way every caller makes a prior. */
FSL_CHECKED fsl_status fsl_prior_create(fsl_ctx *ctx, const fsl_prior_kind *kind, const void *params,
                                        const fsl_prior_setting *setting, fsl_prior *out, const char **bad);
/* Samples number first .. first+n-1 of a training set of N: x (n, d), mode (n) or NULL. Independent draws of the
 * population; without replacement: the first N entries of a permutation of the rows chosen by the key. */
FSL_CHECKED fsl_status fsl_prior_training_set(fsl_ctx *ctx, const fsl_prior *prior, fsl_key key, uint64_t n_train,
                                              uint64_t first, size_t n, double *x, uint32_t *mode);
/* The x_true (d) of a simulated observation: a fresh draw, or a held-out row; observation numbers differ in rows
 * until all have been used. */
FSL_CHECKED fsl_status fsl_prior_x_true(fsl_ctx *ctx, const fsl_prior *prior, fsl_key key, uint64_t observation,
                                        double *x);

/* ---- forward models ------------------------------------------------------------------------------------ */

typedef struct fsl_forward_model fsl_forward_model;
struct fsl_forward_model {
  size_t d, m;
  bool linear;      /* A(x) = M x + bias */
  bool dense;       /* a value takes about m d multiplications, else about m + d: for the cost model */
  const void *self; /* what the functions below need; made by create */
  /* y (m) = A(x) */
  void (*value)(const fsl_forward_model *model, const double *x, double *y);
  /* out (d) = (dA/dx at x)^T u, u (m). At kinks the derivative from above (abs: sign, 0 at 0; clip: 0 where clipped).
   */
  void (*jacobian_t)(const fsl_forward_model *model, const double *x, const double *u, double *out);
  /* Linear models only, else NULL: out (m) = M v without the bias. M^T u is jacobian_t at any x. */
  void (*apply)(const fsl_forward_model *model, const double *v, double *out);
  const double *bias; /* m; linear models only; NULL: zero */
  fsl_hash identity;  /* kind and parameters */
};

typedef struct fsl_forward_model_kind {
  fsl_kind head;
  fsl_status (*create)(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad);
} fsl_forward_model_kind;

FSL_CHECKED fsl_status fsl_forward_model_create(fsl_ctx *ctx, const fsl_forward_model_kind *kind, const void *params,
                                                size_t d, fsl_forward_model *out, const char **bad);
/* The same for a prior: in its dimension, and with its shape where a parameter marked prior_shape is absent. The
 * identity is that of the parameters with the shape filled in. The way a spec makes its forward models. */
FSL_CHECKED fsl_status fsl_forward_model_fit(fsl_ctx *ctx, const fsl_forward_model_kind *kind, const void *params,
                                             const fsl_prior *prior, fsl_forward_model *out, const char **bad);
/* The dense matrix (m, d) of a linear model, by apply on unit vectors. */
FSL_CHECKED fsl_status fsl_forward_model_matrix(fsl_ctx *ctx, const fsl_forward_model *model, double *matrix);

/* ---- Gaussian noise --------------------------------------------------------------------------------------- */

typedef struct fsl_noise {
  size_t m;
  const double *std; /* m, > 0 */
} fsl_noise;

/* log N(y; z, diag(std^2)) */
double fsl_noise_log_density(const fsl_noise *noise, const double *y, const double *z);

typedef struct fsl_problem {
  const fsl_prior *prior;
  const fsl_forward_model *model;
  fsl_noise noise;
  const double *y;      /* m */
  const double *x_true; /* d, or NULL for a fixed y */
} fsl_problem;

/* log p(y | x) */
FSL_CHECKED fsl_status fsl_problem_log_likelihood(fsl_ctx *ctx, const fsl_problem *problem, size_t n, const double *x,
                                                  double *out);

/* ---- diffusions ---------------------------------------------------------------------------------------------- */

/* x_t = a(t) x_0 + sqrt(v(t)) eps. Forward SDE: dx = -beta/2 x dt + sqrt(g2) dW (VP: g2 = beta; VE: beta = 0, g2 =
 * d sigma^2/dt). */
typedef struct fsl_diffusion fsl_diffusion;
struct fsl_diffusion {
  const void *params;
  double (*a)(const fsl_diffusion *diffusion, double t);
  double (*v)(const fsl_diffusion *diffusion, double t); /* by expm1: full relative precision as t -> 0 */
  double (*beta)(const fsl_diffusion *diffusion, double t);
  double (*g2)(const fsl_diffusion *diffusion, double t);
};

typedef struct fsl_diffusion_kind {
  fsl_kind head;
  fsl_diffusion functions; /* params is filled in by the caller */
} fsl_diffusion_kind;

#endif
