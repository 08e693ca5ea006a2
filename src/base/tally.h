/* base/tally.h: texts counted by what they say: many failures become one line for each reason. Two texts that differ in
 * their numbers alone count as one. */
#ifndef FSL_BASE_TALLY_H
#define FSL_BASE_TALLY_H

#include "fslens/base.h"

enum { FSL_MOST_TALLIED = 16 }; /* reasons that are kept apart; the rest count together */

typedef struct fsl_tally {
  size_t n;      /* reasons, in the order in which they came */
  size_t others; /* texts beyond the last reason */
  struct {
    char text[256];  /* the first of its kind, cut where it is longer */
    char where[128]; /* what came with it */
    size_t count;
  } reason[FSL_MOST_TALLIED];
} fsl_tally;

/* Counts `text`; true where it is the first of its kind and is kept. The tally starts as {0}. */
bool fsl_tally_add(fsl_tally *tally, const char *text, const char *where);

#endif
