/* store/journal.c: reads, cuts and appends to a journal. Its bytes are described in journal.h. */
#include "store/journal.h"

#include "store/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, FRAME = 32, MAX_TEXT = 1 << 26 };
enum { BLOCK_CAMPAIGN = 1, BLOCK_SPEC = 2, BLOCK_RESULT = 3 };
static const uint64_t max_payload = (uint64_t)1 << 32;
static const uint8_t magic[8] = {0x89, 'f', 's', 'l', 'J', '\r', '\n', 0x1a};

struct fsl_journal {
  int file;
  char *path;
  bool failed; /* a write or sync failed: what the file holds is unknown from then on */
  bool unsynced;
};

/* ---- bytes ------------------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; i++) at[i] = (uint8_t)(value >> (8 * i));
  return at + width;
}

static uint64_t get(const uint8_t *at, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

static uint8_t *put_text(uint8_t *at, const char *text) {
  const size_t length = strlen(text);
  at = put(at, length, 4);
  memcpy(at, text, length);
  return at + length;
}

static void make_frame(uint8_t frame[FRAME], unsigned type, const uint8_t *payload, size_t size) {
  memcpy(frame, magic, sizeof magic);
  uint8_t *at = put(frame + sizeof magic, VERSION, 2);
  at = put(at, type, 2);
  at = put(at, 0, 4);
  at = put(at, size, 8);
  at = put(at, fsl_crc32c(payload, size), 4);
  put(at, fsl_crc32c(frame, FRAME - 4), 4);
}

/* ---- reading --------------------------------------------------------------------------------------------- */

/* A text inside `left` bytes, copied; NULL in *out where the bytes are no text. */
static fsl_status take_text(fsl_ctx *ctx, const uint8_t **at, size_t *left, const char **out) {
  *out = NULL;
  if (*left < 4) return FSL_OK;
  const uint64_t length = get(*at, 4);
  if (length > MAX_TEXT || length > *left - 4 || memchr(*at + 4, 0, (size_t)length) != NULL) return FSL_OK;
  char *text;
  FSL_GET(ctx, text, length + 1);
  memcpy(text, *at + 4, (size_t)length);
  *at += 4 + length;
  *left -= 4 + (size_t)length;
  *out = text;
  return FSL_OK;
}

static fsl_status damaged(fsl_ctx *ctx, const char *path, const char *what) {
  return fsl_fail(ctx, FSL_EINPUT, "%s: %s, though its checksum holds: written by a faulty or foreign program", path,
                  what);
}

static fsl_status take_spec(fsl_ctx *ctx, const char *path, const uint8_t *at, size_t left, fsl_journal_contents *out) {
  FSL_TRY(take_text(ctx, &at, &left, &out->spec_file));
  if (out->spec_file != NULL) FSL_TRY(take_text(ctx, &at, &left, &out->spec_text));
  if (out->spec_file == NULL || out->spec_text == NULL || left != 0) return damaged(ctx, path, "a spec does not parse");
  return FSL_OK;
}

static fsl_status take_campaign(fsl_ctx *ctx, const char *path, const uint8_t *at, size_t left,
                                fsl_journal_contents *out) {
  if (left < 12) return damaged(ctx, path, "its header is too short");
  const uint64_t version = get(at, 4);
  if (version != VERSION)
    return fsl_fail(ctx, FSL_EINPUT, "%s: a journal of version %" PRIu64 "; this fslens knows version %d", path,
                    version, VERSION);
  out->seed = get(at + 4, 8);
  at += 12;
  left -= 12;
  FSL_TRY(take_text(ctx, &at, &left, &out->name));
  if (out->name == NULL) return damaged(ctx, path, "its header does not parse");
  return take_spec(ctx, path, at, left, out);
}

typedef struct block {
  unsigned version, type;
  const uint8_t *payload;
  size_t size;
} block;

/* true where whole, intact block starts at `bytes`. */
static bool find_block(const uint8_t *bytes, size_t left, block *out) {
  if (left < FRAME || memcmp(bytes, magic, sizeof magic) != 0) return false;
  if (get(bytes + 28, 4) != fsl_crc32c(bytes, FRAME - 4)) return false;
  const uint64_t length = get(bytes + 16, 8);
  if (length > max_payload || length > left - FRAME) return false;
  *out = (block){(unsigned)get(bytes + 8, 2), (unsigned)get(bytes + 10, 2), bytes + FRAME, (size_t)length};
  return get(bytes + 24, 4) == fsl_crc32c(out->payload, out->size);
}

/* `first`: this is the file's first block. */
static fsl_status check_block(fsl_ctx *ctx, const char *path, const block *b, bool first) {
  if (b->version != VERSION)
    return fsl_fail(ctx, FSL_EINPUT, "%s: a journal of version %u; this fslens knows version %d", path, b->version,
                    VERSION);
  if (b->type < BLOCK_CAMPAIGN || b->type > BLOCK_RESULT)
    return fsl_fail(ctx, FSL_EINPUT, "%s: a block of the unknown type %u: written by a newer fslens?", path, b->type);
  if (first != (b->type == BLOCK_CAMPAIGN)) return damaged(ctx, path, "its header is not at its start, and only there");
  return FSL_OK;
}

typedef struct parsed {
  fsl_journal_contents contents;
  size_t valid;      /* bytes of whole blocks */
  bool more_follows; /* whole blocks lie behind the first bytes that are none: damage, not a torn tail */
} parsed;

static bool has_block(const uint8_t *bytes, size_t size) {
  block b;
  const uint8_t *const end = bytes + size;
  for (const uint8_t *at = bytes; (at = memmem(at, (size_t)(end - at), magic, sizeof magic)) != NULL; at++)
    if (find_block(at, (size_t)(end - at), &b)) return true;
  return false;
}

/* Length of the valid part and the number of results in it. */
static fsl_status measure(fsl_ctx *ctx, const char *path, const uint8_t *bytes, size_t size, size_t *valid,
                          size_t *n_results) {
  block b;
  *valid = *n_results = 0;
  while (find_block(bytes + *valid, size - *valid, &b)) {
    FSL_TRY(check_block(ctx, path, &b, *valid == 0));
    *n_results += b.type == BLOCK_RESULT;
    *valid += FRAME + b.size;
  }
  const size_t start = size < sizeof magic ? size : sizeof magic;
  if (*valid == 0 && memcmp(bytes, magic, start) != 0) return fsl_fail(ctx, FSL_EINPUT, "%s: not a journal", path);
  return FSL_OK;
}

static fsl_status parse(fsl_ctx *ctx, const char *path, const uint8_t *bytes, size_t size, bool records, parsed *out) {
  fsl_record *results;
  size_t n_results;
  block b;
  *out = (parsed){.contents = {.name = "", .spec_file = "", .spec_text = ""}};
  FSL_TRY(measure(ctx, path, bytes, size, &out->valid, &n_results));
  FSL_GET(ctx, results, n_results + 1);
  for (size_t at = 0; at < out->valid && find_block(bytes + at, out->valid - at, &b); at += FRAME + b.size) {
    if (b.type == BLOCK_CAMPAIGN) FSL_TRY(take_campaign(ctx, path, b.payload, b.size, &out->contents));
    if (b.type == BLOCK_SPEC) FSL_TRY(take_spec(ctx, path, b.payload, b.size, &out->contents));
    if (b.type != BLOCK_RESULT || !records) continue;
    const fsl_status status = fsl_record_decode(ctx, b.payload, b.size, &results[out->contents.n_records]);
    if (status != FSL_OK) return fsl_while(ctx, status, "%s: record %zu", path, out->contents.n_records);
    out->contents.n_records++;
  }
  out->contents.records = results;
  out->contents.torn_bytes = size - out->valid;
  out->more_follows = has_block(bytes + out->valid, size - out->valid);
  return FSL_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------- */

static fsl_status refused(fsl_ctx *ctx, const char *path, const char *what) {
  return fsl_fail(ctx, FSL_EIO, "%s: cannot %s: %s", path, what, strerror(errno));
}

/* The whole file, allocated by malloc: a journal's bytes are needed only while it is parsed. */
static fsl_status read_file(fsl_ctx *ctx, const char *path, int file, uint8_t **bytes, size_t *size) {
  struct stat about;
  if (fstat(file, &about) != 0) return refused(ctx, path, "look at it");
  if (!S_ISREG(about.st_mode)) return fsl_fail(ctx, FSL_EINPUT, "%s: not a regular file", path);
  const size_t wanted = (size_t)about.st_size;
  *size = 0;
  *bytes = malloc(wanted + 1);
  if (*bytes == NULL) return fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for its %zu bytes", path, wanted);
  while (*size < wanted) {
    const ssize_t n = pread(file, *bytes + *size, wanted - *size, (off_t)*size);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refused(ctx, path, "read it");
    *size += (size_t)n;
  }
  return FSL_OK;
}

static fsl_status read_and_parse(fsl_ctx *ctx, const char *path, int file, bool records, parsed *out) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  fsl_status status = read_file(ctx, path, file, &bytes, &size);
  if (status == FSL_OK) status = parse(ctx, path, bytes, size, records, out);
  free(bytes);
  return status;
}

fsl_status fsl_journal_read(fsl_ctx *ctx, const char *path, fsl_journal_contents *out) {
  parsed found;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return refused(ctx, path, "open it");
  const fsl_status status = read_and_parse(ctx, path, file, true, &found);
  close(file);
  if (status == FSL_OK) *out = found.contents;
  return status;
}

/* ---- appending ------------------------------------------------------------------------------------------------ */

static fsl_status write_all(fsl_ctx *ctx, fsl_journal *journal, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    const ssize_t n = write(journal->file, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      journal->failed = true;
      return refused(ctx, journal->path, "append to it");
    }
    bytes += n;
    size -= (size_t)n;
  }
  return FSL_OK;
}

static fsl_status usable(fsl_ctx *ctx, const fsl_journal *journal) {
  if (!journal->failed) return FSL_OK;
  return fsl_fail(ctx, FSL_EIO, "%s: an earlier write failed; nothing more is written to it", journal->path);
}

static fsl_status write_block(fsl_ctx *ctx, fsl_journal *journal, unsigned type, const uint8_t *payload, size_t size) {
  uint8_t frame[FRAME];
  FSL_TRY(usable(ctx, journal));
  if (size > max_payload)
    return fsl_fail(ctx, FSL_EINPUT, "%s: a record of %zu bytes is too long", journal->path, size);
  make_frame(frame, type, payload, size);
  journal->unsynced = true;
  FSL_TRY(write_all(ctx, journal, frame, sizeof frame));
  return write_all(ctx, journal, payload, size);
}

fsl_status fsl_journal_write(fsl_ctx *ctx, fsl_journal *journal, const uint8_t *bytes, size_t size) {
  return write_block(ctx, journal, BLOCK_RESULT, bytes, size);
}

/* A failed fdatasync is not repeated: the kernel may have dropped the pages and would report success. */
fsl_status fsl_journal_sync(fsl_ctx *ctx, fsl_journal *journal) {
  FSL_TRY(usable(ctx, journal));
  if (!journal->unsynced) return FSL_OK;
  if (fdatasync(journal->file) != 0) {
    journal->failed = true;
    return refused(ctx, journal->path, "make it durable");
  }
  journal->unsynced = false;
  return FSL_OK;
}

fsl_status fsl_journal_append(fsl_ctx *ctx, fsl_journal *journal, const uint8_t *bytes, size_t size) {
  FSL_TRY(fsl_journal_write(ctx, journal, bytes, size));
  return fsl_journal_sync(ctx, journal);
}

fsl_status fsl_journal_close(fsl_ctx *ctx, fsl_journal *journal) {
  fsl_status status = fsl_journal_sync(ctx, journal);
  if (close(journal->file) != 0 && status == FSL_OK) status = refused(ctx, journal->path, "close it");
  free(journal->path);
  free(journal);
  return status;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

typedef struct campaign {
  const char *name;
  uint64_t seed;
  const char *spec_file, *spec_text;
} campaign;

/* Writes the header (type campaign) or a later spec (type spec), durably. */
static fsl_status write_spec(fsl_ctx *ctx, fsl_journal *journal, unsigned type, const campaign *c) {
  const size_t file = strlen(c->spec_file), text = strlen(c->spec_text), name = strlen(c->name);
  uint8_t *payload, *at;
  if (file > MAX_TEXT || text > MAX_TEXT || name > MAX_TEXT)
    return fsl_fail(ctx, FSL_EINPUT, "%s: the spec is too long for a journal", journal->path);
  FSL_GET(ctx, payload, 24 + name + file + text);
  at = payload;
  if (type == BLOCK_CAMPAIGN) {
    at = put(at, VERSION, 4);
    at = put(at, c->seed, 8);
    at = put_text(at, c->name);
  }
  at = put_text(at, c->spec_file);
  at = put_text(at, c->spec_text);
  FSL_TRY(write_block(ctx, journal, type, payload, (size_t)(at - payload)));
  return fsl_journal_sync(ctx, journal);
}

/* A new file is durable only when its folder is. */
static fsl_status sync_folder(fsl_ctx *ctx, const char *path) {
  const char *const slash = strrchr(path, '/');
  const size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
  char *folder;
  FSL_GET(ctx, folder, length + 2);
  memcpy(folder, length == 0 ? "." : path, length == 0 ? 1 : length);
  const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return refused(ctx, folder, "open this folder");
  const bool done = fsync(file) == 0 || errno == EINVAL; /* some file systems have nothing to sync here */
  close(file);
  return done ? FSL_OK : refused(ctx, folder, "make this folder durable");
}

static fsl_status same_campaign(fsl_ctx *ctx, const char *path, const fsl_journal_contents *old, const campaign *c) {
  if (strcmp(old->name, c->name) != 0)
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s: belongs to the campaign \"%s\", not to \"%s\"; choose another output or --fresh", path,
                    old->name, c->name);
  if (old->seed != c->seed)
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s: belongs to \"%s\" with seed %" PRIu64 ", not %" PRIu64 "; choose another output or --fresh",
                    path, old->name, old->seed, c->seed);
  return FSL_OK;
}

/* Everything is checked before anything is cut: a foreign file stays as it is. */
static fsl_status prepare(fsl_ctx *ctx, fsl_journal *journal, const campaign *c) {
  parsed old;
  FSL_TRY(read_and_parse(ctx, journal->path, journal->file, false, &old));
  const size_t torn = old.contents.torn_bytes;
  if (old.valid > 0) FSL_TRY(same_campaign(ctx, journal->path, &old.contents, c));
  if (old.more_follows)
    return fsl_fail(ctx, FSL_EINPUT, "%s: damaged at byte %zu, with whole records behind it; restore it or use --fresh",
                    journal->path, old.valid);
  if (torn > 0) {
    fsl_say(ctx, FSL_LOG_WARN, "%s: its last %zu bytes are no whole record (a write was cut off) and are removed",
            journal->path, torn);
    if (ftruncate(journal->file, (off_t)old.valid) != 0) return refused(ctx, journal->path, "cut its torn end off");
    journal->unsynced = true;
  }
  if (old.valid == 0) {
    FSL_TRY(write_spec(ctx, journal, BLOCK_CAMPAIGN, c));
    return sync_folder(ctx, journal->path);
  }
  if (strcmp(old.contents.spec_text, c->spec_text) != 0) FSL_TRY(write_spec(ctx, journal, BLOCK_SPEC, c));
  return fsl_journal_sync(ctx, journal);
}

fsl_status fsl_journal_open(fsl_ctx *ctx, const char *path, const char *name, uint64_t seed, const char *spec_file,
                            const char *spec_text, fsl_journal **out) {
  const campaign c = {name, seed, spec_file, spec_text};
  fsl_journal *const journal = calloc(1, sizeof *journal);
  char *const copy = strdup(path);
  if (journal == NULL || copy == NULL) {
    free(journal);
    free(copy);
    return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a journal");
  }
  journal->path = copy;
  journal->file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  fsl_status status = journal->file < 0 ? refused(ctx, path, "open or create it") : prepare(ctx, journal, &c);
  if (status == FSL_OK) {
    *out = journal;
    return FSL_OK;
  }
  if (journal->file >= 0) close(journal->file);
  free(copy);
  free(journal);
  return status;
}

char *fsl_journal_path(fsl_arena *arena, const char *results_path) {
  static const char ending[] = ".h5", other[] = ".journal";
  size_t length = strlen(results_path);
  if (length > strlen(ending) && strcmp(results_path + length - strlen(ending), ending) == 0) length -= strlen(ending);
  char *const path = fsl_arena_get(arena, length + sizeof other, 1);
  if (path == NULL) return NULL;
  memcpy(path, results_path, length);
  memcpy(path + length, other, sizeof other);
  return path;
}
