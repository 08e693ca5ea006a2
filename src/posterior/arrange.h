/* posterior/arrange.h: what the wide kernels want to know of a block beforehand. */
#ifndef FSL_POSTERIOR_ARRANGE_H
#define FSL_POSTERIOR_ARRANGE_H

#include "posterior/kernel.h"

/* The atoms stay where they are; `out` lives in the arena. Depends on the block alone. */
FSL_CHECKED fsl_status fsl_arrange(fsl_ctx *ctx, const fsl_block *block, fsl_arrangement *out);
/* Bytes of an arrangement, an atom; 0 where few dimensions need none. */
size_t fsl_arrangement_bytes(size_t d);

#endif
