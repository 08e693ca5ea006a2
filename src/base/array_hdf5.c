/* base/array_hdf5.c: arrays from HDF5 datasets, with `offset` and `scale`. */
#include "base/array_readers.h"
#include "base/text.h"

#include <hdf5.h>

#include <string.h>
#include <unistd.h>

enum { MOST_NAMES = 256 };

typedef struct name_list {
  fsl_arena *arena;
  size_t n;
  const char *names[MOST_NAMES];
} name_list;

static herr_t collect_name(hid_t group, const char *name, const H5L_info_t *info, void *self) {
  name_list *const list = self;
  (void)group;
  (void)info;
  const char *const copy = fsl_text_copy(list->arena, name);
  if (copy != NULL && list->n < MOST_NAMES) list->names[list->n++] = copy;
  return 0;
}

/* "no dataset 'y'; did you mean 'x'?" among the names beside it. */
static fsl_status no_such_name(fsl_ctx *ctx, hid_t file, const char *path, const char *inside) {
  name_list *list;
  FSL_GET(ctx, list, 1);
  list->arena = ctx->arena;
  const char *const slash = strrchr(inside, '/');
  const char *const last = slash == NULL ? inside : slash + 1;
  char *const folder = fsl_text_format(ctx->arena, "/%.*s", slash == NULL ? 0 : (int)(slash - inside), inside);
  const hid_t group = folder == NULL ? -1 : H5Gopen(file, folder, H5P_DEFAULT);
  if (group >= 0) {
    H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, collect_name, list);
    H5Gclose(group);
  }
  const char *const near = fsl_nearest(last, list->n, list->names);
  if (near != NULL)
    return fsl_fail(ctx, FSL_EINPUT, "%s: there is no dataset '%s'; did you mean '%s'?", path, inside, near);
  return fsl_fail(ctx, FSL_EINPUT, "%s: there is no dataset '%s'%s%s", path, inside,
                  list->n > 0 ? "; the first name there is " : "", list->n > 0 ? list->names[0] : "");
}

static double attribute_or(hid_t dataset, const char *name, double otherwise) {
  double value = otherwise;
  if (H5Aexists(dataset, name) <= 0) return value;
  const hid_t attribute = H5Aopen(dataset, name, H5P_DEFAULT), space = H5Aget_space(attribute);
  if (H5Sget_simple_extent_npoints(space) != 1 || H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0) value = otherwise;
  H5Sclose(space);
  H5Aclose(attribute);
  return value;
}

static fsl_status read_values(fsl_ctx *ctx, const char *path, const char *inside, hid_t dataset, fsl_array *out) {
  const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  const H5T_class_t class = H5Tget_class(type);
  hsize_t extent[H5S_MAX_RANK] = {0};
  const int rank = H5Sget_simple_extent_dims(space, extent, NULL);
  const bool empty = H5Sget_simple_extent_type(space) == H5S_NULL;
  H5Tclose(type);
  H5Sclose(space);
  if (class != H5T_FLOAT && class != H5T_INTEGER)
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' is not numeric", path, inside);
  if (empty) return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' holds no values", path, inside);
  if (rank < 0 || rank > FSL_MAX_RANK)
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' has %d axes, at most %d are read", path, inside, rank, FSL_MAX_RANK);
  size_t shape[FSL_MAX_RANK];
  for (int i = 0; i < rank; i++) shape[i] = extent[i];
  double *data;
  FSL_TRY(fsl_array_new(ctx, path, (size_t)rank, shape, &data, out));
  if (H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    return fsl_fail(ctx, FSL_EIO, "%s: '%s' cannot be read", path, inside);
  const double offset = attribute_or(dataset, "offset", 0), scale = attribute_or(dataset, "scale", 1);
  for (size_t i = 0, n = fsl_array_size(*out); i < n; i++) data[i] = offset + scale * data[i];
  return FSL_OK;
}

/* Every part of the path must exist: HDF5 asks for that link by link. */
static bool exists(hid_t file, const char *inside) {
  char part[1024];
  for (const char *at = inside + (*inside == '/'); *at != '\0';) {
    const size_t step = strcspn(at, "/");
    const size_t length = (size_t)(at - inside) + step;
    if (length >= sizeof part) return false;
    memcpy(part, inside, length);
    part[length] = '\0';
    if (H5Lexists(file, part, H5P_DEFAULT) <= 0) return false;
    at += step + (at[step] == '/');
  }
  return true;
}

static bool is_group(hid_t file, const char *inside) {
  H5O_info_t info;
  if (strcmp(inside, "/") == 0) return true;
  return exists(file, inside) && H5Oget_info_by_name(file, inside, &info, H5P_DEFAULT) >= 0 &&
         info.type == H5O_TYPE_GROUP;
}

static fsl_status read_inside(fsl_ctx *ctx, hid_t file, const char *path, const char *inside, const char *dataset,
                              fsl_array *out) {
  if (dataset != NULL && is_group(file, inside)) {
    inside = fsl_text_format(ctx->arena, "%s/%s", strcmp(inside, "/") == 0 ? "" : inside, dataset);
    if (inside == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
  }
  const hid_t opened = exists(file, inside) ? H5Dopen(file, inside, H5P_DEFAULT) : -1;
  if (opened < 0) return no_such_name(ctx, file, path, inside);
  const fsl_status status = read_values(ctx, path, inside, opened, out);
  H5Dclose(opened);
  return status;
}

fsl_status fsl_array_read_hdf5_at(fsl_ctx *ctx, const char *path, const char *inside, const char *dataset,
                                  fsl_array *out) {
  if (access(path, R_OK) != 0)
    return fsl_fail(ctx, FSL_EINPUT, "%s: there is no such file, or it cannot be read", path);
  H5Eset_auto(H5E_DEFAULT, NULL, NULL); /* messages are ours */
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0)
    return fsl_fail(
        ctx, FSL_EINPUT,
        "%s: not an HDF5 file that can be opened (arrays are read from .h5, .npy and .csv; where file locking "
        "is refused set HDF5_USE_FILE_LOCKING=FALSE)",
        path);
  const fsl_status status = read_inside(ctx, file, path, inside, dataset, out);
  H5Fclose(file);
  return status;
}

fsl_status fsl_array_read_hdf5(fsl_ctx *ctx, const char *path, const char *dataset, fsl_array *out) {
  return fsl_array_read_hdf5_at(ctx, path, "/", dataset, out);
}
