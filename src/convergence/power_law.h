/* convergence/power_law.h: least-squares slopes of errors against N, on logarithmic axes. */
#ifndef FSL_POWER_LAW_H
#define FSL_POWER_LAW_H

#include "fslens/base.h"

/* s of log E = log c + s log N by least squares; NaN where an error is not positive and finite or n < 2. */
double fsl_power_law_slope(size_t n, const double *log_n, const double *error);
/* s of log E^2 = log(c^2 N^2s + b^2) by least squares over (c, s), b >= 0 known; NaN also where the data hold no
 * information on s, because every error is b or less. */
double fsl_power_law_slope_above(size_t n, const double *log_n, const double *error, double b);

#endif
