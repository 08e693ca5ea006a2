/* dispatch.c: which of the compiled kernels this machine can run. */
#include "posterior/kernel.h"
#include "posterior/kernel_tree.h"

extern const fsl_kernel fsl_kernel_generic;
extern const fsl_tree_kernel fsl_tree_kernel_generic;
#if defined __x86_64__
extern const fsl_kernel fsl_kernel_v3, fsl_kernel_v4;
extern const fsl_tree_kernel fsl_tree_kernel_v3, fsl_tree_kernel_v4;

static bool has_v3(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}

static bool has_v4(void) {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

size_t fsl_kernel_count(void) {
  return has_v4() ? 3 : has_v3() ? 2 : 1;
}

const fsl_kernel *fsl_kernel_at(size_t i) {
  return i == 2 ? &fsl_kernel_v4 : i == 1 ? &fsl_kernel_v3 : &fsl_kernel_generic;
}

const fsl_tree_kernel *fsl_tree_kernel_at(size_t i) {
  return i == 2 ? &fsl_tree_kernel_v4 : i == 1 ? &fsl_tree_kernel_v3 : &fsl_tree_kernel_generic;
}
#else
size_t fsl_kernel_count(void) {
  return 1;
}

const fsl_kernel *fsl_kernel_at(size_t i) {
  (void)i;
  return &fsl_kernel_generic;
}

const fsl_tree_kernel *fsl_tree_kernel_at(size_t i) {
  (void)i;
  return &fsl_tree_kernel_generic;
}
#endif

const fsl_kernel *fsl_kernel_best(void) {
  return fsl_kernel_at(fsl_kernel_count() - 1);
}

const fsl_tree_kernel *fsl_tree_kernel_best(void) {
  return fsl_tree_kernel_at(fsl_kernel_count() - 1);
}
