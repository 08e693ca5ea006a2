/* spec/bind.c: parameter tables applied to mappings (see bind.h). */
#include "spec/bind.h"

#include "spec/values.h"

#include <math.h>
#include <string.h>

enum { MOST_SYMBOLS = 8, MOST_KEYS = 64 };

fsl_place fsl_bind_place(const fsl_node *map, const char *name, fsl_place otherwise) {
  if (map == NULL || map->type != FSL_NODE_MAP || name == NULL) return otherwise;
  const fsl_node *const value = fsl_node_find(map, name);
  return value == NULL ? otherwise : value->place;
}

/* ---- known keys -------------------------------------------------------------------------------------------------- */

bool fsl_bind_known_keys(fsl_binder *b, const fsl_node *map, const fsl_kind *kind, const char *const *others) {
  const char *names[MOST_KEYS];
  size_t n = 0;
  bool good = true;
  for (size_t i = 0; kind != NULL && i < kind->n_params && n < MOST_KEYS; i++) names[n++] = kind->params[i].name;
  for (size_t i = 0; others != NULL && others[i] != NULL && n < MOST_KEYS; i++) names[n++] = others[i];
  for (size_t i = 0; i < map->n; i++) {
    const fsl_node *const key = map->key[i];
    bool known = false;
    for (size_t j = 0; j < n; j++) known = known || strcmp(names[j], key->text) == 0;
    if (known) continue;
    if (kind != NULL)
      good =
          fsl_complain_name(b->d, key->place, key->text, n, names, "'%s' has no parameter '%s'", kind->name, key->text);
    else
      good = fsl_complain_name(b->d, key->place, key->text, n, names, "unknown key '%s'", key->text);
  }
  return good;
}

/* ---- shapes: symbols such as "K,d" stand for the same number everywhere in an entry ------------------------------ */

typedef struct symbol {
  char name;
  size_t size;
  const char *where; /* the parameter that fixed it */
} symbol;

typedef struct symbols {
  size_t n;
  symbol known[MOST_SYMBOLS];
} symbols;

static bool unify(fsl_binder *b, fsl_place place, const fsl_param *param, char name, size_t size, symbols *s) {
  for (size_t i = 0; i < s->n; i++) {
    if (s->known[i].name != name) continue;
    if (s->known[i].size == size) return true;
    return fsl_complain(b->d, place, "'%s' has size %zu where '%s' has %zu (both are %c)", param->name, size,
                        s->known[i].where, s->known[i].size, name);
  }
  if (s->n < MOST_SYMBOLS) s->known[s->n++] = (symbol){name, size, param->name};
  return true;
}

static bool unify_array(fsl_binder *b, fsl_place place, const fsl_param *param, fsl_array array, symbols *s) {
  const char *at = param->shape;
  for (size_t axis = 0; axis < array.rank && at != NULL && *at != '\0'; axis++) {
    if (!unify(b, place, param, *at, array.shape[axis], s)) return false;
    at = strchr(at, ',');
    if (at != NULL) at++;
  }
  return true;
}

/* A single covariance stands for all components, and a number fits any dimension. */
static bool unify_covariances(fsl_binder *b, fsl_place place, const fsl_param *param, fsl_covariance_list list,
                              symbols *s) {
  bool good = list.n == 1 || unify(b, place, param, param->shape[0], list.n, s);
  const char *const comma = strchr(param->shape, ',');
  for (size_t i = 0; comma != NULL && good && i < list.n; i++)
    for (size_t axis = 0; good && axis < list.data[i].value.rank; axis++)
      good = unify(b, place, param, comma[1], list.data[i].value.shape[axis], s);
  return good;
}

static bool unify_param(fsl_binder *b, fsl_place place, const fsl_param *param, const void *field, symbols *s) {
  if (param->shape == NULL) return true;
  switch (param->type) {
  case FSL_VECTOR:
  case FSL_MATRIX:
    return unify_array(b, place, param, *(const fsl_array *)field, s);
  case FSL_COVARIANCE: {
    const fsl_array value = ((const fsl_covariance_value *)field)->value;
    bool good = true;
    for (size_t axis = 0; good && axis < value.rank; axis++)
      good = unify(b, place, param, param->shape[0], value.shape[axis], s);
    return good;
  }
  case FSL_COVARIANCES:
    return unify_covariances(b, place, param, *(const fsl_covariance_list *)field, s);
  default:
    return true;
  }
}

/* ---- one parameter ----------------------------------------------------------------------------------------------- */

/* A default is YAML text and goes through the same code as the spec's own. */
static bool bind_preset(fsl_binder *b, const fsl_param *param, void *field) {
  const fsl_node *const node = fsl_node_parse(b->ctx, b->d, "default", param->preset, strlen(param->preset));
  return node != NULL && fsl_bind_value(b, node, param, field);
}

static void set_absent(const fsl_param *param, void *field) {
  if (param->type == FSL_REAL) *(double *)field = NAN;
  if (param->type == FSL_INTEGER) *(int64_t *)field = INT64_MIN;
}

static bool bind_param(fsl_binder *b, const fsl_node *map, fsl_place place, const fsl_kind *kind,
                       const fsl_param *param, void *params, symbols *s) {
  void *const field = (char *)params + param->offset;
  const fsl_node *const node = fsl_node_find(map, param->name);
  if (node != NULL) return fsl_bind_value(b, node, param, field) && unify_param(b, node->place, param, field, s);
  if (param->preset != NULL) return bind_preset(b, param, field) && unify_param(b, place, param, field, s);
  if (param->optional) {
    set_absent(param, field);
    return true;
  }
  return fsl_complain(b->d, place, "'%s' needs '%s' (%s), expected %s", kind->name, param->name, param->help,
                      fsl_type_name(param->type));
}

/* ---- a whole kind ------------------------------------------------------------------------------------------------ */

static bool run_check(fsl_binder *b, const fsl_node *map, fsl_place place, const fsl_kind *kind, const void *params) {
  const char *bad = NULL;
  if (kind->check == NULL || kind->check(b->ctx, params, &bad) == FSL_OK) return true;
  return fsl_complain(b->d, fsl_bind_place(map, bad, place), "%s%s%s: %s", kind->name, bad == NULL ? "" : ", ",
                      bad == NULL ? "" : bad, b->ctx->error);
}

bool fsl_bind_params(fsl_binder *b, const fsl_node *map, fsl_place place, const fsl_kind *kind, const void **out) {
  symbols s = {0};
  void *const params = fsl_arena_get(b->ctx->arena, 1, kind->params_size + 1);
  *out = params;
  if (params == NULL) return fsl_complain(b->d, place, "out of memory");
  bool good = true;
  for (size_t i = 0; i < kind->n_params; i++)
    good = bind_param(b, map, place, kind, &kind->params[i], params, &s) && good;
  return good && run_check(b, map, place, kind, params);
}

bool fsl_bind_kind(fsl_binder *b, const fsl_node *map, fsl_place place, const fsl_kind *kind, const char *const *others,
                   const void **out) {
  const bool known = map == NULL || map->type != FSL_NODE_MAP || fsl_bind_known_keys(b, map, kind, others);
  return fsl_bind_params(b, map, place, kind, out) && known;
}
