/* grid/cells.h: numbering of cells and of the smaller products, and what is left out of the full one. */
#ifndef FSL_GRID_CELLS_H
#define FSL_GRID_CELLS_H

#include "grid/grid.h"

size_t fsl_grid_n_cells(const fsl_spec *spec);
/* Row-major numbers in (prior, forward_model, noise_level, observation) and in (prior, forward_model, noise_level,
 * n_train, replicate, observation). */
size_t fsl_grid_truth_cell(const fsl_spec *spec, fsl_point point);
size_t fsl_grid_reference_cell(const fsl_spec *spec, fsl_point point);
/* NOT_RUN where the cell is to be computed, else EXCLUDED or NOT_APPLICABLE with the reason. */
fsl_cell_status fsl_grid_cell_status(const fsl_spec *spec, fsl_point point, const char **reason);

#endif
