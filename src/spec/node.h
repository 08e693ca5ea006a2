/* spec/node.h: a YAML document as a tree with places. Untrusted text: size, depth and counts are capped before anything
 * is allocated; aliases, anchors, tags and further documents are refused; duplicate keys are errors. */
#ifndef FSL_SPEC_NODE_H
#define FSL_SPEC_NODE_H

#include "spec/diagnostics.h"

typedef enum fsl_node_type { FSL_NODE_SCALAR, FSL_NODE_LIST, FSL_NODE_MAP } fsl_node_type;

typedef struct fsl_node fsl_node;
struct fsl_node {
  fsl_node_type type;
  fsl_place place;
  const char *text; /* of a scalar */
  bool quoted;      /* a quoted scalar is a text, never a number */
  size_t n;         /* of a list or a map */
  fsl_node **key;   /* of a map: scalars */
  fsl_node **item;
};

/* The root, NULL after errors. */
fsl_node *fsl_node_parse(fsl_ctx *ctx, fsl_diagnostics *d, const char *file, const char *text, size_t length);
const fsl_node *fsl_node_find(const fsl_node *map, const char *key); /* NULL: not there, or no map */
bool fsl_node_is_null(const fsl_node *node);                         /* empty, ~ or null, unquoted */
/* "a list", "a mapping", "the text 'x'", for messages. */
const char *fsl_node_describe(fsl_arena *arena, const fsl_node *node);
/* Sets map[key], replacing what is there. false when out of memory. */
bool fsl_node_set(fsl_arena *arena, fsl_node *map, fsl_node *key, fsl_node *value);
bool fsl_node_append(fsl_arena *arena, fsl_node *list, fsl_node *item); /* the same */
/* Same content, places apart. */
bool fsl_node_equal(const fsl_node *a, const fsl_node *b);

#endif
