/* job/problem.h: a cell's inverse problem and posterior, from the spec. */
#ifndef FSL_JOB_PROBLEM_H
#define FSL_JOB_PROBLEM_H

#include "grid/grid.h"
#include "posterior/create.h"

/* The problem of a point: prior, forward model, noise, and its observation: a fixed y, or y = A(x_true) + std *
 * normals. Fails with FSL_EINPUT where they do not fit together. Not collective; the same on every rank. */
FSL_CHECKED fsl_status fsl_job_problem(fsl_ctx *ctx, const fsl_spec *spec, fsl_point point, fsl_problem *out);
/* Its posterior: of the point's training set, or of the population at n_train .inf. Collective over the team. Keeps
 * `problem`. */
FSL_CHECKED fsl_status fsl_job_posterior(fsl_ctx *ctx, const fsl_spec *spec, fsl_point point,
                                         const fsl_problem *problem, fsl_posterior **out);

#endif
