/* base/array_npz.c: NumPy's .npz format: a ZIP archive with one .npy file per array, stored or deflated. What is where
 * stands in the directory at the archive's end (APPNOTE.TXT 4.3); archives beyond 4 GiB say it in 64-bit fields. */
#include "base/array_readers.h"

#include "base/bytes.h"
#include "base/text.h"

#include <string.h>

enum { MOST_DIRECTORY = 1 << 26, MOST_ARRAYS = 65536 };
enum { END_SIZE = 22, LOCATOR_SIZE = 20, END64_SIZE = 56, ENTRY_SIZE = 46, LOCAL_SIZE = 30 };
enum { STORED = 0, DEFLATED = 8 };

typedef struct member {
  const char *name; /* without .npy */
  unsigned method;
  bool encrypted;
  uint32_t crc;
  uint64_t packed, offset; /* bytes in the archive; where its local header begins */
} member;

typedef struct archive {
  const char *path;
  fsl_stream *stream;
  uint64_t start, size, entries; /* of the directory */
  size_t n;
  member *members;
  const char **names;
} archive;

static fsl_status bad(fsl_ctx *ctx, const char *path, const char *what) {
  return fsl_fail(ctx, FSL_EINPUT, "%s: not an .npz file that can be read: %s", path, what);
}

static fsl_status read_at(fsl_ctx *ctx, const archive *a, uint64_t offset, size_t n, uint8_t *out) {
  FSL_TRY(fsl_stream_part(ctx, a->stream, offset, n, FSL_PACKED_NOT));
  return fsl_stream_exact(ctx, a->stream, n, out);
}

/* ---- the directory ----------------------------------------------------------------------------------------------- */

static fsl_status find_end64(fsl_ctx *ctx, archive *a, uint64_t locator_at) {
  uint8_t locator[LOCATOR_SIZE], end[END64_SIZE];
  FSL_TRY(read_at(ctx, a, locator_at, LOCATOR_SIZE, locator));
  if (memcmp(locator, "PK\x06\x07", 4) != 0) return FSL_OK; /* all fits into 32 bits */
  FSL_TRY(read_at(ctx, a, fsl_little(locator + 8, 8), END64_SIZE, end));
  if (memcmp(end, "PK\x06\x06", 4) != 0) return bad(ctx, a->path, "its directory is damaged");
  a->entries = fsl_little(end + 32, 8);
  a->size = fsl_little(end + 40, 8);
  a->start = fsl_little(end + 48, 8);
  return FSL_OK;
}

/* The end record is the last thing in the archive but for a comment of up to 65535 bytes. */
static fsl_status find_end(fsl_ctx *ctx, archive *a) {
  enum { LONGEST = END_SIZE + 65535 };
  const uint64_t size = fsl_stream_size(a->stream);
  const size_t n = size < LONGEST ? (size_t)size : LONGEST;
  uint8_t *tail;
  FSL_GET(ctx, tail, n + 1);
  FSL_TRY(read_at(ctx, a, size - n, n, tail));
  for (size_t at = n < END_SIZE ? 0 : n - END_SIZE + 1; at-- > 0;) {
    if (memcmp(tail + at, "PK\x05\x06", 4) != 0) continue;
    const uint64_t here = size - n + at;
    a->entries = fsl_little(tail + at + 10, 2);
    a->size = fsl_little(tail + at + 12, 4);
    a->start = fsl_little(tail + at + 16, 4);
    return here < LOCATOR_SIZE ? FSL_OK : find_end64(ctx, a, here - LOCATOR_SIZE);
  }
  return bad(ctx, a->path, "it has no directory at its end: the archive was cut");
}

/* A field of all ones stands in the 64-bit extra field, in this order: unpacked size, packed size, offset. */
static void take_wide(const uint8_t *extra, size_t n, uint64_t unpacked, member *m) {
  uint64_t *const field[] = {&unpacked, &m->packed, &m->offset};
  for (size_t at = 0; at + 4 <= n;) {
    const size_t length = (size_t)fsl_little(extra + at + 2, 2);
    const uint8_t *next = extra + at + 4;
    if (length > n - at - 4) return;
    for (size_t i = 0, left = length; fsl_little(extra + at, 2) == 1 && i < 3; i++) {
      if (*field[i] != UINT32_MAX || left < 8) continue;
      *field[i] = fsl_little(next, 8);
      next += 8;
      left -= 8;
    }
    at += 4 + length;
  }
}

/* Entries that are no .npy file are passed over. */
static fsl_status take_entry(fsl_ctx *ctx, archive *a, const uint8_t *entry, size_t name, size_t extra) {
  const char *const text = (const char *)entry + ENTRY_SIZE;
  if (name <= 4 || memcmp(text + name - 4, ".npy", 4) != 0 || memchr(text, '\0', name) != NULL) return FSL_OK;
  member *const m = &a->members[a->n];
  *m = (member){.name = fsl_text_format(ctx->arena, "%.*s", (int)(name - 4), text),
                .method = (unsigned)fsl_little(entry + 10, 2),
                .encrypted = (entry[8] & 1) != 0,
                .crc = (uint32_t)fsl_little(entry + 16, 4),
                .packed = fsl_little(entry + 20, 4),
                .offset = fsl_little(entry + 42, 4)};
  if (m->name == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
  take_wide(entry + ENTRY_SIZE + name, extra, fsl_little(entry + 24, 4), m);
  a->names[a->n++] = m->name;
  return FSL_OK;
}

static fsl_status read_directory(fsl_ctx *ctx, archive *a) {
  uint8_t *directory;
  FSL_TRY(find_end(ctx, a));
  if (a->size > MOST_DIRECTORY || a->entries > MOST_ARRAYS || a->entries > a->size / ENTRY_SIZE)
    return bad(ctx, a->path, "its directory is damaged");
  FSL_GET(ctx, directory, a->size + 1);
  FSL_TRY(read_at(ctx, a, a->start, (size_t)a->size, directory));
  FSL_GET(ctx, a->members, a->entries + 1);
  FSL_GET(ctx, a->names, a->entries + 1);
  for (size_t i = 0, at = 0; i < a->entries; i++) {
    const uint8_t *const entry = directory + at;
    if (a->size - at < ENTRY_SIZE || memcmp(entry, "PK\x01\x02", 4) != 0)
      return bad(ctx, a->path, "its directory is damaged");
    const size_t name = (size_t)fsl_little(entry + 28, 2), extra = (size_t)fsl_little(entry + 30, 2);
    const size_t whole = ENTRY_SIZE + name + extra + (size_t)fsl_little(entry + 32, 2);
    if (whole > a->size - at) return bad(ctx, a->path, "its directory is damaged");
    FSL_TRY(take_entry(ctx, a, entry, name, extra));
    at += whole;
  }
  return a->n > 0 ? FSL_OK : bad(ctx, a->path, "it is a ZIP archive without any .npy file");
}

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

static fsl_status read_member(fsl_ctx *ctx, const archive *a, const member *m, fsl_array *out) {
  const char *const path = fsl_text_format(ctx->arena, "%s:%s", a->path, m->name);
  uint8_t local[LOCAL_SIZE];
  if (path == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
  if (m->encrypted) return bad(ctx, path, "it is encrypted");
  if (m->method != STORED && m->method != DEFLATED)
    return bad(ctx, path, "it is packed in another way than numpy.savez and savez_compressed do");
  FSL_TRY(read_at(ctx, a, m->offset, LOCAL_SIZE, local));
  if (memcmp(local, "PK\x03\x04", 4) != 0) return bad(ctx, path, "the archive is damaged");
  const uint64_t data = m->offset + LOCAL_SIZE + fsl_little(local + 26, 2) + fsl_little(local + 28, 2);
  FSL_TRY(fsl_stream_part(ctx, a->stream, data, m->packed, m->method == STORED ? FSL_PACKED_NOT : FSL_PACKED_DEFLATE));
  FSL_TRY(fsl_array_read_npy(ctx, path, a->stream, out));
  return fsl_stream_crc(a->stream) == m->crc ? FSL_OK : bad(ctx, path, "its checksum does not fit: it is damaged");
}

/* The member of this name; NULL where there is none. Without a name, the only one. */
static const member *find(const archive *a, const char *name) {
  if (name == NULL) return a->n == 1 ? a->members : NULL;
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->members[i].name, name) == 0) return &a->members[i];
  return NULL;
}

static fsl_status no_such_array(fsl_ctx *ctx, const archive *a, const char *name) {
  const char *const others = fsl_array_names(ctx, name, a->n, a->names);
  if (name == NULL)
    return fsl_fail(ctx, FSL_EINPUT, "%s: name one of its arrays, as in FILE.npz:NAME%s", a->path, others);
  return fsl_fail(ctx, FSL_EINPUT, "%s: there is no array '%s'%s", a->path, name, others);
}

fsl_status fsl_array_read_npz(fsl_ctx *ctx, fsl_stream *stream, const fsl_array_request *request) {
  archive a = {.path = request->path, .stream = stream};
  fsl_array array;
  FSL_TRY(read_directory(ctx, &a));
  for (size_t i = 0; i < request->n; i++) {
    const char *const name = i == 0 && request->inside != NULL ? request->inside : request->names[i];
    const member *m = find(&a, name);
    /* A default name gives way to the only array of a file. */
    if (m == NULL && request->n == 1 && request->inside == NULL) m = find(&a, NULL);
    if (m == NULL) return no_such_array(ctx, &a, name);
    FSL_TRY(read_member(ctx, &a, m, &array));
    request->out[i] = array;
  }
  return FSL_OK;
}
