/* commands/show_reasons.h: why values of a results file are NaN, gathered for a table. */
#ifndef FSL_COMMANDS_SHOW_REASONS_H
#define FSL_COMMANDS_SHOW_REASONS_H

#include "store/results_read.h"

/* Bit i: reason i (metric/reason.h) is among those at `index`, where -1 stands for all of an axis. 0 where one of these
 * cells has a value. */
uint64_t fsl_reasons_at(const fsl_results_variable *reason, const long *index);
/* Their texts, "; " between them; NULL for none. */
FSL_CHECKED fsl_status fsl_reasons_text(fsl_ctx *ctx, uint64_t reasons, const char **out);

#endif
