/* Priors: what each kind builds, training sets that shards agree on, rows held out of files, and what is refused. */
#include "problem_params.h"

#include <hdf5.h>

#include <unistd.h>

static const fsl_prior_setting simulated = {.seed = 7, .simulated_y = true}, fixed = {.seed = 7};
static const fsl_key key = {{21, 34}};

static fsl_prior make(fsl_ctx *ctx, const fsl_prior_kind *kind, const void *params, fsl_prior_setting setting) {
  fsl_prior out;
  const char *bad = NULL;
  if (fsl_prior_create(ctx, kind, params, &setting, &out, &bad) != FSL_OK)
    fail_msg("%s: %s", bad == NULL ? "-" : bad, ctx->error);
  assert_true(out.d == out.population.d && out.population.n_modes > 0 && out.mode_names != NULL);
  return out;
}

static void expect_refusal(fsl_ctx *ctx, const fsl_prior_kind *kind, const void *params, fsl_prior_setting setting,
                           const char *name) {
  fsl_prior out;
  const char *bad = NULL;
  ctx->error[0] = '\0';
  assert_int_equal(fsl_prior_create(ctx, kind, params, &setting, &out, &bad), FSL_EINPUT);
  assert_true(ctx->error[0] != '\0' && bad != NULL);
  assert_string_equal(bad, name);
}

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

static const double atoms[8] = {0, 1, 2, -1, -0.0, 1, 3, 3}, weights4[4] = {1, 2, 0, 1};

static void equal_atoms_of_a_discrete_prior_are_one_mode(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_kind *const head = &fsl_prior_discrete.head;
  void *const params = defaults(&ctx, head);
  set_matrix(head, params, "atoms", 4, 2, atoms);
  fsl_prior prior = make(&ctx, &fsl_prior_discrete, params, simulated);
  assert_true(fsl_mixture_is_atomic(&prior.population) && prior.population.n == 4 && prior.population.n_modes == 3);
  assert_int_equal(fsl_mixture_mode(&prior.population, 2), fsl_mixture_mode(&prior.population, 0));
  assert_true(fabs(exp(prior.population.log_weight[3]) - 0.25) < 1e-15);
  set_vector(head, params, "weights", 4, weights4);
  prior = make(&ctx, &fsl_prior_discrete, params, simulated);
  assert_true(fabs(exp(prior.population.log_weight[1]) - 0.5) < 1e-15);
  assert_true(prior.population.log_weight[2] == -INFINITY);
  fsl_arena_destroy(ctx.arena);
}

static void a_prior_without_files_is_named_by_its_parameters_alone(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_kind *const head = &fsl_prior_discrete.head;
  void *const params = defaults(&ctx, head);
  set_matrix(head, params, "atoms", 4, 2, atoms);
  fsl_hasher *const hasher = fsl_hasher_create(ctx.arena);
  assert_non_null(hasher);
  fsl_hash_text(hasher, "prior");
  assert_int_equal(fsl_kind_hash(&ctx, head, params, hasher), FSL_OK);
  assert_int_equal(
      fsl_hash_compare(make(&ctx, &fsl_prior_discrete, params, simulated).identity, fsl_hash_value(hasher)), 0);
  fsl_arena_destroy(ctx.arena);
}

static void impossible_weights_are_refused_by_name(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double negative[4] = {1, 2, -1, 1}, none[4] = {0};
  const fsl_prior_kind *const kinds[] = {&fsl_prior_discrete, &fsl_prior_gmm};
  const char *const points[] = {"atoms", "means"};
  const double unit = 1;
  const fsl_covariance_value one = {.value = {.data = &unit}};
  for (size_t k = 0; k < 2; k++) {
    const fsl_kind *const head = &kinds[k]->head;
    void *const params = defaults(&ctx, head);
    set_matrix(head, params, points[k], 4, 2, atoms);
    if (k == 1)
      *(fsl_covariance_list *)field(head, params, "covariances") = (fsl_covariance_list){.data = &one, .n = 1};
    set_vector(head, params, "weights", 4, negative);
    expect_refusal(&ctx, kinds[k], params, simulated, "weights");
    set_vector(head, params, "weights", 4, none);
    expect_refusal(&ctx, kinds[k], params, simulated, "weights");
    set_vector(head, params, "weights", 3, weights4);
    expect_refusal(&ctx, kinds[k], params, simulated, "weights");
  }
  fsl_arena_destroy(ctx.arena);
}

static void a_prior_of_nothing_is_refused_by_name(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_prior_kind *const kinds[] = {&fsl_prior_discrete, &fsl_prior_gmm, &fsl_prior_gaussian};
  const char *const names[] = {"atoms", "means", "mean"};
  for (size_t k = 0; k < 3; k++) {
    void *const params = defaults(&ctx, &kinds[k]->head);
    *(fsl_array *)field(&kinds[k]->head, params, names[k]) =
        (fsl_array){.data = atoms, .rank = k < 2 ? 2 : 1, .shape = {0, 2}};
    expect_refusal(&ctx, kinds[k], params, simulated, names[k]);
  }
  fsl_arena_destroy(ctx.arena);
}

static void *gaussian(fsl_ctx *ctx, fsl_array covariance) {
  static const double mean[2] = {1, -2};
  const fsl_kind *const head = &fsl_prior_gaussian.head;
  void *const params = defaults(ctx, head);
  set_vector(head, params, "mean", 2, mean);
  if (covariance.data != NULL) ((fsl_covariance_value *)field(head, params, "covariance"))->value = covariance;
  return params;
}

static void a_covariance_is_a_number_a_diagonal_or_a_matrix(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double scalar = 4, diagonal[2] = {4, 9}, matrix[4] = {4, 1, 1, 9}, rounded[4] = {1, 1e-17, -2e-17, 1};
  const struct {
    fsl_array written;
    double expected[4];
  } cases[] = {
      {{0}, {1, 0, 0, 1}},
      {{.data = &scalar}, {4, 0, 0, 4}},
      {{.data = diagonal, .rank = 1, .shape = {2}}, {4, 0, 0, 9}},
      {{.data = matrix, .rank = 2, .shape = {2, 2}}, {4, 1, 1, 9}},
      {{.data = rounded, .rank = 2, .shape = {2, 2}}, {1, 0, 0, 1}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const fsl_prior prior = make(&ctx, &fsl_prior_gaussian, gaussian(&ctx, cases[i].written), simulated);
    double mean[2], covariance[4];
    assert_int_equal(fsl_mixture_moments(&ctx, &prior.population, mean, covariance), FSL_OK);
    assert_true(mean[0] == 1 && mean[1] == -2 && prior.population.n_modes == 1);
    for (size_t j = 0; j < 4; j++) assert_true(fabs(covariance[j] - cases[i].expected[j]) < 1e-14);
  }
  fsl_arena_destroy(ctx.arena);
}

static void a_covariance_that_is_none_is_refused_by_name(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double zero = 0, negative[2] = {4, -9}, skew[4] = {4, 1, 2, 9}, indefinite[4] = {1, 2, 2, 1},
               three[3] = {1, 1, 1};
  const double singular[4] = {1, 1, 1, 1};
  const fsl_array cases[] = {{.data = &zero},
                             {.data = negative, .rank = 1, .shape = {2}},
                             {.data = three, .rank = 1, .shape = {3}},
                             {.data = skew, .rank = 2, .shape = {2, 2}},
                             {.data = indefinite, .rank = 2, .shape = {2, 2}},
                             {.data = singular, .rank = 2, .shape = {2, 2}},
                             {.data = three, .rank = 2, .shape = {1, 3}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect_refusal(&ctx, &fsl_prior_gaussian, gaussian(&ctx, cases[i]), simulated, "covariance");
  fsl_arena_destroy(ctx.arena);
}

static void one_covariance_may_stand_for_all_components_or_each_has_its_own(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_kind *const head = &fsl_prior_gmm.head;
  void *const params = defaults(&ctx, head);
  const double value[4] = {0.5, 1, 2, 3};
  fsl_covariance_value list[4];
  for (size_t k = 0; k < 4; k++) list[k].value = (fsl_array){.data = &value[k]};
  set_matrix(head, params, "means", 4, 2, atoms);
  fsl_covariance_list *const covariances = field(head, params, "covariances");
  *covariances = (fsl_covariance_list){.data = list, .n = 1};
  fsl_mixture law = make(&ctx, &fsl_prior_gmm, params, simulated).population;
  assert_true(law.n == 4 && law.n_modes == 4 && law.n_covariances == 1 && law.covariance[0].values[1] == 0.5);
  covariances->n = 4;
  law = make(&ctx, &fsl_prior_gmm, params, simulated).population;
  for (uint32_t k = 0; k < 4; k++) assert_true(law.covariance[law.covariance_of[k]].values[0] == value[k]);
  covariances->n = 3;
  expect_refusal(&ctx, &fsl_prior_gmm, params, simulated, "covariances");
  fsl_arena_destroy(ctx.arena);
}

static void the_grid_has_25_unit_components_eight_apart(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_kind *const head = &fsl_prior_gmm_grid.head;
  void *const params = defaults(&ctx, head);
  set_integer(head, params, "dimension", 5);
  const fsl_mixture law = make(&ctx, &fsl_prior_gmm_grid, params, simulated).population;
  assert_true(law.n == 25 && law.n_modes == 25 && law.d == 5 && law.covariance[0].isotropic);
  assert_true(law.covariance[0].values[4] == 1 && fabs(exp(law.log_weight[9]) - 0.04) < 1e-15);
  size_t seen[25] = {0};
  for (size_t k = 0; k < 25; k++) {
    const double *const mean = law.mean + 5 * k;
    assert_true(mean[2] == mean[0] && mean[4] == mean[0] && mean[3] == mean[1]);
    assert_true(fmod(mean[0], 8) == 0 && fmod(mean[1], 8) == 0 && fabs(mean[0]) <= 16 && fabs(mean[1]) <= 16);
    seen[(size_t)((mean[0] / 8 + 2) * 5 + mean[1] / 8 + 2)]++;
  }
  for (size_t k = 0; k < 25; k++) assert_int_equal(seen[k], 1);
  fsl_arena_destroy(ctx.arena);
}

static void random_weights_of_the_grid_follow_their_seed(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_kind *const head = &fsl_prior_gmm_grid.head;
  void *const params = defaults(&ctx, head);
  set_choice(head, params, "weights", "random");
  double first[25], again[25], other[25];
  const fsl_prior one = make(&ctx, &fsl_prior_gmm_grid, params, simulated);
  fsl_mixture_mode_weights(&one.population, first);
  const fsl_prior same = make(&ctx, &fsl_prior_gmm_grid, params, simulated);
  fsl_mixture_mode_weights(&same.population, again);
  set_integer(head, params, "seed", 1);
  const fsl_prior changed = make(&ctx, &fsl_prior_gmm_grid, params, simulated);
  fsl_mixture_mode_weights(&changed.population, other);
  assert_memory_equal(first, again, sizeof first);
  assert_memory_not_equal(first, other, sizeof first);
  double sum = 0;
  for (size_t k = 0; k < 25; k++) {
    assert_true(first[k] > 0);
    sum += first[k];
  }
  assert_true(fabs(sum - 1) < 1e-14);
  fsl_arena_destroy(ctx.arena);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

enum { ROWS = 203, WIDE = 6 };

static char folder[64] = "/tmp/fslens-prior-XXXXXX";
static char h5_path[96], csv_path[96];

static void write_array(hid_t file, const char *name, size_t rows, size_t columns, const double *data) {
  const hsize_t shape[2] = {rows, columns};
  const hid_t space = H5Screate_simple(columns == 0 ? 1 : 2, shape, NULL);
  const hid_t set = H5Dcreate2(file, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  H5Dclose(set);
  H5Sclose(space);
}

/* Row i is (i, i + 1/8, ...): a row tells its number. Labels go round 30, 10, 20. */
static double row_entry(size_t i, size_t j) {
  return (double)i + (double)j / 8;
}

static double label_of(size_t i) {
  static const double labels[3] = {30, 10, 20};
  return labels[i % 3];
}

static int make_files(void **unused) {
  (void)unused;
  static double x[ROWS * WIDE], labels[ROWS];
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(h5_path, sizeof h5_path, "%s/rows.h5", folder);
  snprintf(csv_path, sizeof csv_path, "%s/rows.csv", folder);
  for (size_t i = 0; i < ROWS * WIDE; i++) x[i] = row_entry(i / WIDE, i % WIDE);
  for (size_t i = 0; i < ROWS; i++) labels[i] = label_of(i);
  const hid_t file = H5Fcreate(h5_path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  write_array(file, "x", ROWS, WIDE, x);
  write_array(file, "label", ROWS, 0, labels);
  write_array(file, "few", ROWS - 1, 0, labels);
  labels[4] = 0.5;
  write_array(file, "fractions", ROWS, 0, labels);
  return H5Fclose(file);
}

static int remove_files(void **unused) {
  (void)unused;
  unlink(h5_path);
  unlink(csv_path);
  return rmdir(folder);
}

static void *dataset(fsl_ctx *ctx, const char *path, const char *labels, double bandwidth) {
  const fsl_kind *const head = &fsl_prior_dataset.head;
  void *const params = defaults(ctx, head);
  set_text(head, params, "file", path);
  set_text(head, params, "labels", labels);
  set_real(head, params, "bandwidth", bandwidth);
  return params;
}

static void rows_of_a_file_are_held_out_once_and_for_all(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_prior prior = make(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, NULL, NAN), simulated);
  size_t seen[ROWS] = {0};
  assert_true(prior.without_replacement && prior.n_held_out == ROWS / 10);
  assert_int_equal(prior.population.n, ROWS - ROWS / 10);
  for (size_t i = 0; i < prior.population.n; i++) seen[(size_t)prior.population.mean[i * WIDE]]++;
  for (size_t i = 0; i < prior.n_held_out; i++) seen[(size_t)prior.held_out[i * WIDE]]++;
  for (size_t i = 0; i < ROWS; i++) assert_int_equal(seen[i], 1);
  assert_string_equal(prior.mode_names[0], "all");
  fsl_arena_destroy(ctx.arena);
}

static void which_rows_are_held_out_follows_the_seed(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const void *const params = dataset(&ctx, h5_path, NULL, NAN);
  const fsl_prior_setting other = {.seed = 8, .simulated_y = true};
  const fsl_prior a = make(&ctx, &fsl_prior_dataset, params, simulated),
                  b = make(&ctx, &fsl_prior_dataset, params, simulated);
  const fsl_prior c = make(&ctx, &fsl_prior_dataset, params, other);
  assert_memory_equal(a.held_out, b.held_out, a.n_held_out * WIDE * sizeof(double));
  assert_memory_not_equal(a.held_out, c.held_out, a.n_held_out * WIDE * sizeof(double));
  assert_int_equal(fsl_hash_compare(a.identity, b.identity), 0);
  assert_int_not_equal(fsl_hash_compare(a.identity, c.identity), 0);
  fsl_arena_destroy(ctx.arena);
}

static void nothing_is_held_out_of_a_fixed_y_or_a_kernel_density(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  fsl_prior prior = make(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, NULL, NAN), fixed);
  assert_true(prior.n_held_out == 0 && prior.population.n == ROWS && prior.without_replacement);
  prior = make(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, NULL, 0.5), simulated);
  assert_true(prior.n_held_out == 0 && prior.population.n == ROWS && !prior.without_replacement);
  assert_true(prior.population.n_covariances == 1 && prior.population.covariance[0].isotropic);
  assert_true(prior.population.covariance[0].values[WIDE - 1] == 0.25);
  fsl_arena_destroy(ctx.arena);
}

/* A kernel density does not depend on the campaign's seed: its jobs are shared. */
static void only_what_holds_rows_out_depends_on_the_setting(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const void *const smooth = dataset(&ctx, h5_path, NULL, 0.5), *const rows = dataset(&ctx, h5_path, NULL, NAN);
  const fsl_prior_setting other = {.seed = 99};
  assert_int_equal(fsl_hash_compare(make(&ctx, &fsl_prior_dataset, smooth, simulated).identity,
                                    make(&ctx, &fsl_prior_dataset, smooth, other).identity),
                   0);
  assert_int_not_equal(fsl_hash_compare(make(&ctx, &fsl_prior_dataset, rows, simulated).identity,
                                        make(&ctx, &fsl_prior_dataset, rows, fixed).identity),
                       0);
  assert_int_not_equal(fsl_hash_compare(make(&ctx, &fsl_prior_dataset, smooth, simulated).identity,
                                        make(&ctx, &fsl_prior_dataset, rows, fixed).identity),
                       0);
  fsl_arena_destroy(ctx.arena);
}

static void labels_are_the_modes_sorted_and_named_by_value(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double bandwidths[2] = {NAN, 0.5};
  const char *const names[3] = {"10", "20", "30"};
  for (size_t b = 0; b < 2; b++) {
    const fsl_prior prior = make(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, "label", bandwidths[b]), simulated);
    assert_int_equal(prior.population.n_modes, 3);
    for (size_t k = 0; k < 3; k++) assert_string_equal(prior.mode_names[k], names[k]);
    for (size_t i = 0; i < prior.population.n; i++) {
      const double label = label_of((size_t)prior.population.mean[i * WIDE]);
      assert_int_equal(fsl_mixture_mode(&prior.population, i), (uint32_t)(label / 10 - 1));
    }
  }
  fsl_arena_destroy(ctx.arena);
}

/* n rows of two components that repeat after `distinct`. */
static void write_csv(size_t n, size_t distinct) {
  FILE *const file = fopen(csv_path, "w");
  assert_non_null(file);
  for (size_t i = 0; i < n; i++) fprintf(file, "%zu,%zu\n", i % distinct, 100 + i % distinct);
  assert_int_equal(fclose(file), 0);
}

static void a_repeated_row_is_never_both_measured_and_known(void **unused) {
  (void)unused;
  write_csv(120, 7);
  for (uint64_t seed = 0; seed < 12; seed++) {
    fsl_ctx ctx = context();
    const fsl_prior_setting setting = {.seed = seed, .simulated_y = true};
    const fsl_prior prior = make(&ctx, &fsl_prior_dataset, dataset(&ctx, csv_path, NULL, NAN), setting);
    assert_true(prior.n_held_out > 0 && prior.n_held_out + prior.population.n == 120);
    for (size_t i = 0; i < prior.n_held_out; i++)
      for (size_t k = 0; k < prior.population.n; k++)
        assert_true(prior.held_out[2 * i] != prior.population.mean[2 * k]);
    fsl_arena_destroy(ctx.arena);
  }
  fsl_ctx ctx = context();
  write_csv(10, 1);
  expect_refusal(&ctx, &fsl_prior_dataset, dataset(&ctx, csv_path, NULL, NAN), simulated, "file");
  fsl_arena_destroy(ctx.arena);
}

static void files_that_do_not_fit_are_refused_by_name(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_kind *const head = &fsl_prior_dataset.head;
  const int64_t good[2] = {2, 3}, wrong[2] = {2, 4};
  void *params = dataset(&ctx, h5_path, NULL, NAN);
  set_integers(head, params, "shape", 2, good);
  make(&ctx, &fsl_prior_dataset, params, simulated);
  set_integers(head, params, "shape", 2, wrong);
  expect_refusal(&ctx, &fsl_prior_dataset, params, simulated, "shape");
  expect_refusal(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, "few", NAN), simulated, "labels");
  expect_refusal(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, "fractions", NAN), simulated, "labels");
  expect_refusal(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, "lable", NAN), simulated, "labels");
  write_csv(30, 30);
  expect_refusal(&ctx, &fsl_prior_dataset, dataset(&ctx, csv_path, "label", NAN), simulated, "labels");
  expect_refusal(&ctx, &fsl_prior_dataset, dataset(&ctx, "/nowhere/rows.h5", NULL, NAN), simulated, "file");
  fsl_arena_destroy(ctx.arena);
}

/* ---- training sets ----------------------------------------------------------------------------------------------- */

static void *bumps(fsl_ctx *ctx) {
  static const double value = 0.3;
  static const fsl_covariance_value one = {.value = {.data = &value}};
  const fsl_kind *const head = &fsl_prior_gmm.head;
  void *const params = defaults(ctx, head);
  set_matrix(head, params, "means", 4, 2, atoms);
  set_vector(head, params, "weights", 4, weights4);
  *(fsl_covariance_list *)field(head, params, "covariances") = (fsl_covariance_list){.data = &one, .n = 1};
  return params;
}

static void shards_of_a_training_set_agree_with_the_whole(void **unused) {
  (void)unused;
  enum { N = 180 };
  fsl_ctx ctx = context();
  const fsl_prior priors[2] = {make(&ctx, &fsl_prior_gmm, bumps(&ctx), simulated),
                               make(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, "label", NAN), simulated)};
  for (size_t p = 0; p < 2; p++) {
    const size_t d = priors[p].d;
    double whole[N * WIDE], parts[N * WIDE];
    uint32_t mode[N], mode_parts[N];
    assert_int_equal(fsl_prior_training_set(&ctx, &priors[p], key, N, 0, N, whole, mode), FSL_OK);
    for (size_t first = 0; first < N; first += 45)
      assert_int_equal(
          fsl_prior_training_set(&ctx, &priors[p], key, N, first, 45, parts + first * d, mode_parts + first), FSL_OK);
    assert_memory_equal(whole, parts, N * d * sizeof *whole);
    assert_memory_equal(mode, mode_parts, sizeof mode);
    assert_int_equal(fsl_prior_training_set(&ctx, &priors[p], key, N, 7, 45, parts, NULL), FSL_OK);
    assert_memory_equal(whole + 7 * d, parts, 45 * d * sizeof *whole);
  }
  fsl_arena_destroy(ctx.arena);
}

static void a_subset_never_repeats_a_row_and_the_full_size_has_every_one(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_prior prior = make(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, "label", NAN), simulated);
  const size_t n = prior.population.n;
  double x[ROWS * WIDE];
  uint32_t mode[ROWS];
  size_t seen[ROWS] = {0};
  assert_int_equal(fsl_prior_training_set(&ctx, &prior, key, n, 0, n, x, mode), FSL_OK);
  for (size_t i = 0; i < n; i++) {
    const size_t row = (size_t)x[i * WIDE];
    seen[row]++;
    assert_int_equal(mode[i], (uint32_t)(label_of(row) / 10 - 1));
    for (size_t j = 0; j < WIDE; j++) assert_true(x[i * WIDE + j] == row_entry(row, j));
  }
  for (size_t i = 0; i < n; i++) assert_int_equal(seen[(size_t)prior.population.mean[i * WIDE]], 1);
  assert_int_equal(fsl_prior_training_set(&ctx, &prior, key, n + 1, 0, 1, x, NULL), FSL_EINPUT);
  fsl_arena_destroy(ctx.arena);
}

/* Every row is equally likely to come first: chi-squared over many keys, five standard deviations. */
static void every_row_is_equally_likely_to_be_drawn(void **unused) {
  (void)unused;
  enum { KEYS = 4000 };
  fsl_ctx ctx = context();
  const fsl_prior prior = make(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, NULL, NAN), fixed);
  double count[ROWS] = {0}, x[WIDE], chi2 = 0;
  for (uint32_t i = 0; i < KEYS; i++) {
    assert_int_equal(fsl_prior_training_set(&ctx, &prior, (fsl_key){{i, 5}}, 50, 17, 1, x, NULL), FSL_OK);
    count[(size_t)x[0]]++;
  }
  for (size_t i = 0; i < ROWS; i++) chi2 += pow(count[i] - (double)KEYS / ROWS, 2) / ((double)KEYS / ROWS);
  assert_true(fabs(chi2 - (ROWS - 1)) < 5 * sqrt(2.0 * (ROWS - 1)));
  fsl_arena_destroy(ctx.arena);
}

static void modes_of_a_training_set_are_those_of_its_draws(void **unused) {
  (void)unused;
  enum { N = 20000 };
  fsl_ctx ctx = context();
  const fsl_prior prior = make(&ctx, &fsl_prior_gmm, bumps(&ctx), simulated);
  double *const x = fsl_arena_get(ctx.arena, N * 2, sizeof *x), weight[4], mean[8] = {0}, count[4] = {0};
  uint32_t *const mode = fsl_arena_get(ctx.arena, N, sizeof *mode);
  assert_true(x != NULL && mode != NULL);
  assert_int_equal(fsl_prior_training_set(&ctx, &prior, key, N, 0, N, x, mode), FSL_OK);
  fsl_mixture_mode_weights(&prior.population, weight);
  for (size_t i = 0; i < N; i++) {
    count[mode[i]]++;
    for (size_t j = 0; j < 2; j++) mean[mode[i] * 2 + j] += x[2 * i + j];
  }
  for (size_t k = 0; k < 4; k++) {
    assert_true(fabs(count[k] / N - weight[k]) <= 5 * sqrt(weight[k] * (1 - weight[k]) / N));
    for (size_t j = 0; j < 2 && count[k] > 0; j++)
      assert_true(fabs(mean[k * 2 + j] / count[k] - atoms[k * 2 + j]) < 5 * sqrt(0.3 / count[k]));
  }
  fsl_arena_destroy(ctx.arena);
}

/* ---- what is measured -------------------------------------------------------------------------------------------- */

static void every_held_out_row_is_measured_before_one_is_again(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_prior prior = make(&ctx, &fsl_prior_dataset, dataset(&ctx, h5_path, NULL, NAN), simulated);
  size_t seen[ROWS] = {0};
  double x[WIDE], again[WIDE];
  for (uint64_t i = 0; i < prior.n_held_out; i++) {
    assert_int_equal(fsl_prior_x_true(&ctx, &prior, key, i, x), FSL_OK);
    assert_int_equal(fsl_prior_x_true(&ctx, &prior, key, i, again), FSL_OK);
    assert_memory_equal(x, again, sizeof x);
    seen[(size_t)x[0]]++;
  }
  for (size_t i = 0; i < prior.n_held_out; i++) assert_int_equal(seen[(size_t)prior.held_out[i * WIDE]], 1);
  assert_int_equal(fsl_prior_x_true(&ctx, &prior, key, prior.n_held_out, x), FSL_OK);
  fsl_arena_destroy(ctx.arena);
}

/* Fresh draws, one an observation, with the population's mean. */
static void simulated_observations_measure_fresh_draws(void **unused) {
  (void)unused;
  enum { N = 4000 };
  fsl_ctx ctx = context();
  const fsl_prior prior = make(&ctx, &fsl_prior_gmm, bumps(&ctx), simulated);
  double mean[2], covariance[4], sum[2] = {0}, x[2];
  assert_int_equal(fsl_mixture_moments(&ctx, &prior.population, mean, covariance), FSL_OK);
  for (uint64_t i = 0; i < N; i++) {
    assert_int_equal(fsl_prior_x_true(&ctx, &prior, key, i, x), FSL_OK);
    for (size_t j = 0; j < 2; j++) sum[j] += x[j] / N;
  }
  for (size_t j = 0; j < 2; j++) assert_true(fabs(sum[j] - mean[j]) < 5 * sqrt(covariance[j * 3] / N));
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_atoms_of_a_discrete_prior_are_one_mode),
      cmocka_unit_test(a_prior_without_files_is_named_by_its_parameters_alone),
      cmocka_unit_test(impossible_weights_are_refused_by_name),
      cmocka_unit_test(a_prior_of_nothing_is_refused_by_name),
      cmocka_unit_test(a_covariance_is_a_number_a_diagonal_or_a_matrix),
      cmocka_unit_test(a_covariance_that_is_none_is_refused_by_name),
      cmocka_unit_test(one_covariance_may_stand_for_all_components_or_each_has_its_own),
      cmocka_unit_test(the_grid_has_25_unit_components_eight_apart),
      cmocka_unit_test(random_weights_of_the_grid_follow_their_seed),
      cmocka_unit_test(rows_of_a_file_are_held_out_once_and_for_all),
      cmocka_unit_test(which_rows_are_held_out_follows_the_seed),
      cmocka_unit_test(nothing_is_held_out_of_a_fixed_y_or_a_kernel_density),
      cmocka_unit_test(only_what_holds_rows_out_depends_on_the_setting),
      cmocka_unit_test(labels_are_the_modes_sorted_and_named_by_value),
      cmocka_unit_test(a_repeated_row_is_never_both_measured_and_known),
      cmocka_unit_test(files_that_do_not_fit_are_refused_by_name),
      cmocka_unit_test(shards_of_a_training_set_agree_with_the_whole),
      cmocka_unit_test(a_subset_never_repeats_a_row_and_the_full_size_has_every_one),
      cmocka_unit_test(every_row_is_equally_likely_to_be_drawn),
      cmocka_unit_test(modes_of_a_training_set_are_those_of_its_draws),
      cmocka_unit_test(every_held_out_row_is_measured_before_one_is_again),
      cmocka_unit_test(simulated_observations_measure_fresh_draws),
  };
  return cmocka_run_group_tests(tests, make_files, remove_files);
}
