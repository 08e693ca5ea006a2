/* runner/same_files.c: see same_files.h. */
#include "runner/same_files.h"

#include <mpi.h>

#include <stdio.h>
#include <string.h>

enum { HOST_LENGTH = MPI_MAX_PROCESSOR_NAME, PATH_LENGTH = 512 };

static int own_rank(void) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

static int lowest(int value) {
  int least = value;
  MPI_Allreduce(&value, &least, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  return least;
}

static void host_of(char host[HOST_LENGTH]) {
  int length;
  memset(host, 0, HOST_LENGTH);
  MPI_Get_processor_name(host, &length);
}

/* ---- ranks that could not read ----------------------------------------------------------------------------------- */

static fsl_status let_the_lowest_speak(fsl_ctx *ctx, fsl_status status, const char *errors, int failed) {
  const int rank = own_rank();
  char host[HOST_LENGTH];
  if (rank != failed) {
    ctx->error[0] = '\0';
    return status;
  }
  if (failed > 0) {
    host_of(host);
    fprintf(stderr, "fslens: rank %d on %s, unlike rank 0, could not read the spec or its data files:\n", rank, host);
  }
  fputs(errors == NULL ? "" : errors, stderr);
  return status;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static fsl_status hash_of(fsl_ctx *ctx, fsl_array array, fsl_hash *out) {
  fsl_hasher *const hasher = fsl_hasher_create(ctx->arena);
  if (hasher == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a hash");
  for (size_t i = 0; i < array.rank; i++) fsl_hash_integer(hasher, (int64_t)array.shape[i]);
  fsl_hash_reals(hasher, array.data, fsl_array_size(array));
  *out = fsl_hash_value(hasher);
  return FSL_OK;
}

/* The first file whose values differ from rank 0's; NULL where none does. Every rank steps through its own list, which
 * the same spec makes equally long everywhere. */
static fsl_status first_difference(fsl_ctx *ctx, const fsl_spec *spec, const fsl_file_array **out) {
  fsl_status status = FSL_OK;
  *out = NULL;
  for (const fsl_file_array *f = spec->files.first; f != NULL; f = f->next) {
    fsl_hash mine = {0, 0};
    if (status == FSL_OK) status = hash_of(ctx, f->array, &mine);
    uint64_t first[2] = {mine.high, mine.low};
    MPI_Bcast(first, 2, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    if (*out == NULL && (first[0] != mine.high || first[1] != mine.low)) *out = f;
  }
  return status;
}

/* Rank 0 gets to know what the rank `other` found, and has a host of its own to name. */
static fsl_status tell(fsl_ctx *ctx, int other, const fsl_file_array *found) {
  char host[HOST_LENGTH], here[HOST_LENGTH], path[PATH_LENGTH] = "";
  host_of(host);
  host_of(here);
  if (found != NULL)
    snprintf(path, sizeof path, "%s%s%s", found->path, found->dataset == NULL ? "" : ", ",
             found->dataset == NULL ? "" : found->dataset);
  MPI_Bcast(host, HOST_LENGTH, MPI_CHAR, other, MPI_COMM_WORLD);
  MPI_Bcast(path, PATH_LENGTH, MPI_CHAR, other, MPI_COMM_WORLD);
  ctx->error[0] = '\0';
  if (own_rank() != 0) return FSL_EINPUT;
  return fsl_fail(ctx, FSL_EINPUT,
                  "%s: rank %d on %s reads other values from it than rank 0 on %s: every rank needs the same file. Put "
                  "it where all hosts see one copy, or copy it anew",
                  path, other, host, here);
}

fsl_status fsl_ranks_read_the_same(fsl_ctx *ctx, fsl_status status, const char *errors, const fsl_spec *spec) {
  enum { NOBODY = 1 << 30 };
  const fsl_file_array *found = NULL;
  const int rank = own_rank(), failed = lowest(status == FSL_OK ? NOBODY : rank);
  if (failed != NOBODY) return let_the_lowest_speak(ctx, status, errors, failed);
  const fsl_status hashed = first_difference(ctx, spec, &found);
  const int other = lowest(found != NULL ? rank : NOBODY);
  return other == NOBODY ? hashed : tell(ctx, other, found);
}
