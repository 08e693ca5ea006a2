/* store/lock.c: open-file-description locks, and an exclusive file where there are none (see lock.h). */
#include "store/lock.h"

#include "store/files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_WORDS = 320 };

static char *join(const char *a, const char *b) {
  char *const text = malloc(strlen(a) + strlen(b) + 1);
  if (text == NULL) return NULL;
  memcpy(text, a, strlen(a));
  memcpy(text + strlen(a), b, strlen(b) + 1);
  return text;
}

static void forget(fsl_lock *lock) {
  if (lock->file >= 0) close(lock->file);
  free(lock->path);
  free(lock->owner);
  *lock = (fsl_lock){.file = -1};
}

static fsl_status refused(fsl_ctx *ctx, const char *path, const char *what) {
  return fsl_fail(ctx, FSL_EIO, "%s: cannot %s: %s", path, what, strerror(errno));
}

static void nap(void) {
  const struct timespec pause = {.tv_nsec = 20000000};
  nanosleep(&pause, NULL);
}

/* "host process" of whoever holds the lock, as it wrote them. */
static void read_words(const char *path, char words[MOST_WORDS]) {
  words[0] = '\0';
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  const ssize_t n = read(file, words, MOST_WORDS - 1);
  words[n < 0 ? 0 : n] = '\0';
  for (char *c = words; *c != '\0'; c++)
    if (*c < ' ' || *c > '~') *c = *c == '\n' ? '\0' : '?';
  close(file);
}

static void print_words(char words[MOST_WORDS]) {
  char host[256];
  fsl_host_name(host);
  snprintf(words, MOST_WORDS, "%s process %ld\n", host, (long)getpid());
}

static bool write_words(int file) {
  char words[MOST_WORDS];
  print_words(words);
  return ftruncate(file, 0) == 0 && pwrite(file, words, strlen(words), 0) == (ssize_t)strlen(words);
}

/* Only an owner's file outlives its owner, where another host looks at it. */
static fsl_status is_held(fsl_ctx *ctx, const char *path, const fsl_lock *lock) {
  char words[MOST_WORDS];
  read_words(lock->owner == NULL ? lock->path : lock->owner, words);
  const char *const colon = words[0] == '\0' ? "" : ": ";
  if (lock->owner == NULL)
    return fsl_fail(ctx, FSL_EIO, "%s: another run is using it%s%s; only one may write to a journal", path, colon,
                    words);
  return fsl_fail(ctx, FSL_EIO, "%s: another run is using it%s%s; if that run is gone, remove %s", path, colon, words,
                  lock->owner);
}

/* ---- a lock on the open file ------------------------------------------------------------------------------------- */

typedef enum attempt { TAKEN, HELD, UNSUPPORTED, REFUSED } attempt;

/* A holder removes the file as it lets go: what was locked must still be the file of this name. */
static attempt try_lock(fsl_lock *lock) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  lock->file = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock->file < 0) return REFUSED;
  const int reason = fcntl(lock->file, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
  if (reason == 0 && fsl_file_is_at(lock->file, lock->path)) {
    (void)write_words(lock->file); /* for the message to others alone */
    return TAKEN;
  }
  close(lock->file);
  lock->file = -1;
  return reason == ENOLCK || reason == EOPNOTSUPP || reason == ENOSYS || reason == EINVAL ? UNSUPPORTED : HELD;
}

/* ---- a file that only one can make ------------------------------------------------------------------------------- */

/* Whether the owner's file was left behind by a process of this host that is gone. */
static bool is_stale(const char *path) {
  char words[MOST_WORDS], host[256], mine[256];
  long process = 0;
  read_words(path, words);
  if (sscanf(words, "%255s process %ld", host, &process) != 2 || process <= 0) return false;
  fsl_host_name(mine);
  if (strcmp(host, mine) != 0) return false;
  return kill((pid_t)process, 0) != 0 && errno == ESRCH;
}

/* Two that find the file stale must not both remove it: the second would remove what the first made in its place. So
 * only the one whose turn it is removes it, and looks again before; a fresh file is never moved, not even for a moment.
 */
static void remove_stale(const char *owner) {
  char *const turn = join(owner, ".turn");
  const int file = turn == NULL ? -1 : open(turn, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file >= 0) {
    if (is_stale(owner)) unlink(owner);
    close(file);
    unlink(turn);
  }
  free(turn);
}

static attempt try_owner(fsl_lock *lock) {
  if (is_stale(lock->owner)) remove_stale(lock->owner);
  const int file = open(lock->owner, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return errno == EEXIST ? HELD : REFUSED;
  const bool written = write_words(file);
  close(file);
  if (written) return TAKEN;
  unlink(lock->owner);
  return REFUSED;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static attempt try_either(fsl_lock *lock) {
  if (lock->owner == NULL) return try_lock(lock);
  return try_owner(lock);
}

static fsl_status wait_for(fsl_ctx *ctx, const char *path, double patience, fsl_lock *lock) {
  const double end = fsl_now() + patience;
  for (;;) {
    const attempt got = try_either(lock);
    if (got == TAKEN) return FSL_OK;
    if (got == REFUSED) return refused(ctx, path, "be written to: its folder refuses a lock file");
    if (got == UNSUPPORTED) {
      unlink(lock->path);
      lock->owner = join(path, ".owner");
      if (lock->owner == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
      continue;
    }
    if (fsl_now() >= end) return is_held(ctx, path, lock);
    nap();
  }
}

fsl_status fsl_lock_take(fsl_ctx *ctx, const char *path, double patience, fsl_lock *out) {
  *out = (fsl_lock){.file = -1, .path = join(path, ".lock")};
  if (out->path == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  const fsl_status status = wait_for(ctx, path, patience, out);
  if (status != FSL_OK) forget(out);
  return status;
}

void fsl_lock_release(fsl_lock *lock) {
  if (lock->file >= 0) unlink(lock->path);
  if (lock->file < 0 && lock->owner != NULL) unlink(lock->owner);
  forget(lock);
}
