/* Thousands of damaged specs: each is read or refused with at least one message, and none brings the reader down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/spec.h"

static const char seed_text[] =
    "name: fuzz\nseed: 7\ngrid:\n  prior:\n"
    "    - {name: tri, kind: discrete, atoms: [[-1.8], [0.2], [2.2]], weights: [1, 1, 1]}\n"
    "    - {kind: gmm, weights: [0.4, 0.6], means: [[-1.0, 0], [1.5, 1]], covariances: [0.16, [0.36, 1]]}\n"
    "    - {kind: gaussian, mean: [0], covariance: [[1]]}\n"
    "  forward_model:\n    - identity\n    - {name: magnitude, kind: abs}\n"
    "    - {kind: linear, matrix: [[1, 2]], bias: [0.5]}\n    - {kind: inpainting, keep: [0]}\n"
    "    - {kind: clip, gain: 2, low: -1, high: 1}\n"
    "  noise_level: [0.1, {name: uneven, std: [0.05, 0.3]}]\n"
    "  approximation: [fsr, {kind: zeta-dps, zeta: 0.3}, {name: unit, kind: pigdm, r2: unit}, tmpd]\n"
    "  n_train: [64, 256, .inf]\nreplicates: 2\nobservations: {kind: simulated, count: 4}\n"
    "diffusion: {kind: vp, beta_min: 0.01, beta_max: 20}\n"
    "sampler: {kind: euler-maruyama, steps: 50, time_grid: uniform, particles: 64, t_max: 1.0, start: normal}\n"
    "times: [0.2, 0.1]\nmetrics: [mmd2]\nexclude: [{forward_model: magnitude, approximation: [unit, tmpd]}]\n"
    "output: {samples: none}\nbudget: {refine: 8}\n";

/* Splitmix64 (Steele et al. 2014). */
static uint64_t next(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static size_t below(uint64_t *state, size_t n) {
  return (size_t)(next(state) % n);
}

enum { LONGEST = 8192 };

static const char *const pieces[] = {"[",      "]",       "{",       "}",      ":",    ",",     "- ",
                                     "\n",     "  ",      "*a",      "&a ",    "!!x ", "---\n", "null",
                                     "~",      "''",      ".nan",    ".inf",   "-1",   "0",     "1e99",
                                     "1e-9",   "true",    "[[1,2]]", "{a: 1}", "%",    "\t",    "# --set seed=1\n",
                                     "kind: ", "name: x", "\xff",    "\"",     "|\n",  "? "};

static void put(char *text, size_t *length, size_t at, const char *piece, size_t n) {
  if (*length + n >= LONGEST) return;
  memmove(text + at + n, text + at, *length - at);
  memcpy(text + at, piece, n);
  *length += n;
}

/* Other numbers are mostly read, and lead further in. */
static void change_digit(char *text, size_t length, uint64_t *state) {
  for (size_t i = 0; i < length; i++)
    if (text[i] >= '0' && text[i] <= '9') {
      text[i] = (char)('0' + below(state, 10));
      return;
    }
}

/* Deletes, repeats, exchanges or inserts something somewhere. */
static void damage(char *text, size_t *length, uint64_t *state) {
  const size_t at = below(state, *length), most = *length - at, n = 1 + below(state, most < 20 ? most : 20);
  char copy[32];
  switch (below(state, 7)) {
  case 0:
    if (*length <= n + 1) return;
    memmove(text + at, text + at + n, *length - at - n);
    *length -= n;
    break;
  case 1:
    memcpy(copy, text + at, n);
    put(text, length, below(state, *length), copy, n);
    break;
  case 2:
    text[at] = (char)(1 + below(state, 255));
    break;
  case 3:
    text[at] = text[below(state, *length)];
    break;
  case 4:
  case 5:
    change_digit(text + at, most, state);
    break;
  default: {
    const char *const piece = pieces[below(state, sizeof pieces / sizeof *pieces)];
    put(text, length, at, piece, strlen(piece));
  }
  }
}

static bool parse(const char *text, size_t length, size_t n, const char *const *set, bool *good) {
  fsl_arena *const arena = fsl_arena_create(64u << 20);
  fsl_ctx ctx = {.arena = arena, .team = &fsl_team_solo};
  const char *errors = NULL;
  fsl_spec spec;
  const fsl_status status = fsl_spec_parse(&ctx, &fsl_standard_catalog, "s", text, length, n, set, &spec, &errors);
  *good = status == FSL_OK;
  const bool sound = errors != NULL && (*good ? errors[0] == '\0' : errors[0] != '\0' && ctx.error[0] != '\0');
  fsl_arena_destroy(arena);
  return sound;
}

static void damaged_specs_are_read_or_refused(void **unused) {
  (void)unused;
  uint64_t state = 20260530;
  size_t n_good = 0;
  bool undamaged;
  assert_true(parse(seed_text, sizeof seed_text - 1, 0, NULL, &undamaged) && undamaged);
  for (int round = 0; round < 2000; round++) {
    char text[LONGEST];
    size_t length = sizeof seed_text - 1;
    bool good;
    memcpy(text, seed_text, length);
    for (size_t i = 0, n = 1 + below(&state, 4); i < n; i++) damage(text, &length, &state);
    assert_true(parse(text, length, 0, NULL, &good));
    n_good += good;
  }
  assert_true(n_good > 100 && n_good < 1000); /* both answers were given */
}

static void damaged_overrides_are_read_or_refused(void **unused) {
  static const char *const first[] = {"grid.n_train=[64,256]", "grid.prior.0.atoms=[[1],[2]]", "sampler.steps=10",
                                      "observations={kind: fixed, y: [[1]]}", "exclude=[{prior: tri}]"};
  (void)unused;
  uint64_t state = 1;
  for (int round = 0; round < 1000; round++) {
    char text[LONGEST];
    const char *const start = first[below(&state, 5)], *const set[] = {text};
    size_t length = strlen(start);
    bool good;
    memcpy(text, start, length);
    for (size_t i = 0, n = below(&state, 4); i < n; i++) damage(text, &length, &state);
    text[length] = '\0';
    assert_true(parse(seed_text, sizeof seed_text - 1, 1, set, &good));
  }
}

static void every_beginning_of_a_spec_is_read_or_refused(void **unused) {
  (void)unused;
  for (size_t length = 0; length < sizeof seed_text; length++) {
    char *const text = malloc(length + 1); /* of its own, so that a read beyond it shows */
    bool good;
    assert_non_null(text);
    memcpy(text, seed_text, length);
    assert_true(parse(text, length, 0, NULL, &good));
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(damaged_specs_are_read_or_refused),
      cmocka_unit_test(damaged_overrides_are_read_or_refused),
      cmocka_unit_test(every_beginning_of_a_spec_is_read_or_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
