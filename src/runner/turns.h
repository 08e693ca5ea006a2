/* runner/turns.h: in which order the jobs of a campaign start. Pure.
 *
 * Suspects come first, then what takes longest. Within half an octave of expected seconds, the jobs of one family,
 * which share a posterior, stand together: a run of turns. Who takes a run's first job takes the rest, while there are
 * runs that nobody has begun. */
#ifndef FSL_RUNNER_TURNS_H
#define FSL_RUNNER_TURNS_H

#include "grid/grid.h"

typedef struct fsl_turn {
  int64_t job;
  bool suspect;
  double seconds;    /* expected, on one rank */
  uint64_t family;   /* jobs with the same number share problem and training set */
  int step;          /* half octave of `seconds`; filled in by sorting, and so is the rest */
  size_t first, end; /* its run: first .. end - 1 */
} fsl_turn;

/* The number of the problem and training set behind a job of this point; neighbours share the problem. */
uint64_t fsl_turn_family(const fsl_spec *spec, fsl_point point);
/* Sorts turns `from` .. n - 1, of which none has started. */
void fsl_turns_sort(size_t from, size_t n, fsl_turn *turns);
/* The next turn from `at` on whose run nobody has begun, among those that are as long as turn `at`; n: there is none.
 * started: by number of job. */
size_t fsl_turns_unbegun(size_t n, const fsl_turn *turns, const bool *started, size_t at);
/* The next turn of the run of turn `at` that has not started; n: there is none. */
size_t fsl_turns_kin(size_t n, const fsl_turn *turns, const bool *started, size_t at);

#endif
