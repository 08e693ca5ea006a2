/* store/signature.h: what made a result besides its spec: the build and the processor. */
#ifndef FSL_STORE_SIGNATURE_H
#define FSL_STORE_SIGNATURE_H

#include "fslens/base.h"

/* Version, commit, compiler, flags, processor, the kernels that run and libraries: the same bits come only from the
 * same signature. NULL when out of memory. */
const char *fsl_signature(fsl_arena *arena);
const char *fsl_processor(void); /* with the instruction set that it has: "x86-64-v3" */
/* What does the linear algebra: OpenBLAS's version and build, or FlexiBLAS's backend; and the processor that OpenBLAS
 * takes this one for, which its bits depend on (the environment variable OPENBLAS_CORETYPE chooses it). NULL when out
 * of memory. */
const char *fsl_blas(fsl_arena *arena);
const char *fsl_blas_core(fsl_arena *arena);
extern const char fsl_version[], fsl_git_commit[], fsl_build_flags[];

#endif
