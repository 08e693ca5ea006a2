/* store/ledger.c: see ledger.h. */
#include "store/ledger.h"

#include "store/journal_file.h"

#include <fcntl.h>
#include <unistd.h>

/* Journals that are open at a time: an array may have more tasks than a process may have files. */
enum { MOST_OPEN = 64 };

typedef struct entry {
  uint64_t at;
  uint32_t size, journal; /* a record of 4 GiB or more does not travel (see worker.c) */
  uint8_t state;
} entry;

struct fsl_ledger {
  const fsl_grid *grid;
  entry *entry; /* n_jobs */
  const char **path;
  int file[MOST_OPEN]; /* journal i in place i % MOST_OPEN; -1: none */
  size_t opened[MOST_OPEN];
};

fsl_status fsl_ledger_create(fsl_ctx *ctx, const fsl_grid *grid, size_t n_journals, fsl_ledger **out) {
  FSL_GET(ctx, *out, 1);
  FSL_GET(ctx, (*out)->entry, grid->n_jobs + 1);
  FSL_GET(ctx, (*out)->path, n_journals + 1);
  (*out)->grid = grid;
  for (size_t i = 0; i < MOST_OPEN; i++) (*out)->file[i] = -1;
  return FSL_OK;
}

void fsl_ledger_close(fsl_ledger *ledger) {
  for (size_t i = 0; ledger != NULL && i < MOST_OPEN; i++) {
    if (ledger->file[i] >= 0) close(ledger->file[i]);
    ledger->file[i] = -1;
  }
}

void fsl_ledger_name(fsl_ledger *ledger, size_t journal, const char *path) {
  ledger->path[journal] = path;
}

void fsl_ledger_enter(fsl_ledger *ledger, size_t job, size_t journal, fsl_journal_place place,
                      fsl_record_status status) {
  static const fsl_entry_state states[] = {FSL_ENTRY_DONE, FSL_ENTRY_FAILED, FSL_ENTRY_TIMED_OUT};
  ledger->entry[job] = (entry){place.at, (uint32_t)place.size, (uint32_t)journal, (uint8_t)states[status]};
}

void fsl_ledger_strike(fsl_ledger *ledger, size_t job) {
  ledger->entry[job] = (entry){0};
}

fsl_entry_state fsl_ledger_state(const fsl_ledger *ledger, size_t job) {
  return (fsl_entry_state)ledger->entry[job].state;
}

const char *fsl_ledger_path(const fsl_ledger *ledger, size_t job) {
  return ledger->path[ledger->entry[job].journal];
}

static fsl_status open_journal(fsl_ctx *ctx, fsl_ledger *ledger, size_t journal, int *file) {
  const size_t place = journal % MOST_OPEN;
  if (ledger->file[place] < 0 || ledger->opened[place] != journal) {
    if (ledger->file[place] >= 0) close(ledger->file[place]);
    ledger->file[place] = open(ledger->path[journal], O_RDONLY | O_CLOEXEC);
    ledger->opened[place] = journal;
  }
  *file = ledger->file[place];
  return *file >= 0 ? FSL_OK : fsl_journal_refused(ctx, ledger->path[journal], "open it");
}

static fsl_status read_entry(fsl_ctx *ctx, void *self, size_t job, bool whole, fsl_record *out, bool *found) {
  fsl_ledger *const ledger = self;
  const entry *const e = &ledger->entry[job];
  int file;
  *found = e->state != FSL_ENTRY_NONE;
  if (!*found) return FSL_OK;
  FSL_TRY(open_journal(ctx, ledger, e->journal, &file));
  return fsl_journal_fetch(ctx, ledger->path[e->journal], file, (fsl_journal_place){e->at, e->size},
                           ledger->grid->jobs[job].identity, whole, out);
}

fsl_record_source fsl_ledger_source(fsl_ledger *ledger) {
  return (fsl_record_source){ledger, read_entry};
}
