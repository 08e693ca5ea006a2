/* problem/forward_inpainting.c: some of the components, named or chosen at random. */
#include "problem/kinds.h"

#include <math.h>
#include <stdlib.h>

typedef struct inpainting_params {
  fsl_integers keep;
  double fraction;
  int64_t seed;
} inpainting_params;

static const fsl_param table[] = {
    {.name = "keep",
     .type = FSL_INTEGERS,
     .offset = offsetof(inpainting_params, keep),
     .optional = true,
     .low = 0,
     .high = 1e9,
     .help = "numbers of the components that are measured, from 0; for a share of them give fraction instead"},
    {.name = "fraction",
     .type = FSL_REAL,
     .offset = offsetof(inpainting_params, fraction),
     .optional = true,
     .low = 0,
     .high = 1,
     .open_low = true,
     .help = "share of the components that are measured, chosen at random; for chosen ones give keep instead"},
    {.name = "seed",
     .type = FSL_INTEGER,
     .offset = offsetof(inpainting_params, seed),
     .preset = "0",
     .low = 0,
     .high = 9007199254740992.0,
     .help = "of the random choice"},
};

typedef struct kept {
  size_t n;
  size_t *component;
} kept;

static void apply(const fsl_forward_model *model, const double *x, double *y) {
  const kept *const k = model->self;
  for (size_t i = 0; i < k->n; i++) y[i] = x[k->component[i]];
}

static void jacobian_t(const fsl_forward_model *model, const double *x, const double *u, double *out) {
  const kept *const k = model->self;
  (void)x;
  for (size_t j = 0; j < model->d; j++) out[j] = 0;
  for (size_t i = 0; i < k->n; i++) out[k->component[i]] += u[i];
}

static fsl_status check(fsl_ctx *ctx, const void *params, const char **bad) {
  const inpainting_params *const p = params;
  const bool has_keep = p->keep.data != NULL, has_fraction = !isnan(p->fraction);
  *bad = has_keep ? "fraction" : "keep";
  if (has_keep && has_fraction) return fsl_fail(ctx, FSL_EINPUT, "give either keep or fraction, not both");
  if (!has_keep && !has_fraction) return fsl_fail(ctx, FSL_EINPUT, "give keep (components) or fraction");
  if (!has_keep) return FSL_OK;
  *bad = "keep";
  if (p->keep.n == 0) return fsl_fail(ctx, FSL_EINPUT, "no component is kept, expected at least one");
  for (size_t i = 0; i < p->keep.n; i++)
    for (size_t j = 0; j < i; j++)
      if (p->keep.data[i] == p->keep.data[j])
        return fsl_fail(ctx, FSL_EINPUT, "component %lld is kept twice", (long long)p->keep.data[i]);
  return FSL_OK;
}

static fsl_status keep_named(fsl_ctx *ctx, const inpainting_params *p, size_t d, kept *out) {
  out->n = p->keep.n;
  FSL_GET(ctx, out->component, out->n);
  for (size_t i = 0; i < out->n; i++) {
    if ((size_t)p->keep.data[i] >= d)
      return fsl_fail(ctx, FSL_EINPUT, "component %lld is kept, but the prior's are 0 to %zu",
                      (long long)p->keep.data[i], d - 1);
    out->component[i] = (size_t)p->keep.data[i];
  }
  return FSL_OK;
}

typedef struct ticket {
  double number;
  size_t component;
} ticket;

static int by_number(const void *a, const void *b) {
  const ticket *const x = a, *const y = b;
  return (x->number > y->number) - (x->number < y->number);
}

static int by_size(const void *a, const void *b) {
  const size_t x = *(const size_t *)a, y = *(const size_t *)b;
  return (x > y) - (x < y);
}

/* The components with the lowest random numbers, in their own order; at least one. */
static fsl_status keep_random(fsl_ctx *ctx, const inpainting_params *p, size_t d, kept *out) {
  ticket *tickets;
  double *number;
  fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
  if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a hash");
  fsl_hash_text(hasher, "inpainting");
  fsl_hash_integer(hasher, p->seed);
  FSL_GET(ctx, tickets, d);
  FSL_GET(ctx, number, d);
  fsl_uniforms(fsl_key_of(fsl_hash_value(hasher)), 0, 0, d, number);
  for (size_t j = 0; j < d; j++) tickets[j] = (ticket){number[j], j};
  qsort(tickets, d, sizeof *tickets, by_number);
  const double wanted = floor(p->fraction * (double)d + 0.5);
  out->n = wanted < 1 ? 1 : (size_t)wanted;
  FSL_GET(ctx, out->component, out->n);
  for (size_t i = 0; i < out->n; i++) out->component[i] = tickets[i].component;
  qsort(out->component, out->n, sizeof *out->component, by_size);
  return FSL_OK;
}

static fsl_status create(fsl_ctx *ctx, const void *params, size_t d, fsl_forward_model *out, const char **bad) {
  const inpainting_params *const p = params;
  kept *k;
  FSL_TRY(check(ctx, params, bad));
  FSL_GET(ctx, k, 1);
  *bad = "keep";
  FSL_TRY(p->keep.data != NULL ? keep_named(ctx, p, d, k) : keep_random(ctx, p, d, k));
  out->m = k->n;
  out->linear = true;
  out->self = k;
  out->value = apply;
  out->apply = apply;
  out->jacobian_t = jacobian_t;
  return FSL_OK;
}

const fsl_forward_model_kind fsl_forward_inpainting = {
    .head = {.name = "inpainting",
             .help = "some of the components, named or chosen at random",
             .version = 1,
             FSL_PARAMS(table),
             .params_size = sizeof(inpainting_params),
             .check = check},
    .create = create,
};
