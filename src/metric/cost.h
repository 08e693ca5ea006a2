/* metric/cost.h: seconds that preparing and grading take: the cost model's. Constants as measured, see cost.c. */
#ifndef FSL_METRIC_COST_H
#define FSL_METRIC_COST_H

#include "approximation/cost.h"
#include "metric/metric.h"

/* What the time of a problem's gradings depends on. */
typedef struct fsl_scene_size {
  uint32_t metrics;
  bool modes; /* wanted */
  double particles;
  double draws, region_draws; /* of the truth at each time; of the prior */
  double directions;          /* random ones; */
  double rows;                /* and those of a linear forward model */
  double m;                   /* measurements */
  double forward;             /* multiplications that one value of the forward model takes */
  fsl_law_size prior, truth;
  bool atomic_prior, atomic_truth;
} fsl_scene_size;

fsl_scene_size fsl_scene_size_of(const fsl_prior *prior, const fsl_forward_model *model, size_t particles,
                                 uint32_t metrics, bool modes);

/* Scenes of a problem at n_times times, with what they share; */
double fsl_scenes_seconds(const fsl_scene_size *size, size_t n_times);
/* the density regions of a prior at so many times, which all its problems share; */
double fsl_regions_seconds(const fsl_scene_size *size, size_t n_times);
/* one sample set graded; two compared; the floors of one time; */
double fsl_grade_seconds(const fsl_scene_size *size);
double fsl_between_seconds(const fsl_scene_size *size);
double fsl_floor_seconds(const fsl_scene_size *size);
/* the scene that a problem's references share at t = 0; one of them graded at n_times times, and at 0; */
double fsl_scene_at_0_seconds(const fsl_scene_size *size);
double fsl_reference_seconds(const fsl_scene_size *size, const fsl_posterior_size *posterior, size_t n_times);
/* score errors and path KL at n_times times; 0 where no metric asks for them. */
double fsl_score_errors_seconds(const fsl_scene_size *size, const fsl_approximation_kind *kind,
                                const fsl_posterior_size *posterior, size_t n_times);

#endif
