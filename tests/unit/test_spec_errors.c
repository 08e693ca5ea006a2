/* What is said about wrong specs: each row of the table is a good spec with one line replaced, and the exact message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/spec.h"

static const char *const good_lines[] = {
    "name: test",
    "seed: 1",
    "grid:",
    "  prior: [{kind: gaussian, mean: [0]}]",
    "  forward_model: [identity]",
    "  noise_level: [0.1]",
    "  approximation: [fsr]",
    "  n_train: [64]",
};

enum { N_LINES = sizeof good_lines / sizeof *good_lines, NEXT = N_LINES + 1 };

/* The good spec with line `line` (from 1; NEXT: one more line) replaced; line 0: the text alone. */
static void compose(int line, const char *text, char *out, size_t size) {
  size_t used = 0;
  if (line == 0) {
    snprintf(out, size, "%s", text);
    return;
  }
  for (int i = 1; i <= N_LINES; i++)
    used += (size_t)snprintf(out + used, size - used, "%s\n", i == line ? text : good_lines[i - 1]);
  if (line == NEXT) snprintf(out + used, size - used, "%s\n", text);
}

static fsl_status parse(fsl_arena *arena, const char *text, size_t n_overrides, const char *const *overrides,
                        fsl_spec *spec, const char **errors) {
  fsl_ctx ctx = {.arena = arena, .team = &fsl_team_solo};
  return fsl_spec_parse(&ctx, &fsl_standard_catalog, "s.yaml", text, strlen(text), n_overrides, overrides, spec,
                        errors);
}

typedef struct wrong {
  int line;
  const char *text;
  const char *expected; /* without "s.yaml:" in front of the first line */
} wrong;

static const wrong table[] = {
    /* the whole */
    {0, "", "1:1: the spec is empty\n"},
    {0, "- a\n- b\n", "1:1: the spec is a list, expected a mapping\n"},
    {0, "just words\n", "1:1: the spec is 'just words', expected a mapping\n"},
    {NEXT, "sampelr: {steps: 10}", "9:1: unknown key 'sampelr'; did you mean \"sampler\"?\n"},
    {NEXT, "seed: 2", "9:1: the key 'seed' is there already: each key once\n"},
    /* name, seed, replicates */
    {1, "name: two words", "1:7: 'name' is 'two words', expected 1 to 100 letters, digits, hyphens and underscores\n"},
    {1, "name: [a]", "1:7: 'name' is a list, expected a text\n"},
    {2, "seed: -1", "2:7: 'seed' is -1, expected an integer from 0 to 9223372036854775807\n"},
    {2, "seed: 9223372036854775808", "2:7: 'seed' is '9223372036854775808', expected an integer\n"},
    {2, "seed: 1.5", "2:7: 'seed' is '1.5', expected an integer\n"},
    {2, "seed: '1'", "2:7: 'seed' is '1', expected an integer\n"},
    {NEXT, "replicates: 0", "9:13: 'replicates' is 0, expected an integer from 1 to 1000000\n"},
    /* the grid */
    {3, "grid: 7\nother:",
     "3:7: 'grid' is '7', expected a mapping of axes\ns.yaml:4:1: unknown key 'other'; expected "
     "one of name, seed, grid, observations, diffusion, sampler, times, metrics, exclude, output, budget, limits, "
     "replicates, precision, moment_tree\n"},
    {4, "  priro: [{kind: gaussian, mean: [0]}]",
     "4:3: unknown key 'priro'; did you mean \"prior\"?\ns.yaml:4:3: the grid has no 'prior', expected a list with at "
     "least one entry\n"},
    {4, "  prior: []", "4:10: 'prior' has 0 entries, expected 1 to 1000\n"},
    {4, "  prior: [{kind: gausian, mean: [0]}]", "4:18: there is no prior 'gausian'; did you mean \"gaussian\"?\n"},
    {4, "  prior: [{mean: [0]}]",
     "4:11: this prior has no 'kind'; expected one of discrete, gaussian, gmm, gmm-grid, dataset\n"},
    {4, "  prior: [[1]]", "4:11: 'prior' is a list, expected a text\n"},
    {4, "  prior: [gaussian]",
     "4:11: 'gaussian' needs 'mean' (the mean; its length is the dimension), expected a list of real numbers\n"},
    {4, "  prior: [{kind: gaussian, mean: [0], covarience: 1}]",
     "4:39: 'gaussian' has no parameter 'covarience'; did you mean \"covariance\"?\n"},
    {4, "  prior: [{kind: gaussian, mean: 0}]", "4:34: 'mean' is '0', expected a list of real numbers: write [0]\n"},
    {4, "  prior: [{kind: gaussian, mean: [0, one, two]}]",
     "4:38: 'mean' is 'one', expected a real number\ns.yaml:4:43: 'mean' is 'two', expected a real number\n"},
    {4, "  prior: [{kind: gaussian, mean: [one]}]", "4:35: 'mean' is 'one', expected a real number\n"},
    {4, "  prior: [{kind: gaussian, mean: [.nan]}]", "4:35: 'mean' is '.nan', expected a number, not NaN\n"},
    {4, "  prior: [{kind: gaussian, mean: [.inf]}]", "4:35: 'mean' must be finite\n"},
    {4, "  prior: [{kind: gaussian, mean: [0], covariance: [1, 2]}]",
     "4:51: 'covariance' has size 2 where 'mean' has 1 (both are d)\n"},
    {4, "  prior: [{kind: discrete, atoms: [[1], [2, 3]]}]", "4:41: a row of 'atoms' has 2 numbers, the first has 1\n"},
    {4, "  prior: [{kind: discrete, atoms: [[1], [2]], weights: [1, 2, 3]}]",
     "4:56: 'weights' has size 3 where 'atoms' has 2 (both are K)\n"},
    {4, "  prior: [{kind: gmm-grid, dimension: 0}]", "4:39: 'dimension' is 0, expected an integer from 1 to 10000\n"},
    {4, "  prior: [{kind: gmm-grid, weights: unifrom}]", "4:37: 'weights' is 'unifrom'; did you mean \"uniform\"?\n"},
    {4, "  prior: [{kind: dataset, file: none.h5}]", "4:33: 'file': there is no readable file none.h5\n"},
    {4, "  prior: [{name: '', kind: gaussian, mean: [0]}]", "4:18: 'name' is '', expected 1 to 100 printable bytes\n"},
    {4, "  prior: [{kind: gaussian, mean: [0]}, {name: b, kind: gaussian, mean: [-0.0]}]",
     "4:40: this entry has the content of the one at 4:11, expected each once\n"},
    {4, "  prior: [{name: b, kind: gaussian, mean: [0]}, {name: b, kind: gaussian, mean: [1]}]",
     "4:49: the name 'b' is taken by the entry at 4:11\n"},
    {5, "  forward_model: [{kind: clip, gain: 1, low: 2, high: 1}]", "5:55: clip, high: high must be above low\n"},
    {5, "  forward_model: [{kind: linear, matrix: [[1, 2]]}]",
     "5:42: forward model 'linear': the matrix has 2 columns, the prior has dimension 1\n"},
    {5, "  forward_model: [{kind: linear, matrix: 3}]",
     "5:42: 'matrix' is '3', expected a matrix (a list of rows, or FILE.h5:/NAME, .npz, .npy, .csv, .idx)\n"},
    {6, "  noise_level: [0]", "6:17: a noise level is 0, expected a finite standard deviation above 0\n"},
    {6, "  noise_level: [low]", "6:17: 'noise_level' is 'low', expected a real number\n"},
    {6, "  noise_level: [0.1, {name: b, std: 1e-1}]",
     "6:22: this noise level is the one at 6:17, expected each once\n"},
    {6, "  noise_level: [{name: uneven, std: [0.1, 0.2]}]",
     "6:37: noise level 'uneven' has 2 components, but no measurement of this grid has as many\n"},
    {6, "  noise_level: [{name: b}]", "6:17: this noise level has no 'std': a number, or one for each measurement\n"},
    {6, "  noise_level: [{std: 1, sdt: 2}]", "6:26: unknown key 'sdt'; did you mean \"std\"?\n"},
    {7, "  approximation: [fsr, dpps]", "7:24: there is no approximation 'dpps'; did you mean \"dps\"?\n"},
    {7, "  approximation: [{kind: zeta-dps, zeta: -1}]", "7:42: 'zeta' is -1, expected at least 0\n"},
    {7, "  approximation: [{kind: pigdm, r2: 0}]", "7:37: 'r2' is 0, expected above 0\n"},
    {7, "  approximation: [{kind: pigdm, r2: flad}]", "7:37: 'r2' is 'flad'; did you mean \"flat\"?\n"},
    {5, "  forward_model: [{kind: inpainting, keep: 0.5}]",
     "5:44: 'keep' is '0.5', expected a list of integers: numbers of the components that are measured, from 0; for a "
     "share of them give fraction instead\n"},
    {8, "  n_train: [64, inf]", "8:17: 'n_train' is 'inf', expected a real number: write .inf\n"},
    {8, "  n_train: [-Inf]", "8:13: 'n_train' is '-Inf', expected a real number: write -.inf\n"},
    {8, "  n_train: ['inf']", "8:13: 'n_train' is 'inf', expected a real number\n"},
    {8, "  n_train: [0]", "8:13: 'n_train' is '0', expected a positive integer or .inf\n"},
    {8, "  n_train: [1.5]", "8:13: 'n_train' is '1.5', expected a positive integer or .inf\n"},
    {8, "  n_train: [64, 6.4e1]", "8:17: 'n_train' has 6.4e1 twice\n"},
    /* sections */
    {NEXT, "observations: {kind: simulated, count: 0}", "9:40: 'count' is 0, expected an integer from 1 to 1000000\n"},
    {NEXT, "observations: {kind: fixd, y: [[1]]}", "9:22: 'kind' is 'fixd'; did you mean \"fixed\"?\n"},
    {NEXT, "observations: {kind: fixed}",
     "9:15: 'fixed' needs 'y' (the measurements, one a row, such as [[-1.8]]), expected a matrix (a list of rows, or "
     "FILE.h5:/NAME, .npz, .npy, .csv, .idx)\n"},
    {NEXT, "observations: {kind: fixed, y: [[1, 2]]}",
     "9:32: 'y' has 2 components, but no measurement of this grid has as many\n"},
    {NEXT, "observations: {kind: simulated, y: [[1]]}",
     "9:33: 'simulated' has no parameter 'y'; expected one of count, kind\n"},
    {NEXT, "diffusion: {kind: vpp}", "9:19: there is no diffusion 'vpp'; did you mean \"vp\"?\n"},
    {NEXT, "diffusion: {kind: vp, beta_min: 30}", "9:12: vp, beta_max: beta_max must not be below beta_min\n"},
    {NEXT, "sampler: {kind: euler, steps: 10}",
     "9:17: there is no sampler 'euler'; expected one of euler-maruyama, "
     "exponential, ode-heun\n"},
    {NEXT, "sampler: {stepz: 10}", "9:11: 'euler-maruyama' has no parameter 'stepz'; did you mean \"steps\"?\n"},
    {NEXT, "sampler: {steps: 1e2}", "9:18: 'steps' is '1e2', a real number, expected an integer: write 100\n"},
    {NEXT, "sampler: {steps: 1.5e0}", "9:18: 'steps' is '1.5e0', expected an integer\n"},
    {NEXT, "sampler: {steps: many}", "9:18: 'steps' is 'many', expected an integer\n"},
    {NEXT, "sampler: {time_grid: cubic}",
     "9:22: there is no time grid 'cubic'; expected one of uniform, log-snr, quadratic\n"},
    {NEXT, "sampler: {t_max: 1.5}", "9:18: 't_max' is 1.5, expected above 0 and at most 1\n"},
    {NEXT, "sampler: {t_max: 0.2}",
     "9:18: 't_max' is 0.2, but the default times begin at 0.2: give 'times' below it\n"},
    {NEXT, "sampler: {start: exakt}", "9:18: 'start' is 'exakt'; did you mean \"exact\"?\n"},
    {NEXT, "times: [0.5, 1.0]", "9:14: the time 1 is not inside (0, t_max), t_max being 1\n"},
    {NEXT, "times: [0.5, 0.1, 0.5]", "9:19: the time 0.5 is there twice\n"},
    {NEXT, "times: []", "9:8: 'times' is a list, expected a list of real numbers\n"},
    {NEXT, "metrics: [sliced_w2]", "9:11: there is no metric 'sliced_w2'; did you mean \"sliced_w1\"?\n"},
    {NEXT, "metrics: [mmd2, mmd2]", "9:17: the metric 'mmd2' is there twice\n"},
    {NEXT, "metrics: none", "9:10: 'metrics' is 'none', expected default or a list of names\n"},
    {NEXT, "output: {samples: last}", "9:19: 'samples' is 'last'; expected one of none, final, all\n"},
    {NEXT, "output: {smaples: none, samples: last}",
     "9:10: 'output' has no parameter 'smaples'; did you mean \"samples\"?\ns.yaml:9:34: 'samples' is 'last'; expected "
     "one of none, final, all\n"},
    {NEXT, "output: final", "9:9: 'output' is 'final', expected a mapping\n"},
    {NEXT, "budget: some", "9:9: 'budget' is 'some', expected none or a mapping\n"},
    {NEXT, "limits: 5", "9:9: 'limits' is '5', expected a mapping\n"},
    {NEXT, "limits: {job_seconds: 0}", "9:23: 'job_seconds' is 0, expected above 0\n"},
    {NEXT, "limits: {job_seconds: .nan}", "9:23: 'job_seconds' is '.nan', expected a number, not NaN\n"},
    {NEXT, "limits: {job_second: 9}", "9:10: 'limits' has no parameter 'job_second'; did you mean \"job_seconds\"?\n"},
    {NEXT, "precision: half", "9:12: 'precision' is 'half'; expected one of double, single\n"},
    {NEXT, "moment_tree: never", "9:14: 'moment_tree' is 'never'; expected one of a number, none\n"},
    {NEXT, "moment_tree: 1", "9:14: 'moment_tree' is 1, expected at least 1e-12 and at most 0.001\n"},
    {NEXT, "budget: {refine: 1}", "9:18: 'refine' is 1, expected an integer from 2 to 1000\n"},
    /* exclusions */
    {NEXT, "exclude: {prior: gaussian}", "9:10: 'exclude' is a mapping, expected a list of mappings\n"},
    {NEXT, "exclude: [{}]", "9:11: an exclusion is empty, expected a mapping of axes to entries\n"},
    {NEXT, "exclude: [{pryor: gaussian}]", "9:12: unknown key 'pryor'; did you mean \"prior\"?\n"},
    {NEXT, "exclude: [{prior: gauss}]", "9:19: the grid's prior has no entry 'gauss'; did you mean \"gaussian\"?\n"},
    {NEXT, "exclude: [{approximation: [fsr, fsrr]}]",
     "9:33: the grid's approximation has no entry 'fsrr'; did you mean \"fsr\"?\n"},
    {NEXT, "exclude: [{n_train: 65}]", "9:21: the grid's n_train has no entry '65'; did you mean \"64\"?\n"},
    {NEXT, "exclude: [{noise_level: 0.5}]", "9:25: the grid's noise_level has no entry '0.5'; did you mean \"0.1\"?\n"},
    /* YAML */
    {NEXT, "times: &a [0.5]", "9:8: anchors and tags are not read here: write the value itself\n"},
    {NEXT, "times: !!seq [0.5]", "9:8: anchors and tags are not read here: write the value itself\n"},
    {NEXT, "times: *a", "9:8: aliases are not read here: write the value itself\n"},
    {NEXT, "? [a]\n: b", "9:3: a key must be a name, not a list or a mapping\n"},
    {NEXT, "---\nname: b", "9:1: a second document: a spec is one document\n"},
    {NEXT, "sampler:\n\tsteps: 5", "10:1: not valid YAML: the line is indented with a tab: write spaces\n"},
    {NEXT, "sampler:\n  steps: 5\n \tparticles: 9",
     "11:1: not valid YAML: the line is indented with a tab: write spaces\n"},
    {NEXT, "times: [0.5",
     "9:8: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence that "
     "begins at 9:8\n"},
};

static void each_wrong_spec_is_named_with_place_and_remedy(void **unused) {
  (void)unused;
  size_t failed = 0;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char text[4096], expected[1024];
    const char *errors = "";
    fsl_spec spec;
    fsl_arena *const arena = fsl_arena_create(0);
    compose(table[i].line, table[i].text, text, sizeof text);
    snprintf(expected, sizeof expected, "s.yaml:%s", table[i].expected);
    const fsl_status status = parse(arena, text, 0, NULL, &spec, &errors);
    if (status != FSL_EINPUT || strcmp(errors, expected) != 0) {
      print_error("row %zu: %s\n  expected %s  but got  %s", i, table[i].text, expected, errors);
      failed++;
    }
    fsl_arena_destroy(arena);
  }
  assert_int_equal(failed, 0);
}

static void expect_errors(const char *text, size_t n_overrides, const char *const *overrides, const char *expected) {
  const char *errors = "";
  fsl_spec spec;
  fsl_arena *const arena = fsl_arena_create(0);
  assert_int_equal(parse(arena, text, n_overrides, overrides, &spec, &errors), FSL_EINPUT);
  assert_string_equal(errors, expected);
  fsl_arena_destroy(arena);
}

static void all_errors_come_at_once_in_the_order_of_the_file(void **unused) {
  (void)unused;
  expect_errors(
      "times: [2]\n"
      "name: test\n"
      "seed: -3\n"
      "grid:\n"
      "  prior: [{kind: gmm, means: [[0]], covariances: 1}, {name: wide, kind: gaussian, mean: [0, nought]}]\n"
      "  forward_model: [identity, {kind: linear, matrix: [[1, 2, 3]]}]\n"
      "  noise_level: [-1]\n"
      "  approximation: [fsr, {kind: tmpd, covariance: ful}]\n"
      "  n_train: [ten]\n"
      "exclude: [{prior: wide, approximation: nope}]\n",
      0, NULL,
      "s.yaml:1:9: the time 2 is not inside (0, t_max), t_max being 1\n"
      "s.yaml:3:7: 'seed' is -3, expected an integer from 0 to 9223372036854775807\n"
      "s.yaml:5:93: 'mean' is 'nought', expected a real number\n"
      "s.yaml:6:52: forward model 'linear': the matrix has 3 columns, the prior has dimension 1\n"
      "s.yaml:7:17: a noise level is -1, expected a finite standard deviation above 0\n"
      "s.yaml:8:49: 'covariance' is 'ful'; did you mean \"full\"?\n"
      "s.yaml:9:13: 'n_train' is 'ten', expected a real number\n"
      "s.yaml:10:40: the grid's approximation has no entry 'nope'; expected one of fsr, tmpd\n");
}

static void errors_on_one_line_go_by_column(void **unused) {
  (void)unused;
  expect_errors("{times: [2], seed: -1, name: a b, grid: {prior: [gmm-grid], forward_model: [identity], noise_level: "
                "[0], approximation: [fsr], n_train: [0]}}\n",
                0, NULL,
                "s.yaml:1:10: the time 2 is not inside (0, t_max), t_max being 1\n"
                "s.yaml:1:20: 'seed' is -1, expected an integer from 0 to 9223372036854775807\n"
                "s.yaml:1:30: 'name' is 'a b', expected 1 to 100 letters, digits, hyphens and underscores\n"
                "s.yaml:1:102: a noise level is 0, expected a finite standard deviation above 0\n"
                "s.yaml:1:138: 'n_train' is '0', expected a positive integer or .inf\n");
}

/* Names of entries with errors are unknown, so an exclusion of them is no second error. */
static void an_error_is_not_reported_twice(void **unused) {
  (void)unused;
  char text[1024];
  compose(8, "  n_train: [64, 0]\nexclude: [{n_train: 0}]\nsampler: {t_max: -1}", text, sizeof text);
  expect_errors(text, 0, NULL,
                "s.yaml:8:17: 'n_train' is '0', expected a positive integer or .inf\n"
                "s.yaml:10:18: 't_max' is -1, expected above 0 and at most 1\n");
}

static void an_entry_that_fits_with_no_other_is_an_error(void **unused) {
  (void)unused;
  expect_errors("name: test\nseed: 1\n"
                "grid:\n"
                "  prior: [{name: one, kind: gaussian, mean: [0]}, {name: two, kind: gaussian, mean: [0, 0]}]\n"
                "  forward_model: [{kind: linear, matrix: [[1, 2]]}, {name: odd, kind: linear, matrix: [[1, 2, 3]]}]\n"
                "  noise_level: [0.1]\n  approximation: [fsr]\n  n_train: [64]\n",
                0, NULL,
                "s.yaml:5:87: forward model 'odd' fits no prior; with 'one': the matrix has 3 columns, the prior has "
                "dimension 1\n");
  expect_errors("name: test\nseed: 1\n"
                "grid:\n"
                "  prior: [{name: one, kind: gaussian, mean: [0]}, {name: two, kind: gaussian, mean: [0, 0]}]\n"
                "  forward_model: [{kind: linear, matrix: [[1, 2]]}]\n"
                "  noise_level: [0.1]\n  approximation: [fsr]\n  n_train: [64]\n",
                0, NULL,
                "s.yaml:4:11: prior 'one' fits no forward model; with 'linear': the matrix has 2 columns, the "
                "prior has dimension 1\n");
}

static void no_more_than_a_hundred_lines_are_given(void **unused) {
  (void)unused;
  char text[8192];
  size_t used = 0, lines = 0;
  const char *errors = "";
  fsl_spec spec;
  fsl_arena *const arena = fsl_arena_create(0);
  for (int i = 0; i < 250; i++) used += (size_t)snprintf(text + used, sizeof text - used, "unheard-of-%d: 1\n", i);
  compose(1, "name: test", text + used, sizeof text - used);
  assert_int_equal(parse(arena, text, 0, NULL, &spec, &errors), FSL_EINPUT);
  for (const char *c = errors; *c != '\0'; c++) lines += *c == '\n';
  assert_int_equal(lines, 101);
  assert_non_null(strstr(errors, "\nand 150 more errors\n"));
  fsl_arena_destroy(arena);
}

static void an_error_is_one_line_whatever_the_spec_holds(void **unused) {
  (void)unused;
  char text[1024];
  compose(NEXT, "\"a\\nb\\tc\": 1", text, sizeof text);
  expect_errors(text, 0, NULL,
                "s.yaml:9:1: unknown key 'a?b?c'; expected one of name, seed, grid, observations, diffusion, "
                "sampler, times, metrics, exclude, output, budget, limits, replicates, precision, moment_tree\n");
}

/* ---- caps -------------------------------------------------------------------------------------------------------- */

static void expect_capped(const char *text, size_t length, const char *expected) {
  const char *errors = "";
  fsl_spec spec;
  fsl_arena *const arena = fsl_arena_create(1u << 28);
  fsl_ctx ctx = {.arena = arena, .team = &fsl_team_solo};
  assert_int_equal(fsl_spec_parse(&ctx, &fsl_standard_catalog, "s.yaml", text, length, 0, NULL, &spec, &errors),
                   FSL_EINPUT);
  assert_string_equal(errors, expected);
  fsl_arena_destroy(arena);
}

static void size_depth_and_counts_are_capped(void **unused) {
  (void)unused;
  const size_t size = (4u << 20) + 1;
  char *const text = malloc(size);
  assert_non_null(text);
  memset(text, ' ', size);
  expect_capped(text, size, "s.yaml:1:1: the spec has more than 4 MiB\n");
  memset(text, '[', 5000);
  expect_capped(text, 5000, "s.yaml:1:65: lists and mappings are nested more than 64 deep\n");
  for (size_t i = 0; i + 1 < size - 1; i += 2) memcpy(text + i, i == 0 ? "[1" : ",1", 2);
  expect_capped(text, size - 1, "s.yaml:1:2000000: the spec has more than 1000000 values\n");
  size_t used = 0;
  for (int i = 0; i < 1001; i++) used += (size_t)sprintf(text + used, "k%d: 1\n", i);
  expect_capped(text, used, "s.yaml:1001:1: a mapping has more than 1000 keys\n");
  free(text);
}

static void bytes_that_are_no_text_have_a_place(void **unused) {
  (void)unused;
  expect_capped("name: test\nseed: \x01\n", 18, "s.yaml:2:7: not valid YAML: control characters are not allowed\n");
  expect_capped("name: \xff\n", 8, "s.yaml:1:7: not valid YAML: invalid leading UTF-8 octet\n");
  expect_capped("name: a\0b\n", 10, "s.yaml:1:8: not valid YAML: control characters are not allowed\n");
}

/* ---- overrides --------------------------------------------------------------------------------------------------- */

static void errors_of_overrides_have_their_number_and_column(void **unused) {
  (void)unused;
  char text[1024];
  const char *const wrong_ones[] = {"grid.n_train=[64, many]",  "steps",           "grid.prior.1.mean=[1]",
                                    "sampler.steps=-5",         "seed=",           "grid.approximation.0.zeta=1",
                                    "grid..n_train=[1]",        "smapler.steps=5", "times=[0.5",
                                    "grid.prior.0.covariance=x"};
  compose(1, "name: a b", text, sizeof text);
  expect_errors(text, 10, wrong_ones,
                "s.yaml:1:7: 'name' is 'a b', expected 1 to 100 letters, digits, hyphens and underscores\n"
                "--set:1:19: 'n_train' is 'many', expected a real number\n"
                "--set:2:1: 'steps', expected KEY=VALUE on one line, such as grid.n_train=[64,256]\n"
                "--set:3:12: '1' is no item of the list, expected 0 to 0\n"
                "--set:4:15: 'steps' is -5, expected an integer from 1 to 10000000\n"
                "--set:5:6: 'seed=' has no value, expected KEY=VALUE\n"
                "--set:6:22: there is 'fsr', which holds no 'zeta': set the whole value\n"
                "--set:7:6: 'grid..n_train=[1]' has an empty part in its key\n"
                "--set:8:1: unknown key 'smapler'; did you mean \"sampler\"?\n"
                "--set:9:7: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence that "
                "begins at 9:7\n"
                "--set:10:25: 'covariance' is 'x', expected a real number\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_wrong_spec_is_named_with_place_and_remedy),
      cmocka_unit_test(all_errors_come_at_once_in_the_order_of_the_file),
      cmocka_unit_test(errors_on_one_line_go_by_column),
      cmocka_unit_test(an_error_is_not_reported_twice),
      cmocka_unit_test(an_entry_that_fits_with_no_other_is_an_error),
      cmocka_unit_test(no_more_than_a_hundred_lines_are_given),
      cmocka_unit_test(an_error_is_one_line_whatever_the_spec_holds),
      cmocka_unit_test(size_depth_and_counts_are_capped),
      cmocka_unit_test(bytes_that_are_no_text_have_a_place),
      cmocka_unit_test(errors_of_overrides_have_their_number_and_column),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
