/* leaves.c: how a training set is split: 2^k near-equal leaves, k fixed by (N, d) alone. */
#include "posterior/create.h"

enum { MOST_LEAVES = 64, LEAST_ATOMS = 2048, LEAST_ATOMS_WIDE = 512, WIDE = 32 };

size_t fsl_leaf_count(uint64_t n_train, size_t d) {
  const uint64_t least = d < WIDE ? LEAST_ATOMS : LEAST_ATOMS_WIDE;
  size_t count = 1;
  while (count < MOST_LEAVES && n_train / (2 * count) >= least) count *= 2;
  return count;
}

uint64_t fsl_leaf_start(uint64_t n_train, size_t count, size_t leaf) {
  const uint64_t size = n_train / count, extra = n_train % count;
  return leaf * size + (leaf < extra ? leaf : extra);
}
