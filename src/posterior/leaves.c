/* leaves.c: how a training set is split: 2^k near-equal leaves, k fixed by (N, d) alone; and each leaf as a block. */
#include "posterior/internal.h"

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

size_t fsl_atoms_offset(const fsl_atom_set *set, size_t leaf) {
  return (size_t)(fsl_leaf_start(set->n_total, set->n_leaves, leaf) -
                  fsl_leaf_start(set->n_total, set->n_leaves, set->first_leaf));
}

fsl_block fsl_atoms_leaf(const fsl_atom_set *set, size_t leaf, size_t *offset) {
  const size_t first = fsl_atoms_offset(set, leaf), n = fsl_atoms_offset(set, leaf + 1) - first;
  *offset = first;
  return (fsl_block){.n = n,
                     .d = set->d,
                     .x = set->x + first * set->d,
                     .log_weight = set->log_weight != NULL ? set->log_weight + first : NULL,
                     .log_likelihood = set->log_likelihood + first,
                     .likelihood = set->likelihood + first,
                     .chunk_max = set->chunk_max + (leaf - set->first_leaf) * set->chunks,
                     .adjust = set->adjust != NULL ? set->adjust + first : NULL,
                     .arrangement = set->arrangement != NULL ? set->arrangement + (leaf - set->first_leaf) : NULL};
}

fsl_leaves fsl_atoms_own(const fsl_ctx *ctx, const fsl_atom_set *set) {
  const size_t size = (size_t)ctx->team->size, rank = (size_t)ctx->team->rank, share = set->n_leaves / size;
  if (set->sharded || !set->divided) return (fsl_leaves){set->first_leaf, set->own_leaves};
  return (fsl_leaves){share * rank, share};
}
