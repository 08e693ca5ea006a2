/* The normals of a run: one Brownian path for a run and its refinement, whatever the number of particles. */
#include "sampling/noise.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const fsl_key key = {{7, 11}};

static fsl_ctx context(void) {
  return (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
}

static fsl_noise_source source_of(fsl_ctx *ctx, size_t refine, size_t n, size_t d) {
  fsl_noise_source out;
  assert_int_equal(fsl_noise_source_create(ctx, key, refine, n, d, &out), FSL_OK);
  return out;
}

static void fine_noises_add_up_to_the_plain_noise(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  enum { N = 5, D = 3, R = 8 };
  const fsl_noise_source plain = source_of(&ctx, 1, N, D), fine = source_of(&ctx, R, N, D);
  for (uint64_t nominal = 0; nominal < 4; nominal++) {
    for (uint64_t part = 0; part < 3; part++) {
      double z[N * D], e[N * D], sum[N * D] = {0};
      fsl_noise_step(&plain, nominal, part, z);
      for (uint64_t r = 0; r < R; r++) {
        fsl_noise_step(&fine, nominal, part * R + r, e);
        for (size_t i = 0; i < N * D; i++) sum[i] += e[i];
      }
      for (size_t i = 0; i < N * D; i++) assert_true(fabs(sum[i] / sqrt(R) - z[i]) < 1e-13);
    }
  }
  fsl_arena_destroy(ctx.arena);
}

/* Mean 0, variance 1 and no correlation between fine steps; 40000 values, 5 standard errors. */
static void fine_noises_are_standard_and_uncorrelated(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  enum { N = 40000, R = 4 };
  const fsl_noise_source fine = source_of(&ctx, R, N, 1);
  static double e[R][N];
  for (uint64_t r = 0; r < R; r++) fsl_noise_step(&fine, 0, r, e[r]);
  for (size_t p = 0; p < R; p++) {
    for (size_t q = 0; q <= p; q++) {
      double mean = 0, product = 0;
      for (size_t i = 0; i < N; i++) {
        mean += e[p][i] / N;
        product += e[p][i] * e[q][i] / N;
      }
      assert_true(fabs(mean) < 5 / sqrt(N));
      assert_true(fabs(product - (p == q)) < 5 * sqrt(2.0 / N));
    }
  }
  fsl_arena_destroy(ctx.arena);
}

static void a_particles_noise_does_not_depend_on_how_many_there_are(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  for (size_t refine = 1; refine <= 8; refine += 7) {
    const fsl_noise_source few = source_of(&ctx, refine, 3, 5), many = source_of(&ctx, refine, 9, 5);
    double a[15], b[45];
    for (uint64_t part = 0; part < refine; part++) {
      fsl_noise_step(&few, 2, part, a);
      fsl_noise_step(&many, 2, part, b);
      assert_memory_equal(a, b, sizeof a);
    }
    fsl_noise_start(&few, a);
    fsl_noise_start(&many, b);
    assert_memory_equal(a, b, sizeof a);
  }
  fsl_arena_destroy(ctx.arena);
}

static void no_two_places_share_a_noise(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_noise_source plain = source_of(&ctx, 1, 2, 3);
  double z[5][6];
  fsl_noise_start(&plain, z[0]);
  fsl_noise_step(&plain, 0, 0, z[1]);
  fsl_noise_step(&plain, 0, 1, z[2]);
  fsl_noise_step(&plain, 1, 0, z[3]);
  fsl_noise_step(&plain, UINT64_C(1) << 20, 65535, z[4]);
  const double *const all = z[0];
  for (size_t i = 0; i < 30; i++)
    for (size_t j = 0; j < i; j++) assert_true(all[i] != all[j]);
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fine_noises_add_up_to_the_plain_noise),
      cmocka_unit_test(fine_noises_are_standard_and_uncorrelated),
      cmocka_unit_test(a_particles_noise_does_not_depend_on_how_many_there_are),
      cmocka_unit_test(no_two_places_share_a_noise),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
