/* fslens/kind.h: how every prior, forward model, approximation, sampler and schedule describes itself.
 * A kind is one const table. The tables alone drive parsing, validation, identity, `fslens kinds` and the manual. */
#ifndef FSLENS_KIND_H
#define FSLENS_KIND_H

#include "fslens/base.h"

typedef struct fsl_integers {
  const int64_t *data;
  size_t n;
} fsl_integers;

/* One of the named choices (choice >= 0), or a number (choice == -1). */
typedef struct fsl_choice_or_real {
  int choice;
  double value;
} fsl_choice_or_real;

/* A covariance as written: a number (times the identity), a diagonal, or a matrix. */
typedef struct fsl_covariance_value {
  fsl_array value; /* rank 0, 1 (d) or 2 (d, d) */
} fsl_covariance_value;

typedef struct fsl_covariance_list {
  const fsl_covariance_value *data;
  size_t n;
} fsl_covariance_list;

/* The type of a parameter and the C type of the field it is stored in. */
typedef enum fsl_type {
  FSL_REAL,           /* double; NaN where optional and absent */
  FSL_INTEGER,        /* int64_t; INT64_MIN where optional and absent */
  FSL_BOOLEAN,        /* bool */
  FSL_CHOICE,         /* int: index into choices */
  FSL_CHOICE_OR_REAL, /* fsl_choice_or_real */
  FSL_TEXT,           /* const char *; NULL where optional and absent */
  FSL_FILE,           /* const char *: path, already made relative to the spec's folder */
  FSL_VECTOR,         /* fsl_array of rank 1 */
  FSL_MATRIX,         /* fsl_array of rank 2: inline rows, or read from a file (base/array_file.h) */
  FSL_INTEGERS,       /* fsl_integers */
  FSL_COVARIANCE,     /* fsl_covariance_value */
  FSL_COVARIANCES,    /* fsl_covariance_list: one an entry; a single number stands for all */
} fsl_type;

typedef struct fsl_param {
  const char *name;
  fsl_type type;
  size_t offset;      /* offsetof the field in the kind's parameter struct */
  const char *preset; /* the default as YAML text; NULL: required, unless optional */
  bool optional;      /* may be absent without a default */
  double low, high; /* inclusive range of numbers and of array entries; both 0: any finite value. high INFINITY: .inf is
                       in it */
  bool open_low;    /* low itself is excluded */
  const char *const *choices; /* NULL-terminated, for FSL_CHOICE and FSL_CHOICE_OR_REAL */
  bool outside_identity;      /* says where values lie or how they are arranged: the values alone make the identity */
  bool prior_shape;   /* FSL_INTEGERS of a forward model: where absent, the shape of the prior's samples is taken */
  const char *shape;  /* symbols that unify across parameters, such as "K,d"; NULL: none */
  const char *help;   /* one line */
  const char *source; /* where the default comes from; NULL: obvious */
} fsl_param;

typedef struct fsl_kind {
  const char *name;
  const char *help;   /* one line */
  const char *source; /* paper or standard name; NULL: none */
  int version;        /* raised when results change: part of a job's identity */
  const fsl_param *params;
  size_t n_params;
  size_t params_size; /* sizeof the parameter struct; 0: no parameters */
  /* Checks what a table cannot say. On FSL_EINPUT ctx->error says what is wrong and *bad names the
   * parameter, which the spec maps to its line and column. NULL: nothing more to check. */
  fsl_status (*check)(fsl_ctx *ctx, const void *params, const char **bad);
} fsl_kind;

#define FSL_PARAMS(table) .params = (table), .n_params = sizeof(table) / sizeof *(table)

const fsl_param *fsl_kind_param(const fsl_kind *kind, const char *name); /* NULL: no such parameter */
const char *fsl_type_name(fsl_type type);                                /* "a real number", "a matrix", ... */
/* Whether identity leaves the parameter out: a file, or marked so. */
bool fsl_param_is_outside(const fsl_param *param);
/* Adds kind name, version and every parameter that is not outside, names sorted, defaults filled. Files are left out,
 * path and bytes: whoever reads one adds the values it read (fsl_prior.content). */
FSL_CHECKED fsl_status fsl_kind_hash(fsl_ctx *ctx, const fsl_kind *kind, const void *params, fsl_hasher *hasher);
/* One parameter's value as a short YAML text ("0.3", "flat", "[0.1, 0.2]", "(64, 8)" for larger arrays). */
FSL_CHECKED fsl_status fsl_param_print(fsl_ctx *ctx, const fsl_param *param, const void *params, const char **out);

#endif
