/* tests/faults/faults.c: calls of the operating system and of the allocator that fail on demand. Linked with --wrap, so
 * that they stand before those of fslens's own code alone; the libraries' own calls are untouched.
 *
 *   FSL_FAULT=writev:3         the third call of writev fails
 *   FSL_FAULT=writev:3:short   it writes half of its bytes, and the fourth fails
 *   FSL_FAULT=memory:3:on      the third allocation fails, by whatever function, and so do all later ones
 *   FSL_FAULT=arena:40         the 40th request to an arena fails
 *   FSL_FAULT_RANK=1           only on this rank of mpirun; without it on every one
 *   FSL_FAULT_SAID=FILE        gets the line "fired" when a call fails, and at the end "calls writev 26" and so on
 *
 * A call that fails has done nothing, but for close, which has closed. */
#include "fslens/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

typedef enum call {
  MEMORY,
  ARENA,
  OPEN,
  CLOSE,
  READ,
  PREAD,
  WRITE,
  PWRITE,
  WRITEV,
  FCNTL,
  FTRUNCATE,
  FSYNC,
  FDATASYNC,
  RENAME,
  N_CALLS
} call;

static const char *const names[N_CALLS] = {"memory", "arena",  "open",  "close",     "read",  "pread",     "write",
                                           "pwrite", "writev", "fcntl", "ftruncate", "fsync", "fdatasync", "rename"};

typedef enum mode { ONCE, SHORT, ON } mode;

typedef struct plan {
  bool is_mine; /* this rank has one */
  call call;
  long at; /* which of its calls fails, from 1 */
  mode mode;
  const char *said;
} plan;

/* ---- the plan, read once ----------------------------------------------------------------------------------------- */

static plan the_plan;
static atomic_long n_calls[N_CALLS];

static call call_named(const char *name) {
  for (int i = 0; i < N_CALLS; i++)
    if (strcmp(names[i], name) == 0) return (call)i;
  abort();
}

static void read_plan(void) {
  const char *const text = getenv("FSL_FAULT"), *const rank = getenv("FSL_FAULT_RANK");
  const char *const open_mpi = getenv("OMPI_COMM_WORLD_RANK"), *const mine =
                                                                   open_mpi == NULL ? getenv("PMI_RANK") : open_mpi;
  char name[16], how[8] = "";
  if (text == NULL || (rank != NULL && mine != NULL && strcmp(rank, mine) != 0)) return;
  if (sscanf(text, "%15[^:]:%ld:%7s", name, &the_plan.at, how) < 2) abort();
  the_plan.is_mine = true;
  the_plan.call = call_named(name);
  the_plan.mode = strcmp(how, "short") == 0 ? SHORT : strcmp(how, "on") == 0 ? ON : ONCE;
  the_plan.said = getenv("FSL_FAULT_SAID");
}

static const plan *planned(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, read_plan);
  return &the_plan;
}

int __real_open(const char *path, int flags, ...);
int __real_close(int file);
ssize_t __real_write(int file, const void *from, size_t size);

static void say(const char *words) {
  if (the_plan.said == NULL) return;
  const int file = __real_open(the_plan.said, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file < 0 || __real_write(file, words, strlen(words)) != (ssize_t)strlen(words)) abort();
  __real_close(file);
}

__attribute__((destructor)) static void say_calls(void) {
  char words[64];
  for (int i = 0; planned()->is_mine && i < N_CALLS; i++) {
    snprintf(words, sizeof words, "calls %s %ld\n", names[i], (long)n_calls[i]);
    say(words);
  }
}

/* Counts a call and says whether it fails, with this errno. *half: it fails half way. */
static bool fails_or_half(call which, int reason, bool *half) {
  const plan *const p = planned();
  const long n = ++n_calls[which];
  if (!p->is_mine || p->call != which) return false;
  *half = n == p->at && p->mode == SHORT;
  const bool fails = (n == p->at && !*half) || (n == p->at + 1 && p->mode == SHORT) || (n > p->at && p->mode == ON);
  if (n == p->at) say("fired\n");
  if (fails) errno = reason;
  return fails;
}

static bool fails(call which, int reason) {
  bool half;
  return fails_or_half(which, reason, &half);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_realpath(const char *path, char *resolved);
DIR *__real_opendir(const char *path);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *self);

void *__wrap_malloc(size_t size) {
  return fails(MEMORY, ENOMEM) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
  return fails(MEMORY, ENOMEM) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
  return fails(MEMORY, ENOMEM) ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  return fails(MEMORY, ENOMEM) ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text) {
  return fails(MEMORY, ENOMEM) ? NULL : __real_strdup(text);
}

char *__wrap_realpath(const char *path, char *resolved) {
  return fails(MEMORY, ENOMEM) ? NULL : __real_realpath(path, resolved);
}

DIR *__wrap_opendir(const char *path) {
  return fails(MEMORY, ENOMEM) ? NULL : __real_opendir(path);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *self) {
  return fails(MEMORY, EAGAIN) ? EAGAIN : __real_pthread_create(thread, how, run, self);
}

/* What the arenas hand out is mostly cut from a chunk they have: a request of its own for each of these. */
void *__real_fsl_arena_get(fsl_arena *arena, size_t n, size_t size);

/* The arena itself refuses more than there can be, and counts it. */
void *__wrap_fsl_arena_get(fsl_arena *arena, size_t n, size_t size) {
  return fails(ARENA, ENOMEM) ? __real_fsl_arena_get(arena, SIZE_MAX, SIZE_MAX) : __real_fsl_arena_get(arena, n, size);
}

void *__real_fsl_arena_get_unset(fsl_arena *arena, size_t n, size_t size);

void *__wrap_fsl_arena_get_unset(fsl_arena *arena, size_t n, size_t size) {
  return fails(ARENA, ENOMEM) ? __real_fsl_arena_get_unset(arena, SIZE_MAX, SIZE_MAX)
                              : __real_fsl_arena_get_unset(arena, n, size);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

int __real_fcntl(int file, int command, ...);
ssize_t __real_read(int file, void *to, size_t size);
ssize_t __real_pread(int file, void *to, size_t size, off_t at);
ssize_t __real_pwrite(int file, const void *from, size_t size, off_t at);
ssize_t __real_writev(int file, const struct iovec *part, int n);
int __real_ftruncate(int file, off_t size);
int __real_fsync(int file);
int __real_fdatasync(int file);
int __real_rename(const char *from, const char *to);

int __wrap_open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned rights = (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0;
  va_end(arguments);
  return fails(OPEN, EACCES) ? -1 : __real_open(path, flags, rights);
}

int __wrap_close(int file) {
  const bool bad = fails(CLOSE, EIO);
  const int closed = __real_close(file);
  if (bad) errno = EIO;
  return bad ? -1 : closed;
}

/* Locks alone. */
int __wrap_fcntl(int file, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void *const argument = va_arg(arguments, void *);
  va_end(arguments);
  return command == F_OFD_SETLK && fails(FCNTL, ENOLCK) ? -1 : __real_fcntl(file, command, argument);
}

ssize_t __wrap_read(int file, void *to, size_t size) {
  return fails(READ, EIO) ? -1 : __real_read(file, to, size);
}

ssize_t __wrap_pread(int file, void *to, size_t size, off_t at) {
  return fails(PREAD, EIO) ? -1 : __real_pread(file, to, size, at);
}

ssize_t __wrap_write(int file, const void *from, size_t size) {
  bool half = false;
  if (fails_or_half(WRITE, ENOSPC, &half)) return -1;
  return __real_write(file, from, half ? size / 2 : size);
}

ssize_t __wrap_pwrite(int file, const void *from, size_t size, off_t at) {
  bool half = false;
  if (fails_or_half(PWRITE, ENOSPC, &half)) return -1;
  return __real_pwrite(file, from, half ? size / 2 : size, at);
}

/* Half of all bytes: what does not come from the first part comes from the second. */
static ssize_t write_half(int file, const struct iovec *part, int n) {
  size_t left = 0;
  ssize_t written = 0;
  for (int i = 0; i < n; i++) left += part[i].iov_len;
  left /= 2;
  for (int i = 0; i < n && left > 0; i++) {
    const size_t now = part[i].iov_len < left ? part[i].iov_len : left;
    if (__real_write(file, part[i].iov_base, now) != (ssize_t)now) abort();
    left -= now;
    written += (ssize_t)now;
  }
  return written;
}

ssize_t __wrap_writev(int file, const struct iovec *part, int n) {
  bool half = false;
  if (fails_or_half(WRITEV, ENOSPC, &half)) return -1;
  return half ? write_half(file, part, n) : __real_writev(file, part, n);
}

int __wrap_ftruncate(int file, off_t size) {
  return fails(FTRUNCATE, EIO) ? -1 : __real_ftruncate(file, size);
}

int __wrap_fsync(int file) {
  return fails(FSYNC, EIO) ? -1 : __real_fsync(file);
}

int __wrap_fdatasync(int file) {
  return fails(FDATASYNC, EIO) ? -1 : __real_fdatasync(file);
}

int __wrap_rename(const char *from, const char *to) {
  return fails(RENAME, EACCES) ? -1 : __real_rename(from, to);
}
