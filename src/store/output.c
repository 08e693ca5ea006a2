/* store/output.c: see output.h. */
#include "store/output.h"

#include "base/text.h"
#include "store/beside.h"
#include "store/files.h"
#include "store/lock.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What another run, or nobody, can change about a path: the same command would fail for ever. */
static bool is_lasting(int reason) {
  static const int lasting[] = {ENOENT, ENOTDIR, EACCES, EPERM, EROFS, ENAMETOOLONG, ELOOP, EINVAL};
  for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
    if (reason == lasting[i]) return true;
  return false;
}

static fsl_status refused(fsl_ctx *ctx, const char *path, const char *what, int reason) {
  return fsl_fail(ctx, is_lasting(reason) ? FSL_EINPUT : FSL_EIO, "%s: %s (%s); choose another OUT", path, what,
                  strerror(reason));
}

/* ---- names and folders ------------------------------------------------------------------------------------------- */

/* Whether `path` with `more` characters behind it can be the name of a file. */
static fsl_status fits(fsl_ctx *ctx, const char *name, const char *path, size_t more) {
  const char *const folder = fsl_folder_of(ctx->arena, path);
  if (folder == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  const long limit = pathconf(folder, _PC_NAME_MAX);
  const size_t most = limit > 0 ? (size_t)limit : NAME_MAX, length = strlen(path + fsl_folder_length(path)) + more;
  if (length <= most && strlen(path) + more < PATH_MAX) return FSL_OK;
  const size_t excess = length > most ? length - most : strlen(path) + more - PATH_MAX + 1;
  return fsl_fail(ctx, FSL_EINPUT,
                  "%s: this name is too long: with what is written beside it, it would be %zu characters above the "
                  "limit; choose a shorter OUT",
                  name, excess);
}

static fsl_status lacks_folder(fsl_ctx *ctx, const char *path) {
  fsl_text word;
  const char *const folder = fsl_text_format(ctx->arena, "%.*s", (int)fsl_folder_length(path) - 1, path);
  fsl_text_start(&word, ctx->arena);
  if (folder != NULL) fsl_text_add_word(&word, folder);
  const char *const quoted = fsl_text_end(&word);
  if (folder == NULL || quoted == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  return fsl_fail(ctx, FSL_EINPUT, "%s: there is no folder %s; make it (mkdir -p %s) or choose another OUT", path,
                  folder, quoted);
}

static fsl_status takes_files(fsl_ctx *ctx, const char *path) {
  struct stat about;
  const char *const folder = fsl_folder_of(ctx->arena, path);
  if (folder == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  if (stat(folder, &about) != 0 && errno == ENOENT) return lacks_folder(ctx, path);
  if (access(folder, W_OK | X_OK) == 0) return FSL_OK;
  return refused(ctx, path, "files cannot be written into its folder", errno);
}

static fsl_status named_well(fsl_ctx *ctx, const char *path) {
  static const char ending[] = ".journal";
  const size_t length = strlen(path), n = strlen(ending);
  if (length == 0) return fsl_fail(ctx, FSL_EINPUT, "the name of OUT is empty; give one, such as results.h5");
  if (path[length - 1] == '/')
    return fsl_fail(ctx, FSL_EINPUT, "%s: this names a folder; add the name of a file", path);
  if (length < n || strcmp(path + length - n, ending) != 0) return FSL_OK;
  return fsl_fail(
      ctx, FSL_EINPUT,
      "%s: a name that ends in .journal is a journal's and never that of OUT; give OUT another name (gather "
      "takes OUT.h5 first, then the journals)",
      path);
}

/* ---- links ------------------------------------------------------------------------------------------------------- */

/* What `path` leads to when all links at its end are followed. */
static fsl_status follow(fsl_ctx *ctx, const char *path, const char **out) {
  enum { MOST_LINKS = 40 };
  char to[PATH_MAX];
  struct stat about;
  *out = path;
  for (int i = 0; lstat(*out, &about) == 0 && S_ISLNK(about.st_mode); i++) {
    const ssize_t n = i < MOST_LINKS ? readlink(*out, to, sizeof to - 1) : -1;
    if (n <= 0) return refused(ctx, path, "this link cannot be followed", i < MOST_LINKS ? errno : ELOOP);
    to[n] = '\0';
    *out = to[0] == '/' ? fsl_text_copy(ctx->arena, to)
                        : fsl_text_format(ctx->arena, "%.*s%s", (int)fsl_folder_length(*out), *out, to);
    if (*out == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  }
  return FSL_OK;
}

/* ---- what lies there --------------------------------------------------------------------------------------------- */

static const char *type_name(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return S_ISREG(mode) ? NULL : "not a file";
}

static fsl_status is_no_input(fsl_ctx *ctx, const char *path, const struct stat *mine, size_t n,
                              const char *const *inputs) {
  for (size_t i = 0; i < n; i++) {
    struct stat about;
    const char *const colon = strstr(inputs[i], ":/");
    const int length = colon == NULL ? (int)strlen(inputs[i]) : (int)(colon - inputs[i]);
    const char *const input = fsl_text_format(ctx->arena, "%.*s", length, inputs[i]);
    if (input == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
    if (stat(input, &about) != 0 || about.st_dev != mine->st_dev || about.st_ino != mine->st_ino) continue;
    return fsl_fail(ctx, FSL_EINPUT, "%s: this is %s, which is read and must not be replaced; choose another OUT", path,
                    input);
  }
  return FSL_OK;
}

/* As in /tmp: renaming would be refused when all is computed. */
static bool only_others_replace(const char *folder, const struct stat *mine) {
  struct stat about;
  return stat(folder, &about) == 0 && (about.st_mode & S_ISVTX) != 0 && geteuid() != 0 && geteuid() != about.st_uid &&
         geteuid() != mine->st_uid;
}

static fsl_status may_be_replaced(fsl_ctx *ctx, const fsl_output *o, const struct stat *about, size_t n,
                                  const char *const *inputs) {
  struct stat target;
  bool ours;
  const char *const type = type_name(about->st_mode);
  if (type != NULL)
    return fsl_fail(ctx, FSL_EINPUT, "%s: this is %s, which must not be replaced; choose another OUT", o->name, type);
  FSL_TRY(is_no_input(ctx, o->name, about, n, inputs));
  if (stat(o->target, &target) != 0 || target.st_dev != about->st_dev || target.st_ino != about->st_ino)
    return refused(ctx, o->name, "this link cannot be followed", ELOOP);
  FSL_TRY(fsl_recognise(ctx, o->target, o->sort, &ours));
  const char *const folder = fsl_folder_of(ctx->arena, o->target);
  if (folder == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  if (ours && only_others_replace(folder, about))
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s: this file is another user's, in a folder where only they may replace it; choose "
                    "another OUT",
                    o->name);
  if (ours) return FSL_OK;
  return fsl_fail(ctx, FSL_EINPUT,
                  "%s: a file of this name exists that is not %s of fslens, or too damaged to be known as one; move it "
                  "away or choose another OUT",
                  o->name, fsl_file_sort_name(o->sort));
}

fsl_status fsl_output_check(fsl_ctx *ctx, const char *path, fsl_file_sort sort, size_t n, const char *const *inputs,
                            fsl_output *out) {
  struct stat about;
  const char *beside;
  *out = (fsl_output){.sort = sort, .name = path, .target = path};
  FSL_TRY(named_well(ctx, path));
  out->exists = stat(path, &about) == 0;
  if (!out->exists && errno != ENOENT && errno != ENOTDIR) return refused(ctx, path, "this name cannot be used", errno);
  FSL_TRY(follow(ctx, path, &out->target));
  if (out->target != path) FSL_TRY(named_well(ctx, out->target));
  if (out->exists) FSL_TRY(may_be_replaced(ctx, out, &about, n, inputs));
  FSL_TRY(takes_files(ctx, out->target));
  FSL_TRY(fsl_beside_name(ctx, out->target, &beside));
  return fits(ctx, path, out->target, strlen(beside) - strlen(out->target));
}

fsl_status fsl_output_check_journal(fsl_ctx *ctx, const char *path, fsl_shard shard) {
  struct stat about;
  const char *const journal = fsl_journal_path(ctx->arena, path, shard);
  if (journal == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a path");
  FSL_TRY(fits(ctx, path, journal, FSL_LOCK_LONGEST));
  FSL_TRY(takes_files(ctx, journal));
  if (stat(journal, &about) != 0)
    return errno == ENOENT ? FSL_OK : refused(ctx, journal, "no journal can lie here", errno);
  if (!S_ISREG(about.st_mode))
    return fsl_fail(ctx, FSL_EINPUT, "%s: this is %s, where the journal of OUT would lie; choose another OUT", journal,
                    type_name(about.st_mode));
  return access(journal, R_OK | W_OK) == 0 ? FSL_OK : refused(ctx, journal, "this journal cannot be continued", errno);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static fsl_status assemble(fsl_ctx *ctx, const char *beside, void *self, fsl_status (*fill)(void *self, fsl_h5 *h)) {
  fsl_h5 h;
  fsl_status status = fsl_h5_create(ctx, beside, &h);
  if (status == FSL_OK) status = fill(self, &h);
  if (status == FSL_OK) return fsl_h5_close(&h);
  if (h.file >= 0) H5Fclose(h.file); /* the first error is the one to report */
  return status;
}

/* What lies there may have become another's meanwhile. */
static fsl_status put_in_place(fsl_ctx *ctx, const char *path, fsl_file_sort sort, const char *beside,
                               const char *target) {
  fsl_output now;
  FSL_TRY(fsl_output_check(ctx, path, sort, 0, NULL, &now));
  if (strcmp(now.target, target) == 0) return fsl_h5_put_in_place(ctx, beside, target);
  return fsl_fail(ctx, FSL_EIO, "%s: the link was changed while its file was written", path);
}

fsl_status fsl_output_write(fsl_ctx *ctx, const char *path, fsl_file_sort sort, void *self,
                            fsl_status (*fill)(void *self, fsl_h5 *h)) {
  fsl_output out;
  const char *beside;
  FSL_TRY(fsl_output_check(ctx, path, sort, 0, NULL, &out));
  FSL_TRY(fsl_beside(ctx, out.target, &beside));
  fsl_status status = assemble(ctx, beside, self, fill);
  if (status == FSL_OK) status = put_in_place(ctx, path, sort, beside, out.target);
  if (status != FSL_OK) unlink(beside);
  return status;
}
