/* store/results_read.c: see results_read.h. */
#include "store/results_read.h"

#include "base/text.h"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_VALUES = 1 << 28 };

struct fsl_results_file {
  const char *path;
  hid_t file;
  const char *campaign;
};

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static const char *read_campaign(fsl_ctx *ctx, hid_t file) {
  char *text = NULL;
  if (H5Aexists(file, "campaign") <= 0) return NULL;
  const hid_t attribute = H5Aopen(file, "campaign", H5P_DEFAULT), type = H5Aget_type(attribute);
  const char *copy = NULL;
  if (H5Tis_variable_str(type) > 0 && H5Aread(attribute, type, &text) >= 0 && text != NULL) {
    copy = fsl_text_copy(ctx->arena, text);
    H5free_memory(text);
  }
  H5Tclose(type);
  H5Aclose(attribute);
  return copy;
}

fsl_status fsl_results_open(fsl_ctx *ctx, const char *path, fsl_results_file **out) {
  FSL_GET(ctx, *out, 1);
  (*out)->path = path;
  (*out)->file = -1;
  if (access(path, R_OK) != 0)
    return fsl_fail(ctx, FSL_EINPUT, "%s: there is no such file, or it cannot be read", path);
  H5Eset_auto(H5E_DEFAULT, NULL, NULL); /* messages are ours */
  (*out)->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if ((*out)->file < 0)
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s: not an HDF5 file that can be opened (where file locking is refused set "
                    "HDF5_USE_FILE_LOCKING=FALSE)",
                    path);
  (*out)->campaign = read_campaign(ctx, (*out)->file);
  if ((*out)->campaign != NULL) return FSL_OK;
  fsl_results_close(*out);
  return fsl_fail(ctx, FSL_EINPUT, "%s: not a results file of fslens", path);
}

void fsl_results_close(fsl_results_file *file) {
  if (file != NULL && file->file >= 0) H5Fclose(file->file);
  if (file != NULL) file->file = -1;
}

const char *fsl_results_campaign(const fsl_results_file *file) {
  return file->campaign;
}

bool fsl_results_has(const fsl_results_file *file, const char *name) {
  const char *const slash = strchr(name, '/');
  char group[64];
  if (slash != NULL) {
    snprintf(group, sizeof group, "%.*s", (int)(slash - name), name);
    if (H5Lexists(file->file, group, H5P_DEFAULT) <= 0) return false;
  }
  return H5Lexists(file->file, name, H5P_DEFAULT) > 0;
}

/* ---- coordinates ------------------------------------------------------------------------------------------------- */

static fsl_status read_texts(fsl_ctx *ctx, hid_t variable, const char *name, size_t n, const char *const **out) {
  char **raw;
  const char **text;
  FSL_GET(ctx, raw, n + 1);
  FSL_GET(ctx, text, n + 1);
  const hid_t type = H5Dget_type(variable), space = H5Dget_space(variable);
  const bool good = H5Dread(variable, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw) >= 0;
  for (size_t i = 0; good && i < n; i++) text[i] = fsl_text_copy(ctx->arena, raw[i] == NULL ? "" : raw[i]);
  if (good) H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
  H5Sclose(space);
  H5Tclose(type);
  for (size_t i = 0; i < n; i++)
    if (!good || text[i] == NULL) return fsl_fail(ctx, FSL_EIO, "the texts of '%s' cannot be read", name);
  *out = text;
  return FSL_OK;
}

static fsl_status read_numbers(fsl_ctx *ctx, hid_t scale, size_t n, fsl_results_axis *out) {
  double *number;
  const char **label;
  FSL_GET(ctx, number, n + 1);
  FSL_GET(ctx, label, n + 1);
  if (H5Dread(scale, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, number) < 0)
    return fsl_fail(ctx, FSL_EIO, "the coordinate '%s' cannot be read", out->name);
  for (size_t i = 0; i < n; i++) {
    char text[32];
    fsl_print_real(number[i], text);
    label[i] = fsl_text_copy(ctx->arena, text);
    if (label[i] == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for coordinates");
  }
  out->number = number;
  out->label = label;
  return FSL_OK;
}

typedef struct found_scale {
  hid_t scale;
} found_scale;

/* The dataset handle ends with the iteration; a second one is opened by reference to the same object. */
static herr_t take_scale(hid_t variable, unsigned axis, hid_t scale, void *self) {
  (void)variable;
  (void)axis;
  ((found_scale *)self)->scale = scale;
  H5Iinc_ref(scale);
  return 1;
}

static fsl_status read_axis(fsl_ctx *ctx, hid_t variable, size_t i, fsl_results_axis *out) {
  found_scale found = {-1};
  char name[64] = "";
  H5DSiterate_scales(variable, (unsigned)i, NULL, take_scale, &found);
  if (found.scale < 0) return fsl_fail(ctx, FSL_EINPUT, "an axis of a variable has no coordinate");
  H5DSget_scale_name(found.scale, name, sizeof name);
  out->name = fsl_text_copy(ctx->arena, name);
  const hid_t type = H5Dget_type(found.scale);
  const bool text = H5Tget_class(type) == H5T_STRING;
  fsl_status status = FSL_ENOMEM;
  if (out->name == NULL)
    status = fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
  else
    status = text ? read_texts(ctx, found.scale, out->name, out->n, &out->label)
                  : read_numbers(ctx, found.scale, out->n, out);
  H5Tclose(type);
  H5Idec_ref(found.scale);
  return status;
}

/* ---- variables --------------------------------------------------------------------------------------------------- */

static fsl_status read_shape(fsl_ctx *ctx, hid_t variable, const char *name, fsl_results_variable *out, size_t *n) {
  hsize_t extent[H5S_MAX_RANK];
  const hid_t space = H5Dget_space(variable);
  const int rank = H5Sget_simple_extent_dims(space, extent, NULL);
  H5Sclose(space);
  if (rank < 0 || rank > FSL_READ_MAX_RANK) return fsl_fail(ctx, FSL_EINPUT, "'%s' has %d axes", name, rank);
  out->rank = (size_t)rank;
  *n = 1;
  for (size_t i = 0; i < out->rank; i++) {
    out->axis[i].n = extent[i];
    if (extent[i] != 0 && *n > MOST_VALUES / extent[i])
      return fsl_fail(ctx, FSL_EINPUT, "'%s' is too large to show", name);
    *n *= extent[i];
  }
  return FSL_OK;
}

static fsl_status read_opened(fsl_ctx *ctx, hid_t variable, const char *name, fsl_results_variable *out) {
  size_t n = 0;
  double *data;
  FSL_TRY(read_shape(ctx, variable, name, out, &n));
  for (size_t i = 0; i < out->rank; i++) FSL_TRY(read_axis(ctx, variable, i, &out->axis[i]));
  FSL_GET(ctx, data, n + 1);
  if (H5Dread(variable, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    return fsl_fail(ctx, FSL_EIO, "'%s' cannot be read", name);
  out->data = data;
  return FSL_OK;
}

fsl_status fsl_results_variable_read(fsl_ctx *ctx, const fsl_results_file *file, const char *name,
                                     fsl_results_variable *out) {
  *out = (fsl_results_variable){0};
  const hid_t variable = fsl_results_has(file, name) ? H5Dopen(file->file, name, H5P_DEFAULT) : -1;
  if (variable < 0) return fsl_fail(ctx, FSL_EINPUT, "%s: there is no variable '%s'", file->path, name);
  const fsl_status status = read_opened(ctx, variable, name, out);
  H5Dclose(variable);
  return status == FSL_OK ? FSL_OK : fsl_while(ctx, status, "%s", file->path);
}

static fsl_status read_opened_texts(fsl_ctx *ctx, hid_t variable, const char *name, size_t *n,
                                    const char *const **out) {
  fsl_results_variable shape;
  const hid_t type = H5Dget_type(variable);
  const bool variable_length = H5Tis_variable_str(type) > 0;
  H5Tclose(type);
  FSL_TRY(read_shape(ctx, variable, name, &shape, n));
  if (!variable_length || shape.rank != 1) return fsl_fail(ctx, FSL_EINPUT, "'%s' is no list of texts", name);
  return read_texts(ctx, variable, name, *n, out);
}

fsl_status fsl_results_texts_read(fsl_ctx *ctx, const fsl_results_file *file, const char *name, size_t *n,
                                  const char *const **out) {
  const hid_t variable = fsl_results_has(file, name) ? H5Dopen(file->file, name, H5P_DEFAULT) : -1;
  if (variable < 0) return fsl_fail(ctx, FSL_EINPUT, "%s: there is no variable '%s'", file->path, name);
  const fsl_status status = read_opened_texts(ctx, variable, name, n, out);
  H5Dclose(variable);
  return status == FSL_OK ? FSL_OK : fsl_while(ctx, status, "%s", file->path);
}

size_t fsl_results_axis_find(const fsl_results_variable *variable, const char *name) {
  size_t i = 0;
  while (i < variable->rank && strcmp(variable->axis[i].name, name) != 0) i++;
  return i;
}
