/* base/arena.c: a bump allocator in a chain of chunks. A release goes back to a mark; emptied chunks are freed, but for
 * one of moderate size that is kept, so that a loop that takes and releases across a chunk's edge does not map and
 * unmap memory each time. */
#include "fslens/base.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, FIRST_CHUNK = 1 << 16, LARGEST_STEP = 1 << 26 };

typedef struct chunk chunk;
struct chunk {
  chunk *before;
  size_t size, used; /* of the room behind this header */
};

/* The header takes a whole alignment unit, so that the room behind it is aligned too. */
_Static_assert(sizeof(chunk) <= ALIGNMENT, "a chunk's header fits in front of its room");

struct fsl_arena {
  size_t cap, held, peak; /* bytes of room; held: handed out */
  size_t next_size;
  size_t refused; /* requests */
  chunk *last;
  chunk *spare; /* an emptied chunk of at most 2 LARGEST_STEP bytes, or NULL */
};

fsl_arena *fsl_arena_create(size_t cap) {
  fsl_arena *const arena = calloc(1, sizeof *arena);
  if (arena != NULL) {
    arena->cap = cap;
    arena->next_size = FIRST_CHUNK;
  }
  return arena;
}

static void drop_last(fsl_arena *arena) {
  chunk *const c = arena->last;
  arena->last = c->before;
  const bool keep = c->size <= (size_t)2 * LARGEST_STEP && (arena->spare == NULL || arena->spare->size < c->size);
  free(keep ? arena->spare : c);
  if (keep) arena->spare = c;
}

void fsl_arena_destroy(fsl_arena *arena) {
  if (arena == NULL) return;
  while (arena->last != NULL) drop_last(arena);
  free(arena->spare);
  free(arena);
}

static bool take_spare(fsl_arena *arena, size_t at_least) {
  chunk *const c = arena->spare;
  if (c == NULL || c->size < at_least) return false;
  arena->spare = NULL;
  *c = (chunk){.before = arena->last, .size = c->size};
  arena->last = c;
  return true;
}

static bool map_chunk(fsl_arena *arena, size_t size) {
  if (size > SIZE_MAX - 2 * ALIGNMENT) return false;
  chunk *const c = aligned_alloc(ALIGNMENT, size + ALIGNMENT);
  if (c == NULL) return false;
  *c = (chunk){.before = arena->last, .size = size};
  arena->last = c;
  return true;
}

/* Where memory is short, no more than is needed: a failed job still has its record to write. */
static bool add_chunk(fsl_arena *arena, size_t at_least) {
  const size_t wanted = at_least > arena->next_size ? at_least : arena->next_size;
  if (take_spare(arena, at_least)) return true;
  if (!map_chunk(arena, wanted) && (wanted == at_least || !map_chunk(arena, at_least))) return false;
  if (arena->next_size < LARGEST_STEP) arena->next_size *= 2;
  return true;
}

static size_t whole_units(size_t bytes) {
  return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void *refuse(fsl_arena *arena) {
  arena->refused++;
  return NULL;
}

void *fsl_arena_get_unset(fsl_arena *arena, size_t n, size_t size) {
  if (size != 0 && n > (SIZE_MAX - ALIGNMENT) / size) return refuse(arena);
  const size_t bytes = whole_units(n * size);
  if (arena->cap != 0 && (bytes > arena->cap || arena->held > arena->cap - bytes)) return refuse(arena);
  chunk *c = arena->last;
  if ((c == NULL || c->size - c->used < bytes) && !add_chunk(arena, bytes)) return refuse(arena);
  c = arena->last;
  void *const room = (char *)c + ALIGNMENT + c->used;
  c->used += bytes;
  arena->held += bytes;
  if (arena->held > arena->peak) arena->peak = arena->held;
  return room;
}

void *fsl_arena_get(fsl_arena *arena, size_t n, size_t size) {
  void *const room = fsl_arena_get_unset(arena, n, size);
  return room == NULL ? NULL : memset(room, 0, whole_units(n * size));
}

fsl_arena_mark fsl_arena_now(const fsl_arena *arena) {
  return (fsl_arena_mark){.chunk = arena->last, .used = arena->last == NULL ? 0 : arena->last->used};
}

void fsl_arena_release(fsl_arena *arena, fsl_arena_mark mark) {
  while (arena->last != NULL && arena->last != mark.chunk) {
    arena->held -= arena->last->used;
    drop_last(arena);
  }
  if (arena->last == NULL) return;
  arena->held -= arena->last->used - mark.used;
  arena->last->used = mark.used;
}

size_t fsl_arena_bytes(const fsl_arena *arena) {
  return arena->held;
}

size_t fsl_arena_peak(const fsl_arena *arena) {
  return arena->peak;
}

size_t fsl_arena_refused(const fsl_arena *arena) {
  return arena->refused;
}
