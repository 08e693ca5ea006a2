/* moments.c: both means of b states at sampled times of a schedule. With file=PATH it first writes what it works on,
 * and its answers, for the plain programs beside it: doubles d, n, b, times; atoms (n, d); l (n); then for each time a,
 * v, states (b, d), m (b, d), m~ (b, d). */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "posterior/pass.h"

/* whole=1: nothing is left out, however small its weight. Linked with --wrap=fsl_tiles_load. */
static bool whole;

void __real_fsl_tiles_load(const fsl_pass *pass, const fsl_tiles *tiles, size_t first, fsl_tile *out);
void __wrap_fsl_tiles_load(const fsl_pass *pass, const fsl_tiles *tiles, size_t first, fsl_tile *out);

void __wrap_fsl_tiles_load(const fsl_pass *pass, const fsl_tiles *tiles, size_t first, fsl_tile *out) {
  __real_fsl_tiles_load(pass, tiles, first, out);
  out->whole = whole;
}

typedef struct sample {
  double a, v;
  const double *x;
  double *mean, *posterior_mean;
} sample;

typedef struct work {
  bench b;
  const fsl_posterior *posterior;
  sample *samples;
} work;

static double both_means(void *self, size_t index) {
  work *const w = self;
  const sample *const s = &w->samples[index % w->b.setting.samples];
  const fsl_arena_mark mark = fsl_arena_now(w->b.ctx.arena);
  const fsl_moments moments = {.mean = s->mean, .posterior_mean = s->posterior_mean};
  bench_check(&w->b, fsl_posterior_moments(&w->b.ctx, w->posterior, s->a, s->v, w->b.setting.b, s->x, &moments));
  fsl_arena_release(w->b.ctx.arena, mark);
  return 0;
}

static void put(FILE *file, const double *values, size_t n) {
  if (fwrite(values, sizeof *values, n, file) == n) return;
  perror("bench: writing the samples");
  exit(1);
}

static void write_file(work *w, const char *path) {
  const bench_setting *const s = &w->b.setting;
  const size_t d = s->d, n = s->n, states = s->b * d;
  const double head[4] = {(double)d, (double)n, (double)s->b, (double)s->samples};
  FILE *const file = fopen(path, "wb");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  size_t count;
  fsl_mixture law;
  bench_check(&w->b, fsl_posterior_prior_law(&w->b.ctx, w->posterior, &law));
  put(file, head, 4);
  put(file, law.mean, n * d);
  put(file, fsl_posterior_log_likelihood(w->posterior, &count), n);
  for (size_t i = 0; i < s->samples; i++) {
    const sample *const at = &w->samples[i];
    both_means(w, i);
    put(file, &at->a, 1);
    put(file, &at->v, 1);
    put(file, at->x, states);
    put(file, at->mean, states);
    put(file, at->posterior_mean, states);
  }
  if (fclose(file) != 0) exit(1);
}

int main(int argc, char **argv) {
  const bench_setting setting = bench_read_setting(argc, argv);
  work w;
  whole = setting.whole;
  bench_create(&w.b, &setting);
  w.posterior = bench_posterior(&w.b);
  w.samples = calloc(setting.samples, sizeof *w.samples);
  if (w.samples == NULL) return 1;
  for (size_t i = 0; i < setting.samples; i++) {
    const double t = bench_time(&w.b, i);
    const size_t bytes = setting.b * w.b.prior.d * sizeof(double);
    w.samples[i] = (sample){w.b.diffusion.a(&w.b.diffusion, t), w.b.diffusion.v(&w.b.diffusion, t),
                            bench_states(&w.b, w.posterior, t), malloc(bytes), malloc(bytes)};
    if (w.samples[i].mean == NULL || w.samples[i].posterior_mean == NULL) return 1;
  }
  if (setting.file != NULL) write_file(&w, setting.file);
  bench_serve("", both_means, &w);
  for (size_t i = 0; i < setting.samples; i++) {
    free(w.samples[i].mean);
    free(w.samples[i].posterior_mean);
  }
  free(w.samples);
  fsl_arena_destroy(w.b.ctx.arena);
  return 0;
}
