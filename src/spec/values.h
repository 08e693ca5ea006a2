/* spec/values.h: one value of a parameter table's type, for bind.c. */
#ifndef FSL_SPEC_VALUES_H
#define FSL_SPEC_VALUES_H

#include "spec/bind.h"

/* Fills the field of the parameter's type from a node: type, range and choices; complains and returns false otherwise.
 */
bool fsl_bind_value(fsl_binder *b, const fsl_node *node, const fsl_param *param, void *field);

#endif
