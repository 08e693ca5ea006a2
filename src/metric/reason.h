/* metric/reason.h: why a value of a results file is NaN. The one list: metrics, rates and the truth name their reasons
 * from it, the file stores its numbers beside the values, and `show` prints its texts. */
#ifndef FSL_METRIC_REASON_H
#define FSL_METRIC_REASON_H

/* The numbers are those of the file: new reasons go to the end. */
typedef enum fsl_reason {
  FSL_HAS_VALUE,
  FSL_NO_RESULT,
  FSL_NONFINITE_SAMPLES,
  FSL_TOO_FEW_SAMPLES,
  FSL_OVERFLOW,
  FSL_TRUTH_UNKNOWN,
  FSL_TRUTH_WITHOUT_SPREAD,
  FSL_TOO_FEW_IN_MODE,
  FSL_NO_EXCLUDED_MODE,
  FSL_TRUTH_IN_EXCLUDED_MODES,
  FSL_NO_DENSITY,
  FSL_NO_SCORE,
  FSL_NO_EXACT_SCORE,
  FSL_NEGLIGIBLE_SCORE,
  FSL_AT_ROUNDING_LEVEL,
  FSL_ONE_DRAW_DOMINATES,
  FSL_NO_ERRORS,
  FSL_TOO_FEW_REPLICATES,
  FSL_TOO_FEW_SIZES,
  FSL_NO_VALUE_AT_INF,
  FSL_ERROR_IS_ZERO,
  FSL_NO_SLOPE,
  FSL_WIDE_INTERVAL,
  FSL_N_REASONS
} fsl_reason;

typedef struct fsl_reason_info {
  const char *name; /* in flag_meanings */
  const char *text; /* for people: goes on after "- : " */
} fsl_reason_info;

extern const fsl_reason_info fsl_reasons[FSL_N_REASONS];

#endif
