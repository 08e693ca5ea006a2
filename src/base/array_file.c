/* base/array_file.c: what a data file is, and which reader takes it (see array_file.h). */
#include "base/array_file.h"

#include "base/array_readers.h"
#include "base/text.h"

#include <string.h>
#include <sys/stat.h>

fsl_array fsl_array_rows(fsl_array array) {
  fsl_array rows = {.data = array.data, .rank = 2, .shape = {1, 1}};
  if (array.rank > 0) rows.shape[0] = array.shape[0];
  for (size_t i = 1; i < array.rank; i++) rows.shape[1] *= array.shape[i];
  return rows;
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

static bool is_file(const char *path) {
  struct stat about;
  return stat(path, &about) == 0;
}

/* Where the name inside begins: behind the first colon with an existing file in front of it; NULL: there is none. */
static const char *inside_of(fsl_arena *arena, const char *path, const char **file) {
  *file = path;
  if (is_file(path)) return NULL;
  for (const char *colon = strchr(path, ':'); colon != NULL; colon = strchr(colon + 1, ':')) {
    const char *const front = fsl_text_format(arena, "%.*s", (int)(colon - path), path);
    *file = front;
    if (front == NULL || is_file(front)) return front == NULL ? NULL : colon + 1;
  }
  *file = path;
  return NULL;
}

const char *fsl_array_file_of(fsl_arena *arena, const char *path) {
  const char *file;
  (void)inside_of(arena, path, &file);
  return file;
}

char *fsl_path_beside(fsl_arena *arena, const char *base_file, const char *path) {
  const char *const slash = strrchr(base_file, '/');
  if (path[0] == '/' || slash == NULL) return fsl_text_copy(arena, path);
  return fsl_text_format(arena, "%.*s/%s", (int)(slash - base_file), base_file, path);
}

/* ---- what a file is ---------------------------------------------------------------------------------------------- */

typedef enum format { UNKNOWN, HDF5, NPY, NPZ, CSV, IDX, IDX_GZ } format;

enum { START = 512 };

static bool ends_with(const char *text, const char *ending) {
  const size_t n = strlen(text), m = strlen(ending);
  return n >= m && strcmp(text + n - m, ending) == 0;
}

static format format_of_ending(const char *path) {
  static const struct {
    const char *ending;
    format is;
  } endings[] = {{".npy", NPY}, {".npz", NPZ}, {".csv", CSV}, {".idx", IDX}, {".h5", HDF5}, {".hdf5", HDF5}};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
    if (ends_with(path, endings[i].ending)) return endings[i].is;
  return UNKNOWN;
}

typedef struct first_bytes {
  const char *bytes;
  size_t n;
  format format;
  const char *what; /* for a message where the format is not read */
} first_bytes;

static const first_bytes *known_start(const uint8_t *start, size_t n) {
  static const first_bytes known[] = {
      {"\x89HDF\r\n\x1a\n", 8, HDF5, NULL},
      {"\x93NUMPY", 6, NPY, NULL},
      {"PK\x03\x04", 4, NPZ, NULL},
      {"PK\x05\x06", 4, NPZ, NULL},
      {"\x1f\x8b", 2, IDX_GZ, NULL},
      {"\x89PNG", 4, UNKNOWN, "a PNG image"},
      {"\xff\xd8\xff", 3, UNKNOWN, "a JPEG image"},
      {"MATLAB 5.0", 10, UNKNOWN, "a MATLAB 5 file (save it with -v7.3)"},
      {"CDF", 3, UNKNOWN, "a classic netCDF file (nccopy -k nc4 makes it HDF5)"},
      {"PAR1", 4, UNKNOWN, "a Parquet file"},
      {"ARROW1", 6, UNKNOWN, "an Arrow file"},
      {"\x80\x02", 2, UNKNOWN, "a Python pickle"},
      {"\x80\x03", 2, UNKNOWN, "a Python pickle"},
      {"\x80\x04", 2, UNKNOWN, "a Python pickle"},
      {"\x80\x05", 2, UNKNOWN, "a Python pickle"},
      {"BZh", 3, UNKNOWN, "a bzip2 file"},
      {"\xfd"
       "7zXZ",
       5, UNKNOWN, "an xz file"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (n >= known[i].n && memcmp(start, known[i].bytes, known[i].n) == 0) return &known[i];
  return NULL;
}

/* HDF5 files may have a block of the user's own in front, of 512 bytes or twice as many again and again. */
static fsl_status has_hdf5_behind(fsl_ctx *ctx, fsl_stream *stream, bool *out) {
  uint8_t bytes[8];
  const uint64_t size = fsl_stream_size(stream);
  *out = false;
  for (uint64_t at = START; !*out && at <= size / 2 && size - at >= sizeof bytes; at *= 2) {
    FSL_TRY(fsl_stream_part(ctx, stream, at, sizeof bytes, FSL_PACKED_NOT));
    FSL_TRY(fsl_stream_exact(ctx, stream, sizeof bytes, bytes));
    *out = memcmp(bytes, "\x89HDF\r\n\x1a\n", sizeof bytes) == 0;
  }
  return FSL_OK;
}

static bool is_text(const uint8_t *start, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (start[i] < ' ' && strchr("\t\r\n\f", start[i]) == NULL) return false;
  return n > 0;
}

static fsl_status not_read(fsl_ctx *ctx, const char *path, const uint8_t *start, size_t n) {
  const first_bytes *const known = known_start(start, n);
  const char *what = known != NULL ? known->what : "of none of these";
  if (known == NULL && is_text(start, n)) what = "a text (a table of numbers needs the ending .csv)";
  if (n == 0) what = "empty";
  return fsl_fail(ctx, FSL_EINPUT, "%s: fslens reads .h5, .npy, .npz, .csv, .idx and .idx.gz; this file is %s", path,
                  what);
}

/* The first bytes tell; where they do not, the ending. */
static fsl_status recognise(fsl_ctx *ctx, const char *path, fsl_stream *stream, format *out) {
  uint8_t start[START];
  size_t n;
  bool is_hdf5;
  FSL_TRY(fsl_stream_read(ctx, stream, sizeof start, start, &n));
  const first_bytes *const known = known_start(start, n);
  *out = known == NULL ? UNKNOWN : known->format;
  if (known == NULL && n >= 4 && start[0] == 0 && start[1] == 0 && start[2] >= 8 && start[2] <= 14) *out = IDX;
  FSL_TRY(has_hdf5_behind(ctx, stream, &is_hdf5));
  if (*out == UNKNOWN && is_hdf5) *out = HDF5;
  if (*out == UNKNOWN && (known == NULL || known->format != UNKNOWN)) *out = format_of_ending(path);
  FSL_TRY(fsl_stream_part(ctx, stream, 0, fsl_stream_size(stream), FSL_PACKED_NOT));
  return *out == UNKNOWN ? not_read(ctx, path, start, n) : FSL_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static fsl_status read_packed(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_array *out) {
  uint8_t start[4];
  size_t n;
  FSL_TRY(fsl_stream_part(ctx, stream, 0, fsl_stream_size(stream), FSL_PACKED_GZIP));
  FSL_TRY(fsl_stream_read(ctx, stream, sizeof start, start, &n));
  if (n < sizeof start || start[0] != 0 || start[1] != 0)
    return fsl_fail(ctx, FSL_EINPUT, "%s: a packed file that is not .idx.gz: unpack it (gunzip)", path);
  FSL_TRY(fsl_stream_part(ctx, stream, 0, fsl_stream_size(stream), FSL_PACKED_GZIP));
  return fsl_array_read_idx(ctx, path, stream, out);
}

static fsl_status read_only_array(fsl_ctx *ctx, format is, const char *path, fsl_stream *stream, fsl_array *out) {
  if (is == NPY) return fsl_array_read_npy(ctx, path, stream, out);
  if (is == CSV) return fsl_array_read_csv(ctx, path, stream, out);
  if (is == IDX) return fsl_array_read_idx(ctx, path, stream, out);
  return read_packed(ctx, path, stream, out);
}

static fsl_status read_single(fsl_ctx *ctx, format is, fsl_stream *stream, const fsl_array_request *request) {
  const char *extra = request->inside;
  fsl_array array;
  if (extra == NULL) {
    FSL_TRY(read_only_array(ctx, is, request->path, stream, &array));
    request->out[0] = array;
    if (request->n == 1) return FSL_OK;
    extra = request->names[1];
  }
  return fsl_fail(ctx, FSL_EINPUT,
                  "%s: it holds a single array without a name, so there is no '%s' in it; .h5 and "
                  ".npz files hold named arrays",
                  request->path, extra);
}

static fsl_status read_open(fsl_ctx *ctx, fsl_stream *stream, const fsl_array_request *request) {
  format is;
  FSL_TRY(recognise(ctx, request->path, stream, &is));
  if (is == NPZ) return fsl_array_read_npz(ctx, stream, request);
  return is == HDF5 ? fsl_array_read_hdf5(ctx, request) : read_single(ctx, is, stream, request);
}

static fsl_status read_file(fsl_ctx *ctx, const char *path, size_t n, const char *const *datasets, fsl_array *out) {
  fsl_array_request request = {.n = n, .names = datasets, .out = out};
  fsl_stream *stream = NULL;
  request.inside = inside_of(ctx->arena, path, &request.path);
  if (request.path == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  fsl_status status = fsl_stream_open(ctx, request.path, &stream);
  if (status == FSL_OK) status = read_open(ctx, stream, &request);
  fsl_stream_close(stream);
  return status;
}

/* ---- arrays that were read before ------------------------------------------------------------------------------- */

static bool is_same_name(const char *a, const char *b) {
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool recall(const fsl_files *files, const char *path, const char *dataset, fsl_array *out) {
  for (const fsl_file_array *f = files->first; f != NULL; f = f->next) {
    if (strcmp(f->path, path) != 0 || !is_same_name(f->dataset, dataset)) continue;
    *out = f->array;
    return true;
  }
  return false;
}

static fsl_status remember(fsl_ctx *ctx, const char *path, const char *dataset, fsl_array array) {
  fsl_file_array *f, **last = &ctx->files->first;
  FSL_GET(ctx, f, 1);
  *f = (fsl_file_array){.path = fsl_text_copy(ctx->arena, path), .array = array};
  if (dataset != NULL) f->dataset = fsl_text_copy(ctx->arena, dataset);
  if (f->path == NULL || (dataset != NULL && f->dataset == NULL))
    return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  while (*last != NULL) last = &(*last)->next;
  *last = f;
  return FSL_OK;
}

/* Of several arrays of one file, all come from memory or all from one opening. */
fsl_status fsl_array_read_all(fsl_ctx *ctx, const char *path, size_t n, const char *const *datasets, fsl_array *out) {
  bool known = ctx->files != NULL;
  for (size_t i = 0; known && i < n; i++) known = recall(ctx->files, path, datasets[i], &out[i]);
  if (known) return FSL_OK;
  FSL_TRY(read_file(ctx, path, n, datasets, out));
  for (size_t i = 0; ctx->files != NULL && i < n; i++) FSL_TRY(remember(ctx, path, datasets[i], out[i]));
  return FSL_OK;
}

fsl_status fsl_array_read(fsl_ctx *ctx, const char *path, const char *dataset, fsl_array *out) {
  return fsl_array_read_all(ctx, path, 1, &dataset, out);
}
