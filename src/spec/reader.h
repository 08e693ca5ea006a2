/* spec/reader.h: the parts of reading a spec, for this folder alone: each fills its part of the spec and complains of
 * all it finds wrong. The tree is kept so that later checks can name places. */
#ifndef FSL_SPEC_READER_H
#define FSL_SPEC_READER_H

#include "spec/bind.h"
#include "spec/spec.h"

typedef struct fsl_reader {
  fsl_binder b;
  const fsl_catalog *catalog;
  const fsl_node *root;
  fsl_spec *spec; /* an axis that could not be read has no entries (NULL); an entry with errors has no params */
} fsl_reader;

/* heads.c: the catalog's kinds by their heads. */
enum { FSL_MOST_KINDS = 64 };
typedef struct fsl_heads {
  size_t n;
  const fsl_kind *kind[FSL_MOST_KINDS];
  const char *name[FSL_MOST_KINDS];
} fsl_heads;
void fsl_heads_of_priors(const fsl_catalog *catalog, fsl_heads *out);
void fsl_heads_of_forward_models(const fsl_catalog *catalog, fsl_heads *out);
void fsl_heads_of_approximations(const fsl_catalog *catalog, fsl_heads *out);
void fsl_heads_of_samplers(const fsl_catalog *catalog, fsl_heads *out);
void fsl_heads_of_time_grids(const fsl_catalog *catalog, fsl_heads *out);
void fsl_heads_of_diffusions(const fsl_catalog *catalog, fsl_heads *out);
/* The kind of this name; complains with the nearest one otherwise, `what` being "prior" and the like. */
const fsl_kind *fsl_heads_find(fsl_binder *b, const fsl_heads *heads, const fsl_node *name, const char *what);

/* axes.c: the grid. */
bool fsl_read_grid(fsl_reader *r, const fsl_node *grid);
/* sections.c: the whole mapping, section by section. */
bool fsl_read_sections(fsl_reader *r);
/* exclusions.c */
bool fsl_read_exclusions(fsl_reader *r, const fsl_node *list);
/* validate.c: builds priors and forward models, and checks what fits with what. */
bool fsl_validate(fsl_reader *r);
/* override.c: applies the number-th (from 1) "a.b.c=YAML" to the tree. */
bool fsl_override(fsl_binder *b, fsl_node *root, int number, const char *text);

#endif
