/* Mixtures: moments, weights, conditioning where covariances are singular or shared, and draws. */
#include "base/linalg.h"
#include "problem_params.h"

/* A rotation, and eigenvalues with a 0 among them: a flat component in space. */
static const double rotation[9] = {0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1};
static const double flat_values[3] = {2, 0, 0.5}, round_values[3] = {0.3, 0.3, 0.3};
static const fsl_covariance two_shapes[2] = {{.values = flat_values, .vectors = rotation},
                                             {.values = round_values, .isotropic = true}};
static const double means[9] = {1, -1, 0.3, -2, 0, 1, 0.5, 0.5, -2};
static const uint32_t shape_of[3] = {0, 1, 0};

/* Three components, two of them of one covariance. */
static fsl_mixture mixture_of(fsl_ctx *ctx) {
  double *const weight = fsl_arena_get(ctx->arena, 3, sizeof *weight);
  assert_non_null(weight);
  weight[0] = log(0.2);
  weight[1] = log(0.5);
  weight[2] = log(0.3);
  return (fsl_mixture){.d = 3,
                       .n = 3,
                       .log_weight = weight,
                       .mean = means,
                       .n_covariances = 2,
                       .covariance = two_shapes,
                       .covariance_of = shape_of,
                       .n_modes = 3};
}

static long double entry_of(const fsl_covariance *s, size_t i, size_t j) {
  long double sum = 0;
  for (size_t k = 0; k < 3; k++)
    sum += s->vectors == NULL ? (long double)(i == k && j == k) * s->values[k]
                              : (long double)s->vectors[i * 3 + k] * s->values[k] * s->vectors[j * 3 + k];
  return sum;
}

/* ---- moments and weights ------------------------------------------------------------------------------------ */

static void moments_are_those_of_the_law_of_total_variance(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_mixture mixture = mixture_of(&ctx);
  const long double weight[3] = {0.2L, 0.5L, 0.3L};
  double mean[3], covariance[9];
  assert_int_equal(fsl_mixture_moments(&ctx, &mixture, mean, covariance), FSL_OK);
  for (size_t i = 0; i < 3; i++) {
    for (size_t j = 0; j < 3; j++) {
      long double mi = 0, mj = 0, second = 0;
      for (size_t k = 0; k < 3; k++) {
        mi += weight[k] * means[k * 3 + i];
        mj += weight[k] * means[k * 3 + j];
        second +=
            weight[k] * (entry_of(&two_shapes[shape_of[k]], i, j) + (long double)means[k * 3 + i] * means[k * 3 + j]);
      }
      assert_true(fabsl(mean[i] - mi) < 1e-15L);
      assert_true(fabsl(covariance[i * 3 + j] - (second - mi * mj)) < 1e-14L);
    }
  }
  assert_int_equal(fsl_mixture_moments(&ctx, &mixture, NULL, covariance), FSL_OK);
  assert_int_equal(fsl_mixture_moments(&ctx, &mixture, mean, NULL), FSL_OK);
  fsl_arena_destroy(ctx.arena);
}

static void mode_weights_pool_what_shares_a_mode(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const uint32_t mode_of[3] = {1, 0, 1};
  fsl_mixture mixture = mixture_of(&ctx);
  double weight[3];
  fsl_mixture_mode_weights(&mixture, weight);
  assert_true(fabs(weight[0] - 0.2) + fabs(weight[1] - 0.5) + fabs(weight[2] - 0.3) < 1e-15);
  assert_int_equal(fsl_mixture_mode(&mixture, 2), 2);
  mixture.mode_of = mode_of;
  mixture.n_modes = 2;
  fsl_mixture_mode_weights(&mixture, weight);
  assert_true(fabs(weight[0] - 0.5) + fabs(weight[1] - 0.5) < 1e-15);
  assert_int_equal(fsl_mixture_mode(&mixture, 2), 1);
  fsl_arena_destroy(ctx.arena);
}

static void atoms_are_normalised_and_kept_by_reference(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double log_weight[3] = {log(2), -INFINITY, log(6)};
  fsl_mixture atoms;
  assert_int_equal(fsl_mixture_of_atoms(&ctx, 3, 3, means, log_weight, NULL, 3, &atoms), FSL_OK);
  assert_true(atoms.mean == means && fsl_mixture_is_atomic(&atoms));
  assert_true(fabs(exp(atoms.log_weight[0]) - 0.25) < 1e-15 && atoms.log_weight[1] == -INFINITY);
  assert_int_equal(fsl_mixture_of_atoms(&ctx, 3, 3, means, NULL, NULL, 3, &atoms), FSL_OK);
  assert_true(fabs(exp(atoms.log_weight[2]) - 1.0 / 3) < 1e-15);
  const fsl_mixture other = mixture_of(&ctx);
  assert_false(fsl_mixture_is_atomic(&other));
  fsl_arena_destroy(ctx.arena);
}

/* Factors whose exponentials underflow or overflow still give the right weights. */
static void reweighting_is_exact_for_extreme_factors(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_mixture mixture = mixture_of(&ctx);
  const double shifts[2] = {-40000, 40000};
  for (size_t s = 0; s < 2; s++) {
    const double factor[3] = {shifts[s], shifts[s] + log(2), -INFINITY};
    fsl_mixture out;
    double total;
    assert_int_equal(fsl_mixture_reweight(&ctx, &mixture, factor, &out, &total), FSL_OK);
    assert_true(fabs(exp(out.log_weight[0]) - 1.0 / 6) < 1e-10 && out.log_weight[2] == -INFINITY);
    assert_true(fabs(total - (shifts[s] + log(1.2))) < 1e-10);
  }
  const double none[3] = {-INFINITY, -INFINITY, -INFINITY};
  fsl_mixture out;
  double total;
  assert_int_equal(fsl_mixture_reweight(&ctx, &mixture, none, &out, &total), FSL_ENUMERIC);
  fsl_arena_destroy(ctx.arena);
}

/* ---- conditioning ------------------------------------------------------------------------------------------------ */

/* The Kalman update of one component in long double, two measurements of three components. */
typedef struct kalman {
  long double mean[3], covariance[9], log_density;
} kalman;

static kalman update(const fsl_covariance *s, const double *mean, const double *matrix, const double *bias,
                     const double *std, const double *y) {
  long double cross[6] = {0}, p[4], r[2], gain[6];
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 3; j++)
      for (size_t k = 0; k < 3; k++) cross[i * 3 + j] += matrix[i * 3 + k] * entry_of(s, k, j);
  for (size_t i = 0; i < 2; i++) {
    r[i] = (long double)y[i] - bias[i];
    for (size_t k = 0; k < 3; k++) r[i] -= (long double)matrix[i * 3 + k] * mean[k];
    for (size_t j = 0; j < 2; j++) {
      p[i * 2 + j] = i == j ? (long double)std[i] * std[i] : 0;
      for (size_t k = 0; k < 3; k++) p[i * 2 + j] += cross[i * 3 + k] * matrix[j * 3 + k];
    }
  }
  const long double det = p[0] * p[3] - p[1] * p[2];
  const long double inverse[4] = {p[3] / det, -p[1] / det, -p[2] / det, p[0] / det};
  kalman out = {.log_density = -0.5L * logl(det) - logl(2 * acosl(-1))};
  for (size_t i = 0; i < 2; i++)
    for (size_t k = 0; k < 2; k++) out.log_density -= 0.5L * r[i] * inverse[i * 2 + k] * r[k];
  for (size_t j = 0; j < 3; j++) {
    for (size_t i = 0; i < 2; i++) gain[j * 2 + i] = cross[j] * inverse[i] + cross[3 + j] * inverse[2 + i];
    out.mean[j] = mean[j] + gain[j * 2] * r[0] + gain[j * 2 + 1] * r[1];
  }
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++)
      out.covariance[i * 3 + j] = entry_of(s, i, j) - gain[i * 2] * cross[j] - gain[i * 2 + 1] * cross[3 + j];
  return out;
}

static const double matrix23[6] = {1, 2, 0.5, -1, 0.25, 3}, bias2[2] = {0.1, -0.2}, y2[2] = {0.4, 1.2};

static void check_update(const fsl_mixture *post, size_t k, const kalman *expected) {
  const fsl_covariance *const s = &post->covariance[shape_of[k]];
  for (size_t i = 0; i < 3; i++) {
    assert_true(fabsl(post->mean[k * 3 + i] - expected->mean[i]) < 1e-12L);
    assert_true(s->values[i] >= 0);
    for (size_t j = 0; j < 3; j++) assert_true(fabsl(entry_of(s, i, j) - expected->covariance[i * 3 + j]) < 1e-14L);
  }
}

/* From a dull to a sharp measurement, with a singular and an isotropic covariance. */
static void conditioning_equals_the_kalman_update_without_inverting(void **unused) {
  (void)unused;
  const double sharpness[3][2] = {{0.3, 0.7}, {1e-3, 0.7}, {1e-4, 1e-4}};
  for (size_t c = 0; c < 3; c++) {
    fsl_ctx ctx = context();
    const fsl_mixture prior = mixture_of(&ctx);
    fsl_mixture post;
    double log_evidence;
    long double evidence = 0, density[3];
    assert_int_equal(fsl_mixture_condition(&ctx, &prior, 2, matrix23, bias2, sharpness[c], y2, &post, &log_evidence),
                     FSL_OK);
    for (size_t k = 0; k < 3; k++) {
      const kalman expected = update(&two_shapes[shape_of[k]], means + k * 3, matrix23, bias2, sharpness[c], y2);
      check_update(&post, k, &expected);
      density[k] = expl(expected.log_density + (long double)prior.log_weight[k]);
      evidence += density[k];
    }
    assert_true(fabsl(log_evidence - logl(evidence)) < 1e-10L * (1 + fabsl(logl(evidence))));
    for (size_t k = 0; k < 3; k++) assert_true(fabsl(exp(post.log_weight[k]) - density[k] / evidence) < 1e-10L);
    assert_int_equal(post.n_covariances, 2);
    fsl_arena_destroy(ctx.arena);
  }
}

/* The directions that are not measured keep their variance to the last digits, however sharp the measurement. */
static void unmeasured_directions_keep_their_variance(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double values[2] = {4, 9}, zero = 0, mean[2] = {0, 0}, matrix[2] = {1, 0}, std = 1e-7, y = 1;
  const fsl_covariance s = {.values = values};
  const fsl_mixture prior = {
      .d = 2, .n = 1, .log_weight = &zero, .mean = mean, .n_covariances = 1, .covariance = &s, .n_modes = 1};
  fsl_mixture post;
  double log_evidence, covariance[4];
  assert_int_equal(fsl_mixture_condition(&ctx, &prior, 1, matrix, NULL, &std, &y, &post, &log_evidence), FSL_OK);
  assert_int_equal(fsl_mixture_moments(&ctx, &post, NULL, covariance), FSL_OK);
  assert_true(fabs(covariance[3] - 9) < 1e-13);
  assert_true(fabs(covariance[0] - 1e-14) < 1e-26);
  fsl_arena_destroy(ctx.arena);
}

static void atoms_stay_where_they_are_and_only_weights_change(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double std[2] = {0.5, 2};
  const fsl_noise noise = {.m = 2, .std = std};
  fsl_mixture atoms, post, again;
  double log_evidence, log_total, factor[3];
  assert_int_equal(fsl_mixture_of_atoms(&ctx, 3, 3, means, NULL, NULL, 3, &atoms), FSL_OK);
  assert_int_equal(fsl_mixture_condition(&ctx, &atoms, 2, matrix23, bias2, std, y2, &post, &log_evidence), FSL_OK);
  for (size_t k = 0; k < 3; k++) {
    double z[2];
    fsl_matvec(2, 3, matrix23, means + k * 3, z);
    for (size_t i = 0; i < 2; i++) z[i] += bias2[i];
    factor[k] = fsl_noise_log_density(&noise, y2, z);
  }
  assert_int_equal(fsl_mixture_reweight(&ctx, &atoms, factor, &again, &log_total), FSL_OK);
  assert_true(fsl_mixture_is_atomic(&post) && fabs(log_evidence - log_total) < 1e-13);
  assert_memory_equal(post.mean, means, sizeof means);
  for (size_t k = 0; k < 3; k++) assert_true(fabs(post.log_weight[k] - again.log_weight[k]) < 1e-13);
  fsl_arena_destroy(ctx.arena);
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

static void draws_have_the_moments_of_the_noised_mixture(void **unused) {
  (void)unused;
  enum { N = 200000 };
  fsl_ctx ctx = context();
  const fsl_mixture mixture = mixture_of(&ctx);
  const double a = 0.7, v = 0.25;
  double mean0[3], covariance0[9], mean[3] = {0}, covariance[9] = {0};
  double *const x = fsl_arena_get(ctx.arena, N * 3, sizeof *x);
  uint32_t *const component = fsl_arena_get(ctx.arena, N, sizeof *component);
  size_t count[3] = {0};
  assert_true(x != NULL && component != NULL);
  assert_int_equal(fsl_mixture_moments(&ctx, &mixture, mean0, covariance0), FSL_OK);
  assert_int_equal(fsl_mixture_draw(&ctx, &mixture, a, v, (fsl_key){{9, 4}}, 0, N, x, component), FSL_OK);
  for (size_t i = 0; i < N; i++) {
    count[component[i]]++;
    fsl_axpy(3, 1.0 / N, x + 3 * i, mean);
  }
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < 9; j++)
      covariance[j] += (x[3 * i + j / 3] - mean[j / 3]) * (x[3 * i + j % 3] - mean[j % 3]) / N;
  for (size_t j = 0; j < 9; j++) {
    const double expected = a * a * covariance0[j] + (j % 4 == 0 ? v : 0);
    const double scale = a * a * (covariance0[j / 3 * 4] + covariance0[j % 3 * 4]) / 2 + v;
    assert_true(fabs(covariance[j] - expected) < 5 * scale * sqrt(2.0 / N));
  }
  for (size_t j = 0; j < 3; j++) {
    const double weight = exp(mixture.log_weight[j]), share = (double)count[j] / N;
    assert_true(fabs(mean[j] - a * mean0[j]) < 5 * sqrt(covariance[j * 4] / N));
    assert_true(fabs(share - weight) < 5 * sqrt(weight * (1 - weight) / N));
  }
  fsl_arena_destroy(ctx.arena);
}

/* In an eigenvector of eigenvalue 0 a draw of the mixture itself lies on its component's plane. */
static void draws_of_a_singular_covariance_stay_on_its_plane(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_mixture mixture = mixture_of(&ctx);
  double x[300];
  uint32_t k[100];
  assert_int_equal(fsl_mixture_draw(&ctx, &mixture, 1, 0, (fsl_key){{1, 1}}, 0, 100, x, k), FSL_OK);
  for (size_t i = 0; i < 100; i++) {
    const double across = -0.8 * (x[3 * i] - means[k[i] * 3]) + 0.6 * (x[3 * i + 1] - means[k[i] * 3 + 1]);
    if (shape_of[k[i]] == 0) assert_true(fabs(across) < 1e-14);
  }
  fsl_arena_destroy(ctx.arena);
}

static void draws_do_not_depend_on_how_their_range_is_cut(void **unused) {
  (void)unused;
  enum { N = 700 };
  fsl_ctx ctx = context();
  const fsl_mixture mixture = mixture_of(&ctx);
  const size_t cuts[] = {0, 1, 2, 257, 300, 555, N};
  double whole[N * 3], part[N * 3];
  uint32_t whole_of[N], part_of[N];
  assert_int_equal(fsl_mixture_draw(&ctx, &mixture, 0.9, 0.1, (fsl_key){{5, 6}}, 1000, N, whole, whole_of), FSL_OK);
  for (size_t c = 0; c + 1 < sizeof cuts / sizeof *cuts; c++)
    assert_int_equal(fsl_mixture_draw(&ctx, &mixture, 0.9, 0.1, (fsl_key){{5, 6}}, 1000 + cuts[c],
                                      cuts[c + 1] - cuts[c], part + 3 * cuts[c], part_of + cuts[c]),
                     FSL_OK);
  assert_memory_equal(whole, part, sizeof whole);
  assert_memory_equal(whole_of, part_of, sizeof whole_of);
  fsl_arena_destroy(ctx.arena);
}

/* Noise and component of a draw come from counters of their own: other weights move no normal. */
static void the_normals_of_a_draw_do_not_depend_on_the_mixture(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double first[3] = {0, -INFINITY, -INFINITY}, last[3] = {-INFINITY, -INFINITY, 0};
  fsl_mixture one, other;
  double x[60], y[60];
  assert_int_equal(fsl_mixture_of_atoms(&ctx, 3, 3, means, first, NULL, 3, &one), FSL_OK);
  assert_int_equal(fsl_mixture_of_atoms(&ctx, 3, 3, means, last, NULL, 3, &other), FSL_OK);
  assert_int_equal(fsl_mixture_draw(&ctx, &one, 1, 1, (fsl_key){{5, 6}}, 0, 20, x, NULL), FSL_OK);
  assert_int_equal(fsl_mixture_draw(&ctx, &other, 1, 1, (fsl_key){{5, 6}}, 0, 20, y, NULL), FSL_OK);
  for (size_t i = 0; i < 60; i++) assert_true(fabs((x[i] - means[i % 3]) - (y[i] - means[6 + i % 3])) < 1e-14);
  fsl_arena_destroy(ctx.arena);
}

static void a_component_of_no_weight_is_never_drawn(void **unused) {
  (void)unused;
  enum { N = 20000 };
  fsl_ctx ctx = context();
  const double points[5] = {0, 1, 2, 3, 4}, log_weight[5] = {-INFINITY, log(1), -INFINITY, log(3), -INFINITY};
  fsl_mixture atoms;
  double x[256];
  uint32_t k[256];
  size_t low = 0;
  assert_int_equal(fsl_mixture_of_atoms(&ctx, 5, 1, points, log_weight, NULL, 5, &atoms), FSL_OK);
  for (size_t first = 0; first < N; first += 256) {
    assert_int_equal(fsl_mixture_draw(&ctx, &atoms, 1, 0, (fsl_key){{3, 4}}, first, 256, x, k), FSL_OK);
    for (size_t i = 0; i < 256; i++) {
      assert_true((k[i] == 1 || k[i] == 3) && x[i] == points[k[i]]);
      low += k[i] == 1;
    }
  }
  assert_true(fabs((double)low / (79 * 256) - 0.25) < 5 * sqrt(0.1875 / N));
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(moments_are_those_of_the_law_of_total_variance),
      cmocka_unit_test(mode_weights_pool_what_shares_a_mode),
      cmocka_unit_test(atoms_are_normalised_and_kept_by_reference),
      cmocka_unit_test(reweighting_is_exact_for_extreme_factors),
      cmocka_unit_test(conditioning_equals_the_kalman_update_without_inverting),
      cmocka_unit_test(unmeasured_directions_keep_their_variance),
      cmocka_unit_test(atoms_stay_where_they_are_and_only_weights_change),
      cmocka_unit_test(draws_have_the_moments_of_the_noised_mixture),
      cmocka_unit_test(draws_of_a_singular_covariance_stay_on_its_plane),
      cmocka_unit_test(draws_do_not_depend_on_how_their_range_is_cut),
      cmocka_unit_test(the_normals_of_a_draw_do_not_depend_on_the_mixture),
      cmocka_unit_test(a_component_of_no_weight_is_never_drawn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
