/* Under a Gaussian prior and a linear model every score is known by hand. Whole runs are held, particle by particle and
 * with their own noise, against the samplers' formulas in long double; and the law of those formulas, propagated as a
 * mean and a covariance without Monte Carlo, must tend to p(x_t | y) at the sampler's order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "approximation/kinds.h"
#include "posterior/create.h"
#include "problem/kinds.h"
#include "sampling/kinds.h"
#include "sampling/noise.h"

enum { D = 2, PARTICLES = 5, TIMES = 3 };
typedef long double real;

/* ---- the problem: x0 ~ N(mu, S), y = A x0 + b + noise ------------------------------------------------------------ */

static const double mu[D] = {0.4, -0.3}, eigenvalue[D] = {0.25, 1.5}, eigenvector[D * D] = {0.8, -0.6, 0.6, 0.8};
static const double row[D] = {0.8, -0.5}, offset[1] = {0.1}, noise_std[1] = {0.4}, y[1] = {1.3};
static const double times[TIMES] = {0.31, 0.05, 0.1};

static void value(const fsl_forward_model *model, const double *x, double *out) {
  (void)model;
  *out = row[0] * x[0] + row[1] * x[1] + *offset;
}

static void apply(const fsl_forward_model *model, const double *x, double *out) {
  (void)model;
  *out = row[0] * x[0] + row[1] * x[1];
}

static void transposed(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)model;
  (void)x;
  out[0] = row[0] * *u;
  out[1] = row[1] * *u;
}

static const fsl_forward_model model = {
    .d = D, .m = 1, .linear = true, .value = value, .jacobian_t = transposed, .apply = apply, .bias = offset};

/* ---- the oracle's algebra ---------------------------------------------------------------------------------------- */

typedef struct mat {
  real e[D][D];
} mat;

static mat inverse(mat a) {
  const real det = a.e[0][0] * a.e[1][1] - a.e[0][1] * a.e[1][0];
  return (mat){{{a.e[1][1] / det, -a.e[0][1] / det}, {-a.e[1][0] / det, a.e[0][0] / det}}};
}

static mat plus_diagonal(mat a, real s) {
  a.e[0][0] += s;
  a.e[1][1] += s;
  return a;
}

static mat times_mat(mat a, mat b) {
  mat c = {{{0}}};
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j < D; j++) c.e[i][j] = a.e[i][0] * b.e[0][j] + a.e[i][1] * b.e[1][j];
  return c;
}

static mat transpose(mat a) {
  return (mat){{{a.e[0][0], a.e[1][0]}, {a.e[0][1], a.e[1][1]}}};
}

static void times_vec(mat a, const real *x, real *out) {
  const real x0 = x[0], x1 = x[1];
  for (size_t i = 0; i < D; i++) out[i] = a.e[i][0] * x0 + a.e[i][1] * x1;
}

static mat prior_precision(void) {
  mat p = {{{0}}};
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j < D; j++)
      for (size_t k = 0; k < D; k++)
        p.e[i][j] += (real)eigenvector[i * D + k] * (real)eigenvector[j * D + k] / (real)eigenvalue[k];
  return p;
}

/* ---- schedules in long double ------------------------------------------------------------------------------------ */

typedef struct coefficients {
  real a, v, beta, g2;
} coefficients;

typedef coefficients schedule(real t);

static const real b0 = 0.1L, b1 = 18, sigma_min = 0.05L, sigma_max = 8;

static coefficients vp(real t) {
  const real log_abar = -b0 * t - (b1 - b0) * t * t / 2, beta = b0 + (b1 - b0) * t;
  return (coefficients){expl(log_abar / 2), -expm1l(log_abar), beta, beta};
}

static coefficients ve(real t) {
  const real ratio = logl(sigma_max / sigma_min), v = sigma_min * sigma_min * expl(2 * t * ratio);
  return (coefficients){1, v, 0, 2 * ratio * v};
}

/* ---- the methods ------------------------------------------------------------------------------------------------- */

typedef enum method_id { FSR, SIGMA, ZETA, PIGDM, DMPS, TMPD, MATCHED, DPS, N_METHODS } method_id;

typedef struct method {
  const fsl_approximation_kind *kind;
  const char *param;
  double value;
} method;

static const method methods[N_METHODS] = {
    [FSR] = {&fsl_approximation_fsr, NULL, 0},
    [SIGMA] = {&fsl_approximation_sigma_dps, NULL, 0},
    [ZETA] = {&fsl_approximation_zeta_dps, "zeta", 0.5},
    [PIGDM] = {&fsl_approximation_pigdm, "r2", 1.7},
    [DMPS] = {&fsl_approximation_dmps, NULL, 0},
    [TMPD] = {&fsl_approximation_tmpd, NULL, 0},
    [MATCHED] = {&fsl_approximation_moment_matched, NULL, 0},
    [DPS] = {&fsl_approximation_dps, "zeta", 0.3},
};

typedef struct evaluation {
  real mean[D], g[D]; /* g: of dps the shift of a whole nominal step */
} evaluation;

static evaluation evaluate(method_id id, coefficients c, const real *x) {
  const mat p = prior_precision(), cov = inverse(plus_diagonal(p, c.a * c.a / c.v));
  const real precision = 1 / ((real)*noise_std * (real)*noise_std), variance = 1 / precision;
  const real h[D] = {(real)row[0], (real)row[1]}, centre[D] = {(real)mu[0], (real)mu[1]};
  real pull[D], ch[D];
  evaluation out;
  times_vec(p, centre, pull);
  for (size_t i = 0; i < D; i++) pull[i] += c.a / c.v * x[i];
  times_vec(cov, pull, out.mean);
  times_vec(cov, h, ch);
  const real r = (real)*y - (real)*offset - h[0] * out.mean[0] - h[1] * out.mean[1], hh = h[0] * h[0] + h[1] * h[1];
  if (id == FSR) {
    mat q = plus_diagonal(p, c.a * c.a / c.v);
    for (size_t i = 0; i < D; i++) {
      for (size_t j = 0; j < D; j++) q.e[i][j] += h[i] * h[j] * precision;
      pull[i] += h[i] * precision * ((real)*y - (real)*offset);
    }
    times_vec(inverse(q), pull, out.g);
    for (size_t i = 0; i < D; i++) out.g[i] = c.a / c.v * (out.g[i] - out.mean[i]);
    return out;
  }
  if (id == DMPS) {
    const real rx = (real)*y - (real)*offset - (h[0] * x[0] + h[1] * x[1]) / c.a;
    for (size_t i = 0; i < D; i++) out.g[i] = h[i] * rx / (variance + c.v / (c.a * c.a) * hh) / c.a;
    return out;
  }
  const real tau2 = (real)methods[PIGDM].value;
  const real factor[N_METHODS] = {
      [SIGMA] = r * precision,
      [ZETA] = r * precision * 2 * (real)methods[ZETA].value / fabsl(r),
      [PIGDM] = r / (variance + c.v * tau2 / (c.v + c.a * c.a * tau2) * hh),
      [TMPD] = r / (variance + h[0] * ch[0] + h[1] * ch[1]),
      [MATCHED] = r / (variance + h[0] * ch[0] + h[1] * ch[1]),
      [DPS] = (real)methods[DPS].value * (r > 0 ? 1 : -1),
  };
  for (size_t i = 0; i < D; i++) out.g[i] = c.a / c.v * ch[i] * factor[id];
  return out;
}

/* ---- the samplers ------------------------------------------------------------------------------------------------ */

typedef void sampler_step(method_id id, schedule *f, real t, real s, const real *z, real *x);

static void total_score(method_id id, coefficients c, const real *x, real *score) {
  const evaluation e = evaluate(id, c, x);
  for (size_t i = 0; i < D; i++) score[i] = (c.a * e.mean[i] - x[i]) / c.v + (id == DPS ? 0 : e.g[i]);
}

static void euler(method_id id, schedule *f, real t, real s, const real *z, real *x) {
  const coefficients c = f(t);
  const real dt = t - s;
  real score[D];
  total_score(id, c, x, score);
  for (size_t i = 0; i < D; i++) x[i] += dt * (c.beta / 2 * x[i] + c.g2 * score[i]) + sqrtl(c.g2 * dt) * z[i];
}

static void exponential(method_id id, schedule *f, real t, real s, const real *z, real *x) {
  const coefficients c = f(t), to = f(s);
  const evaluation e = evaluate(id, c, x);
  const real a_ts = c.a / to.a, v_ts = c.v - a_ts * a_ts * to.v;
  for (size_t i = 0; i < D; i++) {
    const real post = e.mean[i] + (id == DPS ? 0 : c.v / c.a * e.g[i]);
    x[i] = (a_ts * to.v * x[i] + to.a * v_ts * post) / c.v + sqrtl(to.v * v_ts / c.v) * z[i];
  }
}

static void heun(method_id id, schedule *f, real t, real s, const real *z, real *x) {
  const coefficients c = f(t), to = f(s);
  const real dt = t - s;
  real first[D], second[D], ahead[D];
  (void)z;
  total_score(id, c, x, first);
  for (size_t i = 0; i < D; i++) ahead[i] = x[i] + dt * (c.beta / 2 * x[i] + c.g2 / 2 * first[i]);
  total_score(id, to, ahead, second);
  for (size_t i = 0; i < D; i++)
    x[i] += dt / 2 * (c.beta / 2 * x[i] + c.g2 / 2 * first[i] + to.beta / 2 * ahead[i] + to.g2 / 2 * second[i]);
}

typedef struct sampler {
  const fsl_sampler_kind *kind;
  sampler_step *step;
  int order;
} sampler;

static const sampler samplers[] = {{&fsl_sampler_euler_maruyama, euler, 1},
                                   {&fsl_sampler_exponential, exponential, 1},
                                   {&fsl_sampler_ode_heun, heun, 2}};
enum { N_SAMPLERS = 3 };

/* ---- fslens set up ----------------------------------------------------------------------------------------------- */

typedef struct setting {
  fsl_ctx ctx;
  fsl_covariance covariance;
  fsl_prior prior;
  fsl_problem problem;
  fsl_posterior *posterior;
  fsl_diffusion vp, ve;
} setting;

static unsigned char *fresh_params(fsl_ctx *ctx, const fsl_kind *kind) {
  unsigned char *const params = fsl_arena_get(ctx->arena, 1, kind->params_size + 1);
  assert_non_null(params);
  return params;
}

static void set_real(const fsl_kind *kind, unsigned char *params, const char *name, double number) {
  const fsl_param *const p = fsl_kind_param(kind, name);
  assert_non_null(p);
  const fsl_choice_or_real either = {-1, number};
  if (p->type == FSL_CHOICE_OR_REAL)
    memcpy(params + p->offset, &either, sizeof either);
  else
    memcpy(params + p->offset, &number, sizeof number);
}

static fsl_diffusion diffusion_of(fsl_ctx *ctx, const fsl_diffusion_kind *kind, const char *low, double at_0,
                                  const char *high, double at_1) {
  unsigned char *const params = fresh_params(ctx, &kind->head);
  set_real(&kind->head, params, low, at_0);
  set_real(&kind->head, params, high, at_1);
  fsl_diffusion out = kind->functions;
  out.params = params;
  return out;
}

static void set_up(setting *s) {
  static const double certain = 0;
  s->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  s->covariance = (fsl_covariance){.values = eigenvalue, .vectors = eigenvector};
  s->prior = (fsl_prior){.d = D,
                         .population = {.d = D,
                                        .n = 1,
                                        .log_weight = &certain,
                                        .mean = mu,
                                        .n_covariances = 1,
                                        .covariance = &s->covariance,
                                        .n_modes = 1}};
  s->problem = (fsl_problem){.prior = &s->prior, .model = &model, .noise = {1, noise_std}, .y = y};
  assert_int_equal(fsl_posterior_of_population(&s->ctx, &s->problem, NULL, &s->posterior), FSL_OK);
  s->vp = diffusion_of(&s->ctx, &fsl_diffusion_vp, "beta_min", (double)b0, "beta_max", (double)b1);
  s->ve = diffusion_of(&s->ctx, &fsl_diffusion_ve, "sigma_min", (double)sigma_min, "sigma_max", (double)sigma_max);
}

static fsl_run run_of(setting *s, const fsl_diffusion *diffusion, method_id id, const fsl_sampler_kind *kind,
                      size_t refine) {
  unsigned char *const params = fresh_params(&s->ctx, &methods[id].kind->head);
  if (methods[id].param != NULL) set_real(&methods[id].kind->head, params, methods[id].param, methods[id].value);
  return (fsl_run){.posterior = s->posterior,
                   .approximation = methods[id].kind,
                   .approximation_params = params,
                   .sampler = kind,
                   .time_grid = &fsl_time_grid_uniform,
                   .diffusion = diffusion,
                   .t_max = 1,
                   .steps = 30,
                   .refine = refine,
                   .particles = PARTICLES,
                   .n_times = TIMES,
                   .times = times,
                   .path_key = {{3, 5}},
                   .draw_key = {{4, 9}}};
}

/* ---- runs against the oracle, path by path ----------------------------------------------------------------------- */

static void compare(const fsl_run *run, const double *found, int64_t index, const real x[PARTICLES][D]) {
  for (size_t i = 0; i < PARTICLES; i++)
    for (size_t j = 0; j < D; j++) {
      const real here = (real)found[((size_t)index * PARTICLES + i) * D + j];
      if (!(fabsl(here - x[i][j]) <= 1e-10L * (1 + fabsl(x[i][j]))))
        fail_msg("%s by %s, refine %zu, t = %g: %.17Lg instead of %.17Lg", run->approximation->head.name,
                 run->sampler->head.name, run->refine, run->times[index], here, x[i][j]);
    }
}

static void check_paths(setting *s, const fsl_diffusion *diffusion, schedule *f, method_id id, const sampler *by,
                        size_t refine) {
  const fsl_run run = run_of(s, diffusion, id, by->kind, refine);
  fsl_samples samples;
  fsl_steps steps;
  fsl_noise_source source;
  double z[PARTICLES * D] = {0};
  real x[PARTICLES][D];
  assert_int_equal(fsl_run_sampler(&s->ctx, &run, &samples), FSL_OK);
  assert_int_equal(fsl_steps_create(&s->ctx, run.time_grid, diffusion, 1, 30, refine, TIMES, times, &steps), FSL_OK);
  assert_int_equal(fsl_noise_source_create(&s->ctx, run.path_key, refine, PARTICLES, D, &source), FSL_OK);
  assert_int_equal(samples.steps_taken, steps.n);
  fsl_noise_start(&source, z);
  for (size_t i = 0; i < PARTICLES * D; i++) x[i / D][i % D] = sqrtl(f(1).v) * (real)z[i];
  for (size_t k = 0; k < steps.n; k++) {
    if (!by->kind->is_ode) fsl_noise_step(&source, steps.nominal[k], steps.part[k], z);
    for (size_t i = 0; i < PARTICLES; i++) {
      const real noise[D] = {(real)z[i * D], (real)z[i * D + 1]};
      const evaluation before = evaluate(id, f((real)steps.node[k]), x[i]);
      by->step(id, f, (real)steps.node[k], (real)steps.node[k + 1], noise, x[i]);
      for (size_t j = 0; id == DPS && j < D; j++) x[i][j] += (real)steps.share[k] * before.g[j];
    }
    if (steps.record[k] >= 0) compare(&run, samples.x, steps.record[k], (const real(*)[D])x);
  }
  for (size_t k = 0; k < TIMES; k++) assert_int_equal(samples.nonfinite[k], 0);
}

static void check_sampler(const sampler *by) {
  setting s;
  set_up(&s);
  for (method_id id = 0; id < N_METHODS; id++) {
    if (methods[id].kind->forbids_ode && by->kind->is_ode) continue;
    for (size_t refine = 1; refine <= 8; refine += 7) {
      check_paths(&s, &s.vp, vp, id, by, refine);
      check_paths(&s, &s.ve, ve, id, by, refine);
    }
  }
  fsl_arena_destroy(s.ctx.arena);
}

static void euler_maruyama_runs_follow_their_formula(void **unused) {
  (void)unused;
  check_sampler(&samplers[0]);
}

static void exponential_runs_follow_their_formula(void **unused) {
  (void)unused;
  check_sampler(&samplers[1]);
}

static void ode_heun_runs_follow_their_formula(void **unused) {
  (void)unused;
  check_sampler(&samplers[2]);
}

/* ---- the law of the formulas ------------------------------------------------------------------------------------- */

typedef struct law {
  real mean[D];
  mat covariance;
} law;

/* p(x_t | y) = N(a E[x0 | y], a^2 Cov[x0 | y] + v I) */
static law exact_law(coefficients c) {
  mat p = prior_precision();
  const real precision = 1 / ((real)*noise_std * (real)*noise_std);
  const real centre[D] = {(real)mu[0], (real)mu[1]};
  real pull[D];
  law out;
  times_vec(p, centre, pull);
  for (size_t i = 0; i < D; i++) {
    for (size_t j = 0; j < D; j++) p.e[i][j] += (real)row[i] * (real)row[j] * precision;
    pull[i] += (real)row[i] * precision * ((real)*y - (real)*offset);
  }
  const mat cov = inverse(p);
  times_vec(cov, pull, out.mean);
  for (size_t i = 0; i < D; i++) {
    out.mean[i] *= c.a;
    for (size_t j = 0; j < D; j++) out.covariance.e[i][j] = c.a * c.a * cov.e[i][j] + (i == j ? c.v : 0);
  }
  return out;
}

/* One step is x -> F x + c + q z: F, c and q by probing. */
static void propagate(const sampler *by, schedule *f, real t, real s, law *at) {
  const real none[D] = {0, 0}, unit[D] = {1, 0};
  real c[D] = {0, 0}, noisy[D] = {0, 0};
  mat map;
  by->step(FSR, f, t, s, none, c);
  by->step(FSR, f, t, s, unit, noisy);
  const real q = by->kind->is_ode ? 0 : noisy[0] - c[0];
  for (size_t j = 0; j < D; j++) {
    real x[D] = {0, 0};
    x[j] = 1;
    by->step(FSR, f, t, s, none, x);
    for (size_t i = 0; i < D; i++) map.e[i][j] = x[i] - c[i];
  }
  times_vec(map, at->mean, at->mean);
  for (size_t i = 0; i < D; i++) at->mean[i] += c[i];
  at->covariance = plus_diagonal(times_mat(times_mat(map, at->covariance), transpose(map)), q * q);
}

static real law_error(const sampler *by, schedule *f, size_t n) {
  law at = exact_law(f(1));
  for (size_t k = 0; k < n; k++) {
    const real t = 1 - 0.95L * (real)k / (real)n, s = 1 - 0.95L * (real)(k + 1) / (real)n;
    propagate(by, f, t, s, &at);
  }
  const law want = exact_law(f(0.05L));
  real error = hypotl(at.mean[0] - want.mean[0], at.mean[1] - want.mean[1]);
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j < D; j++) error = hypotl(error, at.covariance.e[i][j] - want.covariance.e[i][j]);
  return error;
}

static void laws_converge_at_the_samplers_order(void **unused) {
  (void)unused;
  schedule *const schedules[] = {vp, ve};
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; i < N_SAMPLERS; i++) {
      const real coarse = law_error(&samplers[i], schedules[k], 2000),
                 fine = law_error(&samplers[i], schedules[k], 4000);
      const real order = log2l(coarse / fine);
      if (!(fabsl(order - samplers[i].order) < 0.1L && fine < 0.01L))
        fail_msg("%s: order %Lg, error %Lg", samplers[i].kind->head.name, order, fine);
    }
}

/* ---- an exact start ---------------------------------------------------------------------------------------------- */

/* 20000 particles, five standard errors: the exact start has the law p(x_1 | y) and is not the normal start. */
static void an_exact_start_is_a_draw_of_the_posterior(void **unused) {
  (void)unused;
  setting s;
  set_up(&s);
  const double close = 0.999999;
  enum { N = 20000 };
  fsl_run run = run_of(&s, &s.vp, FSR, &fsl_sampler_exponential, 1);
  run.start = FSL_START_EXACT;
  run.particles = N;
  run.steps = 1;
  run.n_times = 1;
  run.times = &close;
  run.diffusion = &s.ve; /* where p(x_1 | y) is far from N(0, v I) in its mean's units */
  fsl_samples samples;
  assert_int_equal(fsl_run_sampler(&s.ctx, &run, &samples), FSL_OK);
  const law want = exact_law(ve((real)close));
  for (size_t j = 0; j < D; j++) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < N; i++) {
      const double e = samples.x[i * D + j] - (double)want.mean[j];
      sum += e / N;
      squares += e * e / N;
    }
    const double variance = (double)want.covariance.e[j][j];
    assert_true(fabs(sum) < 5 * sqrt(variance / N));
    assert_true(fabs(squares / variance - 1) < 5 * sqrt(2.0 / N));
  }
  fsl_arena_destroy(s.ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(euler_maruyama_runs_follow_their_formula),
      cmocka_unit_test(exponential_runs_follow_their_formula),
      cmocka_unit_test(ode_heun_runs_follow_their_formula),
      cmocka_unit_test(laws_converge_at_the_samplers_order),
      cmocka_unit_test(an_exact_start_is_a_draw_of_the_posterior),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
