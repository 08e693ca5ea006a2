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

/* map[key] as an integer in a range, or what is there already. */
static bool read_count(fsl_reader *r, const fsl_node *map, const char *key, double low, double high, size_t *out) {
  const fsl_node *const node = fsl_node_find(map, key);
  int64_t value = 0;
  if (node == NULL) return true;
  if (!fsl_bind_integer(&r->b, node, key, low, high, &value)) return false;
  *out = (size_t)value;
  return true;
}

/* ---- name and seed ---------------------------------------------------------------------------------------- */

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

/* ---- observations
 * ----------------------------------------------------------------------------------------------------- */

static bool read_observations(fsl_reader *r) {
  static const char *const kinds[] = {"simulated", "fixed", NULL}, *const simulated[] = {"kind", "count", NULL},
                           *const fixed[] = {"kind", "y", NULL};
  const fsl_node *const node = fsl_node_find(r->root, "observations");
  int kind = 0;
  r->spec->n_observations = 1;
  if (node == NULL) return true;
  if (!need_map(r, node, "observations")) return false;
  const fsl_node *const name = fsl_node_find(node, "kind");
  if (name != NULL && !fsl_bind_choice(&r->b, name, "kind", kinds, &kind)) return false;
  r->spec->y_is_fixed = kind == 1;
  if (!fsl_bind_known_keys(&r->b, node, NULL, kind == 1 ? fixed : simulated)) return false;
  if (kind == 0) return read_count(r, node, "count", 1, MOST_OBSERVATIONS, &r->spec->n_observations);
  const fsl_node *const y = fsl_node_find(node, "y");
  if (y == NULL)
    return fsl_complain(r->b.d, node->place, "fixed observations need 'y': a list of measurements, such as [[-1.8]]");
  if (!fsl_bind_matrix_or_file(&r->b, y, "y", &r->spec->y)) return false;
  if (r->spec->y.shape[0] == 0 || r->spec->y.shape[0] > MOST_OBSERVATIONS || r->spec->y.shape[1] == 0)
    return fsl_complain(r->b.d, y->place, "'y' has %zu rows of %zu, expected 1 to %d rows of at least 1",
                        r->spec->y.shape[0], r->spec->y.shape[1], MOST_OBSERVATIONS);
  r->spec->n_observations = r->spec->y.shape[0];
  return true;
}

/* ---- diffusion and sampler
 * ------------------------------------------------------------------------------------------------ */

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

static bool read_t_max(fsl_reader *r, const fsl_node *map) {
  const fsl_node *const node = fsl_node_find(map, "t_max");
  if (node == NULL) return true;
  if (!fsl_bind_real(&r->b, node, "t_max", &r->spec->t_max)) {
    r->spec->t_max = 1;
    return false;
  }
  const double t_max = r->spec->t_max;
  if (t_max > 0 && t_max <= 1) return true;
  r->spec->t_max = 1; /* one error is enough: times are checked against the largest */
  return fsl_complain(r->b.d, node->place, "'t_max' is %.15g, expected above 0 and at most 1", t_max);
}

static bool read_start(fsl_reader *r, const fsl_node *map) {
  static const char *const starts[] = {"normal", "exact", NULL};
  const fsl_node *const node = fsl_node_find(map, "start");
  int start = FSL_START_NORMAL;
  if (node != NULL && !fsl_bind_choice(&r->b, node, "start", starts, &start)) return false;
  r->spec->start = start == 0 ? FSL_START_NORMAL : FSL_START_EXACT;
  return true;
}

static bool read_sampler(fsl_reader *r) {
  static const char *const own[] = {"kind", "steps", "time_grid", "particles", "t_max", "start", NULL},
                           *const grid_own[] = {"kind", NULL};
  const fsl_node *const node = fsl_node_find(r->root, "sampler");
  fsl_heads samplers, grids;
  fsl_heads_of_samplers(r->catalog, &samplers);
  fsl_heads_of_time_grids(r->catalog, &grids);
  r->spec->steps = 500;
  r->spec->particles = 2048;
  r->spec->t_max = 1;
  bool good = read_kind(r, node, &samplers, "sampler", "euler-maruyama", own, &r->spec->sampler);
  const fsl_node *const grid = fsl_node_find(node, "time_grid");
  good = read_kind(r, grid, &grids, "time grid", "uniform", grid_own, &r->spec->time_grid) && good;
  if (node == NULL || node->type != FSL_NODE_MAP) return good;
  good = read_count(r, node, "steps", 1, 1e7, &r->spec->steps) && good;
  good = read_count(r, node, "particles", 2, 1e8, &r->spec->particles) && good;
  good = read_t_max(r, node) && good;
  return read_start(r, node) && good;
}

/* ---- times and metrics
 * ------------------------------------------------------------------------------------------------------- */

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

/* ---- output and budget
 * ---------------------------------------------------------------------------------------------------------- */

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
  static const char *const own[] = {"replicates", "observations", "refine", NULL};
  const fsl_node *const node = fsl_node_find(r->root, "budget");
  r->spec->budget = true;
  r->spec->budget_replicates = r->spec->budget_observations = 1;
  r->spec->budget_refine = 8;
  if (node == NULL) return true;
  if (node->type == FSL_NODE_SCALAR && strcmp(node->text, "none") == 0) {
    r->spec->budget = false;
    return true;
  }
  if (node->type != FSL_NODE_MAP)
    return fsl_complain(r->b.d, node->place, "'budget' is %s, expected none or a mapping",
                        fsl_node_describe(r->b.ctx->arena, node));
  bool good = fsl_bind_known_keys(&r->b, node, NULL, own);
  good = read_count(r, node, "replicates", 1, 1e6, &r->spec->budget_replicates) && good;
  good = read_count(r, node, "observations", 1, 1e6, &r->spec->budget_observations) && good;
  return read_count(r, node, "refine", 2, 1000, &r->spec->budget_refine) && good;
}

bool fsl_read_sections(fsl_reader *r) {
  bool good = read_name(r);
  good = read_seed(r) && good;
  r->spec->replicates = 1;
  good = read_count(r, r->root, "replicates", 1, 1e6, &r->spec->replicates) && good;
  good = read_observations(r) && good;
  good = read_diffusion(r) && good;
  good = read_sampler(r) && good;
  good = read_times(r) && good;
  good = read_metrics(r) && good;
  good = read_output(r) && good;
  return read_budget(r) && good;
}
