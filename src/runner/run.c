/* runner/run.c: from the command line's options to an exit status (see run.h). */
#include "runner/run.h"

#include "runner/groups.h"
#include "runner/master.h"
#include "runner/nap.h"
#include "runner/signals.h"
#include "runner/worker.h"

#include <stdlib.h>
#include <string.h>

typedef struct process {
  bool has_mpi;
  int rank, size;
} process;

static void write_log(void *self, fsl_log_level level, const char *text) {
  (void)self;
  fprintf(stderr, "fslens: %s%s\n", level == FSL_LOG_WARN ? "warning: " : "", text);
}

/* ---- MPI ------------------------------------------------------------------------------------------------------- */

/* Set by mpirun (Open MPI 4 and 5, MPICH) and srun; without them one process does everything and needs no MPI. */
static bool launched_by_mpi(void) {
  static const char *const signs[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
  for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
    if (getenv(signs[i]) != NULL) return true;
  return false;
}

static process start_process(void) {
  process p = {.has_mpi = launched_by_mpi(), .rank = 0, .size = 1};
  fsl_signals_install();
  fsl_nap_setup();
  if (!p.has_mpi) return p;
  MPI_Init(NULL, NULL);
  MPI_Comm_rank(MPI_COMM_WORLD, &p.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &p.size);
  return p;
}

/* ---- the spec, the same on every rank -----------------------------------------------------------------------------
 */

static fsl_status read_file(fsl_ctx *ctx, const char *path, char **text, uint64_t *length) {
  enum { MOST = 4 << 20 };
  FILE *const file = fopen(path, "rb");
  if (file == NULL) return fsl_fail(ctx, FSL_EINPUT, "%s: cannot open the spec", path);
  *text = fsl_arena_get(ctx->arena, MOST + 1, 1);
  *length = *text == NULL ? 0 : fread(*text, 1, MOST + 1, file);
  const bool failed = *text == NULL || ferror(file) != 0;
  fclose(file);
  if (failed) return fsl_fail(ctx, FSL_EINPUT, "%s: cannot read the spec", path);
  if (*length > MOST) return fsl_fail(ctx, FSL_EINPUT, "%s: a spec has at most 4 MiB", path);
  return FSL_OK;
}

/* Rank 0 reads the file, so that an edit during the start cannot give two ranks two specs. */
static fsl_status share_text(fsl_ctx *ctx, const process *p, const char *path, char **text, uint64_t *length) {
  fsl_status status = FSL_OK;
  if (p->rank == 0) status = read_file(ctx, path, text, length);
  if (!p->has_mpi) return status;
  int failed = status != FSL_OK;
  MPI_Bcast(&failed, 1, MPI_INT, 0, MPI_COMM_WORLD);
  if (failed) return p->rank == 0 ? status : FSL_EINPUT;
  MPI_Bcast(length, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  if (p->rank != 0) FSL_GET(ctx, *text, *length + 1);
  MPI_Bcast(*text, (int)*length, MPI_BYTE, 0, MPI_COMM_WORLD);
  return FSL_OK;
}

static fsl_status load(fsl_ctx *ctx, const process *p, const fsl_run_options *options, fsl_spec *spec, fsl_grid *grid) {
  char *text = NULL;
  uint64_t length = 0;
  const char *errors = "";
  FSL_TRY(share_text(ctx, p, options->spec_file, &text, &length));
  const fsl_status status = fsl_spec_parse(ctx, &fsl_standard_catalog, options->spec_file, text, (size_t)length,
                                           options->n_overrides, options->overrides, spec, &errors);
  if (status != FSL_OK) {
    if (p->rank == 0 && errors != NULL) fputs(errors, stderr);
    return status;
  }
  if (p->rank == 0) fsl_spec_warn(ctx, spec);
  return fsl_grid_create(ctx, spec, grid);
}

/* true on every rank if it is on all: what one rank cannot load, none computes. */
static bool all_agree(const process *p, bool good) {
  int mine = good, all = good;
  if (p->has_mpi) MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_LAND, MPI_COMM_WORLD);
  return all != 0;
}

/* ---- the three ways to take part
 * -------------------------------------------------------------------------------------- */

static fsl_status compute_alone(fsl_ctx *ctx, fsl_campaign *c, const fsl_bench *bench) {
  for (int64_t job; (job = fsl_campaign_peek(c)) >= 0 && *ctx->stop == 0;) {
    fsl_ctx own = {.arena = fsl_arena_create(0), .team = &fsl_team_solo, .log = ctx->log, .stop = ctx->stop};
    if (own.arena == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a job");
    uint8_t *bytes = NULL;
    size_t size = 0;
    c->next++;
    fsl_status status = fsl_bench_evaluate(&own, bench, job, &bytes, &size);
    memcpy(ctx->error, own.error, sizeof ctx->error);
    if (status == FSL_OK) status = fsl_campaign_take(ctx, c, bytes, size);
    fsl_arena_destroy(own.arena);
    if (status == FSL_ESTOP) return FSL_OK;
    FSL_TRY(status);
  }
  return FSL_OK;
}

static fsl_status work_alone(fsl_ctx *ctx, fsl_campaign *c) {
  fsl_bench bench;
  FSL_TRY(fsl_bench_create(ctx, c->spec, c->grid, &bench));
  const fsl_status status = compute_alone(ctx, c, &bench);
  fsl_bench_destroy(&bench);
  return status;
}

/* The workers are sent home whatever happens here: a master that cannot open its journal gives them nothing to do. */
static fsl_status lead(fsl_ctx *ctx, const process *p, const fsl_run_options *options, const fsl_spec *spec,
                       const fsl_grid *grid, int *exit_status) {
  fsl_campaign campaign;
  const fsl_status opened = fsl_campaign_open(ctx, options, spec, grid, p->size, &campaign);
  if (!all_agree(p, opened == FSL_OK)) return opened;
  const fsl_status ran = p->size == 1 ? work_alone(ctx, &campaign) : fsl_master_loop(ctx, &campaign, p->size - 1);
  char first[sizeof ctx->error];
  memcpy(first, ctx->error, sizeof first);
  const fsl_status closed = fsl_campaign_close(ctx, &campaign, exit_status);
  if (ran != FSL_OK) memcpy(ctx->error, first, sizeof first);
  return ran != FSL_OK ? ran : closed;
}

static fsl_status follow(fsl_ctx *ctx, const process *p, const fsl_spec *spec, const fsl_grid *grid,
                         fsl_rank_groups *groups) {
  fsl_bench bench;
  if (!all_agree(p, true)) return FSL_OK;
  FSL_TRY(fsl_bench_create(ctx, spec, grid, &bench));
  const fsl_status status = fsl_worker_loop(ctx, &bench, groups);
  fsl_bench_destroy(&bench);
  return status;
}

static fsl_status take_part(fsl_ctx *ctx, const process *p, const fsl_run_options *options, const fsl_spec *spec,
                            const fsl_grid *grid, int *exit_status) {
  if (p->size == 1) return lead(ctx, p, options, spec, grid, exit_status);
  MPI_Comm workers;
  fsl_rank_groups groups = {0};
  MPI_Comm_split(MPI_COMM_WORLD, p->rank == 0 ? MPI_UNDEFINED : 0, p->rank, &workers);
  if (p->rank != 0) fsl_rank_groups_create(workers, &groups);
  const fsl_status status =
      p->rank == 0 ? lead(ctx, p, options, spec, grid, exit_status) : follow(ctx, p, spec, grid, &groups);
  fsl_rank_groups_free(&groups);
  if (workers != MPI_COMM_NULL) MPI_Comm_free(&workers);
  return status;
}

static int exit_status_of(fsl_status status, int finished) {
  switch (status) {
  case FSL_OK:
    return finished;
  case FSL_EINPUT:
    return 2;
  case FSL_EIO:
  case FSL_ESTOP:
    return 75;
  default:
    return 1;
  }
}

static fsl_status run(fsl_ctx *ctx, const process *p, const fsl_run_options *options, int *exit_status) {
  fsl_spec *spec;
  fsl_grid *grid;
  FSL_GET(ctx, spec, 1);
  FSL_GET(ctx, grid, 1);
  const fsl_status loaded = load(ctx, p, options, spec, grid);
  if (!all_agree(p, loaded == FSL_OK)) return loaded == FSL_OK ? FSL_EINPUT : loaded;
  return take_part(ctx, p, options, spec, grid, exit_status);
}

/* Rank 0 ends with the campaign's status. The other ranks end with 0 where there is one to speak for them: under mpirun
 * the first nonzero status of any rank wins, and it must be the master's. */
int fsl_run_campaign(const fsl_run_options *options) {
  const process p = start_process();
  const fsl_log log = {.level = options->log_level, .write = write_log};
  fsl_ctx ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo, .log = &log, .stop = fsl_signals_stop()};
  int finished = 0;
  const fsl_status status = ctx.arena == NULL ? FSL_ENOMEM : run(&ctx, &p, options, &finished);
  if (status != FSL_OK && ctx.error[0] != '\0') fprintf(stderr, "fslens: %s\n", ctx.error);
  fsl_arena_destroy(ctx.arena);
  if (p.has_mpi) MPI_Finalize();
  return p.rank == 0 ? exit_status_of(status, finished) : 0;
}
