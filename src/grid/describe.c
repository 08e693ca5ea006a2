/* grid/describe.c: see describe.h. */
#include "grid/describe.h"

#include "base/text.h"

#include <stdio.h>

static const char *name_or(size_t n, const fsl_entry *entries, int i) {
  return i < 0 || (size_t)i >= n ? "-" : entries[i].name;
}

const char *fsl_point_describe(fsl_arena *arena, const fsl_spec *spec, fsl_point p) {
  char n_train[40] = "", replicate[40] = "";
  if (p.n_train >= 0) snprintf(n_train, sizeof n_train, " / N %g", spec->n_train[p.n_train]);
  if (p.replicate >= 0) snprintf(replicate, sizeof replicate, " / replicate %d", p.replicate);
  return fsl_text_format(arena, "%s / %s / %s / %s%s%s / observation %d", spec->priors[p.prior].name,
                         spec->forward_models[p.forward_model].name, spec->noise_levels[p.noise_level].name,
                         name_or(spec->n_approximations, spec->approximations, p.approximation), n_train, replicate,
                         p.observation);
}

const char *fsl_job_describe(fsl_arena *arena, const fsl_spec *spec, const fsl_job *job) {
  const char *const point = fsl_point_describe(arena, spec, job->point);
  const char *const text =
      point == NULL ? NULL : fsl_text_format(arena, "%s job %s", fsl_job_type_name(job->type), point);
  return text == NULL ? "a job" : text;
}
