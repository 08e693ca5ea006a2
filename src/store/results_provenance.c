/* store/results_provenance.c: /provenance: which spec, program, libraries and machine made the file, and when. */
#include "store/provenance.h"
#include "store/table.h"

#include "base/isa.h"
#include "base/text.h"
#include "store/signature.h"

#include <gsl/gsl_version.h>
#include <xxhash.h>
#include <yaml.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *fsl_provenance_slurm(fsl_arena *arena) {
  static const char *const names[] = {"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_NODELIST",
                                      "SLURM_CLUSTER_NAME"};
  fsl_text text;
  fsl_text_start(&text, arena);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *const value = getenv(names[i]);
    if (value != NULL) fsl_text_add(&text, "%s%s=%s", text.length == 0 ? "" : " ", names[i], value);
  }
  return fsl_text_end(&text);
}

typedef struct line {
  const char *name, *value;
} line;

static fsl_status write_lines(fsl_h5 *h, hid_t group, size_t n, const line *lines) {
  for (size_t i = 0; i < n; i++) FSL_TRY(fsl_h5_attribute_text(h, group, lines[i].name, lines[i].value));
  return FSL_OK;
}

static fsl_status write_all(fsl_h5 *h, hid_t group, const fsl_spec *spec, const char *hosts, const fsl_provenance *p) {
  char hash[33], hdf5[32], xxhash[32];
  const char *const blas = fsl_blas(h->ctx->arena), *const core = fsl_blas_core(h->ctx->arena);
  unsigned major, minor, release;
  if (blas == NULL || core == NULL) return fsl_fail(h->ctx, FSL_ENOMEM, "out of memory for the provenance");
  fsl_hash_print(spec->hash, hash);
  H5get_libversion(&major, &minor, &release);
  snprintf(hdf5, sizeof hdf5, "%u.%u.%u", major, minor, release);
  snprintf(xxhash, sizeof xxhash, "%d", XXH_VERSION_NUMBER); /* of the header: no library is linked */
  const line lines[] = {
      {"spec", spec->text},
      {"spec_hash", hash},
      {"fslens_version", fsl_version},
      {"git_commit", fsl_git_commit},
      {"compiler", __VERSION__},
      {"flags", fsl_build_flags},
      {"hdf5_version", hdf5},
      {"gsl_version", gsl_version},
      {"yaml_version", yaml_get_version_string()},
      {"xxhash_version", xxhash},
      {"openblas", blas},
      {"cpu_instruction_set", fsl_processor()},
      {"kernels", fsl_isa_name(fsl_isa_chosen())},
      {"cpu_openblas_core", core},
      {"hosts", hosts},
      {"started", p->started},
      {"ended", p->ended},
      {"command", p->command},
      {"slurm", p->slurm},
      {"signatures", p->signatures},
  };
  FSL_TRY(write_lines(h, group, sizeof lines / sizeof *lines, lines));
  return fsl_h5_attribute_integer(h, group, "ranks", p->ranks);
}

fsl_status fsl_provenance_write(fsl_h5 *h, const fsl_spec *spec, const char *hosts, const fsl_provenance *provenance) {
  hid_t group;
  FSL_TRY(fsl_h5_group(h, "provenance", &group));
  const fsl_status status = write_all(h, group, spec, hosts, provenance);
  H5Gclose(group);
  return status;
}

fsl_status fsl_write_provenance(fsl_results *results, const fsl_provenance *provenance) {
  return fsl_provenance_write(&results->h, results->spec, results->hosts, provenance);
}
