/* base/isa.c: see isa.h. */
#include "base/isa.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[FSL_N_ISAS] = {[FSL_ISA_GENERIC] = "generic", [FSL_ISA_V3] = "v3", [FSL_ISA_V4] = "v4"};
static const char variable[] = "FSLENS_ISA";

const char *fsl_isa_name(fsl_isa isa) {
  return names[isa];
}

#if defined __x86_64__
static bool has_v3(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}

static bool has_v4(void) {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

fsl_isa fsl_isa_best(void) {
  return has_v4() ? FSL_ISA_V4 : has_v3() ? FSL_ISA_V3 : FSL_ISA_GENERIC;
}
#else
fsl_isa fsl_isa_best(void) {
  return FSL_ISA_GENERIC;
}
#endif

/* FSL_N_ISAS where the name is unknown. */
static fsl_isa named(const char *name) {
  fsl_isa isa = FSL_ISA_GENERIC;
  while (isa < FSL_N_ISAS && strcmp(name, names[isa]) != 0) isa++;
  return isa;
}

fsl_isa fsl_isa_chosen(void) {
  const char *const name = getenv(variable);
  const fsl_isa best = fsl_isa_best(), asked = name == NULL ? best : named(name);
  return asked < best ? asked : best;
}

fsl_status fsl_isa_check(fsl_ctx *ctx) {
  const char *const name = getenv(variable);
  if (name == NULL) return FSL_OK;
  const fsl_isa asked = named(name), best = fsl_isa_best();
  if (asked == FSL_N_ISAS)
    return fsl_fail(ctx, FSL_EINPUT, "%s=%s is no instruction set: set it to generic, v3 or v4, or unset it", variable,
                    name);
  if (asked > best)
    return fsl_fail(ctx, FSL_EINPUT,
                    "%s=%s needs more than this processor has, which is %s: set it to that, or unset it", variable,
                    name, names[best]);
  return FSL_OK;
}
