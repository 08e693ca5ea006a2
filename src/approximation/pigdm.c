/* approximation/pigdm.c: pseudo-inverse guidance: p(x_0 | x_t) taken as N(m, r2 I), S = S_n + r2 A A^T. */
#include "approximation/guided.h"
#include "approximation/kinds.h"

#include <float.h>

typedef struct pigdm_params {
  fsl_choice_or_real r2;
} pigdm_params;

enum { r2_flat, r2_unit };

static const char *const r2_choices[] = {"flat", "unit", NULL};

static const fsl_param params_table[] = {
    {.name = "r2",
     .type = FSL_CHOICE_OR_REAL,
     .offset = offsetof(pigdm_params, r2),
     .preset = "flat",
     .low = 0,
     .high = DBL_MAX,
     .open_low = true,
     .choices = r2_choices,
     .help = "variance of x0 given x_t: flat v/abar, unit v/(v + abar), a prior variance tau2: v tau2/(v + abar tau2)",
     .source = "flat: Burns & Fridovich-Keil 2026; unit: Song et al. 2023"},
};

static double variance(fsl_choice_or_real r2, double a, double v) {
  if (r2.choice == r2_flat) return v / (a * a);
  const double tau2 = r2.choice == r2_unit ? 1 : r2.value;
  return v * tau2 / (v + a * a * tau2);
}

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  const fsl_choice_or_real r2 = ((const pigdm_params *)params)->r2;
  double *u;
  FSL_GET(ctx, u, states->n * states->m);
  FSL_TRY(fsl_guided_residual(ctx, states, states->mean, u));
  FSL_TRY(fsl_guided_solve_gram(ctx, states, variance(r2, states->a, states->v), u));
  return fsl_guided_push(ctx, states, u, g);
}

const fsl_approximation_kind fsl_approximation_pigdm = {
    .head = {.name = "pigdm",
             .help = "pseudo-inverse guidance: S = S_n + r2 A A^T",
             .source = "Song et al. 2023 (PiGDM)",
             .version = 1,
             FSL_PARAMS(params_table),
             .params_size = sizeof(pigdm_params)},
    .linear_only = true,
    .open = fsl_guided_open_gram,
    .score = score,
    .work = {.products = 1, .solves = 1},
};
