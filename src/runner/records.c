/* runner/records.c: see records.h. */
#include "runner/records.h"

#include <string.h>

bool fsl_records_add(fsl_records *r, const uint8_t *bytes, size_t size) {
  const uint64_t length = size;
  if (size > FSL_RECORDS_BYTES - sizeof length || r->size > FSL_RECORDS_BYTES - sizeof length - size) return false;
  memcpy(r->bytes + r->size, &length, sizeof length);
  memcpy(r->bytes + r->size + sizeof length, bytes, size);
  r->size += sizeof length + size;
  r->n++;
  return true;
}

const uint8_t *fsl_records_next(const fsl_records *r, size_t *at, size_t *size) {
  uint64_t length;
  if (r->size - *at < sizeof length) return NULL;
  memcpy(&length, r->bytes + *at, sizeof length);
  if (length > r->size - *at - sizeof length) return NULL;
  const uint8_t *const bytes = r->bytes + *at + sizeof length;
  *at += sizeof length + (size_t)length;
  *size = (size_t)length;
  return bytes;
}
