/* fslens/approximation.h: what a likelihood-score approximation or a sampler under test is. One file a method. */
#ifndef FSLENS_APPROXIMATION_H
#define FSLENS_APPROXIMATION_H

#include "fslens/posterior.h"

/* n states at one time, with what the method said it needs. Arrays are the caller's and read only. */
typedef struct fsl_states {
  size_t n, d, m;
  double t, a, v;
  const fsl_posterior *posterior;
  const double *x;              /* (n, d) */
  const double *mean;           /* (n, d): m */
  const double *posterior_mean; /* (n, d): m~, where `exact` is needed, else NULL */
  const void *kept;             /* what the method's `open` made; NULL where it has none */
} fsl_states;

/* One nominal step as the published samplers see it, for methods that move states themselves. */
typedef struct fsl_step_part {
  double share; /* length of this step over the length of the nominal step, <= 1 */
} fsl_step_part;

/* A chain's next time, for methods that draw. */
typedef struct fsl_transition {
  const fsl_diffusion *diffusion;
  const fsl_posterior *posterior;
  double t_from, t_to; /* t_from > t_to; t_from is NaN for the first time of the chain */
  fsl_key key;         /* of the paths; streams are particle numbers */
  uint64_t index;      /* number of this transition in the chain, from 0 */
  uint64_t first;      /* number of the first particle */
} fsl_transition;

/* What a method asks for at each state and time beside the means: for the cost model. Leave out what it does not do. */
typedef struct fsl_method_work {
  int products; /* C H^T u (fsl_guided_push) */
  int spreads;  /* Cov_w(A(x0)), Cov_w(x0, A(x0)) u, and an (m, m) system of the state's own */
  bool joint;   /* takes the two from one pass where fsl_posterior_cross_is_cheap */
  int solves;   /* (m, m) systems with one matrix for all states (fsl_guided_solve_gram) */
} fsl_method_work;

typedef struct fsl_approximation_kind {
  fsl_kind head;
  bool linear_only;           /* defined for linear forward models alone */
  bool needs_exact;           /* uses m~ or exact draws */
  bool needs_forward_moments; /* uses moments of A(x) */
  bool forbids_ode;           /* not with ode-heun */
  /* OPTIONAL: makes in ctx->arena what score and step need at every time, once a run. Not collective. */
  fsl_status (*open)(fsl_ctx *ctx, const void *params, const fsl_problem *problem, const void **kept);
  /* REQUIRED: exactly one of score, step, draw. All are collective over ctx->team. */
  /* g (n, d): the likelihood score at the states. A zero residual gives zero, never NaN. */
  fsl_status (*score)(fsl_ctx *ctx, const void *params, const fsl_states *states, double *g);
  /* shift (n, d): what is added to x after the unconditional step, computed from the states before it. */
  fsl_status (*step)(fsl_ctx *ctx, const void *params, const fsl_states *states, const fsl_step_part *part,
                     double *shift);
  /* x (n, d) at t_from becomes x at t_to. */
  fsl_status (*draw)(fsl_ctx *ctx, const void *params, const fsl_transition *transition, size_t n, size_t d, double *x);
  fsl_method_work work;
  bool draws_again; /* draw: every time but the first draws x_0 given x_t */
} fsl_approximation_kind;

/* NULL when defined for this posterior, else why not ("needs a linear forward model"). */
const char *fsl_approximation_inapplicable(const fsl_approximation_kind *kind, const fsl_posterior *posterior);
/* What `states` of this posterior are to keep. */
FSL_CHECKED fsl_status fsl_approximation_open(fsl_ctx *ctx, const fsl_approximation_kind *kind, const void *params,
                                              const fsl_posterior *posterior, const void **kept);
/* Score of any kind at states (n, d): computes the moments the method needs, then its g; all NaN for a kind without a
 * score. prior_score = (a m - x)/v and posterior_score = prior_score + g, either may be NULL. */
FSL_CHECKED fsl_status fsl_approximation_score(fsl_ctx *ctx, const fsl_approximation_kind *kind, const void *params,
                                               const fsl_posterior *posterior, double t, double a, double v, size_t n,
                                               const double *x, double *likelihood_score, double *prior_score,
                                               double *posterior_score);

#endif
