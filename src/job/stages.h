/* job/stages.h: the fields of a record as they are gathered, and one function for each type of job. */
#ifndef FSL_JOB_STAGES_H
#define FSL_JOB_STAGES_H

#include "job/shared.h"

enum { FSL_MAX_FIELDS = 128 };

typedef struct fsl_fields {
  size_t n;
  fsl_field field[FSL_MAX_FIELDS];
} fsl_fields;

/* Room for a new field of the given shape (axes that are 0 end it: shape (T, d, 0) has rank 2), filled with NaN. `name`
 * is kept. */
FSL_CHECKED fsl_status fsl_field_add(fsl_ctx *ctx, fsl_fields *fields, const char *name, size_t n0, size_t n1,
                                     size_t n2, double **data);
FSL_CHECKED fsl_status fsl_field_scalar(fsl_ctx *ctx, fsl_fields *fields, const char *name, double value);
FSL_CHECKED fsl_status fsl_field_vector(fsl_ctx *ctx, fsl_fields *fields, const char *name, size_t n,
                                        const double *values);

/* What a stage works on. */
typedef struct fsl_stage {
  const fsl_spec *spec;
  const fsl_job *job;
  fsl_job_cache *cache;
  fsl_shared *shared;
  fsl_job_keys keys;
  fsl_fields *fields;
} fsl_stage;

FSL_CHECKED fsl_status fsl_stage_truth(fsl_ctx *ctx, const fsl_stage *stage);
FSL_CHECKED fsl_status fsl_stage_reference(fsl_ctx *ctx, const fsl_stage *stage);
FSL_CHECKED fsl_status fsl_stage_run(fsl_ctx *ctx, const fsl_stage *stage);
FSL_CHECKED fsl_status fsl_stage_budget(fsl_ctx *ctx, const fsl_stage *stage);

/* With single precision: the field precision_error (t), sqrt(v E |s - s_double|^2 / d) of the method's posterior score
 * over the first 256 finite samples. Collective. */
FSL_CHECKED fsl_status fsl_stage_precision(fsl_ctx *ctx, const fsl_stage *stage, const fsl_posterior *posterior,
                                           const fsl_samples *samples);

/* The stage's method on `posterior`, as the spec says it is sampled. */
fsl_run fsl_stage_sampling(const fsl_stage *stage, const fsl_posterior *posterior);

#endif
