/* commands/kinds.c: `fslens kinds`: what the parameter tables say. */
#include "commands/commands.h"
#include "commands/options.h"

#include "base/text.h"
#include "spec/spec.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 128 };

typedef struct listed {
  const char *group; /* "prior" */
  const fsl_kind *kind;
} listed;

typedef struct listing {
  size_t n;
  listed item[MOST];
} listing;

static void add(listing *l, const char *group, const fsl_kind *kind) {
  if (l->n < MOST) l->item[l->n++] = (listed){group, kind};
}

static void list_all(const fsl_catalog *c, listing *l) {
  for (size_t i = 0; c->priors[i] != NULL; i++) add(l, "prior", &c->priors[i]->head);
  for (size_t i = 0; c->forward_models[i] != NULL; i++) add(l, "forward model", &c->forward_models[i]->head);
  for (size_t i = 0; c->approximations[i] != NULL; i++) add(l, "approximation", &c->approximations[i]->head);
  for (size_t i = 0; c->samplers[i] != NULL; i++) add(l, "sampler", &c->samplers[i]->head);
  for (size_t i = 0; c->time_grids[i] != NULL; i++) add(l, "time grid", &c->time_grids[i]->head);
  for (size_t i = 0; c->diffusions[i] != NULL; i++) add(l, "diffusion", &c->diffusions[i]->head);
  for (size_t i = 0; i < FSL_N_METRICS; i++) add(l, "metric", &fsl_metrics[i].head);
  for (size_t i = 0; i < FSL_N_SETTINGS; i++) add(l, "setting", &fsl_spec_settings[i]);
}

static void print_list(const listing *l) {
  const char *group = "";
  for (size_t i = 0; i < l->n; i++) {
    if (strcmp(group, l->item[i].group) != 0) printf("%s%ss\n", i == 0 ? "" : "\n", l->item[i].group);
    group = l->item[i].group;
    printf("  %-24s %s\n", l->item[i].kind->name, l->item[i].kind->help);
  }
  printf("\nfslens kinds NAME shows the parameters of one, fslens kinds spec every key of a spec.\n");
}

static void print_choices(const char *const *choices) {
  for (size_t i = 0; choices[i] != NULL; i++) printf("%s%s", i == 0 ? "" : ", ", choices[i]);
}

static void print_range(const fsl_param *p) {
  if (p->low == 0 && p->high == 0) return;
  printf("      range: %s %.16g", p->open_low ? "above" : "at least", p->low);
  if (p->high < DBL_MAX) printf(", at most %.16g", p->high);
  printf("\n");
}

static void print_default(const char *preset, bool optional) {
  if (preset != NULL)
    printf("      default: %s\n", preset);
  else
    printf("      %s\n", optional ? "optional" : "required");
}

/* path: what stands before the name, "sampler." */
static void print_parameter(const char *path, const fsl_param *p) {
  printf("\n  %s%s: %s\n      %s\n", path, p->name, fsl_type_name(p->type), p->help);
  print_default(p->preset, p->optional);
  if (p->choices != NULL) {
    printf("      choices: ");
    print_choices(p->choices);
    printf("\n");
  }
  print_range(p);
  if (p->shape != NULL) printf("      shape: (%s)\n", p->shape);
  if (p->source != NULL) printf("      source: %s\n", p->source);
}

/* ---- the keys of a spec ------------------------------------------------------------------------------------------ */

static void print_names(const listing *l, const char *group) {
  size_t n = 0;
  for (size_t i = 0; i < l->n; i++)
    if (strcmp(l->item[i].group, group) == 0) printf("%s%s", n++ == 0 ? "      one of: " : ", ", l->item[i].kind->name);
  printf("\n");
}

/* Where two tables share a mapping, its `kind` names the one that holds. */
static void print_settings(const char *path, const fsl_kind *const *settings) {
  const bool chosen = settings[0] != NULL && settings[1] != NULL;
  for (; *settings != NULL; settings++)
    for (size_t i = 0; i < (*settings)->n_params; i++) {
      print_parameter(path, &(*settings)->params[i]);
      if (chosen) printf("      only with kind: %s\n", (*settings)->name);
    }
}

/* All keys of the mapping that `parent` stands for. */
static void print_keys(const listing *l, const char *path, const fsl_spec_key *parent) {
  for (const fsl_spec_key *key = parent->keys; key != NULL && key->name != NULL; key++) {
    char inner[128];
    printf("\n  %s%s: %s\n      %s\n", path, key->name, key->expected, key->help);
    print_default(key->preset, key->optional);
    if (key->kinds != NULL) print_names(l, key->kinds);
    snprintf(inner, sizeof inner, "%s%s.", path, key->name);
    print_keys(l, inner, key);
  }
  if (parent->settings != NULL) print_settings(path, parent->settings);
}

static void print_spec(const listing *l) {
  printf("%s (every key)\n  %s\n", fsl_spec_root.name, fsl_spec_root.help);
  print_keys(l, "", &fsl_spec_root);
}

/* ---- one kind ---------------------------------------------------------------------------------------------------- */

static void print_kind(const listed *item) {
  const fsl_kind *const kind = item->kind;
  printf("%s (%s)\n  %s\n", kind->name, item->group, kind->help);
  if (kind->source != NULL) printf("  source: %s\n", kind->source);
  if (kind->n_params == 0) printf("  no parameters\n");
  for (size_t i = 0; i < kind->n_params; i++) print_parameter("", &kind->params[i]);
}

static int print_named(const listing *l, const char *name) {
  const char *names[MOST];
  size_t found = 0;
  if (strcmp(name, fsl_spec_root.name) == 0) {
    print_spec(l);
    return 0;
  }
  for (size_t i = 0; i < l->n; i++) {
    names[i] = l->item[i].kind->name;
    if (strcmp(names[i], name) != 0) continue;
    if (found++ > 0) printf("\n");
    print_kind(&l->item[i]);
  }
  if (found > 0) return 0;
  const char *const near = fsl_nearest(name, l->n, names);
  fprintf(stderr, "fslens kinds: there is no kind '%s'%s%s%s\n", name, near == NULL ? "" : "; did you mean '",
          near == NULL ? "" : near, near == NULL ? "" : "'?");
  return FSL_EXIT_USAGE;
}

static const fsl_usage usage = {
    .command = "kinds",
    .positional = "[NAME]",
    .help =
        "Lists every prior, forward model, approximation, sampler, time grid, diffusion and metric; with a NAME, its "
        "parameters.\n`fslens kinds spec` lists every key of a spec.",
    .most = 1,
};

int fsl_command_kinds(int argc, char **argv) {
  fsl_arguments arguments;
  listing l = {0};
  int exit_status = 1;
  fsl_arena *const arena = fsl_arena_create(0);
  if (fsl_arguments_read(arena, &usage, argc, argv, &arguments, &exit_status)) {
    list_all(&fsl_standard_catalog, &l);
    exit_status = 0;
    if (arguments.n_positional == 0)
      print_list(&l);
    else
      exit_status = print_named(&l, arguments.positional[0]);
  }
  fsl_arena_destroy(arena);
  return exit_status;
}
