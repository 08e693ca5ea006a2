/* store/results_parts.c: /reference and /truth. */
#include "store/table.h"

#include "metric/reason.h"
#include "truth/truth.h"

#include <math.h>

#define PROBLEM_AXES FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL, FSL_AXIS_OBSERVATION
#define SIZED_AXES                                                                                                     \
  FSL_AXIS_PRIOR, FSL_AXIS_FORWARD_MODEL, FSL_AXIS_NOISE_LEVEL, FSL_AXIS_N_TRAIN, FSL_AXIS_REPLICATE,                  \
      FSL_AXIS_OBSERVATION

typedef struct part_variable {
  const char *name, *title, *units, *source;
} part_variable;

static fsl_status add_variable(fsl_sheet *sheet, const part_variable *v, fsl_job_type type, const char *field,
                               size_t n_axes, const fsl_axis *axes) {
  const fsl_h5_about about = {v->name, v->title, v->units, v->source};
  return fsl_sheet_add_field(sheet, &about, type, field, n_axes, axes);
}

/* ---- /reference: the finite-sample posterior's own error --------------------------------------------------------- */

static const part_variable reference_at[] = {
    {"mean_error", "error of the mean over the root of the truth's total variance", "1", NULL},
    {"covariance_error", "Frobenius norm of the covariance's error over that of the truth's", "1", NULL},
    {"sliced_w1", "sliced Wasserstein-1 distance of the exact mixture to the truth", "1", NULL},
    {"effective_atoms", "mean of exp(entropy of w) under p(x_t | y): below 2 the problem is memorised", "1", NULL},
};

static const part_variable reference_overall[] = {
    {"mode_weight_tv", "total variation of the mode weights at t = 0", "1", NULL},
    {"ess", "effective number of training samples under the posterior weights", "1", "Kong 1992"},
    {"khat", "Pareto shape of the posterior weights; shown, never a verdict", "1", "Vehtari et al. 2024"},
    {"log_evidence_error", "log evidence of the training set minus the truth's", "nat", NULL},
};

static fsl_status fill_reference(fsl_sheet *sheet) {
  static const fsl_axis sized[] = {SIZED_AXES}, with_t[] = {SIZED_AXES, FSL_AXIS_T};
  FSL_TRY(fsl_sheet_add_axes(sheet, 6, sized));
  FSL_TRY(fsl_sheet_add_times_and_zero(sheet));
  for (size_t i = 0; i < sizeof reference_at / sizeof *reference_at; i++)
    FSL_TRY(add_variable(sheet, &reference_at[i], FSL_JOB_REFERENCE, reference_at[i].name, 7, with_t));
  for (size_t i = 0; i < sizeof reference_overall / sizeof *reference_overall; i++)
    FSL_TRY(add_variable(sheet, &reference_overall[i], FSL_JOB_REFERENCE, reference_overall[i].name, 6, sized));
  return fsl_sheet_write(sheet);
}

fsl_status fsl_write_reference(fsl_results *results) {
  fsl_sheet sheet;
  FSL_TRY(fsl_sheet_open(results, "reference", &sheet));
  const fsl_status status = fill_reference(&sheet);
  fsl_sheet_close(&sheet);
  return status;
}

/* ---- /truth: p(x0 | y) at t = 0 ---------------------------------------------------------------------------------- */

static fsl_status write_methods(fsl_sheet *sheet) {
  fsl_results *const r = sheet->results;
  const fsl_spec *const spec = r->spec;
  const fsl_h5_about about = {.name = "method", .long_name = "how the truth was found"};
  const hid_t scale[4] = {sheet->scale[FSL_AXIS_PRIOR], sheet->scale[FSL_AXIS_FORWARD_MODEL],
                          sheet->scale[FSL_AXIS_NOISE_LEVEL], sheet->scale[FSL_AXIS_OBSERVATION]};
  const char **text;
  size_t n = 0;
  FSL_GET(r->h.ctx, text, spec->n_priors * spec->n_forward_models * spec->n_noise_levels * spec->n_observations);
  for (int p = 0; p < (int)spec->n_priors; p++)
    for (int f = 0; f < (int)spec->n_forward_models; f++)
      for (int l = 0; l < (int)spec->n_noise_levels; l++)
        for (int o = 0; o < (int)spec->n_observations; o++) {
          const fsl_record *record;
          FSL_TRY(fsl_results_record(r, FSL_JOB_TRUTH, (fsl_point){p, f, l, -1, -1, -1, o}, &record));
          const fsl_field *const field = record == NULL ? NULL : fsl_record_field(record, "method");
          text[n++] = field == NULL ? "" : fsl_truth_method_name((fsl_truth_method)(int)field->data[0]);
        }
  return fsl_h5_texts(&sheet->results->h, sheet->group, &about, 4, scale, text);
}

static fsl_status fill_reason(const fsl_sheet *sheet, const fsl_column *column, fsl_point point, double *cell) {
  (void)column;
  const fsl_record *record;
  FSL_TRY(fsl_results_record(sheet->results, FSL_JOB_TRUTH, point, &record));
  const fsl_field *const evidence = record == NULL ? NULL : fsl_record_field(record, "log_evidence");
  *cell = evidence == NULL ? FSL_NO_RESULT : isnan(evidence->data[0]) ? FSL_TRUTH_UNKNOWN : FSL_HAS_VALUE;
  return FSL_OK;
}

static fsl_status add_reason(fsl_sheet *sheet) {
  const fsl_column column = {
      .about = {"truth_reason", "why mean, covariance, log_evidence and stated_error are NaN", "1", NULL},
      .n_axes = 4,
      .axis = {PROBLEM_AXES},
      .fill = fill_reason};
  return fsl_sheet_add_reasons(sheet, &column);
}

static fsl_status fill_truth(fsl_sheet *sheet) {
  static const fsl_axis axes[] = {PROBLEM_AXES, FSL_AXIS_COMPONENT, FSL_AXIS_COMPONENT2};
  static const part_variable mean = {"mean", "mean of p(x_0 | y)", "1", NULL},
                             covariance = {"covariance", "covariance of p(x_0 | y)", "1", NULL},
                             evidence = {"log_evidence", "log p(y)", "nat", NULL},
                             error = {"stated_error", "relative error the method states", "1", NULL},
                             ess = {"ess", "effective draws of a sampled truth", "1", "Kong 1992"};
  FSL_TRY(fsl_sheet_add_axes(sheet, 6, axes));
  FSL_TRY(add_variable(sheet, &mean, FSL_JOB_TRUTH, "mean", 5, axes));
  FSL_TRY(add_variable(sheet, &covariance, FSL_JOB_TRUTH, "covariance", 6, axes));
  FSL_TRY(add_variable(sheet, &evidence, FSL_JOB_TRUTH, "log_evidence", 4, axes));
  FSL_TRY(write_methods(sheet));
  FSL_TRY(add_variable(sheet, &error, FSL_JOB_TRUTH, "stated_error", 4, axes));
  FSL_TRY(add_variable(sheet, &ess, FSL_JOB_TRUTH, "ess", 4, axes));
  FSL_TRY(add_reason(sheet));
  return fsl_sheet_write(sheet);
}

fsl_status fsl_write_truth(fsl_results *results) {
  fsl_sheet sheet;
  FSL_TRY(fsl_sheet_open(results, "truth", &sheet));
  const fsl_status status = fill_truth(&sheet);
  fsl_sheet_close(&sheet);
  return status;
}
