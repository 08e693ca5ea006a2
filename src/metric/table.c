/* metric/table.c: the metrics' names and meanings: one entry a root variable of the results file. */
#include "metric/metric.h"

#define METRIC(metric_name, long_text, unit_text, help_text, source_text)                                              \
  .head = {.name = (metric_name), .help = (help_text), .source = (source_text), .version = 1},                         \
  .long_name = (long_text), .units = (unit_text)

#define PAPER          "Burns & Fridovich-Keil 2026, arXiv 2605.30330"
#define SLICED_SOURCE  "Bonneel et al. 2015, sliced Wasserstein distance"
#define MMD_SOURCE     "Gretton et al. 2012, unbiased MMD^2"
#define PATH_KL_SOURCE "Girsanov; Chen et al. 2023"

const fsl_metric_info fsl_metrics[FSL_N_METRICS] = {
    [FSL_MEAN_ERROR] = {METRIC("mean_error", "error of the mean over the truth's spread", "1",
                               "norm of the difference of means over sqrt(tr Cov truth)", NULL),
                        .has_floor = true, .has_rate = true},
    [FSL_SPREAD_RATIO] = {METRIC("spread_ratio", "total variance over the truth's", "1",
                                 "tr Cov samples / tr Cov truth", NULL),
                          .has_floor = true, .has_floor_lo = true},
    [FSL_SPREAD_MIN] = {METRIC("spread_min", "least variance ratio over all directions", "1",
                               "least eigenvalue of S^-1/2 S_samples S^-1/2", NULL),
                        .has_floor = true, .has_floor_lo = true},
    [FSL_SPREAD_MAX] = {METRIC("spread_max", "largest variance ratio over all directions", "1",
                               "largest eigenvalue of S^-1/2 S_samples S^-1/2", NULL),
                        .has_floor = true, .has_floor_lo = true},
    [FSL_WITHIN_MODE_SPREAD] = {METRIC("within_mode_spread", "total variance over the truth's inside the main mode",
                                       "1", "spread ratio inside the mode of largest posterior weight", NULL),
                                .has_floor = true, .has_floor_lo = true},
    [FSL_SLICED_W1] = {METRIC("sliced_w1", "sliced Wasserstein-1 distance", "1",
                              "mean 1-D Wasserstein-1 distance over 128 fixed directions", SLICED_SOURCE),
                       .has_floor = true, .has_rate = true},
    [FSL_MAX_SLICED_W1] = {METRIC("max_sliced_w1", "largest sliced Wasserstein-1 distance", "1",
                                  "largest of the same and of the directions of A's rows", SLICED_SOURCE),
                           .has_floor = true, .has_rate = true},
    [FSL_MMD2] = {METRIC("mmd2", "squared maximum mean discrepancy", "1",
                         "unbiased, Gaussian kernel of width sqrt(tr Cov truth)", MMD_SOURCE),
                  .has_floor = true},
    [FSL_MODE_WEIGHT_TV] = {METRIC("mode_weight_tv", "total variation of the mode weights", "1",
                                   "half the sum of differences of mode masses", NULL),
                            .has_floor = true, .has_rate = true},
    [FSL_PRIOR_HALLUCINATION] = {METRIC("prior_hallucination", "excess mass in modes the posterior excludes", "1",
                                        "samples minus truth, in modes of true weight below 1e-3 at t = 0", NULL),
                                 .has_floor = true},
    [FSL_LIKELIHOOD_HALLUCINATION] = {METRIC("likelihood_hallucination",
                                             "excess mass that fits the measurement and not the prior", "1",
                                             "inside the 68 % noise ellipsoid, outside the prior's 99 % region", NULL),
                                      .has_floor = true},
    [FSL_ESCAPE] = {METRIC("escape", "mass outside the prior's 99 % region, less the .01 that lies there", "1",
                           "samples outside the 99 % highest-density region of p(x_t), whatever y, minus .01", NULL),
                    .has_floor = true},
    [FSL_STOPPING_ERROR] = {METRIC("stopping_error", "sliced Wasserstein-1 distance to the posterior at t = 0", "1",
                                   "what stopping at t > 0 costs: sliced W1 of x_t against p(x_0 | y)", SLICED_SOURCE),
                            .has_floor = true},
    [FSL_SCORE_ERROR] = {METRIC("score_error", "relative error of the likelihood score", "1",
                                "root mean square of g - g_fsr over that of g_fsr under p(x_t | y)", PAPER),
                         .has_rate = true},
    [FSL_SCORE_ERROR_ABS] = {METRIC("score_error_abs", "error of the likelihood score times sqrt(v/d)", "1",
                                    "sqrt(v E |g - g_fsr|^2 / d) under p(x_t | y)", PAPER)},
    [FSL_PATH_KL] = {METRIC("path_kl", "Kullback-Leibler divergence between the path measures", "nat",
                            "half the integral of g2 E |g - g_fsr|^2 from t to t_max", PATH_KL_SOURCE)},
    [FSL_NONFINITE_FRACTION] = {METRIC("nonfinite_fraction", "fraction of particles that became non-finite", "1",
                                       "particles that are not finite over all particles", NULL)},
};

bool fsl_metrics_need_modes(uint32_t metrics) {
  return (metrics & (1U << FSL_MODE_WEIGHT_TV | 1U << FSL_PRIOR_HALLUCINATION | 1U << FSL_WITHIN_MODE_SPREAD)) != 0;
}

bool fsl_metric_has_reason(fsl_metric_id id) {
  return id != FSL_NONFINITE_FRACTION;
}

size_t fsl_pooled_modes(size_t n_modes) {
  return n_modes < FSL_MAX_MODES ? n_modes : FSL_MAX_MODES;
}
