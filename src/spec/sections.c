/* spec/sections.c: everything of a spec but its grid: each section with its defaults. */
#include "spec/reader.h"
#include "spec/settings.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { MOST_TIMES = 1000 };

static bool need_map(fsl_reader *r, const fsl_node *node, const char *what) {
  if (node->type == FSL_NODE_MAP) return true;
  return fsl_complain(r->b.d, node->place, "'%s' is %s, expected a mapping", what,
                      fsl_node_describe(r->b.ctx->arena, node));
}

/* What stands under the key, or its default; complains and returns NULL where neither exists. */
static const fsl_node *find(fsl_reader *r, const fsl_node *map, const fsl_spec_key *keys, const char *name) {
  const fsl_spec_key *const key = fsl_spec_key_find(keys, name);
  const fsl_node *const node = fsl_node_find(map, name);
  if (node != NULL) return node;
  if (key->preset != NULL) return fsl_node_parse(r->b.ctx, r->b.d, "default", key->preset, strlen(key->preset));
  fsl_complain(r->b.d, map->place, "the spec has no '%s' (%s), expected %s", name, key->help, key->expected);
  return NULL;
}

/* ---- name and seed ----------------------------------------------------------------------------------------------- */

static bool read_name(fsl_reader *r, const fsl_node *node) {
  if (!fsl_bind_text(&r->b, node, "name", &r->spec->name)) return false;
  bool good = r->spec->name[0] != '\0' && strlen(r->spec->name) <= 100;
  for (const char *c = r->spec->name; good && *c != '\0'; c++)
    good = isalnum((unsigned char)*c) || *c == '-' || *c == '_';
  return good || fsl_complain(r->b.d, node->place, "'name' is '%.60s', expected %s", r->spec->name,
                              fsl_spec_key_find(fsl_spec_root.keys, "name")->expected);
}

static bool read_seed(fsl_reader *r, const fsl_node *node) {
  int64_t seed = 0;
  if (!fsl_bind_integer(&r->b, node, "seed", -0x1p63, 0x1p63, &seed)) return false;
  if (seed < 0)
    return fsl_complain(r->b.d, node->place, "'seed' is %lld, expected %s", (long long)seed,
                        fsl_spec_key_find(fsl_spec_root.keys, "seed")->expected);
  r->spec->seed = (uint64_t)seed;
  return true;
}

/* ---- observations ------------------------------------------------------------------------------------------------ */

static bool take_y(fsl_reader *r, fsl_place place, fsl_array y) {
  if (y.shape[0] == 0 || y.shape[0] > FSL_MOST_OBSERVATIONS || y.shape[1] == 0)
    return fsl_complain(r->b.d, place, "'y' has %zu rows of %zu, expected 1 to %d rows of at least 1", y.shape[0],
                        y.shape[1], FSL_MOST_OBSERVATIONS);
  r->spec->y = y;
  r->spec->n_observations = y.shape[0];
  return true;
}

static bool read_observations(fsl_reader *r, const fsl_node *node) {
  static const char *const kinds[] = {"simulated", "fixed", NULL};
  const fsl_spec_key *const section = fsl_spec_key_find(fsl_spec_root.keys, "observations");
  const char *const *const own = fsl_spec_key_names(r->b.ctx->arena, section->keys, NULL);
  const void *settings = NULL;
  int kind = 0;
  r->spec->n_observations = 1;
  if (!need_map(r, node, "observations")) return false;
  const fsl_node *const name = find(r, node, section->keys, "kind");
  if (name == NULL || !fsl_bind_choice(&r->b, name, "kind", kinds, &kind)) return false;
  r->spec->y_is_fixed = kind == 1;
  if (!fsl_bind_kind(&r->b, node, node->place, section->settings[kind], own, &settings)) return false;
  if (kind == 1) return take_y(r, fsl_bind_place(node, "y", node->place), ((const fsl_fixed_settings *)settings)->y);
  r->spec->n_observations = (size_t)((const fsl_simulated_settings *)settings)->count;
  return true;
}

/* ---- diffusion and sampler --------------------------------------------------------------------------------------- */

/* The kind that a section names, with its parameters; else the one of the key's default. */
static bool read_kind(fsl_reader *r, const fsl_node *node, const fsl_heads *heads, const fsl_spec_key *keys,
                      const fsl_kind *const *settings, fsl_entry *out) {
  const char *const *const own = fsl_spec_key_names(r->b.ctx->arena, keys, settings);
  const bool is_map = node->type == FSL_NODE_MAP;
  const fsl_node *const name = is_map ? find(r, node, keys, "kind") : node;
  const char *const what = fsl_spec_key_find(keys, "kind")->kinds;
  const fsl_kind *const kind = name == NULL ? NULL : fsl_heads_find(&r->b, heads, name, what);
  if (kind == NULL) return false;
  *out = (fsl_entry){.name = kind->name, .kind = kind, .line = node->place.line, .column = node->place.column};
  return fsl_bind_kind(&r->b, is_map ? node : NULL, node->place, kind, own, &out->params);
}

static bool read_diffusion(fsl_reader *r, const fsl_node *node) {
  const fsl_spec_key *const section = fsl_spec_key_find(fsl_spec_root.keys, "diffusion");
  fsl_heads heads;
  fsl_heads_of_diffusions(r->catalog, &heads);
  if (!read_kind(r, node, &heads, section->keys, NULL, &r->spec->diffusion)) return false;
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
  const fsl_sampler_settings *const s = settings;
  r->spec->steps = (size_t)s->steps;
  r->spec->particles = (size_t)s->particles;
  r->spec->t_max = s->t_max;
  r->spec->start = s->start == 0 ? FSL_START_NORMAL : FSL_START_EXACT;
  return good;
}

/* A time grid is an entry like those of the grid's axes, without a name. */
static bool read_time_grid(fsl_reader *r, const fsl_node *sampler, const fsl_spec_key *keys) {
  static const fsl_spec_key own[] = {{.name = "kind", .kinds = "time grid"}, {.name = NULL}};
  const fsl_node *const node = find(r, sampler, keys, "time_grid");
  fsl_heads heads;
  fsl_heads_of_time_grids(r->catalog, &heads);
  return node != NULL && read_kind(r, node, &heads, own, NULL, &r->spec->time_grid);
}

static bool read_sampler(fsl_reader *r, const fsl_node *node) {
  const fsl_spec_key *const section = fsl_spec_key_find(fsl_spec_root.keys, "sampler");
  fsl_heads heads;
  fsl_heads_of_samplers(r->catalog, &heads);
  bool good = read_kind(r, node, &heads, section->keys, section->settings, &r->spec->sampler);
  good = read_time_grid(r, node, section->keys) && good;
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

static bool is_given(const fsl_reader *r, const char *key) {
  return fsl_node_find(r->root, key) != NULL;
}

/* Default times that t_max leaves no room for are t_max's fault. */
static bool check_default_times(fsl_reader *r, const double *times) {
  return r->spec->t_max > times[0] ||
         fsl_complain(r->b.d, fsl_bind_place(fsl_node_find(r->root, "sampler"), "t_max", r->root->place),
                      "'t_max' is %.15g, but the default times begin at %.15g: give 'times' below it", r->spec->t_max,
                      times[0]);
}

static bool read_times(fsl_reader *r, const fsl_node *node) {
  fsl_array times;
  bool good = true;
  if (!fsl_bind_vector(&r->b, node, "times", &times)) return false;
  if (times.shape[0] > MOST_TIMES)
    return fsl_complain(r->b.d, node->place, "'times' has more than %d entries", MOST_TIMES);
  r->spec->n_times = times.shape[0];
  r->spec->times = times.data;
  if (!is_given(r, "times")) return check_default_times(r, times.data);
  for (size_t i = 0; i < times.shape[0]; i++) good = check_time(r, node->item[i]->place, times.data, i) && good;
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

static bool read_metrics(fsl_reader *r, const fsl_node *node) {
  const bool all = node->type == FSL_NODE_SCALAR && strcmp(node->text, "default") == 0;
  bool good = true;
  r->spec->metrics = all ? (1u << FSL_N_METRICS) - 1 : 0;
  if (all) return true;
  if (node->type != FSL_NODE_LIST || node->n == 0)
    return fsl_complain(r->b.d, node->place, "'metrics' is %s, expected default or a list of names",
                        node->type == FSL_NODE_LIST ? "an empty list" : fsl_node_describe(r->b.ctx->arena, node));
  for (size_t i = 0; i < node->n; i++) good = add_metric(r, node->item[i]) && good;
  return good;
}

/* ---- output, budget, limits and plain values --------------------------------------------------------------------- */

static bool read_output(fsl_reader *r, const fsl_node *node) {
  const void *settings = NULL;
  if (!need_map(r, node, "output") ||
      !fsl_bind_kind(&r->b, node, node->place, &fsl_spec_settings[FSL_SETTINGS_OUTPUT], NULL, &settings))
    return false;
  r->spec->samples = (fsl_samples_kept)((const fsl_output_settings *)settings)->samples;
  return true;
}

static bool read_budget(fsl_reader *r, const fsl_node *node) {
  const void *settings = NULL;
  r->spec->budget = node->type != FSL_NODE_SCALAR || strcmp(node->text, "none") != 0;
  if (r->spec->budget && node->type != FSL_NODE_MAP)
    return fsl_complain(r->b.d, node->place, "'budget' is %s, expected none or a mapping",
                        fsl_node_describe(r->b.ctx->arena, node));
  if (!fsl_bind_kind(&r->b, node, node->place, &fsl_spec_settings[FSL_SETTINGS_BUDGET], NULL, &settings)) return false;
  const fsl_budget_settings *const s = settings;
  r->spec->budget_replicates = (size_t)s->replicates;
  r->spec->budget_observations = (size_t)s->observations;
  r->spec->budget_refine = (size_t)s->refine;
  return true;
}

static bool read_limits(fsl_reader *r, const fsl_node *node) {
  const void *settings = NULL;
  if (!need_map(r, node, "limits") ||
      !fsl_bind_kind(&r->b, node, node->place, &fsl_spec_settings[FSL_SETTINGS_LIMITS], NULL, &settings))
    return false;
  const fsl_limits_settings *const s = settings;
  r->spec->job_seconds = s->job_seconds;
  r->spec->rank_bytes = s->rank_bytes;
  double *const files = &r->b.ctx->file_bytes;
  if (isfinite(s->rank_bytes) && (*files == 0 || *files > s->rank_bytes)) *files = s->rank_bytes;
  return true;
}

/* What is wrong leaves its default behind here too. */
static bool read_plain_values(fsl_reader *r) {
  const fsl_kind *const table = &fsl_spec_settings[FSL_SETTINGS_SPEC];
  const void *settings = NULL;
  const bool good = fsl_bind_params(&r->b, r->root, r->root->place, table, &settings);
  if (!good && !fsl_bind_params(&r->b, NULL, r->root->place, table, &settings)) return false;
  const fsl_plain_settings *const s = settings;
  r->spec->replicates = (size_t)s->replicates;
  r->spec->evaluation = FSL_POSTERIOR_DEFAULT;
  r->spec->evaluation.single = s->precision == 1;
  r->spec->evaluation.tolerance = s->moment_tree.choice == 0 ? 0 : s->moment_tree.value;
  return good;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

/* In the order in which they build on each other. */
static const struct section {
  const char *key;
  bool (*read)(fsl_reader *r, const fsl_node *node);
} sections[] = {
    {"limits", read_limits}, /* first: files are read within them */
    {"name", read_name},
    {"seed", read_seed},
    {"observations", read_observations},
    {"diffusion", read_diffusion},
    {"sampler", read_sampler},
    {"times", read_times},
    {"metrics", read_metrics},
    {"output", read_output},
    {"budget", read_budget},
    {"grid", fsl_read_grid},
    {"exclude", fsl_read_exclusions},
};

bool fsl_read_sections(fsl_reader *r) {
  const char *const *const names = fsl_spec_key_names(r->b.ctx->arena, fsl_spec_root.keys, fsl_spec_root.settings);
  bool good = fsl_bind_known_keys(&r->b, r->root, NULL, names);
  good = read_plain_values(r) && good;
  for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
    const fsl_node *const node = find(r, r->root, fsl_spec_root.keys, sections[i].key);
    good = node != NULL && sections[i].read(r, node) && good;
  }
  return good;
}
