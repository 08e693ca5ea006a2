/* spec/exclusions.c: combinations that are left out of the grid. */
#include "spec/reader.h"
#include "spec/settings.h"

#include <math.h>
#include <string.h>

/* What an axis offers by name; numbers where it has them. */
typedef struct axis {
  const char *key;
  size_t n;
  const char **name, **kind; /* a value that is no entry's name may name a kind: all its entries; NULL: none */
  const double *number;      /* NULL: names only */
  bool complete;             /* false: an entry had errors, so that a name may be missing */
} axis;

static bool is_named(const axis *a, size_t i, const fsl_node *value) {
  double number;
  if (a->name[i] == NULL) return false;
  if (strcmp(a->name[i], value->text) == 0) return true;
  return a->number != NULL && !value->quoted && fsl_parse_real(value->text, &number) && number == a->number[i];
}

static bool mark(fsl_reader *r, const axis *a, const fsl_node *value, bool *mask) {
  bool found = false;
  if (value->type != FSL_NODE_SCALAR)
    return fsl_complain(r->b.d, value->place, "'%s' is %s, expected a name or a list of names", a->key,
                        fsl_node_describe(r->b.ctx->arena, value));
  for (size_t i = 0; i < a->n; i++)
    if (is_named(a, i, value)) mask[i] = found = true;
  const bool by_kind = !found && a->kind != NULL;
  for (size_t i = 0; by_kind && i < a->n; i++)
    if (a->kind[i] != NULL && strcmp(a->kind[i], value->text) == 0) mask[i] = found = true;
  if (found || !a->complete) return found;
  return fsl_complain_name(r->b.d, value->place, value->text, a->n, a->name, "the grid's %s has no entry '%.60s'",
                           a->key, value->text);
}

static bool read_mask(fsl_reader *r, const axis *a, const fsl_node *map, const bool **out) {
  const fsl_node *const node = fsl_node_find(map, a->key);
  if (node == NULL) return true;
  bool *const mask = fsl_arena_get(r->b.ctx->arena, a->n, sizeof *mask);
  if (mask == NULL) return fsl_complain(r->b.d, node->place, "out of memory");
  bool good = true;
  if (node->type != FSL_NODE_LIST)
    good = mark(r, a, node, mask);
  else
    for (size_t i = 0; i < node->n; i++) good = mark(r, a, node->item[i], mask) && good;
  *out = mask;
  return good;
}

static bool names_of_entries(fsl_reader *r, const char *key, size_t n, const fsl_entry *entries, axis *out) {
  *out = (axis){.key = key,
                .n = n,
                .name = fsl_arena_get(r->b.ctx->arena, n, sizeof(char *)),
                .kind = fsl_arena_get(r->b.ctx->arena, n, sizeof(char *)),
                .complete = entries != NULL};
  if (out->name == NULL || out->kind == NULL) return false;
  for (size_t i = 0; i < n && entries != NULL; i++) {
    if (entries[i].kind == NULL || entries[i].name == NULL) {
      out->complete = false;
      continue;
    }
    out->name[i] = entries[i].name;
    out->kind[i] = entries[i].kind->name;
  }
  return true;
}

static bool names_of_numbers(fsl_reader *r, const char *key, size_t n, const char *const *names, const double *numbers,
                             axis *out) {
  *out = (axis){.key = key,
                .n = n,
                .name = fsl_arena_get(r->b.ctx->arena, n, sizeof(char *)),
                .number = numbers,
                .complete = numbers != NULL};
  if (out->name == NULL) return false;
  for (size_t i = 0; i < n && numbers != NULL; i++) {
    if (isnan(numbers[i]) || (names != NULL && names[i] == NULL)) out->complete = false;
    if (names != NULL && names[i] == NULL) continue;
    char text[32];
    fsl_print_real(numbers[i], text);
    out->name[i] = names != NULL ? names[i] : fsl_text_copy(r->b.ctx->arena, strcmp(text, "inf") == 0 ? ".inf" : text);
    if (out->name[i] == NULL) return false;
  }
  return true;
}

static bool names_of_noise(fsl_reader *r, axis *out) {
  const size_t n = r->spec->n_noise_levels;
  const char **const names = fsl_arena_get(r->b.ctx->arena, n, sizeof(char *));
  double *const levels = fsl_arena_get(r->b.ctx->arena, n, sizeof *levels);
  if (names == NULL || levels == NULL) return false;
  for (size_t i = 0; i < n && r->spec->noise_levels != NULL; i++) {
    names[i] = r->spec->noise_levels[i].name;
    levels[i] = r->spec->noise_levels[i].level;
  }
  return names_of_numbers(r, "noise_level", n, names, r->spec->noise_levels == NULL ? NULL : levels, out);
}

static bool read_one(fsl_reader *r, const axis *axes, const fsl_node *map, fsl_exclusion *out) {
  const char *const *const keys = fsl_spec_key_names(r->b.ctx->arena, fsl_spec_exclusion_keys, NULL);
  if (map->type != FSL_NODE_MAP || map->n == 0)
    return fsl_complain(r->b.d, map->place, "an exclusion is %s, expected a mapping of axes to entries",
                        map->type == FSL_NODE_MAP ? "empty" : fsl_node_describe(r->b.ctx->arena, map));
  bool good = fsl_bind_known_keys(&r->b, map, NULL, keys);
  good = read_mask(r, &axes[0], map, &out->prior) && good;
  good = read_mask(r, &axes[1], map, &out->forward_model) && good;
  good = read_mask(r, &axes[2], map, &out->noise_level) && good;
  good = read_mask(r, &axes[3], map, &out->approximation) && good;
  return read_mask(r, &axes[4], map, &out->n_train) && good;
}

bool fsl_read_exclusions(fsl_reader *r, const fsl_node *node) {
  const fsl_spec *const s = r->spec;
  axis axes[5];
  if (node->type != FSL_NODE_LIST)
    return fsl_complain(r->b.d, node->place, "'exclude' is %s, expected a list of mappings",
                        fsl_node_describe(r->b.ctx->arena, node));
  fsl_exclusion *const exclusions = fsl_arena_get(r->b.ctx->arena, node->n + 1, sizeof *exclusions);
  if (exclusions == NULL || !names_of_entries(r, "prior", s->n_priors, s->priors, &axes[0]) ||
      !names_of_entries(r, "forward_model", s->n_forward_models, s->forward_models, &axes[1]) ||
      !names_of_noise(r, &axes[2]) ||
      !names_of_entries(r, "approximation", s->n_approximations, s->approximations, &axes[3]) ||
      !names_of_numbers(r, "n_train", s->n_n_train, NULL, s->n_train, &axes[4]))
    return fsl_complain(r->b.d, node->place, "out of memory");
  bool good = true;
  for (size_t i = 0; i < node->n; i++) good = read_one(r, axes, node->item[i], &exclusions[i]) && good;
  r->spec->exclusions = exclusions;
  r->spec->n_exclusions = node->n;
  return good;
}
