/* posterior/vector.h: vectors of doubles for the files that are compiled once for each instruction set, and for no
 * others. They are as wide as the target's registers: wider ones compile badly. */
#ifndef FSL_POSTERIOR_VECTOR_H
#define FSL_POSTERIOR_VECTOR_H

#include "fslens/base.h"

#if defined __SSE2__
#include <immintrin.h>
#endif

#if defined __AVX512F__
enum { WIDTH = 8 };
#elif defined __AVX__
enum { WIDTH = 4 };
#else
enum { WIDTH = 2 };
#endif

typedef double vec __attribute__((vector_size(WIDTH * 8), may_alias));
typedef int64_t ivec __attribute__((vector_size(WIDTH * 8), may_alias));
typedef uint64_t uvec __attribute__((vector_size(WIDTH * 8), may_alias));

#if defined __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE vec splat(double s) {
  return s - (vec){0};
}
INLINE vec choose(ivec mask, vec yes, vec no) {
  return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask));
}

INLINE vec larger(vec a, vec b) {
#if defined __AVX512F__
  return (vec)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif defined __AVX__
  return (vec)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif defined __SSE2__
  return (vec)_mm_max_pd((__m128d)a, (__m128d)b);
#else
  return choose(a > b, a, b);
#endif
}

INLINE bool any(ivec mask) {
  int64_t all = 0;
  UNROLL for (int k = 0; k < WIDTH; ++k) all |= mask[k];
  return all != 0;
}

/* Any lane of a nonnegative vector above 0. */
INLINE bool some(vec a) {
#if defined __AVX512F__
  return _mm512_cmp_pd_mask((__m512d)a, _mm512_setzero_pd(), _CMP_GT_OQ) != 0;
#elif defined __AVX__
  return _mm256_movemask_pd(_mm256_cmp_pd((__m256d)a, _mm256_setzero_pd(), _CMP_GT_OQ)) != 0;
#else
  return any(a > 0.0);
#endif
}

/* y where x > low, else 0 */
INLINE vec keep(vec y, vec x, double low) {
#if defined __AVX512F__
  return (vec)_mm512_maskz_mov_pd(_mm512_cmp_pd_mask((__m512d)x, _mm512_set1_pd(low), _CMP_GT_OQ), (__m512d)y);
#else
  return (vec)((ivec)y & (x > low));
#endif
}

/* exp on (-708, 709), 0 below: x = n log 2 + r by rounding with a magic number, then a minimax polynomial of degree 11
 * with p(0) = 1 exactly (error 1.7e-17 before rounding), so that an unchanged maximum rescales by exactly 1. */
INLINE vec exponential(vec x) {
  const double magic = 0x1.8p52;
  const vec t = x * 0x1.71547652b82fep+0 + magic;
  const vec n = t - magic;
  const vec r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  vec p = r * 0x1.af38d53857513p-26 + 0x1.2891a8c1d838dp-22;
  p = p * r + 0x1.71de0d9c145d0p-19;
  p = p * r + 0x1.a019b8ef67c6cp-16;
  p = p * r + 0x1.a01a01a7c8d47p-13;
  p = p * r + 0x1.6c16c17893833p-10;
  p = p * r + 0x1.11111111109adp-7;
  p = p * r + 0x1.5555555553d4fp-5;
  p = p * r + 0x1.5555555555556p-3;
  p = p * r + 0x1.0000000000001p-1;
  p = (p * r) * r + r;
  p = p + 1.0;
  const vec scaled = (vec)((uvec)p + ((uvec)t << 52));
  return keep(scaled, x, -708.0);
}

/* Products of tiny weights may be subnormal, which is slow and means nothing here: flush them inside the kernel. */
INLINE unsigned flush_subnormals(void) {
#if defined __SSE2__
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040u);
  return before;
#else
  return 0;
#endif
}

INLINE void restore(unsigned before) {
#if defined __SSE2__
  _mm_setcsr(before);
#else
  (void)before;
#endif
}

#define GLUE_(a, b) a##b
#define GLUE(a, b)  GLUE_(a, b)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)
/* name -> name_v3 and so on: what such a file exports */
#define FOR_ISA(name) GLUE(name##_, FSL_KERNEL_ISA)

#endif
