/* runner/memory.c: see memory.h. */
#include "runner/memory.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- files of numbers -------------------------------------------------------------------------------------------- */

/* The first number of a file that holds one, `otherwise` where there is none ("max") or no file. */
static double read_number(const char *folder, const char *name, double otherwise) {
  char path[PATH_MAX];
  double value = otherwise;
  if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path) return otherwise;
  FILE *const file = fopen(path, "re");
  if (file == NULL) return otherwise;
  if (fscanf(file, "%lf", &value) != 1) value = otherwise;
  fclose(file);
  return value;
}

/* Sum of the values of two names in a file of lines "name value ..."; 0 for what is not there. */
static double read_named(const char *path, const char *first, const char *second) {
  char name[64];
  double value, sum = 0;
  FILE *const file = fopen(path, "re");
  if (file == NULL) return 0;
  while (fscanf(file, "%63s %lf%*[^\n]", name, &value) == 2)
    if (strcmp(name, first) == 0 || strcmp(name, second) == 0) sum += value;
  fclose(file);
  return sum;
}

/* ---- control groups ---------------------------------------------------------------------------------------------- */

typedef struct version {
  const char *type, *limit, *used, *files[2]; /* type of the mount; files: lines of memory.stat */
} version;

static const version versions[] = {
    {"cgroup", "memory.limit_in_bytes", "memory.usage_in_bytes", {"total_inactive_file", "total_active_file"}},
    {"cgroup2", "memory.max", "memory.current", {"inactive_file", "active_file"}},
};

static double left_in(const version *v, const char *folder) {
  const double unlimited = 0x1p62; /* version 1 has no word for it */
  const double limit = read_number(folder, v->limit, INFINITY);
  char path[PATH_MAX];
  if (!(limit < unlimited) || (size_t)snprintf(path, sizeof path, "%s/memory.stat", folder) >= sizeof path)
    return INFINITY;
  const double used = read_number(folder, v->used, 0) - read_named(path, v->files[0], v->files[1]);
  return fmax(0, limit - fmax(0, used));
}

/* From the group `path` below the mount point up to the mount point itself. */
static double left_on_way(const version *v, const char *root, const char *mount, const char *path) {
  char folder[PATH_MAX];
  double least = INFINITY;
  const size_t top = strlen(root) + strlen(mount);
  if ((size_t)snprintf(folder, sizeof folder, "%s%s%s", root, mount, path) >= sizeof folder) return INFINITY;
  for (;;) {
    least = fmin(least, left_in(v, folder));
    char *const slash = strrchr(folder, '/');
    if (slash == NULL || (size_t)(slash - folder) < top) return least;
    *slash = '\0';
  }
}

/* Whether a list "cpu,memory" has the word. */
static bool lists(const char *list, const char *word) {
  const size_t n = strlen(word);
  for (const char *at = list; (at = strstr(at, word)) != NULL; at += n)
    if ((at == list || at[-1] == ',') && (at[n] == ',' || at[n] == '\0')) return true;
  return false;
}

/* The process's path in the hierarchy with this controller ("": version 2), from lines "4:memory:/path". */
static bool find_path(const char *groups, const char *controller, char path[PATH_MAX]) {
  for (const char *line = groups; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
    char names[256] = "";
    if (sscanf(line, "%*d:%255[^:\n]:%4095[^\n]", names, path) == 2) {
      if (controller[0] != '\0' && lists(names, controller)) return true;
    } else if (sscanf(line, "0::%4095[^\n]", path) == 1 && controller[0] == '\0') {
      return true;
    }
  }
  return false;
}

/* "\040" is a space. */
static void unescape(char *text) {
  char *to = text;
  for (const char *from = text; *from != '\0'; to++) {
    unsigned code;
    const bool escaped = from[0] == '\\' && sscanf(from + 1, "%3o", &code) == 1;
    *to = escaped ? (char)code : *from;
    from += escaped ? 4 : 1;
  }
  *to = '\0';
}

/* A path of the hierarchy below the mount that shows it from `top` on. What lies elsewhere, as a process that was moved
 * out of its namespace, is only seen from the mount point. */
static const char *below(const char *top, const char *path) {
  const size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);
  const bool inside = strncmp(path, top, n) == 0 && (path[n] == '/' || path[n] == '\0');
  if (!inside || strstr(path, "/..") != NULL || strcmp(path + n, "/") == 0) return "";
  return path + n;
}

typedef struct mount {
  char top[PATH_MAX], point[PATH_MAX], type[32], options[512];
} mount;

/* "35 31 0:32 /top /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory" */
static bool read_mount(const char *line, mount *out) {
  const size_t length = strcspn(line, "\n");
  const char *const dash = memmem(line, length, " - ", 3);
  if (dash == NULL || sscanf(line, "%*d %*d %*s %4095s %4095s", out->top, out->point) != 2) return false;
  if (sscanf(dash, " - %31s %*s %511s", out->type, out->options) != 2) return false;
  unescape(out->top);
  unescape(out->point);
  return true;
}

static double left_in_mount(const mount *m, const char *groups, const char *root) {
  char path[PATH_MAX];
  const bool newer = strcmp(m->type, versions[1].type) == 0;
  const bool older = strcmp(m->type, versions[0].type) == 0 && lists(m->options, "memory");
  if (!(newer || older) || !find_path(groups, newer ? "" : "memory", path)) return INFINITY;
  return left_on_way(&versions[newer], root, m->point, below(m->top, path));
}

double fsl_memory_of_groups(const char *groups, const char *mounts, const char *root) {
  double least = INFINITY;
  mount m;
  for (const char *line = mounts; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
    if (read_mount(line, &m)) least = fmin(least, left_in_mount(&m, groups, root));
  return least;
}

/* ---- this process ------------------------------------------------------------------------------------------------ */

/* A file of /proc as a text, "" where it cannot be read; by malloc, NULL when out of memory. */
static char *read_text(const char *path) {
  size_t size = 0, room = 1 << 16;
  char *text = malloc(room + 1);
  FILE *const file = fopen(path, "re");
  while (text != NULL && file != NULL) {
    size += fread(text + size, 1, room - size, file);
    if (size < room) break;
    char *const wider = realloc(text, 2 * room + 1);
    if (wider == NULL) break;
    text = wider;
    room *= 2;
  }
  if (file != NULL) fclose(file);
  if (text != NULL) text[size] = '\0';
  return text;
}

static double left_by_groups(void) {
  char *const groups = read_text("/proc/self/cgroup"), *const mounts = read_text("/proc/self/mountinfo");
  const double left = groups == NULL || mounts == NULL ? INFINITY : fsl_memory_of_groups(groups, mounts, "");
  free(groups);
  free(mounts);
  return left;
}

static double left_by_kernel(void) {
  const double kilobytes = read_named("/proc/meminfo", "MemAvailable:", "");
  return kilobytes > 0 ? 1024 * kilobytes : INFINITY;
}

static double left_of(struct rlimit limit, double used) {
  return limit.rlim_cur == RLIM_INFINITY ? INFINITY : fmax(0, (double)limit.rlim_cur - used);
}

/* Used, by /proc/self/statm, in pages: the address space, and data and stack. */
static double left_by_limits(void) {
  double space = 0, data = 0;
  struct rlimit of_space, of_data;
  FILE *const file = fopen("/proc/self/statm", "re");
  if (file == NULL) return INFINITY;
  const bool known = fscanf(file, "%lf %*f %*f %*f %*f %lf", &space, &data) == 2;
  fclose(file);
  const double page = (double)sysconf(_SC_PAGESIZE);
  if (!known || getrlimit(RLIMIT_AS, &of_space) != 0 || getrlimit(RLIMIT_DATA, &of_data) != 0) return INFINITY;
  return fmin(left_of(of_space, page * space), left_of(of_data, page * data));
}

fsl_memory fsl_memory_available(void) {
  return (fsl_memory){fmin(left_by_kernel(), left_by_groups()), left_by_limits()};
}
