/* sampling/sampling.h: reverse-time integrators, their time grids, and a run from the start to the smallest time. */
#ifndef FSL_SAMPLING_H
#define FSL_SAMPLING_H

#include "fslens/approximation.h"

/* ---- time grids -------------------------------------------------------------------------------- */

typedef struct fsl_time_grid_kind {
  fsl_kind head;
  /* node (steps + 1): decreasing from t_max to t_min. */
  void (*nodes)(const fsl_diffusion *diffusion, double t_max, double t_min, size_t steps, double *node);
} fsl_time_grid_kind;

typedef struct fsl_steps {
  size_t n; /* steps; node has n + 1 entries, decreasing */
  const double *node;
  const double *share;     /* n: length of the step over the length of the nominal step it is part of */
  const uint64_t *nominal; /* n: number of the nominal step, the noise's index together with `part` */
  const uint64_t *part;    /* n: number of this part inside its nominal step */
  const int64_t *record;   /* n: index into `times` of the node at the step's end, -1 for none */
} fsl_steps;

/* `steps` intervals from t_max to min(times), other times inserted by splitting an interval, then each interval cut
 * into `refine` equal parts (1: none). times (n_times) in any order, each in (0, t_max). */
FSL_CHECKED fsl_status fsl_steps_create(fsl_ctx *ctx, const fsl_time_grid_kind *grid, const fsl_diffusion *diffusion,
                                        double t_max, size_t steps, size_t refine, size_t n_times, const double *times,
                                        fsl_steps *out);

/* ---- integrators --------------------------------------------------------------------------------- */

typedef struct fsl_sampler_kind fsl_sampler_kind;

typedef struct fsl_step_state {
  const fsl_diffusion *diffusion;
  double t, s; /* from t down to s < t */
  size_t n, d;
  const double *mean;  /* (n, d): m at (x, t) */
  const double *score; /* (n, d): likelihood score g at (x, t); NULL for a `step` method */
  const double *noise; /* (n, d) standard normals; NULL for deterministic samplers */
  double *x;           /* (n, d): in x_t, out x_s */
  void *field_self;    /* for samplers that need a second evaluation: prior mean and g at other states */
  fsl_status (*field)(fsl_ctx *ctx, void *self, double t, const double *x, double *mean, double *score);
} fsl_step_state;

struct fsl_sampler_kind {
  fsl_kind head;
  bool is_ode;
  int evaluations; /* of the field a step */
  fsl_status (*step)(fsl_ctx *ctx, const void *params, const fsl_step_state *state);
};

/* ---- a run ------------------------------------------------------------------------------------------ */

typedef enum fsl_start { FSL_START_NORMAL, FSL_START_EXACT } fsl_start;

typedef struct fsl_run {
  const fsl_posterior *posterior;
  const fsl_approximation_kind *approximation;
  const void *approximation_params;
  const fsl_sampler_kind *sampler;
  const void *sampler_params;
  const fsl_time_grid_kind *time_grid;
  const fsl_diffusion *diffusion;
  double t_max;
  size_t steps, refine; /* refine 1: the plain run; 8: a refined one on the same Brownian path */
  fsl_start start;
  size_t particles;
  size_t n_times;
  const double *times;
  fsl_key path_key; /* streams are particle numbers; the same for every approximation */
  fsl_key draw_key; /* of exact draws: the exact start, fsr-direct, fsr-ancestral */
} fsl_run;

typedef struct fsl_samples {
  double *x;         /* (n_times, particles, d): states at each of run->times, in the order given */
  size_t *nonfinite; /* n_times: frozen particles (their states are NaN from then on) */
  size_t steps_taken;
} fsl_samples;

/* Collective over the team. Standard normals of a step depend on (path_key, particle, nominal step, part). A refined
 * step's noise is plain/sqrt(refine) + (e_i - mean e): its fine noises' sum over sqrt(refine) is the plain step's
 * noise. Particles that become non-finite are frozen and counted. Checks ctx->stop between steps. */
FSL_CHECKED fsl_status fsl_run_sampler(fsl_ctx *ctx, const fsl_run *run, fsl_samples *out);
/* Bytes of work space a run takes beyond the posterior's: O(particles d). */
size_t fsl_run_bytes(size_t particles, size_t d, size_t m, size_t n_times);

#endif
