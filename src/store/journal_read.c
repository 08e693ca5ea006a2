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

typedef struct reading {
  fsl_ctx *ctx;
  const char *path;
  fsl_journal_contents *out;
  fsl_record *records;
  fsl_journal_run *runs;
  fsl_journal_start *starts;
  fsl_journal_event *events;
} reading;

static void note_event(reading *r, fsl_journal_event_type type, size_t index) {
  r->events[r->out->n_events++] = (fsl_journal_event){type, index};
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

static fsl_status take_result(reading *r, payload *p) {
  const uint64_t version = p->left < 4 ? 0 : fsl_get_number(p->at, 4);
  if (version > FSL_RECORD_VERSION)
    return fsl_fail(r->ctx, FSL_EINPUT, "%s: a record of version %" PRIu64 "; this fslens knows version %d", r->path,
                    version, FSL_RECORD_VERSION);
  const fsl_arena_mark mark = fsl_arena_now(r->ctx->arena);
  const fsl_status status = fsl_record_decode(r->ctx, p->at, p->left, &r->records[r->out->n_records]);
  if (status == FSL_EINPUT) {
    p->good = false;
    fsl_arena_release(r->ctx->arena, mark);
    return FSL_OK;
  }
  FSL_TRY(status);
  p->left = 0;
  note_event(r, FSL_EVENT_RESULT, r->out->n_records++);
  return FSL_OK;
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
  r->runs[r->out->n_runs] = run;
  note_event(r, FSL_EVENT_RUN, r->out->n_runs++);
  return FSL_OK;
}

static void take_start(reading *r, payload *p) {
  fsl_journal_start start = {0};
  start.job.high = take_number(p, 8);
  start.job.low = take_number(p, 8);
  start.attempt = (unsigned)take_number(p, 4);
  start.alone = take_number(p, 4) != 0;
  if (!is_whole(p)) return;
  r->starts[r->out->n_starts] = start;
  note_event(r, FSL_EVENT_START, r->out->n_starts++);
}

/* Of the last run before it: an end whose own run was lost passes for that one's (FSL_EVENT_DAMAGE stands between). */
static void take_end(reading *r, payload *p) {
  const uint64_t time = take_number(p, 8), reason = take_number(p, 4);
  if (reason > FSL_END_FAILED) p->good = false;
  if (!is_whole(p) || r->out->n_runs == 0) return;
  fsl_journal_run *const run = &r->runs[r->out->n_runs - 1];
  run->ended = time;
  run->reason = (fsl_journal_reason)reason;
  note_event(r, FSL_EVENT_END, r->out->n_runs - 1);
}

/* What holds its checks but does not parse counts as damaged, and the rest is read. */
static fsl_status take_block(reading *r, const fsl_journal_block *b) {
  payload p = {r->ctx, b->payload, b->size, true};
  if (b->type == FSL_BLOCK_CAMPAIGN) FSL_TRY(take_campaign(r, &p));
  if (b->type == FSL_BLOCK_SPEC) FSL_TRY(take_spec(r, &p));
  if (b->type == FSL_BLOCK_RESULT) FSL_TRY(take_result(r, &p));
  if (b->type == FSL_BLOCK_RUN) FSL_TRY(take_run(r, &p));
  if (b->type == FSL_BLOCK_START) take_start(r, &p);
  if (b->type == FSL_BLOCK_END) take_end(r, &p);
  if (is_whole(&p)) return FSL_OK;
  note_event(r, FSL_EVENT_DAMAGE, 0);
  r->out->n_damaged++;
  r->out->damaged_bytes += FSL_FRAME_BYTES + b->size;
  return FSL_OK;
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

/* Room for as many of each as there are blocks of its type. */
static fsl_status count_blocks(reading *r, const uint8_t *bytes, size_t size) {
  size_t n[FSL_BLOCK_END + 1] = {0}, total = 0;
  fsl_journal_scan scan = fsl_journal_scan_start(bytes, size);
  for (fsl_journal_block b; fsl_journal_scan_next(&scan, &b); total++) {
    FSL_TRY(check_block(r, &b));
    n[b.type]++;
  }
  if (scan.patience == 0) return fsl_fail(r->ctx, FSL_EINPUT, "%s: not a journal, or damaged all over", r->path);
  if (total == 0 && !fsl_journal_starts_well(bytes, size))
    return fsl_fail(r->ctx, FSL_EINPUT, "%s: not a journal", r->path);
  FSL_GET(r->ctx, r->records, n[FSL_BLOCK_RESULT] + 1);
  FSL_GET(r->ctx, r->runs, n[FSL_BLOCK_RUN] + 1);
  FSL_GET(r->ctx, r->starts, n[FSL_BLOCK_START] + 1);
  FSL_GET(r->ctx, r->events, total + scan.n_damaged + 1);
  r->out->n_damaged = scan.n_damaged;
  r->out->damaged_bytes = scan.damaged_bytes;
  r->out->torn_bytes = size - scan.at;
  return FSL_OK;
}

static fsl_status parse(reading *r, const uint8_t *bytes, size_t size) {
  FSL_TRY(count_blocks(r, bytes, size));
  fsl_journal_scan scan = fsl_journal_scan_start(bytes, size);
  size_t passed = 0;
  for (fsl_journal_block b; fsl_journal_scan_next(&scan, &b); passed = scan.n_damaged) {
    if (scan.n_damaged > passed) note_event(r, FSL_EVENT_DAMAGE, 0);
    FSL_TRY(take_block(r, &b));
  }
  if (r->out->torn_bytes > 0) note_event(r, FSL_EVENT_DAMAGE, 0);
  r->out->records = r->records;
  r->out->runs = r->runs;
  r->out->starts = r->starts;
  r->out->events = r->events;
  return FSL_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

fsl_status fsl_journal_refused(fsl_ctx *ctx, const char *path, const char *what) {
  return fsl_fail(ctx, FSL_EIO, "%s: cannot %s: %s", path, what, strerror(errno));
}

/* The whole file, allocated by malloc: a journal's bytes are needed only while it is parsed. */
static fsl_status read_file(fsl_ctx *ctx, const char *path, int file, uint8_t **bytes, size_t *size) {
  struct stat about;
  if (fstat(file, &about) != 0) return fsl_journal_refused(ctx, path, "look at it");
  if (!S_ISREG(about.st_mode)) return fsl_fail(ctx, FSL_EINPUT, "%s: not a regular file", path);
  const size_t wanted = (size_t)about.st_size;
  *bytes = malloc(wanted + 1);
  if (*bytes == NULL) return fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for its %zu bytes", path, wanted);
  while (*size < wanted) {
    const ssize_t n = pread(file, *bytes + *size, wanted - *size, (off_t)*size);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fsl_journal_refused(ctx, path, "read it");
    *size += (size_t)n;
  }
  return FSL_OK;
}

fsl_status fsl_journal_parse(fsl_ctx *ctx, const char *path, int file, fsl_journal_contents *out) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  reading r = {.ctx = ctx, .path = path, .out = out};
  *out = (fsl_journal_contents){.campaign = {.name = "", .spec_file = "", .spec_text = ""}};
  out->path = fsl_text_copy(ctx->arena, path);
  if (out->path == NULL) return fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for its path", path);
  fsl_status status = read_file(ctx, path, file, &bytes, &size);
  if (status == FSL_OK) status = parse(&r, bytes, size);
  free(bytes);
  return status;
}

fsl_status fsl_journal_read(fsl_ctx *ctx, const char *path, fsl_journal_contents *out) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is refused, not waited for */
  if (file < 0) return fsl_journal_refused(ctx, path, "open it");
  const fsl_status status = fsl_journal_parse(ctx, path, file, out);
  close(file);
  return status;
}
