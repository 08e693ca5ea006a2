/* Every method against the formulas of its paper in long double, by direct sums over the atoms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "approximation/kinds.h"
#include "posterior/create.h"

enum { D = 2, M = 3, N = 12, STATES = 6 };
typedef long double real;

/* ---- the problem: 12 atoms, one of them twice, unequal weights, three measurements of unequal noise -------------- */

static const double atoms[N * D] = {-1.2, 0.3, 0.8,  1.1, 0.1, -0.7, 1.5, -0.4, -0.6, -1.3, 0.4, 0.9,
                                    0.8,  1.1, -0.9, 0.8, 2.0, 0.2,  0.0, 0.1,  -1.7, 1.4,  1.1, -1.2};
static const double log_weight[N] = {0, -0.3, 0.2, -1, 0.4, 0, -0.3, 0.1, -2, 0.5, 0, -0.7};
static const double matrix[M * D] = {1.3, -0.2, -2.1, 0.9, 0.4, -1.1};
static const double bias[M] = {0.1, -0.2, 0.05};
static const double noise_std[M] = {0.3, 0.05, 1.5};
static const double y[M] = {0.7, -1.1, 0.4};
static const double states[STATES * D] = {0.3, -0.2, 1.4, 0.6, -0.8, 0.1, 0.0, 0.0, 2.5, -1.5, -0.4, 0.9};
static const double times[] = {0.02, 0.1, 0.3, 0.7, 0.99};

static void linear_value(const fsl_forward_model *model, const double *x, double *out) {
  (void)model;
  for (size_t k = 0; k < M; k++) out[k] = matrix[k * D] * x[0] + matrix[k * D + 1] * x[1] + bias[k];
}

static void linear_apply(const fsl_forward_model *model, const double *x, double *out) {
  (void)model;
  for (size_t k = 0; k < M; k++) out[k] = matrix[k * D] * x[0] + matrix[k * D + 1] * x[1];
}

static void linear_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)model;
  (void)x;
  for (size_t j = 0; j < D; j++) out[j] = matrix[j] * u[0] + matrix[D + j] * u[1] + matrix[2 * D + j] * u[2];
}

/* A(x) = (x0^2, sin x1, x0 x1) */
static void curved_value(const fsl_forward_model *model, const double *x, double *out) {
  (void)model;
  out[0] = x[0] * x[0];
  out[1] = sin(x[1]);
  out[2] = x[0] * x[1];
}

static void curved_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)model;
  out[0] = 2 * x[0] * u[0] + x[1] * u[2];
  out[1] = cos(x[1]) * u[1] + x[0] * u[2];
}

static const fsl_forward_model linear = {
    .d = D, .m = M, .linear = true, .value = linear_value, .jacobian_t = linear_t, .apply = linear_apply, .bias = bias};
static const fsl_forward_model curved = {.d = D, .m = M, .value = curved_value, .jacobian_t = curved_t};

typedef struct setting {
  fsl_ctx ctx;
  fsl_prior prior;
  fsl_problem problem;
  fsl_posterior *posterior;
} setting;

static void set_up(setting *s, const fsl_forward_model *model, size_t n, const double *points, const double *weight,
                   const double *measured) {
  s->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  s->prior = (fsl_prior){.d = D};
  assert_int_equal(fsl_mixture_of_atoms(&s->ctx, n, D, points, weight, NULL, n, &s->prior.population), FSL_OK);
  s->problem = (fsl_problem){.prior = &s->prior, .model = model, .noise = {M, noise_std}, .y = measured};
  assert_int_equal(fsl_posterior_of_population(&s->ctx, &s->problem, NULL, &s->posterior), FSL_OK);
}

static void tear_down(setting *s) {
  fsl_arena_destroy(s->ctx.arena);
}

/* ---- the oracle -------------------------------------------------------------------------------------------------- */

typedef struct oracle {
  real a, v, x[D], m[D], post[D], c[D][D], r[M], expected[M], spread[M][M], cross[D][M], h[M][D];
} oracle;

static void weights(const oracle *o, bool posterior, const fsl_forward_model *model, real w[N]) {
  real most = -INFINITY, sum = 0;
  for (size_t i = 0; i < N; i++) {
    const real dx = o->x[0] - o->a * (real)atoms[i * D], dy = o->x[1] - o->a * (real)atoms[i * D + 1];
    double z[M];
    model->value(model, atoms + i * D, z);
    w[i] = (real)log_weight[i] - (dx * dx + dy * dy) / (2 * o->v);
    for (size_t k = 0; posterior && k < M; k++) {
      const real e = ((real)y[k] - (real)z[k]) / (real)noise_std[k];
      w[i] -= e * e / 2;
    }
    most = fmaxl(most, w[i]);
  }
  for (size_t i = 0; i < N; i++) sum += w[i] = expl(w[i] - most);
  for (size_t i = 0; i < N; i++) w[i] /= sum;
}

static void moments(oracle *o, const fsl_forward_model *model) {
  real w[N], p[N];
  double z[N][M];
  weights(o, false, model, w);
  weights(o, true, model, p);
  for (size_t i = 0; i < N; i++) {
    model->value(model, atoms + i * D, z[i]);
    for (size_t j = 0; j < D; j++)
      o->m[j] += w[i] * (real)atoms[i * D + j], o->post[j] += p[i] * (real)atoms[i * D + j];
    for (size_t k = 0; k < M; k++) o->expected[k] += w[i] * (real)z[i][k];
  }
  for (size_t i = 0; i < N; i++) {
    for (size_t j = 0; j < D; j++) {
      const real e = w[i] * ((real)atoms[i * D + j] - o->m[j]);
      for (size_t l = 0; l < D; l++) o->c[j][l] += e * ((real)atoms[i * D + l] - o->m[l]);
      for (size_t k = 0; k < M; k++) o->cross[j][k] += e * ((real)z[i][k] - o->expected[k]);
    }
    for (size_t k = 0; k < M; k++)
      for (size_t l = 0; l < M; l++)
        o->spread[k][l] += w[i] * ((real)z[i][k] - o->expected[k]) * ((real)z[i][l] - o->expected[l]);
  }
}

/* A(m) and H at m, in long double. */
static void linearise(oracle *o, const fsl_forward_model *model) {
  const real m0 = o->m[0], m1 = o->m[1];
  if (model->linear) {
    for (size_t k = 0; k < M; k++) {
      for (size_t j = 0; j < D; j++) o->h[k][j] = (real)matrix[k * D + j];
      o->r[k] = (real)y[k] - o->h[k][0] * m0 - o->h[k][1] * m1 - (real)bias[k];
    }
    return;
  }
  const real value[M] = {m0 * m0, sinl(m1), m0 * m1}, h[M][D] = {{2 * m0, 0}, {0, cosl(m1)}, {m1, m0}};
  memcpy(o->h, h, sizeof h);
  for (size_t k = 0; k < M; k++) o->r[k] = (real)y[k] - value[k];
}

static oracle oracle_at(const fsl_forward_model *model, double a, double v, const double *x) {
  oracle o = {.a = (real)a, .v = (real)v, .x = {(real)x[0], (real)x[1]}};
  moments(&o, model);
  linearise(&o, model);
  return o;
}

/* u = S^-1 r by elimination (S is positive definite). */
static void solve(real s[M][M], const real r[M], real u[M]) {
  memcpy(u, r, M * sizeof *u);
  for (size_t k = 0; k < M; k++)
    for (size_t i = 0; i < M; i++) {
      const real f = s[i][k] / s[k][k];
      if (i == k) continue;
      for (size_t l = 0; l < M; l++) s[i][l] -= f * s[k][l];
      u[i] -= f * u[k];
    }
  for (size_t k = 0; k < M; k++) u[k] /= s[k][k];
}

/* S = diag(noise^2) + scale H H^T */
static void gram(const oracle *o, real scale, real s[M][M]) {
  for (size_t k = 0; k < M; k++)
    for (size_t l = 0; l < M; l++) {
      s[k][l] = k == l ? (real)noise_std[k] * (real)noise_std[k] : 0;
      for (size_t j = 0; j < D; j++) s[k][l] += scale * o->h[k][j] * o->h[l][j];
    }
}

static void hch(const oracle *o, real q[M][M]) {
  memset(q, 0, sizeof(real[M][M]));
  for (size_t k = 0; k < M; k++)
    for (size_t l = 0; l < M; l++)
      for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < D; j++) q[k][l] += o->h[k][i] * o->c[i][j] * o->h[l][j];
}

/* (a/v) C H^T u */
static void push(const oracle *o, const real u[M], real g[D]) {
  for (size_t j = 0; j < D; j++) {
    g[j] = 0;
    for (size_t l = 0; l < D; l++)
      for (size_t k = 0; k < M; k++) g[j] += o->a / o->v * o->c[j][l] * o->h[k][l] * u[k];
  }
}

/* ---- the methods ------------------------------------------------------------------------------------------------- */

typedef void expected_score(const oracle *o, double parameter, real g[D]);

static void fsr(const oracle *o, double unused, real g[D]) {
  (void)unused;
  for (size_t j = 0; j < D; j++) g[j] = o->a / o->v * (o->post[j] - o->m[j]);
}

static void by_gram(const oracle *o, real scale, real factor, real g[D]) {
  real s[M][M], u[M];
  gram(o, scale, s);
  solve(s, o->r, u);
  for (size_t k = 0; k < M; k++) u[k] *= factor;
  push(o, u, g);
}

static void sigma_dps(const oracle *o, double unused, real g[D]) {
  (void)unused;
  by_gram(o, 0, 1, g);
}

static real norm(const oracle *o) {
  return sqrtl(o->r[0] * o->r[0] + o->r[1] * o->r[1] + o->r[2] * o->r[2]);
}

static void zeta_dps(const oracle *o, double zeta, real g[D]) {
  by_gram(o, 0, 2 * (real)zeta / norm(o), g);
}

static void pigdm_flat(const oracle *o, double unused, real g[D]) {
  (void)unused;
  by_gram(o, o->v / (o->a * o->a), 1, g);
}

static void pigdm_tau2(const oracle *o, double tau2, real g[D]) {
  by_gram(o, o->v * (real)tau2 / (o->v + o->a * o->a * (real)tau2), 1, g);
}

static void dmps(const oracle *o, double unused, real g[D]) {
  real s[M][M], u[M], r[M];
  (void)unused;
  gram(o, o->v / (o->a * o->a), s);
  for (size_t k = 0; k < M; k++)
    r[k] = (real)y[k] - (real)bias[k] - (o->h[k][0] * o->x[0] + o->h[k][1] * o->x[1]) / o->a;
  solve(s, r, u);
  for (size_t j = 0; j < D; j++) g[j] = (o->h[0][j] * u[0] + o->h[1][j] * u[1] + o->h[2][j] * u[2]) / o->a;
}

static void tmpd(const oracle *o, double covariance, real g[D]) {
  real q[M][M], s[M][M], u[M];
  hch(o, q);
  gram(o, 0, s);
  for (size_t k = 0; k < M; k++) {
    if (covariance == 0)
      for (size_t l = 0; l < M; l++) s[k][l] += q[k][l];
    else if (covariance == 1)
      s[k][k] += q[k][k];
    else
      s[k][k] += fmaxl(0, q[k][0] + q[k][1] + q[k][2]);
  }
  solve(s, o->r, u);
  push(o, u, g);
}

static void moment_matched(const oracle *o, double unused, real g[D]) {
  real s[M][M], u[M], r[M];
  (void)unused;
  gram(o, 0, s);
  for (size_t k = 0; k < M; k++) {
    r[k] = (real)y[k] - o->expected[k];
    for (size_t l = 0; l < M; l++) s[k][l] += o->spread[k][l];
  }
  solve(s, r, u);
  for (size_t j = 0; j < D; j++) {
    g[j] = 0;
    for (size_t k = 0; k < M; k++) g[j] += o->a / o->v * o->cross[j][k] * u[k];
  }
}

typedef struct row {
  const fsl_approximation_kind *kind;
  const char *param;
  double value; /* a number, or the index of a choice */
  bool is_choice;
  expected_score *expected;
} row;

static const row rows[] = {
    {&fsl_approximation_fsr, NULL, 0, false, fsr},
    {&fsl_approximation_sigma_dps, NULL, 0, false, sigma_dps},
    {&fsl_approximation_zeta_dps, "zeta", 0.7, false, zeta_dps},
    {&fsl_approximation_pigdm, "r2", 0, true, pigdm_flat},
    {&fsl_approximation_pigdm, "r2", 1, true, pigdm_tau2}, /* unit: tau2 = 1 */
    {&fsl_approximation_pigdm, "r2", 2.5, false, pigdm_tau2},
    {&fsl_approximation_dmps, NULL, 0, false, dmps},
    {&fsl_approximation_tmpd, "covariance", 0, true, tmpd},
    {&fsl_approximation_tmpd, "covariance", 1, true, tmpd},
    {&fsl_approximation_tmpd, "covariance", 2, true, tmpd},
    {&fsl_approximation_moment_matched, NULL, 0, false, moment_matched},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

/* A parameter struct with one parameter set the way the spec would. */
static const void *params_of(fsl_ctx *ctx, const row *r) {
  unsigned char *const params = fsl_arena_get(ctx->arena, 1, r->kind->head.params_size + 1);
  if (r->param == NULL) return params;
  const fsl_param *const p = fsl_kind_param(&r->kind->head, r->param);
  assert_non_null(p);
  const fsl_choice_or_real either = {r->is_choice ? (int)r->value : -1, r->is_choice ? NAN : r->value};
  const int choice = (int)r->value;
  if (p->type == FSL_REAL) memcpy(params + p->offset, &r->value, sizeof r->value);
  if (p->type == FSL_CHOICE) memcpy(params + p->offset, &choice, sizeof choice);
  if (p->type == FSL_CHOICE_OR_REAL) memcpy(params + p->offset, &either, sizeof either);
  return params;
}

static void schedule(double t, double *a, double *v) {
  const double log_abar = -0.01 * t - 9.995 * t * t;
  *a = exp(log_abar / 2);
  *v = -expm1(log_abar);
}

static void score_of(setting *s, const row *r, double t, size_t n, const double *x, double *g) {
  double a, v;
  schedule(t, &a, &v);
  assert_int_equal(
      fsl_approximation_score(&s->ctx, r->kind, params_of(&s->ctx, r), s->posterior, t, a, v, n, x, g, NULL, NULL),
      FSL_OK);
}

/* Relative to the score, or to the scale of a score where nearly all weight sits on one atom and C is rounding. */
static void check_row(setting *s, const row *r) {
  double g[STATES * D];
  for (size_t k = 0; k < sizeof times / sizeof *times; k++) {
    double a, v;
    schedule(times[k], &a, &v);
    score_of(s, r, times[k], STATES, states, g);
    for (size_t i = 0; i < STATES; i++) {
      real expected[D];
      const oracle o = oracle_at(s->problem.model, a, v, states + i * D);
      r->expected(&o, r->value, expected);
      const real size = hypotl(expected[0], expected[1]) + 1e-6L * (real)(a / v);
      const real error = hypotl((real)g[i * D] - expected[0], (real)g[i * D + 1] - expected[1]);
      if (!(error <= 1e-9L * size))
        fail_msg("%s %s %g: t = %g, state %zu: error %Lg of %Lg", r->kind->head.name, r->param == NULL ? "" : r->param,
                 r->value, times[k], i, error, size);
    }
  }
}

static void scores_for_a_linear_model_are_the_papers(void **unused) {
  (void)unused;
  setting s;
  set_up(&s, &linear, N, atoms, log_weight, y);
  for (size_t i = 0; i < N_ROWS; i++) check_row(&s, &rows[i]);
  tear_down(&s);
}

static void scores_for_a_nonlinear_model_are_the_papers(void **unused) {
  (void)unused;
  setting s;
  set_up(&s, &curved, N, atoms, log_weight, y);
  for (size_t i = 0; i < N_ROWS; i++)
    if (!rows[i].kind->linear_only) check_row(&s, &rows[i]);
  tear_down(&s);
}

/* The clamp must be met, or the test above says nothing about it. */
static void row_sums_are_negative_somewhere(void **unused) {
  (void)unused;
  size_t negative = 0;
  for (size_t k = 0; k < sizeof times / sizeof *times; k++)
    for (size_t i = 0; i < STATES; i++) {
      double a, v;
      real q[M][M];
      schedule(times[k], &a, &v);
      const oracle o = oracle_at(&linear, a, v, states + i * D);
      hch(&o, q);
      for (size_t l = 0; l < M; l++) negative += q[l][0] + q[l][1] + q[l][2] < 0;
    }
  assert_true(negative > 0);
}

/* shift = share zeta (a/v) C H^T r/|r|, the states' own gradient of |r| turned round. */
static void dps_moves_down_the_gradient_of_the_residuals_norm(void **unused) {
  (void)unused;
  for (size_t which = 0; which < 2; which++) {
    setting s;
    set_up(&s, which == 0 ? &linear : &curved, N, atoms, log_weight, y);
    const row r = {&fsl_approximation_dps, "zeta", 0.4, false, NULL};
    const double t = 0.3, share = 0.25;
    double a, v, mean[STATES * D], shift[STATES * D];
    schedule(t, &a, &v);
    const fsl_moments wanted = {.mean = mean};
    assert_int_equal(fsl_posterior_moments(&s.ctx, s.posterior, a, v, STATES, states, &wanted), FSL_OK);
    const fsl_states at = {
        .n = STATES, .d = D, .m = M, .t = t, .a = a, .v = v, .posterior = s.posterior, .x = states, .mean = mean};
    const fsl_step_part part = {share};
    assert_int_equal(r.kind->step(&s.ctx, params_of(&s.ctx, &r), &at, &part, shift), FSL_OK);
    for (size_t i = 0; i < STATES; i++)
      for (size_t j = 0; j < D; j++) { /* central differences of |y - A(m(x))| */
        const double h = 1e-5;
        double x[D] = {states[i * D], states[i * D + 1]};
        x[j] += h;
        const oracle up = oracle_at(s.problem.model, a, v, x);
        x[j] -= 2 * h;
        const oracle down = oracle_at(s.problem.model, a, v, x);
        const double gradient = (double)((norm(&up) - norm(&down)) / (2 * (real)h));
        assert_true(fabs(shift[i * D + j] + share * 0.4 * gradient) < 1e-7);
      }
    tear_down(&s);
  }
}

/* Atoms +-p seen from 0: m = 0 exactly, C is not 0, and y = A(0). */
static void a_zero_residual_gives_a_zero_score(void **unused) {
  (void)unused;
  const double pair[2 * D] = {1.5, -0.5, -1.5, 0.5}, origin[D] = {0, 0}, zero[M] = {0};
  const fsl_forward_model centred = {
      .d = D, .m = M, .linear = true, .value = linear_apply, .jacobian_t = linear_t, .apply = linear_apply};
  setting s;
  set_up(&s, &centred, 2, pair, NULL, zero);
  for (size_t i = 1; i < N_ROWS; i++) { /* fsr has no residual */
    double g[D] = {NAN, NAN};
    score_of(&s, &rows[i], 0.3, 1, origin, g);
    assert_true(g[0] == 0 && g[1] == 0);
  }
  double mean[D] = {0, 0}, shift[D] = {NAN, NAN}, a, v;
  schedule(0.3, &a, &v);
  const row r = {&fsl_approximation_dps, "zeta", 1, false, NULL};
  const fsl_states at = {
      .n = 1, .d = D, .m = M, .t = 0.3, .a = a, .v = v, .posterior = s.posterior, .x = origin, .mean = mean};
  const fsl_step_part part = {1};
  assert_int_equal(r.kind->step(&s.ctx, params_of(&s.ctx, &r), &at, &part, shift), FSL_OK);
  assert_true(shift[0] == 0 && shift[1] == 0);
  tear_down(&s);
}

static void a_state_that_is_not_finite_harms_only_itself(void **unused) {
  (void)unused;
  const double bad[] = {NAN, INFINITY, -INFINITY};
  setting s;
  set_up(&s, &linear, N, atoms, log_weight, y);
  for (size_t i = 0; i < N_ROWS; i++)
    for (size_t b = 0; b < 3; b++) {
      double clean[STATES * D], g[STATES * D], x[STATES * D];
      memcpy(x, states, sizeof x);
      x[2 * D + 1] = bad[b];
      score_of(&s, &rows[i], 0.3, STATES, states, clean);
      score_of(&s, &rows[i], 0.3, STATES, x, g);
      assert_true(isnan(g[2 * D]) && isnan(g[2 * D + 1]));
      for (size_t j = 0; j < STATES * D; j++)
        if (j / D != 2) assert_true(g[j] == clean[j]);
    }
  tear_down(&s);
}

static void a_score_does_not_depend_on_its_neighbours(void **unused) {
  (void)unused;
  setting s;
  set_up(&s, &linear, N, atoms, log_weight, y);
  for (size_t i = 0; i < N_ROWS; i++) {
    double all[STATES * D], one[D];
    score_of(&s, &rows[i], 0.1, STATES, states, all);
    for (size_t k = 0; k < STATES; k++) {
      score_of(&s, &rows[i], 0.1, 1, states + k * D, one);
      assert_memory_equal(one, all + k * D, sizeof one);
    }
  }
  tear_down(&s);
}

enum { WIDE = 80, MANY = 200 };

static void wide_value(const fsl_forward_model *model, const double *x, double *out) {
  (void)model;
  for (size_t k = 0; k < WIDE; k++) out[k] = sin((double)k) * x[0] + cos(2 * (double)k) * x[1];
}

static void wide_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)model;
  (void)x;
  out[0] = out[1] = 0;
  for (size_t k = 0; k < WIDE; k++) {
    out[0] += sin((double)k) * u[k];
    out[1] += cos(2 * (double)k) * u[k];
  }
}

/* 80 measurements: (80, 80) matrices of 200 states are held a tile at a time. */
static void tiles_of_states_do_not_show(void **unused) {
  (void)unused;
  const fsl_forward_model wide = {
      .d = D, .m = WIDE, .linear = true, .value = wide_value, .jacobian_t = wide_t, .apply = wide_value};
  double std[WIDE], measured[WIDE], x[MANY * D], all[MANY * D], one[D];
  for (size_t k = 0; k < WIDE; k++) std[k] = 0.5 + 0.01 * (double)k, measured[k] = cos((double)k);
  for (size_t i = 0; i < MANY * D; i++) x[i] = 2 * sin(1.7 * (double)i);
  setting s;
  set_up(&s, &linear, N, atoms, log_weight, y);
  s.problem = (fsl_problem){.prior = &s.prior, .model = &wide, .noise = {WIDE, std}, .y = measured};
  assert_int_equal(fsl_posterior_of_population(&s.ctx, &s.problem, NULL, &s.posterior), FSL_OK);
  for (size_t r = 0; r < N_ROWS; r++) {
    score_of(&s, &rows[r], 0.3, MANY, x, all);
    for (size_t i = 0; i < MANY; i += 33) {
      score_of(&s, &rows[r], 0.3, 1, x + i * D, one);
      assert_true(isfinite(one[0]) && one[0] != 0);
      assert_memory_equal(one, all + i * D, sizeof one);
    }
  }
  tear_down(&s);
}

static void prior_and_posterior_scores_come_with_it(void **unused) {
  (void)unused;
  setting s;
  set_up(&s, &linear, N, atoms, log_weight, y);
  double a, v, g[STATES * D], prior[STATES * D], posterior[STATES * D];
  schedule(0.2, &a, &v);
  assert_int_equal(fsl_approximation_score(&s.ctx, &fsl_approximation_fsr, NULL, s.posterior, 0.2, a, v, STATES, states,
                                           g, prior, posterior),
                   FSL_OK);
  for (size_t i = 0; i < STATES; i++) {
    const oracle o = oracle_at(&linear, a, v, states + i * D);
    for (size_t j = 0; j < D; j++) {
      assert_true(fabsl((real)prior[i * D + j] - (o.a * o.m[j] - o.x[j]) / o.v) < 1e-11L);
      assert_true(fabsl((real)posterior[i * D + j] - (o.a * o.post[j] - o.x[j]) / o.v) < 1e-11L);
    }
  }
  tear_down(&s);
}

static void a_kind_without_a_score_is_nan(void **unused) {
  (void)unused;
  static const fsl_approximation_kind *const kinds[] = {&fsl_approximation_dps, &fsl_approximation_fsr_direct,
                                                        &fsl_approximation_fsr_ancestral};
  setting s;
  set_up(&s, &linear, N, atoms, log_weight, y);
  for (size_t i = 0; i < 3; i++) {
    const row r = {kinds[i], NULL, 0, false, NULL};
    double g[STATES * D] = {0}, prior[STATES * D];
    double a, v;
    schedule(0.2, &a, &v);
    assert_int_equal(fsl_approximation_score(&s.ctx, r.kind, params_of(&s.ctx, &r), s.posterior, 0.2, a, v, STATES,
                                             states, g, prior, NULL),
                     FSL_OK);
    for (size_t j = 0; j < STATES * D; j++) assert_true(isnan(g[j]) && isfinite(prior[j]));
  }
  tear_down(&s);
}

static void what_is_not_defined_says_why(void **unused) {
  (void)unused;
  setting s;
  set_up(&s, &curved, N, atoms, log_weight, y);
  assert_non_null(strstr(fsl_approximation_inapplicable(&fsl_approximation_pigdm, s.posterior), "linear"));
  assert_non_null(fsl_approximation_inapplicable(&fsl_approximation_dmps, s.posterior));
  assert_non_null(fsl_approximation_inapplicable(&fsl_approximation_tmpd, s.posterior));
  assert_null(fsl_approximation_inapplicable(&fsl_approximation_fsr, s.posterior));
  assert_null(fsl_approximation_inapplicable(&fsl_approximation_moment_matched, s.posterior));
  /* Smooth the population: nothing of p(x_t | y) is closed for a nonlinear model. */
  static const double width[D] = {0.1, 0.1};
  const fsl_covariance isotropic = {.values = width, .isotropic = true};
  s.prior.population.covariance = &isotropic;
  s.prior.population.n_covariances = 1;
  assert_int_equal(fsl_posterior_of_population(&s.ctx, &s.problem, NULL, &s.posterior), FSL_OK);
  assert_non_null(fsl_approximation_inapplicable(&fsl_approximation_fsr, s.posterior));
  assert_non_null(fsl_approximation_inapplicable(&fsl_approximation_fsr_direct, s.posterior));
  assert_non_null(fsl_approximation_inapplicable(&fsl_approximation_fsr_ancestral, s.posterior));
  assert_non_null(fsl_approximation_inapplicable(&fsl_approximation_moment_matched, s.posterior));
  assert_null(fsl_approximation_inapplicable(&fsl_approximation_sigma_dps, s.posterior));
  assert_null(fsl_approximation_inapplicable(&fsl_approximation_dps, s.posterior));
  tear_down(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scores_for_a_linear_model_are_the_papers),
      cmocka_unit_test(scores_for_a_nonlinear_model_are_the_papers),
      cmocka_unit_test(row_sums_are_negative_somewhere),
      cmocka_unit_test(dps_moves_down_the_gradient_of_the_residuals_norm),
      cmocka_unit_test(a_zero_residual_gives_a_zero_score),
      cmocka_unit_test(a_state_that_is_not_finite_harms_only_itself),
      cmocka_unit_test(a_score_does_not_depend_on_its_neighbours),
      cmocka_unit_test(tiles_of_states_do_not_show),
      cmocka_unit_test(prior_and_posterior_scores_come_with_it),
      cmocka_unit_test(a_kind_without_a_score_is_nan),
      cmocka_unit_test(what_is_not_defined_says_why),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
