/* store/signature.c: see signature.h. */
#include "store/signature.h"

#include "base/isa.h"
#include "base/text.h"

#include <gsl/gsl_version.h>

#ifndef FSL_VERSION
#define FSL_VERSION "unknown"
#endif
#ifndef FSL_GIT_COMMIT
#define FSL_GIT_COMMIT "unknown"
#endif
#ifndef FSL_CFLAGS
#define FSL_CFLAGS "unknown"
#endif

const char fsl_version[] = FSL_VERSION, fsl_git_commit[] = FSL_GIT_COMMIT, fsl_build_flags[] = FSL_CFLAGS;

/* Their own headers clash with the reference one that LAPACKE brings. */
#ifdef FSL_FLEXIBLAS
extern int flexiblas_current_backend(char *name, size_t length);

static const char *flexiblas(fsl_arena *arena) {
  char backend[64] = "";
  flexiblas_current_backend(backend, sizeof backend);
  return fsl_text_format(arena, "FlexiBLAS on %s", backend);
}

const char *fsl_blas(fsl_arena *arena) {
  return flexiblas(arena);
}

const char *fsl_blas_core(fsl_arena *arena) {
  return flexiblas(arena);
}
#else
extern char *openblas_get_config(void);
extern char *openblas_get_corename(void);

const char *fsl_blas(fsl_arena *arena) {
  return fsl_text_copy(arena, openblas_get_config());
}

const char *fsl_blas_core(fsl_arena *arena) {
  return fsl_text_copy(arena, openblas_get_corename());
}
#endif

#if defined __x86_64__
#define PROCESSOR "x86-64"
#elif defined __aarch64__
#define PROCESSOR "aarch64"
#else
#define PROCESSOR "other"
#endif

const char *fsl_processor(void) {
  static const char *const levels[FSL_N_ISAS] = {PROCESSOR, PROCESSOR "-v3", PROCESSOR "-v4"};
  return levels[fsl_isa_best()];
}

const char *fsl_signature(fsl_arena *arena) {
  const char *const core = fsl_blas_core(arena);
  if (core == NULL) return NULL;
  return fsl_text_format(arena, "fslens %s (%s), compiler %s, %s, %s, kernels %s, OpenBLAS %s, GSL %s", fsl_version,
                         fsl_git_commit, __VERSION__, fsl_build_flags, fsl_processor(), fsl_isa_name(fsl_isa_chosen()),
                         core, gsl_version);
}
