/* posterior/merge.h: partial softmax moments and the fixed binary tree they merge in. The bits of a merged partial
 * depend on the leaves alone, not on how many ranks hold them. */
#ifndef FSL_POSTERIOR_MERGE_H
#define FSL_POSTERIOR_MERGE_H

#include "fslens/base.h"

/* A record of one state: for each side (prior; then posterior where there is one) the running maximum M, the sum S of
 * exp(logit - M), the energy sum exp(logit - M)(logit - M + adjust), and p weighted sums. */
typedef struct fsl_partial_shape {
  size_t sides, p;
  bool energy; /* false: that slot stays 0 */
} fsl_partial_shape;

enum { FSL_PARTIAL_MAX, FSL_PARTIAL_SUM, FSL_PARTIAL_ENERGY, FSL_PARTIAL_VEC };

size_t fsl_partial_side(fsl_partial_shape shape);  /* doubles a side: 3 + p */
size_t fsl_partial_width(fsl_partial_shape shape); /* doubles a state */
/* lower = lower + upper, for n states; `lower` covers the lower leaves. */
void fsl_partial_merge(fsl_partial_shape shape, size_t n, double *lower, const double *upper);
/* Records of no atoms. */
void fsl_partial_clear(fsl_partial_shape shape, size_t n, double *records);

/* Collective, one round each (see fslens/base.h). Each rank looks at its stop flag on the way in, as one that had no
 * work to do has looked nowhere else. A rank in trouble does not come here: it returns, and is heard of in this round
 * all the same. The others then get its status. Merges the records of aligned subtrees over the team by recursive
 * doubling; every rank ends with the same bits. */
FSL_CHECKED fsl_status fsl_team_merge(fsl_ctx *ctx, fsl_partial_shape shape, size_t n, double *records);
/* Values of which one rank at most holds each, the others 0, become known to all. */
FSL_CHECKED fsl_status fsl_team_share(fsl_ctx *ctx, size_t n, double *values);
/* Rank r holds rows r n .. (r + 1) n - 1 of `values` (size n each); afterwards every rank holds all. */
FSL_CHECKED fsl_status fsl_team_gather(fsl_ctx *ctx, size_t n, double *values);

#endif
