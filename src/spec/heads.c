/* spec/heads.c: every kind starts with its head; here they are listed whatever they describe. */
#include "spec/reader.h"

#include <string.h>

static void add(fsl_heads *heads, const fsl_kind *kind) {
  if (heads->n == FSL_MOST_KINDS) return;
  heads->kind[heads->n] = kind;
  heads->name[heads->n++] = kind->name;
}

void fsl_heads_of_priors(const fsl_catalog *catalog, fsl_heads *out) {
  out->n = 0;
  for (size_t i = 0; catalog->priors[i] != NULL; i++) add(out, &catalog->priors[i]->head);
}

void fsl_heads_of_forward_models(const fsl_catalog *catalog, fsl_heads *out) {
  out->n = 0;
  for (size_t i = 0; catalog->forward_models[i] != NULL; i++) add(out, &catalog->forward_models[i]->head);
}

void fsl_heads_of_approximations(const fsl_catalog *catalog, fsl_heads *out) {
  out->n = 0;
  for (size_t i = 0; catalog->approximations[i] != NULL; i++) add(out, &catalog->approximations[i]->head);
}

void fsl_heads_of_samplers(const fsl_catalog *catalog, fsl_heads *out) {
  out->n = 0;
  for (size_t i = 0; catalog->samplers[i] != NULL; i++) add(out, &catalog->samplers[i]->head);
}

void fsl_heads_of_time_grids(const fsl_catalog *catalog, fsl_heads *out) {
  out->n = 0;
  for (size_t i = 0; catalog->time_grids[i] != NULL; i++) add(out, &catalog->time_grids[i]->head);
}

void fsl_heads_of_diffusions(const fsl_catalog *catalog, fsl_heads *out) {
  out->n = 0;
  for (size_t i = 0; catalog->diffusions[i] != NULL; i++) add(out, &catalog->diffusions[i]->head);
}

const fsl_kind *fsl_heads_find(fsl_binder *b, const fsl_heads *heads, const fsl_node *name, const char *what) {
  const char *text = NULL;
  if (!fsl_bind_text(b, name, what, &text)) return NULL;
  for (size_t i = 0; i < heads->n; i++)
    if (strcmp(heads->name[i], text) == 0) return heads->kind[i];
  fsl_complain_name(b->d, name->place, text, heads->n, heads->name, "there is no %s '%.60s'", what, text);
  return NULL;
}
