/* base/array_file.h: arrays of reals from HDF5, .npy, .npz, .csv and .idx files. Sizes are checked before anything is
 * allocated. Values become double. */
#ifndef FSL_BASE_ARRAY_FILE_H
#define FSL_BASE_ARRAY_FILE_H

#include "fslens/base.h"

/* Reads an array as a whole, from a file that is opened once. `path` is
 *   FILE.h5:/name     float or integer of any width; attributes `offset` and `scale`: offset + scale * stored;
 *   FILE.npz:name     one array of a NumPy archive;
 *   FILE.npy          float, integer or boolean, either byte order, C or Fortran order;
 *   FILE.csv          commas or blanks, one row per line, `#` comments, an optional header line without numbers;
 *   FILE.idx, .idx.gz the format of MNIST, packed or not.
 * `dataset` is the name in FILE.h5, FILE.h5:/group or FILE.npz (there the only array may have any name); NULL: the path
 * has to name it. What a file is follows from its first bytes, the ending decides where they do not. FSL_EINPUT with
 * the file's name, what is wrong and the nearest valid name; FSL_ESTOP when a stop was asked for. An array has at most
 * 2^31 values and ctx->file_bytes bytes: a larger one is refused before it is read. */
FSL_CHECKED fsl_status fsl_array_read(fsl_ctx *ctx, const char *path, const char *dataset, fsl_array *out);
/* The same for n arrays of one file, which all come from one opening of it: nothing can be replaced in between. Only
 * HDF5 and .npz files hold more than one. On an error the arrays in front of the one at fault are filled in. */
FSL_CHECKED fsl_status fsl_array_read_all(fsl_ctx *ctx, const char *path, size_t n, const char *const *datasets,
                                          fsl_array *out);
/* Arrays that were read, in the order of their reading. While ctx->files points to one of these, a second request for
 * the same array gets the first one's values: what is used and what is hashed cannot differ, and entries share memory.
 */
typedef struct fsl_file_array fsl_file_array;
struct fsl_file_array {
  fsl_file_array *next;
  const char *path, *dataset; /* as asked for; dataset may be NULL */
  fsl_array array;
};
typedef struct fsl_files {
  fsl_file_array *first;
} fsl_files;

/* The file that a path FILE:name leads to; the path itself where it has no name inside. NULL when out of memory. */
const char *fsl_array_file_of(fsl_arena *arena, const char *path);
/* A row-major view with two axes: the first axis, and the product of all the others. */
fsl_array fsl_array_rows(fsl_array array);
/* `path` relative to the folder of `base_file`, unless absolute. NULL when out of memory. */
char *fsl_path_beside(fsl_arena *arena, const char *base_file, const char *path);

#endif
