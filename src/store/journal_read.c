/* store/journal_read.c: a journal's blocks as records, runs and events. */
#include "store/journal_file.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- payloads: nothing is allocated before its length is known to lie inside the bytes --------------------------- */

typedef struct payload {
  fsl_ctx *ctx;
  const uint8_t *at;
  size_t left;
  bool good; /* false: the bytes do not parse */
} payload;

static uint64_t take_number(payload *p, size_t width) {
  if (p->left < width) p->good = false;
  if (!p->good) return 0;
  p->at += width;
  p->left -= width;
  return fsl_get_number(p->at - width, width);
}

static fsl_status take_text(payload *p, const char **out) {
  const uint64_t length = take_number(p, 4);
  *out = "";
  if (length > FSL_JOURNAL_MAX_TEXT || length > p->left || (length > 0 && memchr(p->at, 0, (size_t)length) != NULL))
    p->good = false;
  if (!p->good) return FSL_OK;
  char *text;
  FSL_GET(p->ctx, text, length + 1);
  memcpy(text, p->at, (size_t)length);
  p->at += length;
  p->left -= (size_t)length;
  *out = text;
  return FSL_OK;
}

static bool is_whole(const payload *p) {
  return p->good && p->left == 0;
}

/* ---- the blocks -------------------------------------------------------------------------------------------------- */

/* A list that grows, by malloc: the arena gets it whole. */
typedef struct list {
  size_t n, room;
  void *item;
} list;

typedef struct reading {
  fsl_ctx *ctx;
  const char *path;
  fsl_journal_contents *out;
  list records, runs, starts, events;
} reading;

static fsl_status append(reading *r, list *l, size_t size, const void *item) {
  if (l->n == l->room) {
    const size_t room = l->room == 0 ? 64 : l->room + l->room / 2;
    void *const wider = room > UINT32_MAX ? NULL : realloc(l->item, room * size);
    if (wider == NULL) return fsl_fail(r->ctx, FSL_ENOMEM, "%s: out of memory for what it holds", r->path);
    l->item = wider;
    l->room = room;
  }
  memcpy((char *)l->item + l->n++ * size, item, size);
  return FSL_OK;
}

static fsl_status note_event(reading *r, fsl_journal_event_type type, size_t index) {
  const fsl_journal_event event = {type, (uint32_t)index};
  return append(r, &r->events, sizeof event, &event);
}

static fsl_status take_campaign(reading *r, payload *p) {
  const uint64_t version = take_number(p, 4);
  if (p->good && version != FSL_JOURNAL_VERSION)
    return fsl_fail(r->ctx, FSL_EINPUT, "%s: a journal of version %" PRIu64 "; this fslens knows version %d", r->path,
                    version, FSL_JOURNAL_VERSION);
  const uint64_t seed = take_number(p, 8);
  const char *name;
  FSL_TRY(take_text(p, &name));
  if (!is_whole(p)) return FSL_OK;
  r->out->campaign.name = name;
  r->out->campaign.seed = seed;
  return FSL_OK;
}

static fsl_status take_spec(reading *r, payload *p) {
  const uint64_t time = take_number(p, 8);
  const char *file, *text;
  FSL_TRY(take_text(p, &file));
  FSL_TRY(take_text(p, &text));
  if (!is_whole(p)) return FSL_OK;
  r->out->campaign.spec_time = time;
  r->out->campaign.spec_file = file;
  r->out->campaign.spec_text = text;
  return FSL_OK;
}

static fsl_status take_result(reading *r, payload *p, uint64_t at) {
  const uint64_t version = p->left < 4 ? 0 : fsl_get_number(p->at, 4);
  if (version > FSL_RECORD_VERSION)
    return fsl_fail(r->ctx, FSL_EINPUT, "%s: a record of version %" PRIu64 "; this fslens knows version %d", r->path,
                    version, FSL_RECORD_VERSION);
  const fsl_arena_mark mark = fsl_arena_now(r->ctx->arena);
  fsl_record record;
  const fsl_status status = fsl_record_skim(r->ctx, p->at, p->left, &record);
  fsl_arena_release(r->ctx->arena, mark);
  p->good = status != FSL_EINPUT;
  if (status != FSL_OK) return p->good ? status : FSL_OK;
  const fsl_journal_record known = {record.job,     record.data,  {at, p->left},
                                    record.seconds, record.ranks, record.status};
  p->left = 0;
  FSL_TRY(note_event(r, FSL_EVENT_RESULT, r->records.n));
  return append(r, &r->records, sizeof known, &known);
}

static fsl_status take_run(reading *r, payload *p) {
  fsl_journal_run run = {.began = take_number(p, 8)};
  run.ranks = (unsigned)take_number(p, 4);
  run.shard = (unsigned)take_number(p, 4);
  run.shards = (unsigned)take_number(p, 4);
  FSL_TRY(take_text(p, &run.host));
  FSL_TRY(take_text(p, &run.signature));
  FSL_TRY(take_text(p, &run.command));
  FSL_TRY(take_text(p, &run.slurm));
  if (!is_whole(p)) return FSL_OK;
  FSL_TRY(note_event(r, FSL_EVENT_RUN, r->runs.n));
  return append(r, &r->runs, sizeof run, &run);
}

static fsl_status take_start(reading *r, payload *p) {
  fsl_journal_start start = {0};
  start.job.high = take_number(p, 8);
  start.job.low = take_number(p, 8);
  start.attempt = (unsigned)take_number(p, 4);
  start.alone = take_number(p, 4) != 0;
  if (!is_whole(p)) return FSL_OK;
  FSL_TRY(note_event(r, FSL_EVENT_START, r->starts.n));
  return append(r, &r->starts, sizeof start, &start);
}

/* Of the last run before it: an end whose own run was lost passes for that one's (FSL_EVENT_DAMAGE stands between). */
static fsl_status take_end(reading *r, payload *p) {
  const uint64_t time = take_number(p, 8), reason = take_number(p, 4);
  if (reason > FSL_END_FAILED) p->good = false;
  if (!is_whole(p) || r->runs.n == 0) return FSL_OK;
  fsl_journal_run *const run = (fsl_journal_run *)r->runs.item + r->runs.n - 1;
  run->ended = time;
  run->reason = (fsl_journal_reason)reason;
  return note_event(r, FSL_EVENT_END, r->runs.n - 1);
}

/* What holds its checks but does not parse counts as damaged, and the rest is read. */
static fsl_status take_block(reading *r, const fsl_journal_block *b) {
  payload p = {r->ctx, b->payload, b->size, true};
  if (b->type == FSL_BLOCK_CAMPAIGN) FSL_TRY(take_campaign(r, &p));
  if (b->type == FSL_BLOCK_SPEC) FSL_TRY(take_spec(r, &p));
  if (b->type == FSL_BLOCK_RESULT) FSL_TRY(take_result(r, &p, b->at));
  if (b->type == FSL_BLOCK_RUN) FSL_TRY(take_run(r, &p));
  if (b->type == FSL_BLOCK_START) FSL_TRY(take_start(r, &p));
  if (b->type == FSL_BLOCK_END) FSL_TRY(take_end(r, &p));
  if (is_whole(&p)) return FSL_OK;
  r->out->n_damaged++;
  r->out->damaged_bytes += FSL_FRAME_BYTES + b->size;
  return note_event(r, FSL_EVENT_DAMAGE, 0);
}

static fsl_status check_block(const reading *r, const fsl_journal_block *b) {
  if (b->version != FSL_JOURNAL_VERSION)
    return fsl_fail(r->ctx, FSL_EINPUT, "%s: a journal of version %u; this fslens knows version %d", r->path,
                    b->version, FSL_JOURNAL_VERSION);
  if (b->type < FSL_BLOCK_CAMPAIGN || b->type > FSL_BLOCK_END)
    return fsl_fail(r->ctx, FSL_EINPUT, "%s: a block of the unknown type %u: written by a newer fslens?", r->path,
                    b->type);
  return FSL_OK;
}

static fsl_status take_all(reading *r, fsl_journal_scan *scan) {
  size_t passed = 0, total = 0;
  for (fsl_journal_block b; fsl_journal_scan_next(scan, &b); passed = scan->n_damaged, total++) {
    FSL_TRY(check_block(r, &b));
    if (scan->n_damaged > passed) FSL_TRY(note_event(r, FSL_EVENT_DAMAGE, 0));
    FSL_TRY(take_block(r, &b));
  }
  errno = scan->trouble;
  if (scan->trouble == ENOMEM) return fsl_fail(r->ctx, FSL_ENOMEM, "%s: out of memory for one of its blocks", r->path);
  if (scan->trouble != 0) return fsl_journal_refused(r->ctx, r->path, "read it");
  if (scan->patience == 0) return fsl_fail(r->ctx, FSL_EINPUT, "%s: not a journal, or damaged all over", r->path);
  if (total == 0 && !scan->starts_well) return fsl_fail(r->ctx, FSL_EINPUT, "%s: not a journal", r->path);
  r->out->n_damaged += scan->n_damaged;
  r->out->damaged_bytes += scan->damaged_bytes;
  r->out->torn_bytes = (size_t)(scan->size - scan->at);
  return r->out->torn_bytes > 0 ? note_event(r, FSL_EVENT_DAMAGE, 0) : FSL_OK;
}

/* Moves a list into the arena. */
static fsl_status settle(reading *r, list *l, size_t size, size_t *n, const void **out) {
  void *const kept = fsl_arena_get(r->ctx->arena, l->n + 1, size);
  if (kept == NULL) return fsl_fail(r->ctx, FSL_ENOMEM, "%s: out of memory for what it holds", r->path);
  if (l->n > 0) memcpy(kept, l->item, l->n * size);
  *n = l->n;
  *out = kept;
  free(l->item);
  *l = (list){0};
  return FSL_OK;
}

static fsl_status settle_all(reading *r) {
  fsl_journal_contents *const out = r->out;
  const void *runs, *starts, *records, *events;
  FSL_TRY(settle(r, &r->records, sizeof(fsl_journal_record), &out->n_records, &records));
  FSL_TRY(settle(r, &r->runs, sizeof(fsl_journal_run), &out->n_runs, &runs));
  FSL_TRY(settle(r, &r->starts, sizeof(fsl_journal_start), &out->n_starts, &starts));
  FSL_TRY(settle(r, &r->events, sizeof(fsl_journal_event), &out->n_events, &events));
  out->records = records;
  out->runs = runs;
  out->starts = starts;
  out->events = events;
  return FSL_OK;
}

static void drop(reading *r) {
  list *const lists[] = {&r->records, &r->runs, &r->starts, &r->events};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) free(lists[i]->item);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

fsl_status fsl_journal_refused(fsl_ctx *ctx, const char *path, const char *what) {
  return fsl_fail(ctx, FSL_EIO, "%s: cannot %s: %s", path, what, strerror(errno));
}

fsl_status fsl_journal_parse(fsl_ctx *ctx, const char *path, int file, fsl_journal_contents *out) {
  struct stat about;
  reading r = {.ctx = ctx, .path = path, .out = out};
  *out = (fsl_journal_contents){.campaign = {.name = "", .spec_file = "", .spec_text = ""}};
  out->path = fsl_text_copy(ctx->arena, path);
  if (out->path == NULL) return fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for its path", path);
  if (fstat(file, &about) != 0) return fsl_journal_refused(ctx, path, "look at it");
  if (!S_ISREG(about.st_mode)) return fsl_fail(ctx, FSL_EINPUT, "%s: not a regular file", path);
  fsl_journal_scan scan = fsl_journal_scan_start(file, (uint64_t)about.st_size);
  fsl_status status = take_all(&r, &scan);
  fsl_journal_scan_end(&scan);
  if (status == FSL_OK) status = settle_all(&r);
  drop(&r);
  return status;
}

fsl_status fsl_journal_read(fsl_ctx *ctx, const char *path, fsl_journal_contents *out) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused, not waited for */
  if (file < 0) return fsl_journal_refused(ctx, path, "open it");
  const fsl_status status = fsl_journal_parse(ctx, path, file, out);
  close(file);
  return status;
}

/* ---- one record ----------------------------------------------------------------------------------------------------
 */

static fsl_status read_bytes(fsl_ctx *ctx, const char *path, int file, fsl_journal_place place, uint8_t *bytes) {
  for (size_t done = 0; done < place.size;) {
    const ssize_t n = pread(file, bytes + done, place.size - done, (off_t)(place.at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fsl_journal_refused(ctx, path, "read it");
    if (n == 0) return fsl_fail(ctx, FSL_EIO, "%s: it was cut short while it was read", path);
    done += (size_t)n;
  }
  return FSL_OK;
}

fsl_status fsl_journal_fetch(fsl_ctx *ctx, const char *path, int file, fsl_journal_place place, fsl_hash job,
                             bool whole, fsl_record *out) {
  uint8_t *bytes;
  FSL_GET(ctx, bytes, place.size + 1);
  FSL_TRY(read_bytes(ctx, path, file, place, bytes));
  const fsl_status status = (whole ? fsl_record_decode : fsl_record_skim)(ctx, bytes, place.size, out);
  if (status != FSL_OK && status != FSL_EINPUT) return status;
  if (status == FSL_OK && fsl_hash_compare(out->job, job) == 0) return FSL_OK;
  return fsl_fail(ctx, FSL_EIO, "%s: it was changed while it was read", path);
}
