/* A walk over the catalog: what every table of kinds must satisfy for the spec, the manual and identities to rest on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/catalog.h"

/* Every kind of a list through the head, which each table starts with. */
#define EACH(list, body)                                                                                               \
  for (size_t i = 0; fsl_standard_catalog.list[i] != NULL; i++) {                                                      \
    const fsl_kind *const head = &fsl_standard_catalog.list[i]->head;                                                  \
    body                                                                                                               \
  }

static void check_param(const fsl_kind *kind, const fsl_param *p) {
  assert_non_null(p->name);
  assert_non_null(p->help);
  assert_true(strlen(p->help) > 0 && strchr(p->help, '\n') == NULL);
  assert_true(p->offset < kind->params_size);
  assert_true(p->low <= p->high);
  assert_true((p->choices != NULL) == (p->type == FSL_CHOICE || p->type == FSL_CHOICE_OR_REAL));
  for (size_t i = 0; p->choices != NULL && i < 2; i++) assert_non_null(p->choices[i]);
}

static void check_kind(const fsl_kind *kind) {
  assert_non_null(kind->name);
  assert_non_null(kind->help);
  assert_true(kind->version >= 1);
  assert_true(strspn(kind->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(kind->name));
  assert_true(strchr(kind->help, '\n') == NULL && strlen(kind->help) < 100);
  assert_true((kind->n_params == 0) == (kind->params_size == 0));
  for (size_t i = 0; i < kind->n_params; i++) {
    check_param(kind, &kind->params[i]);
    assert_ptr_equal(fsl_kind_param(kind, kind->params[i].name), &kind->params[i]);
  }
}

static void every_kind_describes_itself(void **unused) {
  (void)unused;
  EACH(priors, check_kind(head);)
  EACH(forward_models, check_kind(head);)
  EACH(approximations, check_kind(head);)
  EACH(samplers, check_kind(head);)
  EACH(time_grids, check_kind(head);)
  EACH(diffusions, check_kind(head);)
}

/* The names of a list, in order, as the contract has them. */
#define SAME_NAMES(list, ...)                                                                                          \
  do {                                                                                                                 \
    const char *const names[] = {__VA_ARGS__};                                                                         \
    size_t n = 0;                                                                                                      \
    EACH(list, {                                                                                                       \
      assert_true(i < sizeof names / sizeof *names);                                                                   \
      if (i < sizeof names / sizeof *names) assert_string_equal(head->name, names[i]);                                 \
      n++;                                                                                                             \
    })                                                                                                                 \
    assert_int_equal(n, sizeof names / sizeof *names);                                                                 \
  } while (0)

static void the_catalog_holds_the_kinds_of_the_contract(void **unused) {
  (void)unused;
  SAME_NAMES(priors, "discrete", "gaussian", "gmm", "gmm-grid", "dataset");
  SAME_NAMES(forward_models, "identity", "linear", "inpainting", "blur", "downsampling", "random-projection", "square",
             "abs", "sin", "tanh", "product", "phase-retrieval", "clip");
  SAME_NAMES(approximations, "fsr", "fsr-direct", "fsr-ancestral", "sigma-dps", "zeta-dps", "dps", "pigdm", "dmps",
             "tmpd", "moment-matched");
  SAME_NAMES(samplers, "euler-maruyama", "exponential", "ode-heun");
  SAME_NAMES(time_grids, "uniform", "log-snr", "quadratic");
  SAME_NAMES(diffusions, "vp", "ve");
}

static void an_approximation_offers_exactly_one_of_score_step_and_draw(void **unused) {
  (void)unused;
  for (size_t i = 0; fsl_standard_catalog.approximations[i] != NULL; i++) {
    const fsl_approximation_kind *const kind = fsl_standard_catalog.approximations[i];
    assert_int_equal((kind->score != NULL) + (kind->step != NULL) + (kind->draw != NULL), 1);
    const fsl_method_work work = kind->work;
    assert_true(work.products >= 0 && work.spreads >= 0 && work.solves >= 0);
    assert_true(kind->draw == NULL || work.products + work.spreads + work.solves == 0);
    assert_true(kind->draw == NULL || kind->needs_exact);
  }
}

static void every_other_kind_can_be_made(void **unused) {
  (void)unused;
  for (size_t i = 0; fsl_standard_catalog.priors[i] != NULL; i++)
    assert_true(fsl_standard_catalog.priors[i]->create != NULL);
  for (size_t i = 0; fsl_standard_catalog.forward_models[i] != NULL; i++)
    assert_true(fsl_standard_catalog.forward_models[i]->create != NULL);
  for (size_t i = 0; fsl_standard_catalog.samplers[i] != NULL; i++)
    assert_true(fsl_standard_catalog.samplers[i]->step != NULL && fsl_standard_catalog.samplers[i]->evaluations > 0);
  for (size_t i = 0; fsl_standard_catalog.time_grids[i] != NULL; i++)
    assert_true(fsl_standard_catalog.time_grids[i]->nodes != NULL);
  for (size_t i = 0; fsl_standard_catalog.diffusions[i] != NULL; i++) {
    const fsl_diffusion *const f = &fsl_standard_catalog.diffusions[i]->functions;
    assert_true(f->a != NULL && f->v != NULL && f->beta != NULL && f->g2 != NULL);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_describes_itself),
      cmocka_unit_test(the_catalog_holds_the_kinds_of_the_contract),
      cmocka_unit_test(an_approximation_offers_exactly_one_of_score_step_and_draw),
      cmocka_unit_test(every_other_kind_can_be_made),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
