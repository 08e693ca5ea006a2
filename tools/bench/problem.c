/* problem.c: the problem that is timed, and states where a run would have them. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array_file.h"
#include "base/text.h"
#include "problem/kinds.h"

static const fsl_key mean_key = {{1, 0}}, atom_key = {{2, 0}}, y_key = {{3, 0}}, state_key = {{4, 0}};

void bench_check(const bench *b, fsl_status status) {
  if (status == FSL_OK) return;
  fprintf(stderr, "bench: %s: %s\n", fsl_status_name(status), b->ctx.error);
  exit(1);
}

static double *reals(bench *b, size_t n) {
  double *const values = fsl_arena_get(b->ctx.arena, n, sizeof *values);
  if (values == NULL) bench_check(b, fsl_fail(&b->ctx, FSL_ENOMEM, "no memory for %zu numbers", n));
  return values;
}

/* ---- the prior --------------------------------------------------------------------------------------------------- */

static void mixture_prior(bench *b) {
  const size_t d = b->setting.d, k = b->setting.clusters;
  double *const mean = reals(b, k * d), *const log_weight = reals(b, k), *const values = reals(b, d);
  fsl_covariance *const covariance = fsl_arena_get(b->ctx.arena, 1, sizeof *covariance);
  fsl_normals(mean_key, 0, 0, k * d, mean);
  for (size_t i = 0; i < k; i++) log_weight[i] = -log((double)k);
  for (size_t j = 0; j < d; j++) values[j] = b->setting.std * b->setting.std;
  *covariance = (fsl_covariance){.values = values, .isotropic = true};
  b->prior = (fsl_prior){.d = d,
                         .population = {.d = d,
                                        .n = k,
                                        .log_weight = log_weight,
                                        .mean = mean,
                                        .n_covariances = 1,
                                        .covariance = covariance,
                                        .n_modes = k}};
}

/* Every training set of all rows is all rows. */
static void rows_prior(bench *b) {
  fsl_array array;
  bench_check(b, fsl_array_read(&b->ctx, b->setting.rows, NULL, &array));
  array = fsl_array_rows(array);
  b->setting.n = array.shape[0];
  b->setting.d = array.shape[1];
  b->prior = (fsl_prior){.d = array.shape[1], .without_replacement = true};
  bench_check(b, fsl_mixture_of_atoms(&b->ctx, array.shape[0], array.shape[1], array.data, NULL, NULL, array.shape[0],
                                      &b->prior.population));
}

/* ---- the measurement: the first m components --------------------------------------------------------------------- */

static void first_components(const fsl_forward_model *model, const double *x, double *y) {
  memcpy(y, x, model->m * sizeof *y);
}

static void back(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  (void)x;
  memset(out, 0, model->d * sizeof *out);
  memcpy(out, u, model->m * sizeof *u);
}

static void measurement(bench *b) {
  const size_t d = b->prior.d, m = b->setting.m > 0 ? b->setting.m : d < 4 ? d : 4;
  double *const x_true = reals(b, d), *const std = reals(b, m), *const y = reals(b, m);
  b->model = (fsl_forward_model){
      .d = d, .m = m, .linear = true, .value = first_components, .jacobian_t = back, .apply = first_components};
  bench_check(b, fsl_prior_x_true(&b->ctx, &b->prior, y_key, 0, x_true));
  fsl_normals(y_key, 1, 0, m, y);
  for (size_t i = 0; i < m; i++) {
    std[i] = 0.3;
    y[i] = x_true[i] + std[i] * y[i];
  }
  b->problem = (fsl_problem){.prior = &b->prior, .model = &b->model, .noise = {m, std}, .y = y, .x_true = x_true};
}

void bench_create(bench *out, const bench_setting *setting) {
  *out = (bench){.setting = *setting, .ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo}};
  if (out->ctx.arena == NULL) exit(1);
  if (setting->rows != NULL)
    rows_prior(out);
  else
    mixture_prior(out);
  measurement(out);
  out->diffusion = fsl_diffusion_vp.functions;
  out->diffusion.params = bench_params(out, &fsl_diffusion_vp.head);
}

/* ---- what is timed ----------------------------------------------------------------------------------------------- */

fsl_posterior *bench_posterior(bench *b) {
  const fsl_posterior_setting setting = {.single = b->setting.single, .tolerance = b->setting.tolerance};
  fsl_posterior *posterior;
  bench_check(b, fsl_posterior_of_training_set(&b->ctx, &b->problem, atom_key, b->setting.n, &setting, &posterior));
  return posterior;
}

double bench_time(const bench *b, size_t index) {
  const bench_setting *const s = &b->setting;
  return s->t > 0 ? s->t : 1 - ((double)index + 0.5) / (double)s->samples * (1 - s->t_min);
}

double *bench_states(bench *b, const fsl_posterior *posterior, double t) {
  double *const x = reals(b, b->setting.b * b->prior.d);
  const double a = b->diffusion.a(&b->diffusion, t), v = b->diffusion.v(&b->diffusion, t);
  bench_check(b, fsl_posterior_draw(&b->ctx, posterior, a, v, state_key, 0, b->setting.b, x, NULL));
  return x;
}

static void preset(const fsl_param *p, char *params) {
  if (p->preset == NULL) return;
  if (p->type == FSL_REAL) fsl_parse_real(p->preset, (double *)(void *)(params + p->offset));
  if (p->type == FSL_INTEGER) fsl_parse_integer(p->preset, (int64_t *)(void *)(params + p->offset));
  for (int i = 0; p->type == FSL_CHOICE && p->choices[i] != NULL; i++)
    if (strcmp(p->choices[i], p->preset) == 0) *(int *)(void *)(params + p->offset) = i;
}

const void *bench_params(bench *b, const fsl_kind *kind) {
  char *const params = fsl_arena_get(b->ctx.arena, kind->params_size + 1, 1);
  if (params == NULL) exit(1);
  for (size_t i = 0; i < kind->n_params; i++) preset(&kind->params[i], params);
  return params;
}
