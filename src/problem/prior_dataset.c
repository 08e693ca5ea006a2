/* problem/prior_dataset.c: samples from a file. With a bandwidth the prior is their kernel density estimate: a mixture
 * with closed forms and endless fresh draws. Without, training sets are subsets of the rows, and simulated observations
 * measure a tenth of the rows that is held out of everything else. */
#include "problem/build.h"
#include "problem/kinds.h"

#include "base/array_file.h"
#include "base/linalg.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MODES = 65536 };

typedef struct dataset_params {
  const char *file, *samples, *labels;
  fsl_integers shape;
  double bandwidth;
} dataset_params;

static const fsl_param table[] = {
    {.name = "file",
     .type = FSL_FILE,
     .offset = offsetof(dataset_params, file),
     .help =
         "an .h5, .npz, .npy, .csv, .idx or .idx.gz file, beside the spec; one sample per row, further axes (those of "
         "an image) are flattened"},
    {.name = "samples",
     .type = FSL_TEXT,
     .offset = offsetof(dataset_params, samples),
     .preset = "x",
     .outside_identity = true,
     .help = "name of the samples in an .h5 or .npz file"},
    {.name = "labels",
     .type = FSL_TEXT,
     .offset = offsetof(dataset_params, labels),
     .optional = true,
     .outside_identity = true,
     .help = "name of one integer per sample in the same file: equal labels are one mode (absent: one mode)"},
    {.name = "shape",
     .type = FSL_INTEGERS,
     .offset = offsetof(dataset_params, shape),
     .optional = true,
     .outside_identity = true,
     .low = 1,
     .high = 1e6,
     .help = "shape of a sample, such as [8, 8]; its product must be the dimension (absent: the file's further axes)"},
    {.name = "bandwidth",
     .type = FSL_REAL,
     .offset = offsetof(dataset_params, bandwidth),
     .optional = true,
     .low = 0,
     .high = 1e6,
     .open_low = true,
     .help = "standard deviation of a Gaussian kernel at each row (absent: the rows themselves)"},
};

typedef struct rows {
  size_t n, d, n_modes;
  const double *x;
  const uint32_t *mode_of;
} rows;

/* ---- labels: the sorted distinct values are the modes ------------------------------------------------------------ */

static size_t distinct(size_t n, double *sorted) {
  size_t kept = 0;
  qsort(sorted, n, sizeof *sorted, fsl_compare_reals);
  for (size_t i = 0; i < n; i++)
    if (i == 0 || sorted[i] != sorted[kept - 1]) sorted[kept++] = sorted[i];
  return kept;
}

static fsl_status name_labels(fsl_ctx *ctx, size_t n, const double *value, const char *const **out) {
  const char **names;
  FSL_GET(ctx, names, n);
  for (size_t k = 0; k < n; k++) {
    names[k] = fsl_text_format(ctx->arena, "%lld", (long long)value[k]);
    if (names[k] == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for labels");
  }
  *out = names;
  return FSL_OK;
}

static fsl_status check_labels(fsl_ctx *ctx, const dataset_params *p, size_t n, fsl_array labels) {
  if (fsl_array_size(labels) != n)
    return fsl_fail(ctx, FSL_EINPUT, "%s: there are %zu labels for %zu samples", p->file, fsl_array_size(labels), n);
  for (size_t i = 0; i < n; i++)
    if (!(fabs(labels.data[i]) <= 0x1p53) || labels.data[i] != floor(labels.data[i]))
      return fsl_fail(ctx, FSL_EINPUT, "%s: label %zu of '%s' is %g, expected an integer", p->file, i + 1, p->labels,
                      labels.data[i]);
  return FSL_OK;
}

static fsl_status take_labels(fsl_ctx *ctx, const dataset_params *p, fsl_array labels, rows *r,
                              const char *const **names) {
  double *value;
  uint32_t *mode_of;
  FSL_TRY(check_labels(ctx, p, r->n, labels));
  FSL_GET(ctx, value, r->n);
  memcpy(value, labels.data, r->n * sizeof *value);
  r->n_modes = distinct(r->n, value);
  if (r->n_modes > MOST_MODES)
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' has %zu distinct labels, at most %d are read", p->file, p->labels,
                    r->n_modes, MOST_MODES);
  FSL_GET(ctx, mode_of, r->n);
  for (size_t i = 0; i < r->n; i++) {
    const double *const found = bsearch(&labels.data[i], value, r->n_modes, sizeof *value, fsl_compare_reals);
    if (found == NULL) return fsl_fail(ctx, FSL_EINTERNAL, "label %zu is lost among its own values", i + 1);
    mode_of[i] = (uint32_t)(found - value);
  }
  r->mode_of = mode_of;
  return name_labels(ctx, r->n_modes, value, names);
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static fsl_status check_shape(fsl_ctx *ctx, const dataset_params *p, size_t d) {
  int64_t product = 1;
  if (p->shape.data == NULL) return FSL_OK;
  for (size_t i = 0; i < p->shape.n && product <= (int64_t)d; i++) product *= p->shape.data[i];
  if (product == (int64_t)d) return FSL_OK;
  return fsl_fail(ctx, FSL_EINPUT, "%s: its samples have %zu components, which is not the product of the shape",
                  p->file, d);
}

static fsl_status take_samples(fsl_ctx *ctx, const dataset_params *p, fsl_array x, rows *out) {
  x = fsl_array_rows(x);
  *out = (rows){.n = x.shape[0], .d = x.shape[1], .x = x.data, .n_modes = 1};
  if (out->n == 0 || out->d == 0) return fsl_fail(ctx, FSL_EINPUT, "%s: there are no samples in it", p->file);
  for (size_t i = 0; i < out->n * out->d; i++)
    if (!isfinite(out->x[i]))
      return fsl_fail(ctx, FSL_EINPUT, "%s: sample %zu, component %zu is not finite", p->file, i / out->d + 1,
                      i % out->d + 1);
  return FSL_OK;
}

/* The shape given, else the axes behind the first one, where there are several. */
static fsl_status take_shape(fsl_ctx *ctx, const dataset_params *p, fsl_array x, fsl_integers *out) {
  int64_t *shape;
  *out = p->shape;
  if (p->shape.data != NULL || x.rank < 3) return FSL_OK;
  FSL_GET(ctx, shape, x.rank - 1);
  for (size_t i = 1; i < x.rank; i++) shape[i - 1] = (int64_t)x.shape[i];
  *out = (fsl_integers){shape, x.rank - 1};
  return FSL_OK;
}

/* Samples and labels from one opening of the file. A missing label is the label's fault, all else the file's. */
static fsl_status read_arrays(fsl_ctx *ctx, const dataset_params *p, fsl_array *x, fsl_array *labels,
                              const char **bad) {
  const char *const names[] = {p->samples, p->labels};
  fsl_array both[2] = {{0}, {0}};
  const size_t n = p->labels == NULL ? 1 : 2;
  const fsl_status status = fsl_array_read_all(ctx, p->file, n, names, both);
  *bad = status != FSL_OK && n == 2 && both[0].data != NULL ? "labels" : "file";
  *x = both[0];
  *labels = both[1];
  return status;
}

/* What identity knows of the file: its rows and labels as they were read, before anything is held out. */
static fsl_status hash_content(fsl_ctx *ctx, const rows *r, fsl_array labels, fsl_hash *out) {
  fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
  if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a hash");
  fsl_hash_integer(hasher, (int64_t)r->n);
  fsl_hash_integer(hasher, (int64_t)r->d);
  fsl_hash_reals(hasher, r->x, r->n * r->d);
  fsl_hash_reals(hasher, labels.data, fsl_array_size(labels));
  *out = fsl_hash_value(hasher);
  return FSL_OK;
}

/* ---- holding out: the tenth of the rows whose content hashes lowest with the seed -------------------------------- */

typedef struct ticket {
  fsl_hash number;
  size_t row;
} ticket;

static int by_number(const void *a, const void *b) {
  const ticket *const x = a, *const y = b;
  const int order = fsl_hash_compare(x->number, y->number);
  return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static fsl_status number_rows(fsl_ctx *ctx, const rows *r, uint64_t seed, ticket *out) {
  for (size_t i = 0; i < r->n; i++) {
    const fsl_arena_mark mark = fsl_arena_now(ctx->arena);
    fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
    if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a hash");
    fsl_hash_integer(hasher, (int64_t)seed);
    fsl_hash_reals(hasher, r->x + i * r->d, r->d);
    out[i] = (ticket){fsl_hash_value(hasher), i};
    fsl_arena_release(ctx->arena, mark);
  }
  return FSL_OK;
}

static fsl_status copy_rows(fsl_ctx *ctx, const rows *from, size_t n, const ticket *which, rows *to) {
  double *x;
  uint32_t *mode_of = NULL;
  FSL_GET(ctx, x, n * from->d + 1);
  if (from->mode_of != NULL) FSL_GET(ctx, mode_of, n + 1);
  for (size_t i = 0; i < n; i++) {
    memcpy(x + i * from->d, from->x + which[i].row * from->d, from->d * sizeof *x);
    if (mode_of != NULL) mode_of[i] = from->mode_of[which[i].row];
  }
  *to = (rows){.n = n, .d = from->d, .n_modes = from->n_modes, .x = x, .mode_of = mode_of};
  return FSL_OK;
}

/* Equal rows are never parted: what is measured must not be in the population as well. */
static size_t whole_groups(const ticket *order, size_t n, size_t wanted) {
  size_t held = wanted;
  while (held > 0 && fsl_hash_compare(order[held - 1].number, order[held].number) == 0) held--;
  if (held > 0) return held;
  for (held = 1; held < n && fsl_hash_compare(order[held - 1].number, order[held].number) == 0;) held++;
  return held;
}

static fsl_status hold_out(fsl_ctx *ctx, const dataset_params *p, uint64_t seed, rows *pool, fsl_prior *out) {
  ticket *order;
  rows held = {0}, rest = {0};
  if (pool->n < 2) return fsl_fail(ctx, FSL_EINPUT, "%s: one sample leaves none to hold out", p->file);
  FSL_GET(ctx, order, pool->n);
  FSL_TRY(number_rows(ctx, pool, seed, order));
  qsort(order, pool->n, sizeof *order, by_number);
  const size_t n_held = whole_groups(order, pool->n, pool->n < 20 ? 1 : pool->n / 10);
  if (n_held == pool->n)
    return fsl_fail(ctx, FSL_EINPUT, "%s: its samples are all equal: none can be held out", p->file);
  FSL_TRY(copy_rows(ctx, pool, n_held, order, &held));
  FSL_TRY(copy_rows(ctx, pool, pool->n - n_held, order + n_held, &rest));
  out->n_held_out = n_held;
  out->held_out = held.x;
  *pool = rest;
  return FSL_OK;
}

static fsl_status find_modes(fsl_ctx *ctx, rows *r) {
  if (r->mode_of != NULL) return FSL_OK;
  uint32_t *mode_of;
  FSL_GET(ctx, mode_of, r->n);
  r->mode_of = mode_of;
  return FSL_OK;
}

static fsl_status create(fsl_ctx *ctx, const void *params, const fsl_prior_setting *setting, fsl_prior *out,
                         const char **bad) {
  static const char *const all[] = {"all"};
  const dataset_params *const p = params;
  const bool smooth = !isnan(p->bandwidth);
  rows r;
  fsl_array x, labels;
  FSL_TRY(read_arrays(ctx, p, &x, &labels, bad));
  FSL_TRY(fsl_check_stop(ctx));
  FSL_TRY(take_samples(ctx, p, x, &r));
  *bad = "shape";
  FSL_TRY(check_shape(ctx, p, r.d));
  FSL_TRY(take_shape(ctx, p, x, &out->shape));
  *bad = "labels";
  out->mode_names = all;
  if (p->labels != NULL) FSL_TRY(take_labels(ctx, p, labels, &r, &out->mode_names));
  *bad = "file";
  FSL_TRY(fsl_check_stop(ctx));
  FSL_TRY(hash_content(ctx, &r, labels, &out->content));
  FSL_TRY(fsl_check_stop(ctx));
  if (!smooth && setting->simulated_y) FSL_TRY(hold_out(ctx, p, setting->seed, &r, out));
  FSL_TRY(find_modes(ctx, &r));
  out->d = r.d;
  out->without_replacement = !smooth;
  FSL_TRY(fsl_mixture_of_atoms(ctx, r.n, r.d, r.x, NULL, r.mode_of, r.n_modes, &out->population));
  if (!smooth) return FSL_OK;
  fsl_covariance *kernel;
  FSL_GET(ctx, kernel, 1);
  out->population.covariance = kernel;
  return fsl_build_isotropic(ctx, r.d, p->bandwidth * p->bandwidth, kernel);
}

const fsl_prior_kind fsl_prior_dataset = {
    .head = {.name = "dataset",
             .help = "your own samples from a file, with or without a kernel bandwidth",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(dataset_params)},
    .create = create,
};
