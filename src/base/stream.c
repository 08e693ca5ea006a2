/* base/stream.c: see stream.h. Unpacking is zlib's. */
#include "base/stream.h"

#include <zlib.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct fsl_stream {
  const char *path;
  FILE *file;
  uint64_t size; /* of the file */
  uint64_t left; /* bytes of the part that were not read from the file */
  fsl_packing packing;
  bool inflates; /* z is set up */
  bool ended;    /* the packed data are complete */
  uint32_t crc;
  z_stream z;
  uint8_t packed[FSL_STREAM_BLOCK];
};

static fsl_status open_regular(fsl_ctx *ctx, const char *path, fsl_stream *s) {
  struct stat about;
  if (stat(path, &about) != 0) return fsl_fail(ctx, FSL_EINPUT, "%s: %s", path, strerror(errno));
  if (S_ISDIR(about.st_mode)) return fsl_fail(ctx, FSL_EINPUT, "%s: it is a folder, expected a file", path);
  if (!S_ISREG(about.st_mode)) return fsl_fail(ctx, FSL_EINPUT, "%s: it is not a regular file", path);
  s->file = fopen(path, "rbe");
  if (s->file == NULL) return fsl_fail(ctx, FSL_EINPUT, "%s: %s", path, strerror(errno));
  s->size = s->left = (uint64_t)about.st_size;
  return FSL_OK;
}

fsl_status fsl_stream_open(fsl_ctx *ctx, const char *path, fsl_stream **out) {
  fsl_stream *s;
  FSL_GET(ctx, s, 1);
  s->path = path;
  *out = s;
  return open_regular(ctx, path, s);
}

static void end_inflation(fsl_stream *s) {
  if (s->inflates) inflateEnd(&s->z);
  s->inflates = false;
}

fsl_status fsl_stream_part(fsl_ctx *ctx, fsl_stream *s, uint64_t offset, uint64_t length, fsl_packing packing) {
  enum { RAW = -MAX_WBITS, GZIP = MAX_WBITS + 16 };
  end_inflation(s);
  if (offset > s->size || length > s->size - offset) return fsl_fail(ctx, FSL_EINPUT, "%s: it ends too early", s->path);
  if (fseeko(s->file, (off_t)offset, SEEK_SET) != 0)
    return fsl_fail(ctx, FSL_EIO, "%s: cannot be read: %s", s->path, strerror(errno));
  s->left = length;
  s->packing = packing;
  s->ended = false;
  s->crc = 0;
  s->z = (z_stream){0};
  if (packing == FSL_PACKED_NOT) return FSL_OK;
  if (inflateInit2(&s->z, packing == FSL_PACKED_GZIP ? GZIP : RAW) != Z_OK)
    return fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for unpacking", s->path);
  s->inflates = true;
  return FSL_OK;
}

static fsl_status read_plain(fsl_ctx *ctx, fsl_stream *s, size_t n, uint8_t *bytes, size_t *got) {
  if (n > s->left) n = (size_t)s->left;
  *got = n == 0 ? 0 : fread(bytes, 1, n, s->file);
  s->left -= *got;
  if (ferror(s->file)) return fsl_fail(ctx, FSL_EIO, "%s: cannot be read: %s", s->path, strerror(errno));
  return *got == n ? FSL_OK : fsl_fail(ctx, FSL_EINPUT, "%s: it ends too early: it was cut while it was read", s->path);
}

static fsl_status refill(fsl_ctx *ctx, fsl_stream *s) {
  size_t got;
  if (s->z.avail_in > 0) return FSL_OK;
  FSL_TRY(read_plain(ctx, s, sizeof s->packed, s->packed, &got));
  s->z.next_in = s->packed;
  s->z.avail_in = (uInt)got;
  return FSL_OK;
}

/* A gzip file may hold several members, one behind the other. */
static bool begin_next_member(fsl_stream *s) {
  return s->packing == FSL_PACKED_GZIP && s->z.avail_in + s->left > 0 && inflateReset(&s->z) == Z_OK;
}

static fsl_status inflate_some(fsl_ctx *ctx, fsl_stream *s) {
  FSL_TRY(refill(ctx, s));
  const int found = inflate(&s->z, Z_NO_FLUSH);
  if (found == Z_MEM_ERROR) return fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for unpacking", s->path);
  if (found == Z_STREAM_END) {
    s->ended = !begin_next_member(s);
    return FSL_OK;
  }
  if (found == Z_OK || (found == Z_BUF_ERROR && s->z.avail_in + s->left > 0)) return FSL_OK;
  if (found == Z_BUF_ERROR) return fsl_fail(ctx, FSL_EINPUT, "%s: its packed data end too early", s->path);
  return fsl_fail(ctx, FSL_EINPUT, "%s: its packed data are damaged (%s)", s->path,
                  s->z.msg == NULL ? "zlib gives no reason" : s->z.msg);
}

static fsl_status read_packed(fsl_ctx *ctx, fsl_stream *s, size_t n, uint8_t *bytes, size_t *got) {
  for (*got = 0; *got < n && !s->ended;) {
    const size_t room = n - *got < FSL_STREAM_BLOCK ? n - *got : FSL_STREAM_BLOCK;
    s->z.next_out = bytes + *got;
    s->z.avail_out = (uInt)room;
    FSL_TRY(inflate_some(ctx, s));
    *got += room - s->z.avail_out;
  }
  return FSL_OK;
}

fsl_status fsl_stream_read(fsl_ctx *ctx, fsl_stream *s, size_t n, void *bytes, size_t *got) {
  FSL_TRY(fsl_check_stop(ctx));
  FSL_TRY(s->packing == FSL_PACKED_NOT ? read_plain(ctx, s, n, bytes, got) : read_packed(ctx, s, n, bytes, got));
  s->crc = (uint32_t)crc32_z(s->crc, bytes, *got);
  return FSL_OK;
}

fsl_status fsl_stream_exact(fsl_ctx *ctx, fsl_stream *s, size_t n, void *bytes) {
  size_t got;
  FSL_TRY(fsl_stream_read(ctx, s, n, bytes, &got));
  return got == n ? FSL_OK : fsl_fail(ctx, FSL_EINPUT, "%s: it ends too early", s->path);
}

uint64_t fsl_stream_size(const fsl_stream *s) {
  return s->size;
}

uint64_t fsl_stream_most(const fsl_stream *s) {
  enum { MOST_PER_BYTE = 1032 }; /* of deflate */
  const uint64_t left = s->left + s->z.avail_in;
  if (s->packing == FSL_PACKED_NOT) return s->left;
  return left > UINT64_MAX / MOST_PER_BYTE - FSL_STREAM_BLOCK ? UINT64_MAX : (left + FSL_STREAM_BLOCK) * MOST_PER_BYTE;
}

uint32_t fsl_stream_crc(const fsl_stream *s) {
  return s->crc;
}

void fsl_stream_close(fsl_stream *s) {
  if (s == NULL) return;
  end_inflation(s);
  if (s->file != NULL) fclose(s->file);
}
