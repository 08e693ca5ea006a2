/* OUT is checked once more just before it is replaced: what became another's meanwhile stays as it is. Names that pass
 * can be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/output.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct bench {
  fsl_ctx ctx;
  char folder[32];
  const char *out;
  void (*meanwhile)(struct bench *b); /* while the file is written; NULL: nothing */
  bool fails;
} bench;

static int begin(void **state) {
  bench *const b = calloc(1, sizeof *b);
  if (b == NULL) return -1;
  b->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  snprintf(b->folder, sizeof b->folder, "/tmp/fslens-output-XXXXXX");
  if (mkdtemp(b->folder) == NULL) return -1;
  b->out = fsl_text_format(b->ctx.arena, "%s/out.h5", b->folder);
  *state = b;
  return 0;
}

/* Names in the folder; removes them where asked for. */
static size_t count_names(const bench *b, bool remove) {
  size_t n = 0;
  DIR *const folder = opendir(b->folder);
  assert_non_null(folder);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    n++;
    if (remove && unlinkat(dirfd(folder), entry->d_name, 0) != 0) unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
  }
  closedir(folder);
  return n;
}

static int end(void **state) {
  bench *const b = *state;
  count_names(b, true);
  rmdir(b->folder);
  fsl_arena_destroy(b->ctx.arena);
  free(b);
  return 0;
}

/* A file of scores as far as it is recognised by. */
static fsl_status fill(void *self, fsl_h5 *h) {
  bench *const b = self;
  static const char *const names[] = {"prior_score", "posterior_score", "likelihood_score"};
  FSL_TRY(fsl_h5_attribute_text(h, h->file, "title", fsl_file_sort_title(FSL_FILE_SCORES)));
  for (size_t i = 0; i < 3; i++) {
    hid_t group;
    FSL_TRY(fsl_h5_group(h, names[i], &group));
    H5Gclose(group);
  }
  if (b->meanwhile != NULL) b->meanwhile(b);
  return b->fails ? fsl_fail(h->ctx, FSL_ENUMERIC, "made to fail") : FSL_OK;
}

static fsl_status write_out(bench *b, void (*meanwhile)(bench *b)) {
  b->meanwhile = meanwhile;
  return fsl_output_write(&b->ctx, b->out, FSL_FILE_SCORES, b, fill);
}

static void make(const char *path, const char *text) {
  FILE *const file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void make_foreign(bench *b) {
  unlink(b->out);
  make(b->out, "mine");
}

static void make_folder(bench *b) {
  assert_int_equal(mkdir(b->out, 0700), 0);
}

static void lead_elsewhere(bench *b) {
  unlink(b->out);
  assert_int_equal(symlink("elsewhere.h5", b->out), 0);
}

static void a_file_is_written_and_written_again(void **state) {
  bench *const b = *state;
  fsl_output now;
  assert_int_equal(write_out(b, NULL), FSL_OK);
  assert_int_equal(write_out(b, NULL), FSL_OK);
  assert_int_equal(count_names(b, false), 1);
  assert_int_equal(fsl_output_check(&b->ctx, b->out, FSL_FILE_SCORES, 0, NULL, &now), FSL_OK);
  assert_true(now.exists);
  assert_ptr_equal(now.target, b->out);
  assert_int_equal(fsl_output_check(&b->ctx, b->out, FSL_FILE_RESULTS, 0, NULL, &now), FSL_EINPUT);
}

static void what_became_anothers_meanwhile_stays(void **state) {
  bench *const b = *state;
  char text[8] = "";
  for (int i = 0; i < 2; i++) { /* where nothing was, and where a file of ours was */
    assert_int_equal(write_out(b, make_foreign), FSL_EINPUT);
    FILE *const file = fopen(b->out, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "mine");
    assert_int_equal(count_names(b, false), 1);
    unlink(b->out);
    assert_int_equal(write_out(b, NULL), FSL_OK);
  }
  unlink(b->out);
  assert_int_equal(write_out(b, make_folder), FSL_EINPUT);
  assert_non_null(strstr(b->ctx.error, "this is a folder"));
  assert_int_equal(count_names(b, false), 1);
}

static void a_link_that_is_changed_meanwhile_is_not_followed(void **state) {
  bench *const b = *state;
  assert_int_equal(symlink("here.h5", b->out), 0);
  assert_int_equal(write_out(b, lead_elsewhere), FSL_EIO);
  assert_non_null(strstr(b->ctx.error, "the link was changed"));
  assert_int_equal(count_names(b, false), 1);
}

static void a_failure_leaves_nothing_and_keeps_its_reason(void **state) {
  bench *const b = *state;
  b->fails = true;
  assert_int_equal(write_out(b, NULL), FSL_ENUMERIC);
  assert_string_equal(b->ctx.error, "made to fail");
  assert_int_equal(count_names(b, false), 0);
}

/* A name of n characters in the folder. */
static const char *name_of(bench *b, const char *folder, size_t n) {
  char *const path = fsl_arena_get(b->ctx.arena, strlen(folder) + n + 2, 1);
  assert_non_null(path);
  strcpy(path, folder);
  const size_t length = strlen(strcat(path, "/"));
  memset(path + length, 'x', n);
  return path;
}

/* The longest name that passes can be written, and of the next one its excess is said. */
static void find_longest(bench *b, const char *folder) {
  fsl_output now;
  size_t n = 1;
  while (n < 260 && fsl_output_check(&b->ctx, name_of(b, folder, n), FSL_FILE_SCORES, 0, NULL, &now) == FSL_OK) n++;
  assert_true(n > 1 && n < 260);
  for (size_t more = 0; more < 3; more++) {
    char words[64];
    snprintf(words, sizeof words, "it would be %zu characters above the limit", more + 1);
    assert_int_equal(fsl_output_check(&b->ctx, name_of(b, folder, n + more), FSL_FILE_SCORES, 0, NULL, &now),
                     FSL_EINPUT);
    if (strlen(folder) < sizeof b->ctx.error / 2) /* a message has no room for more */
      assert_non_null(strstr(b->ctx.error, words));
  }
  b->out = name_of(b, folder, n - 1);
  assert_int_equal(write_out(b, NULL), FSL_OK);
  assert_int_equal(unlink(b->out), 0);
}

static void the_longest_name_that_passes_can_be_written(void **state) {
  bench *const b = *state;
  find_longest(b, b->folder);
}

/* Here the path is what is too long, not the name. */
static void the_longest_path_that_passes_can_be_written(void **state) {
  enum { STEP = 200, DEEP = 4096 - 150, MOST = DEEP / STEP + 2 };
  bench *const b = *state;
  const char *folder[MOST] = {b->folder};
  size_t n = 0;
  for (size_t length; (length = strlen(folder[n])) + 2 < DEEP; n++) {
    const size_t left = DEEP - length - 1;
    folder[n + 1] = name_of(b, folder[n], left < STEP ? left : STEP);
    assert_int_equal(mkdir(folder[n + 1], 0700), 0);
  }
  find_longest(b, folder[n]);
  for (; n > 0; n--) assert_int_equal(rmdir(folder[n]), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(a_file_is_written_and_written_again),
      CASE(what_became_anothers_meanwhile_stays),
      CASE(a_link_that_is_changed_meanwhile_is_not_followed),
      CASE(a_failure_leaves_nothing_and_keeps_its_reason),
      CASE(the_longest_name_that_passes_can_be_written),
      CASE(the_longest_path_that_passes_can_be_written),
  };
  return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
