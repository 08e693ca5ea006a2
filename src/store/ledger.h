/* store/ledger.h: which record rules for each job of a grid, and in which journal it lies. Values stay on disk: a
 * million jobs take tens of megabytes. */
#ifndef FSL_STORE_LEDGER_H
#define FSL_STORE_LEDGER_H

#include "grid/grid.h"
#include "store/journal.h"

/* Where records come from: the results file asks for one at a time. */
typedef struct fsl_record_source {
  void *self;
  /* The record of grid->jobs[job], whole or without its fields, in ctx->arena; *found: whether there is one. */
  fsl_status (*read)(fsl_ctx *ctx, void *self, size_t job, bool whole, fsl_record *out, bool *found);
} fsl_record_source;

typedef enum fsl_entry_state { FSL_ENTRY_NONE, FSL_ENTRY_DONE, FSL_ENTRY_FAILED, FSL_ENTRY_TIMED_OUT } fsl_entry_state;

typedef struct fsl_ledger fsl_ledger;

/* Without a record of any job. Lives in ctx->arena; close it for its files. */
FSL_CHECKED fsl_status fsl_ledger_create(fsl_ctx *ctx, const fsl_grid *grid, size_t n_journals, fsl_ledger **out);
void fsl_ledger_close(fsl_ledger *ledger);
/* The path of journal number `journal`, which must outlive the ledger. */
void fsl_ledger_name(fsl_ledger *ledger, size_t journal, const char *path);
/* From here on this record rules for the job. */
void fsl_ledger_enter(fsl_ledger *ledger, size_t job, size_t journal, fsl_journal_place place,
                      fsl_record_status status);
/* The job has no record any more. */
void fsl_ledger_strike(fsl_ledger *ledger, size_t job);
fsl_entry_state fsl_ledger_state(const fsl_ledger *ledger, size_t job);
/* The path of the journal that holds the job's record. */
const char *fsl_ledger_path(const fsl_ledger *ledger, size_t job);
fsl_record_source fsl_ledger_source(fsl_ledger *ledger);

#endif
