/* spec/axes.c: the axes of the grid: entries of kinds, noise levels, training-set sizes. */
#include "spec/reader.h"
#include "spec/settings.h"

#include <math.h>
#include <string.h>

enum { MOST_ENTRIES = 1000, LONGEST_NAME = 100 };
static const double most_samples = 0x1p40;

/* ---- lists ------------------------------------------------------------------------------------------------------- */

/* The list under `key`; a single value stands for a list of one. */
static const fsl_node *find_axis(fsl_reader *r, const fsl_node *grid, const char *key, size_t *n) {
  const fsl_node *const node = fsl_node_find(grid, key);
  *n = 0;
  if (node == NULL) {
    fsl_complain(r->b.d, grid->place, "the grid has no '%s', expected a list with at least one entry", key);
    return NULL;
  }
  *n = node->type == FSL_NODE_LIST ? node->n : 1;
  if (*n == 0 || *n > MOST_ENTRIES) {
    fsl_complain(r->b.d, node->place, "'%s' has %zu entries, expected 1 to %d", key, *n, MOST_ENTRIES);
    return NULL;
  }
  return node;
}

static const fsl_node *axis_item(const fsl_node *axis, size_t i) {
  return axis->type == FSL_NODE_LIST ? axis->item[i] : axis;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* "kind(parameter=value, ...)" of the parameters that `map` gives; NULL: of all. */
static const char *name_by_parameters(fsl_reader *r, const fsl_node *map, const fsl_entry *entry) {
  fsl_text text;
  size_t n = 0;
  fsl_text_start(&text, r->b.ctx->arena);
  fsl_text_add(&text, "%s", entry->kind->name);
  for (size_t i = 0; i < entry->kind->n_params; i++) {
    const fsl_param *const param = &entry->kind->params[i];
    const char *value;
    if (map != NULL && fsl_node_find(map, param->name) == NULL) continue;
    if (fsl_param_print(r->b.ctx, param, entry->params, &value) != FSL_OK) return NULL;
    fsl_text_add(&text, "%s%s=%s", n++ == 0 ? "(" : ", ", param->name, value);
  }
  if (n > 0) fsl_text_add(&text, ")");
  return fsl_text_end(&text);
}

/* Larger arrays print by their shape alone: where names made of them coincide, later ones get a number. */
static const char *number_name(fsl_reader *r, const fsl_node *axis, size_t i, const fsl_entry *entries) {
  size_t before = 0;
  if (entries[i].name == NULL) return NULL;
  const char *name = entries[i].name;
  for (size_t j = 0; j < i; j++) {
    if (entries[j].name == NULL || strcmp(entries[j].name, name) != 0) continue;
    if (fsl_node_find(axis_item(axis, j), "name") != NULL || entries[i].params == NULL) return entries[i].name;
    name = fsl_text_format(r->b.ctx->arena, "%s#%zu", entries[i].name, ++before + 1);
    if (name == NULL) return NULL;
  }
  return name;
}

/* A given name is kept; a kind's name is made unique by the parameters where several entries would share it. */
static bool name_entries(fsl_reader *r, const fsl_node *axis, size_t n, fsl_entry *entries) {
  for (size_t i = 0; i < n; i++) {
    if (entries[i].kind == NULL || entries[i].name != NULL) continue;
    size_t same = entries[i].params == NULL; /* an entry with errors goes by its kind */
    for (size_t j = 0; j < n; j++)
      same += entries[j].kind == entries[i].kind && fsl_node_find(axis_item(axis, j), "name") == NULL;
    const bool plain = same == 1 || entries[i].params == NULL;
    entries[i].name = plain ? entries[i].kind->name : name_by_parameters(r, axis_item(axis, i), &entries[i]);
    entries[i].name = number_name(r, axis, i, entries);
    if (entries[i].name == NULL) return fsl_complain(r->b.d, axis->place, "out of memory");
  }
  return true;
}

/* A lone entry goes by its kind's name, which does not say what its parameters are: its label does. */
static bool label_entries(fsl_reader *r, const fsl_node *axis, size_t n, fsl_entry *entries) {
  for (size_t i = 0; i < n; i++) {
    const bool plain = entries[i].params != NULL && fsl_node_find(axis_item(axis, i), "name") == NULL &&
                       strcmp(entries[i].name, entries[i].kind->name) == 0;
    entries[i].label = plain ? name_by_parameters(r, NULL, &entries[i]) : entries[i].name;
    if (plain && entries[i].label == NULL) return fsl_complain(r->b.d, axis->place, "out of memory");
  }
  return true;
}

/* Files by their paths, since nothing of them was read yet; validate.c compares what they hold. */
static bool hash_entry(fsl_reader *r, const fsl_entry *entry, fsl_hash *out) {
  fsl_hasher *const hasher = fsl_hasher_create(r->b.ctx->arena);
  if (hasher == NULL || fsl_kind_hash(r->b.ctx, entry->kind, entry->params, hasher) != FSL_OK) return false;
  for (size_t i = 0; i < entry->kind->n_params; i++) {
    const fsl_param *const param = &entry->kind->params[i];
    const char *text;
    if (!fsl_param_is_outside(param)) continue;
    if (fsl_param_print(r->b.ctx, param, entry->params, &text) != FSL_OK) return false;
    fsl_hash_text(hasher, text);
  }
  *out = fsl_hash_value(hasher);
  return true;
}

static bool check_distinct(fsl_reader *r, const fsl_node *axis, size_t n, const fsl_entry *entries) {
  fsl_hash *const hash = fsl_arena_get(r->b.ctx->arena, n, sizeof *hash);
  bool good = hash != NULL;
  for (size_t i = 0; i < n && hash != NULL; i++) {
    const fsl_place place = axis_item(axis, i)->place;
    if (entries[i].params == NULL) continue;
    if (!hash_entry(r, &entries[i], &hash[i])) return fsl_complain(r->b.d, place, "%s", r->b.ctx->error);
    for (size_t j = 0; j < i; j++) {
      if (entries[j].params == NULL) continue;
      const bool same = fsl_hash_compare(hash[i], hash[j]) == 0;
      const bool namesake = strcmp(entries[i].name, entries[j].name) == 0;
      if (same)
        good = fsl_complain(r->b.d, place, "this entry has the content of the one at %d:%d, expected each once",
                            entries[j].line, entries[j].column);
      else if (namesake)
        good = fsl_complain(r->b.d, place, "the name '%.60s' is taken by the entry at %d:%d", entries[i].name,
                            entries[j].line, entries[j].column);
      if (same || namesake) break;
    }
  }
  return good;
}

/* ---- entries of kinds -------------------------------------------------------------------------------------------- */

/* The name given, if there is one. It becomes a coordinate of the results file. */
static bool read_own_name(fsl_reader *r, const fsl_node *node, const char **out) {
  const fsl_node *const name = fsl_node_find(node, "name");
  if (name == NULL) return true;
  if (!fsl_bind_text(&r->b, name, "name", out)) return false;
  const size_t length = strlen(*out);
  bool good = length > 0 && length <= LONGEST_NAME;
  for (size_t i = 0; good && i < length; i++) good = (unsigned char)(*out)[i] >= ' ' && (*out)[i] != 0x7f;
  return good ||
         fsl_complain(r->b.d, name->place, "'name' is '%.60s', expected 1 to %d printable bytes", *out, LONGEST_NAME);
}

static bool read_entry(fsl_reader *r, const fsl_node *node, const fsl_heads *heads, const char *what, fsl_entry *out) {
  const char *const *const own = fsl_spec_key_names(r->b.ctx->arena, fsl_spec_entry_keys, NULL);
  const bool is_map = node->type == FSL_NODE_MAP;
  const fsl_node *const kind = is_map ? fsl_node_find(node, "kind") : node;
  out->line = node->place.line;
  out->column = node->place.column;
  const bool named = read_own_name(r, node, &out->name);
  if (kind == NULL)
    return fsl_complain_name(r->b.d, node->place, "", heads->n, heads->name, "this %s has no 'kind'", what);
  out->kind = fsl_heads_find(&r->b, heads, kind, what);
  if (out->kind == NULL) return false;
  if (fsl_bind_kind(&r->b, is_map ? node : NULL, node->place, out->kind, own, &out->params)) return named;
  out->params = NULL; /* of an entry with errors nothing is built */
  return false;
}

static bool read_entries(fsl_reader *r, const fsl_node *grid, const char *key, const fsl_heads *heads, const char *what,
                         const fsl_entry **out, size_t *n) {
  const fsl_node *const axis = find_axis(r, grid, key, n);
  if (axis == NULL) return false;
  fsl_entry *const entries = fsl_arena_get(r->b.ctx->arena, *n, sizeof *entries);
  if (entries == NULL) return fsl_complain(r->b.d, axis->place, "out of memory");
  bool good = true;
  for (size_t i = 0; i < *n; i++) good = read_entry(r, axis_item(axis, i), heads, what, &entries[i]) && good;
  *out = entries;
  return name_entries(r, axis, *n, entries) && label_entries(r, axis, *n, entries) &&
         check_distinct(r, axis, *n, entries) && good;
}

/* ---- noise levels ------------------------------------------------------------------------------------------------ */

static bool check_std(fsl_reader *r, fsl_place place, fsl_array std) {
  for (size_t i = 0; i < fsl_array_size(std); i++)
    if (!(std.data[i] > 0) || !isfinite(std.data[i]))
      return fsl_complain(r->b.d, place, "a noise level is %.15g, expected a finite standard deviation above 0",
                          std.data[i]);
  return true;
}

static bool read_std(fsl_reader *r, const fsl_node *node, fsl_array *out) {
  if (node->type == FSL_NODE_LIST) return fsl_bind_vector(&r->b, node, "std", out) && check_std(r, node->place, *out);
  double *const value = fsl_arena_get(r->b.ctx->arena, 1, sizeof *value);
  if (value == NULL) return fsl_complain(r->b.d, node->place, "out of memory");
  if (!fsl_bind_real(&r->b, node, "noise_level", value)) return false;
  *out = (fsl_array){.data = value, .rank = 0};
  return check_std(r, node->place, *out);
}

static double root_mean_square(fsl_array std) {
  double sum = 0;
  const size_t n = fsl_array_size(std);
  if (n == 1) return std.data[0];
  for (size_t i = 0; i < n; i++) sum += std.data[i] * std.data[i];
  return sqrt(sum / (double)n);
}

/* "0.1", or "[0.05, 0.3, 1.5]". */
static const char *name_of_std(fsl_reader *r, fsl_array std) {
  fsl_text text;
  fsl_text_start(&text, r->b.ctx->arena);
  for (size_t i = 0; i < fsl_array_size(std); i++) {
    char number[32];
    fsl_print_real(std.data[i], number);
    fsl_text_add(&text, "%s%s", i > 0 ? ", " : std.rank == 1 ? "[" : "", number);
  }
  if (std.rank == 1) fsl_text_add(&text, "]");
  return fsl_text_end(&text);
}

static bool read_noise_level(fsl_reader *r, const fsl_node *node, fsl_noise_level *out) {
  const char *const *const own = fsl_spec_key_names(r->b.ctx->arena, fsl_spec_noise_keys, NULL);
  const bool is_map = node->type == FSL_NODE_MAP;
  const fsl_node *const std = is_map ? fsl_node_find(node, "std") : node;
  out->line = node->place.line;
  out->column = node->place.column;
  bool good = !is_map || fsl_bind_known_keys(&r->b, node, NULL, own);
  good = read_own_name(r, node, &out->name) && good;
  if (std == NULL)
    return fsl_complain(r->b.d, node->place, "this noise level has no 'std': a number, or one for each measurement");
  if (!read_std(r, std, &out->std)) {
    out->std = (fsl_array){0};
    return false;
  }
  out->level = root_mean_square(out->std);
  if (out->name == NULL) out->name = name_of_std(r, out->std);
  if (out->name == NULL) return fsl_complain(r->b.d, node->place, "out of memory");
  return good;
}

static bool same_std(fsl_array a, fsl_array b) {
  if (a.rank != b.rank || fsl_array_size(a) != fsl_array_size(b)) return false;
  for (size_t i = 0; i < fsl_array_size(a); i++)
    if (a.data[i] != b.data[i]) return false;
  return true;
}

static bool check_noise_once(fsl_reader *r, const fsl_node *node, const fsl_noise_level *levels, size_t i) {
  for (size_t j = 0; j < i && levels[i].std.data != NULL; j++) {
    const fsl_noise_level *const before = &levels[j];
    if (before->std.data == NULL) continue;
    if (same_std(levels[i].std, before->std))
      return fsl_complain(r->b.d, node->place, "this noise level is the one at %d:%d, expected each once", before->line,
                          before->column);
    if (strcmp(levels[i].name, before->name) == 0)
      return fsl_complain(r->b.d, node->place, "the name '%.60s' is taken by the noise level at %d:%d", before->name,
                          before->line, before->column);
  }
  return true;
}

static bool read_noise(fsl_reader *r, const fsl_node *grid) {
  const fsl_node *const axis = find_axis(r, grid, "noise_level", &r->spec->n_noise_levels);
  const size_t n = r->spec->n_noise_levels;
  if (axis == NULL) return false;
  fsl_noise_level *const levels = fsl_arena_get(r->b.ctx->arena, n, sizeof *levels);
  if (levels == NULL) return fsl_complain(r->b.d, axis->place, "out of memory");
  bool good = true;
  for (size_t i = 0; i < n; i++)
    good = read_noise_level(r, axis_item(axis, i), &levels[i]) && check_noise_once(r, axis_item(axis, i), levels, i) &&
           good;
  r->spec->noise_levels = levels;
  return good;
}

/* ---- training-set sizes ------------------------------------------------------------------------------------------ */

static bool read_size(fsl_reader *r, const fsl_node *node, double *out) {
  if (!fsl_bind_real(&r->b, node, "n_train", out)) return false;
  if (*out >= 1 && (isinf(*out) || (*out == floor(*out) && *out <= most_samples))) return true;
  return fsl_complain(r->b.d, node->place, "'n_train' is '%.60s', expected a positive integer or .inf", node->text);
}

static bool read_n_train(fsl_reader *r, const fsl_node *grid) {
  const fsl_node *const axis = find_axis(r, grid, "n_train", &r->spec->n_n_train);
  if (axis == NULL) return false;
  double *const sizes = fsl_arena_get(r->b.ctx->arena, r->spec->n_n_train, sizeof *sizes);
  if (sizes == NULL) return fsl_complain(r->b.d, axis->place, "out of memory");
  bool good = true;
  for (size_t i = 0; i < r->spec->n_n_train; i++) {
    const fsl_node *const node = axis_item(axis, i);
    bool fine = read_size(r, node, &sizes[i]);
    for (size_t j = 0; fine && j < i; j++)
      if (sizes[j] == sizes[i]) fine = fsl_complain(r->b.d, node->place, "'n_train' has %.60s twice", node->text);
    if (!fine) sizes[i] = NAN;
    good = fine && good;
  }
  r->spec->n_train = sizes;
  return good;
}

bool fsl_read_grid(fsl_reader *r, const fsl_node *grid) {
  const char *const *const axes = fsl_spec_key_names(r->b.ctx->arena, fsl_spec_axes, NULL);
  fsl_spec *const s = r->spec;
  fsl_heads heads;
  if (grid->type != FSL_NODE_MAP)
    return fsl_complain(r->b.d, grid->place, "'grid' is %s, expected a mapping of axes",
                        fsl_node_describe(r->b.ctx->arena, grid));
  bool good = fsl_bind_known_keys(&r->b, grid, NULL, axes);
  fsl_heads_of_priors(r->catalog, &heads);
  good = read_entries(r, grid, "prior", &heads, "prior", &s->priors, &s->n_priors) && good;
  fsl_heads_of_forward_models(r->catalog, &heads);
  good =
      read_entries(r, grid, "forward_model", &heads, "forward model", &s->forward_models, &s->n_forward_models) && good;
  good = read_noise(r, grid) && good;
  fsl_heads_of_approximations(r->catalog, &heads);
  good =
      read_entries(r, grid, "approximation", &heads, "approximation", &s->approximations, &s->n_approximations) && good;
  return read_n_train(r, grid) && good;
}
