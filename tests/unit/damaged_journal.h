/* Journals that are damaged in known ways. Every block is known by its bytes from the writing of it; which of them
 * still stand in a damaged file is found by comparing those bytes, never by the code under test. */
#ifndef FSL_TESTS_DAMAGED_JOURNAL_H
#define FSL_TESTS_DAMAGED_JOURNAL_H

#include "store/journal.h"
#include "store/journal_blocks.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_KNOWN = 512, MOST_STANDING = 1024, MOST_BYTES = 1 << 19, FRAME = 32 };

typedef struct image { /* a file's bytes */
  uint8_t bytes[MOST_BYTES];
  size_t size;
} image;

typedef struct known_block {
  const uint8_t *bytes; /* frame and payload */
  size_t size;
  bool lies; /* its checks hold, but its payload does not parse */
} known_block;

typedef struct damager {
  uint64_t random;
  size_t n_known, n_lasting; /* the lasting ones are known to every round */
  known_block known[MOST_KNOWN];
  fsl_arena *arena; /* of the round's own blocks */
} damager;

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Splitmix64 (Steele et al. 2014). */
static uint64_t next_random(damager *d) {
  uint64_t z = d->random += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static size_t below(damager *d, size_t n) {
  return n == 0 ? 0 : (size_t)(next_random(d) % n);
}

static uint64_t number_at(const uint8_t *at, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | at[i];
  return value;
}

static void set_number(uint8_t *at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; i++, value >>= 8) at[i] = (uint8_t)value;
}

/* CRC-32C as its definition has it. */
static uint32_t crc_by_bits(const uint8_t *bytes, size_t n) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < 8 * n; i++) {
    const uint32_t odd = (crc ^ (uint32_t)(bytes[i / 8] >> i % 8)) & 1;
    crc = (crc >> 1) ^ (odd ? 0x82f63b78u : 0);
  }
  return ~crc;
}

static void seal_frame(uint8_t *block) {
  set_number(block + 28, crc_by_bits(block, 28), 4);
}

/* Makes the checks of a block of `size` bytes hold. */
static void seal(uint8_t *block, size_t size) {
  set_number(block + 16, size - FRAME, 8);
  set_number(block + 24, crc_by_bits(block + FRAME, size - FRAME), 4);
  seal_frame(block);
}

/* ---- what stands ------------------------------------------------------------------------------------------------- */

typedef struct standing {
  size_t n;
  const known_block *block[MOST_STANDING]; /* in the file's order */
  size_t at[MOST_STANDING];
  bool behind_damage[MOST_STANDING]; /* bytes of no whole block lie before it */
  size_t end;                        /* behind the last */
  size_t n_damaged, damaged_bytes;   /* as fsl_journal_contents counts them */
} standing;

/* The known block whose bytes stand at `at`, NULL for none. */
static const known_block *known_at(const damager *d, const image *m, size_t at) {
  const size_t left = m->size - at;
  if (left < FRAME || m->bytes[at] != 0x89) return NULL;
  for (size_t i = 0; i < d->n_known; i++) {
    const known_block *const k = &d->known[i];
    if (k->bytes[28] != m->bytes[at + 28] || k->bytes[24] != m->bytes[at + 24]) continue; /* soon told apart */
    if (k->size <= left && memcmp(m->bytes + at, k->bytes, k->size) == 0) return k;
  }
  return NULL;
}

static void look_for_blocks(const damager *d, const image *m, standing *s) {
  s->n = s->end = s->n_damaged = s->damaged_bytes = 0;
  for (size_t at = 0; at < m->size && s->n < MOST_STANDING;) {
    const known_block *const k = known_at(d, m, at);
    if (k == NULL) {
      at++;
      continue;
    }
    s->block[s->n] = k;
    s->at[s->n] = at;
    s->behind_damage[s->n] = at > s->end;
    s->n_damaged += (at > s->end) + (size_t)k->lies;
    s->damaged_bytes += at - s->end + (k->lies ? k->size : 0);
    s->end = at += k->size;
    s->n++;
  }
}

/* Takes a whole journal's blocks from `from` on as known: of a file that was just written, whose lengths hold. */
static void know(damager *d, const uint8_t *bytes, size_t from, size_t size) {
  for (size_t at = from; at < size && d->n_known < MOST_KNOWN;) {
    const size_t length = FRAME + (size_t)number_at(bytes + at + 16, 8);
    d->known[d->n_known++] = (known_block){bytes + at, length, false};
    at += length;
  }
}

/* ---- the damage -------------------------------------------------------------------------------------------------- */

static void cut_out(image *m, size_t at, size_t n) {
  if (n > m->size - at) n = m->size - at;
  memmove(m->bytes + at, m->bytes + at + n, m->size - at - n);
  m->size -= n;
}

static void put_in(image *m, size_t at, const uint8_t *bytes, size_t n) {
  if (n > MOST_BYTES - m->size) return;
  memmove(m->bytes + at + n, m->bytes + at, m->size - at);
  memcpy(m->bytes + at, bytes, n);
  m->size += n;
}

static void flip_bits(damager *d, image *m) {
  for (size_t i = 0, n = 1 + below(d, 8); i < n && m->size > 0; i++)
    m->bytes[below(d, m->size)] ^= (uint8_t)(1u << below(d, 8));
}

static void overwrite(damager *d, image *m) {
  const size_t at = below(d, m->size), n = 1 + below(d, 300);
  for (size_t i = at; i < m->size && i < at + n; i++) m->bytes[i] = (uint8_t)next_random(d);
}

static void insert_noise(damager *d, image *m) {
  uint8_t noise[600];
  const size_t n = 1 + below(d, below(d, 4) == 0 ? sizeof noise : 20);
  for (size_t i = 0; i < n; i++) noise[i] = (uint8_t)next_random(d);
  put_in(m, below(d, m->size + 1), noise, n);
}

static void zero_page(damager *d, image *m) {
  const size_t page = below(d, 2) == 0 ? 512 : 4096, at = below(d, m->size) / page * page;
  memset(m->bytes + at, 0, page < m->size - at ? page : m->size - at);
}

static void swap_blocks(image *m, const standing *s, size_t i, size_t k) {
  const size_t first = i < k ? i : k, second = i < k ? k : i;
  if (first == second) return;
  const known_block *const a = s->block[first], *const b = s->block[second];
  cut_out(m, s->at[second], b->size);
  put_in(m, s->at[second], a->bytes, a->size);
  cut_out(m, s->at[first], a->size);
  put_in(m, s->at[first], b->bytes, b->size);
}

/* Values too large for any length, count or choice in a payload of ours. */
static uint64_t too_large(damager *d, size_t width) {
  static const uint64_t wide[] = {UINT64_MAX, (uint64_t)1 << 63, (uint64_t)1 << 61, (uint64_t)1 << 32};
  static const uint64_t narrow[] = {UINT32_MAX, (uint32_t)1 << 31, INT32_MAX, 1 << 24};
  return width == 8 ? wide[below(d, 4)] : narrow[below(d, 4)];
}

/* One of the n texts from `at` on tells a wrong length; the last one perhaps by a little. */
static void lie_about_text(damager *d, uint8_t *payload, size_t at, size_t n) {
  const size_t chosen = below(d, n);
  for (size_t i = 0; i < chosen; i++) at += 4 + (size_t)number_at(payload + at, 4);
  const bool a_little = chosen + 1 == n && below(d, 2) == 0;
  set_number(payload + at, a_little ? number_at(payload + at, 4) + 1 + below(d, 9) : too_large(d, 4), 4);
}

/* A length, the status, a count or a shape; or the last field is not counted. */
static void lie_about_result(damager *d, uint8_t *payload) {
  const size_t name = (size_t)number_at(payload + 36, 4);
  const size_t at[] = {4, 28, 32, 36, 40 + name, 44 + name}, width[] = {8, 4, 4, 4, 4, 8};
  const size_t i = below(d, 7);
  if (i == 6)
    set_number(payload + 32, number_at(payload + 32, 4) - 1, 4);
  else
    set_number(payload + at[i], too_large(d, width[i]), width[i]);
}

/* false: a payload of this type can lie about its size alone. */
static bool lie_about_content(damager *d, uint8_t *payload, uint64_t type) {
  if (type == FSL_BLOCK_CAMPAIGN) lie_about_text(d, payload, 12, 1);
  if (type == FSL_BLOCK_SPEC) lie_about_text(d, payload, 8, 2);
  if (type == FSL_BLOCK_RUN) lie_about_text(d, payload, 20, 4);
  if (type == FSL_BLOCK_RESULT) lie_about_result(d, payload);
  if (type == FSL_BLOCK_END) set_number(payload + 8, 1 + FSL_END_FAILED + below(d, 9), 4);
  return type != FSL_BLOCK_START;
}

static uint8_t *get_bytes(damager *d, size_t n) {
  uint8_t *const bytes = fsl_arena_get(d->arena, n, 1);
  if (bytes == NULL) abort();
  return bytes;
}

static void know_liar(damager *d, uint8_t *block, size_t size) {
  seal(block, size);
  d->known[d->n_known++] = (known_block){block, size, true};
}

/* A block whose checks hold and whose payload does not parse takes the place of one. */
static void lie_in_payload(damager *d, image *m, const standing *s, size_t i) {
  const known_block *const k = s->block[i];
  if (k->lies || d->n_known == MOST_KNOWN) return;
  uint8_t *const liar = get_bytes(d, k->size + 8);
  size_t size = k->size;
  memcpy(liar, k->bytes, size);
  if (below(d, 6) == 0 || !lie_about_content(d, liar + FRAME, number_at(liar + 10, 2)))
    size = below(d, 2) == 0 ? size + 1 + below(d, 8) : size - 1;
  know_liar(d, liar, size);
  cut_out(m, s->at[i], k->size);
  put_in(m, s->at[i], liar, size);
  if (below(d, 3) == 0) m->size = s->at[i] + size; /* the file's last: a read beyond it shows */
}

/* A record that is sound but for the rank of its only field, which has no values. */
static void insert_high_rank(damager *d, image *m, const standing *s, size_t i) {
  const size_t rank = 5 + below(d, 60), data = 16 + 4 + 4 + 5 + 4 + 8 * rank, rest = 24;
  if (d->n_known == MOST_KNOWN) return;
  uint8_t *const liar = get_bytes(d, FRAME + 12 + data + 8 + rest), *const payload = liar + FRAME;
  memcpy(liar, s->block[i]->bytes, 12);
  set_number(liar + 10, FSL_BLOCK_RESULT, 2);
  set_number(payload, 1, 4);
  set_number(payload + 4, data, 8);
  set_number(payload + 32, 1, 4); /* fields */
  set_number(payload + 36, 1, 4); /* the name's length */
  payload[40] = 'x';
  set_number(payload + 41, rank, 4);
  set_number(payload + 12 + data, rest, 8);
  know_liar(d, liar, FRAME + 12 + data + 8 + rest);
  put_in(m, s->at[i], liar, FRAME + 12 + data + 8 + rest);
}

/* A frame whose own check holds tells a wrong length: no whole block. */
static void lie_in_frame(damager *d, image *m, const standing *s, size_t i) {
  uint8_t *const frame = m->bytes + s->at[i];
  const uint64_t length = number_at(frame + 16, 8), left = m->size - s->at[i] - FRAME;
  const uint64_t other[] = {length + 1,
                            length == 0 ? 7 : length - 1,
                            left,
                            left + 1,
                            length + 500,
                            (uint64_t)1 << 32,
                            ((uint64_t)1 << 32) + 1,
                            (uint64_t)1 << 63,
                            UINT64_MAX,
                            UINT64_MAX - 31};
  const uint64_t told = other[below(d, sizeof other / sizeof *other)];
  set_number(frame + 16, told == length ? told + 2 : told, 8);
  seal_frame(frame);
}

/* The next block of a rarer type than starts and results, or i. */
static size_t next_rare(const standing *s, size_t i) {
  for (size_t k = i; k < i + s->n; k++) {
    const uint64_t type = number_at(s->block[k % s->n]->bytes + 10, 2);
    if (type != FSL_BLOCK_START && type != FSL_BLOCK_RESULT) return k % s->n;
  }
  return i;
}

/* One injury, somewhere. `other`: a second journal of the same campaign. */
static void damage(damager *d, image *m, const image *other) {
  standing s;
  look_for_blocks(d, m, &s);
  const size_t kind = below(d, s.n == 0 ? 5 : 15), i = below(d, s.n), k = below(d, s.n);
  const known_block *const block = s.n == 0 ? NULL : s.block[i];
  const size_t kept = block == NULL ? 0 : 1 + below(d, block->size - 1);
  switch (kind) {
  case 0:
    flip_bits(d, m);
    break;
  case 1:
    overwrite(d, m);
    break;
  case 2:
    insert_noise(d, m);
    break;
  case 3:
    if (m->size > 0) zero_page(d, m);
    break;
  case 4:
    m->size = below(d, 4) == 0 ? below(d, m->size + 1) : m->size - below(d, m->size < 400 ? m->size : 400);
    break;
  case 5:
    swap_blocks(m, &s, i, k);
    break;
  case 6: /* twice, one of them anywhere */
    put_in(m, below(d, 2) == 0 ? s.at[k] : below(d, m->size), block->bytes, block->size);
    break;
  case 7:
    cut_out(m, s.at[i], block->size);
    break;
  case 8: /* torn, and followed by whole ones */
    cut_out(m, s.at[i] + kept, block->size - kept);
    break;
  case 9:
    put_in(m, below(d, 2) == 0 ? m->size : s.at[i], other->bytes, other->size);
    break;
  case 10:
    lie_in_payload(d, m, &s, next_rare(&s, i));
    break;
  case 11:
    lie_in_payload(d, m, &s, i);
    break;
  case 12:
    lie_in_frame(d, m, &s, i);
    break;
  case 13:
    insert_high_rank(d, m, &s, i);
    break;
  default: /* a stretch of any place and length */
    cut_out(m, below(d, m->size), 1 + below(d, 2000));
  }
}

#endif
