/* store/journal_paths.c: see journal_paths.h. */
#include "store/journal_paths.h"

#include "base/text.h"
#include "store/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char results_ending[] = ".h5", journal_ending[] = ".journal";

static bool ends_with(const char *text, const char *ending) {
  const size_t length = strlen(text), n = strlen(ending);
  return length > n && strcmp(text + length - n, ending) == 0;
}

/* Length of OUT in OUT.h5. */
static size_t base_length(const char *results_path) {
  return strlen(results_path) - (ends_with(results_path, results_ending) ? strlen(results_ending) : 0);
}

char *fsl_journal_path(fsl_arena *arena, const char *results_path, fsl_shard shard) {
  const int length = (int)base_length(results_path);
  if (shard.shards == 0) return fsl_text_format(arena, "%.*s%s", length, results_path, journal_ending);
  return fsl_text_format(arena, "%.*s.%u-of-%u%s", length, results_path, shard.shard, shard.shards, journal_ending);
}

/* A number as it is printed: digits alone, the first of them no zero. 0 where there is none. */
static unsigned read_number(const char **at, const char *end) {
  enum { MOST_DIGITS = 9 };
  unsigned value = 0;
  for (int i = 0; *at < end && **at >= (i == 0 ? '1' : '0') && **at <= '9'; i++, ++*at) {
    if (i == MOST_DIGITS) return 0;
    value = 10 * value + (unsigned)(**at - '0');
  }
  return value;
}

/* Reads "I-of-N" in the n characters at `text`. */
static bool read_shard(const char *text, size_t n, fsl_shard *out) {
  static const char between[] = "-of-";
  const char *at = text, *const end = text + n;
  const unsigned shard = read_number(&at, end);
  if ((size_t)(end - at) < strlen(between) || memcmp(at, between, strlen(between)) != 0) return false;
  at += strlen(between);
  const unsigned shards = read_number(&at, end);
  if (at != end || shard < 1 || shard > shards) return false;
  *out = (fsl_shard){shard, shards};
  return true;
}

fsl_shard fsl_journal_shard(const char *path) {
  fsl_shard found = {0};
  if (!ends_with(path, journal_ending)) return found;
  const char *const end = path + strlen(path) - strlen(journal_ending), *at = end;
  while (at > path && at[-1] != '.' && at[-1] != '/') at--;
  if (at > path && at[-1] == '.') read_shard(at, (size_t)(end - at), &found);
  return found;
}

const char *fsl_journal_results_path(fsl_arena *arena, const char *journal) {
  if (!ends_with(journal, journal_ending)) return NULL;
  const char *end = journal + strlen(journal) - strlen(journal_ending);
  if (fsl_journal_shard(journal).shards > 0) do
      end--;
    while (*end != '.');
  return fsl_text_format(arena, "%.*s%s", (int)(end - journal), journal, results_ending);
}

/* Whether `name` is a journal of the results file whose name without folder and ending is `base`. */
static bool belongs(const char *name, const char *base, size_t length) {
  if (strncmp(name, base, length) != 0 || !ends_with(name, journal_ending)) return false;
  if (strcmp(name + length, journal_ending) == 0) return true;
  fsl_shard shard;
  const size_t middle = strlen(name) - length - strlen(journal_ending);
  return middle > 1 && name[length] == '.' && read_shard(name + length + 1, middle - 1, &shard);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef struct listing {
  const char *folder; /* with its slash, or "" */
  const char *base, *own;
  size_t length, n, room;
  const char **path;
} listing;

static fsl_status add(fsl_ctx *ctx, listing *l, const char *name) {
  const char *const path = fsl_text_format(ctx->arena, "%s%s", l->folder, name);
  if (path == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  if (strcmp(path, l->own) == 0) return FSL_OK;
  if (l->n == l->room) {
    const char **wider;
    FSL_GET(ctx, wider, 2 * l->room + 8);
    if (l->n > 0) memcpy(wider, l->path, l->n * sizeof *wider);
    l->path = wider;
    l->room = 2 * l->room + 8;
  }
  l->path[l->n++] = path;
  return FSL_OK;
}

static fsl_status list(fsl_ctx *ctx, listing *l) {
  DIR *const folder = opendir(l->folder[0] == '\0' ? "." : l->folder);
  if (folder == NULL)
    return fsl_fail(ctx, FSL_EIO, "%s: cannot list this folder: %s", l->folder[0] == '\0' ? "." : l->folder,
                    strerror(errno));
  fsl_status status = FSL_OK;
  for (struct dirent *entry; status == FSL_OK && (entry = readdir(folder)) != NULL;)
    if (belongs(entry->d_name, l->base, l->length)) status = add(ctx, l, entry->d_name);
  closedir(folder);
  return status;
}

fsl_status fsl_journal_siblings(fsl_ctx *ctx, const char *results_path, const char *own, size_t *n,
                                const char *const **paths) {
  const size_t folder = fsl_folder_length(results_path);
  listing l = {.base = results_path + folder, .own = own, .length = base_length(results_path) - folder};
  l.folder = fsl_text_format(ctx->arena, "%.*s", (int)folder, results_path);
  if (l.folder == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  FSL_TRY(list(ctx, &l));
  if (l.n > 1) qsort(l.path, l.n, sizeof *l.path, by_name);
  *n = l.n;
  *paths = l.path;
  return FSL_OK;
}
