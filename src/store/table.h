/* store/table.h: variables over the axes of a campaign, filled cell by cell from records and written slab by slab. */
#ifndef FSL_STORE_TABLE_H
#define FSL_STORE_TABLE_H

#include "store/h5.h"
#include "store/results.h"

typedef enum fsl_axis {
  FSL_AXIS_PRIOR,
  FSL_AXIS_FORWARD_MODEL,
  FSL_AXIS_NOISE_LEVEL,
  FSL_AXIS_APPROXIMATION,
  FSL_AXIS_N_TRAIN,
  FSL_AXIS_REPLICATE,
  FSL_AXIS_OBSERVATION, /* a point's axes; the rest lie inside a cell */
  FSL_AXIS_T,
  FSL_AXIS_MODE,
  FSL_AXIS_COMPONENT,
  FSL_AXIS_COMPONENT2,
  FSL_AXIS_PARTICLE,
  FSL_AXIS_PART,
  FSL_AXIS_METRIC,
  FSL_N_AXES
} fsl_axis;

enum { FSL_N_JOB_KINDS = FSL_JOB_BUDGET + 1 };

/* The record of a type of job that was read last. */
typedef struct fsl_read_record {
  fsl_arena *arena;
  int64_t job; /* -1: none yet */
  bool found;
  fsl_record record;
} fsl_read_record;

/* What every part of the file is made from. */
typedef struct fsl_results {
  fsl_h5 h;
  const fsl_spec *spec;
  const fsl_grid *grid;
  fsl_record_source source;
  fsl_read_record last[FSL_N_JOB_KINDS]; /* by type of job */
  size_t most_modes, most_components;    /* over the priors and models; components: of states and measurements */
  const char *hosts;                     /* of the records; set by fsl_write_jobs */
} fsl_results;

/* A group with its own copies of the coordinates. Variables are added one by one and written together, since each
 * record is read once for all of them. */
typedef struct fsl_placed fsl_placed;
typedef struct fsl_sheet {
  fsl_results *results;
  hid_t group;
  hid_t scale[FSL_N_AXES]; /* -1: the group has no such axis */
  size_t size[FSL_N_AXES];
  const char *name[FSL_N_AXES], *title[FSL_N_AXES];
  fsl_placed *first, **last; /* variables that are not written yet */
} fsl_sheet;

/* "/": the root. The sheet must not be moved. */
FSL_CHECKED fsl_status fsl_sheet_open(fsl_results *results, const char *name, fsl_sheet *out);
void fsl_sheet_close(fsl_sheet *sheet);
/* Another name for an axis whose values here may differ from the root's, before it is added: xarray.open_datatree
 * refuses two coordinates of one name, in a group and the root, that differ. */
void fsl_sheet_rename(fsl_sheet *sheet, fsl_axis axis, const char *name, const char *title);
/* The coordinates of the point's axes that are listed. Approximation: the spec's. */
FSL_CHECKED fsl_status fsl_sheet_add_axes(fsl_sheet *sheet, size_t n, const fsl_axis *axes);
/* `t_reference`: the times and 0, where finite samples are compared with the truth themselves. */
FSL_CHECKED fsl_status fsl_sheet_add_times_and_zero(fsl_sheet *sheet);
FSL_CHECKED fsl_status fsl_sheet_add_numbers(fsl_sheet *sheet, fsl_axis axis, size_t n);
FSL_CHECKED fsl_status fsl_sheet_add_reals(fsl_sheet *sheet, fsl_axis axis, size_t n, const double *values);
FSL_CHECKED fsl_status fsl_sheet_add_texts(fsl_sheet *sheet, fsl_axis axis, size_t n, const char *const *values);

typedef struct fsl_column fsl_column;
struct fsl_column {
  fsl_h5_about about;
  size_t n_axes;
  fsl_axis axis[FSL_H5_MAX_RANK]; /* the point's axes first */
  hid_t type;                     /* 0: float64 */
  const void *self;               /* for fill */
  /* Fills the values of one cell (the axes behind the point's, row-major), which are NaN before. Axes a column does not
   * have are -1 in `point`. */
  fsl_status (*fill)(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell);
};

/* Makes the variable. The column is copied; what `self` points to must live until it is written. */
FSL_CHECKED fsl_status fsl_sheet_add(fsl_sheet *sheet, const fsl_column *column);
/* Fills and writes all variables that were added since the last call. */
FSL_CHECKED fsl_status fsl_sheet_write(fsl_sheet *sheet);
/* Gives an int8 variable that was added its flag_values 0 .. n - 1 and flag_meanings, words apart by spaces (CF
 * conventions, 3.5). */
FSL_CHECKED fsl_status fsl_sheet_add_flags(const fsl_sheet *sheet, const char *variable, size_t n,
                                           const char *meanings);
/* Adds an int8 variable of fsl_reason, its flags included. */
FSL_CHECKED fsl_status fsl_sheet_add_reasons(fsl_sheet *sheet, const fsl_column *column);

/* ---- filling from records ---------------------------------------------------------------------------------------- */

/* The record of a job, whatever became of it; NULL when there is none. It stays until a record of another job of the
 * same type is asked for. */
FSL_CHECKED fsl_status fsl_results_read(fsl_results *results, int64_t job, const fsl_record **out);
/* The record of the job of this type at the point, NULL when there is none that is done. */
FSL_CHECKED fsl_status fsl_results_record(fsl_results *results, fsl_job_type type, fsl_point point,
                                          const fsl_record **out);
/* Copies a field into a cell of the shape of the column's inner axes: shorter axes are padded with NaN. */
void fsl_copy_field(const fsl_sheet *sheet, const fsl_column *column, const fsl_record *record, const char *name,
                    double *cell);
/* A fill for columns whose self is a fsl_field_of. */
typedef struct fsl_field_of {
  fsl_job_type type;
  const char *field;
} fsl_field_of;
FSL_CHECKED fsl_status fsl_fill_field(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell);
/* Adds the variable `about` over the axes: the field of this name of the jobs of this type. */
FSL_CHECKED fsl_status fsl_sheet_add_field(fsl_sheet *sheet, const fsl_h5_about *about, fsl_job_type type,
                                           const char *field, size_t n_axes, const fsl_axis *axes);

/* ---- the parts of the file, in order ----------------------------------------------------------------------------- */

FSL_CHECKED fsl_status fsl_write_root(fsl_results *results);
FSL_CHECKED fsl_status fsl_write_reference(fsl_results *results);
FSL_CHECKED fsl_status fsl_write_truth(fsl_results *results);
FSL_CHECKED fsl_status fsl_write_convergence(fsl_results *results);
FSL_CHECKED fsl_status fsl_write_budget(fsl_results *results);
FSL_CHECKED fsl_status fsl_write_jobs(fsl_results *results);
FSL_CHECKED fsl_status fsl_write_provenance(fsl_results *results, const fsl_provenance *provenance);

#endif
