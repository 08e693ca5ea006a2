/* scores.c: the likelihood score of one kind of approximation (kind=NAME) at sampled times: what a step of it costs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "catalog/catalog.h"

typedef struct work {
  bench b;
  const fsl_posterior *posterior;
  const fsl_approximation_kind *kind;
  const void *params;
  const double **x; /* samples */
} work;

static double one_score(void *self, size_t index) {
  work *const w = self;
  const double t = bench_time(&w->b, index);
  const double a = w->b.diffusion.a(&w->b.diffusion, t), v = w->b.diffusion.v(&w->b.diffusion, t);
  const size_t n = w->b.setting.b;
  const fsl_arena_mark mark = fsl_arena_now(w->b.ctx.arena);
  double *const g = fsl_arena_get(w->b.ctx.arena, n * w->b.prior.d, sizeof *g);
  if (g == NULL) exit(1);
  bench_check(&w->b, fsl_approximation_score(&w->b.ctx, w->kind, w->params, w->posterior, t, a, v, n,
                                             w->x[index % w->b.setting.samples], g, NULL, NULL));
  fsl_arena_release(w->b.ctx.arena, mark);
  return 0;
}

static const fsl_approximation_kind *find(const char *name) {
  for (size_t i = 0; fsl_standard_catalog.approximations[i] != NULL; i++)
    if (strcmp(fsl_standard_catalog.approximations[i]->head.name, name) == 0)
      return fsl_standard_catalog.approximations[i];
  fprintf(stderr, "bench: no approximation is called '%s'\n", name);
  exit(2);
}

int main(int argc, char **argv) {
  const bench_setting setting = bench_read_setting(argc, argv);
  work w;
  bench_create(&w.b, &setting);
  w.posterior = bench_posterior(&w.b);
  w.kind = find(setting.kind);
  w.params = bench_params(&w.b, &w.kind->head);
  w.x = calloc(setting.samples, sizeof *w.x);
  if (w.x == NULL) return 1;
  for (size_t i = 0; i < setting.samples; i++) w.x[i] = bench_states(&w.b, w.posterior, bench_time(&w.b, i));
  bench_serve("", one_score, &w);
  free(w.x);
  fsl_arena_destroy(w.b.ctx.arena);
  return 0;
}
