/* base/array_readers.h: one reader a file format, for array_file.c alone. */
#ifndef FSL_BASE_ARRAY_READERS_H
#define FSL_BASE_ARRAY_READERS_H

#include "fslens/base.h"

enum { FSL_ARRAY_MOST = 2147483647 };

/* Room for an array of this shape; `path` is for the message when it is too large. */
FSL_CHECKED fsl_status fsl_array_new(fsl_ctx *ctx, const char *path, size_t rank, const size_t *shape, double **data,
                                     fsl_array *out);
FSL_CHECKED fsl_status fsl_array_read_npy(fsl_ctx *ctx, const char *path, fsl_array *out);
FSL_CHECKED fsl_status fsl_array_read_csv(fsl_ctx *ctx, const char *path, fsl_array *out);
FSL_CHECKED fsl_status fsl_array_read_hdf5(fsl_ctx *ctx, const char *path, const char *dataset, fsl_array *out);
/* `inside` is a dataset, or a group that holds `dataset`. */
FSL_CHECKED fsl_status fsl_array_read_hdf5_at(fsl_ctx *ctx, const char *path, const char *inside, const char *dataset,
                                              fsl_array *out);

#endif
