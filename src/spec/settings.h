/* spec/settings.h: what the tables of settings.c fill, and the keys that it lists, for this folder alone. */
#ifndef FSL_SPEC_SETTINGS_H
#define FSL_SPEC_SETTINGS_H

#include "spec/spec.h"

enum { FSL_MOST_OBSERVATIONS = 1000000 };

typedef struct fsl_simulated_settings {
  int64_t count;
} fsl_simulated_settings;

typedef struct fsl_fixed_settings {
  fsl_array y;
} fsl_fixed_settings;

typedef struct fsl_sampler_settings {
  int64_t steps, particles;
  double t_max;
  int start; /* an fsl_start */
} fsl_sampler_settings;

typedef struct fsl_output_settings {
  int samples; /* an fsl_samples_kept */
} fsl_output_settings;

typedef struct fsl_budget_settings {
  int64_t replicates, observations, refine;
} fsl_budget_settings;

typedef struct fsl_limits_settings {
  double job_seconds, rank_bytes;
} fsl_limits_settings;

typedef struct fsl_plain_settings {
  int64_t replicates;
  int precision; /* 0: double, 1: single */
  fsl_choice_or_real moment_tree;
} fsl_plain_settings;

/* Lists of keys that are used by more than their parent. */
extern const fsl_spec_key fsl_spec_axes[], fsl_spec_entry_keys[], fsl_spec_noise_keys[], fsl_spec_exclusion_keys[];

/* The names of a list of keys, then those of the tables (NULL: none); ends with NULL. NULL when out of memory. */
const char *const *fsl_spec_key_names(fsl_arena *arena, const fsl_spec_key *keys, const fsl_kind *const *settings);

#endif
