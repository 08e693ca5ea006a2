/* Random numbers: Philox against published answers, independence of how a range is cut, and moments. */
#include "fslens/base.h"

#include <Random123/philox.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define close_to(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

/* What a pair of words stands for: the middle of one of 2^53 cells, written out in long double. */
static double cell_middle(uint32_t low, uint32_t high) {
  const uint64_t top = ((uint64_t)high << 32 | low) >> 11;
  return (double)(((long double)top + 0.5L) / 9007199254740992.0L);
}

/* kat_vectors of Random123 1.14: philox4x32 10 rounds, counter and key of zeros. Element 0 of stream 0 is block 0. */
static void philox_gives_the_published_answer_for_zeros(void **state) {
  (void)state;
  double u[2];
  fsl_uniforms((fsl_key){{0, 0}}, 0, 0, 2, u);
  assert_true(u[0] == cell_middle(0x6627e8d5u, 0xe169c58du));
  assert_true(u[1] == cell_middle(0xbc57ac4cu, 0x9b00dbd8u));
}

static void philox_gives_the_published_answer_for_ones(void **state) {
  (void)state;
  const uint32_t most = 0xffffffffu;
  const philox4x32_ctr_t counter = {{most, most, most, most}};
  const philox4x32_key_t key = {{most, most}};
  const philox4x32_ctr_t r = philox4x32(counter, key);
  const uint32_t published[4] = {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu};
  assert_memory_equal(r.v, published, sizeof published);
}

/* The third published vector, digits of pi: stream and index land in the counter's words as they should. */
static void philox_gives_the_published_answer_for_pi(void **state) {
  (void)state;
  double u[1];
  const uint64_t number = 0x85a308d3243f6a88u, stream = 0x0370734413198a2eu;
  const philox4x32_ctr_t counter = {{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}};
  const philox4x32_key_t k = {{0xa4093822u, 0x299f31d0u}};
  const philox4x32_ctr_t r = philox4x32(counter, k);
  const uint32_t published[4] = {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u};
  assert_memory_equal(r.v, published, sizeof published);
  /* elements are numbered by 64 bits, two a block, so this block's own elements lie past the end of the numbering */
  fsl_uniforms((fsl_key){{0xa4093822u, 0x299f31d0u}}, stream, (number & 0x7fffffffffffffffu) * 2, 1, u);
  const philox4x32_ctr_t reachable = {{0x243f6a88u, 0x05a308d3u, 0x13198a2eu, 0x03707344u}};
  const philox4x32_ctr_t s = philox4x32(reachable, k);
  assert_true(u[0] == cell_middle(s.v[0], s.v[1]));
}

typedef void (*generator)(fsl_key, uint64_t, uint64_t, size_t, double *);

static void check_cuts(generator draw) {
  enum { N = 300 };
  const fsl_key key = {{17, 4}};
  double whole[N], piece[N];
  const uint64_t starts[] = {0, 1, 127, 128, 0x1ffffffffu};
  for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
    draw(key, 5, starts[s], N, whole);
    for (size_t length = 1; length <= N; length += length < 8 ? 1 : 61) {
      for (size_t at = 0; at < N; at += length)
        draw(key, 5, starts[s] + at, length < N - at ? length : N - at, piece + at);
      assert_memory_equal(whole, piece, sizeof whole);
    }
  }
}

static void a_range_has_the_same_values_however_it_is_cut(void **state) {
  (void)state;
  check_cuts(fsl_uniforms);
  check_cuts(fsl_normals);
}

static void streams_and_keys_are_unlike_each_other(void **state) {
  enum { N = 1 << 15 };
  (void)state;
  double *const a = malloc(sizeof *a * N), *const b = malloc(sizeof *b * N);
  const fsl_key keys[] = {{{1, 0}}, {{1, 0}}, {{1, 0}}, {{0, 1}}};
  const uint64_t streams[] = {0, 1, (uint64_t)1 << 32, 0};
  fsl_normals(keys[0], streams[0], 0, N, a);
  for (size_t other = 1; other < 4; other++) {
    double product = 0;
    fsl_normals(keys[other], streams[other], 0, N, b);
    for (size_t i = 0; i < N; i++) product += a[i] * b[i] / N;
    assert_true(a[0] != b[0]);
    close_to(product, 0, 4 / sqrt(N)); /* four standard errors */
  }
  free(a);
  free(b);
}

static void normals_have_the_moments_of_a_standard_normal(void **state) {
  enum { N = 1 << 20 };
  (void)state;
  double *const z = malloc(sizeof *z * N);
  double moment[7] = {0}, lag = 0;
  fsl_normals((fsl_key){{99, 1}}, 3, 0, N, z);
  for (size_t i = 0; i < N; i++) {
    for (int k = 1; k <= 6; k++) moment[k] += pow(z[i], k) / N;
    if (i > 0) lag += z[i] * z[i - 1] / N;
  }
  /* E z^2k = (2k - 1)!!; the variance of the k-th moment is (E z^2k - (E z^k)^2)/N. Four standard errors. */
  const double expected[7] = {1, 0, 1, 0, 3, 0, 15}, variance[7] = {0, 1, 2, 15, 96, 945, 10170};
  for (int k = 1; k <= 6; k++) close_to(moment[k], expected[k], 4 * sqrt(variance[k] / N));
  close_to(lag, 0, 4 / sqrt(N)); /* the two of a Box-Muller pair are independent */
  free(z);
}

static void normals_follow_the_normal_distribution(void **state) {
  enum { N = 1 << 18 };
  (void)state;
  double *const z = malloc(sizeof *z * N);
  const double at[] = {-4, -3, -2, -1, 0, 0.5, 1.5, 2.5, 3.5};
  fsl_normals((fsl_key){{5, 6}}, 0, 0, N, z);
  for (size_t j = 0; j < sizeof at / sizeof *at; j++) {
    double below = 0;
    for (size_t i = 0; i < N; i++) below += z[i] < at[j] ? 1.0 / N : 0;
    const double p = 0.5 * erfc(-at[j] / sqrt(2));
    close_to(below, p, 4 * sqrt(p * (1 - p) / N));
  }
  free(z);
}

static void uniforms_fill_the_open_interval_evenly(void **state) {
  enum { N = 1 << 18, BINS = 64 };
  (void)state;
  double *const u = malloc(sizeof *u * N);
  size_t count[BINS] = {0};
  double chi2 = 0;
  fsl_uniforms((fsl_key){{5, 6}}, 1, 0, N, u);
  for (size_t i = 0; i < N; i++) {
    assert_true(u[i] > 0 && u[i] < 1);
    count[(size_t)(u[i] * BINS)]++;
  }
  for (size_t i = 0; i < BINS; i++) chi2 += pow((double)count[i] - (double)N / BINS, 2) / ((double)N / BINS);
  close_to(chi2, BINS - 1, 4 * sqrt(2.0 * (BINS - 1)));
  free(u);
}

static void a_key_depends_on_every_bit_of_the_hash(void **state) {
  (void)state;
  const fsl_hash base = {0x0123456789abcdefu, 0xfedcba9876543210u};
  const fsl_key whole = fsl_key_of(base);
  for (int bit = 0; bit < 128; bit++) {
    fsl_hash changed = base;
    if (bit < 64) changed.low ^= (uint64_t)1 << bit;
    if (bit >= 64) changed.high ^= (uint64_t)1 << (bit - 64);
    const fsl_key key = fsl_key_of(changed);
    assert_memory_not_equal(&key, &whole, sizeof key);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_gives_the_published_answer_for_zeros),
      cmocka_unit_test(philox_gives_the_published_answer_for_ones),
      cmocka_unit_test(philox_gives_the_published_answer_for_pi),
      cmocka_unit_test(a_range_has_the_same_values_however_it_is_cut),
      cmocka_unit_test(streams_and_keys_are_unlike_each_other),
      cmocka_unit_test(normals_have_the_moments_of_a_standard_normal),
      cmocka_unit_test(normals_follow_the_normal_distribution),
      cmocka_unit_test(uniforms_fill_the_open_interval_evenly),
      cmocka_unit_test(a_key_depends_on_every_bit_of_the_hash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
