/* spec/bind.h: a kind's parameter table applied to a mapping of the spec. */
#ifndef FSL_SPEC_BIND_H
#define FSL_SPEC_BIND_H

#include "fslens/kind.h"
#include "spec/node.h"

typedef struct fsl_binder {
  fsl_ctx *ctx;
  fsl_diagnostics *d;
  const char *file; /* of the spec: data files lie beside it */
  size_t n_read;    /* the data files that values name, FILE or FILE:/NAME */
  const char **read;
} fsl_binder;

/* Scalars by type; each complains and returns false on anything else. */
bool fsl_bind_text(fsl_binder *b, const fsl_node *node, const char *what, const char **out);
bool fsl_bind_real(fsl_binder *b, const fsl_node *node, const char *what, double *out);
bool fsl_bind_integer(fsl_binder *b, const fsl_node *node, const char *what, double low, double high, int64_t *out);
bool fsl_bind_boolean(fsl_binder *b, const fsl_node *node, const char *what, bool *out);
/* One of the NULL-terminated names. */
bool fsl_bind_choice(fsl_binder *b, const fsl_node *node, const char *what, const char *const *choices, int *out);
/* A list of rows of equal length, all finite. */
bool fsl_bind_matrix(fsl_binder *b, const fsl_node *node, const char *what, fsl_array *out);
/* The same, or the path of a file with an array of two axes, beside the spec. */
bool fsl_bind_matrix_or_file(fsl_binder *b, const fsl_node *node, const char *what, fsl_array *out);
bool fsl_bind_vector(fsl_binder *b, const fsl_node *node, const char *what, fsl_array *out);

/* Complains of every key of `map` that is neither in the table nor in `others` (NULL-terminated). */
bool fsl_bind_known_keys(fsl_binder *b, const fsl_node *map, const fsl_kind *kind, const char *const *others);
/* Fills a new parameter struct from `map` (NULL: all defaults) by the kind's table, then runs its check; `others` are
 * keys that belong to the entry itself. `place` is where an error without a parameter of its own is reported. */
bool fsl_bind_kind(fsl_binder *b, const fsl_node *map, fsl_place place, const fsl_kind *kind, const char *const *others,
                   const void **params);
/* The same for one table out of several that share a mapping: unknown keys are the caller's to find. */
bool fsl_bind_params(fsl_binder *b, const fsl_node *map, fsl_place place, const fsl_kind *kind, const void **params);
/* Where the parameter `name` stands in `map`, else `otherwise`. */
fsl_place fsl_bind_place(const fsl_node *map, const char *name, fsl_place otherwise);

#endif
