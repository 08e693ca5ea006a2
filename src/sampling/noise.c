/* sampling/noise.c: one Brownian path a particle, shared by every method and by a run and its refinement. */
#include "sampling/noise.h"

#include "approximation/bridge.h"

#include <math.h>

/* Box-Muller pairs elements 2j and 2j + 1, so a step's normals start at an even index. */
static uint64_t first_index(uint64_t nominal, uint64_t part, size_t d) {
  return (nominal * FSL_MAX_PARTS + part) * (d + d % 2);
}

static void normals(fsl_key key, uint64_t nominal, uint64_t part, size_t n, size_t d, double *z) {
  const uint64_t first = first_index(nominal, part, d);
  for (size_t i = 0; i < n; i++) fsl_normals(key, i, first, d, z + i * d);
}

fsl_status fsl_noise_source_create(fsl_ctx *ctx, fsl_key key, size_t refine, size_t n, size_t d,
                                   fsl_noise_source *out) {
  *out = (fsl_noise_source){.key = key, .refine = refine, .n = n, .d = d};
  if (refine > 1) FSL_GET(ctx, out->offset, n * d);
  return FSL_OK;
}

void fsl_noise_start(const fsl_noise_source *source, double *z) {
  normals(fsl_key_for(source->key, FSL_FOR_START), 0, 0, source->n, source->d, z);
}

/* offset = plain/sqrt(refine) - mean e over the fine parts of plain part `plain`; z is scratch. */
static void prepare(const fsl_noise_source *source, uint64_t nominal, uint64_t plain, double *z) {
  const size_t size = source->n * source->d, refine = source->refine;
  const fsl_key fine = fsl_key_for(source->key, FSL_FOR_FINE);
  double *const offset = source->offset;
  for (size_t i = 0; i < size; i++) offset[i] = 0;
  for (size_t r = 0; r < refine; r++) {
    normals(fine, nominal, plain * refine + r, source->n, source->d, z);
    for (size_t i = 0; i < size; i++) offset[i] -= z[i];
  }
  normals(source->key, nominal, plain, source->n, source->d, z);
  for (size_t i = 0; i < size; i++) offset[i] = offset[i] / (double)refine + z[i] / sqrt((double)refine);
}

void fsl_noise_step(const fsl_noise_source *source, uint64_t nominal, uint64_t part, double *z) {
  if (source->refine == 1) {
    normals(source->key, nominal, part, source->n, source->d, z);
    return;
  }
  if (part % source->refine == 0) prepare(source, nominal, part / source->refine, z);
  normals(fsl_key_for(source->key, FSL_FOR_FINE), nominal, part, source->n, source->d, z);
  for (size_t i = 0; i < source->n * source->d; i++) z[i] += source->offset[i];
}
