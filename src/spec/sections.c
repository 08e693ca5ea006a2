/* spec/sections.c: everything of a spec but its grid: each section with its defaults. */
#include "spec/reader.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static const double default_times[] = {0.2, 0.1, 0.05, 0.02, 0.01};
enum { MOST_TIMES = 1000, MOST_OBSERVATIONS = 1000000, N_DEFAULT_TIMES = sizeof default_times / sizeof *default_times };

static bool need_map(fsl_reader *r, const fsl_node *node, const char *what) {
  if (node->type == FSL_NODE_MAP) return true;
  return fsl_complain(r->b.d, node->place, "'%s' is %s, expected a mapping", what,
                      fsl_node_describe(r->b.ctx->arena, node));
}

/* ---- what the sections take besides kinds: tables like those of the kinds ---------------------------------------- */

typedef struct simulated_settings {
  int64_t count;
} simulated_settings;

static const fsl_param simulated_table[] = {
    {.name = "count",
     .type = FSL_INTEGER,
     .offset = offsetof(simulated_settings, count),
     .preset = "1",
     .low = 1,
     .high = MOST_OBSERVATIONS,
     .help = "independent measurements of fresh draws of the prior"},
};

typedef struct fixed_settings {
  fsl_array y;
} fixed_settings;

static const fsl_param fixed_table[] = {
    {.name = "y",
     .type = FSL_MATRIX,
     .offset = offsetof(fixed_settings, y),
     .help = "the measurements, one a row, such as [[-1.8]]"},
};

typedef struct sampler_settings {
  int64_t steps, particles;
  double t_max;
  int start;
} sampler_settings;

static const char *const starts[] = {"normal", "exact", NULL}; /* in the order of fsl_start */

static const fsl_param sampler_table[] = {
    {.name = "steps",
     .type = FSL_INTEGER,
     .offset = offsetof(sampler_settings, steps),
     .preset = "500",
     .low = 1,
     .high = 1e7,
     .help = "intervals of the time grid from t_max to the smallest of times"},
    {.name = "particles",
     .type = FSL_INTEGER,
     .offset = offsetof(sampler_settings, particles),
     .preset = "2048",
     .low = 2,
     .high = 1e8,
     .help = "samples drawn by each run"},
    {.name = "t_max",
     .type = FSL_REAL,
     .offset = offsetof(sampler_settings, t_max),
     .preset = "1",
     .low = 0,
     .high = 1,
     .open_low = true,
     .help = "where sampling starts"},
    {.name = "start",
     .type = FSL_CHOICE,
     .offset = offsetof(sampler_settings, start),
     .preset = "normal",
     .choices = starts,
     .help = "draws from N(0, v(t_max) I), or exact draws from p(x_t | y) at t_max"},
};

typedef struct budget_settings {
  int64_t replicates, observations, refine;
} budget_settings;

static const fsl_param budget_table[] = {
    {.name = "replicates",
     .type = FSL_INTEGER,
     .offset = offsetof(budget_settings, replicates),
     .preset = "1",
     .low = 1,
     .high = 1e6,
     .help = "the first so many replicates have an error budget"},
    {.name = "observations",
     .type = FSL_INTEGER,
     .offset = offsetof(budget_settings, observations),
     .preset = "1",
     .low = 1,
     .high = 1e6,
     .help = "the first so many observations have one"},
    {.name = "refine",
     .type = FSL_INTEGER,
     .offset = offsetof(budget_settings, refine),
     .preset = "8",
     .low = 2,
     .high = 1000,
     .help = "steps of the refined run for each plain one"},
};

typedef struct limits_settings {
  double job_seconds, rank_bytes;
} limits_settings;

static const fsl_param limits_table[] = {
    {.name = "job_seconds",
     .type = FSL_REAL,
     .offset = offsetof(limits_settings, job_seconds),
     .preset = ".inf",
     .low = 0,
     .open_low = true,
     .high = INFINITY,
     .help = "a job that takes longer is ended and recorded as timed out"},
    {.name = "rank_bytes",
     .type = FSL_REAL,
     .offset = offsetof(limits_settings, rank_bytes),
     .preset = ".inf",
     .low = 1e6,
     .high = INFINITY,
     .help = "memory a job may take on each of its ranks, such as 4e9; .inf: the machine's, shared by its ranks"},
};

typedef struct evaluation_settings {
  int precision;
  fsl_choice_or_real moment_tree;
} evaluation_settings;

static const char *const precisions[] = {"double", "single", NULL}, *const no_tree[] = {"none", NULL};

static const fsl_param evaluation_table[] = {
    {.name = "precision",
     .type = FSL_CHOICE,
     .offset = offsetof(evaluation_settings, precision),
     .preset = "double",
     .choices = precisions,
     .help = "of sums over atoms; single is faster, and its error is measured beside the results (precision_error)"},
    {.name = "moment_tree",
     .type = FSL_CHOICE_OR_REAL,
     .offset = offsetof(evaluation_settings, moment_tree),
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
                                .params_size = sizeof(simulated_settings)},
    [FSL_SETTINGS_FIXED] = {.name = "fixed",
                            .help = "observations: measurements as given",
                            .version = 1,
                            FSL_PARAMS(fixed_table),
                            .params_size = sizeof(fixed_settings)},
    [FSL_SETTINGS_SAMPLER] = {.name = "sampler",
                              .help = "what every sampler takes besides its kind and time_grid",
                              .version = 1,
                              FSL_PARAMS(sampler_table),
                              .params_size = sizeof(sampler_settings)},
    [FSL_SETTINGS_BUDGET] = {.name = "budget",
                             .help = "what of the grid has an error budget; or none",
                             .version = 1,
                             FSL_PARAMS(budget_table),
                             .params_size = sizeof(budget_settings)},
    [FSL_SETTINGS_LIMITS] = {.name = "limits",
                             .help = "what a job may take; results do not depend on it",
                             .version = 1,
                             FSL_PARAMS(limits_table),
                             .params_size = sizeof(limits_settings)},
    [FSL_SETTINGS_EVALUATION] = {.name = "evaluation",
                                 .help = "how sums over atoms are evaluated: two keys of the spec itself",
                                 .version = 1,
                                 FSL_PARAMS(evaluation_table),
                                 .params_size = sizeof(evaluation_settings)},
};

/* ---- name and seed ----------------------------------------------------------------------------------------------- */

static bool read_name(fsl_reader *r) {
  const fsl_node *const node = fsl_node_find(r->root, "name");
  if (node == NULL)
    return fsl_complain(r->b.d, r->root->place, "the spec has no 'name', expected one for the campaign");
  if (!fsl_bind_text(&r->b, node, "name", &r->spec->name)) return false;
  bool good = r->spec->name[0] != '\0' && strlen(r->spec->name) <= 100;
  for (const char *c = r->spec->name; good && *c != '\0'; c++)
    good = isalnum((unsigned char)*c) || *c == '-' || *c == '_';
  return good ||
         fsl_complain(r->b.d, node->place,
                      "'name' is '%.60s', expected 1 to 100 letters, digits, hyphens and underscores", r->spec->name);
}

static bool read_seed(fsl_reader *r) {
  const fsl_node *const node = fsl_node_find(r->root, "seed");
  int64_t seed = 0;
  if (node == NULL)
    return fsl_complain(r->b.d, r->root->place, "the spec has no 'seed', expected an integer such as 20260530");
  if (!fsl_bind_integer(&r->b, node, "seed", -0x1p63, 0x1p63, &seed)) return false;
  if (seed < 0)
    return fsl_complain(r->b.d, node->place, "'seed' is %lld, expected 0 to 9223372036854775807", (long long)seed);
  r->spec->seed = (uint64_t)seed;
  return true;
}

/* ---- observations ------------------------------------------------------------------------------------------------ */

static bool take_y(fsl_reader *r, fsl_place place, fsl_array y) {
  if (y.shape[0] == 0 || y.shape[0] > MOST_OBSERVATIONS || y.shape[1] == 0)
    return fsl_complain(r->b.d, place, "'y' has %zu rows of %zu, expected 1 to %d rows of at least 1", y.shape[0],
                        y.shape[1], MOST_OBSERVATIONS);
  r->spec->y = y;
  r->spec->n_observations = y.shape[0];
  return true;
}

static bool read_observations(fsl_reader *r) {
  static const char *const kinds[] = {"simulated", "fixed", NULL}, *const own[] = {"kind", NULL};
  const fsl_node *const node = fsl_node_find(r->root, "observations");
  const void *settings = NULL;
  int kind = 0;
  r->spec->n_observations = 1;
  if (node == NULL) return true;
  if (!need_map(r, node, "observations")) return false;
  const fsl_node *const name = fsl_node_find(node, "kind");
  if (name != NULL && !fsl_bind_choice(&r->b, name, "kind", kinds, &kind)) return false;
  r->spec->y_is_fixed = kind == 1;
  const fsl_kind *const table = &fsl_spec_settings[kind == 1 ? FSL_SETTINGS_FIXED : FSL_SETTINGS_SIMULATED];
  if (!fsl_bind_kind(&r->b, node, node->place, table, own, &settings)) return false;
  if (kind == 1) return take_y(r, fsl_bind_place(node, "y", node->place), ((const fixed_settings *)settings)->y);
  r->spec->n_observations = (size_t)((const simulated_settings *)settings)->count;
  return true;
}

/* ---- diffusion and sampler --------------------------------------------------------------------------------------- */

/* The kind that a section names, with its parameters; `fallback` where it names none. */
static bool read_kind(fsl_reader *r, const fsl_node *node, const fsl_heads *heads, const char *what,
                      const char *fallback, const char *const *own, fsl_entry *out) {
  const bool is_map = node != NULL && node->type == FSL_NODE_MAP;
  const fsl_node *const name = is_map ? fsl_node_find(node, "kind") : node;
  const fsl_place place = node == NULL ? r->root->place : node->place;
  const fsl_kind *kind = NULL;
  for (size_t i = 0; name == NULL && i < heads->n; i++)
    if (strcmp(heads->name[i], fallback) == 0) kind = heads->kind[i];
  if (name != NULL) kind = fsl_heads_find(&r->b, heads, name, what);
  if (kind == NULL) return false;
  *out = (fsl_entry){.name = kind->name, .kind = kind, .line = place.line, .column = place.column};
  return fsl_bind_kind(&r->b, is_map ? node : NULL, place, kind, own, &out->params);
}

static bool read_diffusion(fsl_reader *r) {
  static const char *const own[] = {"kind", NULL};
  fsl_heads heads;
  fsl_heads_of_diffusions(r->catalog, &heads);
  if (!read_kind(r, fsl_node_find(r->root, "diffusion"), &heads, "diffusion", "vp", own, &r->spec->diffusion))
    return false;
  r->spec->schedule = ((const fsl_diffusion_kind *)(const void *)r->spec->diffusion.kind)->functions;
  r->spec->schedule.params = r->spec->diffusion.params;
  return true;
}

/* What is wrong in the section leaves its default behind, so that later checks find no second fault in it. */
static bool read_sampler_settings(fsl_reader *r, const fsl_node *map) {
  const fsl_kind *const table = &fsl_spec_settings[FSL_SETTINGS_SAMPLER];
  const void *settings = NULL;
  const bool good = fsl_bind_params(&r->b, map, r->root->place, table, &settings);
  if (!good && !fsl_bind_params(&r->b, NULL, r->root->place, table, &settings)) return false;
  const sampler_settings *const s = settings;
  r->spec->steps = (size_t)s->steps;
  r->spec->particles = (size_t)s->particles;
  r->spec->t_max = s->t_max;
  r->spec->start = s->start == 0 ? FSL_START_NORMAL : FSL_START_EXACT;
  return good;
}

static bool read_sampler(fsl_reader *r) {
  static const char *const own[] = {"kind", "steps", "time_grid", "particles", "t_max", "start", NULL},
                           *const grid_own[] = {"kind", NULL};
  const fsl_node *const node = fsl_node_find(r->root, "sampler");
  fsl_heads samplers, grids;
  fsl_heads_of_samplers(r->catalog, &samplers);
  fsl_heads_of_time_grids(r->catalog, &grids);
  bool good = read_kind(r, node, &samplers, "sampler", "euler-maruyama", own, &r->spec->sampler);
  const fsl_node *const grid = fsl_node_find(node, "time_grid");
  good = read_kind(r, grid, &grids, "time grid", "uniform", grid_own, &r->spec->time_grid) && good;
  return read_sampler_settings(r, node) && good;
}

/* ---- times and metrics ------------------------------------------------------------------------------------------- */

static bool check_time(fsl_reader *r, fsl_place place, const double *times, size_t i) {
  if (!(times[i] > 0 && times[i] < r->spec->t_max))
    return fsl_complain(r->b.d, place, "the time %.15g is not inside (0, t_max), t_max being %.15g", times[i],
                        r->spec->t_max);
  for (size_t j = 0; j < i; j++)
    if (times[j] == times[i]) return fsl_complain(r->b.d, place, "the time %.15g is there twice", times[i]);
  return true;
}

static bool read_times(fsl_reader *r) {
  const fsl_node *const node = fsl_node_find(r->root, "times");
  fsl_array times = {.data = default_times, .rank = 1, .shape = {N_DEFAULT_TIMES}};
  bool good = true;
  if (node == NULL && r->spec->t_max <= default_times[0])
    return fsl_complain(r->b.d, fsl_bind_place(fsl_node_find(r->root, "sampler"), "t_max", r->root->place),
                        "'t_max' is %.15g, but the default times begin at %.15g: give 'times' below it", r->spec->t_max,
                        default_times[0]);
  if (node != NULL && !fsl_bind_vector(&r->b, node, "times", &times)) return false;
  if (times.shape[0] > MOST_TIMES)
    return fsl_complain(r->b.d, node->place, "'times' has more than %d entries", MOST_TIMES);
  r->spec->n_times = times.shape[0];
  r->spec->times = times.data;
  for (size_t i = 0; i < times.shape[0]; i++)
    good = (node == NULL || check_time(r, node->item[i]->place, times.data, i)) && good;
  return good;
}

static bool add_metric(fsl_reader *r, const fsl_node *node) {
  const char *names[FSL_N_METRICS], *text = NULL;
  for (size_t i = 0; i < FSL_N_METRICS; i++) names[i] = fsl_metrics[i].head.name;
  if (!fsl_bind_text(&r->b, node, "metrics", &text)) return false;
  for (size_t i = 0; i < FSL_N_METRICS; i++) {
    if (strcmp(names[i], text) != 0) continue;
    if (r->spec->metrics >> i & 1u) return fsl_complain(r->b.d, node->place, "the metric '%s' is there twice", text);
    r->spec->metrics |= 1u << i;
    return true;
  }
  return fsl_complain_name(r->b.d, node->place, text, FSL_N_METRICS, names, "there is no metric '%.60s'", text);
}

static bool read_metrics(fsl_reader *r) {
  const fsl_node *const node = fsl_node_find(r->root, "metrics");
  const bool all = node == NULL || (node->type == FSL_NODE_SCALAR && strcmp(node->text, "default") == 0);
  bool good = true;
  r->spec->metrics = all ? (1u << FSL_N_METRICS) - 1 : 0;
  if (all) return true;
  if (node->type != FSL_NODE_LIST || node->n == 0)
    return fsl_complain(r->b.d, node->place, "'metrics' is %s, expected default or a list of names",
                        node->type == FSL_NODE_LIST ? "an empty list" : fsl_node_describe(r->b.ctx->arena, node));
  for (size_t i = 0; i < node->n; i++) good = add_metric(r, node->item[i]) && good;
  return good;
}

/* ---- output and budget ------------------------------------------------------------------------------------------- */

static bool read_output(fsl_reader *r) {
  static const char *const own[] = {"samples", NULL}, *const kept[] = {"none", "final", "all", NULL};
  const fsl_node *const node = fsl_node_find(r->root, "output");
  int samples = FSL_SAMPLES_NONE;
  if (node == NULL) return true;
  if (!need_map(r, node, "output") || !fsl_bind_known_keys(&r->b, node, NULL, own)) return false;
  const fsl_node *const choice = fsl_node_find(node, "samples");
  if (choice != NULL && !fsl_bind_choice(&r->b, choice, "samples", kept, &samples)) return false;
  r->spec->samples = (fsl_samples_kept)samples;
  return true;
}

static bool read_budget(fsl_reader *r) {
  const fsl_node *const node = fsl_node_find(r->root, "budget");
  const void *settings = NULL;
  r->spec->budget = node == NULL || node->type != FSL_NODE_SCALAR || strcmp(node->text, "none") != 0;
  if (r->spec->budget && node != NULL && node->type != FSL_NODE_MAP)
    return fsl_complain(r->b.d, node->place, "'budget' is %s, expected none or a mapping",
                        fsl_node_describe(r->b.ctx->arena, node));
  const fsl_place place = node == NULL ? r->root->place : node->place;
  if (!fsl_bind_kind(&r->b, node, place, &fsl_spec_settings[FSL_SETTINGS_BUDGET], NULL, &settings)) return false;
  const budget_settings *const s = settings;
  r->spec->budget_replicates = (size_t)s->replicates;
  r->spec->budget_observations = (size_t)s->observations;
  r->spec->budget_refine = (size_t)s->refine;
  return true;
}

static bool read_limits(fsl_reader *r) {
  const fsl_node *const node = fsl_node_find(r->root, "limits");
  const void *settings = NULL;
  if (node != NULL && !need_map(r, node, "limits")) return false;
  const fsl_place place = node == NULL ? r->root->place : node->place;
  if (!fsl_bind_kind(&r->b, node, place, &fsl_spec_settings[FSL_SETTINGS_LIMITS], NULL, &settings)) return false;
  const limits_settings *const s = settings;
  r->spec->job_seconds = s->job_seconds;
  r->spec->rank_bytes = s->rank_bytes;
  return true;
}

static bool read_evaluation(fsl_reader *r) {
  const void *settings = NULL;
  r->spec->evaluation = FSL_POSTERIOR_DEFAULT;
  if (!fsl_bind_params(&r->b, r->root, r->root->place, &fsl_spec_settings[FSL_SETTINGS_EVALUATION], &settings))
    return false;
  const evaluation_settings *const s = settings;
  r->spec->evaluation.single = s->precision == 1;
  r->spec->evaluation.tolerance = s->moment_tree.choice == 0 ? 0 : s->moment_tree.value;
  return true;
}

static bool read_replicates(fsl_reader *r) {
  const fsl_node *const node = fsl_node_find(r->root, "replicates");
  int64_t value = 1;
  const bool good = node == NULL || fsl_bind_integer(&r->b, node, "replicates", 1, 1e6, &value);
  r->spec->replicates = good ? (size_t)value : 1;
  return good;
}

bool fsl_read_sections(fsl_reader *r) {
  bool good = read_name(r);
  good = read_seed(r) && good;
  good = read_replicates(r) && good;
  good = read_observations(r) && good;
  good = read_diffusion(r) && good;
  good = read_sampler(r) && good;
  good = read_times(r) && good;
  good = read_metrics(r) && good;
  good = read_output(r) && good;
  good = read_limits(r) && good;
  good = read_evaluation(r) && good;
  return read_budget(r) && good;
}
