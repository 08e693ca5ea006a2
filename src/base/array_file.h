/* base/array_file.h: arrays of reals from HDF5 ("file.h5:/name"), .npy and .csv files.
 * Sizes are capped before anything is allocated. Values become double. */
#ifndef FSL_BASE_ARRAY_FILE_H
#define FSL_BASE_ARRAY_FILE_H

#include "fslens/base.h"

/* Reads the whole array. `path` is FILE.h5:/name (or FILE.h5 with `dataset` as the default name),
 * FILE.npy (little- or big-endian float or integer, C or Fortran order) or FILE.csv (commas or blanks,
 * one row a line, `#` comments, an optional header line that is no number). HDF5: float or integer of any width,
 * `offset` and `scale` attributes honoured: offset + scale * stored. FSL_EINPUT with the file's name, and for HDF5 the
 * nearest valid name, on anything wrong. At most 2^31 values. */
FSL_CHECKED fsl_status fsl_array_read(fsl_ctx *ctx, const char *path, const char *dataset, fsl_array *out);
/* A row-major view with two axes: the first axis, and the product of all the others. */
fsl_array fsl_array_rows(fsl_array array);
/* Hash of a file's bytes, for identity. */
FSL_CHECKED fsl_status fsl_file_hash(fsl_ctx *ctx, const char *path, fsl_hash *out);
/* `path` relative to the folder of `base_file`, unless absolute. NULL when out of memory. */
char *fsl_path_beside(fsl_arena *arena, const char *base_file, const char *path);

#endif
