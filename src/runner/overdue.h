/* runner/overdue.h: when a job that does not come back is given up. Pure. */
#ifndef FSL_RUNNER_OVERDUE_H
#define FSL_RUNNER_OVERDUE_H

typedef enum fsl_overdue { FSL_IN_TIME, FSL_PAST_LIMIT, FSL_PAST_STOP } fsl_overdue;

/* limit: of a job, in seconds; INFINITY: none. running: since the job was handed out. stopped: since a stop was asked
 * for; below 0 or -INFINITY: none was. Jobs look at both themselves: only one that does not is ever overdue, after a
 * grace. */
fsl_overdue fsl_overdue_find(double limit, double running, double stopped);

#endif
