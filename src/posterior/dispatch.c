/* dispatch.c: the kernels of each instruction set. */
#include "base/isa.h"
#include "posterior/kernel.h"
#include "posterior/kernel_tree.h"

extern const fsl_kernel fsl_kernel_generic;
extern const fsl_tree_kernel fsl_tree_kernel_generic;
#if defined __x86_64__
extern const fsl_kernel fsl_kernel_v3, fsl_kernel_v4;
extern const fsl_tree_kernel fsl_tree_kernel_v3, fsl_tree_kernel_v4;

static const fsl_kernel *const kernels[] = {&fsl_kernel_generic, &fsl_kernel_v3, &fsl_kernel_v4};
static const fsl_tree_kernel *const tree_kernels[] = {&fsl_tree_kernel_generic, &fsl_tree_kernel_v3,
                                                      &fsl_tree_kernel_v4};
#else
static const fsl_kernel *const kernels[] = {&fsl_kernel_generic};
static const fsl_tree_kernel *const tree_kernels[] = {&fsl_tree_kernel_generic};
#endif

size_t fsl_kernel_count(void) {
  return (size_t)fsl_isa_best() + 1;
}

const fsl_kernel *fsl_kernel_at(size_t i) {
  return kernels[i];
}

const fsl_tree_kernel *fsl_tree_kernel_at(size_t i) {
  return tree_kernels[i];
}

const fsl_kernel *fsl_kernel_chosen(void) {
  return fsl_kernel_at(fsl_isa_chosen());
}

const fsl_tree_kernel *fsl_tree_kernel_chosen(void) {
  return fsl_tree_kernel_at(fsl_isa_chosen());
}
