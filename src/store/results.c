/* store/results.c: the results file as a whole. */
#include "store/results.h"

#include "store/output.h"
#include "store/table.h"

static void measure(fsl_results *r) {
  const fsl_spec *const spec = r->spec;
  r->most_modes = r->most_components = 1;
  for (size_t p = 0; p < spec->n_priors; p++) {
    const fsl_prior *const prior = &spec->prior_of[p];
    const size_t modes = fsl_pooled_modes(prior->population.n_modes);
    if (modes > r->most_modes) r->most_modes = modes;
    if (prior->d > r->most_components) r->most_components = prior->d;
  }
  for (size_t i = 0; i < spec->n_priors * spec->n_forward_models; i++)
    if (spec->model_of[i] != NULL && spec->model_of[i]->m > r->most_components)
      r->most_components = spec->model_of[i]->m;
}

static fsl_status make_room(fsl_ctx *ctx, fsl_results *r) {
  fsl_status status = FSL_OK;
  for (size_t i = 0; i < FSL_N_JOB_KINDS; i++) {
    r->last[i] = (fsl_read_record){.arena = fsl_arena_create(0), .job = -1};
    if (r->last[i].arena == NULL) status = fsl_fail(ctx, FSL_ENOMEM, "out of memory for the records");
  }
  return status;
}

static void drop_room(fsl_results *r) {
  for (size_t i = 0; i < FSL_N_JOB_KINDS; i++) fsl_arena_destroy(r->last[i].arena);
}

typedef struct assembly {
  fsl_results results;
  const fsl_provenance *provenance;
} assembly;

static fsl_status assemble(void *self, fsl_h5 *h) {
  fsl_results *const r = &((assembly *)self)->results;
  r->h = *h;
  const size_t refused = fsl_arena_refused(r->h.ctx->arena);
  FSL_TRY(fsl_write_root(r));
  FSL_TRY(fsl_write_reference(r));
  FSL_TRY(fsl_write_truth(r));
  FSL_TRY(fsl_write_convergence(r));
  FSL_TRY(fsl_write_budget(r));
  FSL_TRY(fsl_write_jobs(r));
  FSL_TRY(fsl_write_provenance(r, ((assembly *)self)->provenance));
  if (fsl_arena_refused(r->h.ctx->arena) == refused) return FSL_OK;
  return fsl_fail(r->h.ctx, FSL_ENOMEM, "%s: out of memory for its texts", r->h.path);
}

fsl_status fsl_results_write(fsl_ctx *ctx, const char *path, const fsl_spec *spec, const fsl_grid *grid,
                             fsl_record_source records, const fsl_provenance *provenance) {
  assembly a = {.results = {.spec = spec, .grid = grid, .source = records}, .provenance = provenance};
  measure(&a.results);
  fsl_status status = make_room(ctx, &a.results);
  if (status == FSL_OK) status = fsl_output_write(ctx, path, FSL_FILE_RESULTS, &a, assemble);
  drop_room(&a.results);
  return status;
}
