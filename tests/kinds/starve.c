/* tests/kinds/starve.c: one rank of the team is out of memory, the others are well: a lone failure between two
 * exchanges. Or a rank that `ulimit -v` limits is, whatever it needs. */
#include <string.h>
#include <sys/resource.h>

#include "kinds.h"

enum { FIRST, LATER, LIMITED };

typedef struct starve_params {
  int64_t rank;
  int when;
} starve_params;

static const char *const times[] = {"first", "later", "limited", NULL};

static const fsl_param params_table[] = {
    {.name = "rank",
     .type = FSL_INTEGER,
     .offset = offsetof(starve_params, rank),
     .preset = "0",
     .low = 0,
     .high = 1 << 20,
     .help = "the rank of the team that fails"},
    {.name = "when",
     .type = FSL_CHOICE,
     .offset = offsetof(starve_params, when),
     .preset = "first",
     .choices = times,
     .help = "in the first score, in the first one at t < 0.5, or in each one on a rank of limited address space"},
};

static fsl_status score(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g) {
  const starve_params *const p = params;
  struct rlimit space;
  const bool limited = getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY;
  const bool now = p->when == LIMITED ? limited : p->when == FIRST || states->t < 0.5;
  if (now && (p->when == LIMITED || ctx->team->rank == p->rank))
    return fsl_fail(ctx, FSL_ENOMEM, "out of memory: test-starve on rank %d", ctx->team->rank);
  memset(g, 0, states->n * states->d * sizeof *g);
  return FSL_OK;
}

const fsl_approximation_kind fsl_test_starve = {
    .head = {.name = "test-starve",
             .help = "out of memory on one rank of the team",
             .version = 1,
             FSL_PARAMS(params_table),
             .params_size = sizeof(starve_params)},
    .score = score,
};
