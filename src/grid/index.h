/* grid/index.h: finds a grid's jobs by their identities: how records of a journal meet the jobs they belong to. */
#ifndef FSL_GRID_INDEX_H
#define FSL_GRID_INDEX_H

#include "grid/grid.h"

typedef struct fsl_job_index fsl_job_index;

FSL_CHECKED fsl_status fsl_job_index_create(fsl_ctx *ctx, const fsl_grid *grid, fsl_job_index **out);
/* Number of the job in grid->jobs, -1 when the grid has none of this identity. */
int64_t fsl_job_index_find(const fsl_job_index *index, fsl_hash identity);

#endif
