/* problem/image.h: vectors read as images of one or two axes. */
#ifndef FSL_PROBLEM_IMAGE_H
#define FSL_PROBLEM_IMAGE_H

#include "fslens/problem.h"

typedef struct fsl_image {
  size_t rows, columns; /* a signal is one row */
} fsl_image;

/* FSL_EINPUT unless shape is absent (one row of d), [d] or [rows, columns] with the product d. Leading axes of length 1
 * (one channel) are dropped. */
FSL_CHECKED fsl_status fsl_image_create(fsl_ctx *ctx, fsl_integers shape, size_t d, fsl_image *out);

#endif
