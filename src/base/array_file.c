/* base/array_file.c: arrays from files, by the ending of the path (see array_file.h). */
#include "base/array_file.h"

#include "base/array_readers.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

fsl_array fsl_array_rows(fsl_array array) {
  fsl_array rows = {.data = array.data, .rank = 2, .shape = {1, 1}};
  if (array.rank > 0) rows.shape[0] = array.shape[0];
  for (size_t i = 1; i < array.rank; i++) rows.shape[1] *= array.shape[i];
  return rows;
}

static bool ends_with(const char *text, const char *ending) {
  const size_t n = strlen(text), m = strlen(ending);
  return n >= m && strcmp(text + n - m, ending) == 0;
}

fsl_status fsl_array_read(fsl_ctx *ctx, const char *path, const char *dataset, fsl_array *out) {
  const char *const colon = strstr(path, ":/");
  if (ends_with(path, ".npy")) return fsl_array_read_npy(ctx, path, out);
  if (ends_with(path, ".csv")) return fsl_array_read_csv(ctx, path, out);
  if (colon == NULL) return fsl_array_read_hdf5(ctx, path, dataset, out);
  char *const file = fsl_text_copy(ctx->arena, path);
  if (file == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  file[colon - path] = '\0';
  /* FILE.h5:/group names a group: the default name is looked up in it. */
  return fsl_array_read_hdf5_at(ctx, file, colon + 1, dataset, out);
}

/* ---- files ------------------------------------------------------------------------------------------- */

fsl_status fsl_file_hash(fsl_ctx *ctx, const char *path, fsl_hash *out) {
  enum { PIECE = 1 << 16 };
  FILE *const file = fopen(path, "rb");
  if (file == NULL) return fsl_fail(ctx, FSL_EINPUT, "%s: %s", path, strerror(errno));
  const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
  fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
  uint8_t *const piece = fsl_arena_get(ctx->arena, PIECE, 1);
  bool good = hasher != NULL && piece != NULL;
  for (size_t n; good && (n = fread(piece, 1, PIECE, file)) > 0;) fsl_hash_bytes(hasher, piece, n);
  good = good && !ferror(file);
  fclose(file);
  if (good) *out = fsl_hash_value(hasher);
  fsl_arena_release(ctx->arena, mark);
  return good ? FSL_OK : fsl_fail(ctx, FSL_EIO, "%s: cannot be read", path);
}

char *fsl_path_beside(fsl_arena *arena, const char *base_file, const char *path) {
  const char *const slash = strrchr(base_file, '/');
  if (path[0] == '/' || slash == NULL) return fsl_text_copy(arena, path);
  return fsl_text_format(arena, "%.*s/%s", (int)(slash - base_file), base_file, path);
}
