/* store/results_read.h: reads variables of a results file back, with the names of their axes and coordinates. */
#ifndef FSL_RESULTS_READ_H
#define FSL_RESULTS_READ_H

#include "fslens/base.h"

typedef struct fsl_results_file fsl_results_file;

enum { FSL_READ_MAX_RANK = 12 };

typedef struct fsl_results_axis {
  const char *name;
  size_t n;
  const char *const *label; /* n: names as they are, numbers printed */
  const double *number;     /* n; NULL for names */
} fsl_results_axis;

typedef struct fsl_results_variable {
  size_t rank;
  fsl_results_axis axis[FSL_READ_MAX_RANK];
  const double *data; /* row-major */
} fsl_results_variable;

/* FSL_EINPUT for a file that is missing or no results file. */
FSL_CHECKED fsl_status fsl_results_open(fsl_ctx *ctx, const char *path, fsl_results_file **out);
void fsl_results_close(fsl_results_file *file);
bool fsl_results_has(const fsl_results_file *file, const char *name); /* "budget", "budget/sliced_w1" */
/* A numeric variable, such as "sliced_w1" or "convergence/rate". */
FSL_CHECKED fsl_status fsl_results_variable_read(fsl_ctx *ctx, const fsl_results_file *file, const char *name,
                                                 fsl_results_variable *out);
/* A variable of texts over one axis, such as "jobs/error". */
FSL_CHECKED fsl_status fsl_results_texts_read(fsl_ctx *ctx, const fsl_results_file *file, const char *name, size_t *n,
                                              const char *const **out);
/* The root's campaign attribute. */
const char *fsl_results_campaign(const fsl_results_file *file);
/* Number of the axis of this name, rank when the variable has none. */
size_t fsl_results_axis_find(const fsl_results_variable *variable, const char *name);

#endif
