/* spec/warn.c: what is valid but seldom meant. */
#include "spec/spec.h"

#include "base/linalg.h"

#include <math.h>

static const double most_shift = 0.1;

/* The start N(0, v I) stands for p(x_t) at t_max, whose components lie at a mu_k: the largest |a mu_k| over sqrt(v). */
static double start_shift(const fsl_spec *spec, const fsl_mixture *prior) {
  const double a = spec->schedule.a(&spec->schedule, spec->t_max), v = spec->schedule.v(&spec->schedule, spec->t_max);
  double largest = 0;
  for (size_t k = 0; k < prior->n; k++) largest = fmax(largest, fsl_norm(prior->d, prior->mean + k * prior->d));
  return a * largest / sqrt(v);
}

void fsl_spec_warn(const fsl_ctx *ctx, const fsl_spec *spec) {
  for (size_t i = 0; spec->start == FSL_START_NORMAL && i < spec->n_priors; i++) {
    const double shift = start_shift(spec, &spec->prior_of[i].population);
    if (shift > most_shift)
      fsl_say(ctx, FSL_LOG_WARN,
              "prior '%s': a component lies %.2g standard deviations from the normal start at t_max; 'start: exact' "
              "begins at p(x_t | y)",
              spec->priors[i].name, shift);
  }
}
