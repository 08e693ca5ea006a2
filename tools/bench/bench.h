/* bench.h: what the programs of `make bench` share: a problem described on the command line, and a loop that times one
 * piece of work whenever it is asked to on standard input, so that programs can take turns. */
#ifndef FSL_BENCH_H
#define FSL_BENCH_H

#include "fslens/approximation.h"
#include "posterior/create.h"

/* NAME=VALUE arguments. */
typedef struct bench_setting {
  size_t d, n, b, m; /* dimension, atoms, states, measurements (at most d) */
  size_t clusters;   /* components of the prior */
  double std;        /* of each component */
  const char *rows;  /* FILE.h5:/NAME: its rows are the atoms instead; NULL: draws of the prior */
  size_t steps;      /* of a whole schedule */
  double t_min;      /* where a schedule ends */
  size_t samples;    /* how many of its steps are timed */
  double t;          /* the one time at which states are, instead of samples of a schedule; 0: those */
  double tolerance;  /* of the moment tree; 0: brute force alone */
  bool single;       /* fp32 */
  bool whole;        /* leaves nothing out */
  const char *kind;  /* of approximation */
  const char *file;  /* where atoms, states and answers are written, see bench_write; NULL: nowhere */
  const char *spec, *isa;
} bench_setting;

typedef struct bench {
  bench_setting setting;
  fsl_ctx ctx;
  fsl_prior prior;
  fsl_forward_model model;
  fsl_problem problem;
  fsl_diffusion diffusion;
  double vp[2];
} bench;

/* All end the program with a message when something is wrong. */
bench_setting bench_read_setting(int argc, char **argv);
void bench_check(const bench *b, fsl_status status);
/* A Gaussian mixture (or the rows of a file) seen through its first m components, and the VP diffusion. */
void bench_create(bench *out, const bench_setting *setting);
fsl_posterior *bench_posterior(bench *b);
/* Time of sample `index` out of `samples`, each in the middle of its part of the uniform schedule. */
double bench_time(const bench *b, size_t index);
/* States (b, d): exact draws of p(x_t | y). */
double *bench_states(bench *b, const fsl_posterior *posterior, double t);
/* Parameters of a kind, at their defaults. */
const void *bench_params(bench *b, const fsl_kind *kind);

/* One piece of work; index says which. Returns what else there is to say (a figure), or 0. */
typedef double bench_work(void *self, size_t index);
/* Prints `ready` and a line of JSON; then for every line "INDEX COUNT" does it COUNT times and prints seconds of CPU
 * time each, and the mean of what the work returned. Ends with the input. */
void bench_serve(const char *about, bench_work *work, void *self);
double bench_clock(void); /* CPU seconds of this process */

#endif
