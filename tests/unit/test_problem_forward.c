/* Forward models: values by their definitions, adjoints, Jacobians by finite differences, and what is refused. */
#include "base/linalg.h"
#include "problem_params.h"

enum { D = 12, M = 5, MOST = 64 };

static const int64_t shape_3x4[] = {3, 4}, shape_4x6[] = {4, 6}, kept[] = {7, 0, 3};

typedef struct model_case {
  const fsl_forward_model_kind *kind;
  size_t d;
  const char *variant;
} model_case;

static const model_case cases[] = {
    {&fsl_forward_identity, D, ""},
    {&fsl_forward_linear, D, ""},
    {&fsl_forward_linear, D, "bias"},
    {&fsl_forward_inpainting, D, "keep"},
    {&fsl_forward_inpainting, D, "fraction"},
    {&fsl_forward_blur, D, "signal"},
    {&fsl_forward_blur, D, "image"},
    {&fsl_forward_blur, 3, "wider than the signal"},
    {&fsl_forward_downsampling, D, "signal"},
    {&fsl_forward_downsampling, 24, "image"},
    {&fsl_forward_random_projection, D, ""},
    {&fsl_forward_square, D, ""},
    {&fsl_forward_abs, D, ""},
    {&fsl_forward_sin, D, ""},
    {&fsl_forward_tanh, D, "bias"},
    {&fsl_forward_product, 2, ""},
    {&fsl_forward_phase_retrieval, D, "intensity"},
    {&fsl_forward_phase_retrieval, D, "magnitude"},
    {&fsl_forward_clip, D, ""},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static double *normals(fsl_ctx *ctx, uint64_t stream, size_t n) {
  double *const out = fsl_arena_get(ctx->arena, n + 1, sizeof *out);
  assert_non_null(out);
  fsl_normals((fsl_key){{11, 7}}, stream, 0, n, out);
  return out;
}

static void set_case(fsl_ctx *ctx, const model_case *c, void *params) {
  const fsl_kind *const head = &c->kind->head;
  const bool image = strcmp(c->variant, "image") == 0;
  if (fsl_kind_param(head, "matrix") != NULL) set_matrix(head, params, "matrix", M, c->d, normals(ctx, 1, M * c->d));
  if (strcmp(c->variant, "bias") == 0) set_vector(head, params, "bias", M, normals(ctx, 2, M));
  if (strcmp(c->variant, "magnitude") == 0) set_choice(head, params, "output", "magnitude");
  if (strcmp(c->variant, "keep") == 0) set_integers(head, params, "keep", 3, kept);
  if (strcmp(c->variant, "fraction") == 0) set_real(head, params, "fraction", 0.4);
  if (fsl_kind_param(head, "omega") != NULL) set_real(head, params, "omega", 1.7);
  if (fsl_kind_param(head, "rows") != NULL) set_integer(head, params, "rows", M);
  if (fsl_kind_param(head, "width") != NULL) set_integer(head, params, "width", c->d == 3 ? 17 : 5);
  if (fsl_kind_param(head, "std") != NULL) set_real(head, params, "std", 1.3);
  if (image) set_integers(head, params, "shape", 2, c->d == 24 ? shape_4x6 : shape_3x4);
}

static fsl_forward_model make(fsl_ctx *ctx, const model_case *c) {
  fsl_forward_model out;
  const char *bad;
  void *const params = defaults(ctx, &c->kind->head);
  set_case(ctx, c, params);
  if (fsl_forward_model_create(ctx, c->kind, params, c->d, &out, &bad) != FSL_OK)
    fail_msg("%s (%s): %s: %s", c->kind->head.name, c->variant, bad == NULL ? "-" : bad, ctx->error);
  assert_true(out.d == c->d && out.m > 0 && out.m <= MOST);
  return out;
}

static bool near(double a, double b, double tolerance) {
  return fabs(a - b) <= tolerance * (1 + fabs(a) + fabs(b));
}

/* ---- every model ------------------------------------------------------------------------------------------ */

static void every_jacobian_transpose_is_that_of_the_value(void **unused) {
  (void)unused;
  for (size_t i = 0; i < N_CASES; i++) {
    fsl_ctx ctx = context();
    const fsl_forward_model model = make(&ctx, &cases[i]);
    const double *const u = normals(&ctx, 4, model.m), h = 1e-6;
    double *const x = normals(&ctx, 3, model.d), out[MOST], above[MOST], below[MOST];
    model.jacobian_t(&model, x, u, out);
    for (size_t j = 0; j < model.d; j++) {
      const double at = x[j];
      x[j] = at + h;
      model.value(&model, x, above);
      x[j] = at - h;
      model.value(&model, x, below);
      x[j] = at;
      double slope = 0;
      for (size_t k = 0; k < model.m; k++) slope += u[k] * (above[k] - below[k]) / (2 * h);
      if (!near(slope, out[j], 1e-7)) fail_msg("%s: %g, not %g", cases[i].kind->head.name, out[j], slope);
    }
    fsl_arena_destroy(ctx.arena);
  }
}

static void every_linear_model_has_an_exact_adjoint(void **unused) {
  (void)unused;
  size_t linear = 0;
  for (size_t i = 0; i < N_CASES; i++) {
    fsl_ctx ctx = context();
    const fsl_forward_model model = make(&ctx, &cases[i]);
    const double *const v = normals(&ctx, 5, model.d), *const u = normals(&ctx, 6, model.m);
    double forward[MOST], back[MOST];
    assert_int_equal(model.linear, model.apply != NULL);
    if (model.linear) {
      linear++;
      model.apply(&model, v, forward);
      model.jacobian_t(&model, v, u, back);
      assert_true(near(fsl_dot(model.m, forward, u), fsl_dot(model.d, v, back), 1e-14));
    }
    fsl_arena_destroy(ctx.arena);
  }
  assert_int_equal(linear, 11);
}

static void every_linear_model_is_its_matrix_and_bias(void **unused) {
  (void)unused;
  for (size_t i = 0; i < N_CASES; i++) {
    fsl_ctx ctx = context();
    const fsl_forward_model model = make(&ctx, &cases[i]);
    const double *const x = normals(&ctx, 7, model.d);
    double *const matrix = normals(&ctx, 0, model.m * model.d), y[MOST], dense[MOST];
    if (!model.linear) {
      assert_int_equal(fsl_forward_model_matrix(&ctx, &model, matrix), FSL_EINTERNAL);
    } else {
      assert_int_equal(fsl_forward_model_matrix(&ctx, &model, matrix), FSL_OK);
      model.value(&model, x, y);
      fsl_matvec(model.m, model.d, matrix, x, dense);
      for (size_t k = 0; k < model.m; k++)
        assert_true(near(y[k], dense[k] + (model.bias == NULL ? 0 : model.bias[k]), 1e-13));
    }
    fsl_arena_destroy(ctx.arena);
  }
}

static void identity_follows_content_and_dimension(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  fsl_hash seen[N_CASES];
  for (size_t i = 0; i < N_CASES; i++) {
    seen[i] = make(&ctx, &cases[i]).identity;
    assert_int_equal(fsl_hash_compare(seen[i], make(&ctx, &cases[i]).identity), 0);
    for (size_t j = 0; j < i; j++) assert_int_not_equal(fsl_hash_compare(seen[i], seen[j]), 0);
  }
  const model_case other = {&fsl_forward_square, D + 1, ""};
  assert_int_not_equal(fsl_hash_compare(seen[11], make(&ctx, &other).identity), 0);
  fsl_arena_destroy(ctx.arena);
}

/* ---- values by definition ------------------------------------------------------------------------------------ */

static void componentwise_values_are_their_formulas(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double x[2] = {-0.75, 0.25};
  double y[2];
  fsl_forward_model model = make(&ctx, &(model_case){&fsl_forward_square, 2, ""});
  model.value(&model, x, y);
  assert_true(y[0] == 0.5625 && y[1] == 0.0625);
  model = make(&ctx, &(model_case){&fsl_forward_abs, 2, ""});
  model.value(&model, x, y);
  assert_true(y[0] == 0.75 && y[1] == 0.25);
  model = make(&ctx, &(model_case){&fsl_forward_sin, 2, ""});
  model.value(&model, x, y);
  assert_true(near(y[0], -sin(1.7 * 0.75), 1e-15) && near(y[1], sin(1.7 * 0.25), 1e-15));
  model = make(&ctx, &(model_case){&fsl_forward_clip, 2, ""});
  model.value(&model, x, y);
  assert_true(y[0] == -1 && y[1] == 0.5);
  model = make(&ctx, &(model_case){&fsl_forward_product, 2, ""});
  model.value(&model, x, y);
  assert_true(model.m == 1 && y[0] == -0.1875);
  fsl_arena_destroy(ctx.arena);
}

static void kinks_have_no_slope_of_their_own(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double zero[2] = {0, -0.0}, edge[2] = {0.5, -0.5}, u[2] = {3, 5};
  double out[2];
  fsl_forward_model model = make(&ctx, &(model_case){&fsl_forward_abs, 2, ""});
  model.jacobian_t(&model, zero, u, out);
  assert_true(out[0] == 0 && out[1] == 0);
  model = make(&ctx, &(model_case){&fsl_forward_clip, 2, ""});
  model.jacobian_t(&model, edge, u, out);
  assert_true(out[0] == 0 && out[1] == 0);
  fsl_arena_destroy(ctx.arena);
}

static void dense_models_are_their_formulas(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double *const matrix = normals(&ctx, 1, M * D), *const bias = normals(&ctx, 2, M),
                      *const x = normals(&ctx, 3, D);
  double y[4][M];
  const model_case kinds[] = {{&fsl_forward_linear, D, "bias"},
                              {&fsl_forward_tanh, D, "bias"},
                              {&fsl_forward_phase_retrieval, D, "intensity"},
                              {&fsl_forward_phase_retrieval, D, "magnitude"}};
  for (size_t k = 0; k < 4; k++) {
    const fsl_forward_model model = make(&ctx, &kinds[k]);
    model.value(&model, x, y[k]);
  }
  for (size_t i = 0; i < M; i++) {
    const double z = fsl_dot(D, matrix + i * D, x);
    assert_true(near(y[0][i], z + bias[i], 1e-14) && near(y[1][i], tanh(z + bias[i]), 1e-14));
    assert_true(near(y[2][i], z * z, 1e-14) && near(y[3][i], fabs(z), 1e-14));
  }
  fsl_arena_destroy(ctx.arena);
}

/* Against the full two-dimensional sum over a mirrored image. */
static void blur_is_a_gaussian_average_of_the_mirrored_image(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_forward_model model = make(&ctx, &(model_case){&fsl_forward_blur, D, "image"});
  const double *const x = normals(&ctx, 3, D);
  const int row_of[] = {1, 0, 0, 1, 2, 2, 1}, column_of[] = {1, 0, 0, 1, 2, 3, 3, 2};
  double y[D];
  model.value(&model, x, y);
  for (int r = 0; r < 3; r++)
    for (int c = 0; c < 4; c++) {
      double sum = 0, weights = 0;
      for (int i = -2; i <= 2; i++)
        for (int j = -2; j <= 2; j++) {
          const double w = exp(-(i * i + j * j) / (2 * 1.3 * 1.3));
          weights += w;
          sum += w * x[row_of[r + i + 2] * 4 + column_of[c + j + 2]];
        }
      assert_true(near(y[r * 4 + c], sum / weights, 1e-14));
    }
  fsl_arena_destroy(ctx.arena);
}

static void a_constant_stays_constant_under_averages(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const model_case kinds[] = {{&fsl_forward_blur, D, "signal"},
                              {&fsl_forward_blur, D, "image"},
                              {&fsl_forward_blur, 3, "wider than the signal"},
                              {&fsl_forward_downsampling, D, "signal"},
                              {&fsl_forward_downsampling, 24, "image"}};
  double x[24], y[24];
  for (size_t j = 0; j < 24; j++) x[j] = 2.5;
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    const fsl_forward_model model = make(&ctx, &kinds[k]);
    model.value(&model, x, y);
    for (size_t i = 0; i < model.m; i++) assert_true(near(y[i], 2.5, 1e-14));
  }
  fsl_arena_destroy(ctx.arena);
}

static void downsampling_takes_means_of_blocks(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_forward_model model = make(&ctx, &(model_case){&fsl_forward_downsampling, 24, "image"});
  double x[24], y[6];
  for (size_t j = 0; j < 24; j++) x[j] = (double)(j * j);
  assert_int_equal(model.m, 6);
  model.value(&model, x, y);
  for (size_t r = 0; r < 2; r++)
    for (size_t c = 0; c < 3; c++) {
      const size_t corner = 2 * r * 6 + 2 * c;
      assert_true(near(y[r * 3 + c], (x[corner] + x[corner + 1] + x[corner + 6] + x[corner + 7]) / 4, 1e-15));
    }
  fsl_arena_destroy(ctx.arena);
}

static void inpainting_keeps_the_named_components_in_their_order(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_forward_model model = make(&ctx, &(model_case){&fsl_forward_inpainting, D, "keep"});
  const double *const x = normals(&ctx, 3, D);
  double y[3];
  model.value(&model, x, y);
  assert_true(model.m == 3 && y[0] == x[7] && y[1] == x[0] && y[2] == x[3]);
  fsl_arena_destroy(ctx.arena);
}

static fsl_forward_model random_inpainting(fsl_ctx *ctx, size_t d, double fraction, int64_t seed) {
  const fsl_kind *const head = &fsl_forward_inpainting.head;
  void *const params = defaults(ctx, head);
  fsl_forward_model out;
  const char *bad;
  set_real(head, params, "fraction", fraction);
  set_integer(head, params, "seed", seed);
  assert_int_equal(fsl_forward_model_create(ctx, &fsl_forward_inpainting, params, d, &out, &bad), FSL_OK);
  return out;
}

static void a_fraction_keeps_distinct_sorted_components_by_seed(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  double x[MOST], y[MOST], z[MOST];
  for (size_t j = 0; j < MOST; j++) x[j] = (double)j;
  assert_int_equal(random_inpainting(&ctx, MOST, 1e-9, 1).m, 1);
  assert_int_equal(random_inpainting(&ctx, MOST, 1, 1).m, MOST);
  const fsl_forward_model one = random_inpainting(&ctx, MOST, 0.5, 1), two = random_inpainting(&ctx, MOST, 0.5, 2);
  assert_int_equal(one.m, MOST / 2);
  one.value(&one, x, y);
  two.value(&two, x, z);
  for (size_t i = 1; i < one.m; i++) assert_true(y[i] > y[i - 1] && z[i] > z[i - 1]);
  assert_memory_not_equal(y, z, one.m * sizeof *y);
  fsl_arena_destroy(ctx.arena);
}

static void random_projections_have_variance_one_over_rows(void **unused) {
  (void)unused;
  enum { ROWS = 50, COLUMNS = 400 };
  fsl_ctx ctx = context();
  const fsl_kind *const head = &fsl_forward_random_projection.head;
  void *const params = defaults(&ctx, head);
  fsl_forward_model model;
  const char *bad;
  set_integer(head, params, "rows", ROWS);
  assert_int_equal(fsl_forward_model_create(&ctx, &fsl_forward_random_projection, params, COLUMNS, &model, &bad),
                   FSL_OK);
  double *const matrix = normals(&ctx, 0, ROWS * COLUMNS);
  assert_int_equal(fsl_forward_model_matrix(&ctx, &model, matrix), FSL_OK);
  const double variance = fsl_dot(ROWS * COLUMNS, matrix, matrix) / (ROWS * COLUMNS);
  assert_true(fabs(variance * ROWS - 1) < 5 * sqrt(2.0 / (ROWS * COLUMNS)));
  fsl_arena_destroy(ctx.arena);
}

/* ---- what is refused -------------------------------------------------------------------------------------------- */

static void expect_refusal(fsl_ctx *ctx, const fsl_forward_model_kind *kind, const void *params, size_t d,
                           const char *name) {
  fsl_forward_model out;
  const char *bad = NULL;
  ctx->error[0] = '\0';
  assert_int_equal(fsl_forward_model_create(ctx, kind, params, d, &out, &bad), FSL_EINPUT);
  assert_true(ctx->error[0] != '\0');
  if (name == NULL) return;
  assert_non_null(bad);
  assert_string_equal(bad, name);
}

static void what_does_not_fit_the_dimension_is_refused_by_name(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const fsl_forward_model_kind *const dense[] = {&fsl_forward_linear, &fsl_forward_tanh, &fsl_forward_phase_retrieval};
  for (size_t k = 0; k < 3; k++) {
    void *const params = defaults(&ctx, &dense[k]->head);
    set_matrix(&dense[k]->head, params, "matrix", M, D, normals(&ctx, 1, M * D));
    expect_refusal(&ctx, dense[k], params, D + 1, "matrix");
  }
  for (size_t k = 0; k < 2; k++) { /* the first two take a bias */
    void *const params = defaults(&ctx, &dense[k]->head);
    set_matrix(&dense[k]->head, params, "matrix", M, D, normals(&ctx, 1, M * D));
    set_vector(&dense[k]->head, params, "bias", M - 1, normals(&ctx, 2, M));
    expect_refusal(&ctx, dense[k], params, D, "bias");
    set_matrix(&dense[k]->head, params, "matrix", 0, D, normals(&ctx, 1, M * D));
    expect_refusal(&ctx, dense[k], params, D, "matrix");
  }
  const fsl_forward_model_kind *const image[] = {&fsl_forward_blur, &fsl_forward_downsampling};
  for (size_t k = 0; k < 2; k++) {
    void *const params = defaults(&ctx, &image[k]->head);
    set_integers(&image[k]->head, params, "shape", 2, shape_3x4);
    expect_refusal(&ctx, image[k], params, 13, "shape");
    set_integers(&image[k]->head, params, "shape", 0, shape_3x4);
    expect_refusal(&ctx, image[k], params, D, "shape");
  }
  void *const params = defaults(&ctx, &fsl_forward_downsampling.head);
  expect_refusal(&ctx, &fsl_forward_downsampling, params, 7, "factor");
  expect_refusal(&ctx, &fsl_forward_product, NULL, 3, NULL);
  fsl_arena_destroy(ctx.arena);
}

static void impossible_parameters_are_refused_by_name(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const int64_t twice[] = {1, 4, 1};
  const fsl_kind *const paint = &fsl_forward_inpainting.head;
  void *params = defaults(&ctx, &fsl_forward_blur.head);
  set_integer(&fsl_forward_blur.head, params, "width", 4);
  expect_refusal(&ctx, &fsl_forward_blur, params, D, "width");
  params = defaults(&ctx, &fsl_forward_clip.head);
  set_real(&fsl_forward_clip.head, params, "high", -1);
  const char *bad = NULL;
  assert_int_equal(fsl_forward_clip.head.check(&ctx, params, &bad), FSL_EINPUT);
  assert_string_equal(bad, "high");
  params = defaults(&ctx, paint);
  expect_refusal(&ctx, &fsl_forward_inpainting, params, D, "keep");
  set_integers(paint, params, "keep", 0, kept);
  expect_refusal(&ctx, &fsl_forward_inpainting, params, D, "keep");
  set_integers(paint, params, "keep", 3, twice);
  expect_refusal(&ctx, &fsl_forward_inpainting, params, D, "keep");
  set_integers(paint, params, "keep", 3, kept);
  expect_refusal(&ctx, &fsl_forward_inpainting, params, 7, "keep");
  set_real(paint, params, "fraction", 0.5);
  expect_refusal(&ctx, &fsl_forward_inpainting, params, D, "fraction");
  fsl_arena_destroy(ctx.arena);
}

/* ---- noise --------------------------------------------------------------------------------------------------- */

static void the_likelihood_is_the_gaussian_density(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  const double std[2] = {0.3, 2}, y[2] = {0.5, -1}, x[4] = {0.2, 0.7, -3, 1};
  const fsl_forward_model model = make(&ctx, &(model_case){&fsl_forward_square, 2, ""});
  const fsl_problem problem = {.model = &model, .noise = {.m = 2, .std = std}, .y = y};
  double l[2];
  assert_int_equal(fsl_problem_log_likelihood(&ctx, &problem, 2, x, l), FSL_OK);
  for (size_t i = 0; i < 2; i++) {
    long double expected = 0;
    for (size_t j = 0; j < 2; j++) {
      const long double z = (y[j] - (long double)x[2 * i + j] * x[2 * i + j]) / std[j];
      expected += -z * z / 2 - logl(std[j]) - logl(2 * acosl(-1)) / 2;
    }
    assert_true(fabsl(l[i] - expected) < 1e-14L * (1 + fabsl(expected)));
  }
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_jacobian_transpose_is_that_of_the_value),
      cmocka_unit_test(every_linear_model_has_an_exact_adjoint),
      cmocka_unit_test(every_linear_model_is_its_matrix_and_bias),
      cmocka_unit_test(identity_follows_content_and_dimension),
      cmocka_unit_test(componentwise_values_are_their_formulas),
      cmocka_unit_test(kinks_have_no_slope_of_their_own),
      cmocka_unit_test(dense_models_are_their_formulas),
      cmocka_unit_test(blur_is_a_gaussian_average_of_the_mirrored_image),
      cmocka_unit_test(a_constant_stays_constant_under_averages),
      cmocka_unit_test(downsampling_takes_means_of_blocks),
      cmocka_unit_test(inpainting_keeps_the_named_components_in_their_order),
      cmocka_unit_test(a_fraction_keeps_distinct_sorted_components_by_seed),
      cmocka_unit_test(random_projections_have_variance_one_over_rows),
      cmocka_unit_test(what_does_not_fit_the_dimension_is_refused_by_name),
      cmocka_unit_test(impossible_parameters_are_refused_by_name),
      cmocka_unit_test(the_likelihood_is_the_gaussian_density),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
