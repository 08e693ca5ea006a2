/* problem/build.c: see build.h. */
#include "problem/build.h"

#include "base/linalg.h"
#include "base/text.h"

#include <math.h>

fsl_status fsl_build_check_points(fsl_ctx *ctx, fsl_array points) {
  return fsl_array_size(points) > 0 ? FSL_OK : fsl_fail(ctx, FSL_EINPUT, "it is empty, expected at least one entry");
}

fsl_status fsl_build_check_weights(fsl_ctx *ctx, size_t n, fsl_array weights) {
  double sum = 0;
  if (weights.data == NULL) return FSL_OK;
  if (weights.shape[0] != n)
    return fsl_fail(ctx, FSL_EINPUT, "there are %zu weights for %zu components", weights.shape[0], n);
  for (size_t k = 0; k < n; k++) {
    if (!(weights.data[k] >= 0)) return fsl_fail(ctx, FSL_EINPUT, "weight %zu is negative: %g", k + 1, weights.data[k]);
    sum += weights.data[k];
  }
  if (!(sum > 0) || !isfinite(sum))
    return fsl_fail(ctx, FSL_EINPUT, "the weights sum to %g; their sum must be positive", sum);
  return FSL_OK;
}

fsl_status fsl_build_log_weights(fsl_ctx *ctx, size_t n, fsl_array weights, const double **out) {
  double *log_weight;
  FSL_GET(ctx, log_weight, n);
  for (size_t k = 0; k < n; k++) log_weight[k] = weights.data == NULL ? 0 : log(weights.data[k]);
  const double total = fsl_log_sum_exp(n, log_weight);
  for (size_t k = 0; k < n; k++) log_weight[k] -= total;
  *out = log_weight;
  return FSL_OK;
}

fsl_status fsl_build_isotropic(fsl_ctx *ctx, size_t d, double value, fsl_covariance *out) {
  double *values;
  FSL_GET(ctx, values, d);
  for (size_t j = 0; j < d; j++) values[j] = value;
  *out = (fsl_covariance){.values = values, .isotropic = true};
  return FSL_OK;
}

static fsl_status from_diagonal(fsl_ctx *ctx, size_t d, fsl_array value, fsl_covariance *out) {
  if (value.shape[0] != d)
    return fsl_fail(ctx, FSL_EINPUT, "a diagonal covariance has %zu entries for dimension %zu", value.shape[0], d);
  for (size_t j = 0; j < d; j++)
    if (!(value.data[j] > 0))
      return fsl_fail(ctx, FSL_EINPUT, "a covariance is not positive definite: its diagonal entry %zu is %g", j + 1,
                      value.data[j]);
  *out = (fsl_covariance){.values = value.data};
  return FSL_OK;
}

static fsl_status check_symmetric(fsl_ctx *ctx, size_t d, const double *matrix) {
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < i; j++) {
      const double a = matrix[i * d + j], b = matrix[j * d + i];
      const double scale = sqrt(fabs(matrix[i * d + i] * matrix[j * d + j])); /* rounding of a product V L V^T */
      if (!(fabs(a - b) <= 1e-12 * scale))
        return fsl_fail(ctx, FSL_EINPUT,
                        "a covariance is not symmetric: entry (%zu, %zu) is %g, entry (%zu, %zu) is %g", i + 1, j + 1,
                        a, j + 1, i + 1, b);
    }
  return FSL_OK;
}

static fsl_status from_matrix(fsl_ctx *ctx, size_t d, fsl_array value, fsl_covariance *out) {
  if (value.shape[0] != d || value.shape[1] != d)
    return fsl_fail(ctx, FSL_EINPUT, "a covariance is %zu x %zu for dimension %zu", value.shape[0], value.shape[1], d);
  double *values, *vectors;
  FSL_TRY(check_symmetric(ctx, d, value.data));
  FSL_GET(ctx, values, d);
  FSL_GET(ctx, vectors, d * d);
  FSL_TRY(fsl_symmetric_eigen(ctx, d, value.data, values, vectors));
  if (!(values[0] > 0))
    return fsl_fail(ctx, FSL_EINPUT, "a covariance is not positive definite: its smallest eigenvalue is %.3g",
                    values[0]);
  *out = (fsl_covariance){.values = values, .vectors = vectors};
  return FSL_OK;
}

fsl_status fsl_build_covariance(fsl_ctx *ctx, size_t d, fsl_array value, fsl_covariance *out) {
  if (value.rank == 1) return from_diagonal(ctx, d, value, out);
  if (value.rank == 2) return from_matrix(ctx, d, value, out);
  if (!(value.data[0] > 0))
    return fsl_fail(ctx, FSL_EINPUT, "a covariance is not positive definite: %g", value.data[0]);
  return fsl_build_isotropic(ctx, d, value.data[0], out);
}

fsl_status fsl_build_mode_names(fsl_ctx *ctx, size_t n, const char *const **out) {
  const char **names;
  FSL_GET(ctx, names, n);
  for (size_t k = 0; k < n; k++) {
    names[k] = fsl_text_format(ctx->arena, "%zu", k);
    if (names[k] == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the names of %zu modes", n);
  }
  *out = names;
  return FSL_OK;
}
