/* runner/messages.h: MPI as the runner uses it: waits that nap, and the messages between master and workers: a batch of
 * orders one way; a batch of small records, a large record, the record of a job that ran out of memory, or a refusal
 * the other. */
#ifndef FSL_RUNNER_MESSAGES_H
#define FSL_RUNNER_MESSAGES_H

#include "runner/records.h"

#include <mpi.h>

enum {
  FSL_TAG_ORDER = 1,
  FSL_TAG_RECORDS,
  FSL_TAG_RECORD,
  FSL_TAG_STARVED,
  FSL_TAG_STOPPED,
  FSL_TAG_LETTER,
  FSL_TAG_DATA
};

/* What the master tells each rank of a group. */
typedef struct fsl_order {
  int64_t job;     /* number in the grid; -1: go home */
  int64_t level;   /* the group's size is 2^level */
  int64_t attempt; /* from 1 */
  /* Nanoseconds from now, INT64_MAX: no limit. Past the first the job is recorded as timed out; past the second the run
   * is over, and the job is not recorded. */
  int64_t job_limit, run_limit;
} fsl_order;
enum {
  FSL_ORDER_NUMBERS = sizeof(fsl_order) / sizeof(int64_t),
  FSL_MOST_ORDERS = 64 /* in one message */
};

/* Waits for all requests, napping. */
void fsl_wait_all(int n, MPI_Request *requests);
/* Whether a message is there. */
int fsl_probe(MPI_Comm comm, int source, int tag, MPI_Status *status);
/* Waits for a message on `comm`, napping; the caller receives it. */
void fsl_wait_message(MPI_Comm comm, int source, int tag, MPI_Status *status);
/* An exchange of a team (see fslens/base.h) over `comm`: one message each way, and a second one for long data. */
fsl_status fsl_exchange(MPI_Comm comm, int partner, fsl_trouble trouble, fsl_trouble *their_trouble, size_t n,
                        const double *send, double *recv);

#endif
