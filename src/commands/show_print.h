/* commands/show_print.h: what show_pick.h picks, as text on stdout. */
#ifndef FSL_COMMANDS_SHOW_PRINT_H
#define FSL_COMMANDS_SHOW_PRINT_H

#include "commands/show_pick.h"

void fsl_print_cells(size_t n, const size_t count[6]);
void fsl_print_failures(const fsl_tally *failures);
/* Says what ± is where it is used. */
void fsl_print_tables(const fsl_picked_tables *tables);
/* The tables, and how the parts relate to the total. */
void fsl_print_budget(const fsl_picked_tables *tables);
void fsl_print_memorised(const fsl_picked_lines *lines);
void fsl_print_rates(const char *metric, const fsl_picked_lines *lines);

#endif
