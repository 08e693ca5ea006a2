/* store/collect.h: the journals of one campaign taken together: which spec and which records rule. Pure. */
#ifndef FSL_STORE_COLLECT_H
#define FSL_STORE_COLLECT_H

#include "grid/index.h"
#include "store/journal.h"
#include "store/ledger.h"
#include "store/results.h"

/* FSL_EINPUT, naming the two, where journals belong to different campaigns. */
FSL_CHECKED fsl_status fsl_collect_check(fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals);
/* Warns where runs, and the one under way of signature `own` (NULL: none is), were made by different builds or on
 * different processors: their results may differ in the last bits. */
void fsl_collect_warn_mixed(const fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals, const char *own);
/* Warns where journals hold different specs, naming the one that rules and those that differ, each with its time; and
 * where the clock went back, between the runs of a journal or since a spec was written (`now`: nanoseconds since 1970),
 * since it decides which spec was the last. FSL_ENOMEM. */
FSL_CHECKED fsl_status fsl_collect_warn_specs(fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals,
                                              uint64_t now);
/* The spec written last; NULL where no journal holds one. */
const fsl_journal_campaign *fsl_collect_spec(size_t n, const fsl_journal_contents *journals);
/* The journal that a spec of fsl_collect_spec is in. */
const char *fsl_collect_path_of(size_t n, const fsl_journal_contents *journals, const fsl_journal_campaign *spec);
/* Enters into the ledger, made for these n journals and empty: a finished record rules over a failed one, a later
 * failed one over an earlier; records of jobs that the grid does not have are passed over. FSL_EINPUT, naming the job,
 * where two finished ones differ in their data. `found` (NULL: nobody asks) hears of each record that rules, by job. */
typedef void fsl_found_record(void *self, size_t job, const fsl_journal_record *record);
FSL_CHECKED fsl_status fsl_collect_records(fsl_ctx *ctx, const fsl_spec *spec, const fsl_grid *grid,
                                           const fsl_job_index *index, size_t n, const fsl_journal_contents *journals,
                                           fsl_ledger *ledger, fsl_found_record *found, void *self);
/* "2026-05-30T12:00:00Z" of nanoseconds since 1970, "" for 0; NULL when out of memory. */
const char *fsl_provenance_time(fsl_arena *arena, uint64_t nanoseconds);
/* The signatures of the runs and of the one under way (`own`, NULL: none is), one per line, each once; NULL when out of
 * memory. */
const char *fsl_provenance_signatures(fsl_arena *arena, size_t n, const fsl_journal_contents *journals,
                                      const char *own);
/* From the first run's begin to the last one's end; the widest run's ranks, the last one's SLURM ids. */
FSL_CHECKED fsl_status fsl_collect_provenance(fsl_ctx *ctx, size_t n, const fsl_journal_contents *journals,
                                              const char *command, fsl_provenance *out);

#endif
