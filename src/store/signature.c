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
  return fsl_text_format(arena, "fslens %s (%s), compiler %s, %s, %s, OpenBLAS %s, GSL %s", FSL_VERSION, FSL_GIT_COMMIT,
                         __VERSION__, FSL_CFLAGS, fsl_instruction_set(), openblas_get_corename(), gsl_version);
}
