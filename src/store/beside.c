/* store/beside.c: see beside.h. */
#include "store/beside.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
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
  char host[256] = "unknown";
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  for (char *c = host; *c != '\0'; c++)
    if (*c == '/') *c = '_';
  return fsl_text_format(arena, "%s.tmp-%s-%llu-", path, host, namespace_number());
}

/* Whether the rest of a name is the number of a process that is gone. */
static bool is_gone(const char *rest) {
  const size_t length = strspn(rest, "0123456789");
  if (length == 0 || length > 9 || rest[length] != '\0') return false;
  const long process = strtol(rest, NULL, 10);
  return process > 0 && kill((pid_t)process, 0) != 0 && errno == ESRCH;
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

fsl_status fsl_beside(fsl_ctx *ctx, const char *path, const char **out) {
  const char *const prefix = writers_prefix(ctx->arena, path), *const slash = strrchr(path, '/');
  const size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
  const char *const folder = length == 0 ? "." : fsl_text_format(ctx->arena, "%.*s", (int)length, path);
  *out = prefix == NULL ? NULL : fsl_text_format(ctx->arena, "%s%ld", prefix, (long)getpid());
  if (*out == NULL || folder == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  remove_orphans(folder, prefix + length);
  return FSL_OK;
}
