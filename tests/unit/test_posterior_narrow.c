/* The kernels of few dimensions, on every instruction set of this machine, against the long-double oracle. */
#include "posterior_problem.h"

#include <stdio.h>

#include "posterior/oracle.h"

enum { MOST_D = 9, TILES = 2 }; /* one dimension more than they take: the seam to the general kernels */

typedef struct trial {
  const char *name;
  size_t n;
  double v;
  double sharpness;  /* l_i = -sharpness |x_i - target|^2 */
  double spread;     /* of the states about their atoms */
  bool weighted;     /* one atom in five without weight */
  bool impossible;   /* one atom in three, and the whole of every second chunk, cannot have given y */
  bool repeated;     /* atoms come four times each */
  bool needs_repair; /* the posterior's mass lies where exp(logit - M) underflows, for some states */
} trial;

static const trial trials[] = {
    {"one atom", 1, 0.4, 1, 1, false, false, false, false},
    {"three atoms", 3, 0.4, 1, 1, false, false, false, false},
    {"one chunk", 64, 0.4, 1, 1, false, false, false, false},
    {"two chunks", 128, 0.4, 1, 1, false, false, false, false},
    {"one atom over", 129, 0.4, 1, 1, false, false, false, false},
    {"odd", 331, 0.3, 2, 0.5, false, false, false, false},
    {"weighted", 331, 0.3, 2, 0.5, true, false, false, false},
    {"impossible atoms", 331, 0.3, 2, 0.5, true, true, false, false},
    {"repeated atoms", 240, 0.3, 2, 0.5, false, false, true, false},
    {"close", 331, 1e-4, 2, 0.01, false, false, false, false},
    {"on atoms, sharp likelihood", 331, 4e-4, 1e5, 0, false, false, false, true},
    {"near atoms, sharp likelihood", 262, 1e-3, 1e6, 0.02, true, true, false, true},
    {"sharp likelihood, broad prior", 262, 100, 1e6, 1, false, false, false, false},
    {"tiny v", 200, 1e-12, 1e3, 1e-7, false, false, false, true},
    {"huge v", 200, 1e12, 1, 1, false, false, false, false},
    {"far", 200, 0.3, 1, 300, false, false, false, false},
};

typedef struct setting {
  fsl_ctx *ctx;
  const trial *trial;
  const fsl_kernel *kernel;
  size_t d, lanes, states;
  fsl_oracle oracle;
  fsl_block block;
  double *x; /* (states, d) */
  double scale;
} setting;

static void set_likelihoods(setting *s, const double *x) {
  const size_t n = s->trial->n, chunks = (n + FSL_CHUNK - 1) / FSL_CHUNK;
  double *l = reals(s->ctx, n), *likelihood = reals(s->ctx, n), *most = constant(s->ctx, chunks, FSL_FLOOR);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < s->d; ++j) l[i] -= s->trial->sharpness * (x[i * s->d + j] - 0.3) * (x[i * s->d + j] - 0.3);
    if (s->trial->impossible && (i % 3 == 1 || i / FSL_CHUNK % 2 == 1)) l[i] = -INFINITY;
    most[i / FSL_CHUNK] = fmax(most[i / FSL_CHUNK], l[i]);
  }
  for (size_t i = 0; i < n; ++i) likelihood[i] = exp(l[i] - most[i / FSL_CHUNK]);
  s->block.log_likelihood = l;
  s->block.likelihood = likelihood;
  s->block.chunk_max = most;
}

static setting open_setting(const trial *t, const fsl_kernel *kernel, size_t d) {
  setting s = {.ctx = open_ctx(), .trial = t, .kernel = kernel, .d = d, .lanes = kernel->lanes};
  const size_t n = t->n;
  double *x = normals(s.ctx, 1, n * d), *log_weight = reals(s.ctx, n);
  for (size_t i = 0; i < n && t->repeated; ++i) memcpy(x + i * d, x + (i - i % 4) * d, d * sizeof *x);
  for (size_t i = 0; i < n * d; ++i) s.scale = fmax(s.scale, fabs(x[i]));
  for (size_t i = 0; i < n; ++i) log_weight[i] = i % 5 == 2 ? -INFINITY : -0.01 * (double)i;
  s.block = (fsl_block){.n = n, .d = d, .x = x, .p = d, .payload = x, .q = d, .inner = x};
  s.block.log_weight = t->weighted ? log_weight : NULL;
  set_likelihoods(&s, x);
  s.oracle = (fsl_oracle){n, d, d, x, t->weighted ? log_weight : constant(s.ctx, n, 0.0), s.block.log_likelihood, x};
  s.states = TILES * s.lanes;
  s.x = normals(s.ctx, 2, s.states * d);
  for (size_t i = 0; i < s.states; ++i)
    for (size_t j = 0; j < d; ++j) s.x[i * d + j] = x[i * 17 % n * d + j] + t->spread * s.x[i * d + j];
  return s;
}

static fsl_tile tile_of(const setting *s, size_t first, bool posterior) {
  double *x = reals(s->ctx, s->d * s->lanes);
  fsl_lanes_pack(s->lanes, s->states, s->d, 1.0, s->x, first, x);
  return (fsl_tile){.h = fsl_precision(1.0, s->trial->v),
                    .x = x,
                    .posterior = posterior,
                    .max = reals(s->ctx, s->lanes),
                    .sum = reals(s->ctx, s->lanes),
                    .vec = reals(s->ctx, s->d * s->lanes),
                    .post_max = reals(s->ctx, s->lanes),
                    .post_sum = reals(s->ctx, s->lanes),
                    .post_vec = reals(s->ctx, s->d * s->lanes)};
}

static void for_all(void (*check)(const setting *s)) {
  for (size_t k = 0; k < fsl_kernel_count(); ++k)
    for (size_t i = 0; i < sizeof trials / sizeof *trials; ++i)
      for (size_t d = 1; d <= MOST_D; ++d) {
        const setting s = open_setting(&trials[i], fsl_kernel_at(k), d);
        check(&s);
        close_ctx(s.ctx);
      }
}

/* What double arithmetic may lose in the logits of the atoms that matter. */
static double rounding(const setting *s, bool posterior, const long double *w, const double *x) {
  double size = 0.0;
  for (size_t i = 0; i < s->trial->n; ++i) {
    double distance = 0.0;
    for (size_t j = 0; j < s->d; ++j) distance += pow(x[j] - s->oracle.x[i * s->d + j], 2);
    const double l = posterior ? s->oracle.log_likelihood[i] : 0.0;
    if (w[i] > 1e-18L) size = fmax(size, distance / (2 * s->trial->v) + fabs(l) + fabs(s->oracle.log_weight[i]));
  }
  return 2e-14 + 4e-16 * size * (2 + sqrt((double)s->d));
}

static void expect(const setting *s, const char *what, size_t k, double got, long double want, double allowed) {
  if (!(fabsl((long double)got - want) <= (long double)allowed))
    fail_msg("%s, %s, d = %zu, state %zu: %s is %.17g, not %.17Lg (error %.3Lg, allowed %.3g)", s->kernel->name,
             s->trial->name, s->d, k, what, got, want, fabsl((long double)got - want), allowed);
}

static void check_side(const setting *s, const fsl_tile *tile, size_t first, size_t k, bool posterior) {
  const double *max = posterior ? tile->post_max : tile->max, *sum = posterior ? tile->post_sum : tile->sum;
  const double *vec = posterior ? tile->post_vec : tile->vec, *x = s->x + (first + k) * s->d;
  long double *w = fsl_arena_get(s->ctx->arena, s->trial->n, sizeof *w), want[MOST_D];
  const long double density = fsl_oracle_weights(&s->oracle, posterior, 1.0, s->trial->v, x, w);
  const double slack = rounding(s, posterior, w, x);
  fsl_oracle_mean(&s->oracle, w, s->d, s->oracle.x, want);
  expect(s, "log density", first + k, max[k] + log(sum[k]), density, slack * (1 + fabs((double)density)));
  for (size_t j = 0; j < s->d; ++j)
    expect(s, posterior ? "posterior mean" : "mean", first + k, vec[j * s->lanes + k] / sum[k], want[j],
           slack * s->scale);
}

static bool any_atom_counts(const setting *s) {
  for (size_t i = 0; i < s->trial->n; ++i)
    if (s->oracle.log_likelihood[i] > -INFINITY && s->oracle.log_weight[i] > -INFINITY) return true;
  return false;
}

static void check_means(const setting *s) {
  for (size_t first = 0; first < s->states; first += s->lanes) {
    const fsl_tile tile = tile_of(s, first, true);
    s->kernel->means(&s->block, &tile);
    for (size_t k = 0; k < s->lanes; ++k) {
      check_side(s, &tile, first, k, false);
      if (any_atom_counts(s)) check_side(s, &tile, first, k, true);
    }
  }
}

static void test_both_means_agree_with_long_double(void **state) {
  (void)state;
  for_all(check_means);
}

/* log of the posterior's sum against the prior's largest term and the largest likelihood. */
static long double depth(const setting *s, size_t k) {
  long double *w = fsl_arena_get(s->ctx->arena, s->trial->n, sizeof *w), logit = -INFINITY, l = -INFINITY;
  const long double post = fsl_oracle_weights(&s->oracle, true, 1.0, s->trial->v, s->x + k * s->d, w);
  for (size_t i = 0; i < s->trial->n; ++i) {
    long double distance = 0;
    for (size_t j = 0; j < s->d; ++j) {
      const long double delta = (long double)s->x[k * s->d + j] - (long double)s->oracle.x[i * s->d + j];
      distance += delta * delta;
    }
    logit = fmaxl(logit, (long double)s->oracle.log_weight[i] - distance / (2 * (long double)s->trial->v));
    l = fmaxl(l, (long double)s->oracle.log_likelihood[i]);
  }
  return post - logit - l;
}

/* One exponential a pair cannot do for these; and for others of the same tile it can. */
static void check_repair(const setting *s) {
  size_t deep = 0, shallow = 0;
  for (size_t k = 0; k < s->states; ++k) {
    deep += depth(s, k) < -750;
    shallow += depth(s, k) > -600;
  }
  assert_true(s->trial->needs_repair == (deep > 0));
  assert_true(shallow > 0);
}

static void test_some_states_need_a_softmax_of_their_own(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof trials / sizeof *trials; ++i) {
    setting s = open_setting(&trials[i], fsl_kernel_chosen(), 2);
    s.x[0] = s.x[1] = 0.3; /* close to the likelihood's peak */
    check_repair(&s);
    close_ctx(s.ctx);
  }
}

static void check_fewer_questions(const setting *s) {
  const size_t size = s->lanes * sizeof(double);
  const fsl_tile both = tile_of(s, 0, true), prior = tile_of(s, 0, false), densities = tile_of(s, 0, true);
  fsl_block no_payload = s->block;
  no_payload.p = 0;
  s->kernel->means(&s->block, &both);
  s->kernel->means(&s->block, &prior);
  s->kernel->means(&no_payload, &densities);
  assert_memory_equal(both.max, prior.max, size);
  assert_memory_equal(both.max, densities.max, size);
  assert_memory_equal(both.post_max, densities.post_max, size);
  for (size_t k = 0; k < s->lanes; ++k) {
    expect(s, "sum", k, prior.sum[k], (long double)both.sum[k], 1e-15 * both.sum[k]);
    expect(s, "sum of densities", k, densities.sum[k], (long double)both.sum[k], 1e-15 * both.sum[k]);
    expect(s, "posterior sum", k, densities.post_sum[k], (long double)both.post_sum[k], 1e-15 * both.post_sum[k]);
    for (size_t j = k; j < s->d * s->lanes; j += s->lanes)
      expect(s, "sums of one side", k, prior.vec[j], (long double)both.vec[j], 2e-14 * s->scale * both.sum[k]);
  }
}

static void test_one_side_and_densities_alone_are_the_same(void **state) {
  (void)state;
  for_all(check_fewer_questions);
}

/* Every state again with its tile full of others, at another place. */
static void check_neighbours(const setting *s) {
  const fsl_tile before = tile_of(s, 0, true);
  s->kernel->means(&s->block, &before);
  for (size_t shift = 1; shift < s->lanes; shift += 2) {
    const fsl_tile after = tile_of(s, shift, true);
    s->kernel->means(&s->block, &after);
    for (size_t k = shift; k < s->lanes; ++k) {
      assert_true(after.max[k - shift] == before.max[k] && after.sum[k - shift] == before.sum[k]);
      assert_true(after.post_max[k - shift] == before.post_max[k] && after.post_sum[k - shift] == before.post_sum[k]);
      for (size_t j = 0; j < s->d * s->lanes; j += s->lanes)
        assert_true(after.vec[j + k - shift] == before.vec[j + k] &&
                    after.post_vec[j + k - shift] == before.post_vec[j + k]);
    }
  }
}

static void test_a_state_does_not_depend_on_its_neighbours(void **state) {
  (void)state;
  for_all(check_neighbours);
}

static void check_cross(const setting *s) {
  fsl_tile tile = tile_of(s, 0, false);
  const double *u = normals(s->ctx, 3, s->d * s->lanes);
  double *centre = reals(s->ctx, s->d * s->lanes);
  long double *w = fsl_arena_get(s->ctx->arena, s->trial->n, sizeof *w), want[MOST_D], mean[MOST_D];
  s->kernel->means(&s->block, &tile);
  for (size_t j = 0; j < s->d * s->lanes; ++j) centre[j] = tile.vec[j] / tile.sum[j % s->lanes];
  tile.payload_centre = tile.inner_centre = centre;
  tile.u = u;
  s->kernel->cross(&s->block, &tile);
  for (size_t k = 0; k < s->lanes; ++k) {
    double along[MOST_D], spread = 0.0, length = 0.0;
    fsl_oracle_weights(&s->oracle, false, 1.0, s->trial->v, s->x + k * s->d, w);
    fsl_oracle_mean(&s->oracle, w, s->d, s->oracle.x, mean);
    for (size_t j = 0; j < s->d; ++j) along[j] = u[j * s->lanes + k];
    for (size_t j = 0; j < s->d; ++j) length += fabs(along[j]);
    for (size_t i = 0; i < s->trial->n; ++i)
      for (size_t j = 0; j < s->d; ++j)
        spread += (double)(w[i] * powl((long double)s->oracle.x[i * s->d + j] - mean[j], 2));
    fsl_oracle_cross(&s->oracle, w, s->d, s->oracle.x, s->d, s->oracle.x, along, want);
    const double slack = rounding(s, false, w, s->x + k * s->d);
    for (size_t j = 0; j < s->d; ++j)
      expect(s, "C u", k, tile.vec[j * s->lanes + k] / tile.sum[k], want[j],
             10 * length * (slack * spread + pow(slack * s->scale, 2) + 1e-16 * s->scale * sqrt(spread)));
  }
}

static void test_second_moments_agree_with_long_double(void **state) {
  (void)state;
  for_all(check_cross);
}

static size_t nearest(const setting *s, const double *x) {
  size_t best = 0;
  double least = INFINITY;
  for (size_t i = 0; i < s->trial->n; ++i) {
    double distance = 0.0;
    for (size_t j = 0; j < s->d; ++j) distance += pow(x[j] - s->block.x[i * s->d + j], 2);
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return best;
}

static void test_at_v_zero_the_nearest_atom_takes_all(void **state) {
  (void)state;
  static const trial still = {"v zero", 200, 0.0, 1e3, 0.1, false, false, false, true};
  for (size_t k = 0; k < fsl_kernel_count(); ++k)
    for (size_t d = 1; d < MOST_D; ++d) {
      const setting s = open_setting(&still, fsl_kernel_at(k), d);
      const fsl_tile tile = tile_of(&s, 0, true);
      s.kernel->means(&s.block, &tile);
      for (size_t i = 0; i < s.lanes; ++i) {
        const double *atom = s.block.x + nearest(&s, s.x + i * d) * d;
        for (size_t j = 0; j < d; ++j) {
          assert_true(tile.vec[j * s.lanes + i] / tile.sum[i] == atom[j]);
          expect(&s, "posterior mean", i, tile.post_vec[j * s.lanes + i] / tile.post_sum[i], (long double)atom[j],
                 4e-16 * fabs(atom[j]));
        }
      }
      close_ctx(s.ctx);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_both_means_agree_with_long_double),
      cmocka_unit_test(test_some_states_need_a_softmax_of_their_own),
      cmocka_unit_test(test_one_side_and_densities_alone_are_the_same),
      cmocka_unit_test(test_a_state_does_not_depend_on_its_neighbours),
      cmocka_unit_test(test_second_moments_agree_with_long_double),
      cmocka_unit_test(test_at_v_zero_the_nearest_atom_takes_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
