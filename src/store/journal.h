/* store/journal.h: the append-only file of a campaign's records. Nothing in it is ever changed; a later record of the
 * same job, and a later spec, rule over earlier ones. All numbers are little-endian.
 *
 *   file     := block*
 *   block    := frame payload
 *   frame    := magic    8 bytes   89 66 73 6c 4a 0d 0a 1a
 *               version  u16       1: of everything in the block but a result's payload
 *               type     u16       1 campaign, 2 spec, 3 result, 4 run, 5 start, 6 end
 *               reserved u32       0
 *               length   u64       bytes of payload, at most 2^32
 *               payload  u32       CRC-32C of the payload
 *               frame    u32       CRC-32C of the 28 bytes before
 *   campaign := version u32 | seed u64 | name text                               the first block of a new file
 *   spec     := time u64 | file text | text text
 *   result   := what fsl_record_encode writes (job/record.h: it has a version of its own)
 *   run      := time u64 | ranks u32 | shard u32 | shards u32 | host text | signature text | command text | slurm text
 *   start    := job u64 (high) u64 (low) | attempt u32 | alone u32               a job was handed to its ranks
 *   end      := time u64 | reason u32                                            see fsl_journal_reason
 *   text     := u32 length | bytes, without a terminator; at most 2^26, no zero byte
 *
 * Times are nanoseconds since 1970 (UTC). CRC-32C: reflected polynomial 82f63b78, start and final xor ffffffff
 * ("123456789" gives e3069283).
 *
 * A `run` block opens the events of one run of the program; without an `end` behind it the run died (or still goes on).
 * A job that was started in a run that died, and has no result behind its start, was in flight at the death.
 *
 * Damage: where no whole block stands, reading goes on at the next magic that starts one, so that damage costs the
 * blocks it lies in alone. A file whose blocks would take far more checking than its size is no journal: that is made
 * up, not damaged. What follows the last whole block is the torn tail of a write that was cut off: opening for
 * appending removes it. Damage before whole blocks stays where it is. A block or record of a newer version, or of a
 * type this version does not know, is refused: going on would lose or misread what a newer fslens wrote. A file without
 * any whole block is a new one if it is empty or starts like a block, else no journal. */
#ifndef FSL_JOURNAL_H
#define FSL_JOURNAL_H

#include "job/record.h"

typedef struct fsl_journal fsl_journal;

typedef struct fsl_journal_campaign {
  const char *name;
  uint64_t seed;
  uint64_t spec_time;                /* when the newest spec was written; 0: unknown */
  const char *spec_file, *spec_text; /* the newest spec; "" where there is none */
} fsl_journal_campaign;

typedef enum fsl_journal_reason {
  FSL_END_DIED, /* there is no end block; or one that a witness of the death wrote later */
  FSL_END_FINISHED,
  FSL_END_STOPPED, /* a signal asked for it: what kills the run from here on is no job's fault. (mpirun sends SIGTERM to
                      the ranks that are left when one has died, too: whoever sees mpirun's exit status knows which it
                      was, and writes FSL_END_DIED behind.) */
  FSL_END_DEADLINE,
  FSL_END_GAVE_UP, /* a job ignored its time limit, and the run was ended for it; its record is in the journal */
  FSL_END_FAILED,  /* the run itself failed, such as on a full disk */
} fsl_journal_reason;

/* One run of the program on this journal. */
typedef struct fsl_journal_run {
  uint64_t began, ended; /* ended: 0 without an end block */
  fsl_journal_reason reason;
  unsigned ranks, shard, shards; /* shard of shards, from 1; 1 of 1 without an array */
  const char *host, *signature, *command, *slurm;
} fsl_journal_run;

typedef struct fsl_journal_start {
  fsl_hash job;
  unsigned attempt; /* from 1 */
  bool alone;       /* nothing else was in flight, on purpose: the job was a suspect */
} fsl_journal_start;

/* Where a record lies in its journal. */
typedef struct fsl_journal_place {
  uint64_t at; /* in the file, behind the frame */
  uint64_t size;
} fsl_journal_place;

/* What is known of a record without its values, which stay in the file. */
typedef struct fsl_journal_record {
  fsl_hash job, data; /* as in fsl_record */
  fsl_journal_place place;
  double seconds;
  int ranks;
  fsl_record_status status;
} fsl_journal_record;

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef enum fsl_journal_event_type {
  FSL_EVENT_RUN,
  FSL_EVENT_START,
  FSL_EVENT_RESULT,
  FSL_EVENT_END,
  FSL_EVENT_DAMAGE, /* something that was written here is lost, torn off or does not parse: of any type */
} fsl_journal_event_type;

typedef struct fsl_journal_event { /* in the order written */
  fsl_journal_event_type type;
  uint32_t index; /* of runs, starts or records; of the run for an end (the last run before it); 0 for damage */
} fsl_journal_event;

typedef struct fsl_journal_contents {
  const char *path;
  fsl_journal_campaign campaign; /* name "" where that block is lost, or nothing is there */
  size_t n_records;
  const fsl_journal_record *records; /* in the order written; a job may occur more than once, the last rules */
  size_t n_runs;
  const fsl_journal_run *runs;
  size_t n_starts;
  const fsl_journal_start *starts;
  size_t n_events;
  const fsl_journal_event *events;
  size_t n_damaged, damaged_bytes; /* stretches before the last whole block, and blocks that do not parse */
  size_t torn_bytes;               /* behind the last whole block */
} fsl_journal_contents;

/* Reads what a whole journal holds, but for the records' values, into ctx->arena; takes no lock, changes nothing.
 * Damage and a torn tail are counted, not an error. FSL_EINPUT for a file that is no journal or of a newer version,
 * FSL_EIO for one that cannot be read. */
FSL_CHECKED fsl_status fsl_journal_read(fsl_ctx *ctx, const char *path, fsl_journal_contents *out);
/* The record at `place` of an open journal, whole or without its fields, into ctx->arena. FSL_EIO where the file does
 * not hold a record of `job` there any more. */
FSL_CHECKED fsl_status fsl_journal_fetch(fsl_ctx *ctx, const char *path, int file, fsl_journal_place place,
                                         fsl_hash job, bool whole, fsl_record *out);

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Opens for appending, alone: a second opener waits up to `patience` seconds for the first, then gets FSL_EIO. An
 * existing journal must be of the same campaign (name and seed) and format, else FSL_EINPUT. A torn tail is cut off
 * with a word in the log; damage is named and stays. A spec that differs from the newest in it, or was moved, is
 * appended. *contents:
 * what was there before. */
FSL_CHECKED fsl_status fsl_journal_open(fsl_ctx *ctx, const char *path, const fsl_journal_campaign *campaign,
                                        double patience, fsl_journal **out, fsl_journal_contents *contents);
/* Appends a spec, durably: the newest one rules. */
FSL_CHECKED fsl_status fsl_journal_spec(fsl_ctx *ctx, fsl_journal *journal, const fsl_journal_campaign *campaign);
/* Opens the events of a run. It need not be durable, nor need starts: they matter only after a death of the program,
 * which what was written survives. */
FSL_CHECKED fsl_status fsl_journal_begin(fsl_ctx *ctx, fsl_journal *journal, const fsl_journal_run *run);
FSL_CHECKED fsl_status fsl_journal_started(fsl_ctx *ctx, fsl_journal *journal, const fsl_journal_start *start);
/* Appends one record's bytes (fsl_record_encode). It is durable once a later sync has returned FSL_OK. */
FSL_CHECKED fsl_status fsl_journal_write(fsl_ctx *ctx, fsl_journal *journal, const uint8_t *bytes, size_t size);
/* Where the record that was appended last lies. */
fsl_journal_place fsl_journal_last(const fsl_journal *journal);
/* Ends the events of the run. A run may end more than once: a stop that was asked for is written at once, and the end
 * itself when it comes; the last rules. */
FSL_CHECKED fsl_status fsl_journal_end(fsl_ctx *ctx, fsl_journal *journal, uint64_t time, fsl_journal_reason reason);
/* fdatasync, if anything was written since the last. FSL_EIO also when the file was moved or removed meanwhile. A write
 * or sync that failed is not tried again: every later call fails too. */
FSL_CHECKED fsl_status fsl_journal_sync(fsl_ctx *ctx, fsl_journal *journal);
/* Syncs what is left and lets others open it. The journal is gone afterwards, whatever is returned. */
FSL_CHECKED fsl_status fsl_journal_close(fsl_ctx *ctx, fsl_journal *journal);

#endif
