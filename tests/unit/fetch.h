/* tests/unit/fetch.h: a record of a journal with its values, as a results file gets it. */
#ifndef FETCH_H
#define FETCH_H

#include "store/journal.h"

#include <fcntl.h>
#include <unistd.h>

static inline fsl_status fetch(fsl_ctx *ctx, const fsl_journal_contents *got, size_t i, fsl_record *out) {
  const fsl_journal_record *const known = &got->records[i];
  const int file = open(got->path, O_RDONLY);
  const fsl_status status = fsl_journal_fetch(ctx, got->path, file, known->place, known->job, true, out);
  close(file);
  return status;
}

#endif
