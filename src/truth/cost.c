/* truth/cost.c: what a truth takes and how large its law comes out: the cost model's (see truth.h). */
#include "truth/truth.h"

#include <math.h>

#include "truth/methods.h"

/* Nodes of a component in one and in two dimensions, as seen with square, abs, sin, clip and product; ns of one. */
static const double quadrature_nodes[] = {0, 3300, 55000};
static const double node_ns = 900;
static const double kept_share = 0.1;   /* of a sampled truth's draws */
static const double likelihood_ns = 25; /* beside the forward model's multiplications, */
static const double multiply_ns = 0.3;  /* each */

fsl_law_size fsl_truth_law_size(const fsl_prior *prior, const fsl_forward_model *model) {
  const double n = (double)prior->population.n, d = (double)prior->d;
  fsl_law_size size = fsl_law_size_of(&prior->population);
  switch (fsl_truth_choose(prior, model)) {
  case FSL_TRUTH_CLOSED:
    size.rotated = prior->d > 1 && !fsl_mixture_is_atomic(&prior->population);
    return size;
  case FSL_TRUTH_QUADRATURE:
    size.components = fmin(n * quadrature_nodes[prior->d], FSL_QUADRATURE_MOST_ATOMS);
    break;
  case FSL_TRUTH_SAMPLED:
    size.components = fmin(kept_share * FSL_SAMPLED_FIRST_DRAWS, FSL_SAMPLED_KEPT_BYTES / (8 * (d + 1)));
    break;
  }
  size.groups = 1;
  size.rotated = false;
  return size;
}

/* A mixture is conditioned for its law, and for chi^2 without the decompositions. */
static double closed_seconds(const fsl_prior *prior, const fsl_forward_model *model) {
  const double n = (double)prior->population.n, d = (double)prior->d;
  const fsl_posterior_size size = fsl_posterior_size_of(prior, model, INFINITY, NULL);
  if (size.groups == 0)
    return 1e-9 * n * (likelihood_ns + multiply_ns * fsl_forward_multiplications(model) + 0.05 * d * d);
  return 1.15 * fsl_posterior_seconds(&size) + 1e-9 * d * d * (40 + 0.05 * n + 0.25 * d) +
         (size.groups > 1 ? 1e-10 * size.groups * d * d * d : 0);
}

double fsl_truth_seconds(const fsl_prior *prior, const fsl_forward_model *model) {
  const fsl_law_size population = fsl_law_size_of(&prior->population);
  const double n = (double)prior->population.n, nodes = n * quadrature_nodes[prior->d <= 2 ? prior->d : 0];
  switch (fsl_truth_choose(prior, model)) {
  case FSL_TRUTH_CLOSED:
    return closed_seconds(prior, model);
  case FSL_TRUTH_QUADRATURE:
    return 1e-9 * node_ns * nodes;
  case FSL_TRUTH_SAMPLED:
    return 1.5 * FSL_SAMPLED_FIRST_DRAWS *
           (fsl_law_draw_seconds(&population) +
            1e-9 * (likelihood_ns + multiply_ns * fsl_forward_multiplications(model)));
  }
  return 0;
}

/* A mixture's means are kept as the prior's and the truth's, with numbers of other kinds; how
 * many of these and of matrices was measured with 100 to 24000 components of 784 dimensions. Matrices: two covariances,
 * a scene's, a record's and what writes it, and what finds them. */
static size_t conditioned_bytes(const fsl_mixture *prior) {
  enum { COPIES = 2, NUMBERS = 64, MATRICES = 20 };
  const size_t d = prior->d, vectors = 2 * prior->n_covariances * d * d;
  return sizeof(double) * (prior->n * (COPIES * d + NUMBERS) + vectors + MATRICES * d * d);
}

size_t fsl_truth_bytes(const fsl_prior *prior, const fsl_forward_model *model) {
  static const size_t sampled = (size_t)300 << 20; /* 2^24 likelihoods, and two sets of draws that are kept */
  switch (fsl_truth_choose(prior, model)) {
  case FSL_TRUTH_SAMPLED:
    return sampled;
  case FSL_TRUTH_CLOSED:
    return fsl_mixture_is_atomic(&prior->population) ? 0 : conditioned_bytes(&prior->population);
  case FSL_TRUTH_QUADRATURE:
    return 0;
  }
  return 0;
}
