/* store/files.c: see files.h. */
#include "store/files.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t fsl_folder_length(const char *path) {
  const char *const slash = strrchr(path, '/');
  return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

const char *fsl_folder_of(fsl_arena *arena, const char *path) {
  const size_t length = fsl_folder_length(path);
  return length == 0 ? "." : fsl_text_format(arena, "%.*s", (int)length, path);
}

fsl_status fsl_folder_sync(fsl_ctx *ctx, const char *path) {
  const char *const folder = fsl_folder_of(ctx->arena, path);
  if (folder == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return fsl_fail(ctx, FSL_EIO, "%s: cannot open this folder: %s", folder, strerror(errno));
  const bool done = fsync(file) == 0 || errno == EINVAL; /* some file systems have nothing to sync here */
  const int reason = errno;
  close(file);
  return done ? FSL_OK : fsl_fail(ctx, FSL_EIO, "%s: cannot make this folder durable: %s", folder, strerror(reason));
}

bool fsl_file_is_at(int file, const char *path) {
  struct stat mine, now;
  return fstat(file, &mine) == 0 && stat(path, &now) == 0 && mine.st_ino == now.st_ino && mine.st_dev == now.st_dev;
}

fsl_status fsl_move_aside(fsl_ctx *ctx, const char *path, const char **moved) {
  *moved = NULL;
  for (int i = 1; access(path, F_OK) == 0; i++) {
    const char *const aside = fsl_text_format(ctx->arena, "%s.old-%d", path, i);
    if (aside == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
    if (access(aside, F_OK) == 0) continue;
    if (rename(path, aside) != 0) return fsl_fail(ctx, FSL_EIO, "%s: cannot move it aside: %s", path, strerror(errno));
    *moved = aside;
  }
  return FSL_OK;
}

void fsl_host_name(char host[256]) {
  memset(host, 0, 256);
  if (gethostname(host, 255) != 0 || host[0] == '\0') snprintf(host, 256, "unknown");
}
