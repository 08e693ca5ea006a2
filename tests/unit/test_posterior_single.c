/* Single precision against double: errors below limits derived from the rounding, relative to the spread; and where
 * floats cannot serve, double's own bits. */
#include "posterior_problem.h"

#include <stdio.h>

#include "posterior/oracle.h"

enum { STATES = 21 };
#define UNIT 5.9604644775390625e-8 /* 2^-24: the rounding of a float */

typedef struct setting {
  fsl_ctx *ctx;
  size_t n, d;
  double a, v;
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
  fsl_posterior *single;
  const fsl_posterior *exact;
  fsl_oracle oracle;
  double *x;
} setting;

/* Atoms in clusters about a point away from 0; states as they are at (a, v). */
static setting *open_setting(const fsl_kernel *kernel, size_t n, size_t d, double a, double v, double sigma,
                             bool weighted) {
  static const fsl_posterior_setting in_single = {.single = true};
  fsl_ctx *ctx = open_ctx();
  setting *s = fsl_arena_get(ctx->arena, 1, sizeof *s);
  double *atoms = normals(ctx, 1, n * d), *log_weight = reals(ctx, n), *y;
  const double *middle = normals(ctx, 2, 5 * d);
  for (size_t i = 0; i < n * d; ++i) atoms[i] = 0.7 * atoms[i] + middle[i / d % 5 * d + i % d] + 0.5;
  for (size_t i = 0; i < n; ++i) log_weight[i] = i % 5 == 2 ? -INFINITY : -0.002 * (double)i;
  *s = (setting){.ctx = ctx, .n = n, .d = d, .a = a, .v = v, .model = bent_model(d, d < 3 ? d : 3)};
  OK(ctx, fsl_mixture_of_atoms(ctx, n, d, atoms, weighted ? log_weight : NULL, NULL, n, &s->prior.population));
  s->prior.d = d;
  y = reals(ctx, s->model.m);
  s->model.value(&s->model, atoms, y);
  s->problem = (fsl_problem){
      .prior = &s->prior, .model = &s->model, .noise = {s->model.m, constant(ctx, s->model.m, sigma)}, .y = y};
  OK(ctx, fsl_posterior_of_population(ctx, &s->problem, &in_single, &s->single));
  s->exact = fsl_posterior_in_double(s->single);
  s->single->kernel = kernel;
  ((fsl_posterior *)s->exact)->kernel = kernel;
  s->oracle = (fsl_oracle){n,
                           d,
                           s->model.m,
                           atoms,
                           s->prior.population.log_weight,
                           s->single->atoms.log_likelihood,
                           s->single->atoms.forward};
  s->x = normals(ctx, 3, STATES * d);
  for (size_t i = 0; i < STATES * d; ++i) s->x[i] = a * atoms[i / d * 31 % n * d + i % d] + sqrt(v) * s->x[i];
  return s;
}

/* Of the weights w about x: the spread sqrt(tr Cov), and the largest h |x/a - x_i|^2 of an atom that matters. */
static void describe(const setting *s, const long double *w, const double *x, double *spread, double *logit) {
  long double *mean = fsl_arena_get(s->ctx->arena, s->d, sizeof *mean), square = 0;
  fsl_oracle_mean(&s->oracle, w, s->d, s->oracle.x, mean);
  *logit = 0.0;
  for (size_t i = 0; i < s->n; ++i) {
    double distance = 0.0;
    for (size_t j = 0; j < s->d; ++j) {
      const double atom = s->oracle.x[i * s->d + j];
      square += w[i] * powl((long double)atom - mean[j], 2);
      distance += (x[j] - s->a * atom) * (x[j] - s->a * atom) / (2 * s->v);
    }
    if (w[i] > 1e-9L) *logit = fmax(*logit, distance);
  }
  *spread = sqrt((double)square);
}

/* Rounding errors add up as a random walk does. A logit H = h r^2 is off by 2 h r times the rounding of a coordinate,
 * of size R about its leaf's mean, and by what its sums lose; the exponential adds to that. A mean is off by its
 * weights' errors times the spread, and by the rounding of the atoms and of the sums of a chunk. */
static double allowed(const setting *s, double spread, double logit) {
  const double size = s->single->atoms.single->scale, depth = fmin((double)s->d, 64.0) + (double)s->d / 64.0;
  const double h = fsl_precision(s->a, s->v);
  const double weight = UNIT * (2 * sqrt(2 * h * logit) * size + (2 + sqrt(depth)) * logit + 6);
  return weight * spread + UNIT * (1 + sqrt(2.0 * FSL_CHUNK)) * size;
}

typedef struct worst {
  double mean, post, product; /* errors over their limits */
  double relative;            /* mean's error over the spread */
} worst;

static double difference(size_t d, const double *x, const double *y) {
  double square = 0.0;
  for (size_t j = 0; j < d; ++j) square += (x[j] - y[j]) * (x[j] - y[j]);
  return sqrt(square);
}

static worst measure(const setting *s) {
  const size_t d = s->d, size = STATES * d;
  double *mean = reals(s->ctx, size), *post = reals(s->ctx, size), *product = reals(s->ctx, size);
  double *exact_mean = reals(s->ctx, size), *exact_post = reals(s->ctx, size), *exact_product = reals(s->ctx, size);
  double density[STATES], exact_density[STATES], *u = normals(s->ctx, 4, size);
  long double *w = fsl_arena_get(s->ctx->arena, s->n, sizeof *w);
  worst out = {0};
  const fsl_moments moments = {mean, post, density, NULL, NULL};
  const fsl_moments exact = {exact_mean, exact_post, exact_density, NULL, NULL};
  OK(s->ctx, fsl_posterior_moments(s->ctx, s->single, s->a, s->v, STATES, s->x, &moments));
  OK(s->ctx, fsl_posterior_moments(s->ctx, s->exact, s->a, s->v, STATES, s->x, &exact));
  OK(s->ctx, fsl_posterior_covariance_times(s->ctx, s->single, s->a, s->v, STATES, s->x, exact_mean, u, product));
  OK(s->ctx, fsl_posterior_covariance_times(s->ctx, s->exact, s->a, s->v, STATES, s->x, exact_mean, u, exact_product));
  for (size_t i = 0; i < STATES; ++i) {
    double spread, logit;
    fsl_oracle_weights(&s->oracle, false, s->a, s->v, s->x + i * d, w);
    describe(s, w, s->x + i * d, &spread, &logit);
    const double limit = allowed(s, spread, logit), length = sqrt(difference(d, u + i * d, constant(s->ctx, d, 0.0)));
    const double error = difference(d, mean + i * d, exact_mean + i * d);
    out.mean = fmax(out.mean, error / limit);
    out.relative = fmax(out.relative, error / fmax(spread, sqrt(s->v)));
    out.product = fmax(out.product, difference(d, product + i * d, exact_product + i * d) /
                                        (length * length * limit * (2 * spread + limit)));
    if (!(fabs(density[i] - exact_density[i]) <= limit / fmax(spread, 1e-300) + UNIT * (logit + 60)))
      fail_msg("density %zu is off by %g", i, density[i] - exact_density[i]);
    fsl_oracle_weights(&s->oracle, true, s->a, s->v, s->x + i * d, w);
    describe(s, w, s->x + i * d, &spread, &logit);
    out.post = fmax(out.post, difference(d, post + i * d, exact_post + i * d) / allowed(s, spread, logit));
  }
  return out;
}

static const size_t dimensions[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 64, 150};

/* relative: what the worst mean may be off by, over the spread or sqrt(v), at d <= 9. */
static void errors_stay_below(double a, double v, double relative) {
  for (size_t k = 0; k < fsl_kernel_count(); ++k)
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; ++i) {
      const size_t d = dimensions[i], n = d <= 2 ? 4500 : d < 64 ? 530 : 1100; /* one leaf or two */
      setting *s = open_setting(fsl_kernel_at(k), n, d, a, v, 0.5, i % 2 == 1);
      const worst got = measure(s);
      assert_true(got.mean <= 1.0);
      assert_true(got.post <= 1.0);
      assert_true(got.product <= 1.0);
      assert_true(got.relative > 0.0 && (d > 9 || got.relative <= relative));
      close_ctx(s->ctx);
    }
}

static void test_errors_stay_below_their_limits_at_large_t(void **state) {
  (void)state;
  errors_stay_below(0.05, 0.9975, 1e-6);
}

static void test_errors_stay_below_their_limits_at_middle_t(void **state) {
  (void)state;
  errors_stay_below(0.7, 0.51, 2e-6);
}

static void test_errors_stay_below_their_limits_at_small_t(void **state) {
  (void)state;
  errors_stay_below(0.999, 2e-3, 1e-4);
}

/* ---- where floats cannot serve ----------------------------------------------------------------------------------- */

typedef struct answer {
  double mean[STATES * 2], post[STATES * 2], density[STATES], product[STATES * 2];
} answer;

static answer ask(const setting *s, const fsl_posterior *posterior, size_t n, const double *x) {
  answer out;
  memset(&out, 0, sizeof out);
  const fsl_moments moments = {out.mean, out.post, out.density, NULL, NULL};
  const double *u = constant(s->ctx, STATES * 2, 1e30);
  OK(s->ctx, fsl_posterior_moments(s->ctx, posterior, s->a, s->v, n, x, &moments));
  OK(s->ctx, fsl_posterior_covariance_times(s->ctx, posterior, s->a, s->v, n, x, out.mean, u, out.product));
  return out;
}

static void test_at_tiny_v_every_answer_is_double(void **state) {
  (void)state;
  static const double tiny[] = {0.0, 1e-250, 1e-30, 1e-12, 1e-10};
  for (size_t i = 0; i < sizeof tiny / sizeof *tiny; ++i) {
    setting *s = open_setting(fsl_kernel_chosen(), 300, 2, 1.0, tiny[i], 0.5, false);
    const answer got = ask(s, s->single, STATES, s->x), want = ask(s, s->exact, STATES, s->x);
    assert_memory_equal(&got, &want, sizeof got);
    close_ctx(s->ctx);
  }
}

static void test_a_state_far_away_is_answered_in_double_and_no_other(void **state) {
  (void)state;
  setting *s = open_setting(fsl_kernel_chosen(), 300, 2, 0.7, 0.51, 0.5, false);
  const answer before = ask(s, s->single, STATES, s->x);
  s->x[6] = 1e12;
  s->x[21] = -1e100;
  const answer got = ask(s, s->single, STATES, s->x), exact = ask(s, s->exact, STATES, s->x);
  for (size_t k = 0; k < STATES * 2; ++k) {
    const bool far = k / 2 == 3 || k / 2 == 10;
    assert_true(got.mean[k] == (far ? exact : before).mean[k] && got.post[k] == (far ? exact : before).post[k]);
    assert_true(far || got.mean[k] != exact.mean[k]);
  }
  close_ctx(s->ctx);
}

static void test_where_a_is_zero_every_state_is_far(void **state) {
  (void)state;
  setting *s = open_setting(fsl_kernel_chosen(), 300, 2, 0.0, 1.0, 0.5, false);
  const answer got = ask(s, s->single, STATES, s->x), want = ask(s, s->exact, STATES, s->x);
  assert_memory_equal(&got, &want, sizeof got);
  close_ctx(s->ctx);
}

/* Noise of 1e-3: the posterior's mass lies e^-1000 from the state's neighbours, for most states but not for all. */
static void test_a_posterior_too_far_for_floats_is_found_in_double(void **state) {
  (void)state;
  setting *s = open_setting(fsl_kernel_chosen(), 300, 2, 0.99, 2e-2, 1e-2, false);
  memcpy(s->x, s->oracle.x, 2 * sizeof *s->x); /* the atom that y was measured at */
  const answer got = ask(s, s->single, STATES, s->x), exact = ask(s, s->exact, STATES, s->x);
  size_t equal = 0;
  for (size_t k = 0; k < STATES; ++k) {
    for (size_t j = 2 * k; j < 2 * k + 2; ++j) assert_true(fabs(got.post[j] - exact.post[j]) < 1e-5);
    equal += memcmp(got.density + k, exact.density + k, sizeof *got.density) == 0;
  }
  assert_in_range(equal, 1, STATES - 1);
  close_ctx(s->ctx);
}

static void test_a_state_does_not_depend_on_its_neighbours(void **state) {
  (void)state;
  for (size_t i = 0; i < fsl_kernel_count(); ++i) {
    setting *s = open_setting(fsl_kernel_at(i), 300, 2, 0.99, 2e-2, 1e-2, true);
    const answer all = ask(s, s->single, STATES, s->x);
    for (size_t k = 0; k < STATES; ++k) {
      const answer one = ask(s, s->single, 1, s->x + 2 * k);
      assert_memory_equal(one.mean, all.mean + 2 * k, 2 * sizeof *one.mean);
      assert_memory_equal(one.post, all.post + 2 * k, 2 * sizeof *one.post);
      assert_memory_equal(one.product, all.product + 2 * k, 2 * sizeof *one.product);
      assert_true(one.density[0] == all.density[k]);
    }
    close_ctx(s->ctx);
  }
}

static void test_other_questions_are_answered_in_double(void **state) {
  (void)state;
  setting *s = open_setting(fsl_kernel_chosen(), 300, 2, 0.7, 0.51, 0.5, false);
  double mean[2][STATES * 2], entropy[2][STATES], expected[2][STATES * 2];
  for (size_t i = 0; i < 2; ++i) {
    const fsl_posterior *p = i == 0 ? s->single : s->exact;
    const fsl_moments moments = {mean[i], NULL, NULL, NULL, entropy[i]};
    OK(s->ctx, fsl_posterior_moments(s->ctx, p, s->a, s->v, STATES, s->x, &moments));
    OK(s->ctx, fsl_posterior_forward_moments(s->ctx, p, s->a, s->v, STATES, s->x, mean[i], expected[i], NULL, NULL));
  }
  assert_memory_equal(mean[0], mean[1], sizeof *mean);
  assert_memory_equal(entropy[0], entropy[1], sizeof *entropy);
  assert_memory_equal(expected[0], expected[1], sizeof *expected);
  close_ctx(s->ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_errors_stay_below_their_limits_at_large_t),
      cmocka_unit_test(test_errors_stay_below_their_limits_at_middle_t),
      cmocka_unit_test(test_errors_stay_below_their_limits_at_small_t),
      cmocka_unit_test(test_at_tiny_v_every_answer_is_double),
      cmocka_unit_test(test_a_state_far_away_is_answered_in_double_and_no_other),
      cmocka_unit_test(test_where_a_is_zero_every_state_is_far),
      cmocka_unit_test(test_a_posterior_too_far_for_floats_is_found_in_double),
      cmocka_unit_test(test_a_state_does_not_depend_on_its_neighbours),
      cmocka_unit_test(test_other_questions_are_answered_in_double),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
