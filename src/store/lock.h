/* store/lock.h: one writer at a time: a lock that the operating system lets go of when its holder dies. */
#ifndef FSL_STORE_LOCK_H
#define FSL_STORE_LOCK_H

#include "fslens/base.h"

typedef struct fsl_lock {
  int file;           /* -1: not held by a lock on an open file */
  char *path, *owner; /* the file that is locked, and the one that stands in for it where locks do not work; malloc */
} fsl_lock;

/* The most that a lock's files add to the name of what is locked: ".owner.turn". */
enum { FSL_LOCK_LONGEST = sizeof ".owner.turn" - 1 };

/* Locks the file `path`.lock, made beside `path`, waiting up to `patience` seconds for another holder (the ranks of a
 * killed run may outlive it by a little). FSL_EIO when it is still held, saying by whom where that is known, or when
 * the folder refuses. Where the file system has no locks, the file `path`.owner, which only one process can make, holds
 * host and process number instead; one left behind by a process of this host that is gone is taken over. */
FSL_CHECKED fsl_status fsl_lock_take(fsl_ctx *ctx, const char *path, double patience, fsl_lock *out);
/* Lets go and removes the file. */
void fsl_lock_release(fsl_lock *lock);

#endif
