/* commands/show_pick.h: what `fslens show` says of a results file, as values: tables, rates, what is memorised, what
 * failed. Nothing here prints. Everything lives in ctx->arena. */
#ifndef FSL_COMMANDS_SHOW_PICK_H
#define FSL_COMMANDS_SHOW_PICK_H

#include "base/tally.h"
#include "store/results_read.h"

/* Over replicates and observations. */
typedef struct fsl_picked {
  double mean;  /* of the finite values; NaN: there are none */
  double error; /* standard error of the mean over replicates; NaN where fewer than two have values */
} fsl_picked;

typedef struct fsl_picked_table {
  const char *title, *row_axis, *column_axis; /* row_axis: what the rows are */
  size_t n_held;                              /* axes at one value: the table's heading */
  const char *held_axis[FSL_READ_MAX_RANK], *held_at[FSL_READ_MAX_RANK];
  size_t n_rows, n_columns; /* rows without any value are left out */
  const char **row;         /* n_rows */
  const char **row_size;    /* n_rows: the n_train of a row that has no value at the table's; NULL: the table's */
  const char *const *column;
  const fsl_picked *cell; /* (n_rows, n_columns) */
  const double *floor;    /* n_columns; NULL: none */
  bool has_errors;        /* some cell has one */
  const char *reasons;    /* why cells or whole rows have no value; NULL: all have one, or nobody knows */
} fsl_picked_table;

typedef struct fsl_picked_tables {
  size_t n;
  fsl_picked_table *table;
  const char *reasons; /* n = 0: why there is no value at all; NULL: nobody knows */
} fsl_picked_tables;

/* A table of `metric` for each prior, forward model and noise level with values: methods by `by`, at the smallest time.
 * Where n_train is neither rows nor columns it is held at the largest finite size with values, else at inf; a row
 * without values there at the largest of its own. */
FSL_CHECKED fsl_status fsl_pick_metric(fsl_ctx *ctx, const fsl_results_file *file, const char *metric, const char *by,
                                       fsl_picked_tables *out);
/* The same for the parts of /budget; n is 0 where the file has none. */
FSL_CHECKED fsl_status fsl_pick_budget(fsl_ctx *ctx, const fsl_results_file *file, fsl_picked_tables *out);

typedef struct fsl_picked_line { /* one problem and size, in words, with its numbers */
  const char *what;
  double value, low, high, n;
} fsl_picked_line;

typedef struct fsl_picked_lines {
  size_t n;
  fsl_picked_line *line;
  const char *reasons; /* of the lines that are left out; NULL: there are none, or nobody knows */
} fsl_picked_lines;

/* Effective atoms of the problems where some size has fewer than two; `what` NULL: a size of the problem before. */
FSL_CHECKED fsl_status fsl_pick_memorised(fsl_ctx *ctx, const fsl_results_file *file, fsl_picked_lines *out);
/* Rates in N of the metric: value, interval, and n sizes. */
FSL_CHECKED fsl_status fsl_pick_rates(fsl_ctx *ctx, const fsl_results_file *file, const char *metric,
                                      fsl_picked_lines *out);
/* Cells by what became of them, in the order of fsl_cell_status_names; *n: all. */
FSL_CHECKED fsl_status fsl_pick_cells(fsl_ctx *ctx, const fsl_results_file *file, size_t *n, size_t count[6]);
/* Why jobs failed. */
FSL_CHECKED fsl_status fsl_pick_failures(fsl_ctx *ctx, const fsl_results_file *file, fsl_tally *out);

#endif
