/* FSLENS_ISA chooses the kernels; what it cannot choose is an error that says what it can. */
#include "base/isa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "posterior/kernel.h"
#include "posterior/kernel_tree.h"

static int keep(void **state) {
  const char *const value = getenv("FSLENS_ISA");
  *state = value == NULL ? NULL : strdup(value);
  return 0;
}

static int restore(void **state) {
  if (*state == NULL) return unsetenv("FSLENS_ISA");
  const int status = setenv("FSLENS_ISA", *state, 1);
  free(*state);
  return status;
}

static void each_that_the_processor_has_can_be_chosen(void **state) {
  (void)state;
  fsl_ctx ctx = {.team = &fsl_team_solo};
  for (fsl_isa isa = FSL_ISA_GENERIC; isa <= fsl_isa_best(); isa++) {
    setenv("FSLENS_ISA", fsl_isa_name(isa), 1);
    assert_int_equal(fsl_isa_check(&ctx), FSL_OK);
    assert_int_equal(fsl_isa_chosen(), isa);
    assert_string_equal(fsl_kernel_chosen()->name, fsl_isa_name(isa));
    assert_string_equal(fsl_tree_kernel_chosen()->name, fsl_isa_name(isa));
  }
}

static void without_a_choice_the_best_runs(void **state) {
  (void)state;
  fsl_ctx ctx = {.team = &fsl_team_solo};
  unsetenv("FSLENS_ISA");
  assert_int_equal(fsl_isa_check(&ctx), FSL_OK);
  assert_int_equal(fsl_isa_chosen(), fsl_isa_best());
  assert_int_equal(fsl_kernel_count(), fsl_isa_best() + 1);
}

static void an_unknown_one_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {"", "v5", "V3", "avx2", "v3 "};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    fsl_ctx ctx = {.team = &fsl_team_solo};
    setenv("FSLENS_ISA", wrong[i], 1);
    assert_int_equal(fsl_isa_check(&ctx), FSL_EINPUT);
    assert_non_null(strstr(ctx.error, "generic, v3 or v4"));
  }
}

static void one_that_the_processor_lacks_is_refused(void **state) {
  (void)state;
  for (fsl_isa isa = fsl_isa_best() + 1; isa < FSL_N_ISAS; isa++) {
    fsl_ctx ctx = {.team = &fsl_team_solo};
    setenv("FSLENS_ISA", fsl_isa_name(isa), 1);
    assert_int_equal(fsl_isa_check(&ctx), FSL_EINPUT);
    assert_non_null(strstr(ctx.error, fsl_isa_name(fsl_isa_best())));
  }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, keep, restore)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(each_that_the_processor_has_can_be_chosen),
      CASE(without_a_choice_the_best_runs),
      CASE(an_unknown_one_is_refused),
      CASE(one_that_the_processor_lacks_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
