/* posterior/tree_split.h: the step of a kd tree: the lower half of some points first, along their widest side. */
#ifndef FSL_POSTERIOR_TREE_SPLIT_H
#define FSL_POSTERIOR_TREE_SPLIT_H

#include <stddef.h>

typedef struct fsl_split_point {
  double x[3];
  size_t index;
} fsl_split_point;

/* Reorders n finite points so that no coordinate of the first `lower` is above one of the rest, on the axis where they
 * are spread widest. The same order wherever it runs. Expected time O(n). */
void fsl_split(size_t d, fsl_split_point *point, size_t n, size_t lower);

#endif
