/* spec/validate.c: builds the priors and the forward models, and checks what fits with what, before any job starts. */
#include "spec/reader.h"

#include <math.h>
#include <string.h>

/* The node of the i-th entry of an axis, for the place of a parameter. */
static const fsl_node *entry_node(const fsl_reader *r, const char *axis, size_t i) {
  const fsl_node *const node = fsl_node_find(fsl_node_find(r->root, "grid"), axis);
  return node->type == FSL_NODE_LIST ? node->item[i] : node;
}

static bool has_same_shape(const fsl_prior *a, const fsl_prior *b) {
  bool same = a->shape.n == b->shape.n;
  for (size_t i = 0; same && i < a->shape.n; i++) same = a->shape.data[i] == b->shape.data[i];
  return same;
}

/* ---- priors ----------------------------------------------------------------------------------------------- */

static bool build_prior(fsl_reader *r, size_t i, fsl_prior *out) {
  const fsl_entry *const entry = &r->spec->priors[i];
  const fsl_node *const node = entry_node(r, "prior", i);
  const fsl_prior_setting setting = {.seed = r->spec->seed, .simulated_y = !r->spec->y_is_fixed};
  const char *bad = NULL;
  if (entry->params == NULL) return false;
  if (fsl_prior_create(r->b.ctx, (const fsl_prior_kind *)(const void *)entry->kind, entry->params, &setting, out,
                       &bad) == FSL_OK)
    return true;
  out->d = 0; /* not built */
  return fsl_complain(r->b.d, fsl_bind_place(node, bad, node->place), "prior '%.60s': %s", entry->name,
                      r->b.ctx->error);
}

static bool has_content(const fsl_prior *prior) {
  return fsl_hash_compare(prior->content, (fsl_hash){0, 0}) != 0;
}

/* Files of different names may hold the same samples. */
static bool check_contents(fsl_reader *r, const fsl_prior *priors) {
  bool good = true;
  for (size_t i = 0; i < r->spec->n_priors; i++)
    for (size_t j = 0; good && j < i && priors[i].d > 0; j++) {
      const fsl_entry *const other = &r->spec->priors[j];
      if (priors[j].d == 0 || !has_content(&priors[i]) || fsl_hash_compare(priors[i].identity, priors[j].identity) != 0)
        continue;
      if (!has_same_shape(&priors[i], &priors[j])) continue;
      good = fsl_complain(r->b.d, entry_node(r, "prior", i)->place,
                          "this entry has the content of the one at %d:%d, expected each once", other->line,
                          other->column);
    }
  return good;
}

static bool build_priors(fsl_reader *r) {
  fsl_prior *const priors = fsl_arena_get(r->b.ctx->arena, r->spec->n_priors, sizeof *priors);
  if (priors == NULL) return fsl_complain(r->b.d, r->root->place, "out of memory");
  bool good = true;
  for (size_t i = 0; i < r->spec->n_priors; i++) good = build_prior(r, i, &priors[i]) && good;
  r->spec->prior_of = priors;
  return good && check_contents(r, priors);
}

/* ---- forward models: one for each prior's dimension -------------------------------------------------------------- */

typedef struct pairs {
  const fsl_forward_model **model;
  const char **reason;
} pairs;

/* Builds the model for the prior; where it does not fit, the reason is kept. */
static bool build_pair(fsl_reader *r, size_t prior, size_t model, pairs *out, const char **bad) {
  const fsl_entry *const entry = &r->spec->forward_models[model];
  const size_t i = prior * r->spec->n_forward_models + model;
  fsl_forward_model *const built = fsl_arena_get(r->b.ctx->arena, 1, sizeof *built);
  if (built == NULL) return false;
  const fsl_status status = fsl_forward_model_fit(r->b.ctx, (const fsl_forward_model_kind *)(const void *)entry->kind,
                                                  entry->params, &r->spec->prior_of[prior], built, bad);
  if (status == FSL_OK)
    out->model[i] = built;
  else
    out->reason[i] = fsl_text_copy(r->b.ctx->arena, r->b.ctx->error);
  return status == FSL_OK || out->reason[i] != NULL;
}

/* The same for the priors behind one that fits. */
static bool build_rest(fsl_reader *r, size_t prior, size_t model, pairs *out) {
  for (; prior < r->spec->n_priors; prior++) {
    const char *bad = NULL;
    if (r->spec->prior_of[prior].d > 0 && !build_pair(r, prior, model, out, &bad))
      return fsl_complain(r->b.d, entry_node(r, "forward_model", model)->place, "out of memory");
  }
  return true;
}

/* A model that fits no prior at all is an error; with one prior the reason says it all. */
static bool build_model(fsl_reader *r, size_t model, pairs *out) {
  const fsl_entry *const entry = &r->spec->forward_models[model];
  const fsl_node *const node = entry_node(r, "forward_model", model);
  const char *bad = NULL, *reason = NULL;
  size_t tried = 0, first = 0;
  if (entry->params == NULL) return false;
  for (size_t prior = 0; prior < r->spec->n_priors; prior++) {
    const size_t i = prior * r->spec->n_forward_models + model;
    const char *bad_here = NULL;
    if (r->spec->prior_of[prior].d == 0) continue;
    if (!build_pair(r, prior, model, out, &bad_here)) return fsl_complain(r->b.d, node->place, "out of memory");
    if (out->model[i] != NULL) return build_rest(r, prior + 1, model, out);
    if (tried++ > 0) continue;
    bad = bad_here;
    reason = out->reason[i];
    first = prior;
  }
  if (tried == 0) return false; /* no prior was built: those errors come first */
  if (tried == 1)
    return fsl_complain(r->b.d, fsl_bind_place(node, bad, node->place), "forward model '%.60s': %s", entry->name,
                        reason);
  return fsl_complain(r->b.d, fsl_bind_place(node, bad, node->place),
                      "forward model '%.60s' fits no prior; with '%.60s': %s", entry->name, r->spec->priors[first].name,
                      reason);
}

static bool build_models(fsl_reader *r) {
  const size_t n = r->spec->n_priors * r->spec->n_forward_models;
  pairs p = {.model = fsl_arena_get(r->b.ctx->arena, n, sizeof *p.model),
             .reason = fsl_arena_get(r->b.ctx->arena, n, sizeof *p.reason)};
  bool good = p.model != NULL && p.reason != NULL;
  if (!good) return fsl_complain(r->b.d, r->root->place, "out of memory");
  for (size_t model = 0; model < r->spec->n_forward_models; model++) good = build_model(r, model, &p) && good;
  r->spec->model_of = p.model;
  r->spec->model_reason = p.reason;
  return good;
}

/* ---- what fits with what ----------------------------------------------------------------------------------------- */

const char *fsl_spec_misfit(const fsl_spec *spec, size_t prior, size_t forward_model, size_t noise_level) {
  const size_t pair = prior * spec->n_forward_models + forward_model;
  const fsl_forward_model *const model = spec->model_of[pair];
  const fsl_array std = spec->noise_levels[noise_level].std;
  if (model == NULL) return spec->model_reason[pair];
  if (std.rank == 1 && std.shape[0] != model->m)
    return "the noise level has another number of components than the measurement";
  if (spec->y_is_fixed && spec->y.shape[1] != model->m)
    return "y has another number of components than the measurement";
  return NULL;
}

/* Some pair has a measurement of m components. */
static bool some_pair_measures(const fsl_spec *s, size_t m) {
  for (size_t i = 0; i < s->n_priors * s->n_forward_models; i++)
    if (s->model_of[i] != NULL && s->model_of[i]->m == m) return true;
  return false;
}

static bool check_noise(fsl_reader *r) {
  bool good = true;
  for (size_t i = 0; i < r->spec->n_noise_levels; i++) {
    const fsl_noise_level *const level = &r->spec->noise_levels[i];
    if (level->std.rank == 0 || some_pair_measures(r->spec, level->std.shape[0])) continue;
    const fsl_node *const node = entry_node(r, "noise_level", i);
    good = fsl_complain(r->b.d, fsl_bind_place(node, "std", node->place),
                        "noise level '%.60s' has %zu components, but no measurement of this grid has as many",
                        level->name, level->std.shape[0]);
  }
  return good;
}

static bool check_y(fsl_reader *r) {
  if (!r->spec->y_is_fixed || r->spec->y.data == NULL || some_pair_measures(r->spec, r->spec->y.shape[1])) return true;
  const fsl_node *const observations = fsl_node_find(r->root, "observations");
  return fsl_complain(r->b.d, fsl_bind_place(observations, "y", r->root->place),
                      "'y' has %zu components, but no measurement of this grid has as many", r->spec->y.shape[1]);
}

/* A prior that no forward model fits. */
static bool check_priors(fsl_reader *r) {
  bool good = true;
  for (size_t p = 0; p < r->spec->n_priors; p++) {
    const size_t row = p * r->spec->n_forward_models;
    size_t fits = 0;
    for (size_t i = 0; i < r->spec->n_forward_models; i++) fits += r->spec->model_of[row + i] != NULL;
    if (fits > 0) continue;
    good =
        fsl_complain(r->b.d, entry_node(r, "prior", p)->place, "prior '%.60s' fits no forward model; with '%.60s': %s",
                     r->spec->priors[p].name, r->spec->forward_models[0].name, r->spec->model_reason[row]);
  }
  return good;
}

static bool check_sizes(fsl_reader *r, size_t p) {
  const fsl_prior *const prior = &r->spec->prior_of[p];
  bool good = true;
  for (size_t i = 0; prior->without_replacement && i < r->spec->n_n_train; i++)
    if (isfinite(r->spec->n_train[i]) && r->spec->n_train[i] > (double)prior->population.n)
      good = fsl_complain(r->b.d, entry_node(r, "n_train", i)->place,
                          "'n_train' is %.0f, but prior '%.60s' offers %zu samples; a bandwidth gives endless ones",
                          r->spec->n_train[i], r->spec->priors[p].name, prior->population.n);
  return good;
}

/* Whatever could be read is checked, so that all errors come at once; what fits with what, only when all is there. */
bool fsl_validate(fsl_reader *r) {
  const fsl_spec *const s = r->spec;
  if (s->priors == NULL) return false;
  const bool built = build_priors(r);
  bool good = built;
  for (size_t p = 0; s->n_train != NULL && s->prior_of != NULL && p < s->n_priors; p++)
    if (s->prior_of[p].d > 0) good = check_sizes(r, p) && good;
  if (s->forward_models == NULL || s->prior_of == NULL || !build_models(r) || !built) return false;
  good = check_priors(r) && good;
  if (s->noise_levels != NULL) good = check_noise(r) && good;
  return check_y(r) && good;
}
