/* A journal in which every job of a spec is done, with made-up values: what a campaign of a million cells leaves,
 * without its hours of computing. Values have the entropy of real ones, so that they compress no better.
 *
 * fill-journal SPEC OUT.journal */
#include "store/journal.h"

#include "grid/grid.h"

#include <stdio.h>
#include <string.h>

enum { MOST_FIELDS = 128, MOST_VALUES = 1 << 16 };

typedef struct filler {
  fsl_ctx ctx;
  fsl_spec spec;
  fsl_grid grid;
  fsl_journal *journal;
  double value[MOST_VALUES]; /* of the record that is made */
  size_t n_values, n_fields;
  fsl_field field[MOST_FIELDS];
  char name[MOST_FIELDS][64];
} filler;

static void add(filler *f, const char *name, const char *suffix, size_t rank, size_t n0, size_t n1) {
  const size_t n = (rank > 0 ? n0 : 1) * (rank > 1 ? n1 : 1);
  if (f->n_fields == MOST_FIELDS || f->n_values + n > MOST_VALUES) return;
  snprintf(f->name[f->n_fields], sizeof f->name[0], "%s%s", name, suffix);
  f->field[f->n_fields] =
      (fsl_field){.name = f->name[f->n_fields], .rank = rank, .shape = {n0, n1}, .data = f->value + f->n_values};
  f->n_values += n;
  f->n_fields++;
}

static bool is_wanted(const fsl_spec *spec, size_t metric) {
  return spec->metrics >> metric & 1u;
}

static void make_truth(filler *f, size_t d, size_t m, size_t modes) {
  static const char *const numbers[] = {"log_evidence", "stated_error", "ess", "chi2"};
  add(f, "y", "", 1, m, 0);
  add(f, "x_true", "", 1, d, 0);
  add(f, "mean", "", 1, d, 0);
  add(f, "covariance", "", 2, d, d);
  for (size_t i = 0; i < 4; i++) add(f, numbers[i], "", 0, 0, 0);
  add(f, "true_mode_weight", "", 2, f->spec.n_times, modes);
  for (size_t i = 0; i < FSL_N_METRICS; i++) {
    if (!is_wanted(&f->spec, i) || !fsl_metrics[i].has_floor) continue;
    add(f, fsl_metrics[i].head.name, "_floor", 1, f->spec.n_times, 0);
    add(f, fsl_metrics[i].head.name, "_floor_hi", 1, f->spec.n_times, 0);
  }
}

static void make_reference(filler *f) {
  static const char *const at[] = {"mean_error", "covariance_error", "sliced_w1", "effective_atoms"};
  static const char *const numbers[] = {"mode_weight_tv", "ess", "khat", "log_evidence_error"};
  for (size_t i = 0; i < 4; i++) add(f, at[i], "", 1, f->spec.n_times + 1, 0);
  for (size_t i = 0; i < 4; i++) add(f, numbers[i], "", 0, 0, 0);
}

static void make_run(filler *f, size_t modes) {
  for (size_t i = 0; i < FSL_N_METRICS; i++)
    if (is_wanted(&f->spec, i)) add(f, fsl_metrics[i].head.name, "", 1, f->spec.n_times, 0);
  add(f, "mode_weight", "", 2, f->spec.n_times, modes);
  add(f, "steps", "", 0, 0, 0);
  add(f, "nonfinite", "", 1, f->spec.n_times, 0);
}

static fsl_status write_job(filler *f, size_t i) {
  const fsl_job *const job = &f->grid.jobs[i];
  const fsl_prior *const prior = &f->spec.prior_of[job->point.prior];
  const size_t modes = fsl_pooled_modes(prior->population.n_modes);
  const size_t pair = (size_t)job->point.prior * f->spec.n_forward_models + (size_t)job->point.forward_model;
  const fsl_journal_start start = {job->identity, 1, false};
  const fsl_arena_mark mark = fsl_arena_now(f->ctx.arena);
  uint8_t *bytes;
  size_t size;
  f->n_fields = f->n_values = 0;
  if (job->type == FSL_JOB_TRUTH) make_truth(f, prior->d, f->spec.model_of[pair]->m, modes);
  if (job->type == FSL_JOB_REFERENCE) make_reference(f);
  if (job->type == FSL_JOB_RUN) make_run(f, modes);
  fsl_uniforms(fsl_key_of(job->identity), 0, 0, f->n_values, f->value);
  const fsl_record record = {.job = job->identity,
                             .n_fields = f->n_fields,
                             .fields = f->field,
                             .error = "",
                             .host = "made-up",
                             .seconds = 0.01,
                             .ranks = 1,
                             .attempts = 1};
  FSL_TRY(fsl_journal_started(&f->ctx, f->journal, &start));
  FSL_TRY(fsl_record_encode(&f->ctx, &record, &bytes, &size));
  FSL_TRY(fsl_journal_write(&f->ctx, f->journal, bytes, size));
  fsl_arena_release(f->ctx.arena, mark);
  return FSL_OK;
}

static fsl_status fill(filler *f, const char *spec, const char *path) {
  const char *errors = "";
  fsl_journal_contents before;
  FSL_TRY(fsl_spec_load(&f->ctx, &fsl_standard_catalog, spec, 0, NULL, &f->spec, &errors));
  FSL_TRY(fsl_grid_create(&f->ctx, &f->spec, &f->grid));
  const fsl_journal_campaign campaign = {f->spec.name, f->spec.seed, 1, f->spec.file, f->spec.text};
  const fsl_journal_run run = {.began = 1,
                               .ranks = 1,
                               .shard = 1,
                               .shards = 1,
                               .host = "made-up",
                               .signature = "made-up",
                               .command = "",
                               .slurm = ""};
  FSL_TRY(fsl_journal_open(&f->ctx, path, &campaign, 0, &f->journal, &before));
  FSL_TRY(fsl_journal_begin(&f->ctx, f->journal, &run));
  for (size_t i = 0; i < f->grid.n_jobs; i++) FSL_TRY(write_job(f, i));
  FSL_TRY(fsl_journal_end(&f->ctx, f->journal, 2, FSL_END_FINISHED));
  return fsl_journal_close(&f->ctx, f->journal);
}

int main(int argc, char **argv) {
  static filler f;
  if (argc != 3) return 2;
  f.ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo};
  const fsl_status status = f.ctx.arena == NULL ? FSL_ENOMEM : fill(&f, argv[1], argv[2]);
  if (status != FSL_OK) fprintf(stderr, "fill-journal: %s\n", f.ctx.error);
  printf("%zu cells, %zu jobs\n", f.grid.n_cells, f.grid.n_jobs);
  fsl_arena_destroy(f.ctx.arena);
  return status != FSL_OK;
}
