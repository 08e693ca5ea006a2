/* runner/messages.c: waits that nap (see messages.h). */
#include "runner/messages.h"

#include "runner/nap.h"

#include <string.h>

enum { PIECE = 1 << 26, SHORT = 480 }; /* SHORT with its head stays below what shared memory sends at once */

/* One by one: gcc warns of MPI_STATUSES_IGNORE where MPICH's header says that statuses are an array. */
void fsl_wait_all(int n, MPI_Request *requests) {
  fsl_nap nap = {0};
  for (int i = 0; i < n;) {
    int done = 0;
    MPI_Test(&requests[i], &done, MPI_STATUS_IGNORE);
    if (done)
      i++;
    else
      fsl_nap_wait(&nap);
  }
}

/* Open MPI looks for a message first and makes progress afterwards: what arrived during a nap is seen by the second
 * call. */
int fsl_probe(MPI_Comm comm, int source, int tag, MPI_Status *status) {
  int found = 0;
  MPI_Iprobe(source, tag, comm, &found, status);
  if (!found) MPI_Iprobe(source, tag, comm, &found, status);
  return found;
}

void fsl_wait_message(MPI_Comm comm, int source, int tag, MPI_Status *status) {
  fsl_nap nap = {0};
  for (int found = 0;;) {
    found = fsl_probe(comm, source, tag, status);
    if (found) return;
    fsl_nap_wait(&nap);
  }
}

/* ---- exchanges ----------------------------------------------------------------------------------------------------
 */

/* What comes first: how a side is, how much it has, and the data themselves where they are short. */
typedef struct letter {
  fsl_trouble trouble;
  uint64_t n;
  double data[SHORT];
} letter;

static size_t letter_size(const letter *l) {
  const bool whole = l->trouble.status == FSL_OK && l->n <= SHORT;
  return offsetof(letter, data) + (whole ? l->n * sizeof *l->data : 0);
}

static void exchange_letters(MPI_Comm comm, int partner, const letter *own, letter *theirs) {
  MPI_Request request[2];
  MPI_Irecv(theirs, (int)sizeof *theirs, MPI_BYTE, partner, FSL_TAG_LETTER, comm, &request[0]);
  MPI_Isend(own, (int)letter_size(own), MPI_BYTE, partner, FSL_TAG_LETTER, comm, &request[1]);
  fsl_wait_all(2, request);
}

/* Receives start before sends: no deadlock between partners. */
static void exchange_data(MPI_Comm comm, int partner, size_t n, const double *send, double *recv) {
  for (size_t done = 0; done < n; done += PIECE) {
    const int piece = (int)(n - done < (size_t)PIECE ? n - done : (size_t)PIECE);
    MPI_Request request[2];
    MPI_Irecv(recv + done, piece, MPI_DOUBLE, partner, FSL_TAG_DATA, comm, &request[0]);
    MPI_Isend(send + done, piece, MPI_DOUBLE, partner, FSL_TAG_DATA, comm, &request[1]);
    fsl_wait_all(2, request);
  }
}

fsl_status fsl_exchange(MPI_Comm comm, int partner, fsl_trouble trouble, fsl_trouble *their_trouble, size_t n,
                        const double *send, double *recv) {
  letter own, theirs;
  memset(&own, 0, offsetof(letter, data));
  own.trouble = trouble;
  own.n = n;
  if (n > 0 && n <= SHORT) memcpy(own.data, send, n * sizeof *send);
  exchange_letters(comm, partner, &own, &theirs);
  *their_trouble = theirs.trouble;
  if (trouble.status != FSL_OK || theirs.trouble.status != FSL_OK) return FSL_OK;
  if (theirs.n != n) return FSL_EINTERNAL;
  if (n > SHORT)
    exchange_data(comm, partner, n, send, recv);
  else if (n > 0)
    memcpy(recv, theirs.data, n * sizeof *recv);
  return FSL_OK;
}
