/* grid/grid.h: spec -> cells -> jobs. A cell is one point of the full product of the axes; a job is one distinct
 * computation and may serve several cells. Pure: no files, no clocks. */
#ifndef FSL_GRID_H
#define FSL_GRID_H

#include "spec/spec.h"

typedef enum fsl_job_type {
  FSL_JOB_TRUTH,     /* truth, floors, y, x_true: one a (prior, forward_model, noise_level, observation) */
  FSL_JOB_REFERENCE, /* the finite-sample posterior against truth: + (n_train, replicate) */
  FSL_JOB_RUN,       /* an approximation sampled and graded: + approximation */
  FSL_JOB_BUDGET,    /* the same again plainly and refined, and fsr-direct's draws: the error budget's links */
} fsl_job_type;

const char *fsl_job_type_name(fsl_job_type type); /* "truth", "reference", "run", "budget" */

/* Indices into the spec's axes; -1 where a job has no such axis. */
typedef struct fsl_point {
  int prior, forward_model, noise_level, approximation, n_train, replicate, observation;
} fsl_point;

typedef struct fsl_job {
  fsl_job_type type;
  fsl_hash identity; /* of everything its result depends on; display names and files' paths are not part of it */
  fsl_point point;   /* the first cell it serves */
  fsl_approximation_kind const *approximation; /* of a run or budget job, also when fsr or fsr-direct is unlisted */
  const void *approximation_params;
  double cost;      /* estimated seconds on one rank, uncalibrated */
  size_t bytes;     /* estimated memory of one rank when the group has one */
  size_t max_ranks; /* a power of two: the leaves it can be split over */
} fsl_job;

typedef enum fsl_cell_status { /* the file's `status` */
                               FSL_CELL_NOT_RUN,
                               FSL_CELL_DONE,
                               FSL_CELL_FAILED,
                               FSL_CELL_NOT_APPLICABLE,
                               FSL_CELL_EXCLUDED,
                               FSL_CELL_TIMED_OUT
} fsl_cell_status;
extern const char *const fsl_cell_status_names[6];

typedef struct fsl_skip {
  fsl_point point;     /* replicate and observation are -1: all of them */
  fsl_cell_status why; /* NOT_APPLICABLE or EXCLUDED */
  const char *reason;
} fsl_skip;

typedef struct fsl_grid {
  size_t n_jobs;
  fsl_job *jobs;              /* truth jobs first, then the rest in cell order */
  size_t n_cells;             /* product of the seven axes, t apart */
  const int64_t *job_of_cell; /* n_cells: the run job, -1 when skipped */
  const uint8_t *cell_status; /* n_cells: NOT_RUN, NOT_APPLICABLE or EXCLUDED */
  size_t n_skips;
  const fsl_skip *skips;
  const int64_t *truth_of;     /* (prior, forward_model, noise_level, observation): number of the truth job, -1 none */
  const int64_t *reference_of; /* (prior, forward_model, noise_level, n_train, replicate, observation), -1 none */
  const int64_t *budget_of;    /* n_cells: the budget job, -1 none; NULL without a budget */
} fsl_grid;

FSL_CHECKED fsl_status fsl_grid_create(fsl_ctx *ctx, const fsl_spec *spec, fsl_grid *out);
size_t fsl_grid_cell(const fsl_spec *spec, fsl_point point); /* row-major number of a cell */
fsl_point fsl_grid_point(const fsl_spec *spec, size_t cell);
/* The number of the job of `type` for the point (the axes the type has), or -1. */
int64_t fsl_grid_find(const fsl_grid *grid, const fsl_spec *spec, fsl_job_type type, fsl_point point);

/* Keys of the random numbers, by content. */
typedef struct fsl_job_keys {
  fsl_key training_set, x_true, noise, path, draw, direct, truth, floor, score, effective;
} fsl_job_keys;
FSL_CHECKED fsl_status fsl_grid_keys(fsl_ctx *ctx, const fsl_spec *spec, fsl_point point, fsl_job_keys *out);

#endif
