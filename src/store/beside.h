/* store/beside.h: a file is assembled beside its place, under a name of its writer's own, and renamed when it is whole.
 * What a killed writer left under such a name is removed by the next one. */
#ifndef FSL_STORE_BESIDE_H
#define FSL_STORE_BESIDE_H

#include "fslens/base.h"

/* The name alone, for whoever wants to know how long it is. FSL_ENOMEM. */
FSL_CHECKED fsl_status fsl_beside_name(fsl_ctx *ctx, const char *path, const char **out);
/* *out: "path.tmp-<host>-<process namespace>-<process>.<its start>", in ctx->arena: no two writers share one, ever.
 * Removes those of the same path whose writers were processes of this host (and namespace) that are gone; others' stay,
 * and what cannot be removed does too. */
FSL_CHECKED fsl_status fsl_beside(fsl_ctx *ctx, const char *path, const char **out);

#endif
