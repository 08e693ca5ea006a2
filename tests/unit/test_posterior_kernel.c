/* Every kernel this machine can run against the long-double oracle, over one table of properties. */
#include "posterior_problem.h"

#include <stdio.h>

#include "posterior/oracle.h"

typedef struct property {
  const char *name;
  size_t n, d, m;
  double a, v, sigma;
  double y_shift;   /* how far y lies from what any atom explains */
  bool repeated;    /* atoms come four times each */
  bool weighted;    /* unequal weights, one in five zero */
  double at_atom;   /* states: this share of the way to an atom (1: on it) */
  double sharpness; /* states are scaled by this */
  bool linear;
} property;

static const property table[] = {
    {"one atom", 1, 3, 2, 0.9, 0.19, 0.3, 0, false, false, 0, 1, false},
    {"one dimension", 500, 1, 1, 0.9, 0.19, 0.3, 0, false, false, 0, 1, false},
    {"two dimensions", 1000, 2, 1, 0.8, 0.36, 0.3, 0, false, false, 0, 1, false},
    {"several leaves", 9001, 2, 2, 0.6, 0.64, 0.2, 0, false, false, 0, 1, false},
    {"eight dimensions", 700, 8, 4, 0.8, 0.36, 0.5, 0, false, false, 0, 1, false},
    {"odd sizes", 67, 7, 3, 0.5, 0.75, 0.5, 0, false, true, 0, 1, false},
    {"many dimensions", 130, 150, 3, 0.5, 0.75, 1.0, 0, false, false, 0.8, 1, false},
    {"repeated atoms", 240, 2, 1, 0.9, 0.19, 0.3, 0, true, false, 0, 1, false},
    {"ties", 4, 1, 1, 0.9, 0.5, 10, 0, true, false, 1, 1, false},
    {"zero weights", 333, 2, 2, 0.9, 0.19, 0.3, 0, false, true, 0, 1, false},
    {"t near 0", 400, 2, 1, 1 - 1e-5, 2e-5, 0.3, 0, false, false, 1, 1, false},
    {"t near 0 between atoms", 400, 2, 1, 1 - 1e-5, 2e-5, 0.3, 0, false, false, 0, 1, false},
    {"v tiny", 200, 3, 1, 1, 1e-12, 0.3, 0, false, false, 1, 1, false},
    {"t near 1", 400, 2, 1, 0.0067, 0.99995, 0.3, 0, false, false, 0, 1, false},
    {"noise tiny", 400, 2, 1, 0.8, 0.36, 1e-4, 0, false, false, 0, 1, false},
    {"noise tiny, y far", 400, 2, 1, 0.8, 0.36, 1e-3, 40, false, false, 0, 1, false},
    {"noise tiny, state on another atom", 400, 2, 2, 0.99, 0.02, 1e-2, 3, false, false, 1, 1, false},
    {"posterior where the prior underflows", 400, 2, 2, 0.999, 0.002, 1e-3, 0, false, false, 1, 1, false},
    {"posterior where the prior underflows, many dimensions", 130, 20, 3, 0.999, 0.002, 1e-3, 0, false, true, 1, 1,
     false},
    {"noise large", 400, 2, 1, 0.8, 0.36, 1e4, 0, false, false, 0, 1, false},
    {"state far", 400, 2, 1, 0.8, 0.36, 0.3, 0, false, false, 0, 1000, false},
    {"linear, two dimensions", 1000, 2, 1, 0.8, 0.36, 0.3, 0, false, false, 0, 1, true},
    {"linear, eight dimensions", 700, 8, 4, 0.8, 0.36, 0.5, 0, false, true, 0, 1, true},
    {"linear, t near 0", 400, 3, 5, 0.999, 0.002, 0.3, 0, false, false, 0.9, 1, true},
};

enum { STATES = 19 };

typedef struct setting {
  fsl_ctx *ctx;
  const property *p;
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
  fsl_posterior *posterior;
  fsl_oracle oracle;
  double *x;
  long double *w, *post;
  double scale; /* of the atoms */
} setting;

static void make_prior(setting *s) {
  const property *p = s->p;
  double *atoms = normals(s->ctx, 1, p->n * p->d), *log_weight = reals(s->ctx, p->n);
  for (size_t i = 0; i < p->n && p->repeated; ++i)
    memcpy(atoms + i * p->d, atoms + (i - i % 4) * p->d, p->d * sizeof *atoms);
  for (size_t i = 0; i < p->n; ++i) log_weight[i] = i % 5 == 2 ? -INFINITY : -0.01 * (double)i;
  OK(s->ctx, fsl_mixture_of_atoms(s->ctx, p->n, p->d, atoms, p->weighted ? log_weight : NULL, NULL, p->n,
                                  &s->prior.population));
  s->prior.d = p->d;
  for (size_t i = 0; i < p->n * p->d; ++i) s->scale = fmax(s->scale, fabs(atoms[i]));
}

static void make_states(setting *s) {
  const property *p = s->p;
  s->x = normals(s->ctx, 2, STATES * p->d);
  for (size_t i = 0; i < STATES; ++i)
    for (size_t j = 0; j < p->d; ++j) {
      const double atom = p->a * s->prior.population.mean[(i * 17 % p->n) * p->d + j];
      double *x = &s->x[i * p->d + j];
      *x = p->at_atom * atom + (1 - p->at_atom) * *x * p->sharpness;
    }
}

static setting open_setting(const property *p) {
  setting s = {.ctx = open_ctx(), .p = p};
  make_prior(&s);
  make_states(&s);
  s.model = p->linear ? matrix_model(p->d, p->m, normals(s.ctx, 20, p->d * p->m)) : bent_model(p->d, p->m);
  double *y = reals(s.ctx, p->m);
  s.model.value(&s.model, s.prior.population.mean, y);
  for (size_t k = 0; k < p->m; ++k) y[k] += p->y_shift;
  s.problem = (fsl_problem){.prior = &s.prior, .noise = {p->m, constant(s.ctx, p->m, p->sigma)}, .y = y};
  return s;
}

/* The problem points into the setting, so this comes once it has its place. */
static void finish_setting(setting *s, const fsl_kernel *kernel) {
  const property *p = s->p;
  s->problem.prior = &s->prior;
  s->problem.model = &s->model;
  static const fsl_posterior_setting plain = {.tolerance = 0.0}; /* the kernels, no tree */
  OK(s->ctx, fsl_posterior_of_population(s->ctx, &s->problem, &plain, &s->posterior));
  s->posterior->kernel = kernel;
  s->oracle = (fsl_oracle){.n = p->n,
                           .d = p->d,
                           .m = p->m,
                           .x = s->prior.population.mean,
                           .log_weight = s->prior.population.log_weight,
                           .log_likelihood = s->posterior->atoms.log_likelihood,
                           .forward = s->posterior->atoms.forward};
  s->w = fsl_arena_get(s->ctx->arena, p->n, sizeof *s->w);
  s->post = fsl_arena_get(s->ctx->arena, p->n, sizeof *s->post);
}

/* How much rounding the logits of the atoms that matter carry. */
static double rounding(const setting *s, const long double *w, const double *x) {
  double size = 0.0;
  for (size_t i = 0; i < s->p->n; ++i) {
    double distance = 0.0;
    for (size_t j = 0; j < s->p->d; ++j) {
      const double atom = s->p->a * s->oracle.x[i * s->p->d + j];
      distance += (x[j] - atom) * (x[j] - atom);
    }
    if (w[i] > 1e-18L) size = fmax(size, distance / (2 * s->p->v) + fabs(s->oracle.log_likelihood[i]));
  }
  return 2e-14 + 4e-16 * size * (2 + sqrt((double)s->p->d));
}

static void expect(const setting *s, const char *what, size_t n, const double *got, const long double *want,
                   double allowed) {
  for (size_t j = 0; j < n; ++j) {
    const double error = fabs((double)((long double)got[j] - want[j]));
    if (!(error <= allowed))
      fail_msg("%s, %s: %s[%zu] is %.17g, not %.17Lg (error %.3g, allowed %.3g)", s->posterior->kernel->name,
               s->p->name, what, j, got[j], want[j], error, allowed);
  }
}

static void check_moments(const setting *s) {
  const size_t d = s->p->d;
  double *mean = reals(s->ctx, STATES * d), *post = reals(s->ctx, STATES * d);
  double density[STATES], post_density[STATES], entropy[STATES];
  const fsl_moments out = {mean, post, density, post_density, entropy};
  OK(s->ctx, fsl_posterior_moments(s->ctx, s->posterior, s->p->a, s->p->v, STATES, s->x, &out));
  long double *want = fsl_arena_get(s->ctx->arena, d, sizeof *want);
  const long double normal = 0.5L * (long double)d * logl(2 * acosl(-1.0L) * (long double)s->p->v);
  for (size_t i = 0; i < STATES; ++i) {
    const long double z = fsl_oracle_weights(&s->oracle, false, s->p->a, s->p->v, s->x + i * d, s->w) - normal;
    const double slack = rounding(s, s->w, s->x + i * d);
    fsl_oracle_mean(&s->oracle, s->w, d, s->oracle.x, want);
    expect(s, "mean", d, mean + i * d, want, slack * s->scale);
    expect(s, "log density", 1, &density[i], &z, slack * (1 + fabs((double)z)));
    const long double h = s->p->n <= 1000 ? fsl_oracle_entropy(&s->oracle, s->w) : 0.0L;
    if (s->p->n <= 1000) expect(s, "entropy", 1, &entropy[i], &h, 50 * slack);
    const long double zp = fsl_oracle_weights(&s->oracle, true, s->p->a, s->p->v, s->x + i * d, s->post) - normal -
                           (long double)s->posterior->log_evidence;
    const double slack_post = rounding(s, s->post, s->x + i * d);
    fsl_oracle_mean(&s->oracle, s->post, d, s->oracle.x, want);
    expect(s, "posterior mean", d, post + i * d, want, slack_post * s->scale);
    expect(s, "posterior log density", 1, &post_density[i], &zp,
           slack_post * (1 + fabs((double)zp) + fabs(s->posterior->log_evidence)));
  }
}

static void check_products(const setting *s) {
  const size_t d = s->p->d, m = s->p->m;
  double *mean = reals(s->ctx, STATES * d), *expected = reals(s->ctx, STATES * m);
  double *spread = reals(s->ctx, STATES * m * m), *out = reals(s->ctx, STATES * d), *out2 = reals(s->ctx, STATES * d);
  double *cross = reals(s->ctx, STATES * d * m);
  const double *u = normals(s->ctx, 3, STATES * d), *um = normals(s->ctx, 4, STATES * m);
  fsl_ctx *ctx = s->ctx;
  const double a = s->p->a, v = s->p->v;
  OK(ctx, fsl_posterior_moments(ctx, s->posterior, a, v, STATES, s->x, &(fsl_moments){.mean = mean}));
  OK(ctx, fsl_posterior_covariance_times(ctx, s->posterior, a, v, STATES, s->x, mean, u, out));
  OK(ctx, fsl_posterior_forward_moments(ctx, s->posterior, a, v, STATES, s->x, mean, expected, spread, cross));
  OK(ctx, fsl_posterior_cross_times(ctx, s->posterior, a, v, STATES, s->x, mean, expected, um, out2));
  long double *want = fsl_arena_get(ctx->arena, d + m, sizeof *want);
  const size_t step = s->p->n > 1000 || d > 100 ? 9 : 1;
  for (size_t i = 0; i < STATES; i += step) {
    fsl_oracle_weights(&s->oracle, false, a, v, s->x + i * d, s->w);
    const double size = s->scale * (1 + s->scale), slack = 10 * (double)d * rounding(s, s->w, s->x + i * d) * size;
    if (d <= 8) {
      fsl_oracle_cross(&s->oracle, s->w, d, s->oracle.x, d, s->oracle.x, u + i * d, want);
      expect(s, "C u", d, out + i * d, want, slack * s->scale);
    }
    fsl_oracle_mean(&s->oracle, s->w, m, s->oracle.forward, want);
    expect(s, "E A", m, expected + i * m, want, slack);
    for (size_t k = 0; k < m; ++k) {
      double *unit = constant(ctx, m, 0.0);
      unit[k] = 1.0;
      fsl_oracle_cross(&s->oracle, s->w, m, s->oracle.forward, m, s->oracle.forward, unit, want);
      expect(s, "Cov A", m, spread + (i * m + k) * m, want, slack * size);
      fsl_oracle_cross(&s->oracle, s->w, d, s->oracle.x, m, s->oracle.forward, unit, want);
      for (size_t j = 0; j < d; ++j) expect(s, "Cov(x, A)", 1, cross + (i * d + j) * m + k, want + j, slack * size);
    }
    fsl_oracle_cross(&s->oracle, s->w, d, s->oracle.x, m, s->oracle.forward, um + i * m, want);
    expect(s, "Cov(x, A) u", d, out2 + i * d, want, slack * size);
  }
}

static void over_the_table(void (*check)(const setting *s)) {
  for (size_t k = 0; k < fsl_kernel_count(); ++k)
    for (size_t i = 0; i < sizeof table / sizeof *table; ++i) {
      setting s = open_setting(&table[i]);
      finish_setting(&s, fsl_kernel_at(k));
      check(&s);
      close_ctx(s.ctx);
    }
}

static void test_moments_agree_with_long_double(void **state) {
  (void)state;
  over_the_table(check_moments);
}

static void test_second_moments_agree_with_long_double(void **state) {
  (void)state;
  over_the_table(check_products);
}

static void test_exponential_is_within_two_ulps(void **state) {
  (void)state;
  for (size_t k = 0; k < fsl_kernel_count(); ++k)
    for (double x = -707.9; x < 1.0; x += 0.0137) {
      double values[FSL_MAX_LANES];
      for (size_t i = 0; i < FSL_MAX_LANES; ++i) values[i] = x + 1e-4 * (double)i;
      fsl_kernel_at(k)->exponential(values);
      for (size_t i = 0; i < FSL_MAX_LANES; ++i) {
        const long double want = expl((long double)(x + 1e-4 * (double)i));
        assert_true(fabsl((long double)values[i] - want) <= 4.5e-16L * want);
      }
    }
}

static void test_exponential_of_zero_is_one_and_underflow_is_zero(void **state) {
  (void)state;
  for (size_t k = 0; k < fsl_kernel_count(); ++k) {
    double values[FSL_MAX_LANES] = {0.0, -0.0, -708.5, -1e5, -1e300, -INFINITY};
    fsl_kernel_at(k)->exponential(values);
    assert_true(values[0] == 1.0 && values[1] == 1.0);
    for (size_t i = 2; i < 6; ++i) assert_true(values[i] == 0.0);
  }
}

/* The same state among others, at another place in the tile, keeps its bits. */
static void test_a_state_does_not_depend_on_its_neighbours(void **state) {
  (void)state;
  for (size_t k = 0; k < fsl_kernel_count(); ++k)
    for (size_t i = 0; i < sizeof table / sizeof *table; ++i) {
      setting s = open_setting(&table[i]);
      finish_setting(&s, fsl_kernel_at(k));
      const size_t d = s.p->d;
      double *all = reals(s.ctx, 2 * STATES * d), *one = reals(s.ctx, 2 * d);
      OK(s.ctx, fsl_posterior_moments(s.ctx, s.posterior, s.p->a, s.p->v, STATES, s.x,
                                      &(fsl_moments){.mean = all, .posterior_mean = all + STATES * d}));
      for (size_t j = 0; j < STATES; ++j) {
        OK(s.ctx, fsl_posterior_moments(s.ctx, s.posterior, s.p->a, s.p->v, 1, s.x + j * d,
                                        &(fsl_moments){.mean = one, .posterior_mean = one + d}));
        assert_memory_equal(one, all + j * d, d * sizeof *one);
        assert_memory_equal(one + d, all + (STATES + j) * d, d * sizeof *one);
      }
      close_ctx(s.ctx);
    }
}

static void test_a_state_that_is_not_finite_gives_nan_alone(void **state) {
  (void)state;
  setting s = open_setting(&table[2]);
  finish_setting(&s, fsl_kernel_chosen());
  double mean[STATES * 2], post[STATES * 2], before[STATES * 2];
  OK(s.ctx, fsl_posterior_moments(s.ctx, s.posterior, 0.8, 0.36, STATES, s.x, &(fsl_moments){.mean = before}));
  s.x[6] = NAN;
  s.x[11] = INFINITY;
  OK(s.ctx, fsl_posterior_moments(s.ctx, s.posterior, 0.8, 0.36, STATES, s.x,
                                  &(fsl_moments){.mean = mean, .posterior_mean = post}));
  for (size_t j = 0; j < STATES * 2; ++j) {
    const bool bad = j / 2 == 3 || j / 2 == 5;
    assert_true(bad == (bool)isnan(mean[j]) && bad == (bool)isnan(post[j]));
    if (!bad) assert_true(mean[j] == before[j]);
  }
  close_ctx(s.ctx);
}

static void test_at_v_zero_the_nearest_atom_takes_all(void **state) {
  (void)state;
  setting s = open_setting(&table[2]);
  finish_setting(&s, fsl_kernel_chosen());
  double mean[STATES * 2];
  OK(s.ctx, fsl_posterior_moments(s.ctx, s.posterior, 1.0, 0.0, STATES, s.x, &(fsl_moments){.mean = mean}));
  for (size_t i = 0; i < STATES; ++i) {
    size_t best = 0;
    double least = INFINITY;
    for (size_t k = 0; k < s.p->n; ++k) {
      const double *atom = s.oracle.x + k * 2, dx = s.x[i * 2] - atom[0], dy = s.x[i * 2 + 1] - atom[1];
      if (dx * dx + dy * dy < least) {
        least = dx * dx + dy * dy;
        best = k;
      }
    }
    assert_true(mean[i * 2] == s.oracle.x[best * 2] && mean[i * 2 + 1] == s.oracle.x[best * 2 + 1]);
  }
  close_ctx(s.ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_exponential_is_within_two_ulps),
      cmocka_unit_test(test_exponential_of_zero_is_one_and_underflow_is_zero),
      cmocka_unit_test(test_moments_agree_with_long_double),
      cmocka_unit_test(test_second_moments_agree_with_long_double),
      cmocka_unit_test(test_a_state_does_not_depend_on_its_neighbours),
      cmocka_unit_test(test_a_state_that_is_not_finite_gives_nan_alone),
      cmocka_unit_test(test_at_v_zero_the_nearest_atom_takes_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
