/* sampling/noise.h: the standard normals of a run. Those of one particle depend on (key, particle, nominal step, part)
 * alone, not on how many particles there are. */
#ifndef FSL_SAMPLING_NOISE_H
#define FSL_SAMPLING_NOISE_H

#include "fslens/base.h"

enum { FSL_MAX_PARTS = 65536 }; /* of one nominal step, refined ones included */

typedef struct fsl_noise_source {
  fsl_key key;
  size_t refine, n, d;
  double *offset; /* (n, d): z/sqrt(refine) - mean e of the plain step at hand; NULL for a plain run */
} fsl_noise_source;

/* Work space from ctx->arena, kept as long as the run. */
FSL_CHECKED fsl_status fsl_noise_source_create(fsl_ctx *ctx, fsl_key key, size_t refine, size_t n, size_t d,
                                               fsl_noise_source *out);
/* z (n, d) for the start; independent of every step's. */
void fsl_noise_start(const fsl_noise_source *source, double *z);
/* z (n, d) of part `part` of nominal step `nominal`. Parts of a refined run come in order: part p of the plain run is
 * parts p refine .. p refine + refine - 1, and the plain run's normals are their sum over sqrt(refine). */
void fsl_noise_step(const fsl_noise_source *source, uint64_t nominal, uint64_t part, double *z);

#endif
