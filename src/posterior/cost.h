/* posterior/cost.h: seconds that sums over atoms and components take on one current core: the cost model's. Measured on
 * one quiet core with AVX-512; only ratios matter to what is decided by them. `make soak` compares them with what jobs
 * take on this machine. */
#ifndef FSL_POSTERIOR_COST_H
#define FSL_POSTERIOR_COST_H

#include "posterior/create.h"

/* What the time of a posterior's sums depends on. Numbers are real, so that they multiply freely. */
typedef struct fsl_posterior_size {
  double atoms;     /* of a training set, or of a population that is made of atoms; else components */
  double groups;    /* covariances of a population that is a mixture; 0: made of atoms */
  bool rotated;     /* some prior covariance has eigenvectors of its own */
  double d, m;      /* dimensions and measurements */
  bool linear;      /* forward model */
  double forward;   /* multiplications that one value of the forward model takes */
  bool drawn;       /* a training set, whose atoms are drawn */
  bool single;      /* evaluated in single precision */
  double tolerance; /* of the moment tree, 0: none */
} fsl_posterior_size;

/* That one value of the model, or one product with its Jacobian, takes. */
double fsl_forward_multiplications(const fsl_forward_model *model);
/* n_train: INFINITY for the population. setting NULL: the default. */
fsl_posterior_size fsl_posterior_size_of(const fsl_prior *prior, const fsl_forward_model *model, double n_train,
                                         const fsl_posterior_setting *setting);

/* To make it: draws, likelihoods, the tree; conditioning of a mixture. */
double fsl_posterior_seconds(const fsl_posterior_size *size);
/* One state each: the prior's mean, and with `posterior` the posterior's too; */
double fsl_means_seconds(const fsl_posterior_size *size, bool posterior);
/* C H^T u, H = dA/dx at the mean; */
double fsl_product_seconds(const fsl_posterior_size *size);
/* Cov_w(A(x0)), with E_w A(x0); */
double fsl_spread_seconds(const fsl_posterior_size *size);
/* Cov_w(x0, A(x0)) u; */
double fsl_cross_seconds(const fsl_posterior_size *size);
/* both, by one pass where fsl_posterior_cross_is_cheap; */
double fsl_joint_seconds(const fsl_posterior_size *size);
/* an exact draw of p(x_t | y); */
double fsl_posterior_draw_seconds(const fsl_posterior_size *size);
/* a draw of p(x_0 | x_t, y) given x_t. */
double fsl_posterior_redraw_seconds(const fsl_posterior_size *size);

/* A noised mixture as samples are measured against it (law.h). */
typedef struct fsl_law_size {
  double components, groups, modes, d;
  bool rotated; /* some covariance has eigenvectors of its own */
} fsl_law_size;

fsl_law_size fsl_law_size_of(const fsl_mixture *law);
/* One state each: its log density; the mode most responsible for it; a draw. */
double fsl_law_density_seconds(const fsl_law_size *size);
double fsl_law_mode_seconds(const fsl_law_size *size);
double fsl_law_draw_seconds(const fsl_law_size *size);

#endif
