/* base/random.c: Philox4x32-10 (Salmon et al. 2011) as uniforms and normals by counter. Block b of a stream holds
 * elements 2b and 2b + 1, 53 bits each. */
#include "fslens/base.h"

#include <Random123/philox.h>

#include <math.h>

enum { PAIRS = 64 }; /* normals are made in batches, so that logarithm, sine and cosine run in loops of their own */

static const double two_pi = 6.283185307179586476925286766559;

fsl_key fsl_key_of(fsl_hash hash) {
  const uint64_t folded = hash.low ^ (hash.high * 0x9e3779b97f4a7c15u);
  return (fsl_key){.word = {(uint32_t)folded, (uint32_t)(folded >> 32)}};
}

static philox4x32_ctr_t block(fsl_key key, uint64_t stream, uint64_t number) {
  const philox4x32_ctr_t counter = {
      {(uint32_t)number, (uint32_t)(number >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)}};
  const philox4x32_key_t k = {{key.word[0], key.word[1]}};
  return philox4x32(counter, k);
}

/* The middle of one of 2^53 equal cells of (0, 1): never 0, and 1 only by rounding, which the clamp undoes. */
static double uniform_of(uint32_t low, uint32_t high) {
  const uint64_t bits = ((uint64_t)high << 32 | low) >> 11;
  const double u = ((double)bits + 0.5) * 0x1p-53;
  return u < 1 ? u : 1 - 0x1p-53;
}

void fsl_uniforms(fsl_key key, uint64_t stream, uint64_t first, size_t n, double *out) {
  for (size_t i = 0; i < n;) {
    const uint64_t element = first + i;
    const philox4x32_ctr_t r = block(key, stream, element / 2);
    if (element % 2 == 0) out[i++] = uniform_of(r.v[0], r.v[1]);
    if (i < n) out[i++] = uniform_of(r.v[2], r.v[3]);
  }
}

/* Box and Muller (1958) on the blocks `first` .. first + n - 1: two normals a block. */
static void normal_pairs(fsl_key key, uint64_t stream, uint64_t first, size_t n, double *even, double *odd) {
  double radius[PAIRS], angle[PAIRS];
  for (size_t i = 0; i < n; i++) {
    const philox4x32_ctr_t r = block(key, stream, first + i);
    radius[i] = uniform_of(r.v[0], r.v[1]);
    angle[i] = two_pi * uniform_of(r.v[2], r.v[3]);
  }
  for (size_t i = 0; i < n; i++) radius[i] = sqrt(-2 * log(radius[i]));
  for (size_t i = 0; i < n; i++) even[i] = radius[i] * cos(angle[i]);
  for (size_t i = 0; i < n; i++) odd[i] = radius[i] * sin(angle[i]);
}

void fsl_normals(fsl_key key, uint64_t stream, uint64_t first, size_t n, double *out) {
  double even[PAIRS], odd[PAIRS];
  const uint64_t end = first + n;
  for (uint64_t pair = first / 2; 2 * pair < end; pair += PAIRS) {
    const uint64_t left = (end + 1) / 2 - pair;
    const size_t batch = left < PAIRS ? (size_t)left : (size_t)PAIRS;
    normal_pairs(key, stream, pair, batch, even, odd);
    for (size_t i = 0; i < batch; i++) {
      const uint64_t element = 2 * (pair + i);
      if (element >= first && element < end) out[element - first] = even[i];
      if (element + 1 >= first && element + 1 < end) out[element + 1 - first] = odd[i];
    }
  }
}
