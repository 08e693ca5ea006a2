/* base/isa.h: the instruction sets that the hot loops are compiled for, and which of them runs. */
#ifndef FSL_BASE_ISA_H
#define FSL_BASE_ISA_H

#include "fslens/base.h"

/* In rising order: each needs all that the one before needs. */
typedef enum fsl_isa {
  FSL_ISA_GENERIC, /* what every processor of this kind has */
  FSL_ISA_V3,      /* x86-64-v3: AVX2, FMA, BMI2 */
  FSL_ISA_V4,      /* x86-64-v4: AVX-512 F, BW, CD, DQ, VL */
  FSL_N_ISAS
} fsl_isa;

const char *fsl_isa_name(fsl_isa isa); /* "generic", "v3", "v4" */
fsl_isa fsl_isa_best(void);            /* the last that this processor has */
/* The one that runs: what the environment variable FSLENS_ISA names; the best where it names none that this processor
 * has. */
fsl_isa fsl_isa_chosen(void);
/* FSL_EINPUT where FSLENS_ISA has an unknown value, or one that this processor lacks. Every program asks this first. */
FSL_CHECKED fsl_status fsl_isa_check(fsl_ctx *ctx);

#endif
