/* runner/run.c: from the command line's options to an exit status (see run.h). */
#include "runner/run.h"

#include "runner/alone.h"
#include "runner/groups.h"
#include "runner/launch.h"
#include "runner/master.h"
#include "runner/memory.h"
#include "runner/nap.h"
#include "runner/same_files.h"
#include "runner/schedule.h"
#include "runner/signals.h"
#include "runner/worker.h"
#include "store/output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct process {
  bool has_mpi;
  int rank, size;
} process;

static void write_log(void *self, fsl_log_level level, const char *text) {
  fsl_speaker_say(self, stderr, level == FSL_LOG_WARN ? "warning: " : "", text);
}

/* ---- MPI --------------------------------------------------------------------------------------------------------- */

/* Without mpirun or srun one process does everything and needs no MPI. */
static process start_process(const fsl_launch *launch) {
  process p = {.has_mpi = launch->by_mpi, .rank = 0, .size = 1};
  fsl_signals_install();
  fsl_nap_setup();
  if (!p.has_mpi) return p;
  int provided; /* the speaker's and the watchdog's threads make no call of MPI */
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &p.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &p.size);
  return p;
}

/* The processes of another MPI's launcher know nothing of each other: each would do the whole campaign. */
static fsl_status check_launch(fsl_ctx *ctx, const process *p, const fsl_launch *launch) {
  char library[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  if (p->size > 1 || launch->processes <= 1) return FSL_OK;
  MPI_Get_library_version(library, &length);
  library[strcspn(library, ",\n")] = '\0';
  return fsl_fail(
      ctx, FSL_EINPUT,
      "%s started %d processes, but this fslens sees 1: it was built with another MPI. Start it with the "
      "mpirun of %s, %sor build it with this one's compiler (make MPICC=...); to run one process on its own, "
      "unset %s",
      launch->launcher, launch->processes, library,
      strcmp(launch->launcher, "srun") == 0 ? "or with srun --mpi=pmix or --mpi=pmi2, " : "", launch->variable);
}

/* ---- the spec, the same on every rank ---------------------------------------------------------------------------- */

static fsl_status read_file(fsl_ctx *ctx, const char *path, char **text, uint64_t *length) {
  enum { MOST = 4 << 20 };
  FILE *const file = fopen(path, "rb");
  if (file == NULL) return fsl_fail(ctx, FSL_EINPUT, "%s: cannot open the spec", path);
  *text = fsl_arena_get(ctx->arena, MOST + 1, 1);
  *length = *text == NULL ? 0 : fread(*text, 1, MOST + 1, file);
  const bool failed = ferror(file) != 0;
  fclose(file);
  if (*text == NULL) return fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for the spec", path);
  if (failed) return fsl_fail(ctx, FSL_EINPUT, "%s: cannot read the spec", path);
  if (*length > MOST) return fsl_fail(ctx, FSL_EINPUT, "%s: a spec has at most 4 MiB", path);
  return FSL_OK;
}

/* The worst status of all ranks, on every rank: what one rank cannot do, none goes on from. Collective. */
static fsl_status agree(fsl_ctx *ctx, const process *p, fsl_status status) {
  int mine = (int)status, worst = (int)status;
  if (p->has_mpi) MPI_Allreduce(&mine, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (status == FSL_OK && worst != FSL_OK && p->rank == 0)
    fsl_note(ctx, "another rank could not begin: %s", fsl_status_name((fsl_status)worst));
  return (fsl_status)worst;
}

/* Rank 0 reads the file, so that an edit during the start cannot give two ranks two specs. */
static fsl_status share_text(fsl_ctx *ctx, const process *p, const char *path, char **text, uint64_t *length) {
  fsl_status status = FSL_OK;
  if (p->rank == 0) status = read_file(ctx, path, text, length);
  FSL_TRY(agree(ctx, p, status));
  if (!p->has_mpi) return FSL_OK;
  MPI_Bcast(length, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  if (p->rank != 0) *text = fsl_arena_get(ctx->arena, *length + 1, 1);
  if (*text == NULL) status = fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for the spec", path);
  FSL_TRY(agree(ctx, p, status));
  MPI_Bcast(*text, (int)*length, MPI_BYTE, 0, MPI_COMM_WORLD);
  return FSL_OK;
}

/* Before anything is computed; inputs: n files that are read. */
static fsl_status check_output(fsl_ctx *ctx, const fsl_run_options *options, size_t n, const char *const *inputs) {
  fsl_output out;
  FSL_TRY(fsl_output_check(ctx, options->output, FSL_FILE_RESULTS, n, inputs, &out));
  return fsl_output_check_journal(ctx, options->output, options->array);
}

static fsl_status load(fsl_ctx *ctx, const process *p, const fsl_run_options *options, fsl_spec *spec, fsl_grid *grid) {
  char *text = NULL;
  uint64_t length = 0;
  const char *errors = "";
  fsl_speaker_phase(options->speaker, "reading the spec and its data");
  FSL_TRY(share_text(ctx, p, options->spec_file, &text, &length));
  const fsl_log *const log = ctx->log;
  if (p->rank != 0) ctx->log = NULL; /* what is worth a word is the same on every rank */
  const fsl_status status = fsl_spec_parse(ctx, &fsl_standard_catalog, options->spec_file, text, (size_t)length,
                                           options->n_overrides, options->overrides, spec, &errors);
  ctx->log = log;
  if (p->has_mpi)
    FSL_TRY(fsl_ranks_read_the_same(ctx, status, errors, spec));
  else if (status != FSL_OK)
    fputs(errors == NULL ? "" : errors, stderr);
  FSL_TRY(status);
  if (p->rank == 0) FSL_TRY(fsl_spec_warn(ctx, spec));
  fsl_speaker_phase(options->speaker, "listing cells and jobs");
  return fsl_grid_create(ctx, spec, grid);
}

/* ---- the ways to take part --------------------------------------------------------------------------------------- */

typedef struct outcome {
  int exit_status;
  bool lost_workers; /* some will never answer */
} outcome;

/* Memory for this rank: its share of what the ranks on its machine that compute can take together, or what it is
 * limited to itself. Collective. */
static double share_of_memory(const process *p) {
  const fsl_memory memory = fsl_memory_available();
  MPI_Comm here;
  int computes = p->rank > 0 || p->size == 1, n_computing = 1;
  if (p->has_mpi) {
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, p->rank, MPI_INFO_NULL, &here);
    MPI_Allreduce(&computes, &n_computing, 1, MPI_INT, MPI_SUM, here);
    MPI_Comm_free(&here);
  }
  return fmin(memory.shared / (n_computing > 0 ? n_computing : 1), memory.own);
}

/* On rank 0: what each of the other ranks has, or itself where it is alone. Collective. */
static fsl_status gather_memory(fsl_ctx *ctx, const process *p, double mine, double **room) {
  fsl_status status = FSL_OK;
  *room = fsl_arena_get(ctx->arena, (size_t)p->size + 1, sizeof **room);
  if (*room == NULL) status = fsl_fail(ctx, FSL_ENOMEM, "out of memory for the ranks");
  const fsl_status all = agree(ctx, p, status);
  if (all != FSL_OK || *room == NULL) return all;
  (*room)[0] = mine;
  if (p->has_mpi) MPI_Gather(&mine, 1, MPI_DOUBLE, *room, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
  if (p->size > 1) ++*room; /* the master computes nothing */
  return FSL_OK;
}

static fsl_status work(fsl_ctx *ctx, const process *p, fsl_campaign *campaign, const double *room, outcome *out) {
  if (p->size == 1) return fsl_work_alone(ctx, campaign);
  return fsl_master_loop(ctx, campaign, p->size - 1, room, &out->lost_workers);
}

/* A campaign that a worker cannot begin is closed again. room: bytes that each rank that computes has. */
static fsl_status lead(fsl_ctx *ctx, const process *p, const fsl_run_options *options, const fsl_spec *spec,
                       const fsl_grid *grid, double *room, outcome *out) {
  fsl_campaign campaign;
  const int n = p->size == 1 ? 1 : p->size - 1;
  const size_t most_ranks = p->size == 1 ? 1 : (size_t)1 << fsl_schedule_level(p->size - 1, SIZE_MAX / 2);
  double most = 0;
  for (int i = 0; i < n; i++) {
    room[i] = fmin(room[i], spec->rank_bytes);
    most = fmax(most, room[i]);
  }
  const fsl_status opened = fsl_campaign_open(ctx, options, spec, grid, p->size, most_ranks, most, &campaign);
  fsl_status ran = agree(ctx, p, opened);
  if (opened != FSL_OK) return opened;
  if (ran == FSL_OK) {
    fsl_campaign_announce(ctx, &campaign, p->size == 1 ? 1 : p->size - 1);
    ran = work(ctx, p, &campaign, room, out);
  }
  char first[sizeof ctx->error];
  memcpy(first, ctx->error, sizeof first);
  if (ran != FSL_OK) campaign.reason = FSL_END_FAILED;
  const fsl_status closed = fsl_campaign_close(ctx, &campaign, &out->exit_status);
  if (ran != FSL_OK) memcpy(ctx->error, first, sizeof first);
  return ran != FSL_OK ? ran : closed;
}

/* A master that cannot open its journal has nothing to do for anybody. */
static fsl_status follow(fsl_ctx *ctx, const process *p, const fsl_spec *spec, const fsl_grid *grid, double rank_bytes,
                         fsl_rank_groups *groups) {
  fsl_bench bench;
  const fsl_status made = fsl_bench_create(ctx, spec, grid, fmin(rank_bytes, spec->rank_bytes), &bench);
  const fsl_status all = agree(ctx, p, made);
  const fsl_status status = all == FSL_OK ? fsl_worker_loop(ctx, &bench, groups) : made;
  if (made == FSL_OK) fsl_bench_destroy(&bench);
  return status;
}

static fsl_status take_part(fsl_ctx *ctx, const process *p, const fsl_run_options *options, const fsl_spec *spec,
                            const fsl_grid *grid, outcome *out) {
  const double rank_bytes = share_of_memory(p);
  double *room;
  FSL_TRY(gather_memory(ctx, p, rank_bytes, &room));
  if (p->size == 1) return lead(ctx, p, options, spec, grid, room, out);
  MPI_Comm workers;
  fsl_rank_groups groups = {0};
  MPI_Comm_split(MPI_COMM_WORLD, p->rank == 0 ? MPI_UNDEFINED : 0, p->rank, &workers);
  if (p->rank != 0) fsl_rank_groups_create(workers, &groups);
  const fsl_status status =
      p->rank == 0 ? lead(ctx, p, options, spec, grid, room, out) : follow(ctx, p, spec, grid, rank_bytes, &groups);
  if (out->lost_workers) return status; /* nothing collective can be done any more */
  fsl_rank_groups_free(&groups);
  if (workers != MPI_COMM_NULL) MPI_Comm_free(&workers);
  return status;
}

static fsl_status run(fsl_ctx *ctx, const process *p, const fsl_run_options *options, outcome *out) {
  fsl_spec *const spec = ctx->arena == NULL ? NULL : fsl_arena_get(ctx->arena, 1, sizeof *spec);
  fsl_grid *const grid = spec == NULL ? NULL : fsl_arena_get(ctx->arena, 1, sizeof *grid);
  const fsl_status got = agree(ctx, p, grid == NULL ? fsl_fail(ctx, FSL_ENOMEM, "out of memory for the spec") : FSL_OK);
  if (got != FSL_OK || grid == NULL) return got;
  FSL_TRY(agree(ctx, p, p->rank == 0 ? check_output(ctx, options, 1, &options->spec_file) : FSL_OK));
  const double memory = share_of_memory(p);
  if (isfinite(memory)) ctx->file_bytes = fmax(memory, 1);
  fsl_status loaded = load(ctx, p, options, spec, grid);
  if (loaded == FSL_OK && p->rank == 0) loaded = check_output(ctx, options, spec->n_read, spec->read);
  FSL_TRY(agree(ctx, p, loaded));
  return take_part(ctx, p, options, spec, grid, out);
}

/* Rank 0 ends with the campaign's status. The other ranks end with 0 where there is one to speak for them: under mpirun
 * the first nonzero status of any rank wins, and it must be the master's. */
int fsl_run_campaign(const fsl_run_options *options) {
  static const double pace = 10; /* seconds between two lines on how far it is */
  const fsl_launch launch = fsl_launch_read(environ, getpid());
  const process p = start_process(&launch);
  fsl_run_options own = *options;
  if (p.rank == 0) own.speaker = fsl_speaker_create(options->progress, stderr, pace);
  const fsl_log log = {.self = own.speaker, .level = options->log_level, .write = write_log};
  fsl_ctx ctx = {.arena = fsl_arena_create(0), .team = &fsl_team_solo, .log = &log, .stop = fsl_signals_stop()};
  outcome out = {0};
  const fsl_status launched = check_launch(&ctx, &p, &launch);
  const fsl_status status = launched == FSL_OK ? run(&ctx, &p, &own, &out) : launched;
  if (status != FSL_OK && ctx.error[0] != '\0' && (launched == FSL_OK || launch.first))
    fsl_speaker_say(own.speaker, stderr, "", ctx.error);
  fsl_arena_destroy(ctx.arena);
  const int exit_status = p.rank == 0 ? fsl_exit_status(status, out.exit_status) : 0;
  if (status != FSL_OK && exit_status == 75)
    fsl_say(&ctx, FSL_LOG_INFO, "stopped: once that is put right the same command continues");
  fsl_speaker_destroy(own.speaker);
  if (out.lost_workers) MPI_Abort(MPI_COMM_WORLD, exit_status);
  if (p.has_mpi) MPI_Finalize();
  return exit_status;
}
