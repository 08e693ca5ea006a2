/* arrange.c: the order in which the wide kernels take the atoms of a block: those that may count on the posterior side
 * come first, so that the other chunks need no look at it. */
#include "posterior/arrange.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"

/* Atoms whose l_i + log pi_i is lower by this than the largest: no posterior weight where the prior's is much the same
 * for all. */
#define LIKELY 64.0

static double weight_of(const fsl_block *block, size_t i) {
  return block->log_weight != NULL ? block->log_weight[i] : 0.0;
}

/* Both parts keep their order. */
static void find_order(const fsl_block *block, uint32_t *order) {
  double most = -INFINITY;
  size_t count = 0;
  for (size_t i = 0; i < block->n && block->log_likelihood != NULL; ++i)
    most = fmax(most, weight_of(block, i) + block->log_likelihood[i]);
  for (int part = 0; part < 2; ++part)
    for (size_t i = 0; i < block->n; ++i) {
      const bool likely =
          block->log_likelihood == NULL || weight_of(block, i) + block->log_likelihood[i] >= most - LIKELY;
      if (likely == (part == 0)) order[count++] = (uint32_t)i;
    }
}

static void find_mean(size_t d, size_t n, const double *x, const uint32_t *order, double *mean) {
  memset(mean, 0, d * sizeof *mean);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < d; ++j) mean[j] += x[order[i] * d + j];
  for (size_t j = 0; j < d; ++j) mean[j] /= (double)n;
}

static double square_between(size_t d, const double *x, const double *y) {
  double sum = 0.0;
  for (size_t j = 0; j < d; ++j) sum += (x[j] - y[j]) * (x[j] - y[j]);
  return sum;
}

/* ---- what is known of the atoms in that order -------------------------------------------------------------------- */

static fsl_status find_squares(fsl_ctx *ctx, const fsl_block *block, fsl_arrangement *out) {
  const size_t n = block->n, d = block->d;
  double *centre, *square, *log_weight, most = 0.0;
  FSL_GET(ctx, centre, d);
  FSL_GET(ctx, square, n);
  FSL_GET(ctx, log_weight, n);
  find_mean(d, n, block->x, out->order, centre);
  for (size_t i = 0; i < n; ++i) {
    square[i] = square_between(d, block->x + out->order[i] * d, centre);
    log_weight[i] = weight_of(block, out->order[i]);
    most = fmax(most, square[i]);
  }
  out->centre = centre;
  out->square = square;
  out->log_weight = log_weight;
  out->radius = sqrt(most);
  out->reach = out->radius + sqrt(fsl_dot(d, centre, centre));
  return FSL_OK;
}

static fsl_status find_likelihoods(fsl_ctx *ctx, const fsl_block *block, fsl_arrangement *out) {
  const size_t n = block->n;
  double *log_likelihood, *likelihood, *chunk_max;
  if (block->log_likelihood == NULL) return FSL_OK;
  FSL_GET(ctx, log_likelihood, n);
  FSL_GET(ctx, likelihood, n);
  FSL_GET(ctx, chunk_max, (n + FSL_CHUNK - 1) / FSL_CHUNK);
  for (size_t i = 0; i < n; ++i) {
    double *most = chunk_max + i / FSL_CHUNK;
    log_likelihood[i] = block->log_likelihood[out->order[i]];
    *most = fmax(i % FSL_CHUNK == 0 ? FSL_FLOOR : *most, log_likelihood[i]);
  }
  for (size_t i = 0; i < n; ++i) likelihood[i] = exp(log_likelihood[i] - chunk_max[i / FSL_CHUNK]);
  out->log_likelihood = log_likelihood;
  out->likelihood = likelihood;
  out->chunk_max = chunk_max;
  return FSL_OK;
}

fsl_status fsl_arrange(fsl_ctx *ctx, const fsl_block *block, fsl_arrangement *out) {
  uint32_t *order;
  FSL_GET(ctx, order, block->n);
  find_order(block, order);
  *out = (fsl_arrangement){.order = order};
  FSL_TRY(find_squares(ctx, block, out));
  return find_likelihoods(ctx, block, out);
}

size_t fsl_arrangement_bytes(size_t d) {
  return d < FSL_WIDE ? 0 : sizeof(uint32_t) + 4 * sizeof(double);
}
