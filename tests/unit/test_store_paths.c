/* Where journals lie, and which of the files in a folder are journals of one results file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/journal_paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct folder {
  fsl_ctx ctx;
  char path[64];
  size_t n_made;
  const char *made[64];
} folder;

static int begin(void **state) {
  folder *const f = calloc(1, sizeof *f);
  if (f == NULL) return -1;
  f->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  snprintf(f->path, sizeof f->path, "/tmp/fslens-paths-XXXXXX");
  *state = f;
  return mkdtemp(f->path) == NULL ? -1 : 0;
}

static int end(void **state) {
  folder *const f = *state;
  for (size_t i = f->n_made; i-- > 0;) remove(f->made[i]);
  rmdir(f->path);
  fsl_arena_destroy(f->ctx.arena);
  free(f);
  return 0;
}

static const char *inside(folder *f, const char *name) {
  return fsl_text_format(f->ctx.arena, "%s/%s", f->path, name);
}

static void make_file(folder *f, const char *name) {
  const char *const path = inside(f, name);
  FILE *const file = fopen(path, "w");
  assert_non_null(file);
  fclose(file);
  f->made[f->n_made++] = path;
}

/* The names of the siblings, one behind the other. */
static const char *siblings(folder *f, const char *results, const char *own) {
  const char *const *paths;
  size_t n;
  fsl_text text;
  fsl_text_start(&text, f->ctx.arena);
  assert_int_equal(fsl_journal_siblings(&f->ctx, results, own, &n, &paths), FSL_OK);
  for (size_t i = 0; i < n; i++) {
    const char *const slash = strrchr(paths[i], '/');
    if (slash != NULL) assert_memory_equal(paths[i], results, (size_t)(slash - paths[i]) + 1);
    fsl_text_add(&text, "%s%s", i == 0 ? "" : " ", slash == NULL ? paths[i] : slash + 1);
  }
  return text.data;
}

static void a_journal_lies_beside_its_results(void **state) {
  folder *const f = *state;
  fsl_arena *const arena = f->ctx.arena;
  const fsl_shard all = {0}, part = {3, 12};
  assert_string_equal(fsl_journal_path(arena, "out.h5", all), "out.journal");
  assert_string_equal(fsl_journal_path(arena, "a.b/out.h5", all), "a.b/out.journal");
  assert_string_equal(fsl_journal_path(arena, "a.h5/out", part), "a.h5/out.3-of-12.journal");
  assert_string_equal(fsl_journal_path(arena, "out.h5.h5", part), "out.h5.3-of-12.journal");
  assert_string_equal(fsl_journal_path(arena, "out.hdf5", all), "out.hdf5.journal");
}

static void a_name_tells_its_shard(void **state) {
  (void)state;
  static const fsl_shard shards[] = {{1, 1}, {3, 12}, {12, 12}, {999999999, 999999999}};
  fsl_arena *const arena = fsl_arena_create(0);
  for (size_t i = 0; i < sizeof shards / sizeof *shards; i++) {
    const fsl_shard told = fsl_journal_shard(fsl_journal_path(arena, "some/out.h5", shards[i]));
    assert_true(told.shard == shards[i].shard && told.shards == shards[i].shards);
  }
  fsl_arena_destroy(arena);
  assert_int_equal(fsl_journal_shard("2-of-3.journal").shards, 0); /* no name before it */
  assert_int_equal(fsl_journal_shard("out/2-of-3.journal").shards, 0);
  assert_int_equal(fsl_journal_shard("out.journal").shards, 0);
  assert_int_equal(fsl_journal_shard("out.2-of-3").shards, 0);
  assert_int_equal(fsl_journal_shard("").shards, 0);
}

static const char *const strange[] = {
    "0-of-3",
    "4-of-3",
    "1-of-0",
    "-1-of-3",
    "1-of--3",
    "+1-of-3",
    "1-of-+3",
    " 1-of-3",
    "1-of- 3",
    "01-of-3",
    "1-of-03",
    "1-of-3x",
    "x1-of-3",
    "1-of",
    "1-of-",
    "-of-3",
    "1of3",
    "1-of-3-of-3",
    "1-OF-3",
    "1_of_3",
    "",
    "1.5-of-3",
    "0x1-of-3",
    "1-of-9999999999",
    "4294967297-of-4294967297",
};

static void wrong_numbers_are_no_shard(void **state) {
  folder *const f = *state;
  for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
    const char *const path = fsl_text_format(f->ctx.arena, "out.%s.journal", strange[i]);
    assert_int_equal(fsl_journal_shard(path).shards, 0);
  }
}

static void siblings_are_listed_in_the_order_of_their_names(void **state) {
  folder *const f = *state;
  make_file(f, "out.2-of-3.journal");
  make_file(f, "out.journal");
  make_file(f, "out.10-of-20.journal");
  make_file(f, "out.1-of-3.journal");
  const char *const results = inside(f, "out.h5");
  assert_string_equal(siblings(f, results, inside(f, "out.journal")),
                      "out.1-of-3.journal out.10-of-20.journal out.2-of-3.journal");
  assert_string_equal(siblings(f, results, inside(f, "out.2-of-3.journal")),
                      "out.1-of-3.journal out.10-of-20.journal out.journal");
  assert_string_equal(siblings(f, inside(f, "out"), "elsewhere/out.journal"),
                      "out.1-of-3.journal out.10-of-20.journal out.2-of-3.journal out.journal");
}

static void other_names_are_no_siblings(void **state) {
  static const char *const names[] = {"outer.journal",
                                      "out2.1-of-3.journal",
                                      "my-out.journal",
                                      "out.h5",
                                      "out.h5.journal",
                                      "out.journal.old-1",
                                      "out.journal.lock",
                                      "out.journal.owner",
                                      "out.1-of-3.journal.lock",
                                      "out.1-of-3.journal.old-1",
                                      "out.other.journal",
                                      "out.x.1-of-3.journal",
                                      "out.1-of-3.x.journal",
                                      "outx1-of-3.journal",
                                      "out1-of-3.journal",
                                      "Out.journal",
                                      "ut.journal",
                                      ".journal",
                                      "out.1-of-3"};
  folder *const f = *state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) make_file(f, names[i]);
  for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
    make_file(f, fsl_text_format(f->ctx.arena, "out.%s.journal", strange[i]));
  assert_string_equal(siblings(f, inside(f, "out.h5"), "none"), "");
  make_file(f, "out.1-of-3.journal");
  assert_string_equal(siblings(f, inside(f, "out.h5"), "none"), "out.1-of-3.journal");
  assert_string_equal(siblings(f, inside(f, "out.h5.h5"), "none"), "out.h5.journal");
}

/* Where the results file has no folder in its name, it is the current one. */
static void folders_are_those_of_the_results_file(void **state) {
  folder *const f = *state;
  char back[4096];
  const char *const sub = inside(f, "sub");
  assert_int_equal(mkdir(sub, 0700), 0);
  f->made[f->n_made++] = sub;
  make_file(f, "sub/out.1-of-2.journal");
  make_file(f, "out.2-of-2.journal");
  assert_string_equal(siblings(f, inside(f, "sub/out.h5"), "none"), "out.1-of-2.journal");
  assert_non_null(getcwd(back, sizeof back));
  assert_int_equal(chdir(sub), 0);
  const char *const here = siblings(f, "out.h5", "none"), *const above = siblings(f, "../out.h5", "none");
  const char *const own = siblings(f, "out.h5", "out.1-of-2.journal");
  assert_int_equal(chdir(back), 0);
  assert_string_equal(here, "out.1-of-2.journal");
  assert_string_equal(above, "out.2-of-2.journal");
  assert_string_equal(own, "");
}

static void a_folder_that_is_not_there_is_an_error(void **state) {
  folder *const f = *state;
  const char *const *paths;
  size_t n;
  assert_int_equal(fsl_journal_siblings(&f->ctx, inside(f, "none/out.h5"), "x", &n, &paths), FSL_EIO);
  assert_non_null(strstr(f->ctx.error, "cannot list this folder: No such file"));
}

static void a_journal_tells_its_results_file(void **state) {
  static const char *const paths[][2] = {{"out.journal", "out.h5"},
                                         {"a/out.3-of-20.journal", "a/out.h5"},
                                         {"out.4-of-3.journal", "out.4-of-3.h5"},
                                         {"a.b/out.x.journal", "a.b/out.x.h5"},
                                         {"out.h5.journal", "out.h5.h5"}};
  folder *const f = *state;
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    assert_string_equal(fsl_journal_results_path(f->ctx.arena, paths[i][0]), paths[i][1]);
    assert_string_equal(fsl_journal_path(f->ctx.arena, paths[i][1], fsl_journal_shard(paths[i][0])), paths[i][0]);
  }
  assert_null(fsl_journal_results_path(f->ctx.arena, "out.h5"));
  assert_null(fsl_journal_results_path(f->ctx.arena, "out.journal.old-1"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(a_journal_lies_beside_its_results),
      CASE(a_name_tells_its_shard),
      CASE(a_journal_tells_its_results_file),
      CASE(wrong_numbers_are_no_shard),
      CASE(siblings_are_listed_in_the_order_of_their_names),
      CASE(other_names_are_no_siblings),
      CASE(folders_are_those_of_the_results_file),
      CASE(a_folder_that_is_not_there_is_an_error),
  };
  return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
