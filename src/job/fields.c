/* job/fields.c: the fields of a record as a stage gathers them. */
#include "job/stages.h"

#include <math.h>
#include <string.h>

fsl_status fsl_field_add(fsl_ctx *ctx, fsl_fields *fields, const char *name, size_t n0, size_t n1, size_t n2,
                         double **data) {
  if (fields->n == FSL_MAX_FIELDS) return fsl_fail(ctx, FSL_EINTERNAL, "a record has no room for the field '%s'", name);
  const size_t shape[3] = {n0, n1, n2};
  fsl_field *const field = &fields->field[fields->n];
  *field = (fsl_field){.name = name};
  size_t n = 1;
  while (field->rank < 3 && shape[field->rank] > 0) {
    field->shape[field->rank] = shape[field->rank];
    n *= shape[field->rank++];
  }
  FSL_GET(ctx, *data, n);
  for (size_t i = 0; i < n; i++) (*data)[i] = NAN;
  field->data = *data;
  fields->n++;
  return FSL_OK;
}

fsl_status fsl_field_scalar(fsl_ctx *ctx, fsl_fields *fields, const char *name, double value) {
  double *data;
  FSL_TRY(fsl_field_add(ctx, fields, name, 0, 0, 0, &data));
  data[0] = value;
  return FSL_OK;
}

fsl_status fsl_field_vector(fsl_ctx *ctx, fsl_fields *fields, const char *name, size_t n, const double *values) {
  double *data;
  FSL_TRY(fsl_field_add(ctx, fields, name, n, 0, 0, &data));
  memcpy(data, values, n * sizeof *data);
  return FSL_OK;
}
