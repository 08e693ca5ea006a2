/* runner/messages.c: waits that nap (see messages.h). */
#include "runner/messages.h"

#include "runner/nap.h"

enum { PIECE = 1 << 26 };

void fsl_wait_all(int n, MPI_Request *requests) {
  fsl_nap nap = {0};
  for (int done = 0;;) {
    MPI_Testall(n, requests, &done, MPI_STATUSES_IGNORE);
    if (done) return;
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

fsl_status fsl_exchange_doubles(MPI_Comm comm, int partner, int flag, int *partner_flag, const double *send,
                                double *recv, size_t n) {
  MPI_Request request[4];
  MPI_Irecv(partner_flag, 1, MPI_INT, partner, FSL_TAG_FLAG, comm, &request[0]);
  MPI_Isend(&flag, 1, MPI_INT, partner, FSL_TAG_FLAG, comm, &request[1]);
  size_t done = 0;
  do {
    const int piece = (int)(n - done < (size_t)PIECE ? n - done : (size_t)PIECE);
    MPI_Irecv(recv + done, piece, MPI_DOUBLE, partner, FSL_TAG_DATA, comm, &request[2]);
    MPI_Isend(send + done, piece, MPI_DOUBLE, partner, FSL_TAG_DATA, comm, &request[3]);
    fsl_wait_all(done == 0 ? 4 : 2, done == 0 ? request : request + 2);
    done += (size_t)piece;
  } while (done < n);
  return FSL_OK;
}
