/* The moment tree on every instruction set of this machine against the long-double oracle: no error is above its bound,
 * no bound above the tolerance. */
#include "posterior_problem.h"

#include "posterior/kernel_tree.h"
#include "posterior/oracle.h"
#include "posterior/tree.h"
#include "posterior/tree_split.h"
#include "simulated_team.h"

typedef enum place { NEAR_PRIOR, NEAR_POSTERIOR, ON_ATOMS, FAR, VERY_FAR } place;

typedef struct property {
  const char *name;
  size_t n, d;
  double s; /* in units of the atoms' spread, about 1 */
  place place;
  double sigma, y_shift; /* of the measurement of the first coordinate */
  bool repeated;         /* atoms come eight times each */
  bool weighted;         /* unequal weights, one in five zero */
  double offset;         /* of all atoms and states from the origin */
} property;

static const property table[] = {
    {"one atom", 1, 2, 0.5, NEAR_PRIOR, 0.5, 0, false, false, 0},
    {"two atoms", 2, 3, 0.5, NEAR_PRIOR, 0.5, 0, false, false, 0},
    {"line, s 1000", 3000, 1, 1000, NEAR_PRIOR, 0.5, 0, false, false, 0},
    {"line, s 1", 3000, 1, 1, NEAR_POSTERIOR, 0.3, 0, false, false, 0},
    {"line, s .1", 3000, 1, 0.1, NEAR_PRIOR, 0.3, 0, false, true, 0},
    {"line, s .001", 3000, 1, 0.001, ON_ATOMS, 0.3, 0, false, false, 0},
    {"line, y far", 3000, 1, 0.3, NEAR_PRIOR, 0.02, 3, false, false, 0},
    {"plane, s 1000", 4000, 2, 1000, NEAR_POSTERIOR, 0.5, 0, false, false, 0},
    {"plane, s 10", 4000, 2, 10, NEAR_PRIOR, 0.5, 0, false, false, 0},
    {"plane, s 1", 4000, 2, 1, NEAR_PRIOR, 0.3, 0, false, false, 0},
    {"plane, s .3", 4000, 2, 0.3, NEAR_POSTERIOR, 0.3, 0, false, true, 0},
    {"plane, s .1", 4000, 2, 0.1, NEAR_PRIOR, 0.3, 0, false, false, 0},
    {"plane, s .01", 4000, 2, 0.01, NEAR_POSTERIOR, 0.3, 0, false, false, 0},
    {"plane, s .001", 4000, 2, 0.001, ON_ATOMS, 0.3, 0, false, false, 0},
    {"plane, far", 4000, 2, 0.3, FAR, 0.3, 0, false, false, 0},
    {"plane, very far", 4000, 2, 0.1, VERY_FAR, 0.3, 0, false, false, 0},
    {"plane, y far, s .3", 4000, 2, 0.3, NEAR_PRIOR, 0.03, 3, false, false, 0},
    {"plane, y far, s .05", 4000, 2, 0.05, NEAR_PRIOR, 0.01, 3, false, false, 0},
    {"plane, y far, s .01", 4000, 2, 0.01, ON_ATOMS, 0.003, 4, false, false, 0},
    {"plane, little noise", 4000, 2, 0.2, NEAR_POSTERIOR, 0.001, 0, false, false, 0},
    {"plane, repeated atoms", 4000, 2, 0.1, NEAR_PRIOR, 0.3, 0, true, false, 0},
    {"plane, away from the origin", 4000, 2, 0.5, NEAR_PRIOR, 0.3, 0, false, false, 50},
    {"plane, s .2, dense", 40000, 2, 0.2, NEAR_PRIOR, 0.3, 0, false, false, 0},
    {"space, s 100", 4000, 3, 100, NEAR_PRIOR, 0.5, 0, false, false, 0},
    {"space, s 3", 4000, 3, 3, NEAR_PRIOR, 0.3, 0, false, false, 0},
    {"space, s 1", 4000, 3, 1, NEAR_POSTERIOR, 0.3, 0, false, true, 0},
    {"space, s .1", 4000, 3, 0.1, NEAR_POSTERIOR, 0.3, 0, false, false, 0},
    {"space, y far", 4000, 3, 0.5, NEAR_PRIOR, 0.05, 3, false, false, 0},
    {"space, s .5, dense", 40000, 3, 0.5, FAR, 0.3, 0, false, false, 0},
};

enum { STATES = 21, STEP = 3 };

/* What is true of a state. */
typedef struct truth {
  long double log_sum[2], mean[2][3], covariance[3][3];
  double rounding[2];
} truth;

typedef struct setting {
  fsl_ctx *ctx;
  const property *p;
  double *atoms, *log_weight, *l, *x;
  fsl_tree *tree;
  fsl_oracle oracle;
  long double *w;
  truth truth[STATES]; /* of every third one */
  double a, v, length, scale;
} setting;

static void make_atoms(setting *s) {
  const property *p = s->p;
  s->atoms = normals(s->ctx, 1, p->n * p->d);
  s->l = reals(s->ctx, p->n);
  s->log_weight = p->weighted ? reals(s->ctx, p->n) : NULL;
  for (size_t i = 0; i < p->n; ++i) {
    if (p->repeated) memcpy(s->atoms + i * p->d, s->atoms + (i - i % 8) * p->d, p->d * sizeof *s->atoms);
    for (size_t j = 0; j < p->d && !p->repeated; ++j) s->atoms[i * p->d + j] *= 0.3;
    if (!p->repeated) s->atoms[i * p->d] += i % 3 == 0 ? 0.8 : -0.4;
    const double residual = (s->atoms[i * p->d] - 0.6 - p->y_shift) / p->sigma;
    s->l[i] = -0.5 * residual * residual;
    if (p->weighted) s->log_weight[i] = i % 5 == 2 ? -INFINITY : -10.0 - 0.002 * (double)i;
    for (size_t j = 0; j < p->d; ++j) s->atoms[i * p->d + j] += p->offset;
  }
}

static double away(place where) {
  return where == FAR ? 5.0 : where == VERY_FAR ? 60.0 : 0.0;
}

/* a near 1 at small s, as on a real path. */
static void make_states(setting *s) {
  const property *p = s->p;
  s->a = 1.0 / sqrt(1.0 + p->s * p->s);
  s->v = p->s * p->s * s->a * s->a;
  s->x = normals(s->ctx, 2, STATES * p->d);
  for (size_t i = 0; i < STATES; ++i) {
    size_t atom = i * 97 % p->n;
    for (size_t k = 0; k < p->n && p->place == NEAR_POSTERIOR; ++k) /* a likely one */
      if (s->l[(atom + k) % p->n] > -1.0) {
        atom = (atom + k) % p->n;
        break;
      }
    for (size_t j = 0; j < p->d; ++j) {
      const double noise = s->x[i * p->d + j] * p->s;
      const double z = s->atoms[atom * p->d + j] + (p->place == ON_ATOMS ? 0.3 : 1.0) * noise + away(p->place);
      s->x[i * p->d + j] = s->a * z;
    }
  }
}

/* What the bounds leave out: rounding, of the exponents of the atoms that matter and of the sums. */
static double rounding(const setting *s, const double *x) {
  double size = 0.0;
  for (size_t i = 0; i < s->p->n; ++i) {
    double square = 0.0;
    for (size_t j = 0; j < s->p->d; ++j) {
      const double delta = x[j] / s->a - s->atoms[i * s->p->d + j], slip = fabs(x[j] / s->a) + s->scale;
      square += delta * delta + 4.0 * fabs(delta) * slip; /* slip: x/a and x_i are off by this times 1e-16 */
    }
    if (s->w[i] > 1e-18L) size = fmax(size, 0.5 * square / (s->v / (s->a * s->a)) + fabs(s->l[i]));
  }
  return 1e-14 + 4e-16 * size;
}

static void find_truth(setting *s, size_t i) {
  const size_t d = s->p->d;
  truth *t = &s->truth[i];
  for (int side = 1; side >= 0; --side) {
    t->log_sum[side] = fsl_oracle_weights(&s->oracle, side == 1, s->a, s->v, s->x + i * d, s->w);
    t->rounding[side] = rounding(s, s->x + i * d);
    fsl_oracle_mean(&s->oracle, s->w, d, s->atoms, t->mean[side]);
  }
  for (size_t j = 0; j < d; ++j)
    for (size_t k = 0; k < d; ++k) {
      long double sum = 0.0L;
      for (size_t n = 0; n < s->p->n; ++n)
        sum += s->w[n] * ((long double)s->atoms[n * d + j] - t->mean[0][j]) *
               ((long double)s->atoms[n * d + k] - t->mean[0][k]);
      t->covariance[j][k] = sum;
    }
}

static setting *open_setting(const property *p) {
  fsl_ctx *ctx = open_ctx();
  setting *s = fsl_arena_get(ctx->arena, 1, sizeof *s);
  assert_non_null(s);
  s->ctx = ctx;
  s->p = p;
  make_atoms(s);
  make_states(s);
  s->oracle = (fsl_oracle){.n = p->n, .d = p->d, .x = s->atoms, .log_weight = s->log_weight, .log_likelihood = s->l};
  s->w = fsl_arena_get(ctx->arena, p->n, sizeof *s->w);
  for (size_t i = 0; i < p->n * p->d; ++i) s->scale = fmax(s->scale, fabs(s->atoms[i]));
  for (size_t i = 0; i < STATES; i += STEP) find_truth(s, i);
  return s;
}

static void plant(setting *s, double tolerance) {
  const double spread = sqrt(s->v) / s->a;
  OK(s->ctx, fsl_tree_create(s->ctx, s->p->n, s->p->d, s->atoms, s->log_weight, s->l, tolerance, &s->tree));
  s->length = s->tree->spread > 0.0 ? fmin(s->tree->spread, spread) : spread;
}

static double distance(size_t d, const double *got, const long double *want) {
  double square = 0.0;
  for (size_t j = 0; j < d; ++j) {
    const double delta = (double)((long double)got[j] - want[j]);
    square += delta * delta;
  }
  return sqrt(square);
}

static void expect(const setting *s, const char *what, double error, double bound, double promised, double slack) {
  if (!(error <= bound + slack) || !(bound <= promised))
    fail_msg("%s, %s, tolerance %g: %s is off by %.3g, bound %.3g, promised %.3g (rounding %.3g)",
             s->tree->kernel->name, s->p->name, s->tree->tolerance, what, error, bound, promised, slack);
}

static void check_moments(const setting *s) {
  const size_t d = s->p->d;
  const double promised = s->tree->tolerance * s->length;
  double mean[2][STATES * 3], log_sum[2][STATES], bound[2][STATES], log_bound[2][STATES];
  double alone[STATES * 3], alone_bound[STATES];
  const fsl_tree_results out = {mean[0],  mean[1],  log_sum[0],   log_sum[1],
                                bound[0], bound[1], log_bound[0], log_bound[1]};
  const fsl_tree_results prior = {.mean = alone, .mean_bound = alone_bound};
  OK(s->ctx, fsl_tree_moments(s->ctx, s->tree, s->a, s->v, STATES, s->x, &out));
  OK(s->ctx, fsl_tree_moments(s->ctx, s->tree, s->a, s->v, STATES, s->x, &prior));
  for (size_t i = 0; i < STATES; i += STEP) {
    const truth *t = &s->truth[i];
    for (int side = 0; side < 2; ++side) {
      const double slack = t->rounding[side], size = 1 + fabs((double)t->log_sum[side]);
      expect(s, side == 0 ? "m" : "m~", distance(d, mean[side] + i * d, t->mean[side]), bound[side][i], promised,
             slack * s->scale);
      expect(s, side == 0 ? "log S" : "log S~", distance(1, &log_sum[side][i], &t->log_sum[side]), log_bound[side][i],
             s->tree->tolerance, slack * size);
    }
    expect(s, "m alone", distance(d, alone + i * d, t->mean[0]), alone_bound[i], promised, t->rounding[0] * s->scale);
  }
}

/* About the mean that is given, here the tree's own. */
static void check_covariances(const setting *s) {
  const size_t d = s->p->d;
  double mean[STATES * 3], out[STATES * 3], full[STATES * 9], bound[STATES], full_bound[STATES];
  const double *u = normals(s->ctx, 3, STATES * d);
  const double unit = s->tree->tolerance * s->length * s->length;
  const fsl_tree_results moments = {.mean = mean};
  OK(s->ctx, fsl_tree_moments(s->ctx, s->tree, s->a, s->v, STATES, s->x, &moments));
  OK(s->ctx, fsl_tree_covariance_times(s->ctx, s->tree, s->a, s->v, STATES, s->x, mean, u, out, bound));
  OK(s->ctx, fsl_tree_covariances(s->ctx, s->tree, s->a, s->v, STATES, s->x, mean, full, full_bound));
  for (size_t i = 0; i < STATES; i += STEP) {
    const truth *t = &s->truth[i];
    const double slack = 4 * t->rounding[0] * s->scale * (s->scale + 1);
    long double offset[3], want[9], product[3] = {0};
    double size = 0.0;
    for (size_t j = 0; j < d; ++j) offset[j] = (long double)mean[i * d + j] - t->mean[0][j];
    for (size_t j = 0; j < d; ++j) {
      for (size_t k = 0; k < d; ++k) {
        want[j * d + k] = t->covariance[j][k] + offset[j] * offset[k];
        product[j] += want[j * d + k] * (long double)u[i * d + k];
      }
      size += u[i * d + j] * u[i * d + j];
    }
    size = sqrt(size);
    expect(s, "C u", distance(d, out + i * d, product), size * bound[i], size * unit, size * slack);
    expect(s, "C", distance(d * d, full + i * d * d, want), full_bound[i], unit, 3 * slack);
  }
}

static void over_the_table(void (*check)(const setting *s)) {
  static const double tolerances[] = {1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12};
  for (size_t i = 0; i < sizeof table / sizeof *table; ++i) {
    setting *s = open_setting(&table[i]);
    for (size_t t = 0; t < sizeof tolerances / sizeof *tolerances; ++t) {
      plant(s, tolerances[t]);
      for (size_t k = 0; k < fsl_kernel_count(); ++k) {
        s->tree->kernel = fsl_tree_kernel_at(k);
        check(s);
      }
    }
    close_ctx(s->ctx);
  }
}

static void test_moments_are_off_by_less_than_their_bounds(void **state) {
  (void)state;
  over_the_table(check_moments);
}

static void test_covariances_are_off_by_less_than_their_bounds(void **state) {
  (void)state;
  over_the_table(check_covariances);
}

/* ---- what the bounds are worth ------------------------------------------------------------------------------------
 */

static const property dense = {"dense", 20000, 2, 0.4, NEAR_PRIOR, 0.3, 0, false, false, 0};

/* Plain sums have bounds of 0: where there are many atoms most states must do without them. */
static void test_expansions_are_used(void **state) {
  (void)state;
  setting *s = open_setting(&dense);
  double mean[STATES * 2], bound[STATES];
  size_t expanded = 0;
  plant(s, 1e-8);
  OK(s->ctx, fsl_tree_moments(s->ctx, s->tree, s->a, s->v, STATES, s->x,
                              &(fsl_tree_results){.posterior_mean = mean, .posterior_mean_bound = bound}));
  for (size_t i = 0; i < STATES; ++i) expanded += bound[i] > 0.0;
  assert_true(expanded > STATES / 2);
  close_ctx(s->ctx);
}

static void test_states_that_are_not_finite_get_nan_alone(void **state) {
  (void)state;
  setting *s = open_setting(&dense);
  double mean[STATES * 2], post[STATES * 2], log_sum[STATES], bound[STATES], full[STATES * 4], u[STATES * 2];
  plant(s, 1e-8);
  s->x[6] = NAN;
  s->x[11] = INFINITY;
  OK(s->ctx,
     fsl_tree_moments(
         s->ctx, s->tree, s->a, s->v, STATES, s->x,
         &(fsl_tree_results){.mean = mean, .posterior_mean = post, .posterior_log_sum = log_sum, .mean_bound = bound}));
  OK(s->ctx, fsl_tree_covariances(s->ctx, s->tree, s->a, s->v, STATES, s->x, mean, full, NULL));
  OK(s->ctx, fsl_tree_covariance_times(s->ctx, s->tree, s->a, s->v, STATES, s->x, mean, mean, u, NULL));
  for (size_t i = 0; i < STATES; ++i) {
    const bool bad = i == 3 || i == 5;
    for (size_t j = 0; j < 2; ++j) {
      assert_true(bad == (bool)isnan(mean[2 * i + j]) && bad == (bool)isnan(post[2 * i + j]));
      assert_true(bad == (bool)isnan(full[4 * i + 2 * j]) && bad == (bool)isnan(u[2 * i + j]));
    }
    assert_true(bad == (bool)isnan(log_sum[i]) && bad == (bool)isnan(bound[i]));
  }
  close_ctx(s->ctx);
}

static void test_at_v_zero_the_nearest_atom_takes_all(void **state) {
  (void)state;
  setting *s = open_setting(&dense);
  double mean[STATES * 2];
  plant(s, 1e-8);
  OK(s->ctx, fsl_tree_moments(s->ctx, s->tree, 1.0, 0.0, STATES, s->x, &(fsl_tree_results){.mean = mean}));
  for (size_t i = 0; i < STATES; ++i) {
    size_t best = 0;
    double least = INFINITY;
    for (size_t k = 0; k < s->p->n; ++k) {
      const double dx = s->x[i * 2] - s->atoms[k * 2], dy = s->x[i * 2 + 1] - s->atoms[k * 2 + 1];
      if (dx * dx + dy * dy < least) {
        least = dx * dx + dy * dy;
        best = k;
      }
    }
    assert_true(mean[i * 2] == s->atoms[best * 2] && mean[i * 2 + 1] == s->atoms[best * 2 + 1]);
  }
  close_ctx(s->ctx);
}

static void test_a_tree_takes_the_bytes_it_says(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 100, 5000, 60000};
  fsl_ctx *ctx = open_ctx();
  for (size_t d = 1; d <= 3; ++d)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
      const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
      const double *x = normals(ctx, 5, sizes[i] * d), *l = normals(ctx, 6, sizes[i]);
      const size_t before = fsl_arena_bytes(ctx->arena);
      fsl_tree *tree;
      OK(ctx, fsl_tree_create(ctx, sizes[i], d, x, NULL, l, 1e-8, &tree));
      const size_t taken = fsl_arena_bytes(ctx->arena) - before, said = fsl_tree_bytes(sizes[i], d, 1e-8);
      assert_true(taken <= said + 8192 && said <= taken + 8192);
      fsl_arena_release(ctx->arena, mark);
    }
  assert_true(fsl_tree_bytes(1000000, 2, 1e-8) < 150000000 && fsl_tree_bytes(1000000, 3, 1e-10) < 150000000);
  close_ctx(ctx);
}

static void test_what_a_tree_cannot_do_is_refused(void **state) {
  (void)state;
  fsl_ctx *ctx = open_ctx();
  double x[4] = {0, 1, 2, 3}, l[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY}, out[4];
  fsl_tree *tree;
  assert_int_equal(fsl_tree_create(ctx, 1, 4, x, NULL, NULL, 1e-8, &tree), FSL_EINTERNAL);
  assert_int_equal(fsl_tree_create(ctx, 4, 1, x, NULL, NULL, 0.0, &tree), FSL_EINTERNAL);
  assert_int_equal(fsl_tree_create(ctx, 4, 1, x, NULL, l, 1e-8, &tree), FSL_ENUMERIC);
  OK(ctx, fsl_tree_create(ctx, 4, 1, x, NULL, NULL, 1e-8, &tree));
  OK(ctx, fsl_tree_moments(ctx, tree, 1.0, 1.0, 4, x, &(fsl_tree_results){.mean = out}));
  assert_int_equal(fsl_tree_moments(ctx, tree, 1.0, 1.0, 4, x, &(fsl_tree_results){.posterior_mean = out}),
                   FSL_EINTERNAL);
  x[2] = NAN;
  assert_int_equal(fsl_tree_create(ctx, 4, 1, x, NULL, NULL, 1e-8, &tree), FSL_ENUMERIC);
  close_ctx(ctx);
}

/* ---- parts
 * ----------------------------------------------------------------------------------------------------------- */

static void test_moments_of_atoms_are_their_powers(void **state) {
  (void)state;
  enum { N = 13, DEGREE = 9 };
  fsl_ctx *ctx = open_ctx();
  for (size_t kernel = 0; kernel < fsl_kernel_count(); ++kernel)
    for (size_t d = 1; d <= 3; ++d) {
      const double centre[3] = {0.1, -0.2, 0.3}, radius = 2.5;
      const double *x = normals(ctx, 7, N * d), *w0 = normals(ctx, 8, N), *w1 = normals(ctx, 9, N);
      const double *const weight[2] = {w0, w1};
      const size_t terms = fsl_tree_terms(d, DEGREE);
      double *const out[2] = {reals(ctx, terms), reals(ctx, terms)};
      fsl_tree_kernel_at(kernel)->moments(N, d, x, weight, centre, radius, DEGREE,
                                          reals(ctx, fsl_tree_scratch(d, DEGREE)), out);
      size_t at = 0;
      for (size_t i = 0; i <= (d == 3 ? DEGREE : 0); ++i)
        for (size_t j = 0; j <= (d >= 2 ? DEGREE - i : 0); ++j)
          for (size_t k = 0; k <= DEGREE - i - j; ++k, ++at)
            for (int side = 0; side < 2; ++side) {
              const size_t power[3] = {d == 3 ? i : d == 2 ? j : k, d == 3 ? j : k, k};
              long double want = 0.0L, size = 0.0L;
              for (size_t n = 0; n < N; ++n) {
                long double term = weight[side][n];
                for (size_t c = 0; c < d; ++c)
                  term *= powl(((long double)x[n * d + c] - centre[c]) / radius, power[c]) / tgammal(power[c] + 1.0L);
                want += term;
                size += fabsl(term);
              }
              assert_true(fabsl((long double)out[side][at] - want) <= 1e-14L * size);
            }
      assert_int_equal(at, terms);
    }
  close_ctx(ctx);
}

/* A tree's higher nodes get theirs from their children. */
static void test_moments_of_higher_nodes_are_those_of_their_atoms(void **state) {
  (void)state;
  fsl_ctx *ctx = open_ctx();
  for (size_t d = 1; d <= 3; ++d) {
    const size_t n = 3000;
    const double *l = normals(ctx, 11, n);
    fsl_tree *tree;
    OK(ctx, fsl_tree_create(ctx, n, d, normals(ctx, 10, n * d), NULL, l, 1e-6, &tree));
    const size_t degree = tree->degree[0], terms = fsl_tree_terms(d, degree);
    double *const out[2] = {reals(ctx, terms), reals(ctx, terms)};
    double *weight[2] = {reals(ctx, n), reals(ctx, n)};
    for (size_t i = 0; i < n; ++i) {
      weight[0][i] = 1.0 / (double)n;
      weight[1][i] = exp(tree->log_weight[i] + tree->log_likelihood[i] - tree->node->side[1].log_weight);
    }
    tree->kernel->moments(n, d, tree->x, (const double *const[2]){weight[0], weight[1]}, tree->node->centre,
                          tree->node->radius, degree, reals(ctx, fsl_tree_scratch(d, degree)), out);
    for (size_t k = 0; k < terms; ++k)
      for (int side = 0; side < 2; ++side) assert_true(fabs(out[side][k] - tree->node->moment[side][k]) <= 5e-14);
  }
  close_ctx(ctx);
}

static void test_a_split_puts_the_lower_half_first(void **state) {
  (void)state;
  enum { N = 501 };
  fsl_split_point point[N];
  for (size_t equal = 1; equal <= N; equal = equal * 3 + 1)
    for (size_t lower = 0; lower <= N; lower += 83) {
      double z[N];
      size_t seen = 0;
      fsl_normals((fsl_key){{1, 5}}, 0, 0, N, z);
      for (size_t i = 0; i < N; ++i) point[i] = (fsl_split_point){{0.1 * z[i], z[i - i % equal], 0}, i};
      fsl_split(3, point, N, lower);
      double most = -INFINITY, least = INFINITY;
      for (size_t i = 0; i < N; ++i) {
        if (i < lower) most = fmax(most, point[i].x[equal < N ? 1 : 0]);
        if (i >= lower) least = fmin(least, point[i].x[equal < N ? 1 : 0]);
        seen += point[i].index;
      }
      assert_true(most <= least);
      assert_int_equal(seen, N * (N - 1) / 2);
    }
}

/* ---- teams
 * ----------------------------------------------------------------------------------------------------------- */

enum { TEAM_N = 3000, TEAM_STATES = 83 };

typedef struct answers {
  double mean[TEAM_STATES * 2], post[TEAM_STATES * 2], log_sum[TEAM_STATES], bound[TEAM_STATES], full[TEAM_STATES * 4];
} answers;

typedef struct question {
  const double *atoms, *l, *x;
  answers answer[SIMULATED_MOST];
  fsl_status status[SIMULATED_MOST];
  size_t states;  /* that are asked about */
  int in_trouble; /* rank whose stop flag is up; -1: none */
} question;

static fsl_status ask(fsl_ctx *ctx, const question *q, answers *out) {
  const sig_atomic_t stop = 1;
  fsl_tree *tree;
  FSL_TRY(fsl_tree_create(ctx, TEAM_N, 2, q->atoms, NULL, q->l, 1e-8, &tree));
  if (q->in_trouble == ctx->team->rank) ctx->stop = &stop;
  const fsl_tree_results results = {
      .mean = out->mean, .posterior_mean = out->post, .log_sum = out->log_sum, .posterior_mean_bound = out->bound};
  FSL_TRY(fsl_tree_moments(ctx, tree, 0.9, 0.1, q->states, q->x, &results));
  return fsl_tree_covariances(ctx, tree, 0.9, 0.1, q->states, q->x, out->mean, out->full, NULL);
}

static void body(fsl_ctx *ctx, void *data) {
  question *q = data;
  const int rank = ctx->team->rank;
  memset(&q->answer[rank], 0, sizeof q->answer[rank]);
  q->status[rank] = fsl_team_agree(ctx, ask(ctx, q, &q->answer[rank]));
}

static void with_a_question(void (*check)(question *q)) {
  fsl_ctx *ctx = open_ctx();
  question *q = fsl_arena_get(ctx->arena, 1, sizeof *q);
  double *x = normals(ctx, 22, TEAM_STATES * 2);
  x[20] = NAN;
  *q = (question){.atoms = normals(ctx, 20, TEAM_N * 2),
                  .l = normals(ctx, 21, TEAM_N),
                  .x = x,
                  .states = TEAM_STATES,
                  .in_trouble = -1};
  check(q);
  close_ctx(ctx);
}

static void check_bits(question *q) {
  simulate(1, body, q);
  assert_int_equal(q->status[0], FSL_OK);
  const answers solo = q->answer[0];
  for (int size = 2; size <= SIMULATED_MOST; size *= 2) {
    simulate(size, body, q);
    for (int rank = 0; rank < size; ++rank) {
      assert_int_equal(q->status[rank], FSL_OK);
      assert_memory_equal(&q->answer[rank], &solo, sizeof solo);
    }
  }
}

static void check_trouble_of(question *q, size_t states) {
  q->states = states;
  for (int size = 2; size <= SIMULATED_MOST; size *= 2)
    for (int rank = 0; rank < size; rank += 3) {
      q->in_trouble = rank;
      simulate(size, body, q);
      for (int r = 0; r < size; ++r) assert_int_equal(q->status[r], FSL_ESTOP);
    }
}

/* Some ranks, and all but the first, have no group of states, however many lanes a group has. */
static void check_trouble(question *q) {
  check_trouble_of(q, TEAM_STATES);
  check_trouble_of(q, 1);
}

static void test_answers_have_the_same_bits_for_every_team_size(void **state) {
  (void)state;
  with_a_question(check_bits);
}

static void test_a_rank_that_stops_takes_the_others_along(void **state) {
  (void)state;
  with_a_question(check_trouble);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_split_puts_the_lower_half_first),
      cmocka_unit_test(test_moments_of_atoms_are_their_powers),
      cmocka_unit_test(test_moments_of_higher_nodes_are_those_of_their_atoms),
      cmocka_unit_test(test_moments_are_off_by_less_than_their_bounds),
      cmocka_unit_test(test_covariances_are_off_by_less_than_their_bounds),
      cmocka_unit_test(test_expansions_are_used),
      cmocka_unit_test(test_states_that_are_not_finite_get_nan_alone),
      cmocka_unit_test(test_at_v_zero_the_nearest_atom_takes_all),
      cmocka_unit_test(test_a_tree_takes_the_bytes_it_says),
      cmocka_unit_test(test_what_a_tree_cannot_do_is_refused),
      cmocka_unit_test(test_answers_have_the_same_bits_for_every_team_size),
      cmocka_unit_test(test_a_rank_that_stops_takes_the_others_along),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
