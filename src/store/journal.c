/* store/journal.c: opens a journal and appends to it. Its bytes are described in journal.h. */
#include "store/journal.h"

#include "base/text.h"
#include "store/files.h"
#include "store/journal_file.h"
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct fsl_journal {
  int file;
  char *path;
  fsl_lock lock;
  bool failed; /* a write or sync failed: what the file holds is unknown from then on */
  bool unsynced;
  uint64_t end; /* of what was written */
  fsl_journal_place last;
};

/* ---- appending ------------------------------------------------------------------------------------------------ */

static fsl_status usable(fsl_ctx *ctx, const fsl_journal *journal) {
  if (!journal->failed) return FSL_OK;
  return fsl_fail(ctx, FSL_EIO, "%s: an earlier write failed; nothing more is written to it", journal->path);
}

/* Steps over what was written. */
static void advance(struct iovec part[2], size_t n) {
  for (int i = 0; i < 2; i++) {
    const size_t step = n < part[i].iov_len ? n : part[i].iov_len;
    part[i].iov_base = (uint8_t *)part[i].iov_base + step;
    part[i].iov_len -= step;
    n -= step;
  }
}

static fsl_status write_all(fsl_ctx *ctx, fsl_journal *journal, struct iovec part[2]) {
  while (part[0].iov_len + part[1].iov_len > 0) {
    const ssize_t n = writev(journal->file, part, 2);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      journal->failed = true;
      return fsl_journal_refused(ctx, journal->path, "append to it");
    }
    advance(part, (size_t)n);
  }
  return FSL_OK;
}

static fsl_status write_block(fsl_ctx *ctx, fsl_journal *journal, fsl_block_type type, const uint8_t *payload,
                              size_t size) {
  uint8_t frame[FSL_FRAME_BYTES], *const bytes = (uint8_t *)(uintptr_t)payload; /* writev reads alone */
  FSL_TRY(usable(ctx, journal));
  if (!fsl_journal_fits(size))
    return fsl_fail(ctx, FSL_EINPUT, "%s: a record of %zu bytes is too long", journal->path, size);
  fsl_journal_frame(frame, type, payload, size);
  struct iovec part[2] = {{frame, sizeof frame}, {bytes, size}};
  journal->unsynced = true;
  journal->end += sizeof frame + size;
  return write_all(ctx, journal, part);
}

fsl_status fsl_journal_write(fsl_ctx *ctx, fsl_journal *journal, const uint8_t *bytes, size_t size) {
  FSL_TRY(write_block(ctx, journal, FSL_BLOCK_RESULT, bytes, size));
  journal->last = (fsl_journal_place){journal->end - size, size};
  return FSL_OK;
}

fsl_journal_place fsl_journal_last(const fsl_journal *journal) {
  return journal->last;
}

fsl_status fsl_journal_started(fsl_ctx *ctx, fsl_journal *journal, const fsl_journal_start *start) {
  uint8_t payload[24], *at = payload;
  at = fsl_put_number(at, start->job.high, 8);
  at = fsl_put_number(at, start->job.low, 8);
  at = fsl_put_number(at, start->attempt, 4);
  at = fsl_put_number(at, start->alone, 4);
  return write_block(ctx, journal, FSL_BLOCK_START, payload, (size_t)(at - payload));
}

fsl_status fsl_journal_end(fsl_ctx *ctx, fsl_journal *journal, uint64_t time, fsl_journal_reason reason) {
  uint8_t payload[12], *at = payload;
  at = fsl_put_number(at, time, 8);
  at = fsl_put_number(at, reason, 4);
  return write_block(ctx, journal, FSL_BLOCK_END, payload, (size_t)(at - payload));
}

/* A block of numbers and texts, in the arena until it is written. */
static fsl_status write_texts(fsl_ctx *ctx, fsl_journal *journal, fsl_block_type type, const uint8_t *numbers,
                              size_t size, size_t n, const char *const *texts) {
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  uint8_t *payload;
  size_t total = size;
  for (size_t i = 0; i < n; i++) {
    if (strlen(texts[i]) > FSL_JOURNAL_MAX_TEXT)
      return fsl_fail(ctx, FSL_EINPUT, "%s: a text of %zu bytes is too long for a journal", journal->path,
                      strlen(texts[i]));
    total += 4 + strlen(texts[i]);
  }
  FSL_GET(ctx, payload, total + 1);
  memcpy(payload, numbers, size);
  uint8_t *at = payload + size;
  for (size_t i = 0; i < n; i++) at = fsl_put_text(at, texts[i]);
  const fsl_status status = write_block(ctx, journal, type, payload, total);
  fsl_arena_release(ctx->arena, mark);
  return status;
}

static fsl_status write_campaign(fsl_ctx *ctx, fsl_journal *journal, const fsl_journal_campaign *c) {
  uint8_t numbers[12], *at = numbers;
  at = fsl_put_number(at, FSL_JOURNAL_VERSION, 4);
  at = fsl_put_number(at, c->seed, 8);
  return write_texts(ctx, journal, FSL_BLOCK_CAMPAIGN, numbers, (size_t)(at - numbers), 1, &c->name);
}

static fsl_status write_spec(fsl_ctx *ctx, fsl_journal *journal, const fsl_journal_campaign *c) {
  const char *const texts[] = {c->spec_file, c->spec_text};
  uint8_t numbers[8];
  fsl_put_number(numbers, c->spec_time, 8);
  return write_texts(ctx, journal, FSL_BLOCK_SPEC, numbers, sizeof numbers, 2, texts);
}

fsl_status fsl_journal_spec(fsl_ctx *ctx, fsl_journal *journal, const fsl_journal_campaign *campaign) {
  FSL_TRY(write_spec(ctx, journal, campaign));
  return fsl_journal_sync(ctx, journal);
}

fsl_status fsl_journal_begin(fsl_ctx *ctx, fsl_journal *journal, const fsl_journal_run *run) {
  const char *const texts[] = {run->host, run->signature, run->command, run->slurm};
  uint8_t numbers[20], *at = numbers;
  at = fsl_put_number(at, run->began, 8);
  at = fsl_put_number(at, run->ranks, 4);
  at = fsl_put_number(at, run->shard, 4);
  at = fsl_put_number(at, run->shards, 4);
  return write_texts(ctx, journal, FSL_BLOCK_RUN, numbers, (size_t)(at - numbers), 4, texts);
}

/* ---- durable -------------------------------------------------------------------------------------------------- */

/* A journal that was moved or removed goes on taking bytes that nobody will ever find. */
static fsl_status still_there(fsl_ctx *ctx, fsl_journal *journal) {
  if (fsl_file_is_at(journal->file, journal->path)) return FSL_OK;
  journal->failed = true;
  return fsl_fail(ctx, FSL_EIO, "%s: the journal was moved or removed while it was written to", journal->path);
}

/* A failed fdatasync is not repeated: the kernel may have dropped the pages and would report success. */
fsl_status fsl_journal_sync(fsl_ctx *ctx, fsl_journal *journal) {
  FSL_TRY(usable(ctx, journal));
  if (!journal->unsynced) return FSL_OK;
  if (fdatasync(journal->file) != 0) {
    journal->failed = true;
    return fsl_journal_refused(ctx, journal->path, "make it durable");
  }
  journal->unsynced = false;
  return still_there(ctx, journal);
}

fsl_status fsl_journal_close(fsl_ctx *ctx, fsl_journal *journal) {
  fsl_status status = fsl_journal_sync(ctx, journal);
  if (close(journal->file) != 0 && status == FSL_OK) status = fsl_journal_refused(ctx, journal->path, "close it");
  fsl_lock_release(&journal->lock);
  free(journal->path);
  free(journal);
  return status;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static bool has_header(const fsl_journal_contents *old) {
  return old->campaign.name[0] != '\0';
}

static fsl_status same_campaign(fsl_ctx *ctx, const fsl_journal_contents *old, const fsl_journal_campaign *c) {
  if (!has_header(old)) return FSL_OK; /* records are named by content: a lost header does no harm */
  if (strcmp(old->campaign.name, c->name) != 0)
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s: belongs to the campaign \"%s\", not to \"%s\"; choose another output or --fresh", old->path,
                    old->campaign.name, c->name);
  if (old->campaign.seed != c->seed)
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s: belongs to \"%s\" with seed %" PRIu64 ", not %" PRIu64 "; choose another output or --fresh",
                    old->path, old->campaign.name, old->campaign.seed, c->seed);
  return FSL_OK;
}

static fsl_status cut_torn(fsl_ctx *ctx, fsl_journal *journal, size_t torn) {
  struct stat about;
  if (torn == 0) return FSL_OK;
  fsl_say(ctx, FSL_LOG_WARN, "%s: its last %zu bytes are no whole record (a write was cut off) and are removed",
          journal->path, torn);
  if (fstat(journal->file, &about) != 0 || ftruncate(journal->file, about.st_size - (off_t)torn) != 0)
    return fsl_journal_refused(ctx, journal->path, "cut its torn end off");
  journal->unsynced = true;
  return FSL_OK;
}

/* Everything is checked before anything is cut: a foreign file stays as it is. */
static fsl_status prepare(fsl_ctx *ctx, fsl_journal *journal, const fsl_journal_campaign *c,
                          fsl_journal_contents *old) {
  struct stat about;
  FSL_TRY(fsl_journal_parse(ctx, journal->path, journal->file, old));
  FSL_TRY(same_campaign(ctx, old, c));
  if (old->n_damaged > 0)
    fsl_say(ctx, FSL_LOG_WARN, "%s: damaged in %zu places (%zu bytes); what lay there is computed again", journal->path,
            old->n_damaged, old->damaged_bytes);
  FSL_TRY(cut_torn(ctx, journal, old->torn_bytes));
  if (fstat(journal->file, &about) != 0) return fsl_journal_refused(ctx, journal->path, "look at it");
  journal->end = (uint64_t)about.st_size;
  if (!has_header(old)) {
    FSL_TRY(write_campaign(ctx, journal, c));
    FSL_TRY(fsl_folder_sync(ctx, journal->path)); /* a new file is durable only when its folder is */
  }
  const bool same_spec = strcmp(old->campaign.spec_text, c->spec_text) == 0 &&
                         strcmp(old->campaign.spec_file, c->spec_file) == 0; /* data files lie beside it */
  if (!same_spec) FSL_TRY(write_spec(ctx, journal, c));
  return fsl_journal_sync(ctx, journal);
}

static fsl_status open_file(fsl_ctx *ctx, fsl_journal *journal) {
  journal->file = open(journal->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  return journal->file >= 0 ? FSL_OK : fsl_journal_refused(ctx, journal->path, "open it");
}

static void abandon(fsl_journal *journal) {
  if (journal->file >= 0) close(journal->file);
  fsl_lock_release(&journal->lock);
  free(journal->path);
  free(journal);
}

fsl_status fsl_journal_open(fsl_ctx *ctx, const char *path, const fsl_journal_campaign *campaign, double patience,
                            fsl_journal **out, fsl_journal_contents *contents) {
  fsl_journal *const journal = calloc(1, sizeof *journal);
  char *const copy = strdup(path);
  *out = NULL;
  if (journal == NULL || copy == NULL) {
    free(copy);
    free(journal);
    return fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory", path);
  }
  *journal = (fsl_journal){.file = -1, .path = copy, .lock = {.file = -1}};
  fsl_status status = fsl_lock_take(ctx, path, patience, &journal->lock);
  if (status == FSL_OK) status = open_file(ctx, journal);
  if (status == FSL_OK) status = prepare(ctx, journal, campaign, contents);
  if (status != FSL_OK)
    abandon(journal);
  else
    *out = journal;
  return status;
}
