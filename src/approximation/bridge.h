/* approximation/bridge.h: q(x_s | x_t, x_0) of a diffusion x_t = a x_0 + sqrt(v) eps, and the keys of exact draws. */
#ifndef FSL_APPROXIMATION_BRIDGE_H
#define FSL_APPROXIMATION_BRIDGE_H

#include "fslens/problem.h"

/* x_s | x_t, x_0 ~ N(state x_t + origin x_0, std^2 I), s < t. With a_ts = a_t/a_s and v_ts = v_t - a_ts^2 v_s:
 * state = a_ts v_s/v_t, origin = a_s v_ts/v_t, std^2 = v_s v_ts/v_t (Ho et al. 2020 for VP; holds for any a, v). */
typedef struct fsl_bridge {
  double state, origin, std;
} fsl_bridge;

fsl_bridge fsl_bridge_between(const fsl_diffusion *diffusion, double t, double s);

/* A key for another purpose than `key`'s own: random numbers of different purposes never coincide. */
typedef enum fsl_purpose {
  FSL_FOR_START = 1, /* normals of the start */
  FSL_FOR_FINE,      /* what a refined run adds to the plain run's path */
  FSL_FOR_ORIGIN,    /* which x_0 a chain draws */
  FSL_FOR_BRIDGE,    /* normals of a chain's transitions */
} fsl_purpose;

fsl_key fsl_key_for(fsl_key key, fsl_purpose purpose);

#endif
