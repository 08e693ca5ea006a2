/* store/h5.c: see h5.h. */
#include "store/h5.h"

#include <hdf5_hl.h>

#include "base/text.h"
#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_VALUES = 1 << 14, GZIP_LEVEL = 4 };

static fsl_status failed(fsl_h5 *h, const char *what, const char *name) {
  return fsl_fail(h->ctx, FSL_EIO, "%s: cannot write %s '%s'", h->path, what, name);
}

/* ---- files and groups -------------------------------------------------------------------------------------------- */

void fsl_h5_start(void) {
  H5dont_atexit();
}

static hid_t creation_order(hid_t class) {
  const hid_t list = H5Pcreate(class);
  if (list >= 0) H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  return list;
}

fsl_status fsl_h5_create(fsl_ctx *ctx, const char *path, fsl_h5 *out) {
  *out = (fsl_h5){.ctx = ctx, .path = path, .file = -1};
  H5Eset_auto(H5E_DEFAULT, NULL, NULL); /* messages are ours */
  const hid_t list = creation_order(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG); /* what an error left open must not keep the file open */
  out->file = H5Fcreate(path, H5F_ACC_TRUNC, list, access);
  H5Pclose(access);
  H5Pclose(list);
  if (out->file >= 0) return FSL_OK;
  return fsl_fail(ctx, FSL_EIO, "%s: cannot be made (on file systems without locks set HDF5_USE_FILE_LOCKING=FALSE)",
                  path);
}

fsl_status fsl_h5_close(fsl_h5 *h) {
  if (h->file < 0) return FSL_OK;
  const herr_t closed = H5Fclose(h->file);
  h->file = -1;
  return closed >= 0 ? FSL_OK : fsl_fail(h->ctx, FSL_EIO, "%s: cannot be closed: is the disk full?", h->path);
}

fsl_status fsl_h5_group(fsl_h5 *h, const char *name, hid_t *out) {
  const hid_t list = creation_order(H5P_GROUP_CREATE);
  *out = H5Gcreate(h->file, name, H5P_DEFAULT, list, H5P_DEFAULT);
  H5Pclose(list);
  return *out >= 0 ? FSL_OK : failed(h, "the group", name);
}

static fsl_status sync_file(fsl_ctx *ctx, const char *path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return fsl_fail(ctx, FSL_EIO, "%s: cannot be opened to sync it: %s", path, strerror(errno));
  const bool good = fsync(file) == 0;
  const int reason = errno;
  close(file);
  return good ? FSL_OK : fsl_fail(ctx, FSL_EIO, "%s: cannot be synced: %s", path, strerror(reason));
}

fsl_status fsl_h5_put_in_place(fsl_ctx *ctx, const char *beside, const char *path) {
  FSL_TRY(sync_file(ctx, beside));
  if (rename(beside, path) != 0) return fsl_fail(ctx, FSL_EIO, "%s: cannot be put in place: %s", path, strerror(errno));
  return fsl_folder_sync(ctx, path);
}

/* ---- texts: variable length, UTF-8 ------------------------------------------------------------------------------- */

static hid_t text_type(void) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return type;
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

static fsl_status attribute(fsl_h5 *h, hid_t object, const char *name, hid_t type, hid_t space, const void *value) {
  const hid_t made = H5Acreate(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const bool good = made >= 0 && H5Awrite(made, type, value) >= 0;
  if (made >= 0) H5Aclose(made);
  return good ? FSL_OK : failed(h, "the attribute", name);
}

fsl_status fsl_h5_attribute_text(fsl_h5 *h, hid_t object, const char *name, const char *value) {
  if (value == NULL) return FSL_OK;
  const hid_t type = text_type(), space = H5Screate(H5S_SCALAR);
  const fsl_status status = attribute(h, object, name, type, space, &value);
  H5Sclose(space);
  H5Tclose(type);
  return status;
}

fsl_status fsl_h5_attribute_integer(fsl_h5 *h, hid_t object, const char *name, int64_t value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  const fsl_status status = attribute(h, object, name, H5T_NATIVE_INT64, space, &value);
  H5Sclose(space);
  return status;
}

fsl_status fsl_h5_attribute_real(fsl_h5 *h, hid_t object, const char *name, double value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  const fsl_status status = attribute(h, object, name, H5T_NATIVE_DOUBLE, space, &value);
  H5Sclose(space);
  return status;
}

fsl_status fsl_h5_attribute_bytes(fsl_h5 *h, hid_t object, const char *name, size_t n, const int8_t *value) {
  const hsize_t extent = n;
  const hid_t space = H5Screate_simple(1, &extent, NULL);
  const fsl_status status = attribute(h, object, name, H5T_NATIVE_INT8, space, value);
  H5Sclose(space);
  return status;
}

/* Numbers without a unit of their own are pure: "1". Texts have none. */
static fsl_status describe(fsl_h5 *h, hid_t object, const fsl_h5_about *about, bool is_text) {
  const char *const units = about->units != NULL || is_text ? about->units : "1";
  FSL_TRY(fsl_h5_attribute_text(h, object, "long_name", about->long_name));
  FSL_TRY(fsl_h5_attribute_text(h, object, "units", units));
  return fsl_h5_attribute_text(h, object, "source", about->source);
}

/* ---- scales ------------------------------------------------------------------------------------------------------ */

static fsl_status scale(fsl_h5 *h, hid_t group, const char *name, size_t n, hid_t type, const void *values,
                        const char *long_name, hid_t *out) {
  const fsl_h5_about about = {.name = name, .long_name = long_name};
  const hsize_t extent = n;
  const hid_t space = H5Screate_simple(1, &extent, NULL);
  *out = H5Dcreate(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const bool good =
      *out >= 0 && H5Dwrite(*out, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0 && H5DSset_scale(*out, name) >= 0;
  H5Sclose(space);
  return good ? describe(h, *out, &about, H5Tget_class(type) == H5T_STRING) : failed(h, "the coordinate", name);
}

fsl_status fsl_h5_scale_reals(fsl_h5 *h, hid_t group, const char *name, size_t n, const double *values,
                              const char *long_name, hid_t *out) {
  return scale(h, group, name, n, H5T_NATIVE_DOUBLE, values, long_name, out);
}

fsl_status fsl_h5_scale_texts(fsl_h5 *h, hid_t group, const char *name, size_t n, const char *const *values,
                              const char *long_name, hid_t *out) {
  const hid_t type = text_type();
  const fsl_status status = scale(h, group, name, n, type, values, long_name, out);
  H5Tclose(type);
  return status;
}

fsl_status fsl_h5_scale_numbers(fsl_h5 *h, hid_t group, const char *name, size_t n, const char *long_name, hid_t *out) {
  int64_t *numbers;
  FSL_GET(h->ctx, numbers, n + 1);
  for (size_t i = 0; i < n; i++) numbers[i] = (int64_t)i;
  return scale(h, group, name, n, H5T_NATIVE_INT64, numbers, long_name, out);
}

/* ---- variables --------------------------------------------------------------------------------------------------- */

static void extents_of(size_t rank, const hid_t *scales, hsize_t *extent) {
  for (size_t i = 0; i < rank; i++) {
    const hid_t space = H5Dget_space(scales[i]);
    H5Sget_simple_extent_dims(space, &extent[i], NULL);
    H5Sclose(space);
  }
}

/* Whole trailing axes until a chunk is large enough to be worth its overhead, then part of the next one. A variable
 * without values has no chunks. */
static hid_t storage(size_t rank, const hsize_t *extent, hid_t type) {
  hsize_t chunk[FSL_H5_MAX_RANK], values = 1;
  const double nothing = NAN;
  for (size_t i = rank; i-- > 0;) {
    const hsize_t room = values == 0 ? 0 : CHUNK_VALUES / values;
    chunk[i] = extent[i] == 0 ? 0 : room == 0 ? 1 : extent[i] < room ? extent[i] : room;
    values *= chunk[i];
  }
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  if (H5Tget_class(type) == H5T_FLOAT) H5Pset_fill_value(list, H5T_NATIVE_DOUBLE, &nothing);
  if (values == 0) return list;
  H5Pset_chunk(list, (int)rank, chunk);
  H5Pset_shuffle(list);
  H5Pset_deflate(list, GZIP_LEVEL);
  H5Pset_fletcher32(list);
  return list;
}

static fsl_status attach(fsl_h5 *h, const fsl_h5_about *about, bool is_text, hid_t variable, size_t rank,
                         const hid_t *scales) {
  for (size_t i = 0; i < rank; i++)
    if (H5DSattach_scale(variable, scales[i], (unsigned)i) < 0) return failed(h, "the axes of", about->name);
  return describe(h, variable, about, is_text);
}

fsl_status fsl_h5_variable(fsl_h5 *h, hid_t group, const fsl_h5_about *about, hid_t type, size_t rank,
                           const hid_t *scales, hid_t *out) {
  hsize_t extent[FSL_H5_MAX_RANK] = {0};
  extents_of(rank, scales, extent);
  const hid_t space = H5Screate_simple((int)rank, extent, NULL), list = storage(rank, extent, type);
  const hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(access, 101, 2 * CHUNK_VALUES * sizeof(double), 1); /* many variables are open at a time */
  *out = H5Dcreate(group, about->name, type, space, H5P_DEFAULT, list, access);
  H5Pclose(access);
  H5Pclose(list);
  H5Sclose(space);
  return *out >= 0 ? attach(h, about, false, *out, rank, scales) : failed(h, "the variable", about->name);
}

fsl_status fsl_h5_write_slab(fsl_h5 *h, hid_t variable, size_t rank, const hsize_t *start, const hsize_t *count,
                             const double *values) {
  const hid_t file = H5Dget_space(variable), memory = H5Screate_simple((int)rank, count, NULL);
  const bool good = H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                    H5Dwrite(variable, H5T_NATIVE_DOUBLE, memory, file, H5P_DEFAULT, values) >= 0;
  H5Sclose(memory);
  H5Sclose(file);
  return good ? FSL_OK : fsl_fail(h->ctx, FSL_EIO, "%s: cannot write values: is the disk full?", h->path);
}

/* Whether a link leads to something under each part of the name: no error where a group on the way is not there. */
static bool has(hid_t file, const char *name) {
  const char *const slash = strchr(name, '/');
  char group[64];
  if (slash == NULL) return H5Lexists(file, name, H5P_DEFAULT) > 0;
  snprintf(group, sizeof group, "%.*s", (int)(slash - name), name);
  return H5Lexists(file, group, H5P_DEFAULT) > 0 && H5Lexists(file, name, H5P_DEFAULT) > 0;
}

fsl_status fsl_h5_read_slab(const fsl_h5 *h, const char *name, size_t rank, const hsize_t *start, const hsize_t *count,
                            double *values, bool *found) {
  *found = has(h->file, name);
  if (!*found) return FSL_OK;
  const hid_t variable = H5Dopen(h->file, name, H5P_DEFAULT);
  const hid_t file = H5Dget_space(variable), memory = H5Screate_simple((int)rank, count, NULL);
  const bool good = H5Sselect_hyperslab(file, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                    H5Dread(variable, H5T_NATIVE_DOUBLE, memory, file, H5P_DEFAULT, values) >= 0;
  H5Sclose(memory);
  H5Sclose(file);
  H5Dclose(variable);
  return good ? FSL_OK : fsl_fail(h->ctx, FSL_EIO, "%s: cannot read '%s' back", h->path, name);
}

static fsl_status write_whole(fsl_h5 *h, const char *name, hid_t variable, const char *const *values) {
  const hid_t type = text_type();
  const bool good = H5Dwrite(variable, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  H5Tclose(type);
  return good ? FSL_OK : failed(h, "the variable", name);
}

fsl_status fsl_h5_text_variable(fsl_h5 *h, hid_t group, const fsl_h5_about *about, size_t rank, const hid_t *scales,
                                hid_t *out) {
  hsize_t extent[FSL_H5_MAX_RANK] = {0};
  extents_of(rank, scales, extent);
  const hid_t type = text_type(), space = H5Screate_simple((int)rank, extent, NULL);
  *out = H5Dcreate(group, about->name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Sclose(space);
  H5Tclose(type);
  return *out >= 0 ? attach(h, about, true, *out, rank, scales) : failed(h, "the variable", about->name);
}

fsl_status fsl_h5_write_texts(fsl_h5 *h, hid_t variable, size_t start, size_t count, const char *const *values) {
  const hsize_t from = start, n = count;
  const hid_t type = text_type(), file = H5Dget_space(variable), memory = H5Screate_simple(1, &n, NULL);
  const bool good = H5Sselect_hyperslab(file, H5S_SELECT_SET, &from, NULL, &n, NULL) >= 0 &&
                    H5Dwrite(variable, type, memory, file, H5P_DEFAULT, values) >= 0;
  H5Sclose(memory);
  H5Sclose(file);
  H5Tclose(type);
  return good ? FSL_OK : fsl_fail(h->ctx, FSL_EIO, "%s: cannot write texts: is the disk full?", h->path);
}

fsl_status fsl_h5_texts(fsl_h5 *h, hid_t group, const fsl_h5_about *about, size_t rank, const hid_t *scales,
                        const char *const *values) {
  hid_t variable;
  FSL_TRY(fsl_h5_text_variable(h, group, about, rank, scales, &variable));
  const fsl_status status = write_whole(h, about->name, variable, values);
  H5Dclose(variable);
  return status;
}
