/* grid/describe.h: jobs as people call them. */
#ifndef FSL_GRID_DESCRIBE_H
#define FSL_GRID_DESCRIBE_H

#include "grid/grid.h"

/* "prior / model / noise / method / N 64 / replicate 0 / observation 2"; NULL when out of memory. */
const char *fsl_point_describe(fsl_arena *arena, const fsl_spec *spec, fsl_point point);
/* "run job tri / identity / ..."; never NULL. */
const char *fsl_job_describe(fsl_arena *arena, const fsl_spec *spec, const fsl_job *job);

#endif
