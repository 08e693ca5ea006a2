/* What a run promises whatever the method: paths that do not know how many they are, frozen particles, exact draws,
 * refusals and stops. Three atoms on a line. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "approximation/kinds.h"
#include "posterior/create.h"
#include "sampling/kinds.h"

#include "simulated_team.h"

static const double atoms[3] = {-1.8, 0.2, 2.2}, noise_std[1] = {0.6}, y[1] = {1.0};
static const double times[3] = {0.1, 0.3, 0.05};

static void value(const fsl_forward_model *model, const double *x, double *out) {
  (void)model;
  *out = *x;
}

static void transposed(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)model;
  (void)x;
  *out = *u;
}

static const fsl_forward_model identity = {
    .d = 1, .m = 1, .linear = true, .value = value, .jacobian_t = transposed, .apply = value};

static double vp_log_abar(double t) {
  return -0.01 * t - 9.995 * t * t;
}

static double vp_a(const fsl_diffusion *f, double t) {
  (void)f;
  return exp(vp_log_abar(t) / 2);
}

static double vp_v(const fsl_diffusion *f, double t) {
  (void)f;
  return -expm1(vp_log_abar(t));
}

static double vp_beta(const fsl_diffusion *f, double t) {
  (void)f;
  return 0.01 + 19.99 * t;
}

static const fsl_diffusion vp = {.a = vp_a, .v = vp_v, .beta = vp_beta, .g2 = vp_beta};

typedef struct setting {
  fsl_ctx ctx;
  fsl_prior prior;
  fsl_problem problem;
  fsl_posterior *posterior;
} setting;

static void set_up(setting *s) {
  s->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  s->prior = (fsl_prior){.d = 1};
  assert_int_equal(fsl_mixture_of_atoms(&s->ctx, 3, 1, atoms, NULL, NULL, 3, &s->prior.population), FSL_OK);
  s->problem = (fsl_problem){.prior = &s->prior, .model = &identity, .noise = {1, noise_std}, .y = y};
  assert_int_equal(fsl_posterior_of_population(&s->ctx, &s->problem, NULL, &s->posterior), FSL_OK);
}

static void tear_down(setting *s) {
  fsl_arena_destroy(s->ctx.arena);
}

static fsl_run run_of(const setting *s, const fsl_approximation_kind *kind, size_t particles) {
  static const double zeta[2] = {0.3, 0}; /* the one parameter of the dps kinds; zero elsewhere is a choice */
  static const double first_choice[2] = {0, 0};
  const bool has_zeta = kind == &fsl_approximation_dps || kind == &fsl_approximation_zeta_dps;
  return (fsl_run){.posterior = s->posterior,
                   .approximation = kind,
                   .approximation_params = has_zeta ? zeta : first_choice,
                   .sampler = &fsl_sampler_euler_maruyama,
                   .time_grid = &fsl_time_grid_uniform,
                   .diffusion = &vp,
                   .t_max = 1,
                   .steps = 50,
                   .refine = 1,
                   .particles = particles,
                   .n_times = 3,
                   .times = times,
                   .path_key = {{1, 2}},
                   .draw_key = {{8, 4}}};
}

static fsl_samples samples_of(setting *s, const fsl_run *run) {
  fsl_samples out;
  const fsl_status status = fsl_run_sampler(&s->ctx, run, &out);
  if (status != FSL_OK) fail_msg("%s", s->ctx.error);
  return out;
}

enum { N_KINDS = 10 };
static const fsl_approximation_kind *const kinds[N_KINDS] = {
    &fsl_approximation_fsr,           &fsl_approximation_fsr_direct,
    &fsl_approximation_fsr_ancestral, &fsl_approximation_sigma_dps,
    &fsl_approximation_zeta_dps,      &fsl_approximation_dps,
    &fsl_approximation_pigdm,         &fsl_approximation_dmps,
    &fsl_approximation_tmpd,          &fsl_approximation_moment_matched,
};

static const fsl_sampler_kind *const samplers[] = {&fsl_sampler_euler_maruyama, &fsl_sampler_exponential,
                                                   &fsl_sampler_ode_heun};

/* ---- independence ------------------------------------------------------------------------------------------------ */

static void a_particles_path_does_not_depend_on_how_many_there_are(void **unused) {
  (void)unused;
  setting s;
  set_up(&s);
  for (size_t k = 0; k < N_KINDS; k++)
    for (size_t i = 0; i < 3; i++)
      for (size_t refine = 1; refine <= 4; refine += 3) {
        fsl_run few = run_of(&s, kinds[k], 3), many = run_of(&s, kinds[k], 37);
        if (kinds[k]->forbids_ode && samplers[i]->is_ode) continue;
        few.sampler = many.sampler = samplers[i];
        few.refine = many.refine = refine;
        few.start = many.start = i == 1 ? FSL_START_EXACT : FSL_START_NORMAL;
        const fsl_samples a = samples_of(&s, &few), b = samples_of(&s, &many);
        for (size_t t = 0; t < 3; t++) assert_memory_equal(a.x + t * 3, b.x + t * 37, 3 * sizeof(double));
      }
  tear_down(&s);
}

static void samples_come_in_the_order_of_the_times_given(void **unused) {
  (void)unused;
  setting s;
  set_up(&s);
  const double other[3] = {0.05, 0.1, 0.3};
  const size_t place[3] = {1, 2, 0};
  for (size_t k = 0; k < N_KINDS; k++) {
    fsl_run first = run_of(&s, kinds[k], 9), second = first;
    second.times = other;
    const fsl_samples a = samples_of(&s, &first), b = samples_of(&s, &second);
    for (size_t t = 0; t < 3; t++) assert_memory_equal(a.x + t * 9, b.x + place[t] * 9, 9 * sizeof(double));
  }
  tear_down(&s);
}

static void methods_share_their_starts_and_noises(void **unused) {
  (void)unused;
  setting s;
  set_up(&s);
  /* At t = .9 hardly any guidance has acted: paired paths are still together, unpaired ones are of order 1 apart. */
  const double early = 0.9;
  fsl_run one = run_of(&s, &fsl_approximation_fsr, 20), other = run_of(&s, &fsl_approximation_tmpd, 20);
  one.n_times = other.n_times = 1;
  one.times = other.times = &early;
  const fsl_samples a = samples_of(&s, &one), b = samples_of(&s, &other);
  for (size_t i = 0; i < 20; i++) assert_true(fabs(a.x[i] - b.x[i]) < 1e-2);
  tear_down(&s);
}

static void a_refined_run_stays_on_the_plain_runs_path(void **unused) {
  (void)unused;
  setting s;
  set_up(&s);
  fsl_run plain = run_of(&s, &fsl_approximation_fsr, 400), fine = plain;
  plain.steps = fine.steps = 400;
  fine.refine = 8;
  const fsl_samples a = samples_of(&s, &plain), b = samples_of(&s, &fine);
  assert_int_equal(b.steps_taken, 8 * a.steps_taken);
  double apart = 0, spread = 0;
  for (size_t i = 0; i < 400; i++) {
    apart += pow(a.x[400 + i] - b.x[400 + i], 2) / 400; /* t = .3 */
    spread += pow(a.x[400 + i] - b.x[400 + (i + 1) % 400], 2) / 400;
  }
  assert_true(apart < 0.01 * spread);
  tear_down(&s);
}

/* ---- freezing ---------------------------------------------------------------------------------------------------- */

/* Breaks the states above 1 once t is below .5, by what `params` holds. */
static fsl_status breaking(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  (void)ctx;
  for (size_t i = 0; i < states->n; i++) g[i] = states->t < 0.5 && states->x[i] > 1 ? *(const double *)params : 0;
  return FSL_OK;
}

static void a_particle_that_leaves_the_numbers_is_frozen_alone(void **unused) {
  (void)unused;
  const double bad[3] = {NAN, INFINITY, 1e308};
  const fsl_approximation_kind kind = {.head = {.name = "breaking"}, .score = breaking};
  enum { N = 60 };
  setting s;
  set_up(&s);
  for (size_t i = 0; i < 3; i++)
    for (size_t b = 0; b < 3; b++) {
      const double none = 0;
      fsl_run harmed = run_of(&s, &kind, N), whole = harmed;
      harmed.sampler = whole.sampler = samplers[i];
      harmed.approximation_params = &bad[b];
      whole.approximation_params = &none;
      const fsl_samples x = samples_of(&s, &harmed), clean = samples_of(&s, &whole);
      const size_t descending[3] = {1, 0, 2};
      size_t before = 0;
      for (size_t k = 0; k < 3; k++) {
        const double *const now = x.x + descending[k] * N, *const unharmed = clean.x + descending[k] * N;
        size_t frozen = 0;
        for (size_t p = 0; p < N; p++) {
          if (isnan(now[p])) frozen++;
          assert_true(isnan(now[p]) || isfinite(now[p]));
          if (isfinite(now[p])) assert_true(now[p] == unharmed[p]);
          if (k > 0 && isnan(x.x[descending[k - 1] * N + p])) assert_true(isnan(now[p]));
        }
        assert_int_equal(frozen, x.nonfinite[descending[k]]);
        assert_true(frozen >= before && clean.nonfinite[descending[k]] == 0);
        before = frozen;
      }
      assert_true(before > 0 && before < N);
    }
  tear_down(&s);
}

/* ---- exact draws ------------------------------------------------------------------------------------------------- */

enum { DRAWS = 40000 };

/* W_i prop. to p(y | x_i) for equal prior weights. */
static void posterior_weights(double w[3]) {
  double sum = 0;
  for (size_t i = 0; i < 3; i++) sum += w[i] = exp(-pow((y[0] - atoms[i]) / noise_std[0], 2) / 2);
  for (size_t i = 0; i < 3; i++) w[i] /= sum;
}

static double exact_cdf(double t, double x) {
  double w[3], sum = 0;
  posterior_weights(w);
  for (size_t i = 0; i < 3; i++) sum += w[i] * erfc((vp_a(NULL, t) * atoms[i] - x) / sqrt(2 * vp_v(NULL, t))) / 2;
  return sum;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, z = *(const double *)b;
  return (x > z) - (x < z);
}

/* Kolmogorov-Smirnov: sqrt(n) D exceeds 2.2 with probability 1e-4. */
static double ks(double t, const double *samples) {
  static double sorted[DRAWS];
  double worst = 0;
  memcpy(sorted, samples, sizeof sorted);
  qsort(sorted, DRAWS, sizeof *sorted, ascending);
  for (size_t i = 0; i < DRAWS; i++) {
    const double f = exact_cdf(t, sorted[i]);
    worst = fmax(worst, fmax(f - (double)i / DRAWS, (double)(i + 1) / DRAWS - f));
  }
  return worst * sqrt(DRAWS);
}

/* Standard score of the mean of (x_t - E)(x_s - E) against `expected`. */
static double product_z(const double *x, const double *z, double mean_x, double mean_z, double expected) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < DRAWS; i++) {
    const double p = (x[i] - mean_x) * (z[i] - mean_z);
    sum += p / DRAWS;
    squares += p * p / DRAWS;
  }
  return (sum - expected) / sqrt((squares - sum * sum) / DRAWS);
}

static void check_draws(const fsl_approximation_kind *kind, bool chained) {
  enum { N_CHAIN = 5 }; /* at the early times the choice of x_0 is wide open */
  const double chain[N_CHAIN] = {0.5, 0.9, 0.3, 0.1, 0.7};
  setting s;
  set_up(&s);
  fsl_run run = run_of(&s, kind, DRAWS);
  run.n_times = N_CHAIN;
  run.times = chain;
  const fsl_samples samples = samples_of(&s, &run);
  double w[3], mean = 0, variance = 0;
  posterior_weights(w);
  for (size_t i = 0; i < 3; i++) mean += w[i] * atoms[i];
  for (size_t i = 0; i < 3; i++) variance += w[i] * pow(atoms[i] - mean, 2);
  assert_int_equal(samples.steps_taken, N_CHAIN);
  for (size_t k = 0; k < N_CHAIN; k++) assert_true(ks(chain[k], samples.x + k * DRAWS) < 2.2);
  for (size_t k = 0; k < N_CHAIN; k++) /* Cov(x_t, x_s) = a_t a_s Cov x0 + (a_t/a_s) v_s in a chain, 0 between draws */
    for (size_t l = 0; l < N_CHAIN; l++) {
      const double t = chain[k], u = chain[l], a_t = vp_a(NULL, t), a_s = vp_a(NULL, u);
      if (t <= u) continue;
      const double covariance = chained ? a_t * a_s * variance + a_t / a_s * vp_v(NULL, u) : 0;
      const double z = product_z(samples.x + k * DRAWS, samples.x + l * DRAWS, a_t * mean, a_s * mean, covariance);
      if (!(fabs(z) < 4.5)) fail_msg("covariance of t = %g and %g is %g standard errors off", t, u, z);
    }
  tear_down(&s);
}

static void direct_draws_are_exact_and_independent_at_each_time(void **unused) {
  (void)unused;
  check_draws(&fsl_approximation_fsr_direct, false);
}

static void the_ancestral_chain_is_exact_in_law_and_in_its_covariances(void **unused) {
  (void)unused;
  check_draws(&fsl_approximation_fsr_ancestral, true);
}

/* ---- what a run keeps -------------------------------------------------------------------------------------------- */

static size_t applied; /* products with the matrix */

static void counted(const fsl_forward_model *model, const double *v, double *out) {
  (void)model;
  applied++;
  *out = *v;
}

/* M M^T depends on neither states nor times: one product for each dimension, however many steps. */
static void a_run_finds_its_matrix_once(void **unused) {
  (void)unused;
  const fsl_forward_model counting = {
      .d = 1, .m = 1, .linear = true, .value = value, .jacobian_t = transposed, .apply = counted};
  static const fsl_approximation_kind *const solving[] = {&fsl_approximation_pigdm, &fsl_approximation_dmps};
  setting s;
  set_up(&s);
  s.problem.model = &counting;
  for (size_t k = 0; k < 2; k++) {
    const fsl_run run = run_of(&s, solving[k], 4);
    applied = 0;
    samples_of(&s, &run);
    assert_int_equal(applied, 1);
  }
  tear_down(&s);
}

/* ---- refusals and stops ------------------------------------------------------------------------------------------ */

static void a_published_step_is_refused_for_an_ode(void **unused) {
  (void)unused;
  setting s;
  set_up(&s);
  fsl_samples out;
  fsl_run run = run_of(&s, &fsl_approximation_dps, 4);
  run.sampler = &fsl_sampler_ode_heun;
  assert_int_equal(fsl_run_sampler(&s.ctx, &run, &out), FSL_EINPUT);
  assert_non_null(strstr(s.ctx.error, "ode-heun"));
  tear_down(&s);
}

static void a_run_stops_when_asked(void **unused) {
  (void)unused;
  static volatile sig_atomic_t stop = 1;
  setting s;
  set_up(&s);
  fsl_samples out;
  s.ctx.stop = &stop;
  for (size_t k = 0; k < N_KINDS; k++) {
    const fsl_run run = run_of(&s, kinds[k], 4);
    assert_int_equal(fsl_run_sampler(&s.ctx, &run, &out), FSL_ESTOP);
  }
  tear_down(&s);
}

/* Rank 1 alone is asked to stop; a population needs no exchange on the way. */
static void run_rank(fsl_ctx *ctx, void *data) {
  static const volatile sig_atomic_t stop = 1;
  fsl_status *const status = data;
  setting s;
  fsl_samples out;
  set_up(&s);
  s.ctx.team = ctx->team;
  s.ctx.stop = ctx->team->rank == 1 ? &stop : NULL;
  const fsl_run run = run_of(&s, &fsl_approximation_fsr, 4);
  status[ctx->team->rank] = fsl_team_agree(&s.ctx, fsl_run_sampler(&s.ctx, &run, &out));
  tear_down(&s);
}

static void one_ranks_stop_stops_its_whole_group(void **unused) {
  (void)unused;
  fsl_status status[2];
  simulate(2, run_rank, status);
  assert_int_equal(status[0], FSL_ESTOP);
  assert_int_equal(status[1], FSL_ESTOP);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Twice the steps take no more memory but the steps' own table. */
static void memory_does_not_grow_with_the_steps(void **unused) {
  (void)unused;
  size_t peak[2];
  for (size_t i = 0; i < 2; i++) {
    setting s;
    set_up(&s);
    fsl_run run = run_of(&s, &fsl_approximation_tmpd, 500);
    run.steps = i == 0 ? 50 : 100;
    samples_of(&s, &run);
    peak[i] = fsl_arena_peak(s.ctx.arena);
    tear_down(&s);
  }
  assert_true(peak[1] - peak[0] < 50 * 8 * sizeof(double) + 1024);
}

/* What the cost model is told a run takes, its posterior's work space apart, is no less than what it takes. */
static void the_stated_bytes_hold_a_run(void **unused) {
  (void)unused;
  enum { N = 5000 };
  for (size_t k = 0; k < N_KINDS; k++)
    for (size_t i = 0; i < 3; i++) {
      setting s;
      if (kinds[k]->forbids_ode && samplers[i]->is_ode) continue;
      set_up(&s);
      fsl_run run = run_of(&s, kinds[k], N);
      run.sampler = samplers[i];
      run.refine = 2;
      run.steps = 10;
      const size_t before = fsl_arena_bytes(s.ctx.arena);
      samples_of(&s, &run);
      const size_t taken = fsl_arena_peak(s.ctx.arena) - before;
      assert_true(taken <= fsl_run_bytes(N, 1, 1, 3) + fsl_posterior_bytes(3, 1, NULL, 1, 1, N));
      tear_down(&s);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_particles_path_does_not_depend_on_how_many_there_are),
      cmocka_unit_test(samples_come_in_the_order_of_the_times_given),
      cmocka_unit_test(methods_share_their_starts_and_noises),
      cmocka_unit_test(a_refined_run_stays_on_the_plain_runs_path),
      cmocka_unit_test(a_particle_that_leaves_the_numbers_is_frozen_alone),
      cmocka_unit_test(direct_draws_are_exact_and_independent_at_each_time),
      cmocka_unit_test(the_ancestral_chain_is_exact_in_law_and_in_its_covariances),
      cmocka_unit_test(a_run_finds_its_matrix_once),
      cmocka_unit_test(a_published_step_is_refused_for_an_ode),
      cmocka_unit_test(a_run_stops_when_asked),
      cmocka_unit_test(one_ranks_stop_stops_its_whole_group),
      cmocka_unit_test(memory_does_not_grow_with_the_steps),
      cmocka_unit_test(the_stated_bytes_hold_a_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
