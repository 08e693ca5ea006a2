/* job/record.c: a record's bytes. Little-endian on every machine:
 *
 *   u32 version | u64 length | data part     (job, status, fields: depends on the spec alone)
 *               | u64 length | volatile part (error, host, seconds, ranks, attempts)
 *
 * Texts are a u32 length and their bytes without the terminator. */
#include "job/record.h"

#include <string.h>

enum { MAX_TEXT = 1 << 20, MAX_FIELDS = 4096, MAX_FIELD_RANK = 4, LEAST_FIELD_BYTES = 8 };

/* ---- writing: the first pass counts, the second writes -------------------------------------------- */

typedef struct writer {
  uint8_t *at; /* NULL while counting */
  size_t size;
} writer;

static void put_bytes(writer *w, const void *bytes, size_t n) {
  if (w->at != NULL && n > 0) memcpy(w->at + w->size, bytes, n);
  w->size += n;
}

static void put_u64(writer *w, uint64_t value, size_t width) {
  uint8_t bytes[8];
  for (size_t i = 0; i < width; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  put_bytes(w, bytes, width);
}

static void put_real(writer *w, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_u64(w, bits, 8);
}

static void put_text(writer *w, const char *text) {
  const size_t length = text == NULL ? 0 : strlen(text);
  const size_t kept = length > MAX_TEXT ? (size_t)MAX_TEXT : length;
  put_u64(w, kept, 4);
  put_bytes(w, text, kept);
}

static size_t field_size(const fsl_field *field) {
  size_t n = 1;
  for (size_t i = 0; i < field->rank; i++) n *= field->shape[i];
  return n;
}

static void put_field(writer *w, const fsl_field *field) {
  put_text(w, field->name);
  put_u64(w, field->rank, 4);
  for (size_t i = 0; i < field->rank; i++) put_u64(w, field->shape[i], 8);
  for (size_t i = 0, n = field_size(field); i < n; i++) put_real(w, field->data[i]);
}

static void put_data_part(writer *w, const fsl_record *record) {
  put_u64(w, record->job.high, 8);
  put_u64(w, record->job.low, 8);
  put_u64(w, (uint64_t)record->status, 4);
  put_u64(w, record->n_fields, 4);
  for (size_t i = 0; i < record->n_fields; i++) put_field(w, &record->fields[i]);
}

static void put_volatile_part(writer *w, const fsl_record *record) {
  put_text(w, record->error);
  put_text(w, record->host);
  put_real(w, record->seconds);
  put_u64(w, (uint64_t)record->ranks, 4);
  put_u64(w, (uint64_t)record->attempts, 4);
}

static void put_record(writer *w, const fsl_record *record) {
  writer data = {NULL, 0}, rest = {NULL, 0};
  put_data_part(&data, record);
  put_volatile_part(&rest, record);
  put_u64(w, FSL_RECORD_VERSION, 4);
  put_u64(w, data.size, 8);
  put_data_part(w, record);
  put_u64(w, rest.size, 8);
  put_volatile_part(w, record);
}

fsl_status fsl_record_encode(fsl_ctx *ctx, const fsl_record *record, uint8_t **bytes, size_t *size) {
  writer w = {NULL, 0};
  put_record(&w, record);
  uint8_t *room;
  FSL_GET(ctx, room, w.size);
  *size = w.size;
  *bytes = room;
  w = (writer){room, 0};
  put_record(&w, record);
  return FSL_OK;
}

/* ---- reading: nothing is allocated before its length is known to lie inside the bytes ---------------- */

typedef struct reader {
  fsl_ctx *ctx;
  const uint8_t *at;
  size_t left;
  bool skims; /* checks texts and fields, but keeps none */
} reader;

static fsl_status bad_record(const reader *r, const char *what) {
  return fsl_fail(r->ctx, FSL_EINPUT, "not a record: %s", what);
}

/* Compilers make one load of each. */
static uint64_t load_u32(const uint8_t *at) {
  return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
}

static uint64_t load_u64(const uint8_t *at) {
  return load_u32(at) | load_u32(at + 4) << 32;
}

/* width: 4 or 8 */
static fsl_status take_u64(reader *r, size_t width, uint64_t *out) {
  *out = 0;
  if (r->left < width) return bad_record(r, "it ends too early");
  *out = width == 4 ? load_u32(r->at) : load_u64(r->at);
  r->at += width;
  r->left -= width;
  return FSL_OK;
}

static fsl_status take_size(reader *r, size_t width, size_t most, size_t *out) {
  uint64_t value = 0;
  *out = 0;
  FSL_TRY(take_u64(r, width, &value));
  if (value > most) return bad_record(r, "a count is too large");
  *out = (size_t)value;
  return FSL_OK;
}

static fsl_status take_real(reader *r, double *out) {
  uint64_t bits = 0;
  FSL_TRY(take_u64(r, 8, &bits));
  memcpy(out, &bits, sizeof bits);
  return FSL_OK;
}

static fsl_status take_text(reader *r, const char **out) {
  size_t n;
  FSL_TRY(take_size(r, 4, r->left < (size_t)MAX_TEXT ? r->left : (size_t)MAX_TEXT, &n));
  if (n > r->left) return bad_record(r, "a text ends too early");
  char *text = NULL;
  if (!r->skims) FSL_GET(r->ctx, text, n + 1);
  if (!r->skims) memcpy(text, r->at, n);
  r->at += n;
  r->left -= n;
  *out = text;
  return FSL_OK;
}

/* The values of a field; more than `most` where there are more. */
static size_t count_values(const fsl_field *field, size_t most) {
  size_t n = 1;
  for (size_t i = 0; i < field->rank; i++)
    if (field->shape[i] == 0) return 0; /* whatever the others are */
  for (size_t i = 0; i < field->rank; i++) {
    if (n > most / field->shape[i]) return most + 1;
    n *= field->shape[i];
  }
  return n;
}

static fsl_status take_field(reader *r, fsl_field *field) {
  FSL_TRY(take_text(r, &field->name));
  FSL_TRY(take_size(r, 4, MAX_FIELD_RANK, &field->rank));
  for (size_t i = 0; i < field->rank; i++) FSL_TRY(take_size(r, 8, UINT32_MAX, &field->shape[i]));
  const size_t most = r->left / 8, n = count_values(field, most);
  if (n > most) return bad_record(r, "a field ends too early");
  double *data = NULL;
  if (!r->skims) FSL_GET(r->ctx, data, n + 1);
  for (size_t i = 0; data != NULL && i < n; i++) {
    const uint64_t bits = load_u64(r->at + 8 * i);
    memcpy(&data[i], &bits, sizeof bits);
  }
  r->at += 8 * n;
  r->left -= 8 * n;
  field->data = data;
  return FSL_OK;
}

static fsl_status take_data_part(reader *r, fsl_record *out) {
  size_t status;
  FSL_TRY(take_u64(r, 8, &out->job.high));
  FSL_TRY(take_u64(r, 8, &out->job.low));
  FSL_TRY(take_size(r, 4, FSL_RECORD_TIMED_OUT, &status));
  out->status = (fsl_record_status)status;
  FSL_TRY(take_size(r, 4, MAX_FIELDS, &out->n_fields));
  if (out->n_fields > r->left / LEAST_FIELD_BYTES) return bad_record(r, "it has more fields than bytes for them");
  fsl_field *fields = NULL, skimmed;
  if (!r->skims) FSL_GET(r->ctx, fields, out->n_fields + 1);
  for (size_t i = 0; i < out->n_fields; i++) FSL_TRY(take_field(r, r->skims ? &skimmed : &fields[i]));
  if (r->skims) out->n_fields = 0;
  out->fields = fields;
  return r->left == 0 ? FSL_OK : bad_record(r, "bytes are left over after its data");
}

static fsl_status take_volatile_part(reader *r, fsl_record *out) {
  size_t ranks, attempts;
  FSL_TRY(take_text(r, &out->error));
  FSL_TRY(take_text(r, &out->host));
  FSL_TRY(take_real(r, &out->seconds));
  FSL_TRY(take_size(r, 4, INT32_MAX, &ranks));
  FSL_TRY(take_size(r, 4, INT32_MAX, &attempts));
  out->ranks = (int)ranks;
  out->attempts = (int)attempts;
  return r->left == 0 ? FSL_OK : bad_record(r, "bytes are left over after its end");
}

/* Splits the next length-prefixed part off `r`. */
static fsl_status take_part(reader *r, reader *part) {
  size_t length;
  FSL_TRY(take_size(r, 8, r->left, &length));
  if (length > r->left) return bad_record(r, "a part ends too early");
  *part = (reader){r->ctx, r->at, length, r->skims};
  r->at += length;
  r->left -= length;
  return FSL_OK;
}

static fsl_status decode(fsl_ctx *ctx, const uint8_t *bytes, size_t size, bool skims, fsl_record *out) {
  reader r = {ctx, bytes, size, skims}, part;
  uint64_t version;
  *out = (fsl_record){0};
  FSL_TRY(take_u64(&r, 4, &version));
  if (version != FSL_RECORD_VERSION) return bad_record(&r, "its version is unknown");
  FSL_TRY(take_part(&r, &part));
  out->data = fsl_hash_of(part.at, part.left);
  FSL_TRY(take_data_part(&part, out));
  r.skims = false;
  FSL_TRY(take_part(&r, &part));
  FSL_TRY(take_volatile_part(&part, out));
  return r.left == 0 ? FSL_OK : bad_record(&r, "bytes are left over");
}

fsl_status fsl_record_decode(fsl_ctx *ctx, const uint8_t *bytes, size_t size, fsl_record *out) {
  return decode(ctx, bytes, size, false, out);
}

fsl_status fsl_record_skim(fsl_ctx *ctx, const uint8_t *bytes, size_t size, fsl_record *out) {
  return decode(ctx, bytes, size, true, out);
}

const fsl_field *fsl_record_field(const fsl_record *record, const char *name) {
  for (size_t i = 0; i < record->n_fields; i++)
    if (strcmp(record->fields[i].name, name) == 0) return &record->fields[i];
  return NULL;
}
