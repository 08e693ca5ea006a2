/* base/array_hdf5.c: arrays from HDF5 datasets, with `offset` and `scale`, read block by block. */
#include "base/array_hdf5.h"
#include "base/text.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_VALUES = 1 << 21, MOST_CHUNK = 1 << 30 };

/* A dataset that is open. */
typedef struct source {
  const char *path, *inside; /* for messages */
  hid_t dataset;
  int rank;
  hsize_t extent[FSL_MAX_RANK];
  double offset, scale;
} source;

/* ---- attributes -------------------------------------------------------------------------------------------------- */

static fsl_status read_number(fsl_ctx *ctx, const source *s, const char *name, hid_t attribute, double *out) {
  const hid_t space = H5Aget_space(attribute), type = H5Aget_type(attribute);
  const H5T_class_t class = H5Tget_class(type);
  const hssize_t n = H5Sget_simple_extent_npoints(space);
  H5Tclose(type);
  H5Sclose(space);
  if (class != H5T_FLOAT && class != H5T_INTEGER)
    return fsl_fail(ctx, FSL_EINPUT, "%s: the attribute '%s' of '%s' is not a number (x = offset + scale * stored)",
                    s->path, name, s->inside);
  if (n != 1)
    return fsl_fail(ctx, FSL_EINPUT, "%s: the attribute '%s' of '%s' has %lld values, expected one", s->path, name,
                    s->inside, (long long)n);
  if (H5Aread(attribute, H5T_NATIVE_DOUBLE, out) < 0)
    return fsl_fail(ctx, FSL_EIO, "%s: the attribute '%s' of '%s' cannot be read", s->path, name, s->inside);
  return isfinite(*out) ? FSL_OK
                        : fsl_fail(ctx, FSL_EINPUT, "%s: the attribute '%s' of '%s' is %g, expected a finite number",
                                   s->path, name, s->inside, *out);
}

/* *out stays as it is where there is no such attribute. */
static fsl_status read_attribute(fsl_ctx *ctx, const source *s, const char *name, double *out) {
  if (H5Aexists(s->dataset, name) <= 0) return FSL_OK;
  const hid_t attribute = H5Aopen(s->dataset, name, H5P_DEFAULT);
  if (attribute < 0)
    return fsl_fail(ctx, FSL_EIO, "%s: the attribute '%s' of '%s' cannot be read", s->path, name, s->inside);
  const fsl_status status = read_number(ctx, s, name, attribute, out);
  H5Aclose(attribute);
  return status;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static fsl_status measure(fsl_ctx *ctx, source *s) {
  const hid_t space = H5Dget_space(s->dataset), type = H5Dget_type(s->dataset);
  const H5T_class_t class = H5Tget_class(type);
  const bool empty = H5Sget_simple_extent_type(space) == H5S_NULL;
  s->rank = H5Sget_simple_extent_ndims(space);
  if (s->rank >= 0 && s->rank <= FSL_MAX_RANK) H5Sget_simple_extent_dims(space, s->extent, NULL);
  H5Tclose(type);
  H5Sclose(space);
  if (class != H5T_FLOAT && class != H5T_INTEGER)
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' is not numeric", s->path, s->inside);
  if (empty) return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' holds no values", s->path, s->inside);
  if (s->rank < 0 || s->rank > FSL_MAX_RANK)
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' has %d axes, at most %d are read", s->path, s->inside, s->rank,
                    FSL_MAX_RANK);
  return FSL_OK;
}

/* Values may lie in other files, whose paths start at the current folder. */
static fsl_status cannot_read(fsl_ctx *ctx, const source *s) {
  char name[256] = "";
  const hid_t list = H5Dget_create_plist(s->dataset);
  if (H5Pget_external_count(list) > 0) H5Pget_external(list, 0, sizeof name - 1, name, NULL, NULL);
  H5Pclose(list);
  if (name[0] != '\0')
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' cannot be read: its values lie in other files, the first one is %s",
                    s->path, s->inside, name);
  return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' cannot be read: its stored values are damaged or missing", s->path,
                  s->inside);
}

/* A chunk is unpacked as a whole, and nothing can stop it meanwhile. */
static fsl_status check_chunk(fsl_ctx *ctx, const source *s) {
  const hid_t list = H5Dget_create_plist(s->dataset), type = H5Dget_type(s->dataset);
  hsize_t chunk[FSL_MAX_RANK];
  double bytes = (double)H5Tget_size(type);
  const bool chunked = H5Pget_layout(list) == H5D_CHUNKED && H5Pget_nfilters(list) > 0;
  const int rank = chunked ? H5Pget_chunk(list, FSL_MAX_RANK, chunk) : 0;
  for (int i = 0; i < rank; i++) bytes *= (double)chunk[i];
  H5Tclose(type);
  H5Pclose(list);
  const bool too_large = chunked && (bytes > MOST_CHUNK || (ctx->file_bytes > 0 && bytes > ctx->file_bytes));
  return too_large ? fsl_fail(ctx, FSL_EINPUT,
                              "%s: '%s' is packed in chunks of %.3g MB, which are too large to unpack; smaller ones "
                              "are made by h5repack -l CHUNK=...",
                              s->path, s->inside, 1e-6 * bytes)
                   : FSL_OK;
}

/* The axis along which blocks are cut: what lies behind one index of it fits into a block. */
static int axis_to_cut(const source *s, size_t *behind) {
  int axis = s->rank - 1;
  for (*behind = 1; axis > 0 && *behind * s->extent[axis] <= BLOCK_VALUES; axis--) *behind *= (size_t)s->extent[axis];
  return axis;
}

static bool read_block(const source *s, hid_t space, const hsize_t *start, const hsize_t *count, double *out) {
  const hid_t memory = H5Screate_simple(s->rank, count, NULL); /* of the same shape: far faster than a flat one */
  const bool good = memory >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                    H5Dread(s->dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, out) >= 0;
  if (memory >= 0) H5Sclose(memory);
  return good;
}

/* The next index of the axes in front of `axis`, the last one fastest. */
static void advance(const source *s, int axis, hsize_t *start) {
  start[axis] = 0;
  for (int i = axis; i-- > 0;) {
    if (++start[i] < s->extent[i]) return;
    start[i] = 0;
  }
}

static void convert(const source *s, size_t n, double *data) {
  for (size_t i = 0; i < n; i++) data[i] = s->offset + s->scale * data[i];
}

static fsl_status read_blocks(fsl_ctx *ctx, const source *s, size_t n, double *data) {
  hsize_t start[FSL_MAX_RANK] = {0}, count[FSL_MAX_RANK];
  size_t behind;
  const int axis = axis_to_cut(s, &behind);
  const hsize_t most = BLOCK_VALUES / behind > 0 ? BLOCK_VALUES / behind : 1;
  const hid_t space = H5Dget_space(s->dataset);
  fsl_status status = FSL_OK;
  for (int i = 0; i < s->rank; i++) count[i] = i < axis ? 1 : s->extent[i];
  for (size_t done = 0; done < n && status == FSL_OK; done += (size_t)count[axis] * behind) {
    const hsize_t left = s->extent[axis] - start[axis];
    count[axis] = left < most ? left : most;
    status = fsl_check_stop(ctx);
    if (status == FSL_OK && !read_block(s, space, start, count, data + done)) status = cannot_read(ctx, s);
    if (status == FSL_OK) convert(s, (size_t)count[axis] * behind, data + done);
    start[axis] += count[axis];
    if (start[axis] == s->extent[axis]) advance(s, axis, start);
  }
  H5Sclose(space);
  return status;
}

static fsl_status read_all(fsl_ctx *ctx, const source *s, size_t n, double *data) {
  if (s->rank > 0) return read_blocks(ctx, s, n, data);
  if (H5Dread(s->dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) return cannot_read(ctx, s);
  convert(s, n, data);
  return FSL_OK;
}

static fsl_status read_values(fsl_ctx *ctx, source *s, fsl_array *out) {
  size_t shape[FSL_MAX_RANK];
  double *data;
  FSL_TRY(measure(ctx, s));
  for (int i = 0; i < s->rank; i++) shape[i] = (size_t)s->extent[i];
  FSL_TRY(read_attribute(ctx, s, "offset", &s->offset));
  FSL_TRY(read_attribute(ctx, s, "scale", &s->scale));
  FSL_TRY(check_chunk(ctx, s));
  FSL_TRY(fsl_hdf5_expect_sources(ctx, s->path, s->inside, s->dataset));
  FSL_TRY(fsl_array_new(ctx, s->path, (size_t)s->rank, shape, &data, out));
  return read_all(ctx, s, fsl_array_size(*out), data);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* Bytes of all chunks that hold values of one index of the first axis; 0 where there are none. */
static double row_of_chunks(hid_t dataset) {
  hsize_t chunk[FSL_MAX_RANK], extent[FSL_MAX_RANK];
  const hid_t list = H5Dget_create_plist(dataset), type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  const int rank = H5Sget_simple_extent_ndims(space);
  double bytes = (double)H5Tget_size(type);
  const bool chunked = rank > 0 && rank <= FSL_MAX_RANK && H5Pget_layout(list) == H5D_CHUNKED &&
                       H5Pget_chunk(list, rank, chunk) == rank &&
                       H5Sget_simple_extent_dims(space, extent, NULL) == rank;
  for (int i = 0; chunked && i < rank; i++)
    bytes *= (double)chunk[i] * (i == 0 ? 1 : ceil((double)extent[i] / (double)chunk[i]));
  H5Sclose(space);
  H5Tclose(type);
  H5Pclose(list);
  return chunked ? bytes : 0;
}

/* Blocks are cut without regard to chunks: those that a block leaves half read are kept for the next one. */
static hid_t open_with_room(hid_t file, const char *inside) {
  enum { SLOTS = 12421, LEAST = 1 << 20, MOST = 1 << 30 };
  const hid_t plain = H5Dopen(file, inside, H5P_DEFAULT);
  if (plain < 0) return plain;
  const double room = fmin(fmax(LEAST, 2 * row_of_chunks(plain)), MOST);
  const hid_t list = H5Pcreate(H5P_DATASET_ACCESS);
  H5Dclose(plain);
  H5Pset_chunk_cache(list, SLOTS, (size_t)room, 1);
  const hid_t dataset = H5Dopen(file, inside, list);
  H5Pclose(list);
  return dataset;
}

static fsl_status read_named(fsl_ctx *ctx, hid_t file, const char *path, const char *inside, fsl_array *out) {
  FSL_TRY(fsl_hdf5_expect_dataset(ctx, file, path, inside));
  source s = {.path = path, .inside = inside, .dataset = open_with_room(file, inside), .scale = 1};
  if (s.dataset < 0) return fsl_fail(ctx, FSL_EINPUT, "%s: the dataset '%s' cannot be opened", path, inside);
  const fsl_status status = read_values(ctx, &s, out);
  H5Dclose(s.dataset);
  return status;
}

/* FILE:/group looks names up in the group. FILE:/name is the first array itself; the others lie beside it. */
static const char *place_of(fsl_ctx *ctx, hid_t file, const fsl_array_request *request, size_t i) {
  const char *const inside = request->inside == NULL ? "" : request->inside, *const name = request->names[i];
  const bool in_group = name != NULL && fsl_hdf5_is_group(file, inside);
  if (i == 0 && !in_group) return *inside == '\0' ? "/" : inside;
  const char *const slash = strrchr(inside, '/');
  const size_t folder = in_group ? strlen(inside) : slash == NULL ? 0 : (size_t)(slash - inside);
  return fsl_text_format(ctx->arena, "%.*s%s%s", (int)folder, inside, folder == 0 ? "" : "/", name);
}

static fsl_status read_file(fsl_ctx *ctx, hid_t file, const fsl_array_request *request) {
  fsl_array array;
  for (size_t i = 0; i < request->n; i++) {
    const char *const inside = place_of(ctx, file, request, i);
    if (inside == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
    FSL_TRY(read_named(ctx, file, request->path, inside, &array));
    request->out[i] = array;
  }
  return FSL_OK;
}

fsl_status fsl_array_read_hdf5(fsl_ctx *ctx, const fsl_array_request *request) {
  H5Eset_auto(H5E_DEFAULT, NULL, NULL); /* messages are ours */
  const hid_t file = H5Fopen(request->path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0)
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s: not an HDF5 file that can be opened: it is damaged, or still being written, or file locking "
                    "is refused here (then set HDF5_USE_FILE_LOCKING=FALSE)",
                    request->path);
  const fsl_status status = read_file(ctx, file, request);
  H5Fclose(file);
  return status;
}
