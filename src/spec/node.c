/* spec/node.c: libyaml's events become a tree (see node.h). */
#include "spec/node.h"

#include <yaml.h>

#include <string.h>

enum { MOST_BYTES = 4 << 20, MOST_DEPTH = 64, MOST_NODES = 1000000, MOST_KEYS = 1000 };

typedef struct loader {
  fsl_ctx *ctx;
  fsl_diagnostics *d;
  const char *file;
  const char *text;
  size_t length;
  yaml_parser_t parser;
  size_t n_nodes;
  bool failed; /* the events cannot be followed any further */
} loader;

static fsl_place place_of(const loader *l, yaml_mark_t mark) {
  return (fsl_place){l->file, (int)mark.line + 1, (int)mark.column + 1};
}

static bool give_up(loader *l, fsl_place place, const char *what) {
  l->failed = true;
  return fsl_complain(l->d, place, "%s", what);
}

/* Bytes that are no text have an offset only. */
static fsl_place place_of_byte(const loader *l, size_t offset) {
  fsl_place place = {l->file, 1, 1};
  for (size_t i = 0; i < offset && i < l->length; i++) {
    place.column = l->text[i] == '\n' ? 1 : place.column + 1;
    place.line += l->text[i] == '\n';
  }
  return place;
}

/* What the end of the text leaves open has its place where it was opened. */
static bool is_behind_text(const loader *l, yaml_mark_t mark) {
  size_t lines = 0;
  for (size_t i = 0; i < l->length; i++) lines += l->text[i] == '\n';
  const bool ended = l->length > 0 && l->text[l->length - 1] == '\n';
  return mark.line > lines || (ended && mark.line == lines);
}

/* Whether the indentation of a line (from 0) has a tab, which YAML does not take there. */
static bool has_tab(const loader *l, size_t line) {
  size_t at = 0;
  for (; at < l->length && line > 0; at++) line -= l->text[at] == '\n';
  while (at < l->length && l->text[at] == ' ') at++;
  return at < l->length && l->text[at] == '\t';
}

static bool complain_of_syntax(const loader *l) {
  const yaml_parser_t *const p = &l->parser;
  const char *const problem = p->problem == NULL ? "unreadable" : p->problem;
  if (p->error == YAML_MEMORY_ERROR) return fsl_complain(l->d, (fsl_place){l->file, 1, 1}, "out of memory");
  if (p->error == YAML_READER_ERROR)
    return fsl_complain(l->d, place_of_byte(l, p->problem_offset), "not valid YAML: %s", problem);
  if (has_tab(l, p->problem_mark.line))
    return fsl_complain(l->d, (fsl_place){l->file, (int)p->problem_mark.line + 1, 1},
                        "not valid YAML: the line is indented with a tab: write spaces");
  if (p->context == NULL) return fsl_complain(l->d, place_of(l, p->problem_mark), "not valid YAML: %s", problem);
  const fsl_place begin = place_of(l, p->context_mark);
  return fsl_complain(l->d, is_behind_text(l, p->problem_mark) ? begin : place_of(l, p->problem_mark),
                      "not valid YAML: %s %s that begins at %d:%d", problem, p->context, begin.line, begin.column);
}

static bool next_event(loader *l, yaml_event_t *event) {
  if (l->failed) return false;
  if (yaml_parser_parse(&l->parser, event)) return true;
  l->failed = true;
  return complain_of_syntax(l);
}

static fsl_node *new_node(loader *l, fsl_node_type type, yaml_mark_t mark) {
  const fsl_place place = place_of(l, mark);
  if (++l->n_nodes > MOST_NODES) {
    give_up(l, place, "the spec has more than 1000000 values");
    return NULL;
  }
  fsl_node *const node = fsl_arena_get(l->ctx->arena, 1, sizeof *node);
  if (node == NULL) {
    give_up(l, place, "out of memory");
    return NULL;
  }
  node->type = type;
  node->place = place;
  return node;
}

static fsl_node *parse_node(loader *l, const yaml_event_t *event, int depth);

/* ---- children: arrays that double -------------------------------------------------------------------------------- */

static bool grow(fsl_arena *arena, size_t n, fsl_node ***list) {
  if (n != 0 && (n < 4 || (n & (n - 1)) != 0)) return true;
  fsl_node **const larger = fsl_arena_get(arena, n == 0 ? 4 : 2 * n, sizeof(fsl_node *));
  if (larger == NULL) return false;
  if (n > 0) memcpy(larger, *list, n * sizeof(fsl_node *));
  *list = larger;
  return true;
}

static fsl_node *parse_list(loader *l, yaml_mark_t mark, int depth) {
  fsl_node *const list = new_node(l, FSL_NODE_LIST, mark);
  yaml_event_t event;
  while (list != NULL && next_event(l, &event)) {
    const bool ended = event.type == YAML_SEQUENCE_END_EVENT;
    fsl_node *const item = ended ? NULL : parse_node(l, &event, depth);
    yaml_event_delete(&event);
    if (ended) return list;
    if (item == NULL || (!fsl_node_append(l->ctx->arena, list, item) && !give_up(l, item->place, "out of memory")))
      return NULL;
  }
  return NULL;
}

static fsl_node *parse_key(loader *l, const yaml_event_t *event, int depth) {
  fsl_node *const key = parse_node(l, event, depth);
  if (key != NULL && key->type != FSL_NODE_SCALAR) {
    give_up(l, key->place, "a key must be a name, not a list or a mapping");
    return NULL;
  }
  return key;
}

/* A second use of a key is reported and its value is left out: the first rules. */
static bool add_pair(loader *l, fsl_node *map, fsl_node *key, fsl_node *value) {
  if (fsl_node_find(map, key->text) != NULL) {
    fsl_complain(l->d, key->place, "the key '%s' is there already: each key once", key->text);
    return true;
  }
  if (map->n == MOST_KEYS) return give_up(l, key->place, "a mapping has more than 1000 keys");
  return fsl_node_set(l->ctx->arena, map, key, value) || give_up(l, key->place, "out of memory");
}

static fsl_node *parse_map(loader *l, yaml_mark_t mark, int depth) {
  fsl_node *const map = new_node(l, FSL_NODE_MAP, mark);
  yaml_event_t event;
  while (map != NULL && next_event(l, &event)) {
    const bool ended = event.type == YAML_MAPPING_END_EVENT;
    fsl_node *const key = ended ? NULL : parse_key(l, &event, depth);
    yaml_event_delete(&event);
    if (ended) return map;
    if (key == NULL || !next_event(l, &event)) return NULL;
    fsl_node *const value = parse_node(l, &event, depth);
    yaml_event_delete(&event);
    if (value == NULL || !add_pair(l, map, key, value)) return NULL;
  }
  return NULL;
}

static fsl_node *parse_scalar(loader *l, const yaml_event_t *event) {
  const fsl_place place = place_of(l, event->start_mark);
  const char *const value = (const char *)event->data.scalar.value;
  if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL) {
    give_up(l, place, "anchors and tags are not read here: write the value itself");
    return NULL;
  }
  if (strlen(value) != event->data.scalar.length) {
    give_up(l, place, "a text must not hold a zero byte");
    return NULL;
  }
  fsl_node *const node = new_node(l, FSL_NODE_SCALAR, event->start_mark);
  if (node == NULL) return NULL;
  node->text = fsl_text_copy(l->ctx->arena, value);
  node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  if (node->text == NULL) give_up(l, place, "out of memory");
  return node->text == NULL ? NULL : node;
}

static fsl_node *parse_node(loader *l, const yaml_event_t *event, int depth) {
  const fsl_place place = place_of(l, event->start_mark);
  const bool marked = (event->type == YAML_SEQUENCE_START_EVENT &&
                       (event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL)) ||
                      (event->type == YAML_MAPPING_START_EVENT &&
                       (event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL));
  if (marked)
    give_up(l, place, "anchors and tags are not read here: write the value itself");
  else if (depth == MOST_DEPTH)
    give_up(l, place, "lists and mappings are nested more than 64 deep");
  else if (event->type == YAML_SCALAR_EVENT)
    return parse_scalar(l, event);
  else if (event->type == YAML_SEQUENCE_START_EVENT)
    return parse_list(l, event->start_mark, depth + 1);
  else if (event->type == YAML_MAPPING_START_EVENT)
    return parse_map(l, event->start_mark, depth + 1);
  else
    give_up(l, place, "aliases are not read here: write the value itself");
  return NULL;
}

/* ---- the document ------------------------------------------------------------------------------------------------ */

static bool expect(loader *l, yaml_event_type_t type, const char *otherwise) {
  yaml_event_t event;
  if (!next_event(l, &event)) return false;
  const bool good = event.type == type;
  const fsl_place place = place_of(l, event.start_mark);
  yaml_event_delete(&event);
  return good || give_up(l, place, otherwise);
}

static fsl_node *parse_document(loader *l) {
  yaml_event_t event;
  if (!expect(l, YAML_STREAM_START_EVENT, "not a YAML stream")) return NULL;
  if (!expect(l, YAML_DOCUMENT_START_EVENT, "the spec is empty")) return NULL;
  if (!next_event(l, &event)) return NULL;
  fsl_node *const root = parse_node(l, &event, 0);
  yaml_event_delete(&event);
  if (root == NULL || !expect(l, YAML_DOCUMENT_END_EVENT, "more than one value")) return NULL;
  return expect(l, YAML_STREAM_END_EVENT, "a second document: a spec is one document") ? root : NULL;
}

fsl_node *fsl_node_parse(fsl_ctx *ctx, fsl_diagnostics *d, const char *file, const char *text, size_t length) {
  loader l = {.ctx = ctx, .d = d, .file = file, .text = text, .length = length};
  if (length > MOST_BYTES) {
    fsl_complain(d, (fsl_place){file, 1, 1}, "the spec has more than 4 MiB");
    return NULL;
  }
  if (!yaml_parser_initialize(&l.parser)) {
    fsl_complain(d, (fsl_place){file, 1, 1}, "out of memory");
    return NULL;
  }
  yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, length);
  fsl_node *const root = parse_document(&l);
  yaml_parser_delete(&l.parser);
  return l.failed ? NULL : root;
}

/* ---- looking at a tree ------------------------------------------------------------------------------------------- */

const fsl_node *fsl_node_find(const fsl_node *map, const char *key) {
  if (map == NULL || map->type != FSL_NODE_MAP) return NULL;
  for (size_t i = 0; i < map->n; i++)
    if (strcmp(map->key[i]->text, key) == 0) return map->item[i];
  return NULL;
}

bool fsl_node_is_null(const fsl_node *node) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
  if (node->type != FSL_NODE_SCALAR || node->quoted) return false;
  for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
    if (strcmp(node->text, nulls[i]) == 0) return true;
  return false;
}

const char *fsl_node_describe(fsl_arena *arena, const fsl_node *node) {
  if (node->type == FSL_NODE_LIST) return "a list";
  if (node->type == FSL_NODE_MAP) return "a mapping";
  if (fsl_node_is_null(node)) return "nothing";
  const char *const text = fsl_text_format(arena, "'%.60s'", node->text);
  return text == NULL ? "a text" : text;
}

bool fsl_node_set(fsl_arena *arena, fsl_node *map, fsl_node *key, fsl_node *value) {
  for (size_t i = 0; i < map->n; i++)
    if (strcmp(map->key[i]->text, key->text) == 0) {
      map->item[i] = value;
      return true;
    }
  if (!grow(arena, map->n, &map->key) || !grow(arena, map->n, &map->item)) return false;
  map->key[map->n] = key;
  map->item[map->n++] = value;
  return true;
}

bool fsl_node_append(fsl_arena *arena, fsl_node *list, fsl_node *item) {
  if (!grow(arena, list->n, &list->item)) return false;
  list->item[list->n++] = item;
  return true;
}

bool fsl_node_equal(const fsl_node *a, const fsl_node *b) {
  if (a->type != b->type || a->n != b->n) return false;
  if (a->type == FSL_NODE_SCALAR) return strcmp(a->text, b->text) == 0 && a->quoted == b->quoted;
  for (size_t i = 0; i < a->n; i++) {
    const fsl_node *const other = a->type == FSL_NODE_LIST ? b->item[i] : fsl_node_find(b, a->key[i]->text);
    if (other == NULL || !fsl_node_equal(a->item[i], other)) return false;
  }
  return true;
}
