/* posterior/create.h: makes an fsl_posterior, and the leaves a training set is split into. */
#ifndef FSL_POSTERIOR_CREATE_H
#define FSL_POSTERIOR_CREATE_H

#include "fslens/posterior.h"

/* How moments over atoms are evaluated. */
typedef struct fsl_posterior_setting {
  bool single;      /* means and products in single precision, sums in double */
  double tolerance; /* certified error of the moment tree (d <= 3), relative to the spread; 0: direct sums alone */
} fsl_posterior_setting;
#define FSL_POSTERIOR_DEFAULT ((fsl_posterior_setting){.tolerance = 1e-10})

/* Number of leaves of a training set: a power of two, fixed by (n_train, d) alone; 1 for small sets. */
size_t fsl_leaf_count(uint64_t n_train, size_t d);
/* First atom of leaf `leaf` of `count` near-equal leaves (leaf == count: n_train). */
uint64_t fsl_leaf_start(uint64_t n_train, size_t count, size_t leaf);

/* The posterior of N training samples drawn with `key`; this rank draws its own leaves only.
 * Collective over ctx->team, whose size must divide the leaf count. Keeps `problem` by reference; lives in ctx->arena.
 * setting NULL: the default. */
FSL_CHECKED fsl_status fsl_posterior_of_training_set(fsl_ctx *ctx, const fsl_problem *problem, fsl_key key,
                                                     uint64_t n_train, const fsl_posterior_setting *setting,
                                                     fsl_posterior **out);
/* The posterior of the population: atoms as they are; mixtures in closed form, exact for linear models. Not collective;
 * the same on every rank. */
FSL_CHECKED fsl_status fsl_posterior_of_population(fsl_ctx *ctx, const fsl_problem *problem,
                                                   const fsl_posterior_setting *setting, fsl_posterior **out);
/* The same posterior evaluated in double precision; itself where it is. Lives as long as it. */
const fsl_posterior *fsl_posterior_in_double(const fsl_posterior *posterior);
/* What m and m~ may be off by, relative to the root of their mean square and the prior's: some units in the last place
 * of the precision, or the moment tree's tolerance. */
double fsl_posterior_accuracy(const fsl_posterior *posterior);
/* p(x_0 | y) as a mixture (atoms with weights W_i, each with its mode). Only on a team of one and where exact. The
 * arrays belong to the posterior. */
FSL_CHECKED fsl_status fsl_posterior_law(fsl_ctx *ctx, const fsl_posterior *posterior, fsl_mixture *out);
/* The prior side: the atoms or components with their prior weights. Same conditions, exactness apart. */
FSL_CHECKED fsl_status fsl_posterior_prior_law(fsl_ctx *ctx, const fsl_posterior *posterior, fsl_mixture *out);
/* l_i = log p(y | x_i) of this rank's atoms; NULL where the posterior is not made of atoms. */
const double *fsl_posterior_log_likelihood(const fsl_posterior *posterior, size_t *n);
/* log p(y) under this posterior's prior (finite-sample or population). NaN where not exact. */
double fsl_posterior_log_evidence(const fsl_posterior *posterior);
/* Bytes a rank needs for a posterior of n atoms in d dimensions with m measurements that `ranks` ranks share, and for
 * n_states states: the cost model's. setting NULL: the default. */
size_t fsl_posterior_bytes(uint64_t n_atoms, size_t ranks, const fsl_posterior_setting *setting, size_t d, size_t m,
                           size_t n_states);
/* The same for the posterior of the population, beside the prior itself. */
size_t fsl_population_bytes(const fsl_prior *prior, const fsl_forward_model *model,
                            const fsl_posterior_setting *setting, size_t n_states);
/* The part of fsl_posterior_bytes that single precision adds, for n atoms of a rank. */
size_t fsl_posterior_single_bytes(uint64_t n_atoms, size_t d);

#endif
