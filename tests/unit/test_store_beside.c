/* Names beside a file: one's own for every writer; what dead writers left goes, what others may still use stays. */
#include "base/text.h"
#include "store/beside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct bench {
  fsl_ctx ctx;
  char folder[32];
  const char *path, *own;
} bench;

static int begin(void **state) {
  bench *const b = calloc(1, sizeof *b);
  if (b == NULL) return -1;
  b->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  snprintf(b->folder, sizeof b->folder, "/tmp/fslens-beside-XXXXXX");
  if (mkdtemp(b->folder) == NULL) return -1;
  b->path = fsl_text_format(b->ctx.arena, "%s/out.h5", b->folder);
  *state = b;
  return fsl_beside(&b->ctx, b->path, &b->own) == FSL_OK ? 0 : -1;
}

static int end(void **state) {
  bench *const b = *state;
  rmdir(b->folder);
  fsl_arena_destroy(b->ctx.arena);
  free(b);
  return 0;
}

static pid_t dead_process(void) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  assert_int_equal(waitpid(child, NULL, 0), child);
  return child;
}

/* A name like one's own, but of this process number. */
static const char *name_of(const bench *b, long process) {
  return fsl_text_format(b->ctx.arena, "%.*s%ld", (int)(strrchr(b->own, '-') - b->own) + 1, b->own, process);
}

static void make(const char *path) {
  FILE *const file = fopen(path, "w");
  assert_non_null(file);
  fclose(file);
}

/* Whether a file that lies there when the next writer asks for a name is there afterwards. */
static bool stays(bench *b, const char *path) {
  const char *again;
  make(path);
  assert_int_equal(fsl_beside(&b->ctx, b->path, &again), FSL_OK);
  assert_string_equal(again, b->own);
  return unlink(path) == 0;
}

static void test_the_name_lies_beside_the_file_and_names_the_process(void **state) {
  const bench *const b = *state;
  assert_memory_equal(b->own, b->path, strlen(b->path));
  const char *const process = name_of(b, (long)getpid());
  assert_memory_equal(b->own, process, strlen(process));
  assert_int_equal(b->own[strlen(process)], '.');
}

/* The number of a dead writer may be a living process's by now. */
static void test_a_number_that_was_given_again_is_no_writer(void **state) {
  bench *const b = *state;
  assert_false(stays(b, fsl_text_format(b->ctx.arena, "%s.1", name_of(b, (long)getppid()))));
  assert_false(stays(b, fsl_text_format(b->ctx.arena, "%s.1", name_of(b, (long)dead_process()))));
}

static void test_what_a_dead_writer_left_is_removed(void **state) {
  bench *const b = *state;
  assert_false(stays(b, name_of(b, (long)dead_process())));
}

static void test_what_a_living_writer_has_stays(void **state) {
  bench *const b = *state;
  assert_true(stays(b, name_of(b, (long)getppid())));
  assert_true(stays(b, b->own));
}

static void test_what_others_may_have_stays(void **state) {
  bench *const b = *state;
  const char *const dead = name_of(b, (long)dead_process());
  fsl_arena *const arena = b->ctx.arena;
  assert_true(stays(b, fsl_text_format(arena, "%s.tmp-elsewhere-1-%ld", b->path, (long)dead_process())));
  assert_true(stays(b, fsl_text_format(arena, "%s/another%s", b->folder, strrchr(dead, '/') + 1)));
  assert_true(stays(b, fsl_text_format(arena, "%s.old", dead)));
  assert_true(stays(b, name_of(b, 0)));
  assert_true(stays(b, b->path));
}

static void test_a_path_without_folder_lies_in_the_current_one(void **state) {
  bench *const b = *state;
  const char *own;
  char before[512];
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(b->folder), 0);
  assert_int_equal(fsl_beside(&b->ctx, "out.h5", &own), FSL_OK);
  const char *const dead =
      fsl_text_format(b->ctx.arena, "%.*s%ld", (int)(strrchr(own, '-') - own) + 1, own, (long)dead_process());
  make(dead);
  assert_int_equal(fsl_beside(&b->ctx, "out.h5", &own), FSL_OK);
  assert_int_not_equal(access(dead, F_OK), 0);
  assert_int_equal(chdir(before), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_the_name_lies_beside_the_file_and_names_the_process, begin, end),
      cmocka_unit_test_setup_teardown(test_a_number_that_was_given_again_is_no_writer, begin, end),
      cmocka_unit_test_setup_teardown(test_what_a_dead_writer_left_is_removed, begin, end),
      cmocka_unit_test_setup_teardown(test_what_a_living_writer_has_stays, begin, end),
      cmocka_unit_test_setup_teardown(test_what_others_may_have_stays, begin, end),
      cmocka_unit_test_setup_teardown(test_a_path_without_folder_lies_in_the_current_one, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
