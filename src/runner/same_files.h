/* runner/same_files.h: every rank reads the spec's data files by itself: do they agree? */
#ifndef FSL_RUNNER_SAME_FILES_H
#define FSL_RUNNER_SAME_FILES_H

#include "spec/spec.h"

/* Collective over all ranks, after each has read the spec and ended with `status` and `errors`. Where some could not,
 * the lowest of them says why on stderr, with its rank and host, and no other. Where all could, their values are
 * compared: FSL_EINPUT on every rank where one read other values from a file than rank 0, with the file, rank and host
 * in rank 0's ctx->error. A rank with nothing to say has an empty ctx->error. */
FSL_CHECKED fsl_status fsl_ranks_read_the_same(fsl_ctx *ctx, fsl_status status, const char *errors,
                                               const fsl_spec *spec);

#endif
