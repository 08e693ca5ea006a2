/* A walk over the tables of a spec's keys: each key is accepted, no other is, and a key's printed default is what a
 * spec gets that leaves it out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "spec/spec.h"

static const char minimal[] = "name: test\n"
                              "seed: 1\n"
                              "grid:\n"
                              "  prior: [{kind: gaussian, mean: [0]}]\n"
                              "  forward_model: [{kind: identity}]\n"
                              "  noise_level: [{std: 0.1}]\n"
                              "  approximation: [{kind: fsr}]\n"
                              "  n_train: [64]\n";

typedef struct world {
  fsl_ctx ctx;
} world;

static int set_up(void **state) {
  static world w;
  w = (world){.ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo}};
  *state = &w;
  return w.ctx.arena == NULL;
}

static int tear_down(void **state) {
  fsl_arena_destroy(((world *)*state)->ctx.arena);
  return 0;
}

/* The minimal spec with overrides; NULL where it is refused. */
static const fsl_spec *parse(world *w, size_t n, const char *const *overrides, const char **errors) {
  fsl_spec *const spec = fsl_arena_get(w->ctx.arena, 1, sizeof *spec);
  assert_non_null(spec);
  const fsl_status status =
      fsl_spec_parse(&w->ctx, &fsl_standard_catalog, "s.yaml", minimal, strlen(minimal), n, overrides, spec, errors);
  return status == FSL_OK ? spec : NULL;
}

static void add_kind(world *w, fsl_text *text, const fsl_entry *entry) {
  fsl_text_add(text, " %s", entry->kind->name);
  for (size_t i = 0; i < entry->kind->n_params; i++) {
    const char *value;
    assert_int_equal(fsl_param_print(&w->ctx, &entry->kind->params[i], entry->params, &value), FSL_OK);
    fsl_text_add(text, " %s=%s", entry->kind->params[i].name, value);
  }
}

/* All that the keys with a default decide. */
static const char *describe(world *w, const fsl_spec *s) {
  fsl_text text;
  fsl_text_start(&text, w->ctx.arena);
  fsl_text_add(&text, "%zu %d %zu", s->replicates, s->y_is_fixed, s->n_observations);
  add_kind(w, &text, &s->diffusion);
  add_kind(w, &text, &s->sampler);
  add_kind(w, &text, &s->time_grid);
  fsl_text_add(&text, " %zu %zu %g %d times", s->steps, s->particles, s->t_max, (int)s->start);
  for (size_t i = 0; i < s->n_times; i++) fsl_text_add(&text, " %.17g", s->times[i]);
  fsl_text_add(&text, " metrics %x exclusions %zu samples %d", s->metrics, s->n_exclusions, (int)s->samples);
  fsl_text_add(&text, " budget %d %zu %zu %zu", s->budget, s->budget_replicates, s->budget_observations,
               s->budget_refine);
  fsl_text_add(&text, " limits %g %g %d %g", s->job_seconds, s->rank_bytes, s->evaluation.single,
               s->evaluation.tolerance);
  assert_false(text.failed);
  return text.data;
}

/* ---- one key ----------------------------------------------------------------------------------------------------- */

/* A value for a key without a default, to be put under its path. */
static const char *sample_of(const char *name) {
  static const char *const samples[][2] = {
      {"name", "a"},
      {"seed", "2"},
      {"grid", "{prior: [{kind: gaussian, mean: [1]}], forward_model: [abs], noise_level: [1], approximation: [fsr], "
               "n_train: [4]}"},
      {"prior", "[{kind: gaussian, mean: [2]}]"},
      {"forward_model", "[abs]"},
      {"noise_level", "[0.2]"},
      {"approximation", "[dps]"},
      {"n_train", "[4]"},
      {"std", "0.2"},
      {"y", "[[1]]"},
  };
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
    if (strcmp(samples[i][0], name) == 0) return samples[i][1];
  fail_msg("the test knows no value for '%s'", name);
  return "";
}

/* The key is accepted with the value; with `same` the spec is the one without it. */
static void accepts(world *w, const char *path, const char *value, const char *first, bool same) {
  const char *errors = "";
  const char *const own = fsl_text_format(w->ctx.arena, "%s=%s", path, value);
  const char *const overrides[] = {first == NULL ? own : first, own};
  const size_t n = first == NULL ? 1 : 2;
  const fsl_spec *const plain = parse(w, n - 1, overrides, &errors), *const given = parse(w, n, overrides, &errors);
  if (given == NULL) fail_msg("%s: %s", own, errors);
  assert_non_null(plain);
  if (same) assert_string_equal(describe(w, plain), describe(w, given));
}

static void refuses_others(world *w, const char *path) {
  const char *errors = "";
  const char *const override = fsl_text_format(w->ctx.arena, "%sunheard-of=1", path);
  assert_null(parse(w, 1, &override, &errors));
  assert_non_null(strstr(errors, "unheard-of"));
}

/* A whole number one above the default makes another spec: the comparison sees the key. */
static void sees(world *w, const char *path, const fsl_param *param, const char *first) {
  int64_t value;
  const char *errors = "";
  if (param->type != FSL_INTEGER || !fsl_parse_integer(param->preset, &value)) return;
  const char *const own = fsl_text_format(w->ctx.arena, "%s=%lld", path, (long long)value + 1);
  const char *const overrides[] = {first == NULL ? own : first, own};
  const size_t n = first == NULL ? 1 : 2;
  const fsl_spec *const plain = parse(w, n - 1, overrides, &errors), *const changed = parse(w, n, overrides, &errors);
  assert_non_null(plain);
  if (changed == NULL) fail_msg("%s: %s", own, errors);
  assert_string_not_equal(describe(w, plain), describe(w, changed));
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

typedef struct found {
  size_t n, n_presets;
} found;

static void walk_settings(world *w, const char *path, const fsl_kind *const *settings, found *f) {
  const bool chosen = settings[0] != NULL && settings[1] != NULL;
  for (; *settings != NULL; settings++) {
    const bool fixed = strcmp((*settings)->name, "fixed") == 0;
    const char *const mapping = fixed ? "{kind: fixed, y: [[2]]}" : "{kind: simulated}";
    const char *const first = strcmp(path, "budget.") == 0 ? "budget={}" : NULL; /* any key of it asks for one */
    for (size_t i = 0; i < (*settings)->n_params; i++, f->n++) {
      const fsl_param *const p = &(*settings)->params[i];
      const char *const whole = fsl_text_format(w->ctx.arena, "%s%s", path, p->name);
      assert_true(strlen(p->help) > 0);
      if (chosen && p->preset == NULL) continue; /* it is in `mapping` */
      accepts(w, whole, p->preset != NULL ? p->preset : sample_of(p->name), first, p->preset != NULL);
      if (p->preset != NULL) sees(w, whole, p, first);
      f->n_presets += p->preset != NULL;
    }
    if (chosen) accepts(w, "observations", mapping, NULL, !fixed);
  }
}

/* Below a list of the grid stands its first entry; exclusions have one made for them. */
static void walk(world *w, const char *path, const fsl_spec_key *parent, found *f) {
  for (const fsl_spec_key *key = parent->keys; key != NULL && key->name != NULL; key++, f->n++) {
    const char *const whole = fsl_text_format(w->ctx.arena, "%s%s", path, key->name);
    const bool in_list = strncmp(path, "grid.", 5) == 0, excludes = strncmp(path, "exclude.", 8) == 0;
    const char *const kind = in_list ? NULL : key->preset;
    assert_true(strlen(key->help) > 0 && strlen(key->expected) > 0);
    f->n_presets += key->preset != NULL;
    if (excludes)
      accepts(w, "exclude",
              fsl_text_format(w->ctx.arena, "[{%s: %s}]", key->name,
                              strcmp(key->name, "n_train") == 0         ? "64"
                              : strcmp(key->name, "noise_level") == 0   ? "0.1"
                              : strcmp(key->name, "prior") == 0         ? "gaussian"
                              : strcmp(key->name, "approximation") == 0 ? "fsr"
                                                                        : "identity"),
              NULL, false);
    else if (!(in_list && strcmp(key->name, "kind") == 0)) /* the minimal spec has it */
      accepts(w, whole, kind != NULL ? kind : sample_of(key->name), NULL, key->preset != NULL);
    const bool is_list = strcmp(path, "grid.") == 0;
    walk(w, fsl_text_format(w->ctx.arena, is_list ? "%s.0." : "%s.", whole), key, f);
  }
  if (parent->settings != NULL) walk_settings(w, path, parent->settings, f);
  if (strncmp(path, "exclude.", 8) != 0 && (parent->keys != NULL || parent->settings != NULL)) refuses_others(w, path);
}

static void every_key_is_accepted_and_its_default_is_what_a_spec_gets(void **state) {
  found f = {0};
  walk(*state, "", &fsl_spec_root, &f);
  assert_true(f.n >= 40 && f.n_presets >= 20);
}

static void a_key_that_is_required_is_asked_for(void **state) {
  static const char nothing[] = "times: [0.5]\n";
  world *const w = *state;
  fsl_spec spec;
  const char *errors = "";
  assert_int_equal(
      fsl_spec_parse(&w->ctx, &fsl_standard_catalog, "s.yaml", nothing, strlen(nothing), 0, NULL, &spec, &errors),
      FSL_EINPUT);
  for (const fsl_spec_key *key = fsl_spec_root.keys; key->name != NULL; key++) {
    const char *const said = strstr(errors, fsl_text_format(w->ctx.arena, "the spec has no '%s'", key->name));
    assert_int_equal(said != NULL, key->preset == NULL && !key->optional);
  }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_key_is_accepted_and_its_default_is_what_a_spec_gets),
      TEST(a_key_that_is_required_is_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
