/* spec/values.c: nodes become values of each type (see bind.h and values.h). */
#include "spec/values.h"

#include "base/array_file.h"

#include <float.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool wrong_type(fsl_binder *b, const fsl_node *node, const char *what, const char *expected) {
  return fsl_complain(b->d, node->place, "'%s' is %s, expected %s", what, fsl_node_describe(b->ctx->arena, node),
                      expected);
}

static bool out_of_memory(fsl_binder *b, const fsl_node *node) {
  return fsl_complain(b->d, node->place, "out of memory");
}

/* ---- scalars ----------------------------------------------------------------------------------------------------- */

static bool is_plain(const fsl_node *node) {
  return node->type == FSL_NODE_SCALAR && !node->quoted;
}

bool fsl_bind_text(fsl_binder *b, const fsl_node *node, const char *what, const char **out) {
  if (node->type != FSL_NODE_SCALAR || fsl_node_is_null(node)) return wrong_type(b, node, what, "a text");
  *out = node->text;
  return true;
}

/* What other languages call infinity and NaN is a text in YAML. */
static bool wrong_real(fsl_binder *b, const fsl_node *node, const char *what) {
  static const char *const words[] = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"};
  for (size_t i = 0; is_plain(node) && i < sizeof words / sizeof *words; i++)
    if (strcasecmp(node->text, words[i]) == 0)
      return wrong_type(b, node, what, words[i][0] == '-' ? "a real number: write -.inf" : "a real number: write .inf");
  return wrong_type(b, node, what, "a real number");
}

bool fsl_bind_real(fsl_binder *b, const fsl_node *node, const char *what, double *out) {
  if (!is_plain(node) || !fsl_parse_real(node->text, out)) return wrong_real(b, node, what);
  if (isnan(*out)) return wrong_type(b, node, what, "a number, not NaN");
  return true;
}

/* 1e2 and 100.0 are real numbers in YAML, whatever their value. */
static bool wrong_integer(fsl_binder *b, const fsl_node *node, const char *what) {
  double value;
  if (!is_plain(node) || !fsl_parse_real(node->text, &value) || value != floor(value) || fabs(value) > 0x1p53)
    return wrong_type(b, node, what, "an integer");
  return fsl_complain(b->d, node->place, "'%s' is '%.60s', a real number, expected an integer: write %.0f", what,
                      node->text, value);
}

bool fsl_bind_integer(fsl_binder *b, const fsl_node *node, const char *what, double low, double high, int64_t *out) {
  if (!is_plain(node) || !fsl_parse_integer(node->text, out)) return wrong_integer(b, node, what);
  if ((double)*out >= low && (double)*out <= high) return true;
  return fsl_complain(b->d, node->place, "'%s' is %lld, expected an integer from %.15g to %.15g", what, (long long)*out,
                      low, high);
}

bool fsl_bind_boolean(fsl_binder *b, const fsl_node *node, const char *what, bool *out) {
  static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
  for (size_t i = 0; is_plain(node) && i < 6; i++)
    if (strcmp(node->text, words[i]) == 0) {
      *out = i < 3;
      return true;
    }
  return wrong_type(b, node, what, "true or false");
}

static size_t count_choices(const char *const *choices) {
  size_t n = 0;
  while (choices[n] != NULL) n++;
  return n;
}

bool fsl_bind_choice(fsl_binder *b, const fsl_node *node, const char *what, const char *const *choices, int *out) {
  const size_t n = count_choices(choices);
  if (node->type != FSL_NODE_SCALAR)
    return fsl_complain_name(b->d, node->place, "", n, choices, "'%s' is %s", what,
                             fsl_node_describe(b->ctx->arena, node));
  for (size_t i = 0; i < n; i++)
    if (strcmp(node->text, choices[i]) == 0) {
      *out = (int)i;
      return true;
    }
  return fsl_complain_name(b->d, node->place, node->text, n, choices, "'%s' is '%.60s'", what, node->text);
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static bool in_range(fsl_binder *b, const fsl_node *node, const fsl_param *param, double value) {
  if (!isfinite(value) && !(value > 0 && isinf(param->high)))
    return fsl_complain(b->d, node->place, "'%s' must be finite", param->name);
  if (param->low == 0 && param->high == 0) return true;
  if (value <= param->high && (param->open_low ? value > param->low : value >= param->low)) return true;
  const char *const low = param->open_low ? "above" : "at least";
  if (param->high == DBL_MAX || isinf(param->high))
    return fsl_complain(b->d, node->place, "'%s' is %.15g, expected %s %.15g", param->name, value, low, param->low);
  return fsl_complain(b->d, node->place, "'%s' is %.15g, expected %s %.15g and at most %.15g", param->name, value, low,
                      param->low, param->high);
}

/* Entries of an inline array at their own places; those of a file at the file's. */
static bool entries_in_range(fsl_binder *b, const fsl_node *node, const fsl_param *param, const double **next) {
  bool good = true;
  if (node->type == FSL_NODE_SCALAR) return in_range(b, node, param, *(*next)++);
  for (size_t i = 0; i < node->n; i++) good = entries_in_range(b, node->item[i], param, next) && good;
  return good;
}

static bool array_in_range(fsl_binder *b, const fsl_node *node, const fsl_param *param, fsl_array array) {
  const double *next = array.data;
  bool good = true;
  if (param->low == 0 && param->high == 0) return true;
  if (node->type != FSL_NODE_SCALAR || array.rank == 0) return entries_in_range(b, node, param, &next);
  for (size_t i = 0; good && i < fsl_array_size(array); i++) good = in_range(b, node, param, array.data[i]);
  return good;
}

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

/* A lone number where a list is due. */
static bool wrong_list(fsl_binder *b, const fsl_node *node, const char *what, const char *expected) {
  double number;
  if (!is_plain(node) || !fsl_parse_real(node->text, &number)) return wrong_type(b, node, what, expected);
  return fsl_complain(b->d, node->place, "'%s' is '%.60s', expected %s: write [%.60s]", what, node->text, expected,
                      node->text);
}

static bool finite_real(fsl_binder *b, const fsl_node *node, const char *what, double *out) {
  if (!fsl_bind_real(b, node, what, out)) return false;
  return isfinite(*out) || fsl_complain(b->d, node->place, "'%s' must be finite", what);
}

bool fsl_bind_vector(fsl_binder *b, const fsl_node *node, const char *what, fsl_array *out) {
  bool good = true;
  if (node->type != FSL_NODE_LIST || node->n == 0) return wrong_list(b, node, what, "a list of real numbers");
  double *const data = fsl_arena_get(b->ctx->arena, node->n, sizeof *data);
  if (data == NULL) return out_of_memory(b, node);
  for (size_t i = 0; i < node->n; i++) good = finite_real(b, node->item[i], what, &data[i]) && good;
  if (!good) return false;
  *out = (fsl_array){.data = data, .rank = 1, .shape = {node->n}};
  return true;
}

static bool copy_row(fsl_binder *b, const fsl_node *row, const char *what, size_t columns, double *out) {
  bool good = true;
  if (row->type != FSL_NODE_LIST) return wrong_type(b, row, what, "a list of rows, each a list of real numbers");
  if (row->n != columns)
    return fsl_complain(b->d, row->place, "a row of '%s' has %zu numbers, the first has %zu", what, row->n, columns);
  for (size_t j = 0; j < columns; j++) good = finite_real(b, row->item[j], what, &out[j]) && good;
  return good;
}

bool fsl_bind_matrix(fsl_binder *b, const fsl_node *node, const char *what, fsl_array *out) {
  const bool rows = node->type == FSL_NODE_LIST && node->n > 0 && node->item[0]->type == FSL_NODE_LIST;
  const size_t columns = rows ? node->item[0]->n : 0;
  bool good = true;
  if (columns == 0) return wrong_type(b, node, what, "a list of rows, each a list of real numbers");
  double *const data = fsl_arena_get(b->ctx->arena, node->n * columns, sizeof *data);
  if (data == NULL) return out_of_memory(b, node);
  for (size_t i = 0; i < node->n; i++) good = copy_row(b, node->item[i], what, columns, data + i * columns) && good;
  if (!good) return false;
  *out = (fsl_array){.data = data, .rank = 2, .shape = {node->n, columns}};
  return true;
}

/* The path of a data file, beside the spec, is one of those that are read. NULL when out of memory. */
static const char *data_path(fsl_binder *b, const char *text) {
  const char *const path = fsl_path_beside(b->ctx->arena, b->file, text);
  const char **const read = fsl_arena_get(b->ctx->arena, b->n_read + 1, sizeof *read);
  if (path == NULL || read == NULL) return NULL;
  for (size_t i = 0; i < b->n_read; i++) read[i] = b->read[i];
  read[b->n_read++] = path;
  b->read = read;
  return path;
}

static bool all_finite(fsl_binder *b, const fsl_node *node, const char *what, fsl_array array) {
  for (size_t i = 0, n = fsl_array_size(array); i < n; i++)
    if (!isfinite(array.data[i]))
      return fsl_complain(b->d, node->place, "'%s': value %zu of the file is not finite", what, i + 1);
  return true;
}

/* Inline rows, or a file beside the spec. */
bool fsl_bind_matrix_or_file(fsl_binder *b, const fsl_node *node, const char *what, fsl_array *out) {
  if (node->type != FSL_NODE_SCALAR) return fsl_bind_matrix(b, node, what, out);
  const char *text = NULL;
  double number;
  if (!fsl_bind_text(b, node, what, &text)) return false;
  if (!node->quoted && fsl_parse_real(text, &number)) return wrong_type(b, node, what, fsl_type_name(FSL_MATRIX));
  const char *const path = data_path(b, text);
  if (path == NULL) return out_of_memory(b, node);
  if (fsl_array_read(b->ctx, path, NULL, out) != FSL_OK)
    return fsl_complain(b->d, node->place, "'%s': %s", what, b->ctx->error);
  if (out->rank != 2)
    return fsl_complain(b->d, node->place, "'%s': the array in %s has %zu axes, expected 2", what, path, out->rank);
  return all_finite(b, node, what, *out);
}

static bool bind_integers(fsl_binder *b, const fsl_node *node, const fsl_param *param, fsl_integers *out) {
  const bool ranged = param->low != 0 || param->high != 0;
  bool good = true;
  if (node->type != FSL_NODE_LIST || node->n == 0)
    return fsl_complain(b->d, node->place, "'%s' is %s, expected a list of integers: %s", param->name,
                        fsl_node_describe(b->ctx->arena, node), param->help);
  int64_t *const data = fsl_arena_get(b->ctx->arena, node->n, sizeof *data);
  if (data == NULL) return out_of_memory(b, node);
  for (size_t i = 0; i < node->n; i++)
    good = fsl_bind_integer(b, node->item[i], param->name, ranged ? param->low : -0x1p53, ranged ? param->high : 0x1p53,
                            &data[i]) &&
           good;
  if (!good) return false;
  *out = (fsl_integers){data, node->n};
  return true;
}

/* ---- covariances ------------------------------------------------------------------------------------------------- */

static bool bind_number_as_array(fsl_binder *b, const fsl_node *node, const char *what, fsl_array *out) {
  double *const value = fsl_arena_get(b->ctx->arena, 1, sizeof *value);
  if (value == NULL) return out_of_memory(b, node);
  if (!finite_real(b, node, what, value)) return false;
  *out = (fsl_array){.data = value, .rank = 0};
  return true;
}

static bool bind_covariance(fsl_binder *b, const fsl_node *node, const char *what, fsl_array *out) {
  if (node->type == FSL_NODE_MAP) return wrong_type(b, node, what, fsl_type_name(FSL_COVARIANCE));
  if (node->type == FSL_NODE_SCALAR) return bind_number_as_array(b, node, what, out);
  const bool rows = node->n > 0 && node->item[0]->type == FSL_NODE_LIST;
  return rows ? fsl_bind_matrix(b, node, what, out) : fsl_bind_vector(b, node, what, out);
}

static bool bind_covariances(fsl_binder *b, const fsl_node *node, const char *what, fsl_covariance_list *out) {
  const bool single = node->type == FSL_NODE_SCALAR;
  const size_t n = single ? 1 : node->n;
  if (node->type == FSL_NODE_MAP || n == 0) return wrong_type(b, node, what, fsl_type_name(FSL_COVARIANCES));
  fsl_covariance_value *const data = fsl_arena_get(b->ctx->arena, n, sizeof *data);
  if (data == NULL) return out_of_memory(b, node);
  bool good = true;
  for (size_t i = 0; i < n; i++) good = bind_covariance(b, single ? node : node->item[i], what, &data[i].value) && good;
  if (!good) return false;
  *out = (fsl_covariance_list){data, n};
  return true;
}

/* ---- files, and all types ---------------------------------------------------------------------------------------- */

static bool bind_file(fsl_binder *b, const fsl_node *node, const char *what, const char **out) {
  const char *text = NULL;
  if (!fsl_bind_text(b, node, what, &text)) return false;
  *out = data_path(b, text);
  if (*out == NULL) return out_of_memory(b, node);
  const char *const file = fsl_array_file_of(b->ctx->arena, *out);
  if (file == NULL) return out_of_memory(b, node);
  if (access(file, R_OK) == 0) return true;
  return fsl_complain(b->d, node->place, "'%s': there is no readable file %s", what, file);
}

static bool bind_choice_or_real(fsl_binder *b, const fsl_node *node, const fsl_param *param, fsl_choice_or_real *out) {
  enum { MOST = 8 };
  const char *expected[MOST] = {"a number"}; /* or a choice: what a message says */
  size_t n = 1;
  out->choice = -1;
  if (is_plain(node) && fsl_parse_real(node->text, &out->value)) return in_range(b, node, param, out->value);
  for (int i = 0; n < MOST && param->choices[i] != NULL; i++) {
    if (node->type == FSL_NODE_SCALAR && strcmp(node->text, param->choices[i]) == 0) out->choice = i;
    expected[n++] = param->choices[i];
  }
  if (out->choice >= 0) return true;
  const bool scalar = node->type == FSL_NODE_SCALAR;
  return fsl_complain_name(b->d, node->place, scalar ? node->text : "", n, expected, "'%s' is %s%.60s%s", param->name,
                           scalar ? "'" : "", scalar ? node->text : fsl_node_describe(b->ctx->arena, node),
                           scalar ? "'" : "");
}

static bool bind_ranged_integer(fsl_binder *b, const fsl_node *node, const fsl_param *param, int64_t *out) {
  const bool ranged = param->low != 0 || param->high != 0;
  return fsl_bind_integer(b, node, param->name, ranged ? param->low : -0x1p53, ranged ? param->high : 0x1p53, out);
}

bool fsl_bind_value(fsl_binder *b, const fsl_node *node, const fsl_param *param, void *field) {
  switch (param->type) {
  case FSL_REAL:
    return fsl_bind_real(b, node, param->name, field) && in_range(b, node, param, *(double *)field);
  case FSL_INTEGER:
    return bind_ranged_integer(b, node, param, field);
  case FSL_BOOLEAN:
    return fsl_bind_boolean(b, node, param->name, field);
  case FSL_CHOICE:
    return fsl_bind_choice(b, node, param->name, param->choices, field);
  case FSL_CHOICE_OR_REAL:
    return bind_choice_or_real(b, node, param, field);
  case FSL_TEXT:
    return fsl_bind_text(b, node, param->name, field);
  case FSL_FILE:
    return bind_file(b, node, param->name, field);
  case FSL_VECTOR:
    return fsl_bind_vector(b, node, param->name, field) && array_in_range(b, node, param, *(fsl_array *)field);
  case FSL_MATRIX:
    return fsl_bind_matrix_or_file(b, node, param->name, field) && array_in_range(b, node, param, *(fsl_array *)field);
  case FSL_INTEGERS:
    return bind_integers(b, node, param, field);
  case FSL_COVARIANCE:
    return bind_covariance(b, node, param->name, &((fsl_covariance_value *)field)->value);
  case FSL_COVARIANCES:
    return bind_covariances(b, node, param->name, field);
  }
  return false;
}
