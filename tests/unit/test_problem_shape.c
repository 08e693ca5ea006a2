/* A prior's shape reaches forward models that need one, and identity follows the values that were read from files. */
#include "problem_params.h"

#include "base/array_file.h"

#include <unistd.h>

enum { ROWS = 30, SIDE = 4, D = SIDE * SIDE };

static const fsl_prior_setting simulated = {.seed = 7, .simulated_y = true};
static char folder[] = "/tmp/fslens-shape-XXXXXX", path[64];

/* Sample i, component j. */
static double value(size_t i, size_t j) {
  return (double)((i * 37 + j * 11) % 64) / 8;
}

/* As (ROWS, D) or (ROWS, SIDE, SIDE) with .npy, as text with .csv. */
static const char *write_samples(const char *name, bool image, double shift) {
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *const file = fopen(path, "wb");
  char header[128] = "";
  assert_non_null(file);
  const bool text = strstr(name, ".csv") != NULL;
  if (!text) {
    const int length = snprintf(header, sizeof header, "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }\n",
                                image ? "30, 4, 4" : "30, 16");
    fwrite("\x93NUMPY\1", 1, 7, file);
    fputc(0, file), fputc(length, file), fputc(0, file);
    fputs(header, file);
  }
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < D; j++) {
      const double x = value(i, j) + (i == 3 && j == 5 ? shift : 0);
      if (text)
        fprintf(file, "%.17g%c", x, j + 1 < D ? ',' : '\n');
      else
        fwrite(&x, sizeof x, 1, file);
    }
  fclose(file);
  return path;
}

static fsl_prior prior_of(fsl_ctx *ctx, const char *file, size_t n_shape, const int64_t *shape) {
  const fsl_kind *const head = &fsl_prior_dataset.head;
  void *const params = defaults(ctx, head);
  fsl_prior out;
  const char *bad = NULL;
  *(const char **)field(head, params, "file") = fsl_text_copy(ctx->arena, file);
  if (n_shape > 0) set_integers(head, params, "shape", n_shape, shape);
  if (fsl_prior_create(ctx, &fsl_prior_dataset, params, &simulated, &out, &bad) != FSL_OK) fail_msg("%s", ctx->error);
  return out;
}

static bool same(fsl_hash a, fsl_hash b) {
  return fsl_hash_compare(a, b) == 0;
}

static int set_up(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL;
}

static int tear_down(void **state) {
  static const char *const names[] = {"a.npy", "b.npy", "a.csv"};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  return rmdir(folder);
}

/* ---- identity ---------------------------------------------------------------------------------------------------- */

static void equal_values_are_one_prior_whatever_the_file(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  static const int64_t shape[2] = {SIDE, SIDE};
  const fsl_hash flat = prior_of(&ctx, write_samples("a.npy", false, 0), 0, NULL).identity;
  assert_true(same(flat, prior_of(&ctx, write_samples("b.npy", true, 0), 0, NULL).identity));
  assert_true(same(flat, prior_of(&ctx, write_samples("a.csv", false, 0), 2, shape).identity));
  assert_false(same(flat, prior_of(&ctx, write_samples("a.csv", false, 0x1p-40), 0, NULL).identity));
  fsl_arena_destroy(ctx.arena);
}

/* A file that is replaced after it was read cannot lend its name to the values of the one before. */
static void what_is_hashed_is_what_was_read(void **unused) {
  (void)unused;
  fsl_ctx ctx = context();
  fsl_files files = {0};
  const fsl_prior old = prior_of(&ctx, write_samples("a.npy", false, 0), 0, NULL);
  ctx.files = &files;
  const fsl_prior first = prior_of(&ctx, path, 0, NULL);
  write_samples("a.npy", false, 1);
  const fsl_prior second = prior_of(&ctx, path, 0, NULL); /* of the same reading */
  assert_true(same(first.identity, old.identity) && same(second.identity, old.identity));
  assert_ptr_equal(files.first->next, NULL);
  assert_memory_equal(second.held_out, old.held_out, old.n_held_out * D * sizeof(double));
  ctx.files = NULL;
  assert_false(same(prior_of(&ctx, path, 0, NULL).identity, old.identity));
  fsl_arena_destroy(ctx.arena);
}

/* ---- shape ------------------------------------------------------------------------------------------------------- */

static fsl_status fit(fsl_ctx *ctx, const fsl_forward_model_kind *kind, const fsl_prior *prior, size_t n,
                      const int64_t *shape, fsl_forward_model *out) {
  const char *bad = NULL;
  void *const params = defaults(ctx, &kind->head);
  if (n > 0) set_integers(&kind->head, params, "shape", n, shape);
  return fsl_forward_model_fit(ctx, kind, params, prior, out, &bad);
}

static void an_absent_shape_is_the_priors(void **unused) {
  (void)unused;
  static const fsl_forward_model_kind *const kinds[] = {&fsl_forward_blur, &fsl_forward_downsampling};
  static const int64_t square[3] = {1, SIDE, SIDE}, wide[2] = {2, 8}, wrong[2] = {4, 5};
  double x[D], y[D], z[D];
  fsl_ctx ctx = context();
  const fsl_prior flat = prior_of(&ctx, write_samples("a.npy", false, 0), 0, NULL);
  const fsl_prior given = prior_of(&ctx, path, 3, square),
                  axes = prior_of(&ctx, write_samples("b.npy", true, 0), 0, NULL);
  assert_true(flat.shape.data == NULL && axes.shape.n == 2 && axes.shape.data[1] == SIDE);
  for (size_t j = 0; j < D; j++) x[j] = value(1, j);
  for (size_t k = 0; k < 2; k++) {
    fsl_forward_model expected, model, signal, other;
    assert_int_equal(fit(&ctx, kinds[k], &flat, 2, square + 1, &expected), FSL_OK);
    assert_int_equal(fit(&ctx, kinds[k], &axes, 0, NULL, &model), FSL_OK);
    assert_true(same(model.identity, expected.identity) && model.m == expected.m);
    expected.value(&expected, x, y);
    model.value(&model, x, z);
    assert_memory_equal(y, z, model.m * sizeof *y);
    assert_int_equal(fit(&ctx, kinds[k], &given, 0, NULL, &model), FSL_OK);
    model.value(&model, x, z);
    assert_memory_equal(y, z, model.m * sizeof *y);
    assert_int_equal(fit(&ctx, kinds[k], &flat, 0, NULL, &signal), FSL_OK); /* no shape: a signal */
    assert_int_equal(fit(&ctx, kinds[k], &axes, 2, wide, &other), FSL_OK);  /* its own shape wins */
    assert_false(same(signal.identity, expected.identity) || same(other.identity, expected.identity));
    signal.value(&signal, x, z);
    assert_memory_not_equal(y, z, expected.m * sizeof *y);
    assert_int_equal(fit(&ctx, kinds[k], &axes, 2, wrong, &other), FSL_EINPUT);
  }
  fsl_arena_destroy(ctx.arena);
}

static void a_prior_of_colour_images_is_refused_with_the_remedy(void **unused) {
  (void)unused;
  static const int64_t colour[3] = {4, 2, 2};
  fsl_forward_model model;
  fsl_ctx ctx = context();
  const fsl_prior prior = prior_of(&ctx, write_samples("a.npy", false, 0), 3, colour);
  assert_int_equal(fit(&ctx, &fsl_forward_blur, &prior, 0, NULL, &model), FSL_EINPUT);
  assert_non_null(strstr(ctx.error, "with the prior's shape (give 'shape' for another one): the shape has 3 axes"));
  fsl_arena_destroy(ctx.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_values_are_one_prior_whatever_the_file),
      cmocka_unit_test(what_is_hashed_is_what_was_read),
      cmocka_unit_test(an_absent_shape_is_the_priors),
      cmocka_unit_test(a_prior_of_colour_images_is_refused_with_the_remedy),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
