/* runner/turns.c: see turns.h. */
#include "runner/turns.h"

#include <math.h>
#include <stdlib.h>

uint64_t fsl_turn_family(const fsl_spec *spec, fsl_point p) {
  uint64_t family = (uint64_t)p.prior;
  family = family * spec->n_forward_models + (uint64_t)p.forward_model;
  family = family * spec->n_noise_levels + (uint64_t)p.noise_level;
  family = family * spec->n_observations + (uint64_t)p.observation;
  family = family * (spec->n_n_train + 1) + (uint64_t)(p.n_train + 1);
  return family * (spec->replicates + 1) + (uint64_t)(p.replicate + 1);
}

static int step_of(double seconds) {
  return seconds > 0 ? (int)floor(2 * log2(seconds)) : INT32_MIN;
}

static int by_turn(const void *a, const void *b) {
  const fsl_turn *const x = a, *const y = b;
  if (x->suspect != y->suspect) return x->suspect ? -1 : 1;
  if (x->step != y->step) return x->step > y->step ? -1 : 1;
  if (x->family != y->family) return x->family < y->family ? -1 : 1;
  if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
  return (x->job > y->job) - (x->job < y->job);
}

static bool is_kin(const fsl_turn *a, const fsl_turn *b) {
  return a->suspect == b->suspect && a->step == b->step && a->family == b->family;
}

void fsl_turns_sort(size_t from, size_t n, fsl_turn *turns) {
  for (size_t i = from; i < n; i++) turns[i].step = step_of(turns[i].seconds);
  qsort(turns + from, n - from, sizeof *turns, by_turn);
  for (size_t first = from, end; first < n; first = end) {
    for (end = first + 1; end < n && is_kin(&turns[first], &turns[end]);) end++;
    for (size_t i = first; i < end; i++) {
      turns[i].first = first;
      turns[i].end = end;
    }
  }
}

size_t fsl_turns_unbegun(size_t n, const fsl_turn *turns, const bool *started, size_t at) {
  const int step = at < n ? turns[at].step : 0;
  while (at < n && turns[at].step == step) {
    if (at == turns[at].first && !started[turns[at].job]) return at;
    at = turns[at].end;
  }
  return n;
}

size_t fsl_turns_kin(size_t n, const fsl_turn *turns, const bool *started, size_t at) {
  for (size_t i = at + 1; i < turns[at].end; i++)
    if (!started[turns[i].job]) return i;
  return n;
}
