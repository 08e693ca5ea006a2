/* Distribution functions on a line and the distances between them, against closed forms and fine integration. */
#include "metric/line.h"

#include "base/linalg.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(value, expected, error) assert_true(fabs((value) - (expected)) <= (error))

static fsl_ctx context(void) {
  return (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
}

static double cdf(double x) {
  return 0.5 * erfc(-x * M_SQRT1_2);
}

static double mixture_cdf(const fsl_line_mixture *m, double x) {
  double sum = 0;
  for (size_t k = 0; k < m->n; k++)
    sum += m->weight[k] *
           (m->variance[k] > 0 ? cdf((x - m->location[k]) / sqrt(m->variance[k])) : (m->location[k] <= x ? 1.0 : 0.0));
  return sum;
}

static double samples_cdf(size_t n, const double *sorted, double x) {
  size_t below = 0;
  while (below < n && sorted[below] <= x) below++;
  return (double)below / (double)n;
}

/* Midpoint rule on a fine grid. */
static double brute(const fsl_line_mixture *f, const fsl_line_mixture *g, size_t n, const double *sorted, double low,
                    double high) {
  const int cells = 200000;
  double sum = 0;
  for (int i = 0; i < cells; i++) {
    const double x = low + (high - low) * (i + 0.5) / cells;
    sum += fabs((f != NULL ? mixture_cdf(f, x) : samples_cdf(n, sorted, x)) - mixture_cdf(g, x));
  }
  return sum * (high - low) / cells;
}

static const double weight3[] = {0.3, 0.5, 0.2}, location3[] = {-2, 0, 2.5}, variance3[] = {0.01, 0.25, 1};

static fsl_line_mixture three(void) {
  return (fsl_line_mixture){.n = 3, .weight = weight3, .location = location3, .variance = variance3};
}

static fsl_line line_of(fsl_ctx *ctx, const fsl_line_mixture *mixture, size_t nodes) {
  fsl_line line;
  assert_int_equal(fsl_line_of_mixture(ctx, mixture, nodes, &line), FSL_OK);
  return line;
}

static void samples_against_a_mixture_match_fine_integration(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  const fsl_line_mixture m = three();
  const fsl_line line = line_of(&ctx, &m, 4096);
  double x[40], ranks[40];
  fsl_normals((fsl_key){{1, 2}}, 0, 0, 40, x);
  for (int i = 0; i < 40; i++) x[i] = 2 * x[i] - 0.5;
  qsort(x, 40, sizeof *x, fsl_compare_reals);
  fsl_line_ranks(40, ranks);
  const fsl_line samples = fsl_line_of_samples(40, x, ranks);
  assert_near(fsl_line_w1(&samples, &line), brute(NULL, &m, 40, x, -12, 12), 2e-5);
  fsl_arena_destroy(ctx.arena);
}

static void one_sample_against_a_normal_has_its_closed_form(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  const double one = 1, centre = 0.7, variance = 0.09, rank = 1;
  const fsl_line_mixture m = {.n = 1, .weight = &one, .location = &centre, .variance = &variance};
  const fsl_line line = line_of(&ctx, &m, 4096);
  for (double x = -1; x < 2; x += 0.37) { /* W1 to a point is E |X - x| */
    const fsl_line point = fsl_line_of_samples(1, &x, &rank);
    const double z = (x - 0.7) / 0.3;
    const double exact = 0.3 * (z * (2 * cdf(z) - 1) + 2 * exp(-0.5 * z * z) / sqrt(2 * M_PI));
    assert_near(fsl_line_w1(&point, &line), exact, 3e-6 * 0.3);
  }
  fsl_arena_destroy(ctx.arena);
}

static void shifting_a_law_moves_it_by_the_shift(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  const fsl_line_mixture m = three();
  double moved[3];
  for (int k = 0; k < 3; k++) moved[k] = location3[k] + 0.125;
  const fsl_line_mixture shifted = {.n = 3, .weight = weight3, .location = moved, .variance = variance3};
  const fsl_line f = line_of(&ctx, &m, 4096), g = line_of(&ctx, &shifted, 4096);
  assert_near(fsl_line_w1(&f, &g), 0.125, 1e-6);
  assert_true(fsl_line_w1(&f, &f) == 0);
  assert_near(fsl_line_w1(&g, &f), fsl_line_w1(&f, &g), 1e-14);
  fsl_arena_destroy(ctx.arena);
}

static void crossing_normals_match_the_closed_form(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  const double one = 1, zero = 0, narrow = 0.25, wide = 1;
  const fsl_line_mixture a = {.n = 1, .weight = &one, .location = &zero, .variance = &narrow};
  const fsl_line_mixture b = {.n = 1, .weight = &one, .location = &zero, .variance = &wide};
  const fsl_line f = line_of(&ctx, &a, 4096), g = line_of(&ctx, &b, 4096);
  /* W1 = |1 - 1/2| E|Z| */
  assert_near(fsl_line_w1(&f, &g), 0.5 * sqrt(2 / M_PI), 2e-6);
  fsl_arena_destroy(ctx.arena);
}

static void weighted_atoms_stay_exact_steps(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  const double w[] = {0.25, 0.5, 0.25}, x[] = {3, -1, 3}, v[] = {0, 0, 0}, w2[] = {0.4, 0.6}, x2[] = {0, 1};
  const fsl_line_mixture a = {.n = 3, .weight = w, .location = x, .variance = v};
  const fsl_line_mixture b = {.n = 2, .weight = w2, .location = x2, .variance = v};
  const fsl_line f = line_of(&ctx, &a, 4096), g = line_of(&ctx, &b, 4096);
  assert_int_equal(f.n, 2);
  /* [-1, 0): .5; [0, 1): |.5 - .4|; [1, 3): .5 */
  assert_near(fsl_line_w1(&f, &g), 0.5 + 0.1 + 1.0, 1e-14);
  fsl_arena_destroy(ctx.arena);
}

enum { MANY = 3000 };

static void binned_normals_agree_with_their_sum(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  double w[MANY], x[MANY], v[MANY];
  uint32_t group[MANY];
  fsl_normals((fsl_key){{3, 4}}, 0, 0, MANY, x);
  fsl_uniforms((fsl_key){{5, 6}}, 0, 0, MANY, w);
  const double total = fsl_sum(MANY, w);
  for (int k = 0; k < MANY; k++) {
    w[k] /= total;
    group[k] = (uint32_t)(k % 3);
    v[k] = group[k] == 0 ? 0.01 : group[k] == 1 ? 0.04 : 0.09;
  }
  const fsl_line_mixture m = {.n = MANY, .weight = w, .location = x, .variance = v, .group = group, .n_groups = 3};
  const fsl_line line = line_of(&ctx, &m, 8192);
  for (size_t j = 0; j < line.n; j += 37) assert_near(line.value[j], mixture_cdf(&m, line.x[j]), 3e-6);
  fsl_arena_destroy(ctx.arena);
}

static void a_law_too_narrow_for_its_grid_is_off_by_a_cell_at_most(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  double w[MANY], x[MANY], v[MANY], zero[MANY];
  fsl_normals((fsl_key){{3, 4}}, 0, 0, MANY, x);
  for (int k = 0; k < MANY; k++) {
    w[k] = 1.0 / MANY;
    v[k] = 1e-10;
    zero[k] = 0;
  }
  const fsl_line_mixture noised = {.n = MANY, .weight = w, .location = x, .variance = v};
  const fsl_line_mixture atoms = {.n = MANY, .weight = w, .location = x, .variance = zero};
  const fsl_line f = line_of(&ctx, &noised, 1024), g = line_of(&ctx, &atoms, 1024);
  assert_true(fsl_line_w1(&f, &g) < 8.0 / 1024);
  for (size_t j = 1; j < f.n; j++) assert_true(f.value[j] >= f.value[j - 1]);
  fsl_arena_destroy(ctx.arena);
}

static void very_many_atoms_become_a_fine_histogram(void **state) {
  (void)state;
  enum { N = 20000 };
  fsl_ctx ctx = context();
  double *w = malloc(4 * N * sizeof *w), *x = w + N, *v = x + N, *ranks = v + N;
  fsl_normals((fsl_key){{7, 8}}, 0, 0, N, x);
  for (int k = 0; k < N; k++) {
    w[k] = 1.0 / N;
    v[k] = 0;
  }
  const fsl_line_mixture m = {.n = N, .weight = w, .location = x, .variance = v};
  const fsl_line line = line_of(&ctx, &m, 8192);
  qsort(x, N, sizeof *x, fsl_compare_reals);
  fsl_line_ranks(N, ranks);
  const fsl_line exact = fsl_line_of_samples(N, x, ranks);
  assert_true(fsl_line_w1(&line, &exact) < 9.0 / 8192 / 2);
  free(w);
  fsl_arena_destroy(ctx.arena);
}

static void quantiles_invert_the_distribution_function(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  const fsl_line_mixture m = three();
  const fsl_line line = line_of(&ctx, &m, 4096);
  double x[1000], mean = 0, two[2];
  fsl_line_quantiles(&line, 0, 1000, 1000, x);
  for (int i = 0; i < 1000; i++) {
    assert_near(mixture_cdf(&m, x[i]), (i + 0.5) / 1000, 3e-6);
    mean += x[i] / 1000;
  }
  assert_near(mean, -0.6 + 0.5, 1e-3);
  fsl_line_quantiles(&line, 500, 1000, 2, two);
  assert_true(two[0] == x[500] && two[1] == x[501]);
  fsl_arena_destroy(ctx.arena);
}

static void an_atom_beside_normals_is_kept(void **state) {
  (void)state;
  fsl_ctx ctx = context();
  const double w[] = {0.5, 0.5}, x[] = {0, 3}, v[] = {0, 1}, point = 0, rank = 1;
  const fsl_line_mixture m = {.n = 2, .weight = w, .location = x, .variance = v};
  const fsl_line line = line_of(&ctx, &m, 4096), at = fsl_line_of_samples(1, &point, &rank);
  /* half of E|X - 0|, X ~ N(3, 1) */
  const double exact = 0.5 * (3 * (2 * cdf(3) - 1) + 2 * exp(-4.5) / sqrt(2 * M_PI));
  assert_near(fsl_line_w1(&at, &line), exact, 1e-6);
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(samples_against_a_mixture_match_fine_integration),
      cmocka_unit_test(one_sample_against_a_normal_has_its_closed_form),
      cmocka_unit_test(shifting_a_law_moves_it_by_the_shift),
      cmocka_unit_test(crossing_normals_match_the_closed_form),
      cmocka_unit_test(weighted_atoms_stay_exact_steps),
      cmocka_unit_test(binned_normals_agree_with_their_sum),
      cmocka_unit_test(a_law_too_narrow_for_its_grid_is_off_by_a_cell_at_most),
      cmocka_unit_test(very_many_atoms_become_a_fine_histogram),
      cmocka_unit_test(quantiles_invert_the_distribution_function),
      cmocka_unit_test(an_atom_beside_normals_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
