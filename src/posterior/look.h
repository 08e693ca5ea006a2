/* posterior/look.h: what the two ways to look at a law share (law.c, look_large.c); for this folder alone. */
#ifndef FSL_POSTERIOR_LOOK_H
#define FSL_POSTERIOR_LOOK_H

#include "posterior/internal.h"
#include "posterior/law.h"

struct fsl_law_view {
  const fsl_mixture *law;
  double a, v;
  fsl_groups groups;
  fsl_noised_group *noised; /* groups.n */
  bool large;               /* many components of many dimensions: look_large.c */
};

/* Sums over the components of up to `lanes` states: log density = max + log(sum). */
typedef struct fsl_look {
  size_t n_modes, lanes;
  double *max, *sum, *vec; /* lanes, lanes, (n_modes, lanes): the part of the sum that each mode has */
} fsl_look;

/* What is done with one state; !ok: it is not finite. */
typedef void fsl_look_take(const fsl_look *look, size_t lane, size_t state, bool ok, void *out);

/* Calls `take` for each of n states. */
FSL_CHECKED fsl_status fsl_look_large(fsl_ctx *ctx, const fsl_law_view *view, size_t n, const double *x, size_t n_modes,
                                      fsl_look_take *take, void *out);

#endif
