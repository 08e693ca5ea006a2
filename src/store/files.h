/* store/files.h: what every file that must survive asks of the operating system. */
#ifndef FSL_STORE_FILES_H
#define FSL_STORE_FILES_H

#include "fslens/base.h"

/* The length of "DIR/" in "DIR/FILE"; 0 where a path names no folder. */
size_t fsl_folder_length(const char *path);
/* The folder a path lies in, "." where it names none; NULL when out of memory. */
const char *fsl_folder_of(fsl_arena *arena, const char *path);
/* Makes what happened to names in the folder of `path` durable: a new file, a rename. FSL_EIO. */
FSL_CHECKED fsl_status fsl_folder_sync(fsl_ctx *ctx, const char *path);
/* Whether the open file is still the one of this name: neither moved nor removed. */
bool fsl_file_is_at(int file, const char *path);
/* Gives the file at `path` the next free name "path.old-1", "path.old-2", ...: *moved, NULL where there was none. */
FSL_CHECKED fsl_status fsl_move_aside(fsl_ctx *ctx, const char *path, const char **moved);
/* This machine's name, "unknown" where it has none. */
void fsl_host_name(char host[256]);

#endif
