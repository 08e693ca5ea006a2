/* What control groups leave: trees of files made up in a folder, as SLURM, containers and plain machines have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char older[] = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
                            "32 31 0:29 / /cg/cpu rw,relatime shared:4 - cgroup cgroup rw,cpu,cpuacct\n"
                            "35 31 0:32 / /cg/memory rw,relatime shared:5 - cgroup cgroup rw,memory\n";
static const char newer[] = "35 31 0:32 / /cg rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";

static int make_root(void **state) {
  char *const root = calloc(1, 64);
  if (root == NULL) return -1;
  snprintf(root, 64, "/tmp/fsl-memory-XXXXXX");
  *state = root;
  return mkdtemp(root) == NULL ? -1 : 0;
}

static int remove_root(void **state) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
  const int failed = system(command);
  free(*state);
  return failed;
}

/* Writes root/path, with the folders above it. */
static void put(const char *root, const char *path, const char *text) {
  char whole[512];
  snprintf(whole, sizeof whole, "%s%s", root, path);
  for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(whole, 0777);
    *slash = '/';
  }
  FILE *const file = fopen(whole, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void put_older(const char *root, const char *group, const char *limit, const char *used, const char *stat) {
  char path[256];
  snprintf(path, sizeof path, "/cg/memory%s/memory.limit_in_bytes", group);
  put(root, path, limit);
  snprintf(path, sizeof path, "/cg/memory%s/memory.usage_in_bytes", group);
  put(root, path, used);
  snprintf(path, sizeof path, "/cg/memory%s/memory.stat", group);
  put(root, path, stat);
}

static void put_newer(const char *root, const char *group, const char *limit, const char *used, const char *stat) {
  char path[256];
  snprintf(path, sizeof path, "/cg%s/memory.max", group);
  put(root, path, limit);
  snprintf(path, sizeof path, "/cg%s/memory.current", group);
  put(root, path, used);
  snprintf(path, sizeof path, "/cg%s/memory.stat", group);
  put(root, path, stat);
}

static const char unlimited[] = "9223372036854771712\n";

/* uid, job, step, task: the step alone is limited. */
static void a_limit_in_the_middle_is_seen(void **state) {
  const char *const root = *state, *const groups = "9:cpu,cpuacct:/other\n4:memory:/slurm/job_7/step_0/task_1\n0::/\n";
  put_older(root, "", unlimited, "9000\n", "");
  put_older(root, "/slurm/job_7", unlimited, "800\n", "");
  put_older(root, "/slurm/job_7/step_0", "150000\n", "50000\n", "");
  put_older(root, "/slurm/job_7/step_0/task_1", unlimited, "40000\n", "");
  assert_true(fsl_memory_of_groups(groups, older, root) == 100000);
}

static void the_least_of_all_levels_rules(void **state) {
  const char *const root = *state;
  put_older(root, "/a", "5000\n", "1000\n", "");
  put_older(root, "/a/b", "3000\n", "500\n", "");
  put_older(root, "/a/b/c", "9000\n", "400\n", "");
  assert_true(fsl_memory_of_groups("4:memory:/a/b/c\n", older, root) == 2500);
  put_older(root, "/a", "5000\n", "2900\n", ""); /* others in it have taken more */
  assert_true(fsl_memory_of_groups("4:memory:/a/b/c\n", older, root) == 2100);
}

/* Pages of files are given up when memory is asked for; those of shared memory (in tmpfs) are not. */
static void files_in_the_page_cache_do_not_count(void **state) {
  const char *const root = *state;
  put_older(root, "/a", "10000\n", "9000\n",
            "cache 8000\nshmem 1000\ninactive_file 1\nactive_file 1\ntotal_cache 8000\ntotal_inactive_file 4000\n"
            "total_active_file 3000\ntotal_unevictable 0\n");
  assert_true(fsl_memory_of_groups("4:memory:/a\n", older, root) == 8000);
  put_newer(root, "/a", "10000\n", "9000\n", "anon 2000\nfile 7000\nactive_file 3000\ninactive_file 4000\n");
  assert_true(fsl_memory_of_groups("0::/a\n", newer, root) == 8000);
}

static void version_2_is_read_up_to_its_mount(void **state) {
  const char *const root = *state, *const groups = "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n";
  put_newer(root, "/system.slice/slurmstepd.scope/job_7", "8000\n", "1000\n", "");
  put_newer(root, "/system.slice/slurmstepd.scope/job_7/step_0", "max\n", "900\n", "");
  put_newer(root, "/system.slice/slurmstepd.scope/job_7/step_0/user/task_0", "max\n", "800\n", "");
  assert_true(fsl_memory_of_groups(groups, newer, root) == 7000);
}

/* The hierarchy of version 2 may be mounted for other controllers while memory is under version 1. */
static void both_versions_side_by_side(void **state) {
  const char *const root = *state;
  char mounts[512];
  snprintf(mounts, sizeof mounts, "%s36 31 0:33 / /cg/unified rw - cgroup2 cgroup2 rw\n", older);
  put_older(root, "/a", "700\n", "0\n", "");
  put(root, "/cg/unified/b/cgroup.procs", "");
  assert_true(fsl_memory_of_groups("4:memory:/a\n0::/b\n", mounts, root) == 700);
}

/* Docker binds the container's group over the mount point: its path begins with what the mount shows. */
static void a_container_sees_its_own_group_at_the_mount_point(void **state) {
  static const char mounts[] =
      "35 31 0:32 /docker/abc /cg/memory ro,nosuid,nodev,noexec,relatime master:9 - cgroup cgroup rw,memory\n";
  const char *const root = *state;
  put_older(root, "", "600\n", "100\n", "");
  put_older(root, "/inner", "400\n", "100\n", "");
  assert_true(fsl_memory_of_groups("4:memory:/docker/abc\n", mounts, root) == 500);
  assert_true(fsl_memory_of_groups("4:memory:/docker/abc/inner\n", mounts, root) == 300);
  assert_true(fsl_memory_of_groups("4:memory:/docker/abcdef/inner\n", mounts, root) == 500); /* another's */
  assert_true(fsl_memory_of_groups("4:memory:/../outside\n", mounts, root) == 500);
}

static void a_mount_point_with_a_space_is_found(void **state) {
  static const char mounts[] = "35 31 0:32 / /my\\040cg rw - cgroup2 cgroup2 rw\n";
  put(*state, "/my cg/a/memory.max", "300\n");
  put(*state, "/my cg/a/memory.current", "100\n");
  assert_true(fsl_memory_of_groups("0::/a\n", mounts, *state) == 200);
}

static void what_is_used_up_leaves_nothing(void **state) {
  put_newer(*state, "/a", "300\n", "400\n", "");
  assert_true(fsl_memory_of_groups("0::/a\n", newer, *state) == 0);
}

static void without_limits_there_is_none(void **state) {
  const char *const root = *state;
  assert_true(isinf(fsl_memory_of_groups("", "", root)));
  assert_true(isinf(fsl_memory_of_groups("4:memory:/gone\n0::/gone\n", older, root)));
  assert_true(isinf(fsl_memory_of_groups("nonsense\n::\n4:memory\n", "nonsense\n1 2 3 - cgroup2\n - \n", root)));
  put_newer(root, "/a", "max\n", "400\n", "");
  assert_true(isinf(fsl_memory_of_groups("0::/a\n", newer, root)));
  put_older(root, "/b", unlimited, "400\n", "");
  assert_true(isinf(fsl_memory_of_groups("3:memoryful:/b\n4:memory:/b\n", older, root)));
}

static void limits_of_the_process_are_seen(void **state) {
  (void)state;
  struct rlimit before;
  if (!isinf(fsl_memory_available().own)) skip(); /* started under limits of its own */
  for (int i = 0; i < 2; i++) {
    const int kind = i == 0 ? RLIMIT_AS : RLIMIT_DATA;
    assert_int_equal(getrlimit(kind, &before), 0);
    const struct rlimit limit = {(rlim_t)1 << 46, before.rlim_max};
    assert_int_equal(setrlimit(kind, &limit), 0);
    const double own = fsl_memory_available().own;
    assert_int_equal(setrlimit(kind, &before), 0);
    assert_true(own < 0x1p46 && own > 0x1p45); /* what the process has taken is counted; a sanitizer takes 2^44 */
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_limit_in_the_middle_is_seen),        TEST(the_least_of_all_levels_rules),
      TEST(files_in_the_page_cache_do_not_count), TEST(version_2_is_read_up_to_its_mount),
      TEST(both_versions_side_by_side),           TEST(a_container_sees_its_own_group_at_the_mount_point),
      TEST(a_mount_point_with_a_space_is_found),  TEST(what_is_used_up_leaves_nothing),
      TEST(without_limits_there_is_none),         cmocka_unit_test(limits_of_the_process_are_seen),
  };
  return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
