/* spec/override.c: "--set a.b.c=YAML" changes the tree before it is validated: the same checks follow. */
#include "spec/reader.h"

#include <string.h>

enum { LONGEST_PATH = 256 };

typedef struct override {
  fsl_binder *b;
  const char *text;
  int number; /* on the command line, from 1: the line of its places */
} override;

static fsl_place place_of(const override *o, const char *at) {
  return (fsl_place){"--set", o->number, (int)(at - o->text) + 1};
}

static bool out_of_memory(const override *o) {
  return fsl_complain(o->b->d, place_of(o, o->text), "out of memory");
}

/* ---- the value: parsed behind as many lines and columns as stand before it, so that its places are right --------- */

static fsl_node *parse_value(const override *o, const char *value) {
  const size_t lines = (size_t)o->number - 1, columns = (size_t)(value - o->text), length = strlen(value);
  if (value[strspn(value, " \t")] == '\0') {
    fsl_complain(o->b->d, place_of(o, value), "'%.60s' has no value, expected KEY=VALUE", o->text);
    return NULL;
  }
  char *const padded = fsl_arena_get(o->b->ctx->arena, lines + columns + length + 1, 1);
  if (padded == NULL) {
    out_of_memory(o);
    return NULL;
  }
  memset(padded, '\n', lines);
  memset(padded + lines, ' ', columns);
  memcpy(padded + lines + columns, value, length);
  return fsl_node_parse(o->b->ctx, o->b->d, "--set", padded, lines + columns + length);
}

/* ---- the path ---------------------------------------------------------------------------------------------------- */

/* The item of a list by its number, or the value of a map by its key; NULL when it is not there. */
static fsl_node **find_slot(fsl_node *node, const char *key) {
  int64_t number;
  if (node->type == FSL_NODE_LIST && fsl_parse_integer(key, &number) && number >= 0 && (size_t)number < node->n)
    return &node->item[number];
  for (size_t i = 0; node->type == FSL_NODE_MAP && i < node->n; i++)
    if (strcmp(node->key[i]->text, key) == 0) return &node->item[i];
  return NULL;
}

static fsl_node *new_node(const override *o, fsl_node_type type, const char *at, const char *text) {
  fsl_node *const node = fsl_arena_get(o->b->ctx->arena, 1, sizeof *node);
  if (node != NULL) *node = (fsl_node){.type = type, .place = place_of(o, at), .text = text};
  return node;
}

static bool complain_of_step(const override *o, const fsl_node *node, const char *key, const char *at) {
  if (node->type == FSL_NODE_LIST && node->n == 0)
    return fsl_complain(o->b->d, place_of(o, at), "'%.60s' is no item of an empty list", key);
  if (node->type == FSL_NODE_LIST)
    return fsl_complain(o->b->d, place_of(o, at), "'%.60s' is no item of the list, expected 0 to %zu", key,
                        node->n - 1);
  return fsl_complain(o->b->d, place_of(o, at), "there is %s, which holds no '%.60s': set the whole value",
                      fsl_node_describe(o->b->ctx->arena, node), key);
}

/* Puts `value` under the key; a key that is not there yet is made. */
static bool put(const override *o, fsl_node *node, const char *key, const char *at, fsl_node *value) {
  fsl_node **const slot = find_slot(node, key);
  if (slot != NULL) *slot = value;
  if (slot != NULL) return true;
  if (node->type != FSL_NODE_MAP) return complain_of_step(o, node, key, at);
  fsl_node *const name = new_node(o, FSL_NODE_SCALAR, at, key);
  return (name != NULL && fsl_node_set(o->b->ctx->arena, node, name, value)) || out_of_memory(o);
}

/* The node under the key; a section that is not there yet is made, empty. */
static fsl_node *descend(const override *o, fsl_node *node, const char *key, const char *at) {
  fsl_node **const slot = find_slot(node, key);
  if (slot != NULL) return *slot;
  fsl_node *const map = new_node(o, FSL_NODE_MAP, at, NULL);
  if (map == NULL) out_of_memory(o);
  return map != NULL && put(o, node, key, at, map) ? map : NULL;
}

bool fsl_override(fsl_binder *b, fsl_node *root, int number, const char *text) {
  const override o = {b, text, number};
  const char *const equals = strchr(text, '='), *at = text;
  if (equals == NULL || equals == text || (size_t)(equals - text) > LONGEST_PATH || strchr(text, '\n') != NULL)
    return fsl_complain(b->d, place_of(&o, text), "'%.60s', expected KEY=VALUE on one line, such as %s", text,
                        "grid.n_train=[64,256]");
  fsl_node *const value = parse_value(&o, equals + 1);
  if (value == NULL) return false;
  for (fsl_node *node = root; node != NULL;) {
    const size_t length = strcspn(at, ".=");
    const char *const key = fsl_text_format(b->ctx->arena, "%.*s", (int)length, at);
    if (key == NULL) return out_of_memory(&o);
    if (length == 0) return fsl_complain(b->d, place_of(&o, at), "'%.60s' has an empty part in its key", text);
    if (at[length] == '=') return put(&o, node, key, at, value);
    node = descend(&o, node, key, at);
    at += length + 1;
  }
  return false;
}
