/* posterior_problem.h: problems made by hand for the posterior's tests: a prior mixture, a forward model, a y. */
#ifndef POSTERIOR_PROBLEM_H
#define POSTERIOR_PROBLEM_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "posterior/internal.h"

static inline fsl_ctx *open_ctx(void) {
  fsl_ctx *ctx = calloc(1, sizeof *ctx);
  assert_non_null(ctx);
  ctx->arena = fsl_arena_create(0);
  ctx->team = &fsl_team_solo;
  assert_non_null(ctx->arena);
  return ctx;
}

static inline void close_ctx(fsl_ctx *ctx) {
  fsl_arena_destroy(ctx->arena);
  free(ctx);
}

#define OK(ctx, call)                                                                                                  \
  do {                                                                                                                 \
    const fsl_status ok_status_ = (call);                                                                              \
    if (ok_status_ != FSL_OK) fail_msg("%s: %s", fsl_status_name(ok_status_), (ctx)->error);                           \
  } while (0)

static inline double *reals(fsl_ctx *ctx, size_t n) {
  double *values = fsl_arena_get(ctx->arena, n, sizeof *values);
  assert_non_null(values);
  return values;
}

static inline double *normals(fsl_ctx *ctx, uint32_t name, size_t n) {
  double *values = reals(ctx, n);
  fsl_normals((fsl_key){{name, 77}}, 0, 0, n, values);
  return values;
}

/* A_k(x) = x_k + x_{k+1} x_{k+2} / 2, indices around. */
static inline void bent_value(const fsl_forward_model *model, const double *x, double *y) {
  const size_t d = model->d;
  for (size_t k = 0; k < model->m; ++k) y[k] = x[k % d] + 0.5 * x[(k + 1) % d] * x[(k + 2) % d];
}

static inline fsl_forward_model bent_model(size_t d, size_t m) {
  return (fsl_forward_model){.d = d, .m = m, .value = bent_value};
}

/* A(x) = M x; self: M (m, d) */
static inline void matrix_value(const fsl_forward_model *model, const double *x, double *y) {
  const double *matrix = model->self;
  for (size_t k = 0; k < model->m; ++k) {
    y[k] = 0.0;
    for (size_t j = 0; j < model->d; ++j) y[k] += matrix[k * model->d + j] * x[j];
  }
}

static inline void matrix_back(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  const double *matrix = model->self;
  (void)x;
  for (size_t j = 0; j < model->d; ++j) {
    out[j] = 0.0;
    for (size_t k = 0; k < model->m; ++k) out[j] += matrix[k * model->d + j] * u[k];
  }
}

static inline fsl_forward_model matrix_model(size_t d, size_t m, const double *matrix) {
  return (fsl_forward_model){.d = d,
                             .m = m,
                             .linear = true,
                             .self = matrix,
                             .value = matrix_value,
                             .jacobian_t = matrix_back,
                             .apply = matrix_value};
}

static inline double *constant(fsl_ctx *ctx, size_t n, double value) {
  double *values = reals(ctx, n);
  for (size_t i = 0; i < n; ++i) values[i] = value;
  return values;
}

#endif
