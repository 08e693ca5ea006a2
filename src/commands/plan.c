/* commands/plan.c: `fslens plan`: the jobs of a spec, what is skipped and why, cost and memory. Computes nothing. */
#include "commands/commands.h"
#include "commands/options.h"

#include "grid/cost.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SET };

static const fsl_option options[] = {
    [SET] = {"--set", NULL, "KEY=VALUE",
             "overrides a value of the spec, such as grid.n_train=[64,256]; may be repeated"},
};

static const fsl_usage usage = {
    .command = "plan",
    .positional = "SPEC",
    .help = "Shows the jobs of a spec, what is skipped and why, cost, memory and group sizes. Computes nothing.",
    .least = 1,
    .most = 1,
    .n_options = sizeof options / sizeof *options,
    .options = options,
};

/* ---- jobs -------------------------------------------------------------------------------------------------------- */

typedef struct total {
  size_t jobs, bytes, ranks;
  double seconds, longest;
} total;

static void print_seconds(double seconds) {
  if (seconds < 120)
    printf("%10.3g s  ", seconds);
  else if (seconds < 7200)
    printf("%10.3g min", seconds / 60);
  else
    printf("%10.3g h  ", seconds / 3600);
}

static void print_in_words(double seconds) {
  if (seconds < 120)
    printf("%.2g s", seconds);
  else if (seconds < 7200)
    printf("%.3g min", seconds / 60);
  else
    printf("%.3g h", seconds / 3600);
}

static void print_total(const char *name, const total *t) {
  printf("  %-10s %8zu ", name, t->jobs);
  print_seconds(t->seconds);
  print_seconds(t->longest);
  printf("  %9.1f MiB  %6zu\n", (double)t->bytes / 1048576, t->ranks);
}

static void add_job(const fsl_job *job, total *t) {
  t->jobs++;
  t->seconds += job->cost;
  t->longest = fmax(t->longest, job->cost);
  if (job->bytes > t->bytes) t->bytes = job->bytes;
  if (job->max_ranks > t->ranks) t->ranks = job->max_ranks;
}

static void print_jobs(const fsl_grid *grid) {
  total by_type[4] = {{0}}, all = {0};
  for (size_t i = 0; i < grid->n_jobs; i++) {
    add_job(&grid->jobs[i], &by_type[grid->jobs[i].type]);
    add_job(&grid->jobs[i], &all);
  }
  printf("\n  %-10s %8s %13s%13s  %13s  %6s\n", "jobs", "number", "one rank", "longest", "memory a rank", "ranks");
  for (int type = 0; type < 4; type++)
    if (by_type[type].jobs > 0) print_total(fsl_job_type_name((fsl_job_type)type), &by_type[type]);
  print_total("all", &all);
  printf("`ranks` is the largest group a job of this type can fill. Times are estimates for one current core.\n");
}

/* ---- what it goes to --------------------------------------------------------------------------------------------- */

typedef struct part_total {
  size_t jobs;
  double seconds;
} part_total;

static void add_parts(const fsl_spec *spec, const fsl_grid *grid, part_total totals[FSL_N_COST_PARTS]) {
  for (size_t i = 0; i < grid->n_jobs; i++) {
    double parts[FSL_N_COST_PARTS];
    fsl_job_cost_parts(spec, &grid->jobs[i], parts);
    for (int p = 0; p < FSL_N_COST_PARTS; p++) {
      totals[p].jobs += parts[p] > 0;
      totals[p].seconds += parts[p];
    }
  }
}

static void print_parts(const fsl_spec *spec, const fsl_grid *grid) {
  part_total totals[FSL_N_COST_PARTS] = {{0}};
  double all = 0;
  add_parts(spec, grid, totals);
  for (int p = 0; p < FSL_N_COST_PARTS; p++) all += totals[p].seconds;
  printf("\n  %-13s %5s %13s  %7s\n", "part", "jobs", "one rank", "share");
  for (int p = 0; p < FSL_N_COST_PARTS; p++) {
    if (totals[p].jobs == 0) continue;
    printf("  %-12s %6zu ", fsl_cost_part_names[p], totals[p].jobs);
    print_seconds(totals[p].seconds);
    printf("  %5.1f %%\n", 100 * totals[p].seconds / all);
  }
}

/* What `budget: {}` would add: the same spec with the first replicates and observations alone has all its budgets. */
static fsl_status print_budget(fsl_ctx *ctx, const fsl_spec *spec) {
  fsl_spec with = *spec;
  fsl_grid grid;
  part_total totals[FSL_N_COST_PARTS] = {{0}};
  if (spec->budget) return FSL_OK;
  with.budget = true;
  if (with.replicates > with.budget_replicates) with.replicates = with.budget_replicates;
  if (with.n_observations > with.budget_observations) with.n_observations = with.budget_observations;
  FSL_TRY(fsl_grid_create(ctx, &with, &grid));
  add_parts(&with, &grid, totals);
  printf("\nbudget: none; `budget: {}` would add %zu job%s, about ", totals[FSL_COST_BUDGET].jobs,
         totals[FSL_COST_BUDGET].jobs == 1 ? "" : "s");
  print_in_words(totals[FSL_COST_BUDGET].seconds);
  printf(" on one rank\n");
  return FSL_OK;
}

/* ---- cells ------------------------------------------------------------------------------------------------------- */

static void print_cells(const fsl_grid *grid) {
  size_t count[6] = {0};
  for (size_t i = 0; i < grid->n_cells; i++) count[grid->cell_status[i]]++;
  printf("%zu cells: %zu to compute, %zu not applicable, %zu excluded\n", grid->n_cells, count[FSL_CELL_NOT_RUN],
         count[FSL_CELL_NOT_APPLICABLE], count[FSL_CELL_EXCLUDED]);
}

/* One line a (prior, forward model) and reason, with the approximations it holds for. */
enum { MOST_LINES = 60 };

typedef struct line {
  const fsl_skip *first;
  bool *approximation; /* n_approximations */
  bool some_finite;    /* holds at a finite training set, not for the population alone */
} line;

static bool belongs(const line *l, const fsl_skip *skip) {
  return l->first->point.prior == skip->point.prior && l->first->point.forward_model == skip->point.forward_model &&
         strcmp(l->first->reason, skip->reason) == 0;
}

/* Fills at most MOST_LINES; true when there are more. */
static fsl_status collect_skips(fsl_ctx *ctx, const fsl_spec *spec, const fsl_grid *grid, line *lines, size_t *n,
                                bool *more) {
  for (size_t i = 0; i < grid->n_skips; i++) {
    const fsl_skip *const skip = &grid->skips[i];
    size_t j = 0;
    if (skip->why == FSL_CELL_EXCLUDED) continue;
    while (j < *n && !belongs(&lines[j], skip)) j++;
    *more = *more || j == MOST_LINES;
    if (j == MOST_LINES) continue;
    if (j == *n) {
      lines[j] = (line){.first = skip};
      FSL_GET(ctx, lines[j].approximation, spec->n_approximations);
      ++*n;
    }
    lines[j].approximation[skip->point.approximation] = true;
    lines[j].some_finite = lines[j].some_finite || isfinite(spec->n_train[skip->point.n_train]);
  }
  return FSL_OK;
}

static void print_line(const fsl_spec *spec, const line *l) {
  size_t count = 0, said = 0;
  printf("  %s, %s%s: %s\n      ", spec->priors[l->first->point.prior].name,
         spec->forward_models[l->first->point.forward_model].name, l->some_finite ? "" : ", n_train .inf",
         l->first->reason);
  for (size_t i = 0; i < spec->n_approximations; i++) count += l->approximation[i];
  if (count == spec->n_approximations) printf("every approximation");
  for (size_t i = 0; count < spec->n_approximations && i < spec->n_approximations; i++)
    if (l->approximation[i]) printf("%s%s", said++ == 0 ? "" : ", ", spec->approximations[i].name);
  printf("\n");
}

static fsl_status print_skips(fsl_ctx *ctx, const fsl_spec *spec, const fsl_grid *grid) {
  line lines[MOST_LINES];
  size_t n = 0;
  bool more = false;
  FSL_TRY(collect_skips(ctx, spec, grid, lines, &n, &more));
  if (n > 0) printf("\nnot applicable\n");
  for (size_t i = 0; i < n; i++) print_line(spec, &lines[i]);
  if (more) printf("  and more\n");
  return FSL_OK;
}

static fsl_status plan(fsl_ctx *ctx, const fsl_arguments *arguments, const char **errors) {
  fsl_spec *spec;
  fsl_grid grid;
  FSL_GET(ctx, spec, 1);
  FSL_TRY(fsl_spec_load(ctx, &fsl_standard_catalog, arguments->positional[0], arguments->count[SET],
                        arguments->values[SET], spec, errors));
  FSL_TRY(fsl_grid_create(ctx, spec, &grid));
  FSL_TRY(fsl_spec_warn(ctx, spec));
  printf("%s: ", spec->name);
  print_cells(&grid);
  print_jobs(&grid);
  print_parts(spec, &grid);
  FSL_TRY(print_budget(ctx, spec));
  return print_skips(ctx, spec, &grid);
}

int fsl_command_plan(int argc, char **argv) {
  fsl_ctx ctx = fsl_command_ctx();
  fsl_arguments arguments;
  const char *errors = "";
  int exit_status = 1;
  if (fsl_arguments_read(ctx.arena, &usage, argc, argv, &arguments, &exit_status)) {
    const fsl_status status = plan(&ctx, &arguments, &errors);
    exit_status = 0;
    if (status != FSL_OK) {
      fputs(errors, stderr);
      exit_status = fsl_command_failed(&ctx, status);
    }
  }
  fsl_arena_destroy(ctx.arena);
  return exit_status;
}
