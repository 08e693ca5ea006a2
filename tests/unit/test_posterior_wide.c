/* The kernels for many dimensions on every instruction set this machine runs: against the long-double oracle, over one
 * table of properties. */
#include "posterior_problem.h"

#include <stdio.h>

#include "posterior/oracle.h"

typedef struct property {
  const char *name;
  size_t n, d, m;
  double a, v, sigma;
  double y_shift;   /* how far y lies from what any atom explains */
  double offset;    /* all atoms lie this far from the origin, in every dimension */
  double pair;      /* > 0: every second atom is its neighbour, moved by this in every dimension */
  bool weighted;    /* unequal weights, one in five zero */
  double at_atom;   /* states: this share of the way to an atom (1: on it) */
  double sharpness; /* states are scaled by this */
} property;

static const property table[] = {
    {"one atom", 1, 9, 2, .9, .19, .3, 0, 0, 0, false, 0, 1},
    {"nine dimensions", 700, 9, 3, .8, .36, .5, 0, 0, 0, false, .5, 1},
    {"sixteen dimensions", 333, 16, 3, .8, .36, .3, 0, 0, 0, true, .7, 1},
    {"33 dimensions", 130, 33, 3, .5, .75, .3, 0, 0, 0, false, .7, 1},
    {"64 dimensions", 400, 64, 4, .9, .19, .5, 0, 0, 0, false, .9, 1},
    {"several leaves", 2100, 64, 4, .3, .91, .5, 0, 0, 0, false, .5, 1},
    {"200 dimensions", 131, 200, 4, .6, .64, .5, 0, 0, 0, true, .9, 1},
    {"784 dimensions", 67, 784, 4, .3, .91, 1, 0, 0, 0, false, .9, 1},
    {"784 dimensions, t near 1", 67, 784, 4, .0067, .99995, 1, 0, 0, 0, false, 0, 1},
    {"784 dimensions, t near 0", 67, 784, 4, 1 - 1e-5, 2e-5, 1, 0, 0, 0, false, 1, 1},
    {"t near 1", 400, 64, 4, .0067, .99995, .3, 0, 0, 0, false, 0, 1},
    {"t near 0", 400, 64, 4, 1 - 1e-5, 2e-5, .3, 0, 0, 0, false, 1, 1},
    {"v tiny", 200, 33, 2, 1, 1e-12, .3, 0, 0, 0, false, 1, 1},
    {"near pairs", 256, 64, 3, .999, 2e-3, .5, 0, 0, 4e-3, false, 1, 1},
    {"nearer pairs", 256, 16, 3, .9999, 2e-6, .5, 0, 0, 3e-4, true, 1, 1},
    {"pairs as near as can be", 256, 16, 3, .9999, 2e-6, .5, 0, 0, 1e-12, false, 1, 1},
    {"equal pairs", 90, 16, 3, .9, .19, .5, 0, 0, 1e-300, false, 1, 1},
    {"far from the origin", 130, 33, 3, .9, .19, .5, 0, 30, 0, false, .9, 1},
    {"sharp likelihood", 300, 64, 4, .05, .9975, .02, 0, 0, 0, false, .3, 1},
    {"sharp likelihood, y far", 300, 33, 4, .3, .91, 1e-2, 30, 0, 0, false, .3, 1},
    {"posterior where the prior underflows", 300, 20, 3, .999, .002, 1e-3, 0, 0, 0, true, 1, 1},
    {"noise large", 130, 33, 3, .6, .64, 1e4, 0, 0, 0, false, .5, 1},
    {"state far", 130, 64, 3, .8, .36, .3, 0, 0, 0, false, 0, 1000},
};

enum { STATES = 37 };

typedef struct setting {
  fsl_ctx *ctx;
  const property *p;
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
  fsl_posterior *posterior;
  fsl_oracle oracle;
  double *x;
  long double *w, *post, *want;
  double scale; /* of the atoms */
} setting;

static void make_prior(setting *s) {
  const property *p = s->p;
  double *atoms = normals(s->ctx, 1, p->n * p->d), *log_weight = reals(s->ctx, p->n);
  for (size_t i = 1; i < p->n && p->pair > 0; i += 2)
    for (size_t j = 0; j < p->d; ++j) atoms[i * p->d + j] = atoms[(i - 1) * p->d + j] + p->pair;
  for (size_t i = 0; i < p->n * p->d; ++i) {
    atoms[i] += p->offset;
    s->scale = fmax(s->scale, fabs(atoms[i]));
  }
  for (size_t i = 0; i < p->n; ++i) log_weight[i] = i % 5 == 2 ? -INFINITY : -0.01 * (double)i;
  OK(s->ctx, fsl_mixture_of_atoms(s->ctx, p->n, p->d, atoms, p->weighted ? log_weight : NULL, NULL, p->n,
                                  &s->prior.population));
  s->prior.d = p->d;
}

static void make_states(setting *s) {
  const property *p = s->p;
  s->x = normals(s->ctx, 2, STATES * p->d);
  for (size_t i = 0; i < STATES; ++i)
    for (size_t j = 0; j < p->d; ++j) {
      const double atom = p->a * s->prior.population.mean[(i * 17 % p->n) * p->d + j];
      double *x = &s->x[i * p->d + j];
      *x = p->at_atom * atom + (1 - p->at_atom) * (*x * p->sharpness + p->a * p->offset);
    }
}

static void open_setting(setting *s, const property *p, const fsl_kernel *kernel) {
  *s = (setting){.ctx = open_ctx(), .p = p};
  make_prior(s);
  make_states(s);
  s->model = bent_model(p->d, p->m);
  double *y = reals(s->ctx, p->m);
  s->model.value(&s->model, s->prior.population.mean, y);
  for (size_t k = 0; k < p->m; ++k) y[k] += p->y_shift;
  s->problem =
      (fsl_problem){.prior = &s->prior, .model = &s->model, .noise = {p->m, constant(s->ctx, p->m, p->sigma)}, .y = y};
  OK(s->ctx, fsl_posterior_of_population(s->ctx, &s->problem, NULL, &s->posterior));
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
  s->want = fsl_arena_get(s->ctx->arena, p->d, sizeof *s->want);
}

/* How much rounding the logits of the atoms that matter carry when distances come from differences. */
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
  const long double normal = 0.5L * (long double)d * logl(2 * acosl(-1.0L) * (long double)s->p->v);
  for (size_t i = 0; i<STATES; i += s->p->n * d> 30000 ? 9 : 1) {
    const long double z = fsl_oracle_weights(&s->oracle, false, s->p->a, s->p->v, s->x + i * d, s->w) - normal;
    const double slack = rounding(s, s->w, s->x + i * d);
    fsl_oracle_mean(&s->oracle, s->w, d, s->oracle.x, s->want);
    expect(s, "mean", d, mean + i * d, s->want, slack * s->scale);
    expect(s, "log density", 1, &density[i], &z, slack * (1 + fabs((double)z)));
    const long double h = s->p->n <= 400 ? fsl_oracle_entropy(&s->oracle, s->w) : 0.0L;
    if (s->p->n <= 400) expect(s, "entropy", 1, &entropy[i], &h, 50 * slack);
    const long double zp = fsl_oracle_weights(&s->oracle, true, s->p->a, s->p->v, s->x + i * d, s->post) - normal -
                           (long double)s->posterior->log_evidence;
    const double slack_post = rounding(s, s->post, s->x + i * d);
    fsl_oracle_mean(&s->oracle, s->post, d, s->oracle.x, s->want);
    expect(s, "posterior mean", d, post + i * d, s->want, slack_post * s->scale);
    expect(s, "posterior log density", 1, &post_density[i], &zp,
           slack_post * (1 + fabs((double)zp) + fabs(s->posterior->log_evidence)));
  }
}

/* want = Cov_w(x0) u */
static void covariance_times(const setting *s, const double *u) {
  const size_t n = s->p->n, d = s->p->d;
  long double *mean = fsl_arena_get(s->ctx->arena, d, sizeof *mean);
  fsl_oracle_mean(&s->oracle, s->w, d, s->oracle.x, mean);
  for (size_t j = 0; j < d; ++j) s->want[j] = 0.0L;
  for (size_t i = 0; i < n; ++i) {
    const double *atom = s->oracle.x + i * d;
    long double along = 0.0L;
    for (size_t j = 0; j < d; ++j) along += ((long double)atom[j] - mean[j]) * (long double)u[j];
    for (size_t j = 0; j < d; ++j) s->want[j] += s->w[i] * along * ((long double)atom[j] - mean[j]);
  }
}

static void check_products(const setting *s) {
  const size_t d = s->p->d;
  double *mean = reals(s->ctx, STATES * d), *out = reals(s->ctx, STATES * d);
  const double *u = normals(s->ctx, 3, STATES * d), a = s->p->a, v = s->p->v;
  OK(s->ctx, fsl_posterior_moments(s->ctx, s->posterior, a, v, STATES, s->x, &(fsl_moments){.mean = mean}));
  OK(s->ctx, fsl_posterior_covariance_times(s->ctx, s->posterior, a, v, STATES, s->x, mean, u, out));
  for (size_t i = 0; i < STATES; i += 9) {
    fsl_oracle_weights(&s->oracle, false, a, v, s->x + i * d, s->w);
    covariance_times(s, u + i * d);
    double size = 0.0;
    for (size_t j = 0; j < d; ++j) size += fabs(u[i * d + j]);
    expect(s, "C u", d, out + i * d, s->want, 4 * rounding(s, s->w, s->x + i * d) * size * s->scale * s->scale);
  }
}

static void over_the_table(void (*check)(const setting *s)) {
  for (size_t k = 0; k < fsl_kernel_count(); ++k)
    for (size_t i = 0; i < sizeof table / sizeof *table; ++i) {
      setting s;
      open_setting(&s, &table[i], fsl_kernel_at(k));
      check(&s);
      close_ctx(s.ctx);
    }
}

static void test_moments_agree_with_long_double(void **state) {
  (void)state;
  over_the_table(check_moments);
}

static void test_covariance_products_agree_with_long_double(void **state) {
  (void)state;
  over_the_table(check_products);
}

/* The same state alone, at another place in the tile, keeps its bits. */
static void check_neighbours(const setting *s) {
  const size_t d = s->p->d;
  const double a = s->p->a, v = s->p->v, *u = normals(s->ctx, 3, STATES * d);
  double *all = reals(s->ctx, 3 * STATES * d), *one = reals(s->ctx, 3 * d), density, densities[STATES];
  OK(s->ctx, fsl_posterior_moments(s->ctx, s->posterior, a, v, STATES, s->x,
                                   &(fsl_moments){all, all + STATES * d, NULL, densities, NULL}));
  OK(s->ctx, fsl_posterior_covariance_times(s->ctx, s->posterior, a, v, STATES, s->x, all, u, all + 2 * STATES * d));
  for (size_t j = 0; j < STATES; j += 3) {
    const double *x = s->x + j * d;
    OK(s->ctx,
       fsl_posterior_moments(s->ctx, s->posterior, a, v, 1, x, &(fsl_moments){one, one + d, NULL, &density, NULL}));
    OK(s->ctx, fsl_posterior_covariance_times(s->ctx, s->posterior, a, v, 1, x, one, u + j * d, one + 2 * d));
    for (size_t side = 0; side < 3; ++side)
      assert_memory_equal(one + side * d, all + (side * STATES + j) * d, d * sizeof *one);
    assert_memory_equal(&density, &densities[j], sizeof density);
  }
}

/* What is skipped is worth nothing: with and without, bit for bit, means and sums of one leaf on both sides. */
static void check_skipping(const setting *s) {
  const fsl_kernel_wide *wide = s->posterior->kernel->wide;
  const size_t d = s->p->d, lanes = wide->lanes, sums = (d + 2) * lanes;
  double *x = reals(s->ctx, d * lanes), *work = reals(s->ctx, FSL_WIDE_WORK(d, lanes));
  double *out[2] = {reals(s->ctx, 2 * sums), reals(s->ctx, 2 * sums)};
  size_t offset;
  fsl_block block = fsl_atoms_leaf(&s->posterior->atoms, 0, &offset);
  block.p = d;
  block.payload = block.x;
  fsl_lanes_pack(lanes, STATES, d, s->p->a, s->x, 0, x);
  for (int whole = 0; whole < 2; ++whole) {
    double *prior = out[whole], *post = out[whole] + sums;
    const fsl_tile tile = {.h = fsl_precision(s->p->a, s->p->v),
                           .x = x,
                           .posterior = true,
                           .max = prior,
                           .sum = prior + lanes,
                           .vec = prior + 2 * lanes,
                           .post_max = post,
                           .post_sum = post + lanes,
                           .post_vec = post + 2 * lanes,
                           .count = lanes,
                           .work = work,
                           .whole = whole == 1};
    wide->means(&block, &tile);
  }
  assert_memory_equal(out[0], out[1], 2 * sums * sizeof **out);
}

static void test_skipping_changes_no_bit(void **state) {
  (void)state;
  over_the_table(check_skipping);
}

static void test_a_state_does_not_depend_on_its_neighbours(void **state) {
  (void)state;
  over_the_table(check_neighbours);
}

static void test_a_state_that_is_not_finite_gives_nan_alone(void **state) {
  (void)state;
  setting s;
  open_setting(&s, &table[3], fsl_kernel_chosen());
  const size_t d = s.p->d;
  double *mean = reals(s.ctx, STATES * d), *before = reals(s.ctx, STATES * d);
  OK(s.ctx, fsl_posterior_moments(s.ctx, s.posterior, s.p->a, s.p->v, STATES, s.x, &(fsl_moments){.mean = before}));
  s.x[3 * d + 1] = NAN;
  s.x[5 * d] = INFINITY;
  OK(s.ctx, fsl_posterior_moments(s.ctx, s.posterior, s.p->a, s.p->v, STATES, s.x, &(fsl_moments){.mean = mean}));
  for (size_t j = 0; j < STATES * d; ++j) {
    const bool bad = j / d == 3 || j / d == 5;
    assert_true(bad == (bool)isnan(mean[j]));
    if (!bad) assert_true(mean[j] == before[j]);
  }
  close_ctx(s.ctx);
}

/* h is about 1e200: expanded squares alone say nothing of which atom is nearest. */
static void test_at_v_zero_the_nearest_atom_takes_all(void **state) {
  (void)state;
  for (size_t k = 0; k < fsl_kernel_count(); ++k) {
    setting s;
    open_setting(&s, &table[15], fsl_kernel_at(k));
    const size_t d = s.p->d;
    double *mean = reals(s.ctx, STATES * d);
    OK(s.ctx, fsl_posterior_moments(s.ctx, s.posterior, 1.0, 0.0, STATES, s.x, &(fsl_moments){.mean = mean}));
    for (size_t i = 0; i < STATES; ++i) {
      size_t best = 0;
      long double least = INFINITY;
      for (size_t n = 0; n < s.p->n; ++n) {
        long double distance = 0.0L;
        for (size_t j = 0; j < d; ++j) {
          const long double delta = (long double)s.x[i * d + j] - (long double)s.oracle.x[n * d + j];
          distance += delta * delta;
        }
        if (distance < least) best = n;
        least = fminl(least, distance);
      }
      assert_memory_equal(mean + i * d, s.oracle.x + best * d, d * sizeof *mean);
    }
    close_ctx(s.ctx);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_moments_agree_with_long_double),
      cmocka_unit_test(test_covariance_products_agree_with_long_double),
      cmocka_unit_test(test_skipping_changes_no_bit),
      cmocka_unit_test(test_a_state_does_not_depend_on_its_neighbours),
      cmocka_unit_test(test_a_state_that_is_not_finite_gives_nan_alone),
      cmocka_unit_test(test_at_v_zero_the_nearest_atom_takes_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
