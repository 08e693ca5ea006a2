/* posterior/narrow.h: means and second moments in few dimensions, for kernel.c: what the general kernels do, several
 * times faster. Each function is compiled once for each instruction set. */
#ifndef FSL_POSTERIOR_NARROW_H
#define FSL_POSTERIOR_NARROW_H

#include "posterior/kernel.h"
#include "posterior/vector.h"

enum { FSL_NARROW_MOST = 8 }; /* dimensions */

/* As fsl_kernel's `means`, `cross` and `joint`. false: nothing done, because the question is not theirs: d above
 * FSL_NARROW_MOST, entropy, or sums of anything but the atoms themselves. */
bool FOR_ISA(fsl_narrow_means)(const fsl_block *block, const fsl_tile *tile);
bool FOR_ISA(fsl_narrow_cross)(const fsl_block *block, const fsl_tile *tile);
bool FOR_ISA(fsl_narrow_joint)(const fsl_block *block, const fsl_tile *tile);

#endif
