/* job/record.h: one finished job's result, and its bytes. */
#ifndef FSL_RECORD_H
#define FSL_RECORD_H

#include "fslens/base.h"

enum { FSL_RECORD_VERSION = 1 };

typedef struct fsl_field {
  const char *name; /* as in the results file, or a name of the job's own */
  size_t rank;
  size_t shape[4];
  const double *data;
} fsl_field;

typedef enum fsl_record_status { FSL_RECORD_DONE, FSL_RECORD_FAILED, FSL_RECORD_TIMED_OUT } fsl_record_status;

typedef struct fsl_record {
  fsl_hash job; /* the job's identity */
  fsl_record_status status;
  size_t n_fields; /* data: depends on the spec alone */
  const fsl_field *fields;
  fsl_hash data;    /* of the data part's bytes; set by decoding alone */
  fsl_status cause; /* of a failure; set where the job ran, and not stored */
  /* volatile part */
  const char *error; /* "" when done */
  const char *host;
  double seconds;
  int ranks, attempts;
} fsl_record;

/* Little-endian bytes: a version, the data part with its length, then the volatile part with its length. */
FSL_CHECKED fsl_status fsl_record_encode(fsl_ctx *ctx, const fsl_record *record, uint8_t **bytes, size_t *size);
/* Checks every length and count before allocating. FSL_EINPUT on bytes that are no record. */
FSL_CHECKED fsl_status fsl_record_decode(fsl_ctx *ctx, const uint8_t *bytes, size_t size, fsl_record *out);
/* The same checks and all but the fields: n_fields is 0. */
FSL_CHECKED fsl_status fsl_record_skim(fsl_ctx *ctx, const uint8_t *bytes, size_t size, fsl_record *out);
const fsl_field *fsl_record_field(const fsl_record *record, const char *name); /* NULL: not there */

#endif
