/* spec/override.c: "--set a.b.c=YAML" changes the tree before it is validated: the same checks follow. */
#include "spec/reader.h"

#include <string.h>

enum { LONGEST_PATH = 256 };

static const fsl_place nowhere = {"--set", 1, 1};

/* The item of a list by its number, or the value of a map by its key; NULL when it is not there. */
static fsl_node **find_slot(fsl_node *node, const char *key) {
  int64_t number;
  if (node->type == FSL_NODE_LIST && fsl_parse_integer(key, &number) && number >= 0 && (size_t)number < node->n)
    return &node->item[number];
  for (size_t i = 0; node->type == FSL_NODE_MAP && i < node->n; i++)
    if (strcmp(node->key[i]->text, key) == 0) return &node->item[i];
  return NULL;
}

static fsl_node *new_key(fsl_arena *arena, const char *text) {
  fsl_node *const key = fsl_arena_get(arena, 1, sizeof *key);
  if (key == NULL) return NULL;
  *key = (fsl_node){.type = FSL_NODE_SCALAR, .place = nowhere, .text = fsl_text_copy(arena, text)};
  return key->text == NULL ? NULL : key;
}

/* A section that is not there yet is made. */
static fsl_node *descend(fsl_binder *b, fsl_node *node, const char *key) {
  fsl_node **const slot = find_slot(node, key);
  if (slot != NULL) return *slot;
  if (node->type != FSL_NODE_MAP) return NULL;
  fsl_node *const name = new_key(b->ctx->arena, key), *const map = fsl_arena_get(b->ctx->arena, 1, sizeof *map);
  if (name == NULL || map == NULL) return NULL;
  *map = (fsl_node){.type = FSL_NODE_MAP, .place = nowhere};
  return fsl_node_set(b->ctx->arena, node, name, map) ? map : NULL;
}

static bool place_value(fsl_binder *b, fsl_node *node, const char *key, fsl_node *value) {
  fsl_node **const slot = find_slot(node, key);
  if (slot != NULL) {
    *slot = value;
    return true;
  }
  if (node->type != FSL_NODE_MAP) return false;
  fsl_node *const name = new_key(b->ctx->arena, key);
  return name != NULL && fsl_node_set(b->ctx->arena, node, name, value);
}

bool fsl_override(fsl_binder *b, fsl_node *root, const char *text) {
  char path[LONGEST_PATH], *rest = NULL;
  const char *const equals = strchr(text, '=');
  if (equals == NULL || equals == text || (size_t)(equals - text) >= sizeof path)
    return fsl_complain(b->d, nowhere, "'%.60s': expected KEY=VALUE, such as grid.n_train=[64,256]", text);
  memcpy(path, text, (size_t)(equals - text));
  path[equals - text] = '\0';
  fsl_node *const value = fsl_node_parse(b->ctx, b->d, "--set", equals + 1, strlen(equals + 1));
  if (value == NULL) return false;
  fsl_node *node = root;
  const char *key = strtok_r(path, ".", &rest);
  for (const char *next; key != NULL && node != NULL && (next = strtok_r(NULL, ".", &rest)) != NULL; key = next)
    node = descend(b, node, key);
  if (key != NULL && node != NULL && place_value(b, node, key, value)) return true;
  return fsl_complain(b->d, nowhere, "'%.60s' leads nowhere: lists take the number of an item, from 0", text);
}
