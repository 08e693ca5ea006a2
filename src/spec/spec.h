/* spec/spec.h: a validated spec: YAML text -> node tree with line and column -> this. All errors of a file are found in
 * one run, each as "file:line:column: what is wrong, what was expected, nearest valid name". */
#ifndef FSL_SPEC_H
#define FSL_SPEC_H

#include "base/array_file.h"
#include "catalog/catalog.h"
#include "posterior/create.h"

typedef struct fsl_entry {
  const char *name;     /* unique on its axis: given, or the kind's name made unique by its parameters */
  const char *label;    /* for people: the name, and where it is the kind's alone all parameters behind it */
  const fsl_kind *kind; /* the head of the kind's table; NULL for noise levels */
  const void *params;
  int line, column;
} fsl_entry;

typedef struct fsl_noise_level {
  const char *name;
  double level;  /* the coordinate: std, or the root mean square of a per-component std */
  fsl_array std; /* rank 0: scalar; rank 1: one a component */
  int line, column;
} fsl_noise_level;

/* One exclusion: cells that match every given axis are left out. mask NULL: any entry of that axis. */
typedef struct fsl_exclusion {
  const bool *prior, *forward_model, *noise_level, *approximation, *n_train;
} fsl_exclusion;

typedef enum fsl_samples_kept { FSL_SAMPLES_NONE, FSL_SAMPLES_FINAL, FSL_SAMPLES_ALL } fsl_samples_kept;

typedef struct fsl_spec {
  const char *file; /* as given; for messages and to resolve data files beside it */
  const char *text; /* the whole YAML text, and the overrides after it as comments: for provenance */
  fsl_hash hash;    /* of `text` */
  size_t n_read;    /* the data files that it names, FILE or FILE:/NAME: read, and never written */
  const char *const *read;
  const char *name;
  uint64_t seed;
  size_t n_priors, n_forward_models, n_noise_levels, n_approximations, n_n_train;
  const fsl_entry *priors, *forward_models, *approximations;
  const fsl_noise_level *noise_levels;
  const double *n_train;     /* ascending as given in the spec's order; INFINITY: the population */
  const fsl_prior *prior_of; /* n_priors: built */
  const fsl_forward_model *const
      *model_of; /* (n_priors, n_forward_models): built for the prior's d; NULL where it does not fit */
  const char *const *model_reason; /* (n_priors, n_forward_models): why it does not fit; NULL where it does */
  size_t replicates;
  bool y_is_fixed;
  size_t n_observations;                   /* simulated count, or rows of y */
  fsl_array y;                             /* (n_observations, m) when fixed */
  fsl_entry diffusion, sampler, time_grid; /* kinds with their parameters */
  fsl_diffusion schedule;                  /* diffusion, ready to use */
  size_t steps, particles;
  double t_max;
  fsl_start start;
  size_t n_times;
  const double *times; /* in the order given */
  uint32_t metrics;    /* bit i: metric i */
  size_t n_exclusions;
  const fsl_exclusion *exclusions;
  fsl_samples_kept samples;
  bool budget; /* false for `budget: none` and where it is left out; the numbers below are filled all the same */
  size_t budget_replicates, budget_observations, budget_refine;
  fsl_posterior_setting evaluation;
  fsl_files files;                /* the arrays that were read from files, in the order of the spec's sections */
  double job_seconds, rank_bytes; /* limits of a job; INFINITY: none */
} fsl_spec;

/* The metrics that jobs compute: those that the spec asks for, and the distance that a budget is made of. The results
 * file's root has the former alone. */
uint32_t fsl_spec_computed_metrics(const fsl_spec *spec);

/* Keys of a spec and of its sections that hold plain values, as tables like those of kinds. */
typedef enum fsl_settings_id {
  FSL_SETTINGS_SPEC,
  FSL_SETTINGS_SIMULATED,
  FSL_SETTINGS_FIXED,
  FSL_SETTINGS_SAMPLER,
  FSL_SETTINGS_OUTPUT,
  FSL_SETTINGS_BUDGET,
  FSL_SETTINGS_LIMITS,
  FSL_N_SETTINGS
} fsl_settings_id;
extern const fsl_kind fsl_spec_settings[FSL_N_SETTINGS];

/* A key that holds more than a plain value. These tables and fsl_spec_settings list every key of a spec; they find
 * unknown keys, fill in defaults and are printed by `fslens kinds spec`. */
typedef struct fsl_spec_key fsl_spec_key;
struct fsl_spec_key {
  const char *name;         /* NULL ends a list of keys */
  const char *expected;     /* what stands there, in words */
  const char *preset;       /* the default as YAML text, read as if the spec had it; NULL: required, unless optional */
  bool optional;            /* may be absent without a default */
  const char *help;         /* one line */
  const char *kinds;        /* what it names: "prior", "time grid", "metric"; NULL: no kinds */
  const fsl_spec_key *keys; /* of the mapping, or of each mapping of the list; NULL: none */
  const fsl_kind *const *settings; /* more keys of the mapping; ends with NULL. With two tables `kind` names the one */
};
extern const fsl_spec_key fsl_spec_root; /* the whole spec */
/* The key of this name in a list of keys; NULL: it is not in the list. */
const fsl_spec_key *fsl_spec_key_find(const fsl_spec_key *keys, const char *name);

/* Reads and validates. `overrides`: "grid.n_train=[64,256]" texts of --set, checked the same way (their messages say
 * "--set:line:column"). Every error is appended to *errors as a line of its own; FSL_EINPUT when there are any.
 * Checks inside one spec: simulated or fixed y against every model's m, noise std against m, models against d. */
FSL_CHECKED fsl_status fsl_spec_load(fsl_ctx *ctx, const fsl_catalog *catalog, const char *file, size_t n_overrides,
                                     const char *const *overrides, fsl_spec *out, const char **errors);
/* The same from a text that is already in memory (`file` names it in messages and locates data files). */
FSL_CHECKED fsl_status fsl_spec_parse(fsl_ctx *ctx, const fsl_catalog *catalog, const char *file, const char *text,
                                      size_t length, size_t n_overrides, const char *const *overrides, fsl_spec *out,
                                      const char **errors);

/* Parses a spec's kept text (fsl_spec.text), applying the overrides that stand at its end. */
FSL_CHECKED fsl_status fsl_spec_reparse(fsl_ctx *ctx, const fsl_catalog *catalog, const char *file, const char *kept,
                                        fsl_spec *out, const char **errors);
/* Where the overrides begin in a kept text, and what they are; *out is NULL when out of memory, and so may be a text.
 */
size_t fsl_spec_overrides_start(const char *kept);
size_t fsl_spec_overrides(fsl_arena *arena, const char *kept, const char ***out);
/* Says, as warnings in the log, what is valid but seldom meant: a normal start far from p(x_t | y) at t_max, and a
 * fixed y far from everything that the prior makes. FSL_ENOMEM. */
FSL_CHECKED fsl_status fsl_spec_warn(fsl_ctx *ctx, const fsl_spec *spec);
/* Why the entries of these three axes do not fit together; NULL where they do. */
const char *fsl_spec_misfit(const fsl_spec *spec, size_t prior, size_t forward_model, size_t noise_level);

#endif
