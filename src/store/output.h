/* store/output.h: whether a path may be OUT, the file that a command writes, and how such a file is written.
 *
 * OUT is new, or a file of the same sort that fslens wrote (recognised by its content), or a symbolic link to one of
 * these, which is followed: the link stays. Everything else is refused, so that nothing is ever replaced that fslens
 * did not write. */
#ifndef FSL_STORE_OUTPUT_H
#define FSL_STORE_OUTPUT_H

#include "store/h5.h"
#include "store/journal_paths.h"
#include "store/recognise.h"

typedef struct fsl_output {
  fsl_file_sort sort;
  const char *name;   /* as given */
  const char *target; /* the file that is written: `name`, or what its links lead to */
  bool exists;
} fsl_output;

/* FSL_EINPUT where `path` may not be OUT, saying why and what to do: its name is empty, too long (what is written
 * beside it counted in) or a journal's, its folder is missing or refuses new files, or something else lies there.
 * inputs: the `n` files that the command reads, FILE or FILE:/NAME; OUT is none of them. */
FSL_CHECKED fsl_status fsl_output_check(fsl_ctx *ctx, const char *path, fsl_file_sort sort, size_t n,
                                        const char *const *inputs, fsl_output *out);
/* The same for the journal of this results file: a run that could not write it would compute in vain. */
FSL_CHECKED fsl_status fsl_output_check_journal(fsl_ctx *ctx, const char *path, fsl_shard shard);

/* Writes OUT by `fill` beside its place; then it is closed, synced and renamed, and the old file is whole until that
 * moment. OUT is checked before, and once more just before it is replaced. */
FSL_CHECKED fsl_status fsl_output_write(fsl_ctx *ctx, const char *path, fsl_file_sort sort, void *self,
                                        fsl_status (*fill)(void *self, fsl_h5 *h));

#endif
