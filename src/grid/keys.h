/* grid/keys.h: what jobs and random numbers are named by: hashes of content, never of display names or ranks. */
#ifndef FSL_GRID_KEYS_H
#define FSL_GRID_KEYS_H

#include "grid/grid.h"

/* Hashes of the spec's parts, made once, since a file may stand behind each. */
typedef struct fsl_parts {
  const fsl_hash *approximation; /* n_approximations */
  fsl_hash diffusion, sampling, grading, evaluation;
} fsl_parts;

FSL_CHECKED fsl_status fsl_parts_create(fsl_ctx *ctx, const fsl_spec *spec, fsl_parts *out);
FSL_CHECKED fsl_status fsl_job_identity(fsl_ctx *ctx, const fsl_spec *spec, const fsl_parts *parts, fsl_job_type type,
                                        fsl_point point, fsl_hash *out);

#endif
