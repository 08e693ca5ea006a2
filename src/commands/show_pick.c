/* commands/show_pick.c: see show_pick.h. */
#include "commands/show_pick.h"

#include "base/text.h"
#include "commands/show_reasons.h"
#include "grid/grid.h"
#include "metric/reason.h"

#include <math.h>
#include <string.h>

enum { MEAN = -1 }; /* average over an axis */

/* ---- one value --------------------------------------------------------------------------------------------------- */

/* Mean of the finite values where every axis is fixed or averaged; NaN where there is none. */
static double mean_of(const fsl_results_variable *v, const long *index) {
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

/* A group's own copy of an axis may have its name behind a prefix: "budget_replicate", "t_reference". */
static size_t find_axis(const fsl_results_variable *v, const char *name, const char *other) {
  const size_t axis = fsl_results_axis_find(v, name);
  return axis < v->rank ? axis : fsl_results_axis_find(v, other);
}

/* Observations are averaged inside each replicate, since they share its training set. */
static double standard_error(const fsl_results_variable *v, const long *index) {
  const size_t axis = find_axis(v, "replicate", "budget_replicate");
  long at[FSL_READ_MAX_RANK];
  double n = 0, mean = 0, squares = 0;
  if (axis == v->rank || index[axis] != MEAN) return NAN;
  memcpy(at, index, v->rank * sizeof *at);
  for (size_t i = 0; i < v->axis[axis].n; i++) {
    at[axis] = (long)i;
    const double value = mean_of(v, at);
    if (isnan(value)) continue;
    const double before = value - mean;
    mean += before / ++n;
    squares += before * (value - mean);
  }
  return n < 2 ? NAN : sqrt(squares / (n * (n - 1)));
}

static fsl_picked pick(const fsl_results_variable *v, const long *index) {
  return (fsl_picked){mean_of(v, index), standard_error(v, index)};
}

/* ---- what an axis is held at while it is neither row, column nor table --------------------------------------------
 */

static long smallest_positive(const fsl_results_axis *axis) {
  long found = 0;
  for (size_t i = 1; i < axis->n; i++)
    if (axis->number[i] > 0 && !(axis->number[found] > 0 && axis->number[i] >= axis->number[found])) found = (long)i;
  return found;
}

enum { NO_SIZE = -2 };

static double rank_of(double size) {
  return isinf(size) ? -1 : size;
}

/* The size after `size` (MEAN: the first) from large to small, inf behind them all, since no finite-sample error shows
 * there. NO_SIZE behind the last. */
static long next_size(const fsl_results_axis *axis, long size) {
  long found = NO_SIZE;
  for (size_t i = 0; i < axis->n; i++) {
    const double rank = rank_of(axis->number[i]);
    if (size != MEAN && rank >= rank_of(axis->number[size])) continue;
    if (found == NO_SIZE || rank > rank_of(axis->number[found])) found = (long)i;
  }
  return found;
}

static void hold_all(const fsl_results_variable *v, long *index) {
  const size_t t = find_axis(v, "t", "t_reference");
  for (size_t i = 0; i < v->rank; i++) index[i] = i == t ? smallest_positive(&v->axis[i]) : MEAN;
}

/* ---- one table --------------------------------------------------------------------------------------------------- */

typedef struct picker {
  fsl_ctx *ctx;
  const fsl_results_variable *v, *floor, *reason; /* floor, reason: NULL for none */
  size_t row, column, size; /* numbers of axes; size: of n_train where it is held, else the rank */
  const char *title, *row_axis, *column_axis;
  const char *const *row_label, *const *column_label; /* NULL: the axis' own */
  fsl_picked_tables *out;
} picker;

static bool row_has_values(const picker *p, const long *index) {
  long at[FSL_READ_MAX_RANK];
  memcpy(at, index, p->v->rank * sizeof *at);
  at[p->column] = MEAN;
  return !isnan(mean_of(p->v, at));
}

static bool any_has_values(const picker *p, const long *index) {
  long at[FSL_READ_MAX_RANK];
  memcpy(at, index, p->v->rank * sizeof *at);
  at[p->row] = at[p->column] = MEAN;
  return !isnan(mean_of(p->v, at));
}

/* Sets the size of `index` to the first for which `has` holds; false where there is none. */
static bool hold_size(const picker *p, long *index, bool (*has)(const picker *p, const long *index)) {
  if (p->size == p->v->rank) return has(p, index);
  const fsl_results_axis *const axis = &p->v->axis[p->size];
  for (index[p->size] = next_size(axis, MEAN); index[p->size] != NO_SIZE;
       index[p->size] = next_size(axis, index[p->size]))
    if (has(p, index)) return true;
  return false;
}

static void fill_row(const picker *p, fsl_picked_table *t, long *index, fsl_picked *cell) {
  for (size_t j = 0; j < t->n_columns; j++) {
    index[p->column] = (long)j;
    cell[j] = pick(p->v, index);
    t->has_errors = t->has_errors || !isnan(cell[j].error);
  }
  index[p->column] = MEAN;
}

/* The floor knows no method, size or replicate; on other axes it follows the table. */
static fsl_status fill_floor(const picker *p, fsl_picked_table *t, const long *index) {
  long at[FSL_READ_MAX_RANK];
  double *floor;
  FSL_GET(p->ctx, floor, t->n_columns);
  for (size_t j = 0; j < t->n_columns; j++) {
    for (size_t i = 0; i < p->floor->rank; i++) {
      const size_t same = fsl_results_axis_find(p->v, p->floor->axis[i].name);
      at[i] = same == p->column ? (long)j : same < p->v->rank && same != p->row ? index[same] : MEAN;
    }
    floor[j] = mean_of(p->floor, at);
  }
  t->floor = floor;
  return FSL_OK;
}

static void fill_heading(const picker *p, fsl_picked_table *t, const long *index) {
  for (size_t i = 0; i < p->v->rank; i++) {
    if (index[i] == MEAN || i == p->row || i == p->column) continue;
    t->held_axis[t->n_held] = p->v->axis[i].name;
    t->held_at[t->n_held++] = p->v->axis[i].label[index[i]];
  }
}

static uint64_t reasons_at(const picker *p, const long *index) {
  return p->reason == NULL ? 0 : fsl_reasons_at(p->reason, index);
}

static uint64_t reasons_of_row(const picker *p, size_t n_columns, long *index) {
  uint64_t found = 0;
  for (size_t j = 0; j < n_columns; j++) {
    index[p->column] = (long)j;
    found |= reasons_at(p, index);
  }
  index[p->column] = MEAN;
  return found;
}

/* Of a row that is left out one reason is plain: nothing was run. */
static uint64_t reasons_of_lost_row(const picker *p, const long *index) {
  long at[FSL_READ_MAX_RANK];
  memcpy(at, index, p->v->rank * sizeof *at);
  if (p->size < p->v->rank) at[p->size] = MEAN;
  return reasons_at(p, at) & ~((uint64_t)1 << FSL_NO_RESULT);
}

static fsl_status fill_rows(const picker *p, fsl_picked_table *t, const long *index, fsl_picked *cell) {
  uint64_t reasons = 0;
  const char *const *const label = p->row_label == NULL ? p->v->axis[p->row].label : p->row_label;
  for (size_t r = 0; r < p->v->axis[p->row].n; r++) {
    long at[FSL_READ_MAX_RANK];
    memcpy(at, index, p->v->rank * sizeof *at);
    at[p->row] = (long)r;
    const bool here = row_has_values(p, at);
    if (!here && !hold_size(p, at, row_has_values)) {
      reasons |= reasons_of_lost_row(p, at);
      continue;
    }
    if (!here) t->row_size[t->n_rows] = p->v->axis[p->size].label[at[p->size]];
    t->row[t->n_rows] = label[r];
    fill_row(p, t, at, cell + t->n_rows++ * t->n_columns);
    reasons |= reasons_of_row(p, t->n_columns, at);
  }
  return fsl_reasons_text(p->ctx, reasons, &t->reasons);
}

/* Nothing where no row has values. */
static fsl_status add_table(picker *p, const long *held) {
  long index[FSL_READ_MAX_RANK];
  const size_t most_rows = p->v->axis[p->row].n, n_columns = p->v->axis[p->column].n;
  fsl_picked *cell;
  memcpy(index, held, p->v->rank * sizeof *index);
  if (!hold_size(p, index, any_has_values)) return FSL_OK;
  fsl_picked_table *const t = &p->out->table[p->out->n++];
  *t = (fsl_picked_table){.title = p->title,
                          .row_axis = p->row_axis,
                          .column_axis = p->column_axis,
                          .n_columns = n_columns,
                          .column = p->column_label == NULL ? p->v->axis[p->column].label : p->column_label};
  FSL_GET(p->ctx, t->row, most_rows);
  FSL_GET(p->ctx, t->row_size, most_rows);
  FSL_GET(p->ctx, cell, most_rows * n_columns);
  t->cell = cell;
  fill_heading(p, t, index);
  FSL_TRY(fill_rows(p, t, index, cell));
  return p->floor == NULL ? FSL_OK : fill_floor(p, t, index);
}

/* A table for each combination of the axes that split. */
static fsl_status add_split(picker *p, long *index, size_t n_split, const size_t *split) {
  if (n_split == 0) return add_table(p, index);
  for (size_t i = 0; i < p->v->axis[split[0]].n; i++) {
    index[split[0]] = (long)i;
    FSL_TRY(add_split(p, index, n_split - 1, split + 1));
  }
  return FSL_OK;
}

static fsl_status add_tables(picker *p) {
  static const char *const splitting[] = {"prior", "forward_model", "noise_level"};
  long index[FSL_READ_MAX_RANK];
  size_t split[3], n_split = 0, n = 1;
  hold_all(p->v, index);
  index[p->row] = index[p->column] = MEAN;
  p->size = fsl_results_axis_find(p->v, "n_train");
  if (p->size == p->row || p->size == p->column) p->size = p->v->rank;
  for (size_t i = 0; i < 3; i++) {
    const size_t axis = fsl_results_axis_find(p->v, splitting[i]);
    if (axis == p->v->rank || axis == p->column || axis == p->row) continue;
    split[n_split++] = axis;
    n *= p->v->axis[axis].n;
  }
  FSL_GET(p->ctx, p->out->table, n + 1);
  FSL_TRY(add_split(p, index, n_split, split));
  hold_all(p->v, index);
  return p->out->n > 0 ? FSL_OK : fsl_reasons_text(p->ctx, reasons_at(p, index), &p->out->reasons);
}

/* ---- the metric and the budget ----------------------------------------------------------------------------------- */

/* Methods by their labels, which say their parameters; older files have names alone. */
static fsl_status read_labels(fsl_ctx *ctx, const fsl_results_file *file, const char *const **out) {
  size_t n = 0;
  *out = NULL;
  return fsl_results_has(file, "approximation_label")
             ? fsl_results_texts_read(ctx, file, "approximation_label", &n, out)
             : FSL_OK;
}

static fsl_status read_floor(fsl_ctx *ctx, const fsl_results_file *file, const char *name, fsl_results_variable *floor,
                             picker *p) {
  if (!fsl_results_has(file, name)) return FSL_OK;
  p->floor = floor;
  return fsl_results_variable_read(ctx, file, name, floor);
}

static fsl_status read_reason(fsl_ctx *ctx, const fsl_results_file *file, const char *name,
                              fsl_results_variable *reason, picker *p) {
  if (!fsl_results_has(file, name)) return FSL_OK;
  p->reason = reason;
  return fsl_results_variable_read(ctx, file, name, reason);
}

fsl_status fsl_pick_metric(fsl_ctx *ctx, const fsl_results_file *file, const char *metric, const char *by,
                           fsl_picked_tables *out) {
  fsl_results_variable v, floor, reason;
  const bool by_method = strcmp(by, "approximation") == 0;
  picker p = {.ctx = ctx, .v = &v, .title = metric, .row_axis = by, .column_axis = by, .out = out};
  const char *const *labels;
  const char *const floor_name = fsl_text_format(ctx->arena, "%s_floor", metric);
  const char *const reason_name = fsl_text_format(ctx->arena, "%s_reason", metric);
  *out = (fsl_picked_tables){0};
  if (floor_name == NULL || reason_name == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
  FSL_TRY(fsl_results_variable_read(ctx, file, metric, &v));
  FSL_TRY(read_floor(ctx, file, floor_name, &floor, &p));
  FSL_TRY(read_reason(ctx, file, reason_name, &reason, &p));
  FSL_TRY(read_labels(ctx, file, &labels));
  p.row = fsl_results_axis_find(&v, by_method ? "n_train" : "approximation");
  p.column = fsl_results_axis_find(&v, by);
  *(by_method ? &p.column_label : &p.row_label) = labels;
  return add_tables(&p);
}

fsl_status fsl_pick_budget(fsl_ctx *ctx, const fsl_results_file *file, fsl_picked_tables *out) {
  fsl_results_variable v, floor;
  picker p = {.ctx = ctx,
              .v = &v,
              .title = "error budget (sliced_w1)",
              .row_axis = "part of the error",
              .column_axis = "part",
              .out = out};
  *out = (fsl_picked_tables){0};
  if (!fsl_results_has(file, "budget/sliced_w1")) return FSL_OK;
  FSL_TRY(fsl_results_variable_read(ctx, file, "budget/sliced_w1", &v));
  FSL_TRY(read_floor(ctx, file, "budget/sliced_w1_floor", &floor, &p));
  FSL_TRY(read_labels(ctx, file, &p.row_label));
  p.row = find_axis(&v, "approximation", "method");
  p.column = fsl_results_axis_find(&v, "part");
  return add_tables(&p);
}

/* ---- what is memorised ------------------------------------------------------------------------------------------- */

static bool any_memorised(const fsl_results_variable *v, long *index, size_t size_axis) {
  bool any = false;
  for (size_t j = 0; j < v->axis[size_axis].n; j++) {
    index[size_axis] = (long)j;
    any = any || mean_of(v, index) < 2;
  }
  return any;
}

/* `what` is the problem before its first size, then the sizes. */
static fsl_status add_atoms(fsl_ctx *ctx, const fsl_results_variable *v, long *index, size_t size_axis,
                            fsl_picked_lines *out) {
  const char *const problem = fsl_text_format(ctx->arena, "%s / %s / %s", v->axis[0].label[index[0]],
                                              v->axis[1].label[index[1]], v->axis[2].label[index[2]]);
  if (problem == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
  for (size_t j = 0, n = 0; j < v->axis[size_axis].n; j++) {
    index[size_axis] = (long)j;
    const double atoms = mean_of(v, index);
    if (isfinite(atoms))
      out->line[out->n++] =
          (fsl_picked_line){.what = n++ == 0 ? problem : NULL, .value = atoms, .n = v->axis[size_axis].number[j]};
  }
  return FSL_OK;
}

/* Below two effective atoms every score is the same: a verdict there says nothing of the method. */
fsl_status fsl_pick_memorised(fsl_ctx *ctx, const fsl_results_file *file, fsl_picked_lines *out) {
  fsl_results_variable v;
  long index[FSL_READ_MAX_RANK];
  *out = (fsl_picked_lines){0};
  if (!fsl_results_has(file, "reference/effective_atoms")) return FSL_OK;
  FSL_TRY(fsl_results_variable_read(ctx, file, "reference/effective_atoms", &v));
  const size_t size_axis = fsl_results_axis_find(&v, "n_train"), n = v.axis[0].n * v.axis[1].n * v.axis[2].n;
  FSL_GET(ctx, out->line, n * v.axis[size_axis].n + 1);
  hold_all(&v, index);
  for (size_t i = 0; i < n; i++) {
    index[2] = (long)(i % v.axis[2].n);
    index[1] = (long)(i / v.axis[2].n % v.axis[1].n);
    index[0] = (long)(i / v.axis[2].n / v.axis[1].n);
    if (any_memorised(&v, index, size_axis)) FSL_TRY(add_atoms(ctx, &v, index, size_axis, out));
  }
  return FSL_OK;
}

/* ---- rates ------------------------------------------------------------------------------------------------------- */

typedef struct rates {
  fsl_results_variable rate, low, high, points;
} rates;

static fsl_status add_rate(fsl_ctx *ctx, const rates *r, const long *index, fsl_picked_lines *out) {
  const fsl_results_axis *const a = r->rate.axis;
  const double rate = mean_of(&r->rate, index);
  if (!isfinite(rate)) return FSL_OK;
  const char *const what =
      fsl_text_format(ctx->arena, "%s / %s / %s / %s / %s", a[0].label[index[0]], a[1].label[index[1]],
                      a[2].label[index[2]], a[3].label[index[3]], a[4].label[index[4]]);
  if (what == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
  out->line[out->n++] =
      (fsl_picked_line){what, rate, mean_of(&r->low, index), mean_of(&r->high, index), mean_of(&r->points, index)};
  return FSL_OK;
}

/* Of the rates that do not exist, where there are errors at all. */
static fsl_status find_reasons(fsl_ctx *ctx, const fsl_results_file *file, long metric, fsl_picked_lines *out) {
  fsl_results_variable reason;
  uint64_t found = 0;
  if (!fsl_results_has(file, "convergence/rate_reason")) return FSL_OK;
  FSL_TRY(fsl_results_variable_read(ctx, file, "convergence/rate_reason", &reason));
  const fsl_results_axis *const a = reason.axis;
  for (size_t i = 0; i < a[3].n * a[4].n; i++) {
    const long index[6] = {MEAN, MEAN, MEAN, (long)(i / a[4].n), (long)(i % a[4].n), metric};
    found |= fsl_reasons_at(&reason, index);
  }
  return fsl_reasons_text(ctx, found & ~((uint64_t)1 << FSL_NO_ERRORS), &out->reasons);
}

fsl_status fsl_pick_rates(fsl_ctx *ctx, const fsl_results_file *file, const char *metric, fsl_picked_lines *out) {
  rates r;
  size_t n = 1, m = 0;
  *out = (fsl_picked_lines){0};
  FSL_TRY(fsl_results_variable_read(ctx, file, "convergence/rate", &r.rate));
  FSL_TRY(fsl_results_variable_read(ctx, file, "convergence/rate_low", &r.low));
  FSL_TRY(fsl_results_variable_read(ctx, file, "convergence/rate_high", &r.high));
  FSL_TRY(fsl_results_variable_read(ctx, file, "convergence/points", &r.points));
  const fsl_results_axis *const a = r.rate.axis;
  while (m < a[5].n && strcmp(a[5].label[m], metric) != 0) m++;
  if (m == a[5].n) return FSL_OK;
  for (size_t i = 0; i < 5; i++) n *= a[i].n;
  FSL_GET(ctx, out->line, n + 1);
  for (size_t i = 0; i < n; i++) {
    long index[6] = {[5] = (long)m};
    for (size_t axis = 5, rest = i; axis-- > 0; rest /= a[axis].n) index[axis] = (long)(rest % a[axis].n);
    FSL_TRY(add_rate(ctx, &r, index, out));
  }
  return find_reasons(ctx, file, (long)m, out);
}

/* ---- cells and failures ------------------------------------------------------------------------------------------ */

fsl_status fsl_pick_cells(fsl_ctx *ctx, const fsl_results_file *file, size_t *n, size_t count[6]) {
  fsl_results_variable v;
  *n = 1;
  for (size_t i = 0; i < 6; i++) count[i] = 0;
  FSL_TRY(fsl_results_variable_read(ctx, file, "status", &v));
  for (size_t i = 0; i < v.rank; i++) *n *= v.axis[i].n;
  for (size_t i = 0; i < *n; i++)
    if (v.data[i] >= 0 && v.data[i] < 6) count[(size_t)v.data[i]]++;
  return FSL_OK;
}

fsl_status fsl_pick_failures(fsl_ctx *ctx, const fsl_results_file *file, fsl_tally *out) {
  size_t n = 0, n_cells = 0;
  const char *const *error, *const *cell;
  *out = (fsl_tally){0};
  if (!fsl_results_has(file, "jobs/error") || !fsl_results_has(file, "jobs/first_cell")) return FSL_OK;
  FSL_TRY(fsl_results_texts_read(ctx, file, "jobs/error", &n, &error));
  FSL_TRY(fsl_results_texts_read(ctx, file, "jobs/first_cell", &n_cells, &cell));
  for (size_t i = 0; i < n && i < n_cells; i++)
    if (error[i][0] != '\0') (void)fsl_tally_add(out, error[i], cell[i]);
  return FSL_OK;
}
