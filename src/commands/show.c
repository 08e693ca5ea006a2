/* commands/show.c: `fslens show`: tables of a metric, rates and the error budget of a results file, in the terminal. */
#include "commands/commands.h"
#include "commands/options.h"

#include "base/text.h"
#include "grid/grid.h"
#include "store/results_read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { METRIC, BY };

static const fsl_option options[] = {
    [METRIC] = {"--metric", NULL, "NAME", "the metric of the tables (default: sliced_w1)"},
    [BY] = {"--by", NULL, "AXIS", "the axis in the columns (default: n_train)"},
};

static const fsl_usage usage = {
    .command = "show",
    .positional = "OUT.h5",
    .help = "Shows a metric at the smallest time by method and training-set size, with the floor of exact samples, the "
            "rates in N\n"
            "and the error budget. Replicates and observations are averaged.",
    .least = 1,
    .most = 1,
    .n_options = sizeof options / sizeof *options,
    .options = options,
};

static const char *const axes[] = {"prior",   "forward_model", "noise_level", "approximation",
                                   "n_train", "replicate",     "observation", "t"};
enum { N_AXES = 8, NAME_WIDTH = 24, CELL_WIDTH = 11, MOST_CELL_WIDTH = 20 };

/* ---- picking values ---------------------------------------------------------------------------------------------- */

enum { MEAN = -1 }; /* average over an axis */

/* Mean of the finite values where every axis is fixed or averaged; NaN where there is none. */
static double pick(const fsl_results_variable *v, const long *index) {
  size_t counter[FSL_READ_MAX_RANK] = {0}, n = 0;
  double sum = 0;
  for (size_t i = 0; i < v->rank; i++) counter[i] = index[i] == MEAN ? 0 : (size_t)index[i];
  for (;;) {
    size_t at = 0, axis = v->rank;
    for (size_t i = 0; i < v->rank; i++) at = at * v->axis[i].n + counter[i];
    if (isfinite(v->data[at])) {
      sum += v->data[at];
      n++;
    }
    while (axis > 0 && (index[axis - 1] != MEAN || ++counter[axis - 1] == v->axis[axis - 1].n)) {
      axis--;
      if (index[axis] == MEAN) counter[axis] = 0;
    }
    if (axis == 0) return n == 0 ? NAN : sum / (double)n;
  }
}

static long smallest_positive(const fsl_results_axis *axis) {
  long found = 0;
  for (size_t i = 1; i < axis->n; i++)
    if (axis->number[i] > 0 && axis->number[i] < axis->number[found]) found = (long)i;
  return found;
}

/* The largest finite one, where there is any: at inf there is no finite-sample error to see. */
static long largest(const fsl_results_axis *axis) {
  long found = 0;
  for (size_t i = 1; i < axis->n; i++)
    if (isfinite(axis->number[i]) && !(axis->number[i] <= axis->number[found] && isfinite(axis->number[found])))
      found = (long)i;
  return found;
}

/* What an axis is held at while it is neither row, column nor table. */
static long held(const fsl_results_variable *v, size_t axis) {
  const fsl_results_axis *const a = &v->axis[axis];
  if (strcmp(a->name, "t") == 0) return smallest_positive(a);
  if (strcmp(a->name, "n_train") == 0) return largest(a);
  return MEAN;
}

static void hold_all(const fsl_results_variable *v, long *index) {
  for (size_t i = 0; i < v->rank; i++) index[i] = held(v, i);
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static void print_cell(int width, double value) {
  char text[32];
  if (isnan(value))
    snprintf(text, sizeof text, "-");
  else
    snprintf(text, sizeof text, "%.3g", value);
  printf("%*s", width, text);
}

static void print_name(const char *name) {
  printf("  %-*.*s", NAME_WIDTH, NAME_WIDTH, name);
}

typedef struct table {
  const fsl_results_variable *v, *floor; /* floor: NULL for none */
  size_t row, column;                    /* numbers of axes */
  const char *by;
  int width; /* of a column */
} table;

/* Wide enough for the column's labels. */
static int column_width(const fsl_results_axis *axis) {
  size_t width = CELL_WIDTH;
  for (size_t j = 0; j < axis->n; j++) {
    const size_t length = strlen(axis->label[j]) + 2;
    if (length > width) width = length;
  }
  return width > MOST_CELL_WIDTH ? MOST_CELL_WIDTH : (int)width;
}

static bool row_is_empty(const table *t, long *index) {
  bool empty = true;
  for (size_t j = 0; j < t->v->axis[t->column].n && empty; j++) {
    index[t->column] = (long)j;
    empty = isnan(pick(t->v, index));
  }
  return empty;
}

static void print_row(const table *t, const char *name, long *index) {
  print_name(name);
  for (size_t j = 0; j < t->v->axis[t->column].n; j++) {
    index[t->column] = (long)j;
    print_cell(t->width, pick(t->v, index));
  }
  printf("\n");
}

/* The floor knows no method, size or replicate; on other axes it follows the table. */
static void print_floor(const table *t, const long *index) {
  long at[FSL_READ_MAX_RANK];
  print_name("floor (exact samples)");
  for (size_t j = 0; j < t->v->axis[t->column].n; j++) {
    for (size_t i = 0; i < t->floor->rank; i++) {
      const size_t same = fsl_results_axis_find(t->v, t->floor->axis[i].name);
      at[i] = same == t->column ? (long)j : same < t->v->rank ? index[same] : MEAN;
    }
    print_cell(t->width, pick(t->floor, at));
  }
  printf("\n");
}

static void print_heading(const table *t, const char *title, const long *index) {
  printf("\n%s", title);
  for (size_t i = 0; i < t->v->rank; i++)
    if (index[i] != MEAN && i != t->row && i != t->column)
      printf(", %s %s", t->v->axis[i].name, t->v->axis[i].label[index[i]]);
  printf("\n");
  print_name(t->by);
  for (size_t j = 0; j < t->v->axis[t->column].n; j++)
    printf("%*.*s", t->width, t->width - 1, t->v->axis[t->column].label[j]);
  printf("\n");
}

/* One table of the rows that have values; nothing where none has. */
static void print_table(const table *t, const char *title, long *index) {
  bool begun = false;
  for (size_t r = 0; r < t->v->axis[t->row].n; r++) {
    index[t->row] = (long)r;
    if (row_is_empty(t, index)) continue;
    if (!begun) print_heading(t, title, index);
    begun = true;
    print_row(t, t->v->axis[t->row].label[r], index);
  }
  index[t->row] = index[t->column] = MEAN;
  if (begun && t->floor != NULL) print_floor(t, index);
}

/* A table for each combination of the axes that split. */
static void print_split(const table *t, const char *title, long *index, size_t n_split, const size_t *split) {
  if (n_split == 0) {
    print_table(t, title, index);
    return;
  }
  for (size_t i = 0; i < t->v->axis[split[0]].n; i++) {
    index[split[0]] = (long)i;
    print_split(t, title, index, n_split - 1, split + 1);
  }
}

static void print_tables(table *t, const char *title) {
  static const char *const splitting[] = {"prior", "forward_model", "noise_level"};
  long index[FSL_READ_MAX_RANK];
  size_t split[3], n_split = 0;
  hold_all(t->v, index);
  t->width = column_width(&t->v->axis[t->column]);
  for (size_t i = 0; i < 3; i++) {
    const size_t axis = fsl_results_axis_find(t->v, splitting[i]);
    if (axis < t->v->rank && axis != t->column && axis != t->row) split[n_split++] = axis;
  }
  print_split(t, title, index, n_split, split);
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

static fsl_status show_cells(fsl_ctx *ctx, const fsl_results_file *file) {
  enum { N_STATUSES = sizeof fsl_cell_status_names / sizeof *fsl_cell_status_names };
  fsl_results_variable v;
  size_t count[N_STATUSES] = {0}, n = 1;
  FSL_TRY(fsl_results_variable_read(ctx, file, "status", &v));
  for (size_t i = 0; i < v.rank; i++) n *= v.axis[i].n;
  for (size_t i = 0; i < n; i++)
    if (v.data[i] >= 0 && v.data[i] < N_STATUSES) count[(size_t)v.data[i]]++;
  printf("%zu cells:", n);
  for (size_t i = 0, shown = 0; i < N_STATUSES; i++)
    if (count[i] > 0) printf("%s %zu %s", shown++ == 0 ? "" : ",", count[i], fsl_cell_status_names[i]);
  printf("\n");
  return FSL_OK;
}

/* ---- the metric -------------------------------------------------------------------------------------------------- */

static fsl_status show_metric(fsl_ctx *ctx, const fsl_results_file *file, const char *metric, const char *by) {
  fsl_results_variable v, floor;
  char name[64];
  snprintf(name, sizeof name, "%s_floor", metric);
  const bool has_floor = fsl_results_has(file, name);
  FSL_TRY(fsl_results_variable_read(ctx, file, metric, &v));
  if (has_floor) FSL_TRY(fsl_results_variable_read(ctx, file, name, &floor));
  const bool by_method = strcmp(by, "approximation") == 0;
  table t = {.v = &v,
             .floor = has_floor ? &floor : NULL,
             .row = fsl_results_axis_find(&v, by_method ? "n_train" : "approximation"),
             .column = fsl_results_axis_find(&v, by),
             .by = by};
  print_tables(&t, metric);
  return FSL_OK;
}

/* ---- memorisation ------------------------------------------------------------------------------------------------ */

static void print_atoms(const fsl_results_variable *v, long *index, size_t size_axis) {
  printf("effective atoms");
  for (size_t i = 0; i < 3; i++) printf("%s%s", i == 0 ? ": " : " / ", v->axis[i].label[index[i]]);
  printf("\n");
  for (size_t j = 0; j < v->axis[size_axis].n; j++) {
    index[size_axis] = (long)j;
    const double atoms = pick(v, index);
    if (isfinite(atoms))
      printf("  N = %-10s %.3g%s\n", v->axis[size_axis].label[j], atoms, atoms < 2 ? "  memorised" : "");
  }
}

static bool any_memorised(const fsl_results_variable *v, long *index, size_t size_axis) {
  bool any = false;
  for (size_t j = 0; j < v->axis[size_axis].n; j++) {
    index[size_axis] = (long)j;
    any = any || pick(v, index) < 2;
  }
  return any;
}

/* Below two effective atoms every score is the same: a verdict there says nothing of the method. */
static fsl_status show_memorised(fsl_ctx *ctx, const fsl_results_file *file) {
  fsl_results_variable v;
  long index[FSL_READ_MAX_RANK];
  if (!fsl_results_has(file, "reference/effective_atoms")) return FSL_OK;
  FSL_TRY(fsl_results_variable_read(ctx, file, "reference/effective_atoms", &v));
  const size_t size_axis = fsl_results_axis_find(&v, "n_train");
  bool begun = false;
  hold_all(&v, index);
  for (size_t p = 0; p < v.axis[0].n; p++)
    for (size_t m = 0; m < v.axis[1].n; m++)
      for (size_t l = 0; l < v.axis[2].n; l++) {
        index[0] = (long)p;
        index[1] = (long)m;
        index[2] = (long)l;
        if (!any_memorised(&v, index, size_axis)) continue;
        if (!begun) printf("\nmemorised problems: below 2 effective atoms every method's score is the same\n");
        begun = true;
        print_atoms(&v, index, size_axis);
      }
  return FSL_OK;
}

/* ---- rates ------------------------------------------------------------------------------------------------------- */

typedef struct rates {
  fsl_results_variable rate, low, high, points;
} rates;

static bool print_rate(const rates *r, const long *index, bool begun, const char *metric) {
  const double rate = pick(&r->rate, index);
  if (!isfinite(rate)) return begun;
  if (!begun) printf("\nrates in N of %s (slope of log error, 95 %% interval; -0.5 is usual)\n", metric);
  printf("  ");
  for (size_t i = 0; i < 5; i++) printf("%s%s", i == 0 ? "" : " / ", r->rate.axis[i].label[index[i]]);
  printf(": %.3f [%.3f, %.3f], %.0f sizes\n", rate, pick(&r->low, index), pick(&r->high, index),
         pick(&r->points, index));
  return true;
}

static fsl_status show_rates(fsl_ctx *ctx, const fsl_results_file *file, const char *metric) {
  rates r;
  long index[6];
  bool begun = false;
  FSL_TRY(fsl_results_variable_read(ctx, file, "convergence/rate", &r.rate));
  FSL_TRY(fsl_results_variable_read(ctx, file, "convergence/rate_low", &r.low));
  FSL_TRY(fsl_results_variable_read(ctx, file, "convergence/rate_high", &r.high));
  FSL_TRY(fsl_results_variable_read(ctx, file, "convergence/points", &r.points));
  const fsl_results_axis *const a = r.rate.axis;
  size_t m = 0;
  while (m < a[5].n && strcmp(a[5].label[m], metric) != 0) m++;
  if (m == a[5].n) return FSL_OK;
  index[5] = (long)m;
  for (size_t p = 0; p < a[0].n; p++)
    for (size_t f = 0; f < a[1].n; f++)
      for (size_t l = 0; l < a[2].n; l++)
        for (size_t s = 0; s < a[3].n; s++)
          for (size_t t = 0; t < a[4].n; t++) {
            const long at[5] = {(long)p, (long)f, (long)l, (long)s, (long)t};
            memcpy(index, at, sizeof at);
            begun = print_rate(&r, index, begun, metric);
          }
  return FSL_OK;
}

static fsl_status show_budget(fsl_ctx *ctx, const fsl_results_file *file) {
  fsl_results_variable v;
  if (!fsl_results_has(file, "budget/sliced_w1")) return FSL_OK;
  FSL_TRY(fsl_results_variable_read(ctx, file, "budget/sliced_w1", &v));
  table t = {.v = &v,
             .row = fsl_results_axis_find(&v, "approximation"),
             .column = fsl_results_axis_find(&v, "part"),
             .by = "part of the error"};
  print_tables(&t, "error budget (sliced_w1)");
  return FSL_OK;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static bool known(const char *what, const char *name, size_t n, const char *const *names) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return true;
  const char *const near = fsl_nearest(name, n, names);
  fprintf(stderr, "fslens show: there is no %s '%s'", what, name);
  if (near != NULL) fprintf(stderr, "; did you mean '%s'?", near);
  for (size_t i = 0; near == NULL && i < n; i++)
    fprintf(stderr, "%s%s", i == 0 ? "; expected one of " : ", ", names[i]);
  fprintf(stderr, "\n");
  return false;
}

static fsl_status show_all(fsl_ctx *ctx, const fsl_results_file *file, const char *metric, const char *by) {
  printf("%s\n", fsl_results_campaign(file));
  FSL_TRY(show_cells(ctx, file));
  FSL_TRY(show_metric(ctx, file, metric, by));
  FSL_TRY(show_memorised(ctx, file));
  FSL_TRY(show_rates(ctx, file, metric));
  return show_budget(ctx, file);
}

static int show(fsl_ctx *ctx, const fsl_arguments *arguments) {
  const char *names[FSL_N_METRICS];
  const char *const metric = fsl_arguments_value(arguments, METRIC, "sliced_w1");
  const char *const by = fsl_arguments_value(arguments, BY, "n_train");
  fsl_results_file *file = NULL;
  for (size_t i = 0; i < FSL_N_METRICS; i++) names[i] = fsl_metrics[i].head.name;
  if (!known("metric", metric, FSL_N_METRICS, names) || !known("axis", by, N_AXES, axes)) return FSL_EXIT_USAGE;
  fsl_status status = fsl_results_open(ctx, arguments->positional[0], &file);
  if (status == FSL_OK) status = show_all(ctx, file, metric, by);
  fsl_results_close(file);
  return status == FSL_OK ? 0 : fsl_command_failed(ctx, status);
}

int fsl_command_show(int argc, char **argv) {
  fsl_ctx ctx = fsl_command_ctx();
  fsl_arguments arguments;
  int exit_status = 1;
  if (fsl_arguments_read(ctx.arena, &usage, argc, argv, &arguments, &exit_status)) exit_status = show(&ctx, &arguments);
  fsl_arena_destroy(ctx.arena);
  return exit_status;
}
