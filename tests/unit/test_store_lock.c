/* One writer at a time: over processes, deaths and children, and where the file system has no locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct scene {
  fsl_ctx ctx;
  char folder[64], path[80], lock[96], owner[96];
} scene;

static int lock_error; /* what locking fails with; 0: it works */
static scene *meddled; /* another process takes the lock while this one looks whether its owner is gone; NULL: none */
static pid_t meddler;

int __real_fcntl(int file, int command, struct flock *lock);
int __wrap_fcntl(int file, int command, struct flock *lock);
int __real_kill(pid_t process, int signal_number);
int __wrap_kill(pid_t process, int signal_number);
static pid_t start_holder(scene *s, double seconds);

int __wrap_kill(pid_t process, int signal_number) {
  const int result = __real_kill(process, signal_number), reason = errno;
  scene *const s = meddled;
  meddled = NULL;
  if (s != NULL) meddler = start_holder(s, 60);
  errno = reason;
  return result;
}

int __wrap_fcntl(int file, int command, struct flock *lock) {
  if (lock_error == 0 || command != F_OFD_SETLK) return __real_fcntl(file, command, lock);
  errno = lock_error;
  return -1;
}

static int begin(void **state) {
  scene *const s = calloc(1, sizeof *s);
  if (s == NULL) return -1;
  s->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  snprintf(s->folder, sizeof s->folder, "/tmp/fslens-lock-XXXXXX");
  *state = s;
  if (mkdtemp(s->folder) == NULL) return -1;
  snprintf(s->path, sizeof s->path, "%s/out.journal", s->folder);
  snprintf(s->lock, sizeof s->lock, "%s.lock", s->path);
  snprintf(s->owner, sizeof s->owner, "%s.owner", s->path);
  lock_error = 0;
  meddled = NULL;
  return 0;
}

/* Nothing may be left in the folder. */
static int end(void **state) {
  scene *const s = *state;
  unlink(s->lock);
  unlink(s->owner);
  const int left = rmdir(s->folder);
  fsl_arena_destroy(s->ctx.arena);
  free(s);
  return left;
}

static void pause_for(double seconds) {
  const struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
  nanosleep(&time, NULL);
}

static bool is_there(const char *path) {
  return access(path, F_OK) == 0;
}

/* ---- another process --------------------------------------------------------------------------------------------- */

/* Takes the lock and keeps it for so long; returns once it has it. */
static pid_t start_holder(scene *s, double seconds) {
  int ready[2];
  char byte;
  assert_int_equal(pipe(ready), 0);
  const pid_t process = fork();
  assert_true(process >= 0);
  if (process == 0) {
    fsl_lock lock;
    if (fsl_lock_take(&s->ctx, s->path, 1, &lock) != FSL_OK || write(ready[1], "x", 1) != 1) _exit(1);
    pause_for(seconds);
    fsl_lock_release(&lock);
    _exit(0);
  }
  close(ready[1]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  return process;
}

static void finish(pid_t process, int signal_number) {
  int status;
  if (signal_number != 0) kill(process, signal_number);
  assert_int_equal(waitpid(process, &status, 0), process);
  if (signal_number == 0) assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void expect_refused(scene *s, pid_t holder) {
  char host[256] = "", who[320];
  fsl_lock lock;
  assert_int_equal(fsl_lock_take(&s->ctx, s->path, 0, &lock), FSL_EIO);
  assert_int_equal(gethostname(host, sizeof host - 1), 0);
  snprintf(who, sizeof who, "%s: another run is using it: %s process %ld; ", s->path, host, (long)holder);
  assert_non_null(strstr(s->ctx.error, who));
}

static void expect_taken(scene *s, double patience) {
  fsl_lock lock;
  assert_int_equal(fsl_lock_take(&s->ctx, s->path, patience, &lock), FSL_OK);
  fsl_lock_release(&lock);
  assert_false(is_there(s->lock) || is_there(s->owner));
}

/* ---- locks on the open file -------------------------------------------------------------------------------------- */

static void a_released_lock_leaves_no_file(void **state) {
  scene *const s = *state;
  fsl_lock lock;
  for (int i = 0; i < 3; i++) {
    assert_int_equal(fsl_lock_take(&s->ctx, s->path, 0, &lock), FSL_OK);
    assert_true(is_there(s->lock));
    fsl_lock_release(&lock);
    assert_false(is_there(s->lock) || is_there(s->owner));
  }
  fsl_lock_release(&lock); /* again: nothing happens */
}

static void a_second_process_is_refused_and_told_by_whom(void **state) {
  scene *const s = *state;
  const pid_t holder = start_holder(s, 60);
  expect_refused(s, holder);
  expect_refused(s, holder); /* asking takes nothing away */
  finish(holder, SIGKILL);
}

static void one_process_cannot_take_it_twice(void **state) {
  scene *const s = *state;
  fsl_lock lock;
  assert_int_equal(fsl_lock_take(&s->ctx, s->path, 0, &lock), FSL_OK);
  expect_refused(s, getpid());
  fsl_lock_release(&lock);
  expect_taken(s, 0);
}

static void a_holder_is_waited_for_and_no_longer_than_said(void **state) {
  scene *const s = *state;
  const pid_t holder = start_holder(s, 0.4);
  fsl_lock lock;
  const double begin_time = fsl_now();
  assert_int_equal(fsl_lock_take(&s->ctx, s->path, 0.1, &lock), FSL_EIO);
  assert_true(fsl_now() - begin_time >= 0.1);
  expect_taken(s, 20);
  finish(holder, 0);
}

static void a_killed_holder_lets_go(void **state) {
  scene *const s = *state;
  finish(start_holder(s, 60), SIGKILL);
  assert_true(is_there(s->lock));
  expect_taken(s, 0);
}

/* Takes the lock, starts `sleep`, tells its process number, and waits to be killed. */
static void hold_and_start_sleep(scene *s, int tell) {
  fsl_lock lock;
  int executed[2];
  char byte;
  if (fsl_lock_take(&s->ctx, s->path, 1, &lock) != FSL_OK || pipe2(executed, O_CLOEXEC) != 0) _exit(1);
  const pid_t child = fork();
  if (child == 0) {
    execlp("sleep", "sleep", "60", (char *)NULL);
    _exit(1);
  }
  close(executed[1]);
  const bool good = read(executed[0], &byte, 1) == 0 && write(tell, &child, sizeof child) == sizeof child;
  pause_for(good ? 60 : 0);
  _exit(1);
}

/* A command that a job started may outlive the run. */
static void a_command_that_was_started_does_not_hold_it(void **state) {
  scene *const s = *state;
  int told[2];
  pid_t child;
  assert_int_equal(pipe(told), 0);
  const pid_t holder = fork();
  assert_true(holder >= 0);
  if (holder == 0) hold_and_start_sleep(s, told[1]);
  assert_int_equal(read(told[0], &child, sizeof child), sizeof child);
  expect_refused(s, holder);
  finish(holder, SIGKILL);
  expect_taken(s, 0);
  assert_int_equal(kill(child, SIGKILL), 0); /* it was there all the time */
  close(told[0]);
  close(told[1]);
}

static void a_folder_that_refuses_is_an_error(void **state) {
  scene *const s = *state;
  fsl_lock lock;
  assert_int_equal(fsl_lock_take(&s->ctx, "/tmp/no-such-folder-of-fslens/out.journal", 9, &lock), FSL_EIO);
  assert_non_null(strstr(s->ctx.error, "its folder refuses a lock file: No such file"));
}

/* ---- where there are no locks ------------------------------------------------------------------------------------ */

static void without_locks_a_file_of_the_owner_stands_in(void **state) {
  static const int errors[] = {ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL};
  scene *const s = *state;
  for (int i = 0; i < 4; i++) {
    fsl_lock lock;
    lock_error = errors[i];
    assert_int_equal(fsl_lock_take(&s->ctx, s->path, 0, &lock), FSL_OK);
    assert_true(is_there(s->owner) && !is_there(s->lock));
    expect_refused(s, getpid());
    fsl_lock_release(&lock);
    expect_taken(s, 0);
  }
}

static void without_locks_processes_keep_apart_too(void **state) {
  scene *const s = *state;
  lock_error = ENOLCK;
  const pid_t holder = start_holder(s, 0.3);
  expect_refused(s, holder);
  expect_taken(s, 20);
  finish(holder, 0);
}

static void an_owner_that_is_gone_is_replaced(void **state) {
  scene *const s = *state;
  lock_error = ENOLCK;
  finish(start_holder(s, 60), SIGKILL);
  assert_true(is_there(s->owner));
  expect_taken(s, 0);
}

static void write_owner(const scene *s, const char *words) {
  FILE *const file = fopen(s->owner, "w");
  assert_non_null(file);
  fputs(words, file);
  fclose(file);
}

/* Whether it is still there cannot be known from here. */
static void an_owner_on_another_host_is_left_alone(void **state) {
  scene *const s = *state;
  fsl_lock lock;
  lock_error = ENOLCK;
  write_owner(s, "somewhere-else process 999999999\n");
  assert_int_equal(fsl_lock_take(&s->ctx, s->path, 0, &lock), FSL_EIO);
  assert_non_null(strstr(s->ctx.error, "somewhere-else process 999999999"));
  write_owner(s, "\x1b[2J\xff scribble");
  assert_int_equal(fsl_lock_take(&s->ctx, s->path, 0, &lock), FSL_EIO);
  assert_non_null(strstr(s->ctx.error, "?[2J? scribble"));
  write_owner(s, "");
  assert_int_equal(fsl_lock_take(&s->ctx, s->path, 0, &lock), FSL_EIO);
  assert_true(is_there(s->owner));
}

/* Two find the file of an owner that is gone; one of them has replaced it by the time the other goes on. */
static void only_one_replaces_an_owner_that_is_gone(void **state) {
  scene *const s = *state;
  lock_error = ENOLCK;
  finish(start_holder(s, 60), SIGKILL);
  meddled = s;
  fsl_lock lock;
  assert_int_equal(fsl_lock_take(&s->ctx, s->path, 0, &lock), FSL_EIO);
  assert_null(meddled);
  assert_true(is_there(s->owner));
  expect_refused(s, meddler);
  finish(meddler, SIGKILL);
  expect_taken(s, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(a_released_lock_leaves_no_file),
      CASE(a_second_process_is_refused_and_told_by_whom),
      CASE(one_process_cannot_take_it_twice),
      CASE(a_holder_is_waited_for_and_no_longer_than_said),
      CASE(a_killed_holder_lets_go),
      CASE(a_command_that_was_started_does_not_hold_it),
      CASE(a_folder_that_refuses_is_an_error),
      CASE(without_locks_a_file_of_the_owner_stands_in),
      CASE(without_locks_processes_keep_apart_too),
      CASE(an_owner_that_is_gone_is_replaced),
      CASE(an_owner_on_another_host_is_left_alone),
      CASE(only_one_replaces_an_owner_that_is_gone),
  };
  return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
