/* fslens/base.h: what every part of fslens stands on: status codes, the context of a job, its arena,
 * the team of ranks that share it, and counter-based random numbers. Knows nothing of diffusion. */
#ifndef FSLENS_BASE_H
#define FSLENS_BASE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- status -------------------------------------------------------------------------------- */

typedef enum fsl_status {
  FSL_OK = 0,
  FSL_EINPUT,    /* the user's spec, file or command line is wrong */
  FSL_ENOMEM,    /* an allocation failed or a memory cap was reached */
  FSL_EIO,       /* the operating system refused to read or write */
  FSL_ENUMERIC,  /* a computation has no finite result */
  FSL_ESTOP,     /* a stop was asked for; nothing is wrong */
  FSL_ETIME,     /* a job's time limit has passed */
  FSL_EINTERNAL, /* a defect of fslens itself */
} fsl_status;

const char *fsl_status_name(fsl_status status);

#define FSL_CHECKED __attribute__((warn_unused_result))

/* Passes an error on to the caller; the text is in ctx->error already. */
#define FSL_TRY(call)                                                                                                  \
  do {                                                                                                                 \
    const fsl_status fsl_try_ = (call);                                                                                \
    if (fsl_try_ != FSL_OK) return fsl_try_;                                                                           \
  } while (0)

/* ---- arena: memory that lives as long as a job ------------------------------------------------ */

typedef struct fsl_arena fsl_arena;

typedef struct fsl_arena_mark {
  void *chunk;
  size_t used;
} fsl_arena_mark;

/* cap: the most bytes the arena may ever hold, 0 for no cap. NULL when out of memory. */
fsl_arena *fsl_arena_create(size_t cap);
void fsl_arena_destroy(fsl_arena *arena);
/* n items of `size` bytes each, zeroed, aligned to 64 bytes. NULL on overflow, cap or exhaustion. */
void *fsl_arena_get(fsl_arena *arena, size_t n, size_t size);
/* The same without the zeros, for large arrays that are filled block by block: the system hands out their memory as it
 * is filled, not all at once, which would take seconds that no stop can interrupt. */
void *fsl_arena_get_unset(fsl_arena *arena, size_t n, size_t size);
/* Everything taken after the mark is given back by the release. */
fsl_arena_mark fsl_arena_now(const fsl_arena *arena);
void fsl_arena_release(fsl_arena *arena, fsl_arena_mark mark);
size_t fsl_arena_bytes(const fsl_arena *arena); /* bytes in use */
size_t fsl_arena_peak(const fsl_arena *arena);
/* How many requests it refused. Work that would lead each refusal up through every call asks for this at its end. */
size_t fsl_arena_refused(const fsl_arena *arena);

/* ---- team: the ranks that share one job --------------------------------------------------------

   The ranks of a team take the same steps, and all they say to each other is said in rounds: each rank exchanges with
   rank ^ 1, then rank ^ 2, rank ^ 4, ... A round tells who entered it in trouble: afterwards every rank knows, or none
   entered it so. Hence:
   - a rank that fails alone, sees a stop or is past its deadline just returns its status. Whoever runs the job then
     calls fsl_team_agree, where this rank holds one round; to the others it is the next one of their own, wherever
     they are in their work, or the one that ends the job;
   - a round that somebody entered in trouble is the job's last: all ranks leave it with the same status and text, and
     fsl_team_agree holds no other one for them;
   - what befalls a rank inside a round is said in the next one;
   - every job ends with fsl_team_agree, on every rank, whatever became of it. */

/* The status 0 (FSL_OK) is no trouble. Of two troubles the larger status stands for both, then the lower rank. */
typedef struct fsl_trouble {
  int status; /* an fsl_status */
  int rank;   /* of the team: who is in it */
  int ranks;  /* how many are in trouble */
} fsl_trouble;

typedef struct fsl_team {
  int rank;
  int size; /* a power of two */
  void *self;
  /* Collective over the pair (rank, partner). Both say their trouble and their n. Where both are well, n doubles then
   * change hands; where one is not, none do, and the counts may differ. FSL_EINTERNAL on both sides where both are well
   * and the counts differ: a defect. An exchange that fails has taken part all the same. NULL when size is 1. */
  fsl_status (*exchange)(void *self, int partner, fsl_trouble own, fsl_trouble *theirs, size_t n, const double *send,
                         double *recv);
} fsl_team;

extern const fsl_team fsl_team_solo; /* size 1 */

/* ---- context ------------------------------------------------------------------------------------ */

typedef enum fsl_log_level { FSL_LOG_QUIET, FSL_LOG_WARN, FSL_LOG_INFO, FSL_LOG_DEBUG } fsl_log_level;

typedef struct fsl_log {
  void *self;
  fsl_log_level level; /* what is louder than this is dropped */
  void (*write)(void *self, fsl_log_level level, const char *text);
} fsl_log;

typedef struct fsl_ctx {
  fsl_arena *arena;                  /* owned by whoever made the context */
  const fsl_team *team;              /* never NULL: fsl_team_solo for one process */
  const fsl_log *log;                /* NULL: silent */
  const volatile sig_atomic_t *stop; /* nonzero asks for a stop; NULL: never */
  double deadline;                   /* on the clock of fsl_now(); 0: none */
  double file_bytes;                 /* the most that an array read from a file may take in memory; 0: no limit */
  struct fsl_files *files; /* remembers what was read from files (base/array_file.h); NULL: nothing is remembered */
  fsl_status known;        /* the job's trouble that all ranks of the team know of; set by rounds alone */
  char error[1024];        /* the text that belongs to the last status other than FSL_OK */
} fsl_ctx;

/* Sets ctx->error. */
void fsl_note(fsl_ctx *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sets ctx->error and is `status`, so that `return fsl_fail(ctx, FSL_EINPUT, "...")` reads well and every compiler sees
 * that it is no FSL_OK. */
#define fsl_fail(ctx, status, ...) (fsl_note((ctx), __VA_ARGS__), (fsl_status)(status))
/* Puts "what: " before the error text that is there; returns `status`. */
fsl_status fsl_while(fsl_ctx *ctx, fsl_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
void fsl_say(const fsl_ctx *ctx, fsl_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
double fsl_now(void); /* seconds on a monotonic clock */
/* FSL_ESTOP when a stop was asked for, FSL_ETIME past the deadline, else FSL_OK. Any rank may ask, at any place. */
FSL_CHECKED fsl_status fsl_check_stop(fsl_ctx *ctx);

/* One round of ctx->team: begin, a step for each bit below its size in rising order, end. */
typedef struct fsl_round {
  fsl_trouble trouble; /* of the ranks heard of so far, as they entered */
  fsl_status found;    /* what befell this rank on the way */
} fsl_round;

/* status: this rank's own, with its text in ctx->error. */
fsl_round fsl_round_begin(const fsl_ctx *ctx, fsl_status status);
/* Whether the n doubles of rank ^ bit have come. */
bool fsl_round_step(const fsl_ctx *ctx, fsl_round *round, int bit, size_t n, const double *send, double *recv);
/* The same status and text on every rank, but for what befell this one on the way. */
FSL_CHECKED fsl_status fsl_round_end(fsl_ctx *ctx, const fsl_round *round);
/* Ends a job: the same status and text on every rank, the failed one's where one failed. An exchange that fails here
 * has no later round, and is its rank's alone. Takes no memory. */
FSL_CHECKED fsl_status fsl_team_agree(fsl_ctx *ctx, fsl_status status);

/* Takes n zeroed items for `pointer` from the context's arena, or returns FSL_ENOMEM from the caller. */
#define FSL_GET(ctx, pointer, n)                                                                                       \
  do {                                                                                                                 \
    (pointer) = fsl_arena_get((ctx)->arena, (size_t)(n), sizeof *(pointer));                                           \
    if ((pointer) == NULL)                                                                                             \
      return fsl_fail((ctx), FSL_ENOMEM, "out of memory: %zu items of %zu bytes for %s", (size_t)(n),                  \
                      sizeof *(pointer), #pointer);                                                                    \
  } while (0)

/* ---- arrays --------------------------------------------------------------------------------------- */

enum { FSL_MAX_RANK = 4 };

/* An array of reals; data is NULL where an optional parameter was not given. */
typedef struct fsl_array {
  const double *data; /* row-major */
  size_t rank;
  size_t shape[FSL_MAX_RANK];
} fsl_array;

size_t fsl_array_size(fsl_array array); /* product of the shape; 0 for no data */

/* ---- hashing: identity by content (XXH3, 128 bits) ------------------------------------------------ */

typedef struct fsl_hash {
  uint64_t high, low;
} fsl_hash;

typedef struct fsl_hasher fsl_hasher;

/* A hasher takes typed values; each is preceded by its type and length, so that no two sequences of
 * values collide by concatenation. Doubles enter by their IEEE bits (-0 as +0, every NaN as one). */
fsl_hasher *fsl_hasher_create(fsl_arena *arena); /* NULL when out of memory */
void fsl_hash_text(fsl_hasher *hasher, const char *text);
void fsl_hash_integer(fsl_hasher *hasher, int64_t value);
void fsl_hash_real(fsl_hasher *hasher, double value);
void fsl_hash_reals(fsl_hasher *hasher, const double *values, size_t n);
void fsl_hash_bytes(fsl_hasher *hasher, const void *bytes, size_t n);
void fsl_hash_hash(fsl_hasher *hasher, fsl_hash value);
fsl_hash fsl_hash_value(const fsl_hasher *hasher);
fsl_hash fsl_hash_of(const void *bytes, size_t n); /* of bytes alone, without a hasher */
int fsl_hash_compare(fsl_hash a, fsl_hash b);      /* <0, 0, >0 */
void fsl_hash_print(fsl_hash hash, char text[33]); /* 32 hexadecimal digits */

/* ---- random numbers: Philox4x32-10 (Salmon et al. 2011), counter-based ----------------------------- */

/* A key names a purpose by content; stream and index count inside it. Element i of a call depends on
 * (key, stream, first + i) alone, never on how the range is cut. */
typedef struct fsl_key {
  uint32_t word[2];
} fsl_key;

fsl_key fsl_key_of(fsl_hash hash);
/* Uniforms on (0, 1), 53 bits, never 0 or 1. */
void fsl_uniforms(fsl_key key, uint64_t stream, uint64_t first, size_t n, double *out);
/* Standard normals (Box-Muller on pairs of elements 2j, 2j + 1). */
void fsl_normals(fsl_key key, uint64_t stream, uint64_t first, size_t n, double *out);

#endif
