/* runner/records.h: small records that travel from a worker to the master in one message. Pure. */
#ifndef FSL_RUNNER_RECORDS_H
#define FSL_RUNNER_RECORDS_H

#include "fslens/base.h"

enum { FSL_RECORDS_BYTES = 3840 }; /* so much, shared memory takes without an answer */

/* Records that travel together: each a length (8 bytes, of this machine) and its bytes. */
typedef struct fsl_records {
  size_t size, n;
  uint8_t bytes[FSL_RECORDS_BYTES];
} fsl_records;

/* Whether there was room for it. */
bool fsl_records_add(fsl_records *records, const uint8_t *bytes, size_t size);
/* The record at *at, which moves behind it; NULL: there is none, or what is there is no record. Set *at to 0 first. */
const uint8_t *fsl_records_next(const fsl_records *records, size_t *at, size_t *size);

#endif
