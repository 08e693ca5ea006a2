/* grid/index.c: see index.h. */
#include "grid/index.h"

#include <stdlib.h>

typedef struct named_job {
  fsl_hash identity;
  int64_t job;
} named_job;

struct fsl_job_index {
  size_t n;
  named_job *sorted;
};

static int by_identity(const void *a, const void *b) {
  return fsl_hash_compare(((const named_job *)a)->identity, ((const named_job *)b)->identity);
}

fsl_status fsl_job_index_create(fsl_ctx *ctx, const fsl_grid *grid, fsl_job_index **out) {
  FSL_GET(ctx, *out, 1);
  FSL_GET(ctx, (*out)->sorted, grid->n_jobs + 1);
  (*out)->n = grid->n_jobs;
  for (size_t i = 0; i < grid->n_jobs; i++) (*out)->sorted[i] = (named_job){grid->jobs[i].identity, (int64_t)i};
  qsort((*out)->sorted, grid->n_jobs, sizeof *(*out)->sorted, by_identity);
  return FSL_OK;
}

int64_t fsl_job_index_find(const fsl_job_index *index, fsl_hash identity) {
  const named_job key = {.identity = identity};
  const named_job *const found = bsearch(&key, index->sorted, index->n, sizeof key, by_identity);
  return found == NULL ? -1 : found->job;
}
