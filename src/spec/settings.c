/* spec/settings.c: every key of a spec that is no kind's parameter. These tables validate, fill in defaults and are
 * what `fslens kinds spec` prints. */
#include "spec/settings.h"

#include <math.h>
#include <string.h>

/* ---- plain values: tables like those of the kinds ---------------------------------------------------------------- */

static const fsl_param simulated_table[] = {
    {.name = "count",
     .type = FSL_INTEGER,
     .offset = offsetof(fsl_simulated_settings, count),
     .preset = "1",
     .low = 1,
     .high = FSL_MOST_OBSERVATIONS,
     .help = "independent measurements of fresh draws of the prior"},
};

static const fsl_param fixed_table[] = {
    {.name = "y",
     .type = FSL_MATRIX,
     .offset = offsetof(fsl_fixed_settings, y),
     .help = "the measurements, one a row, such as [[-1.8]]"},
};

static const char *const starts[] = {"normal", "exact", NULL}; /* in the order of fsl_start */

static const fsl_param sampler_table[] = {
    {.name = "steps",
     .type = FSL_INTEGER,
     .offset = offsetof(fsl_sampler_settings, steps),
     .preset = "500",
     .low = 1,
     .high = 1e7,
     .help = "intervals of the time grid from t_max to the smallest of times"},
    {.name = "particles",
     .type = FSL_INTEGER,
     .offset = offsetof(fsl_sampler_settings, particles),
     .preset = "2048",
     .low = 2,
     .high = 1e8,
     .help = "samples drawn by each run"},
    {.name = "t_max",
     .type = FSL_REAL,
     .offset = offsetof(fsl_sampler_settings, t_max),
     .preset = "1",
     .low = 0,
     .high = 1,
     .open_low = true,
     .help = "where sampling starts"},
    {.name = "start",
     .type = FSL_CHOICE,
     .offset = offsetof(fsl_sampler_settings, start),
     .preset = "normal",
     .choices = starts,
     .help = "draws from N(0, v(t_max) I), or exact draws from p(x_t | y) at t_max"},
};

static const char *const kept[] = {"none", "final", "all", NULL}; /* in the order of fsl_samples_kept */

static const fsl_param output_table[] = {
    {.name = "samples",
     .type = FSL_CHOICE,
     .offset = offsetof(fsl_output_settings, samples),
     .preset = "none",
     .choices = kept,
     .help = "states of the particles that the results file keeps: none, at the smallest time, or at all times"},
};

static const fsl_param budget_table[] = {
    {.name = "replicates",
     .type = FSL_INTEGER,
     .offset = offsetof(fsl_budget_settings, replicates),
     .preset = "1",
     .low = 1,
     .high = 1e6,
     .help = "the first so many replicates have an error budget"},
    {.name = "observations",
     .type = FSL_INTEGER,
     .offset = offsetof(fsl_budget_settings, observations),
     .preset = "1",
     .low = 1,
     .high = 1e6,
     .help = "the first so many observations have one"},
    {.name = "refine",
     .type = FSL_INTEGER,
     .offset = offsetof(fsl_budget_settings, refine),
     .preset = "8",
     .low = 2,
     .high = 1000,
     .help = "steps of the refined run for each plain one"},
};

static const fsl_param limits_table[] = {
    {.name = "job_seconds",
     .type = FSL_REAL,
     .offset = offsetof(fsl_limits_settings, job_seconds),
     .preset = ".inf",
     .low = 0,
     .open_low = true,
     .high = INFINITY,
     .help = "a job that takes longer is ended and recorded as timed out"},
    {.name = "rank_bytes",
     .type = FSL_REAL,
     .offset = offsetof(fsl_limits_settings, rank_bytes),
     .preset = ".inf",
     .low = 1e6,
     .high = INFINITY,
     .help = "memory a job may take on each of its ranks, such as 4e9; .inf: the machine's, shared by its ranks"},
};

static const char *const precisions[] = {"double", "single", NULL}, *const no_tree[] = {"none", NULL};

static const fsl_param plain_table[] = {
    {.name = "replicates",
     .type = FSL_INTEGER,
     .offset = offsetof(fsl_plain_settings, replicates),
     .preset = "1",
     .low = 1,
     .high = 1e6,
     .help = "independent training sets of each size; at .inf independent runs of the sampler"},
    {.name = "precision",
     .type = FSL_CHOICE,
     .offset = offsetof(fsl_plain_settings, precision),
     .preset = "double",
     .choices = precisions,
     .help = "of sums over atoms; single is faster, and its error is measured beside the results (precision_error)"},
    {.name = "moment_tree",
     .type = FSL_CHOICE_OR_REAL,
     .offset = offsetof(fsl_plain_settings, moment_tree),
     .preset = "1e-10",
     .low = 1e-12,
     .high = 1e-3,
     .choices = no_tree,
     .help = "largest error of the moments, certified, relative to the smaller of spread and noise (d <= 3 and many "
             "atoms); none: direct sums"},
};

const fsl_kind fsl_spec_settings[FSL_N_SETTINGS] = {
    [FSL_SETTINGS_SIMULATED] = {.name = "simulated",
                                .help = "observations: measurements drawn from the prior itself",
                                .version = 1,
                                FSL_PARAMS(simulated_table),
                                .params_size = sizeof(fsl_simulated_settings)},
    [FSL_SETTINGS_FIXED] = {.name = "fixed",
                            .help = "observations: measurements as given",
                            .version = 1,
                            FSL_PARAMS(fixed_table),
                            .params_size = sizeof(fsl_fixed_settings)},
    [FSL_SETTINGS_SAMPLER] = {.name = "sampler",
                              .help = "what every sampler takes besides its kind and time_grid",
                              .version = 1,
                              FSL_PARAMS(sampler_table),
                              .params_size = sizeof(fsl_sampler_settings)},
    [FSL_SETTINGS_OUTPUT] = {.name = "output",
                             .help = "what the results file keeps beside the metrics",
                             .version = 1,
                             FSL_PARAMS(output_table),
                             .params_size = sizeof(fsl_output_settings)},
    [FSL_SETTINGS_BUDGET] = {.name = "budget",
                             .help = "what of the grid has an error budget; or none",
                             .version = 1,
                             FSL_PARAMS(budget_table),
                             .params_size = sizeof(fsl_budget_settings)},
    [FSL_SETTINGS_LIMITS] = {.name = "limits",
                             .help = "what a job may take; results do not depend on it",
                             .version = 1,
                             FSL_PARAMS(limits_table),
                             .params_size = sizeof(fsl_limits_settings)},
    [FSL_SETTINGS_SPEC] = {.name = "spec",
                           .help = "every key of a spec; those with a default may be left out",
                           .version = 1,
                           FSL_PARAMS(plain_table),
                           .params_size = sizeof(fsl_plain_settings)},
};

/* ---- keys whose values are lists, mappings or names of kinds ----------------------------------------------------- */

#define END                                                                                                            \
  { .name = NULL }

const fsl_spec_key fsl_spec_entry_keys[] = {
    {.name = "name",
     .expected = "a text of 1 to 100 printable bytes",
     .optional = true,
     .help = "what the entry is called in results; otherwise its kind's name, made unique by its parameters"},
    {.name = "kind", .expected = "the name of a kind", .help = "its parameters stand beside it: fslens kinds NAME"},
    END,
};

const fsl_spec_key fsl_spec_noise_keys[] = {
    {.name = "name",
     .expected = "a text of 1 to 100 printable bytes",
     .optional = true,
     .help = "what the level is called in results; otherwise its numbers"},
    {.name = "std",
     .expected = "a number above 0, or a list with one for each component of the measurement",
     .help = "the standard deviation of the noise"},
    END,
};

#define KINDS "a list of kinds, each a name or a mapping with 'kind'"

const fsl_spec_key fsl_spec_axes[] = {
    {.name = "prior", .expected = KINDS, .help = "where x0 comes from", .kinds = "prior", .keys = fsl_spec_entry_keys},
    {.name = "forward_model",
     .expected = KINDS,
     .help = "what is measured: A(x0)",
     .kinds = "forward model",
     .keys = fsl_spec_entry_keys},
    {.name = "noise_level",
     .expected = "a list of numbers above 0, or of mappings with 'std'",
     .help = "standard deviations of the Gaussian noise that is added",
     .keys = fsl_spec_noise_keys},
    {.name = "approximation",
     .expected = KINDS,
     .help = "the methods under test",
     .kinds = "approximation",
     .keys = fsl_spec_entry_keys},
    {.name = "n_train",
     .expected = "a list of positive integers, or .inf for the population",
     .help = "numbers of training samples"},
    END,
};

#define SOME "a name or a list of names"

const fsl_spec_key fsl_spec_exclusion_keys[] = {
    {.name = "prior", .expected = SOME, .optional = true, .help = "of entries, or of a kind for all its entries"},
    {.name = "forward_model", .expected = SOME, .optional = true, .help = "the same"},
    {.name = "noise_level", .expected = SOME, .optional = true, .help = "names of levels, or their numbers"},
    {.name = "approximation", .expected = SOME, .optional = true, .help = "of entries, or of a kind"},
    {.name = "n_train", .expected = "a size or a list of sizes", .optional = true, .help = "as in the grid"},
    END,
};

static const fsl_spec_key observation_keys[] = {
    {.name = "kind",
     .expected = "simulated or fixed",
     .preset = "simulated",
     .help = "measurements of draws from the prior, or your own"},
    END,
};

static const fsl_spec_key diffusion_keys[] = {
    {.name = "kind",
     .expected = "the name of a kind",
     .preset = "vp",
     .help = "its parameters stand beside it: fslens kinds NAME",
     .kinds = "diffusion"},
    END,
};

static const fsl_spec_key sampler_keys[] = {
    {.name = "kind",
     .expected = "the name of a kind",
     .preset = "euler-maruyama",
     .help = "how the reverse-time equation is integrated",
     .kinds = "sampler"},
    {.name = "time_grid",
     .expected = "the name of a kind, or a mapping with 'kind'",
     .preset = "uniform",
     .help = "how the steps lie between t_max and the smallest of times",
     .kinds = "time grid"},
    END,
};

static const fsl_kind *const observation_settings[] = {&fsl_spec_settings[FSL_SETTINGS_SIMULATED],
                                                       &fsl_spec_settings[FSL_SETTINGS_FIXED], NULL},
                             *const sampler_settings[] = {&fsl_spec_settings[FSL_SETTINGS_SAMPLER], NULL},
                             *const output_settings[] = {&fsl_spec_settings[FSL_SETTINGS_OUTPUT], NULL},
                             *const budget_settings[] = {&fsl_spec_settings[FSL_SETTINGS_BUDGET], NULL},
                             *const limits_settings[] = {&fsl_spec_settings[FSL_SETTINGS_LIMITS], NULL},
                             *const root_settings[] = {&fsl_spec_settings[FSL_SETTINGS_SPEC], NULL};

static const fsl_spec_key root_keys[] = {
    {.name = "name", .expected = "1 to 100 letters, digits, hyphens and underscores", .help = "of the campaign"},
    {.name = "seed",
     .expected = "an integer from 0 to 9223372036854775807",
     .help = "of all random numbers, such as 20260530"},
    {.name = "grid",
     .expected = "a mapping of axes to lists",
     .help = "what is combined: every prior with every forward model, noise level, approximation and size",
     .keys = fsl_spec_axes},
    {.name = "observations",
     .expected = "a mapping",
     .preset = "{}",
     .help = "the measurements y",
     .keys = observation_keys,
     .settings = observation_settings},
    {.name = "diffusion",
     .expected = "the name of a kind, or a mapping with 'kind'",
     .preset = "{}",
     .help = "how x0 is noised",
     .keys = diffusion_keys},
    {.name = "sampler",
     .expected = "the name of a kind, or a mapping",
     .preset = "{}",
     .help = "how samples are drawn",
     .keys = sampler_keys,
     .settings = sampler_settings},
    {.name = "times",
     .expected = "a list of numbers above 0 and below t_max",
     .preset = "[0.2, 0.1, 0.05, 0.02, 0.01]",
     .help = "where p(x_t | y) is measured; the smallest is where sampling stops"},
    {.name = "metrics",
     .expected = "default or a list of names",
     .preset = "default",
     .help = "what is measured; default is all of them",
     .kinds = "metric"},
    {.name = "exclude",
     .expected = "a list of mappings",
     .preset = "[]",
     .help = "combinations to leave out: those that match every key of one of the mappings",
     .keys = fsl_spec_exclusion_keys},
    {.name = "output",
     .expected = "a mapping",
     .preset = "{}",
     .help = "what the results file keeps beside the metrics",
     .settings = output_settings},
    {.name = "budget",
     .expected = "none or a mapping",
     .preset = "none",
     .help = "splits each error into finite sample, approximation and integrator, at refine + 1 more runs for each",
     .settings = budget_settings},
    {.name = "limits",
     .expected = "a mapping",
     .preset = "{}",
     .help = "what a job may take; results do not depend on it",
     .settings = limits_settings},
    END,
};

const fsl_spec_key fsl_spec_root = {.name = "spec",
                                    .expected = "a mapping",
                                    .help = "every key of a spec; those with a default may be left out",
                                    .keys = root_keys,
                                    .settings = root_settings};

const fsl_spec_key *fsl_spec_key_find(const fsl_spec_key *keys, const char *name) {
  for (; keys != NULL && keys->name != NULL; keys++)
    if (strcmp(keys->name, name) == 0) return keys;
  return NULL;
}

static size_t count(const fsl_spec_key *keys, const fsl_kind *const *settings) {
  size_t n = 0;
  for (; keys != NULL && keys->name != NULL; keys++) n++;
  for (; settings != NULL && *settings != NULL; settings++) n += (*settings)->n_params;
  return n;
}

const char *const *fsl_spec_key_names(fsl_arena *arena, const fsl_spec_key *keys, const fsl_kind *const *settings) {
  const char **const names = fsl_arena_get(arena, count(keys, settings) + 1, sizeof *names);
  size_t n = 0;
  if (names == NULL) return NULL;
  for (; keys != NULL && keys->name != NULL; keys++) names[n++] = keys->name;
  for (; settings != NULL && *settings != NULL; settings++)
    for (size_t i = 0; i < (*settings)->n_params; i++) names[n++] = (*settings)->params[i].name;
  return names;
}
