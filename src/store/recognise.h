/* store/recognise.h: files that fslens wrote, told from all others by their content. What is looked into may be damaged
 * or made up, and HDF5 crashes on some of that: it is read in a process of its own. */
#ifndef FSL_STORE_RECOGNISE_H
#define FSL_STORE_RECOGNISE_H

#include "fslens/base.h"

typedef enum fsl_file_sort { FSL_FILE_RESULTS, FSL_FILE_SCORES } fsl_file_sort;

/* The attribute `title` of such a file's root. */
const char *fsl_file_sort_title(fsl_file_sort sort);
const char *fsl_file_sort_name(fsl_file_sort sort); /* "a results file" */

/* Whether the file is of this sort, of this version of fslens or an earlier one. A file that cannot be read is not.
 * FSL_EIO where no process can be started. */
FSL_CHECKED fsl_status fsl_recognise(fsl_ctx *ctx, const char *path, fsl_file_sort sort, bool *out);

/* What a results file holds. */
typedef struct fsl_holding {
  bool readable;          /* false: nothing is known of it */
  size_t n_cells, n_done; /* cells that its spec defines, and those of them with results */
  const char *spec;       /* the text that it was made from */
  size_t n_jobs;
  const fsl_hash *jobs; /* n_jobs: the identities of finished jobs, ascending */
} fsl_holding;

/* `spec_hash`: jobs are left out (n_jobs 0) where the file is of the spec with this hash and has at most `n_done` cells
 * done, since then they are the caller's own. */
FSL_CHECKED fsl_status fsl_holding_read(fsl_ctx *ctx, const char *path, fsl_hash spec_hash, size_t n_done,
                                        fsl_holding *out);

#endif
