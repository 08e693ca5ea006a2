/* store/signature.c: see signature.h. */
#include "store/signature.h"

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

/* OpenBLAS's own header clashes with the reference one that LAPACKE brings. */
extern char *openblas_get_config(void);
extern char *openblas_get_corename(void);

const char *fsl_instruction_set(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return "x86-64 avx512f";
  if (__builtin_cpu_supports("avx2")) return "x86-64 avx2";
  return "x86-64";
#elif defined(__aarch64__)
  return "aarch64";
#else
  return "portable";
#endif
}

const char *fsl_signature(fsl_arena *arena) {
  return fsl_text_format(arena, "fslens %s (%s), compiler %s, %s, %s, OpenBLAS %s, GSL %s", fsl_version, fsl_git_commit,
                         __VERSION__, fsl_build_flags, fsl_instruction_set(), openblas_get_corename(), gsl_version);
}
