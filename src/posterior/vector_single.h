/* posterior/vector_single.h: vectors of floats, beside vector.h, for files compiled once for each instruction set. */
#ifndef FSL_POSTERIOR_VECTOR_SINGLE_H
#define FSL_POSTERIOR_VECTOR_SINGLE_H

#include "posterior/vector.h"

enum { FLOATS = 2 * WIDTH }; /* a vector */

typedef float fvec __attribute__((vector_size(FLOATS * 4), may_alias));
typedef int32_t fivec __attribute__((vector_size(FLOATS * 4), may_alias));
typedef uint32_t fuvec __attribute__((vector_size(FLOATS * 4), may_alias));

INLINE fvec fsplat(float s) {
  return s - (fvec){0};
}

INLINE fvec flarger(fvec a, fvec b) {
#if defined __AVX512F__
  return (fvec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined __AVX__
  return (fvec)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined __SSE2__
  return (fvec)_mm_max_ps((__m128)a, (__m128)b);
#else
  const fivec mask = a > b;
  return (fvec)(((fivec)a & mask) | ((fivec)b & ~mask));
#endif
}

/* y where it is above low, else 0 */
INLINE fvec fkeep(fvec y, fvec low) {
#if defined __AVX512F__
  return (fvec)_mm512_maskz_mov_ps(_mm512_cmp_ps_mask((__m512)y, (__m512)low, _CMP_GT_OQ), (__m512)y);
#else
  return (fvec)((fivec)y & (y > low));
#endif
}

/* Any lane above the other vector's. */
INLINE bool fany_above(fvec a, fvec b) {
#if defined __AVX512F__
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) != 0;
#elif defined __AVX__
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ)) != 0;
#else
  const fivec mask = a > b;
  int32_t all = 0;
  UNROLL for (int k = 0; k < FLOATS; ++k) all |= mask[k];
  return all != 0;
#endif
}

#endif
