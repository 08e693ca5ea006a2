/* kind/kind.c: what the parameter tables drive besides parsing: look-up, identity and printing. */
#include "fslens/kind.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const fsl_param *fsl_kind_param(const fsl_kind *kind, const char *name) {
  for (size_t i = 0; i < kind->n_params; i++)
    if (strcmp(kind->params[i].name, name) == 0) return &kind->params[i];
  return NULL;
}

const char *fsl_type_name(fsl_type type) {
  switch (type) {
  case FSL_REAL:
    return "a real number";
  case FSL_INTEGER:
    return "an integer";
  case FSL_BOOLEAN:
    return "true or false";
  case FSL_CHOICE:
    return "a choice";
  case FSL_CHOICE_OR_REAL:
    return "a choice or a real number";
  case FSL_TEXT:
    return "a text";
  case FSL_FILE:
    return "the path of a file";
  case FSL_VECTOR:
    return "a list of real numbers";
  case FSL_MATRIX:
    return "a matrix (a list of rows, or FILE.h5:/NAME, .npz, .npy, .csv, .idx)";
  case FSL_INTEGERS:
    return "a list of integers";
  case FSL_COVARIANCE:
    return "a covariance (a number, a diagonal or a matrix)";
  case FSL_COVARIANCES:
    return "a number, or a list of covariances (each a number, a diagonal or a matrix)";
  }
  return "a value";
}

static const void *field_of(const fsl_param *param, const void *params) {
  return (const char *)params + param->offset;
}

/* ---- identity ------------------------------------------------------------------------------------------ */

static void hash_array(fsl_hasher *hasher, fsl_array array) {
  fsl_hash_integer(hasher, array.data == NULL ? -1 : (int64_t)array.rank);
  for (size_t i = 0; i < array.rank; i++) fsl_hash_integer(hasher, (int64_t)array.shape[i]);
  fsl_hash_reals(hasher, array.data, fsl_array_size(array));
}

/* An absent text differs from an empty one. */
static void hash_text(fsl_hasher *hasher, const char *text) {
  fsl_hash_integer(hasher, text != NULL);
  if (text != NULL) fsl_hash_text(hasher, text);
}

static void hash_integers(fsl_hasher *hasher, fsl_integers list) {
  fsl_hash_integer(hasher, (int64_t)list.n);
  for (size_t i = 0; i < list.n; i++) fsl_hash_integer(hasher, list.data[i]);
}

static void hash_covariances(fsl_hasher *hasher, fsl_covariance_list list) {
  fsl_hash_integer(hasher, (int64_t)list.n);
  for (size_t i = 0; i < list.n; i++) hash_array(hasher, list.data[i].value);
}

static void hash_value(const fsl_param *param, const void *field, fsl_hasher *hasher) {
  switch (param->type) {
  case FSL_REAL:
    fsl_hash_real(hasher, *(const double *)field);
    break;
  case FSL_INTEGER:
    fsl_hash_integer(hasher, *(const int64_t *)field);
    break;
  case FSL_BOOLEAN:
    fsl_hash_integer(hasher, *(const bool *)field);
    break;
  case FSL_CHOICE:
    fsl_hash_text(hasher, param->choices[*(const int *)field]);
    break;
  case FSL_CHOICE_OR_REAL: {
    const fsl_choice_or_real *const value = field;
    fsl_hash_text(hasher, value->choice < 0 ? "" : param->choices[value->choice]);
    fsl_hash_real(hasher, value->choice < 0 ? value->value : 0);
    break;
  }
  case FSL_TEXT:
    hash_text(hasher, *(const char *const *)field);
    break;
  case FSL_FILE: /* by what was read from it, see fsl_kind_hash */
    break;
  case FSL_VECTOR:
  case FSL_MATRIX:
    hash_array(hasher, *(const fsl_array *)field);
    break;
  case FSL_INTEGERS:
    hash_integers(hasher, *(const fsl_integers *)field);
    break;
  case FSL_COVARIANCE:
    hash_array(hasher, ((const fsl_covariance_value *)field)->value);
    break;
  case FSL_COVARIANCES:
    hash_covariances(hasher, *(const fsl_covariance_list *)field);
    break;
  }
}

bool fsl_param_is_outside(const fsl_param *param) {
  return param->outside_identity || param->type == FSL_FILE;
}

typedef struct entry {
  const fsl_param *param;
} entry;

static int by_name(const void *a, const void *b) {
  return strcmp(((const entry *)a)->param->name, ((const entry *)b)->param->name);
}

fsl_status fsl_kind_hash(fsl_ctx *ctx, const fsl_kind *kind, const void *params, fsl_hasher *hasher) {
  entry *sorted;
  FSL_GET(ctx, sorted, kind->n_params + 1);
  for (size_t i = 0; i < kind->n_params; i++) sorted[i].param = &kind->params[i];
  qsort(sorted, kind->n_params, sizeof *sorted, by_name);
  fsl_hash_text(hasher, kind->name);
  fsl_hash_integer(hasher, kind->version);
  for (size_t i = 0; i < kind->n_params; i++) {
    const fsl_param *const param = sorted[i].param;
    if (fsl_param_is_outside(param)) continue;
    fsl_hash_text(hasher, param->name);
    hash_value(param, field_of(param, params), hasher);
  }
  return FSL_OK;
}

/* ---- printing -------------------------------------------------------------------------------------------- */

enum { SHORT_LIST = 6 };

static void add_real(fsl_text *text, double value) {
  char number[32];
  if (!isfinite(value)) {
    fsl_text_add(text, isnan(value) ? ".nan" : value > 0 ? ".inf" : "-.inf");
    return;
  }
  fsl_print_real(value, number);
  fsl_text_add(text, "%s", number);
}

/* Short vectors in full, anything larger by its shape. */
static void add_array(fsl_text *text, fsl_array array) {
  if (array.data == NULL) {
    fsl_text_add(text, "none");
  } else if (array.rank == 0) {
    add_real(text, array.data[0]);
  } else if (array.rank == 1 && array.shape[0] <= SHORT_LIST) {
    for (size_t i = 0; i < array.shape[0]; i++) {
      fsl_text_add(text, i == 0 ? "[" : ", ");
      add_real(text, array.data[i]);
    }
    fsl_text_add(text, "]");
  } else {
    for (size_t i = 0; i < array.rank; i++) fsl_text_add(text, "%s%zu", i == 0 ? "(" : ", ", array.shape[i]);
    fsl_text_add(text, ")");
  }
}

static void add_integers(fsl_text *text, fsl_integers list) {
  if (list.data == NULL || list.n > SHORT_LIST) {
    fsl_text_add(text, list.data == NULL ? "none" : "(%zu)", list.n);
    return;
  }
  fsl_text_add(text, "[");
  for (size_t i = 0; i < list.n; i++) fsl_text_add(text, "%s%lld", i == 0 ? "" : ", ", (long long)list.data[i]);
  fsl_text_add(text, "]");
}

static void add_covariances(fsl_text *text, fsl_covariance_list list) {
  if (list.n == 0)
    fsl_text_add(text, "none");
  else if (list.n == 1)
    add_array(text, list.data[0].value);
  else
    fsl_text_add(text, "(%zu covariances)", list.n);
}

static void add_value(fsl_text *text, const fsl_param *param, const void *field) {
  const char *name = NULL;
  switch (param->type) {
  case FSL_REAL:
    if (isnan(*(const double *)field))
      fsl_text_add(text, "none");
    else
      add_real(text, *(const double *)field);
    return;
  case FSL_INTEGER:
    if (*(const int64_t *)field == INT64_MIN)
      fsl_text_add(text, "none");
    else
      fsl_text_add(text, "%lld", (long long)*(const int64_t *)field);
    return;
  case FSL_BOOLEAN:
    fsl_text_add(text, *(const bool *)field ? "true" : "false");
    return;
  case FSL_CHOICE:
    fsl_text_add(text, "%s", param->choices[*(const int *)field]);
    return;
  case FSL_CHOICE_OR_REAL:
    if (((const fsl_choice_or_real *)field)->choice < 0)
      add_real(text, ((const fsl_choice_or_real *)field)->value);
    else
      fsl_text_add(text, "%s", param->choices[((const fsl_choice_or_real *)field)->choice]);
    return;
  case FSL_TEXT:
  case FSL_FILE:
    name = *(const char *const *)field;
    fsl_text_add(text, "%s", name == NULL ? "none" : name);
    return;
  case FSL_VECTOR:
  case FSL_MATRIX:
    add_array(text, *(const fsl_array *)field);
    return;
  case FSL_INTEGERS:
    add_integers(text, *(const fsl_integers *)field);
    return;
  case FSL_COVARIANCE:
    add_array(text, ((const fsl_covariance_value *)field)->value);
    return;
  case FSL_COVARIANCES:
    add_covariances(text, *(const fsl_covariance_list *)field);
    return;
  }
}

fsl_status fsl_param_print(fsl_ctx *ctx, const fsl_param *param, const void *params, const char **out) {
  fsl_text text;
  fsl_text_start(&text, ctx->arena);
  add_value(&text, param, field_of(param, params));
  if (text.failed) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for the text of '%s'", param->name);
  *out = text.data;
  return FSL_OK;
}
