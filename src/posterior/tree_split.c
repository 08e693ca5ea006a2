/* tree_split.c: selection by pivots (Hoare's quickselect). The pivots come from a fixed sequence, so that no order of
 * the points is a bad one except by chance. */
#include "posterior/tree_split.h"

#include <math.h>
#include <stdint.h>

static size_t widest(size_t d, const fsl_split_point *point, size_t n) {
  size_t axis = 0;
  double most = -1.0;
  for (size_t k = 0; k < d; ++k) {
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; ++i) {
      const double x = point[i].x[k];
      low = x < low ? x : low;
      high = x > high ? x : high;
    }
    if (high - low > most) {
      most = high - low;
      axis = k;
    }
  }
  return axis;
}

static double middle_of(double a, double b, double c) {
  return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

static double pivot_of(const fsl_split_point *point, size_t axis, size_t low, size_t high, uint64_t *state) {
  double at[3];
  for (size_t k = 0; k < 3; ++k) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    at[k] = point[low + (size_t)((*state >> 33) % (high - low))].x[axis];
  }
  return middle_of(at[0], at[1], at[2]);
}

void fsl_split(size_t d, fsl_split_point *point, size_t n, size_t lower) {
  const size_t axis = widest(d, point, n);
  uint64_t state = 1;
  size_t low = 0, high = n; /* the border is between the points low .. high - 1 */
  while (high - low > 1 && lower > low && lower < high) {
    const double pivot = pivot_of(point, axis, low, high, &state);
    size_t i = low, j = high - 1;
    for (;;) {
      while (point[i].x[axis] < pivot) ++i;
      while (point[j].x[axis] > pivot) --j;
      if (i >= j) break;
      const fsl_split_point other = point[i];
      point[i++] = point[j];
      point[j--] = other;
    }
    if (lower <= i) /* the points before i are <= pivot, those after j are >= */
      high = i;
    else
      low = j + 1;
  }
}
