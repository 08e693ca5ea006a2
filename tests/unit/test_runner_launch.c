/* How many processes a launcher says that it started, from the variables that each is known to set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/launch.h"

enum { PID = 4711 };

#define READ(...) fsl_launch_read((char *const[]){__VA_ARGS__, NULL}, PID)

static void without_a_launcher_there_is_one_process(void **state) {
  (void)state;
  const fsl_launch l = READ("HOME=/root", "OMPI_COMM_WORLD_SIZE_=4", "XPMI_SIZE=4");
  assert_int_equal(l.processes, 1);
  assert_false(l.by_mpi);
  assert_null(l.launcher);
}

static void each_mpirun_says_how_many_it_started(void **state) {
  (void)state;
  const fsl_launch open_mpi = READ("OMPI_COMM_WORLD_SIZE=4", "OMPI_COMM_WORLD_RANK=3", "PMIX_RANK=3");
  assert_int_equal(open_mpi.processes, 4);
  assert_false(open_mpi.first);
  assert_true(open_mpi.by_mpi);
  assert_string_equal(open_mpi.launcher, "mpirun");
  assert_string_equal(open_mpi.variable, "OMPI_COMM_WORLD_SIZE");
  const fsl_launch hydra = READ("PMI_RANK=0", "PMI_SIZE=8");
  assert_int_equal(hydra.processes, 8);
  assert_true(hydra.first);
  assert_true(hydra.by_mpi);
  assert_string_equal(hydra.variable, "PMI_SIZE");
}

static void one_process_of_a_launcher_is_one(void **state) {
  (void)state;
  const fsl_launch l = READ("OMPI_COMM_WORLD_SIZE=1", "OMPI_COMM_WORLD_RANK=0", "PMIX_RANK=0");
  assert_int_equal(l.processes, 1);
  assert_true(l.by_mpi);
}

static void pmix_tells_a_rank_only(void **state) {
  (void)state;
  const fsl_launch third = READ("PMIX_RANK=2"), first = READ("PMIX_RANK=0");
  assert_int_equal(third.processes, 3);
  assert_false(third.first);
  assert_true(READ("PMIX_RANK=1").first);
  assert_true(third.by_mpi && first.by_mpi);
  assert_int_equal(first.processes, 1);
}

static void srun_speaks_to_the_process_that_it_started(void **state) {
  (void)state;
  const fsl_launch own = READ("SLURM_STEP_NUM_TASKS=4", "SLURM_PROCID=1", "SLURM_TASK_PID=4711");
  assert_int_equal(own.processes, 4);
  assert_false(own.first);
  assert_false(own.by_mpi);
  assert_string_equal(own.launcher, "srun");
}

/* The shells of sbatch, of salloc and of `srun --pty bash` hand their variables on to what is started in them. */
static void a_command_in_the_shell_of_an_allocation_is_alone(void **state) {
  (void)state;
  assert_int_equal(READ("SLURM_NTASKS=4", "SLURM_PROCID=0", "SLURM_TASK_PID=4000").processes, 1);
  assert_int_equal(READ("SLURM_NTASKS=4", "SLURM_NPROCS=4", "SLURM_JOB_ID=7").processes, 1);
  assert_int_equal(READ("SLURM_STEP_NUM_TASKS=4", "SLURM_PROCID=0", "SLURM_TASK_PID=4000").processes, 1);
  assert_int_equal(READ("SLURM_STEP_NUM_TASKS=4", "SLURM_PROCID=0").processes, 1);
}

static void the_larger_number_counts(void **state) {
  (void)state;
  const fsl_launch l = READ("PMI_SIZE=1", "PMI_RANK=0", "OMPI_COMM_WORLD_SIZE=3", "OMPI_COMM_WORLD_RANK=1",
                            "SLURM_STEP_NUM_TASKS=2", "SLURM_TASK_PID=4711");
  assert_int_equal(l.processes, 3);
  assert_false(l.first);
}

static void what_is_no_number_says_nothing(void **state) {
  (void)state;
  assert_int_equal(READ("PMI_SIZE=", "OMPI_COMM_WORLD_SIZE=4x", "PMIX_RANK=-1").processes, 1);
  assert_int_equal(READ("PMI_SIZE=99999999999999999999").processes, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_launcher_there_is_one_process),
      cmocka_unit_test(each_mpirun_says_how_many_it_started),
      cmocka_unit_test(one_process_of_a_launcher_is_one),
      cmocka_unit_test(pmix_tells_a_rank_only),
      cmocka_unit_test(srun_speaks_to_the_process_that_it_started),
      cmocka_unit_test(a_command_in_the_shell_of_an_allocation_is_alone),
      cmocka_unit_test(the_larger_number_counts),
      cmocka_unit_test(what_is_no_number_says_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
