/* base/stream.h: the bytes of a regular file, or of a packed part of it, in order. Every read asks for a stop first, so
 * that a reader that goes block by block can be stopped while it unpacks. */
#ifndef FSL_BASE_STREAM_H
#define FSL_BASE_STREAM_H

#include "fslens/base.h"

typedef struct fsl_stream fsl_stream;

typedef enum fsl_packing { FSL_PACKED_NOT, FSL_PACKED_GZIP, FSL_PACKED_DEFLATE } fsl_packing;

/* A reader's block: bytes between two questions for a stop. */
enum { FSL_STREAM_BLOCK = 1 << 16 };

/* Opens the whole file, unpacked. FSL_EINPUT with the path where it is missing, a folder or no regular file. Close it
 * whatever happens later. `path` is kept for messages. */
FSL_CHECKED fsl_status fsl_stream_open(fsl_ctx *ctx, const char *path, fsl_stream **out);
/* Goes on with `length` bytes of the file from `offset` on, which are packed so. */
FSL_CHECKED fsl_status fsl_stream_part(fsl_ctx *ctx, fsl_stream *stream, uint64_t offset, uint64_t length,
                                       fsl_packing packing);
/* The next n bytes; fewer only at the end of the part. FSL_EINPUT where packed bytes are damaged, FSL_ESTOP. */
FSL_CHECKED fsl_status fsl_stream_read(fsl_ctx *ctx, fsl_stream *stream, size_t n, void *bytes, size_t *got);
/* Exactly n bytes; FSL_EINPUT "it ends too early" otherwise. */
FSL_CHECKED fsl_status fsl_stream_exact(fsl_ctx *ctx, fsl_stream *stream, size_t n, void *bytes);
uint64_t fsl_stream_size(const fsl_stream *stream); /* of the file, in bytes */
/* An upper bound of the bytes still to come, so that nothing is reserved for a header that lies. */
uint64_t fsl_stream_most(const fsl_stream *stream);
uint32_t fsl_stream_crc(const fsl_stream *stream); /* CRC-32 of what was read of the part so far */
void fsl_stream_close(fsl_stream *stream);

#endif
