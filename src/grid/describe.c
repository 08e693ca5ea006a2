/* grid/describe.c: see describe.h. */
#include "grid/describe.h"

#include "base/text.h"

static const char *name_or(size_t n, const fsl_entry *entries, int i) {
  return i < 0 || (size_t)i >= n ? "-" : entries[i].name;
}

const char *fsl_point_describe(fsl_arena *arena, const fsl_spec *spec, fsl_point p) {
  fsl_text text;
  fsl_text_start(&text, arena);
  fsl_text_add(&text, "%s / %s / %s / %s", spec->priors[p.prior].name, spec->forward_models[p.forward_model].name,
               spec->noise_levels[p.noise_level].name,
               name_or(spec->n_approximations, spec->approximations, p.approximation));
  if (p.n_train >= 0) fsl_text_add(&text, " / N %g", spec->n_train[p.n_train]);
  if (p.replicate >= 0) fsl_text_add(&text, " / replicate %d", p.replicate);
  fsl_text_add(&text, " / observation %d", p.observation);
  return fsl_text_end(&text);
}

const char *fsl_job_describe(fsl_arena *arena, const fsl_spec *spec, const fsl_job *job) {
  const char *const point = fsl_point_describe(arena, spec, job->point);
  const char *const text =
      point == NULL ? NULL : fsl_text_format(arena, "%s job %s", fsl_job_type_name(job->type), point);
  return text == NULL ? "a job" : text;
}
