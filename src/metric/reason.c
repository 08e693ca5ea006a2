/* metric/reason.c: the reasons' names and texts. */
#include "metric/reason.h"

const fsl_reason_info fsl_reasons[FSL_N_REASONS] = {
    [FSL_HAS_VALUE] = {"has_value", "there is a value"},
    [FSL_NO_RESULT] = {"no_result", "no result: not applicable, excluded, failed or not run yet"},
    [FSL_NONFINITE_SAMPLES] = {"nonfinite_samples", "more than 1 % of the samples are not finite"},
    [FSL_TOO_FEW_SAMPLES] = {"too_few_samples", "fewer than 2 samples"},
    [FSL_OVERFLOW] = {"overflow", "the samples are too large to square"},
    [FSL_TRUTH_UNKNOWN] = {"truth_unknown", "the truth has fewer than 400 effective draws"},
    [FSL_TRUTH_WITHOUT_SPREAD] = {"truth_without_spread", "the truth has no spread in some direction"},
    [FSL_TOO_FEW_IN_MODE] = {"too_few_in_mode", "fewer than 30 samples lie in the main mode"},
    [FSL_NO_EXCLUDED_MODE] = {"no_excluded_mode", "the truth excludes no mode of the prior"},
    [FSL_TRUTH_IN_EXCLUDED_MODES] = {"truth_in_excluded_modes",
                                     "the truth itself visits the modes it excludes at t = 0"},
    [FSL_NO_DENSITY] = {"no_density", "atoms have no density at t = 0"},
    [FSL_NO_SCORE] = {"no_score", "the method has no score"},
    [FSL_NO_EXACT_SCORE] = {"no_exact_score", "the exact score has no closed form here"},
    [FSL_NEGLIGIBLE_SCORE] = {"negligible_score", "the exact likelihood score is too small to divide by"},
    [FSL_AT_ROUNDING_LEVEL] = {"at_rounding_level", "nothing but rounding was seen"},
    [FSL_ONE_DRAW_DOMINATES] = {"one_draw_dominates", "one draw dominates"},
    [FSL_NO_ERRORS] = {"no_errors", "there are no such errors"},
    [FSL_TOO_FEW_REPLICATES] = {"too_few_replicates", "fewer than 5 replicates"},
    [FSL_TOO_FEW_SIZES] = {"too_few_sizes", "fewer than 3 sizes inside the window"},
    [FSL_NO_VALUE_AT_INF] = {"no_value_at_inf", "the method's own error at n_train .inf is not known"},
    [FSL_ERROR_IS_ZERO] = {"error_is_zero", "an error is 0"},
    [FSL_NO_SLOPE] = {"no_slope", "the errors do not determine a slope"},
    [FSL_WIDE_INTERVAL] = {"wide_interval", "the interval is wider than 1"},
};
