/* store/beside.c: see beside.h. */
#include "store/beside.h"

#include "base/text.h"
#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Process numbers are unique within a host's namespace: two containers may share the host's name and have each a
 * process 7. 0: the system has no namespaces. */
static unsigned long long namespace_number(void) {
  struct stat about;
  return stat("/proc/self/ns/pid", &about) == 0 ? (unsigned long long)about.st_ino : 0;
}

/* What the names of all writers in this host and namespace begin with. */
static char *writers_prefix(fsl_arena *arena, const char *path) {
  char host[256];
  fsl_host_name(host);
  for (char *c = host; *c != '\0'; c++)
    if (*c == '/') *c = '_';
  return fsl_text_format(arena, "%s.tmp-%s-%llu-", path, host, namespace_number());
}

/* When the process started, in ticks since the machine did: with its number, a name that is never given twice. 0: it is
 * gone, or only its exit status is left of it, or the system does not say. */
static unsigned long long start_of(long process) {
  char path[64], state;
  unsigned long long start = 0;
  snprintf(path, sizeof path, "/proc/%ld/stat", process);
  FILE *const file = fopen(path, "re");
  if (file == NULL) return 0;
  const bool read = fscanf(file,
                           "%*d (%*[^\n)]) %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                           "%*d %llu",
                           &state, &start) == 2;
  fclose(file);
  return read && state != 'Z' && state != 'X' ? start : 0;
}

static bool is_number(const char *text, size_t length) {
  return length > 0 && length < 19 && strspn(text, "0123456789") == length;
}

/* Whether the rest of a name, "process" or "process.start", is of a process that is gone. */
static bool is_gone(const char *rest) {
  const size_t length = strspn(rest, "0123456789");
  if (!is_number(rest, length) || length > 9) return false;
  const long process = strtol(rest, NULL, 10);
  if (rest[length] == '\0') return process > 0 && kill((pid_t)process, 0) != 0 && errno == ESRCH;
  const char *const start = rest + length + 1;
  if (rest[length] != '.' || !is_number(start, strlen(start))) return false;
  return strtoull(start, NULL, 10) != start_of(process);
}

/* prefix: of the names in this folder. */
static void remove_orphans(const char *folder, const char *prefix) {
  DIR *const open_folder = opendir(folder);
  if (open_folder == NULL) return;
  for (const struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
    if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && is_gone(entry->d_name + strlen(prefix)))
      unlinkat(dirfd(open_folder), entry->d_name, 0);
  closedir(open_folder);
}

fsl_status fsl_beside_name(fsl_ctx *ctx, const char *path, const char **out) {
  const char *const prefix = writers_prefix(ctx->arena, path);
  *out = NULL;
  const unsigned long long start = start_of(getpid());
  if (prefix != NULL)
    *out = start == 0 ? fsl_text_format(ctx->arena, "%s%ld", prefix, (long)getpid())
                      : fsl_text_format(ctx->arena, "%s%ld.%llu", prefix, (long)getpid(), start);
  return *out == NULL ? fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path") : FSL_OK;
}

fsl_status fsl_beside(fsl_ctx *ctx, const char *path, const char **out) {
  const char *const prefix = writers_prefix(ctx->arena, path), *const folder = fsl_folder_of(ctx->arena, path);
  FSL_TRY(fsl_beside_name(ctx, path, out));
  if (prefix == NULL || folder == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  remove_orphans(folder, prefix + fsl_folder_length(path));
  return FSL_OK;
}
