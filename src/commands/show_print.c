/* commands/show_print.c: see show_print.h. */
#include "commands/show_print.h"

#include "grid/grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_WIDTH = 24, MOST_NAME_WIDTH = 40, CELL_WIDTH = 11, MOST_CELL_WIDTH = 24, CELL_BYTES = 64 };

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* The text of a cell, and its width in characters: ± is one of two bytes. */
static size_t format_cell(fsl_picked value, char text[CELL_BYTES]) {
  if (isnan(value.mean))
    snprintf(text, CELL_BYTES, "-");
  else if (isnan(value.error))
    snprintf(text, CELL_BYTES, "%.3g", value.mean);
  else
    snprintf(text, CELL_BYTES, "%.3g ±%.2g", value.mean, value.error);
  return strlen(text) - (strstr(text, "±") != NULL);
}

static void print_cell(size_t width, fsl_picked value) {
  char text[CELL_BYTES];
  const size_t taken = format_cell(value, text);
  printf("%*s%s", taken < width ? (int)(width - taken) : 1, "", text);
}

/* Wide enough for the labels and the values. */
static size_t column_width(const fsl_picked_table *t) {
  size_t width = CELL_WIDTH;
  char text[CELL_BYTES];
  for (size_t j = 0; j < t->n_columns; j++)
    if (strlen(t->column[j]) + 2 > width) width = strlen(t->column[j]) + 2;
  for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
    const size_t taken = format_cell(t->cell[i], text) + 2;
    if (taken > width) width = taken;
  }
  return width > MOST_CELL_WIDTH ? MOST_CELL_WIDTH : width;
}

static int name_width(const fsl_picked_table *t) {
  size_t width = NAME_WIDTH;
  for (size_t i = 0; i < t->n_rows; i++)
    if (strlen(t->row[i]) > width) width = strlen(t->row[i]);
  return width > MOST_NAME_WIDTH ? MOST_NAME_WIDTH : (int)width;
}

static void print_heading(const fsl_picked_table *t, int names, size_t width) {
  printf("\n%s", t->title);
  for (size_t i = 0; i < t->n_held; i++) printf(", %s %s", t->held_axis[i], t->held_at[i]);
  printf("\n  %-*.*s", names, names, t->row_axis);
  for (size_t j = 0; j < t->n_columns; j++) printf("%*.*s", (int)width, (int)width - 1, t->column[j]);
  printf("\n");
}

/* Rows that are held elsewhere than the table. */
static void print_sizes(const fsl_picked_table *t) {
  for (size_t r = 0; r < t->n_rows; r++)
    if (t->row_size[r] != NULL) printf("  %s: at n_train %s, the largest that it ran at\n", t->row[r], t->row_size[r]);
}

static void print_table(const fsl_picked_table *t) {
  const size_t width = column_width(t);
  const int names = name_width(t);
  print_heading(t, names, width);
  for (size_t r = 0; r < t->n_rows; r++) {
    printf("  %-*.*s", names, names, t->row[r]);
    for (size_t j = 0; j < t->n_columns; j++) print_cell(width, t->cell[r * t->n_columns + j]);
    printf("\n");
  }
  if (t->floor != NULL) {
    printf("  %-*.*s", names, names, "floor (exact samples)");
    for (size_t j = 0; j < t->n_columns; j++) print_cell(width, (fsl_picked){t->floor[j], NAN});
    printf("\n");
  }
  print_sizes(t);
  if (t->reasons != NULL) printf("  - : %s\n", t->reasons);
}

void fsl_print_tables(const fsl_picked_tables *tables) {
  bool errors = false;
  for (size_t i = 0; i < tables->n; i++) {
    print_table(&tables->table[i]);
    errors = errors || tables->table[i].has_errors;
  }
  if (errors) printf("\n± is the standard error over replicates (observations averaged in each).\n");
}

void fsl_print_budget(const fsl_picked_tables *tables) {
  fsl_print_tables(tables);
  if (tables->n > 0)
    printf("\nThe total is at most finite_sample + approximation + integrator + floor, up to the scatter of a single\n"
           "set; `floor` is what exact samples score, and the last row what they score in each part.\n");
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

void fsl_print_cells(size_t n, const size_t count[6]) {
  printf("%zu cells:", n);
  for (size_t i = 0, shown = 0; i < 6; i++)
    if (count[i] > 0) printf("%s %zu %s", shown++ == 0 ? "" : ",", count[i], fsl_cell_status_names[i]);
  printf("\n");
}

void fsl_print_failures(const fsl_tally *failures) {
  if (failures->n == 0) return;
  printf("\njobs that failed (`fslens run ... --retry-failed` runs them again)\n");
  for (size_t i = 0; i < failures->n; i++)
    printf("  %zu: %s (first: %s)\n", failures->reason[i].count, failures->reason[i].text, failures->reason[i].where);
  if (failures->others > 0) printf("  %zu for other reasons (see /jobs)\n", failures->others);
}

void fsl_print_memorised(const fsl_picked_lines *lines) {
  if (lines->n > 0) printf("\nmemorised problems: below 2 effective atoms every method's score is the same\n");
  for (size_t i = 0; i < lines->n; i++) {
    const fsl_picked_line *const line = &lines->line[i];
    if (line->what != NULL) printf("effective atoms: %s\n", line->what);
    printf("  N = %-10.15g %.3g%s\n", line->n, line->value, line->value < 2 ? "  memorised" : "");
  }
}

void fsl_print_rates(const char *metric, const fsl_picked_lines *lines) {
  if (lines->n > 0) printf("\nrates in N of %s (slope of log error, 95 %% interval; -0.5 is usual)\n", metric);
  for (size_t i = 0; i < lines->n; i++) {
    const fsl_picked_line *const line = &lines->line[i];
    printf("  %s: %.3f [%.3f, %.3f], %.0f sizes\n", line->what, line->value, line->low, line->high, line->n);
  }
  if (lines->reasons == NULL) return;
  if (lines->n > 0)
    printf("  no other rates: %s\n", lines->reasons);
  else
    printf("\nno rates in N of %s: %s\n", metric, lines->reasons);
}
