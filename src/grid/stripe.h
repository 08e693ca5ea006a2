/* grid/stripe.h: which jobs the task of an array computes. */
#ifndef FSL_GRID_STRIPE_H
#define FSL_GRID_STRIPE_H

#include "grid/grid.h"

/* mine[job]: whether shard `shard` of `shards` (from 1) computes it. All jobs are sorted by their uncalibrated cost,
 * ties by identity, and dealt out forwards and backwards in turn: tasks that never talk to each other agree, whatever
 * has been computed already, and get near-equal work. mine: n_jobs. */
FSL_CHECKED fsl_status fsl_grid_stripe(fsl_ctx *ctx, const fsl_grid *grid, unsigned shard, unsigned shards, bool *mine);

#endif
