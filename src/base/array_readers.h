/* base/array_readers.h: one reader per file format, for array_file.c alone. */
#ifndef FSL_BASE_ARRAY_READERS_H
#define FSL_BASE_ARRAY_READERS_H

#include "base/array_file.h"
#include "base/stream.h"

enum { FSL_ARRAY_MOST = 2147483647 };

/* What is wanted of a file. */
typedef struct fsl_array_request {
  const char *path;         /* of the file */
  const char *inside;       /* the name behind FILE: in the path; NULL: none */
  size_t n;                 /* arrays; at least 1 */
  const char *const *names; /* n; a NULL name stands for the only array of the file */
  fsl_array *out;           /* n */
} fsl_array_request;

/* Room for an array of this shape, unless it has too many values or takes more than ctx->file_bytes: then FSL_EINPUT
 * with the numbers, before anything is taken. The reader fills it: it holds anything before. `path` is for the message.
 */
FSL_CHECKED fsl_status fsl_array_new(fsl_ctx *ctx, const char *path, size_t rank, const size_t *shape, double **data,
                                     fsl_array *out);
/* FSL_EINPUT where n values are more than ctx->file_bytes allows. */
FSL_CHECKED fsl_status fsl_array_fits(fsl_ctx *ctx, const char *path, double n);

/* How values are stored. */
typedef struct fsl_stored {
  char kind; /* 'f' float, 'i' signed, 'u' unsigned, 'b' boolean */
  int width; /* bytes per value: 1, 2, 4 or 8 */
  bool big;  /* most significant byte first */
} fsl_stored;

bool fsl_stored_is_known(fsl_stored type);
/* out (n): the values that n times `width` bytes store. */
void fsl_stored_values(fsl_stored type, size_t n, const uint8_t *bytes, double *out);
/* The next n values of a stream, block by block. */
FSL_CHECKED fsl_status fsl_stored_read(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_stored type, size_t n,
                                       double *out);
/* Whether the stream can hold as many values as the shape says: nothing is reserved for a header that lies. */
bool fsl_stored_fits(const fsl_stream *stream, fsl_stored type, size_t rank, const size_t *shape);

/* Readers of a stream at the start of its data; `path` is for messages. */
FSL_CHECKED fsl_status fsl_array_read_npy(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_array *out);
FSL_CHECKED fsl_status fsl_array_read_idx(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_array *out);
FSL_CHECKED fsl_status fsl_array_read_csv(fsl_ctx *ctx, const char *path, fsl_stream *stream, fsl_array *out);
/* Readers of files with named arrays. */
FSL_CHECKED fsl_status fsl_array_read_npz(fsl_ctx *ctx, fsl_stream *stream, const fsl_array_request *request);
FSL_CHECKED fsl_status fsl_array_read_hdf5(fsl_ctx *ctx, const fsl_array_request *request);
/* "; did you mean 'x'?" or "; it holds 'a', 'b' and 3 more", in the arena; "" where there are none. */
const char *fsl_array_names(fsl_ctx *ctx, const char *wanted, size_t n, const char *const *names);

#endif
