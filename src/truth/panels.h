/* truth/panels.h: adaptive quadrature of prior times likelihood in one or two dimensions.
 *
 * Each component of the prior has a frame x = origin + basis u, in which u has unit marginal variances, and a box
 * |u_j| <= radius cut into panels; a panel holds a tensor Gauss-Legendre rule. Panels are halved until the top Legendre
 * coefficients on them are negligible, until none holds much of the mass, and until none could hide a ridge of the
 * likelihood between its nodes (the measurement's residuals on it, with a margin, bound the likelihood). */
#ifndef FSL_TRUTH_PANELS_H
#define FSL_TRUTH_PANELS_H

#include "fslens/problem.h"

enum { FSL_PANEL_AXES = 2, FSL_PANEL_NODES = 8, FSL_PANEL_MOST = FSL_PANEL_NODES * FSL_PANEL_NODES };

typedef struct fsl_rule {
  size_t n;
  double node[FSL_PANEL_NODES], weight[FSL_PANEL_NODES]; /* Gauss-Legendre on [-1, 1], sum of weights 2 */
} fsl_rule;

typedef struct fsl_frame {
  size_t component, axes; /* axes < d where the component's covariance is degenerate; 0: an atom */
  double origin[2];
  double basis[4];     /* (d, axes) */
  double precision[3]; /* of u: 00, 01, 11 */
  double log_scale;    /* log weight of the component + log normalisation of its density in u */
  double zero[2];      /* u_j where x_j = 0 in frames along the coordinate axes, else NaN */
} fsl_frame;

typedef struct fsl_panel {
  uint32_t frame;
  int axis; /* along which it is halved next */
  double low[2], high[2];
  double log_value, log_error, log_most; /* integral, its error, the largest node's share */
} fsl_panel;

typedef struct fsl_nodes {
  size_t n;
  double x[FSL_PANEL_MOST * FSL_PANEL_AXES]; /* (n, d) */
  double log_share[FSL_PANEL_MOST];          /* log of rule weight x prior x likelihood */
  double log_likelihood[FSL_PANEL_MOST];
} fsl_nodes;

typedef struct fsl_panels {
  const fsl_problem *problem;
  fsl_rule rule, coarse;          /* of FSL_PANEL_NODES nodes, and of 2 fewer */
  double top[2][FSL_PANEL_NODES]; /* the two highest Legendre polynomials the rule knows, at its nodes */
  double log_peak;                /* log of the largest likelihood there can be */
  size_t n_frames;
  fsl_frame *frame;
  size_t n, capacity;
  fsl_panel *panel;
  double log_total;                   /* log evidence */
  double *measured, *least, *largest; /* m: work space; bounds of the residuals on a panel */
  fsl_nodes work;
} fsl_panels;

FSL_CHECKED fsl_status fsl_panels_create(fsl_ctx *ctx, const fsl_problem *problem, fsl_panels **out);
/* Replaces all panels by a cover of |u_j| <= radius, refined as said above; sorted by frame and place. */
FSL_CHECKED fsl_status fsl_panels_cover(fsl_ctx *ctx, fsl_panels *panels, double radius);
void fsl_panels_nodes(fsl_panels *panels, const fsl_panel *panel, const fsl_rule *rule, fsl_nodes *out);

#endif
