/* store/recognise.c: see recognise.h. */
#include "store/recognise.h"

#include "grid/grid.h"
#include "store/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const titles[] = {
    [FSL_FILE_RESULTS] = "fslens: diffusion posterior samplers against the exact posterior",
    [FSL_FILE_SCORES] = "fslens: scores at given states",
};

const char *fsl_file_sort_title(fsl_file_sort sort) {
  return titles[sort];
}

const char *fsl_file_sort_name(fsl_file_sort sort) {
  return sort == FSL_FILE_RESULTS ? "a results file" : "a file of scores";
}

/* ---- in the process apart ---------------------------------------------------------------------------------------- */

/* A text attribute; NULL where there is none. HDF5's own memory, which ends with the process. */
static char *read_text(hid_t file, const char *object, const char *name) {
  char *text = NULL;
  if (strcmp(object, ".") != 0 && H5Lexists(file, object, H5P_DEFAULT) <= 0) return NULL;
  if (H5Aexists_by_name(file, object, name, H5P_DEFAULT) <= 0) return NULL;
  const hid_t attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const bool plain = H5Tis_variable_str(type) > 0 && H5Sget_simple_extent_npoints(space) == 1;
  return plain && H5Aread(attribute, type, &text) >= 0 ? text : NULL;
}

static hid_t open_file(const char *path) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(access, false, true); /* not every file system has locks, and what is read is only looked at */
#endif
  H5Eset_auto(H5E_DEFAULT, NULL, NULL);
  return H5Fopen(path, H5F_ACC_RDONLY, access);
}

/* A part of a results file that another program saved keeps the title at most. */
static bool is_of_sort(hid_t file, fsl_file_sort sort) {
  static const char *const scores[] = {"prior_score", "posterior_score", "likelihood_score"};
  const char *const title = file < 0 ? NULL : read_text(file, ".", "title");
  if (title == NULL || strcmp(title, titles[sort]) != 0) return false;
  if (sort == FSL_FILE_RESULTS) return read_text(file, "provenance", "fslens_version") != NULL;
  for (size_t i = 0; i < sizeof scores / sizeof *scores; i++)
    if (H5Lexists(file, scores[i], H5P_DEFAULT) <= 0) return false;
  return true;
}

typedef struct question {
  const char *path;
  fsl_file_sort sort;
  fsl_hash spec_hash;
  size_t n_done;
} question;

static bool say_whether(const question *q, FILE *to) {
  return is_of_sort(open_file(q->path), q->sort) && fputc('y', to) == 'y';
}

static bool say_cells(const question *q, hid_t file, FILE *to, bool *same) {
  const hid_t status = H5Dopen(file, "status", H5P_DEFAULT), space = H5Dget_space(status);
  const hssize_t n = H5Sget_simple_extent_npoints(space);
  int8_t *const cell = n < 0 ? NULL : malloc((size_t)n + 1);
  if (cell == NULL || H5Dread(status, H5T_NATIVE_INT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, cell) < 0) return false;
  size_t n_cells = 0, n_done = 0;
  for (hssize_t i = 0; i < n; i++) {
    n_cells += cell[i] != FSL_CELL_NOT_APPLICABLE && cell[i] != FSL_CELL_EXCLUDED;
    n_done += cell[i] == FSL_CELL_DONE;
  }
  free(cell);
  char hash[33];
  fsl_hash_print(q->spec_hash, hash);
  const char *const spec = read_text(file, "provenance", "spec"), *const its =
                                                                      read_text(file, "provenance", "spec_hash");
  const size_t counts[] = {n_cells, n_done, spec == NULL ? 0 : strlen(spec)};
  *same = its != NULL && strcmp(its, hash) == 0 && n_done <= q->n_done;
  return fwrite(counts, sizeof counts, 1, to) == 1 && (spec == NULL || fputs(spec, to) >= 0);
}

/* Rows first .. first + n of a column of texts. */
static bool read_rows(hid_t column, hsize_t first, hsize_t n, char **out) {
  const hid_t rows = H5Dget_space(column), room = H5Screate_simple(1, &n, NULL), type = H5Dget_type(column);
  const bool good = H5Tis_variable_str(type) > 0 &&
                    H5Sselect_hyperslab(rows, H5S_SELECT_SET, &first, NULL, &n, NULL) >= 0 &&
                    H5Dread(column, type, room, rows, H5P_DEFAULT, out) >= 0;
  H5Tclose(type);
  H5Sclose(room);
  H5Sclose(rows);
  return good;
}

static bool say_jobs(hid_t file, FILE *to) {
  enum { PIECE = 4096 };
  char *identity[PIECE], *status[PIECE];
  const hid_t identities = H5Dopen(file, "jobs/identity", H5P_DEFAULT),
              statuses = H5Dopen(file, "jobs/status", H5P_DEFAULT);
  const hid_t space = H5Dget_space(identities);
  const hssize_t n = H5Sget_simple_extent_npoints(space);
  for (hssize_t at = 0; at < n; at += PIECE) {
    const hsize_t now = n - at < PIECE ? (hsize_t)(n - at) : PIECE;
    if (!read_rows(identities, (hsize_t)at, now, identity) || !read_rows(statuses, (hsize_t)at, now, status))
      return false;
    for (hsize_t i = 0; i < now; i++) {
      fsl_hash job;
      if (identity[i] == NULL || status[i] == NULL || strcmp(status[i], "done") != 0) continue;
      if (sscanf(identity[i], "%16" SCNx64 "%16" SCNx64, &job.high, &job.low) != 2) return false;
      if (fwrite(&job, sizeof job, 1, to) != 1) return false;
    }
  }
  return n >= 0;
}

static bool say_holding(const question *q, FILE *to) {
  bool same = false;
  const hid_t file = open_file(q->path);
  return is_of_sort(file, FSL_FILE_RESULTS) && say_cells(q, file, to, &same) && (same || say_jobs(file, to));
}

/* Never returns. Neither a crash nor a hang of it is the caller's. */
static void look(const question *q, int to, bool (*say)(const question *q, FILE *to)) {
  enum { MOST_SECONDS = 60 };
  alarm(MOST_SECONDS);
  FILE *const stream = fdopen(to, "wb");
  _exit(stream != NULL && say(q, stream) && fflush(stream) == 0 ? 0 : 1);
}

/* ---- in the caller's --------------------------------------------------------------------------------------------- */

static fsl_status read_answer(fsl_ctx *ctx, int from, uint8_t **bytes, size_t *n) {
  size_t room = 0;
  *n = 0;
  for (;;) {
    if (*n == room) {
      uint8_t *wider;
      room = 2 * room + 4096;
      FSL_GET(ctx, wider, room);
      if (*n > 0) memcpy(wider, *bytes, *n);
      *bytes = wider;
    }
    const ssize_t got = read(from, *bytes + *n, room - *n);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fsl_fail(ctx, FSL_EIO, "cannot read from a process of its own: %s", strerror(errno));
    if (got == 0) return FSL_OK;
    *n += (size_t)got;
  }
}

/* What a process apart says of the file; nothing (n 0) where it came to harm. */
static fsl_status ask(fsl_ctx *ctx, const question *q, bool (*say)(const question *q, FILE *to), uint8_t **bytes,
                      size_t *n) {
  int ends[2], status = -1;
  if (pipe2(ends, O_CLOEXEC) != 0)
    return fsl_fail(ctx, FSL_EIO, "%s: cannot be looked into: %s", q->path, strerror(errno));
  const pid_t child = fork();
  if (child == 0) look(q, ends[1], say);
  const int reason = errno;
  close(ends[1]);
  const fsl_status answered = child < 0
                                  ? fsl_fail(ctx, FSL_EIO, "%s: cannot be looked into: %s", q->path, strerror(reason))
                                  : read_answer(ctx, ends[0], bytes, n);
  close(ends[0]);
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (answered == FSL_OK && status != 0) *n = 0;
  return answered;
}

fsl_status fsl_recognise(fsl_ctx *ctx, const char *path, fsl_file_sort sort, bool *out) {
  const question q = {.path = path, .sort = sort};
  uint8_t *bytes;
  size_t n;
  *out = false;
  FSL_TRY(ask(ctx, &q, say_whether, &bytes, &n));
  *out = n == 1;
  return FSL_OK;
}

static int by_hash(const void *a, const void *b) {
  return fsl_hash_compare(*(const fsl_hash *)a, *(const fsl_hash *)b);
}

fsl_status fsl_holding_read(fsl_ctx *ctx, const char *path, fsl_hash spec_hash, size_t n_done, fsl_holding *out) {
  const question q = {.path = path, .spec_hash = spec_hash, .n_done = n_done};
  uint8_t *bytes;
  size_t n, counts[3];
  char *spec;
  fsl_hash *jobs;
  *out = (fsl_holding){.spec = ""};
  FSL_TRY(ask(ctx, &q, say_holding, &bytes, &n));
  if (n < sizeof counts) return FSL_OK;
  memcpy(counts, bytes, sizeof counts);
  FSL_GET(ctx, spec, counts[2] + 1);
  memcpy(spec, bytes + sizeof counts, counts[2]);
  const size_t left = n - sizeof counts - counts[2];
  FSL_GET(ctx, jobs, left / sizeof *jobs + 1);
  memcpy(jobs, bytes + n - left, left);
  qsort(jobs, left / sizeof *jobs, sizeof *jobs, by_hash);
  *out = (fsl_holding){true, counts[0], counts[1], spec, left / sizeof *jobs, jobs};
  return FSL_OK;
}
