/* store/results.c: the file as a whole: assembled beside its place, closed, synced, renamed, the folder synced. */
#include "store/results.h"

#include "store/beside.h"
#include "store/table.h"

#include <unistd.h>

static void measure(fsl_results *r) {
  const fsl_spec *const spec = r->spec;
  r->most_modes = r->most_components = r->most_measurements = 1;
  for (size_t p = 0; p < spec->n_priors; p++) {
    const fsl_prior *const prior = &spec->prior_of[p];
    const size_t modes = fsl_pooled_modes(prior->population.n_modes);
    if (modes > r->most_modes) r->most_modes = modes;
    if (prior->d > r->most_components) r->most_components = prior->d;
  }
  for (size_t i = 0; i < spec->n_priors * spec->n_forward_models; i++)
    if (spec->model_of[i] != NULL && spec->model_of[i]->m > r->most_measurements)
      r->most_measurements = spec->model_of[i]->m;
}

static fsl_status assemble(fsl_results *r, const fsl_provenance *provenance) {
  const size_t refused = fsl_arena_refused(r->h.ctx->arena);
  FSL_TRY(fsl_write_root(r));
  FSL_TRY(fsl_write_reference(r));
  FSL_TRY(fsl_write_truth(r));
  FSL_TRY(fsl_write_convergence(r));
  FSL_TRY(fsl_write_budget(r));
  FSL_TRY(fsl_write_jobs(r));
  FSL_TRY(fsl_write_provenance(r, provenance));
  if (fsl_arena_refused(r->h.ctx->arena) == refused) return FSL_OK;
  return fsl_fail(r->h.ctx, FSL_ENOMEM, "%s: out of memory for its texts", r->h.path);
}

fsl_status fsl_results_write(fsl_ctx *ctx, const char *path, const fsl_spec *spec, const fsl_grid *grid,
                             const fsl_record *const *records, const fsl_provenance *provenance) {
  fsl_results r = {.spec = spec, .grid = grid, .records = records};
  const char *beside;
  FSL_TRY(fsl_beside(ctx, path, &beside));
  measure(&r);
  fsl_status status = fsl_h5_create(ctx, beside, &r.h);
  if (status == FSL_OK) status = assemble(&r, provenance);
  if (status == FSL_OK)
    status = fsl_h5_close(&r.h);
  else if (r.h.file >= 0)
    H5Fclose(r.h.file); /* the first error is the one to report */
  if (status == FSL_OK) status = fsl_h5_put_in_place(ctx, beside, path);
  if (status != FSL_OK) unlink(beside);
  return status;
}
