/* problem_params.h: parameters of kinds for tests, filled by name: defaults from the table, the rest by the test. */
#ifndef FSL_TEST_PROBLEM_PARAMS_H
#define FSL_TEST_PROBLEM_PARAMS_H

#include "base/text.h"
#include "problem/kinds.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline fsl_ctx context(void) {
  return (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
}

static inline void *field(const fsl_kind *kind, void *params, const char *name) {
  const fsl_param *const param = fsl_kind_param(kind, name);
  assert_non_null(param);
  return (char *)params + param->offset;
}

static inline int choice_of(const fsl_param *param, const char *name) {
  for (int i = 0; param->choices[i] != NULL; i++)
    if (strcmp(param->choices[i], name) == 0) return i;
  fail_msg("'%s' is no choice of '%s'", name, param->name);
  return -1;
}

/* A covariance written as a number. */
static inline fsl_array number(fsl_ctx *ctx, double value) {
  double *const data = fsl_arena_get(ctx->arena, 1, sizeof *data);
  assert_non_null(data);
  *data = value;
  return (fsl_array){.data = data};
}

/* What the spec does with a mapping that gives nothing: presets, or absent. */
static inline void *defaults(fsl_ctx *ctx, const fsl_kind *kind) {
  char *const params = fsl_arena_get(ctx->arena, kind->params_size + 1, 1);
  assert_non_null(params);
  for (size_t i = 0; i < kind->n_params; i++) {
    const fsl_param *const p = &kind->params[i];
    void *const at = params + p->offset;
    double real = NAN;
    if (p->type == FSL_REAL) {
      if (p->preset != NULL) assert_true(fsl_parse_real(p->preset, &real));
      *(double *)at = real;
    } else if (p->type == FSL_INTEGER) {
      *(int64_t *)at = INT64_MIN;
      if (p->preset != NULL) assert_true(fsl_parse_integer(p->preset, at));
    } else if (p->type == FSL_TEXT) {
      *(const char **)at = p->preset;
    } else if (p->type == FSL_CHOICE && p->preset != NULL) {
      *(int *)at = choice_of(p, p->preset);
    } else if (p->type == FSL_COVARIANCE && p->preset != NULL) {
      assert_true(fsl_parse_real(p->preset, &real));
      ((fsl_covariance_value *)at)->value = number(ctx, real);
    }
  }
  return params;
}

static inline void set_real(const fsl_kind *kind, void *params, const char *name, double value) {
  *(double *)field(kind, params, name) = value;
}

static inline void set_integer(const fsl_kind *kind, void *params, const char *name, int64_t value) {
  *(int64_t *)field(kind, params, name) = value;
}

static inline void set_text(const fsl_kind *kind, void *params, const char *name, const char *value) {
  *(const char **)field(kind, params, name) = value;
}

static inline void set_choice(const fsl_kind *kind, void *params, const char *name, const char *value) {
  *(int *)field(kind, params, name) = choice_of(fsl_kind_param(kind, name), value);
}

static inline void set_vector(const fsl_kind *kind, void *params, const char *name, size_t n, const double *data) {
  *(fsl_array *)field(kind, params, name) = (fsl_array){.data = data, .rank = 1, .shape = {n}};
}

static inline void set_matrix(const fsl_kind *kind, void *params, const char *name, size_t rows, size_t columns,
                              const double *data) {
  *(fsl_array *)field(kind, params, name) = (fsl_array){.data = data, .rank = 2, .shape = {rows, columns}};
}

static inline void set_integers(const fsl_kind *kind, void *params, const char *name, size_t n, const int64_t *data) {
  *(fsl_integers *)field(kind, params, name) = (fsl_integers){.data = data, .n = n};
}

#endif
