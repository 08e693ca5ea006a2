/* Rates of convergence: exact power laws, windows, missing values, and the intervals' coverage. */
#include "convergence/bootstrap.h"
#include "convergence/power_law.h"
#include "convergence/rates.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZES = 6, REPLICATES = 20 };

static const double n_train[SIZES] = {64, 256, 1024, 4096, 16384, 65536};

static int set_up(void **state) {
  fsl_ctx *const ctx = calloc(1, sizeof *ctx);
  ctx->arena = fsl_arena_create(0);
  ctx->team = &fsl_team_solo;
  *state = ctx;
  return 0;
}

static int tear_down(void **state) {
  fsl_ctx *const ctx = *state;
  fsl_arena_destroy(ctx->arena);
  free(ctx);
  return 0;
}

#define close_to(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static const double chi2_1[1] = {1};

static fsl_rate_input input_of(const double *error, size_t observations, const double *chi2) {
  return (fsl_rate_input){.n_sizes = SIZES,
                          .n_replicates = REPLICATES,
                          .n_observations = observations,
                          .n_train = n_train,
                          .error = error,
                          .chi2 = chi2,
                          .largest_n = INFINITY,
                          .floor = 0.01,
                          .resamples = 300,
                          .key = {{7, 9}}};
}

/* Replicates c N^s (1 + small), symmetric so that the mean over replicates is exact. */
static void fill(double *error, size_t observations, double c, double s, double b) {
  for (size_t i = 0; i < SIZES; i++)
    for (size_t r = 0; r < REPLICATES; r++)
      for (size_t o = 0; o < observations; o++) {
        const double clean = sqrt(c * c * pow(n_train[i], 2 * s) + b * b);
        error[(i * REPLICATES + r) * observations + o] = clean * (1 + 0.1 * ((double)r / 9.5 - 1));
      }
}

static fsl_rate rate_of(fsl_ctx *ctx, const fsl_rate_input *input) {
  fsl_rate rate;
  assert_int_equal(fsl_rate_fit(ctx, input, &rate), FSL_OK);
  return rate;
}

static void an_exact_power_law_gives_its_exponent(void **state) {
  double error[SIZES * REPLICATES];
  const double exponents[] = {-0.5, -1, -0.25, 0.1};
  for (size_t i = 0; i < 4; i++) {
    fill(error, 1, 3, exponents[i], 0);
    const fsl_rate_input input = input_of(error, 1, chi2_1);
    const fsl_rate rate = rate_of(*state, &input);
    close_to(rate.rate, exponents[i], 1e-12);
    assert_true(rate.low < rate.rate && rate.rate < rate.high && rate.high - rate.low < 0.05);
    assert_true(rate.points == SIZES && rate.left_out == 0 && rate.floor == 0.01);
  }
}

static void a_known_plateau_is_fitted_not_subtracted(void **state) {
  double error[SIZES * REPLICATES];
  const double b = 0.02;
  fill(error, 1, 1, -0.5, b);
  fsl_rate_input input = input_of(error, 1, chi2_1);
  input.is_sampler = true;
  input.population_error = &b;
  const fsl_rate rate = rate_of(*state, &input);
  close_to(rate.rate, -0.5, 1e-8);
  assert_true(rate.low < -0.5 && rate.high > -0.5);
  input.is_sampler = false; /* as the reference the plateau flattens the slope */
  assert_true(rate_of(*state, &input).rate > -0.45);
}

static void a_plateau_fit_recovers_many_exponents_and_heights(void **state) {
  (void)state;
  double log_n[SIZES], error[SIZES];
  for (double s = -1; s <= -0.2; s += 0.1)
    for (double b = 1e-6; b < 1; b *= 3) {
      for (size_t i = 0; i < SIZES; i++) {
        log_n[i] = log(n_train[i]);
        error[i] = sqrt(4 * pow(n_train[i], 2 * s) + b * b);
      }
      const double found = fsl_power_law_slope_above(SIZES, log_n, error, b);
      if (4 * pow(n_train[2], 2 * s) > 0.01 * b * b) close_to(found, s, 1e-5);
    }
}

static void errors_at_the_plateau_hold_no_rate(void **state) {
  double log_n[SIZES], error[SIZES];
  for (size_t i = 0; i < SIZES; i++) {
    log_n[i] = log(n_train[i]);
    error[i] = 0.1;
  }
  (void)state;
  const double slope = fsl_power_law_slope_above(SIZES, log_n, error, 0.11);
  assert_true(isnan(slope));
}

static void a_sampler_without_its_population_value_has_no_rate(void **state) {
  double error[SIZES * REPLICATES];
  const double unknown = NAN;
  fill(error, 1, 1, -0.5, 0);
  fsl_rate_input input = input_of(error, 1, chi2_1);
  input.is_sampler = true;
  assert_true(isnan(rate_of(*state, &input).rate));
  input.population_error = &unknown;
  const fsl_rate rate = rate_of(*state, &input);
  assert_int_equal(rate.reason, FSL_NO_VALUE_AT_INF);
  assert_true(isnan(rate.rate) && isnan(rate.low) && isnan(rate.high) && rate.points == SIZES);
}

static void the_plateau_is_that_of_the_observations_used(void **state) {
  double error[SIZES * REPLICATES * 2];
  const double chi2[2] = {1, 1000}, b[2] = {0.02, 5}; /* the second has one size of N >= 30000 */
  fill(error, 2, 1, -0.5, 0.02);
  for (size_t i = 0; i < SIZES * REPLICATES; i++) error[2 * i + 1] = 5;
  fsl_rate_input input = input_of(error, 2, chi2);
  input.is_sampler = true;
  input.population_error = b;
  const fsl_rate rate = rate_of(*state, &input);
  close_to(rate.rate, -0.5, 1e-8);
  assert_true(rate.points == SIZES && rate.reason == FSL_HAS_VALUE);
}

static void the_window_starts_at_thirty_chi2_and_ends_at_the_largest_n(void **state) {
  double error[SIZES * REPLICATES];
  double chi2 = 8.6; /* N >= 258 */
  fill(error, 1, 1, -0.5, 0);
  for (size_t r = 0; r < REPLICATES; r++) {
    error[r] = error[REPLICATES + r] = 77;    /* N = 64, 256: outside */
    error[(SIZES - 1) * REPLICATES + r] = 55; /* N = 65536: above the largest */
  }
  fsl_rate_input input = input_of(error, 1, &chi2);
  input.largest_n = 65535;
  const fsl_rate rate = rate_of(*state, &input);
  close_to(rate.rate, -0.5, 1e-12);
  assert_true(rate.points == 3 && rate.left_out == 3);
  input.largest_n = INFINITY;
  chi2 = 2.1; /* N >= 63 */
  assert_true(rate_of(*state, &input).points == 6);
  chi2 = 2.15; /* N >= 64.5 */
  assert_true(rate_of(*state, &input).points == 5);
  input.largest_n = 65535;
  chi2 = 34.2; /* N >= 1026: two sizes are too few */
  const fsl_rate none = rate_of(*state, &input);
  assert_true(isnan(none.rate) && none.points == 0 && none.left_out == SIZES && none.reason == FSL_TOO_FEW_SIZES);
}

static void an_unknown_chi2_asks_only_for_thirty_samples(void **state) {
  double error[SIZES * REPLICATES];
  const double unknown = NAN, few[SIZES] = {16, 30, 256, 1024, 4096, 16384}; /* 30 itself counts */
  for (size_t i = 0; i < SIZES; i++)
    for (size_t r = 0; r < REPLICATES; r++)
      error[i * REPLICATES + r] = i == 0 ? 9 : pow(few[i], -0.5) * (1 + 0.01 * (double)r);
  fsl_rate_input input = input_of(error, 1, &unknown);
  input.n_train = few;
  const fsl_rate rate = rate_of(*state, &input);
  close_to(rate.rate, -0.5, 1e-12);
  assert_true(rate.points == SIZES - 1);
}

static void the_used_observations_share_the_narrowest_window(void **state) {
  double error[SIZES * REPLICATES * 3];
  const double chi2[3] = {1, 9, INFINITY}; /* all sizes; N >= 270: four; none: left out */
  fill(error, 3, 1, -0.5, 0);
  for (size_t i = 0; i < SIZES * REPLICATES; i++) error[3 * i + 2] = NAN;
  const fsl_rate_input input = input_of(error, 3, chi2);
  const fsl_rate rate = rate_of(*state, &input);
  close_to(rate.rate, -0.5, 1e-12);
  assert_true(rate.points == 4 && rate.left_out == 2);
}

static void missing_values_cost_their_replicate_or_their_size(void **state) {
  double error[SIZES * REPLICATES * 2];
  const double chi2[2] = {1, 1};
  for (size_t i = 0; i < SIZES; i++)
    for (size_t r = 0; r < REPLICATES; r++)
      for (size_t o = 0; o < 2;
           o++) /* observations differ tenfold: averaging over those present would bend the slope */
        error[(i * REPLICATES + r) * 2 + o] = (o == 0 ? 1 : 10) * pow(n_train[i], -0.5);
  error[(0 * REPLICATES + 3) * 2 + 1] = NAN;
  for (size_t r = 0; r < 16; r++) error[(2 * REPLICATES + r) * 2] = NAN; /* four replicates are left */
  for (size_t r = 0; r < REPLICATES; r++) error[(5 * REPLICATES + r) * 2] = error[(5 * REPLICATES + r) * 2 + 1] = NAN;
  const fsl_rate_input input = input_of(error, 2, chi2);
  const fsl_rate rate = rate_of(*state, &input);
  close_to(rate.rate, -0.5, 1e-12);
  assert_true(rate.points == 4 && rate.left_out == 2);
}

static void an_error_of_zero_or_four_replicates_or_a_wide_interval_give_no_rate(void **state) {
  double error[SIZES * REPLICATES];
  fill(error, 1, 1, -0.5, 0);
  for (size_t r = 0; r < REPLICATES; r++) error[2 * REPLICATES + r] = 0;
  fsl_rate_input input = input_of(error, 1, chi2_1);
  const fsl_rate zero = rate_of(*state, &input);
  assert_true(isnan(zero.rate) && zero.reason == FSL_ERROR_IS_ZERO);
  error[2 * REPLICATES] = 1; /* one value is enough for a mean, not for resamples */
  assert_int_equal(rate_of(*state, &input).reason, FSL_NO_SLOPE);
  fill(error, 1, 1, -0.5, 0);
  input.n_replicates = 4;
  const fsl_rate few = rate_of(*state, &input);
  assert_true(isnan(few.rate) && few.reason == FSL_TOO_FEW_REPLICATES);
  for (size_t i = 0; i < SIZES * REPLICATES; i++) error[i] = NAN;
  assert_int_equal(rate_of(*state, &input).reason, FSL_NO_ERRORS);
  fill(error, 1, 1, -0.5, 0);
  input = input_of(error, 1, chi2_1);
  double normal[SIZES * REPLICATES];
  fsl_normals((fsl_key){{1, 2}}, 0, 0, SIZES * REPLICATES, normal);
  for (size_t i = 0; i < SIZES * REPLICATES; i++) error[i] *= exp(6 * normal[i]);
  const fsl_rate wide = rate_of(*state, &input);
  assert_true(isnan(wide.rate) && isnan(wide.low) && isnan(wide.high) && wide.reason == FSL_WIDE_INTERVAL);
}

static void the_same_key_gives_the_same_interval(void **state) {
  double error[SIZES * REPLICATES];
  fill(error, 1, 1, -0.5, 0);
  fsl_rate_input input = input_of(error, 1, chi2_1);
  const fsl_rate a = rate_of(*state, &input), b = rate_of(*state, &input);
  assert_memory_equal(&a, &b, sizeof a);
  input.key.word[0]++;
  assert_true(rate_of(*state, &input).low != a.low);
}

/* ---- intervals ---------------------------------------------------------------------------------------------- */

static double first_mean(const void *self, const double *mean) {
  (void)self;
  return mean[0];
}

/* The bootstrap distribution of a mean of R values has standard error s/sqrt(R), s^2 with 1/R; widened it is the usual
 * unbiased one, and for symmetric data BCa has nothing to correct. */
static fsl_interval interval_of_mean(fsl_ctx *ctx, size_t n, const double *value) {
  fsl_interval interval;
  const fsl_bootstrap bootstrap = {.n_samples = 1,
                                   .size = &n,
                                   .values = value,
                                   .stride = n,
                                   .statistic = first_mean,
                                   .resamples = 100000,
                                   .key = {{3, 4}}};
  assert_int_equal(fsl_bca_interval(ctx, &bootstrap, 0.95, &interval), FSL_OK);
  return interval;
}

/* Series of one key share what their resamples pick; a change of the key, of a size or of their number is noticed. */
static void shared_picks_give_the_interval_of_picks_of_ones_own(void **state) {
  double error[SIZES * REPLICATES];
  fsl_picks picks, none;
  fill(error, 1, 3, -0.5, 0);
  assert_int_equal(fsl_picks_create(*state, SIZES, REPLICATES, 300, &picks), FSL_OK);
  assert_int_equal(fsl_picks_create(*state, 1, REPLICATES, 300, &none), FSL_OK);
  fsl_rate_input input = input_of(error, 1, chi2_1);
  for (size_t i = 0; i < 6; i++) {
    if (i == 2) input.key.word[0]++;
    if (i == 3) error[5] = NAN;
    if (i == 4) input.largest_n = 5000;
    if (i == 5) input.resamples = 200;
    error[7] *= 1.1;
    input.picks = NULL;
    const fsl_rate alone = rate_of(*state, &input);
    input.picks = &picks;
    const fsl_rate shared = rate_of(*state, &input);
    input.picks = &none; /* has no room for them */
    const fsl_rate small = rate_of(*state, &input);
    assert_true(isfinite(alone.low));
    assert_memory_equal(&alone, &shared, sizeof alone);
    assert_memory_equal(&alone, &small, sizeof alone);
  }
}

static void an_interval_of_a_mean_is_the_textbook_one(void **state) {
  double value[10], variance = 0;
  for (size_t i = 0; i < 10; i++) {
    value[i] = (double)i - 4.5;
    variance += value[i] * value[i] / 9;
  }
  const fsl_interval interval = interval_of_mean(*state, 10, value);
  const double half = 1.959964 * sqrt(variance / 10);
  close_to(interval.estimate, 0, 1e-12);
  close_to(interval.high, half, 0.025 * half);
  close_to(interval.low, -half, 0.025 * half);
}

/* Hall (1988): the second-order correct end of an interval for a mean is that of z + (2 z^2 + 1) skewness/(6 sqrt n)
 * standard errors; without acceleration and bias correction it is z + (z^2 - 1) skewness/(6 sqrt n). */
static void an_interval_of_a_skewed_mean_is_second_order_correct(void **state) {
  enum { MANY = 200 };
  double value[MANY], mean = 0, variance = 0, third = 0;
  for (size_t i = 0; i < MANY; i++) {
    value[i] = -log(1 - ((double)i + 0.5) / MANY);
    mean += value[i] / MANY;
  }
  for (size_t i = 0; i < MANY; i++) {
    variance += pow(value[i] - mean, 2) / MANY;
    third += pow(value[i] - mean, 3) / MANY;
  }
  const fsl_interval interval = interval_of_mean(*state, MANY, value);
  const double z = 1.959964, shift = (2 * z * z + 1) * third / pow(variance, 1.5) / (6 * sqrt(MANY));
  const double error = sqrt(variance / (MANY - 1));
  const double low = (interval.low - mean) / error, high = (interval.high - mean) / error;
  close_to((low + high) / 2, shift, 0.02);
  close_to((high - low) / 2, z, 0.05); /* the next order, 1/n, widens it */
}

/* |bias + noise| in three dimensions, noise of standard deviation N^s a component; observations averaged already. */
static void draw_errors(fsl_key key, double s, double b, double *error) {
  double z[REPLICATES * 4];
  for (size_t i = 0; i < SIZES; i++) {
    const double scale = pow(n_train[i], s);
    fsl_normals(key, i, 0, REPLICATES * 4, z);
    for (size_t r = 0; r < REPLICATES; r++) {
      const double *const e = z + 4 * r;
      const double first = b + scale * e[0];
      error[i * REPLICATES + r] = sqrt(first * first + scale * scale * (e[1] * e[1] + e[2] * e[2]));
    }
  }
}

static double coverage(fsl_ctx *ctx, size_t trials, size_t resamples, double b, double truth) {
  double error[SIZES * REPLICATES];
  size_t covered = 0;
  for (size_t t = 0; t < trials; t++) {
    draw_errors((fsl_key){{(uint32_t)t, b > 0 ? 77 : 78}}, -0.5, b, error);
    fsl_rate_input input = input_of(error, 1, chi2_1);
    input.resamples = resamples;
    input.key.word[1] = (uint32_t)t;
    input.is_sampler = b > 0;
    input.population_error = &b;
    const fsl_rate rate = rate_of(ctx, &input);
    covered += rate.low <= truth && truth <= rate.high;
  }
  return (double)covered / (double)trials;
}

static size_t number(const char *name, size_t otherwise) {
  const char *const text = getenv(name);
  return text == NULL ? otherwise : (size_t)strtoul(text, NULL, 10);
}

/* 1000 power laws: the standard error of the coverage is 0.7 %. */
static void intervals_cover_the_true_rate_as_often_as_they_say(void **state) {
  const double share = coverage(*state, number("FSL_TRIALS", 1000), number("FSL_RESAMPLES", 400), 0, -0.5);
  print_message("coverage of power laws: %.3f\n", share);
  assert_true(share > 0.93 && share < 0.97);
}

static void intervals_above_a_plateau_cover_too(void **state) {
  const double share = coverage(*state, number("FSL_TRIALS", 300), number("FSL_RESAMPLES", 400), 0.01, -0.5);
  print_message("coverage above a plateau: %.3f\n", share);
  assert_true(share > 0.9 && share < 0.985);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_exact_power_law_gives_its_exponent),
      cmocka_unit_test(a_known_plateau_is_fitted_not_subtracted),
      cmocka_unit_test(a_plateau_fit_recovers_many_exponents_and_heights),
      cmocka_unit_test(errors_at_the_plateau_hold_no_rate),
      cmocka_unit_test(a_sampler_without_its_population_value_has_no_rate),
      cmocka_unit_test(the_plateau_is_that_of_the_observations_used),
      cmocka_unit_test(the_window_starts_at_thirty_chi2_and_ends_at_the_largest_n),
      cmocka_unit_test(an_unknown_chi2_asks_only_for_thirty_samples),
      cmocka_unit_test(the_used_observations_share_the_narrowest_window),
      cmocka_unit_test(missing_values_cost_their_replicate_or_their_size),
      cmocka_unit_test(an_error_of_zero_or_four_replicates_or_a_wide_interval_give_no_rate),
      cmocka_unit_test(the_same_key_gives_the_same_interval),
      cmocka_unit_test(shared_picks_give_the_interval_of_picks_of_ones_own),
      cmocka_unit_test(an_interval_of_a_mean_is_the_textbook_one),
      cmocka_unit_test(an_interval_of_a_skewed_mean_is_second_order_correct),
      cmocka_unit_test(intervals_cover_the_true_rate_as_often_as_they_say),
      cmocka_unit_test(intervals_above_a_plateau_cover_too),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
