/* Schedules: full precision at small times, and the differential equations that a, v, beta and g2 must share. */
#include "problem_params.h"

typedef struct schedule {
  const fsl_diffusion_kind *kind;
  fsl_diffusion functions;
} schedule;

static schedule schedule_of(fsl_ctx *ctx, const fsl_diffusion_kind *kind) {
  schedule out = {.kind = kind, .functions = kind->functions};
  out.functions.params = defaults(ctx, &kind->head);
  return out;
}

static void vp_keeps_full_precision_as_t_vanishes(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_diffusion f = schedule_of(&ctx, &fsl_diffusion_vp).functions;
  for (double t = 1; t > 1e-300; t *= 0.37) {
    const long double s = 0.01L, slope = 20.0L - 0.01L;
    const long double exponent = t * (s + slope * t / 2), v = -expm1l(-exponent), a = expl(-exponent / 2);
    assert_true(fabsl(f.v(&f, t) - v) <= 4e-15L * v);
    assert_true(fabsl(f.a(&f, t) - a) <= 4e-15L * a);
  }
  fsl_arena_destroy(ctx.arena);
}

static void vp_loses_in_signal_what_it_gains_in_noise(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_diffusion f = schedule_of(&ctx, &fsl_diffusion_vp).functions;
  for (double t = 0; t <= 1; t += 1.0 / 64) assert_true(fabs(f.a(&f, t) * f.a(&f, t) + f.v(&f, t) - 1) < 1e-15);
  assert_true(f.v(&f, 0) == 0 && f.a(&f, 0) == 1);
  fsl_arena_destroy(ctx.arena);
}

static void ve_grows_geometrically(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_diffusion f = schedule_of(&ctx, &fsl_diffusion_ve).functions;
  for (double t = 0; t <= 1; t += 1.0 / 64) {
    const long double sigma = 0.01L * powl(5000, t);
    assert_true(fabsl(f.v(&f, t) - sigma * sigma) <= 1e-14L * sigma * sigma);
    assert_true(f.a(&f, t) == 1 && f.beta(&f, t) == 0);
  }
  fsl_arena_destroy(ctx.arena);
}

/* da/dt = -beta a/2 and dv/dt = g2 - beta v, by central differences. */
static void a_and_v_solve_the_equations_of_beta_and_g2(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_diffusion_kind *const kinds[] = {&fsl_diffusion_vp, &fsl_diffusion_ve};
  for (size_t k = 0; k < 2; k++) {
    const fsl_diffusion f = schedule_of(&ctx, kinds[k]).functions;
    for (double t = 0.05; t < 1; t += 0.05) {
      const double h = 1e-5, scale = fabs(f.g2(&f, t)) + 1;
      const double da = (f.a(&f, t + h) - f.a(&f, t - h)) / (2 * h), dv = (f.v(&f, t + h) - f.v(&f, t - h)) / (2 * h);
      assert_true(fabs(da + 0.5 * f.beta(&f, t) * f.a(&f, t)) < 1e-7 * scale);
      assert_true(fabs(dv - f.g2(&f, t) + f.beta(&f, t) * f.v(&f, t)) < 1e-7 * scale);
    }
  }
  fsl_arena_destroy(ctx.arena);
}

static void an_end_below_the_start_is_refused_by_name(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  void *const vp = defaults(&ctx, &fsl_diffusion_vp.head), *const ve = defaults(&ctx, &fsl_diffusion_ve.head);
  const char *bad = NULL;
  assert_int_equal(fsl_diffusion_vp.head.check(&ctx, vp, &bad), FSL_OK);
  set_real(&fsl_diffusion_vp.head, vp, "beta_min", 21);
  assert_int_equal(fsl_diffusion_vp.head.check(&ctx, vp, &bad), FSL_EINPUT);
  assert_string_equal(bad, "beta_max");
  set_real(&fsl_diffusion_ve.head, ve, "sigma_max", 0.01);
  assert_int_equal(fsl_diffusion_ve.head.check(&ctx, ve, &bad), FSL_EINPUT);
  assert_string_equal(bad, "sigma_max");
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(vp_keeps_full_precision_as_t_vanishes),
      cmocka_unit_test(vp_loses_in_signal_what_it_gains_in_noise),
      cmocka_unit_test(ve_grows_geometrically),
      cmocka_unit_test(a_and_v_solve_the_equations_of_beta_and_g2),
      cmocka_unit_test(an_end_below_the_start_is_refused_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
