/* Arrays from .npz, .idx and packed files, what a table of numbers may look like, limits, stops, and bytes that nobody
 * vouches for. */
#include "base/array_file.h"

#include "base/text.h"

#include <hdf5.h>
#include <zlib.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct fixture {
  fsl_ctx ctx;
  fsl_log log;
  char folder[64], path[128], said[1024];
} fixture;

/* ---- a stop that comes at the n-th question ---------------------------------------------------------------------- */

static long questions, stops_at; /* 0: never */

fsl_status __wrap_fsl_check_stop(fsl_ctx *ctx);
fsl_status __wrap_fsl_check_stop(fsl_ctx *ctx) {
  return ++questions == stops_at ? fsl_fail(ctx, FSL_ESTOP, "stopped") : FSL_OK;
}

static void hear(void *self, fsl_log_level level, const char *text) {
  fixture *const f = self;
  (void)level;
  snprintf(f->said, sizeof f->said, "%s", text);
}

static int set_up(void **state) {
  fixture *const f = calloc(1, sizeof *f);
  f->log = (fsl_log){.self = f, .level = FSL_LOG_WARN, .write = hear};
  f->ctx = (fsl_ctx){.arena = fsl_arena_create(0), .team = &fsl_team_solo, .log = &f->log};
  strcpy(f->folder, "/tmp/fslens-formats-XXXXXX");
  questions = stops_at = 0;
  *state = f;
  return mkdtemp(f->folder) == NULL;
}

static int tear_down(void **state) {
  fixture *const f = *state;
  static const char *const names[] = {"a.csv", "a.npy", "a.npz", "a.h5", "a.idx", "a.idx.gz", "a.txt", "a"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(f->path, sizeof f->path, "%s/%s", f->folder, names[i]);
    unlink(f->path);
  }
  rmdir(f->folder);
  fsl_arena_destroy(f->ctx.arena);
  free(f);
  return 0;
}

static void write_file(fixture *f, const char *name, const void *bytes, size_t n) {
  snprintf(f->path, sizeof f->path, "%s/%s", f->folder, name);
  FILE *const file = fopen(f->path, "wb");
  assert_non_null(file);
  assert_true(fwrite(bytes, 1, n, file) == n);
  fclose(file);
}

static const char *inside(fixture *f, const char *name) {
  return fsl_text_format(f->ctx.arena, "%s%s", f->path, name);
}

static fsl_array read_good(fixture *f, const char *path, const char *dataset) {
  fsl_array array;
  const fsl_status status = fsl_array_read(&f->ctx, path, dataset, &array);
  if (status != FSL_OK) print_message("%s\n", f->ctx.error);
  assert_int_equal(status, FSL_OK);
  return array;
}

/* Refused as the user's mistake, with the file's name and each of the words between bars. */
static void read_bad(fixture *f, const char *path, const char *words) {
  fsl_array array;
  char copy[256], *rest = NULL;
  f->ctx.error[0] = '\0';
  assert_int_equal(fsl_array_read(&f->ctx, path, NULL, &array), FSL_EINPUT);
  assert_non_null(strstr(f->ctx.error, f->folder));
  snprintf(copy, sizeof copy, "%s", words);
  for (char *word = strtok_r(copy, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest)) {
    if (strstr(f->ctx.error, word) == NULL) print_message("'%s' is not in '%s'\n", word, f->ctx.error);
    assert_non_null(strstr(f->ctx.error, word));
  }
}

static void assert_values(fsl_array array, size_t rank, const size_t *shape, const double *expected) {
  assert_true(array.rank == rank);
  for (size_t i = 0; i < rank; i++) assert_true(array.shape[i] == shape[i]);
  for (size_t i = 0; i < fsl_array_size(array); i++) assert_true(array.data[i] == expected[i]);
}

/* ---- bytes under construction ------------------------------------------------------------------------------------ */

typedef struct bytes {
  size_t n;
  uint8_t data[1 << 18];
} bytes;

static void put(bytes *b, const void *data, size_t n) {
  assert_true(b->n + n <= sizeof b->data);
  memcpy(b->data + b->n, data, n);
  b->n += n;
}

static void put_little(bytes *b, uint64_t value, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const uint8_t byte = (uint8_t)(value >> (8 * i));
    put(b, &byte, 1);
  }
}

/* window: -15 raw deflate, 31 gzip. */
static void put_packed(bytes *b, int window, const uint8_t *data, size_t n) {
  z_stream z = {0};
  assert_true(deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  z.next_in = (uint8_t *)(uintptr_t)data;
  z.avail_in = (uInt)n;
  z.next_out = b->data + b->n;
  z.avail_out = (uInt)(sizeof b->data - b->n);
  assert_true(deflate(&z, Z_FINISH) == Z_STREAM_END);
  b->n += z.total_out;
  deflateEnd(&z);
}

static void put_npy(bytes *b, const char *type, const char *shape, const void *values, size_t n) {
  char header[128];
  const int length =
      snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", type, shape);
  put(b, "\x93NUMPY\1\0", 8);
  put_little(b, (uint64_t)length, 2);
  put(b, header, (size_t)length);
  put(b, values, n);
}

typedef struct zip {
  bytes file, directory;
  uint64_t entries;
} zip;

/* As numpy.savez and savez_compressed write members; `wide`: its sizes and offset stand in 64-bit fields. */
static void zip_add(zip *z, const char *name, const bytes *content, bool packed, bool wide) {
  const uint64_t offset = z->file.n;
  static bytes data;
  data.n = 0;
  if (packed)
    put_packed(&data, -15, content->data, content->n);
  else
    put(&data, content->data, content->n);
  const uint64_t crc = crc32(0, content->data, (uInt)content->n), all = UINT32_MAX, length = strlen(name);
  put(&z->file, "PK\3\4", 4);
  put_little(&z->file, 45, 2), put_little(&z->file, 0, 2), put_little(&z->file, packed ? 8 : 0, 2);
  put_little(&z->file, 0, 4), put_little(&z->file, crc, 4), put_little(&z->file, all, 4), put_little(&z->file, all, 4);
  put_little(&z->file, length, 2), put_little(&z->file, 20, 2), put(&z->file, name, length);
  put_little(&z->file, 1, 2), put_little(&z->file, 16, 2);
  put_little(&z->file, content->n, 8), put_little(&z->file, data.n, 8);
  put(&z->file, data.data, data.n);
  bytes *const d = &z->directory;
  put(d, "PK\1\2", 4);
  put_little(d, 45, 2), put_little(d, 45, 2), put_little(d, 0, 2), put_little(d, packed ? 8 : 0, 2);
  put_little(d, 0, 4), put_little(d, crc, 4);
  put_little(d, wide ? all : data.n, 4), put_little(d, wide ? all : content->n, 4);
  put_little(d, length, 2), put_little(d, wide ? 28 : 0, 2), put_little(d, 0, 2), put_little(d, 0, 8);
  put_little(d, wide ? all : offset, 4), put(d, name, length);
  if (wide)
    put_little(d, 1, 2), put_little(d, 24, 2), put_little(d, content->n, 8), put_little(d, data.n, 8),
        put_little(d, offset, 8);
  z->entries++;
}

static void zip_end(zip *z, const char *comment) {
  const uint64_t start = z->file.n;
  put(&z->file, z->directory.data, z->directory.n);
  put(&z->file, "PK\5\6\0\0\0\0", 8);
  put_little(&z->file, z->entries, 2), put_little(&z->file, z->entries, 2);
  put_little(&z->file, z->directory.n, 4), put_little(&z->file, start, 4);
  put_little(&z->file, strlen(comment), 2), put(&z->file, comment, strlen(comment));
}

static const double six[6] = {1, 2, 3, 4.5, -5, 6e3};

/* Arrays 'images' (2, 3) and 'labels' (2). */
static void write_npz(fixture *f, bool packed, bool wide) {
  static zip z;
  static bytes member;
  const int64_t labels[2] = {7, -8};
  memset(&z, 0, sizeof z);
  member.n = 0;
  put_npy(&member, "<f8", "(2, 3)", six, sizeof six);
  zip_add(&z, "images.npy", &member, packed, wide);
  member.n = 0;
  put(&member, "read me", 7);
  zip_add(&z, "notes.txt", &member, packed, false);
  member.n = 0;
  put_npy(&member, "<i8", "(2,)", labels, sizeof labels);
  zip_add(&z, "labels.npy", &member, packed, wide);
  zip_end(&z, "a comment");
  write_file(f, "a.npz", z.file.data, z.file.n);
}

/* ---- npy and npz ------------------------------------------------------------------------------------------------- */

static void half_floats_and_booleans_are_read(void **state) {
  fixture *const f = *state;
  static bytes b;
  /* IEEE binary16: 1, -2, the largest, the smallest subnormal, an infinity, -0 */
  const uint16_t half[6] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x8000};
  const double expected[6] = {1, -2, 65504, 0x1p-24, INFINITY, 0};
  const uint8_t truth[3] = {0, 1, 1};
  b.n = 0;
  put_npy(&b, "<f2", "(6,)", half, sizeof half);
  write_file(f, "a.npy", b.data, b.n);
  assert_values(read_good(f, f->path, NULL), 1, (const size_t[]){6}, expected);
  b.n = 0;
  put_npy(&b, "|b1", "(3,)", truth, sizeof truth);
  write_file(f, "a.npy", b.data, b.n);
  assert_values(read_good(f, f->path, NULL), 1, (const size_t[]){3}, (const double[]){0, 1, 1});
}

static void an_npz_file_gives_a_named_array(void **state) {
  fixture *const f = *state;
  for (int i = 0; i < 4; i++) {
    write_npz(f, (i & 1) != 0, (i & 2) != 0);
    assert_values(read_good(f, inside(f, ":images"), NULL), 2, (const size_t[]){2, 3}, six);
    assert_values(read_good(f, inside(f, ":labels"), NULL), 1, (const size_t[]){2}, (const double[]){7, -8});
    assert_values(read_good(f, f->path, "images"), 2, (const size_t[]){2, 3}, six);
    read_bad(f, inside(f, ":image"), "there is no array 'image'|did you mean 'images'");
    read_bad(f, f->path, "name one of its arrays|'images', 'labels'");
  }
}

static void two_arrays_come_from_one_opening(void **state) {
  fixture *const f = *state;
  fsl_array both[2] = {{0}, {0}};
  static const char *const names[] = {"images", "labels"}, *const wrong[] = {"images", "label"};
  write_npz(f, true, false);
  assert_int_equal(fsl_array_read_all(&f->ctx, f->path, 2, names, both), FSL_OK);
  assert_values(both[1], 1, (const size_t[]){2}, (const double[]){7, -8});
  memset(both, 0, sizeof both);
  assert_int_equal(fsl_array_read_all(&f->ctx, f->path, 2, wrong, both), FSL_EINPUT);
  assert_true(both[0].data != NULL && both[1].data == NULL); /* the second one is at fault */
}

static void the_only_array_of_an_npz_file_needs_no_name(void **state) {
  fixture *const f = *state;
  static zip z;
  static bytes member;
  memset(&z, 0, sizeof z);
  member.n = 0;
  put_npy(&member, "<f8", "(2, 3)", six, sizeof six);
  zip_add(&z, "arr_0.npy", &member, true, false);
  zip_end(&z, "");
  write_file(f, "a.npz", z.file.data, z.file.n);
  assert_values(read_good(f, f->path, NULL), 2, (const size_t[]){2, 3}, six);
  assert_values(read_good(f, f->path, "x"), 2, (const size_t[]){2, 3}, six); /* the default name of a prior's samples */
}

static void a_damaged_npz_member_is_found_by_its_checksum(void **state) {
  fixture *const f = *state;
  static zip z;
  static bytes member;
  memset(&z, 0, sizeof z);
  member.n = 0;
  put_npy(&member, "<f8", "(2, 3)", six, sizeof six);
  zip_add(&z, "x.npy", &member, false, false);
  zip_end(&z, "");
  for (size_t i = 0; i + 8 < z.file.n; i++)
    if (memcmp(z.file.data + i, &six[3], sizeof six[3]) == 0) z.file.data[i] ^= 1;
  write_file(f, "a.npz", z.file.data, z.file.n);
  read_bad(f, f->path, "checksum");
}

/* ---- idx --------------------------------------------------------------------------------------------------------- */

static void idx_files_of_every_type_are_read_packed_or_not(void **state) {
  fixture *const f = *state;
  static const struct {
    const char *bytes;
    size_t n;
    double first, second;
  } cases[] = {
      {"\0\0\x08\1\0\0\0\2\x01\xfa", 10, 1, 250},
      {"\0\0\x09\1\0\0\0\2\x01\xfa", 10, 1, -6},
      {"\0\0\x0b\1\0\0\0\2\x01\x02\xff\xfe", 12, 258, -2},
      {"\0\0\x0c\1\0\0\0\2\0\0\x01\x02\xff\xff\xff\xfe", 16, 258, -2},
      {"\0\0\x0d\1\0\0\0\2\x3f\xc0\0\0\xc0\0\0\0", 16, 1.5, -2},
      {"\0\0\x0e\1\0\0\0\2\x3f\xf8\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0", 24, 1.5, -2},
  };
  static bytes packed;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const double expected[2] = {cases[i].first, cases[i].second};
    write_file(f, "a.idx", cases[i].bytes, cases[i].n);
    assert_values(read_good(f, f->path, "x"), 1, (const size_t[]){2}, expected);
    packed.n = 0;
    put_packed(&packed, 31, (const uint8_t *)cases[i].bytes, cases[i].n);
    write_file(f, "a", packed.data, packed.n); /* the first bytes tell, whatever the ending */
    assert_values(read_good(f, f->path, NULL), 1, (const size_t[]){2}, expected);
  }
}

static void images_in_an_idx_file_keep_their_axes(void **state) {
  fixture *const f = *state;
  static const uint8_t file[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4};
  write_file(f, "a.idx", file, sizeof file);
  assert_values(read_good(f, f->path, NULL), 3, (const size_t[]){2, 1, 2}, (const double[]){1, 2, 3, 4});
}

static void bad_idx_files_are_refused(void **state) {
  fixture *const f = *state;
  static bytes packed;
  write_file(f, "a.idx", "\0\0\x0a\1\0\0\0\1\1", 9);
  read_bad(f, f->path, "no IDX header");
  write_file(f, "a.idx", "\0\0\x08\5\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\1", 25);
  read_bad(f, f->path, "5 axes");
  write_file(f, "a.idx", "\0\0\x08\1\0\0\0\3\1\2", 10);
  read_bad(f, f->path, "too early");
  write_file(f, "a.idx", "\0\0\x08\1\0\0\0\1\1\2", 10);
  read_bad(f, f->path, "more than its shape says");
  write_file(f, "a.idx", "\0\0\x08\4\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 21);
  read_bad(f, f->path, "too early");
  packed.n = 0;
  put_packed(&packed, 31, (const uint8_t *)"1,2,3\n", 6);
  write_file(f, "a.idx.gz", packed.data, packed.n);
  read_bad(f, f->path, "not .idx.gz");
  packed.n = 0;
  put_packed(&packed, 31, (const uint8_t *)"\0\0\x08\1\0\0\0\2\1\2", 10);
  packed.data[packed.n - 6] ^= 1; /* of the checksum */
  write_file(f, "a.idx.gz", packed.data, packed.n);
  read_bad(f, f->path, "damaged");
}

/* ---- csv --------------------------------------------------------------------------------------------------------- */

static void read_csv(fixture *f, const char *text, size_t rows, size_t columns, const double *expected) {
  write_file(f, "a.csv", text, strlen(text));
  f->said[0] = '\0';
  assert_values(read_good(f, f->path, NULL), 2, (const size_t[]){rows, columns}, expected);
}

static void a_byte_order_mark_is_not_a_header(void **state) {
  fixture *const f = *state;
  read_csv(f,
           "\xef\xbb\xbf"
           "1,2,3\n4.5,-5,6e3\n",
           2, 3, six);
  assert_string_equal(f->said, "");
  write_file(f, "a.csv",
             "\xff\xfe"
             "1\0,\0002\0\n\0",
             10);
  read_bad(f, f->path, "UTF-16|UTF-8");
}

static void a_header_is_told(void **state) {
  fixture *const f = *state;
  read_csv(f, "a,b b,c\n1,2,3\n4.5,-5,6e3\n", 2, 3, six);
  assert_non_null(strstr(f->said, "a.csv:1: 'a,b b,c' is taken as a header"));
  write_file(f, "a.csv", "l.5,2\n3,4\n", 10); /* a letter for a one */
  read_bad(f, f->path, "a.csv:1: 'l.5' is not a number");
}

static void lines_may_end_with_a_carriage_return(void **state) {
  fixture *const f = *state;
  read_csv(f, "1,2,3\r4.5,-5,6e3\r", 2, 3, six);
  read_csv(f, "1,2,3\r\n4.5,-5,6e3", 2, 3, six);
  write_file(f, "a.csv", "1,2\r\r3,x\r", 9);
  read_bad(f, f->path, "a.csv:3: 'x'");
}

static void decimal_commas_and_semicolons_are_refused_with_the_remedy(void **state) {
  fixture *const f = *state;
  static const char *const texts[] = {"0,123;0,456\n", "1;2;3\n", "a;b\n1;2\n"};
  for (size_t i = 0; i < 3; i++) {
    write_file(f, "a.csv", texts[i], strlen(texts[i]));
    read_bad(f, f->path, "a.csv:1|semicolons|decimal points");
  }
  write_file(f, "a.csv", "0,123\t0,456\n", 12);
  read_bad(f, f->path, "a.csv:1|commas and blanks|decimal points");
  write_file(f, "a.csv", "1,,3\n", 5);
  read_bad(f, f->path, "a.csv:1|empty");
}

/* ---- what is not read -------------------------------------------------------------------------------------------- */

static void another_file_is_refused_with_what_it_is(void **state) {
  fixture *const f = *state;
  static const struct {
    const char *bytes;
    size_t n;
    const char *what;
  } cases[] = {{"\x89PNG\r\n\x1a\n", 8, "a PNG image"},
               {"1 2 3\n", 6, "the ending .csv"},
               {"", 0, "empty"},
               {"\1\2\3\4\5\6\7\x08", 8, "none of these"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_file(f, "a.txt", cases[i].bytes, cases[i].n);
    read_bad(f, f->path, "reads .h5, .npy, .npz, .csv, .idx");
    read_bad(f, f->path, cases[i].what);
  }
  read_bad(f, f->folder, "a folder");
}

/* ---- HDF5 -------------------------------------------------------------------------------------------------------- */

static void put_set(hid_t group, const char *name, hsize_t rows, hsize_t columns, hsize_t chunk, const double *values) {
  const hsize_t shape[2] = {rows, columns}, chunks[2] = {chunk, columns};
  const hid_t space = H5Screate_simple(2, shape, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
  if (chunk > 0) H5Pset_chunk(list, 2, chunks), H5Pset_deflate(list, 1);
  const hid_t set = H5Dcreate(group, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
  if (values != NULL) assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(set);
  H5Pclose(list);
  H5Sclose(space);
}

static hid_t create_hdf5(fixture *f) {
  snprintf(f->path, sizeof f->path, "%s/a.h5", f->folder);
  return H5Fcreate(f->path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

static void links_and_groups_are_called_what_they_are(void **state) {
  fixture *const f = *state;
  const hid_t file = create_hdf5(f);
  const hid_t group = H5Gcreate(file, "set", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  put_set(group, "x", 2, 3, 0, six);
  put_set(group, "y", 2, 3, 0, six);
  H5Lcreate_external("elsewhere.h5", "/x", file, "outside", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/nothing", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/second", file, "first", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/first", file, "second", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/set/x", file, "good", H5P_DEFAULT, H5P_DEFAULT);
  H5Gclose(group);
  H5Fclose(file);
  assert_values(read_good(f, inside(f, ":/good"), NULL), 2, (const size_t[]){2, 3}, six);
  assert_values(read_good(f, inside(f, ":set/x"), NULL), 2, (const size_t[]){2, 3}, six);
  read_bad(f, inside(f, ":/outside"), "external link|'/x' in the file elsewhere.h5");
  read_bad(f, inside(f, ":/outside/deeper"), "external link|elsewhere.h5");
  read_bad(f, inside(f, ":/dangling"), "a link to '/nothing', which does not exist");
  read_bad(f, inside(f, ":/first"), "a link that leads in a circle");
  read_bad(f, inside(f, ":/set"), "a group|it holds 'x', 'y'");
  read_bad(f, f->path, "name one of its datasets");
}

static void put_text_attribute(hid_t dataset, const char *name) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, 4);
  const hid_t attribute = H5Acreate(dataset, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, "0.5");
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

static void a_scale_that_is_not_one_number_is_refused(void **state) {
  fixture *const f = *state;
  const hid_t file = create_hdf5(f);
  const hsize_t two = 2;
  const double pair[2] = {1, 2};
  put_set(file, "text", 2, 3, 0, six);
  put_set(file, "pair", 2, 3, 0, six);
  const hid_t text = H5Dopen(file, "text", H5P_DEFAULT), other = H5Dopen(file, "pair", H5P_DEFAULT);
  put_text_attribute(text, "scale");
  const hid_t space = H5Screate_simple(1, &two, NULL);
  const hid_t attribute = H5Acreate(other, "offset", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_DOUBLE, pair);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Dclose(text);
  H5Dclose(other);
  H5Fclose(file);
  read_bad(f, inside(f, ":/text"), "attribute 'scale' of '/text' is not a number");
  read_bad(f, inside(f, ":/pair"), "attribute 'offset' of '/pair' has 2 values");
}

/* Whatever the shape and the chunks, each value is in its place: blocks are cut along any axis. */
static void large_datasets_are_read_block_by_block(void **state) {
  fixture *const f = *state;
  enum { N = 6000000 };
  static const hsize_t shapes[][3] = {{2000, 3000, 300}, {3, 2000000, 2}, {2, 3000000, 0}, {1000000, 6, 1000}};
  double *const values = malloc(N * sizeof *values);
  for (size_t i = 0; i < N; i++) values[i] = (double)i;
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    const hid_t file = create_hdf5(f);
    put_set(file, "x", shapes[k][0], shapes[k][1], shapes[k][2], values);
    H5Fclose(file);
    questions = 0;
    const fsl_array x = read_good(f, inside(f, ":/x"), NULL);
    assert_memory_equal(x.data, values, N * sizeof *values);
    assert_true(questions >= 3);
    unlink(f->path);
  }
  free(values);
}

/* ---- limits and stops -------------------------------------------------------------------------------------------- */

static void write_zeros(fixture *f, int format) {
  static bytes content, packed;
  static zip z;
  static uint8_t zeros[200000];
  packed.n = content.n = 0;
  if (format == 0) {
    const hid_t file = create_hdf5(f);
    put_set(file, "x", 100000, 100, 1000, NULL);
    H5Fclose(file);
  } else if (format == 1) {
    put(&content, "\0\0\x08\1\0\3\x0d\x40", 8);
    put(&content, zeros, sizeof zeros);
    put_packed(&packed, 31, content.data, content.n);
    write_file(f, "a.idx.gz", packed.data, packed.n);
  } else if (format == 2) {
    memset(&z, 0, sizeof z);
    put_npy(&content, "|u1", "(200000,)", zeros, sizeof zeros);
    zip_add(&z, "x.npy", &content, true, false);
    zip_end(&z, "");
    write_file(f, "a.npz", z.file.data, z.file.n);
  } else {
    snprintf(f->path, sizeof f->path, "%s/a.csv", f->folder);
    FILE *const file = fopen(f->path, "w");
    for (int i = 0; i < 100000; i++) fputs("0,1\n", file);
    fclose(file);
  }
}

static void what_unpacks_to_more_than_the_limit_is_refused_before_it_is_read(void **state) {
  fixture *const f = *state;
  for (int format = 0; format < 4; format++) {
    write_zeros(f, format);
    const size_t before = fsl_arena_peak(f->ctx.arena);
    f->ctx.file_bytes = 1e6;
    read_bad(f, format == 0 ? inside(f, ":/x") : f->path, "MB of memory, and a rank has 1 MB|rank_bytes");
    assert_true(fsl_arena_peak(f->ctx.arena) < before + (3 << 20));
    f->ctx.file_bytes = 2e8;
    read_good(f, format == 0 ? inside(f, ":/x") : f->path, "x");
  }
}

static void every_reader_stops_between_its_blocks(void **state) {
  fixture *const f = *state;
  for (int format = 0; format < 4; format++) {
    fsl_array array;
    write_zeros(f, format);
    const char *const path = format == 0 ? inside(f, ":/x") : f->path;
    questions = stops_at = 0;
    read_good(f, path, NULL);
    const long all = questions;
    assert_true(all >= 4);
    for (stops_at = 1; stops_at <= all; stops_at++) {
      questions = 0;
      assert_int_equal(fsl_array_read(&f->ctx, path, NULL, &array), FSL_ESTOP);
      assert_int_equal(questions, stops_at); /* and asks no more */
    }
    stops_at = 0;
  }
}

/* ---- bytes that nobody vouches for ------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

/* Damages a good file again and again: it is read or refused, and never takes much memory. */
static void damage(fixture *f, const char *name, const bytes *good, const char *dataset, uint64_t seed) {
  enum { TRIES = 1500 };
  static bytes bad;
  for (int i = 0; i < TRIES; i++) {
    const fsl_arena_mark mark = fsl_arena_now(f->ctx.arena);
    fsl_array array;
    bad = *good;
    if (i % 3 == 0) bad.n = (size_t)(next_random(&seed) % (good->n + 1));
    for (uint64_t n = next_random(&seed) % 4; n > 0 && bad.n > 0; n--)
      bad.data[next_random(&seed) % bad.n] = (uint8_t)(i % 2 == 0 ? next_random(&seed) : 0xff);
    write_file(f, name, bad.data, bad.n);
    const fsl_status status = fsl_array_read(&f->ctx, f->path, dataset, &array);
    assert_true(status == FSL_OK || status == FSL_EINPUT || status == FSL_EIO);
    fsl_arena_release(f->ctx.arena, mark);
  }
  assert_true(fsl_arena_peak(f->ctx.arena) < (size_t)400 << 20);
}

static void load(fixture *f, bytes *out) {
  FILE *const file = fopen(f->path, "rb");
  assert_non_null(file);
  out->n = fread(out->data, 1, sizeof out->data, file);
  fclose(file);
}

static void damaged_files_are_read_or_refused(void **state) {
  fixture *const f = *state;
  static bytes good, content;
  f->ctx.file_bytes = 1e8;
  for (int i = 0; i < 4; i++) {
    write_npz(f, (i & 1) != 0, (i & 2) != 0);
    load(f, &good);
    damage(f, "a.npz", &good, "images", (uint64_t)i);
  }
  content.n = good.n = 0;
  put(&content, "\0\0\x08\2\0\0\0\2\0\0\0\3\1\2\3\4\5\6", 18);
  damage(f, "a.idx", &content, NULL, 5);
  put_packed(&good, 31, content.data, content.n);
  damage(f, "a.idx.gz", &good, NULL, 6);
  good.n = 0;
  put_npy(&good, "<f2", "(2, 3)", six, 12);
  damage(f, "a.npy", &good, NULL, 7);
  good.n = 0;
  put(&good, "\xef\xbb\xbf# a\na,b\r1,2\r\n3 ,4.5e3\n", 26);
  damage(f, "a.csv", &good, NULL, 8);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(half_floats_and_booleans_are_read),
      CASE(an_npz_file_gives_a_named_array),
      CASE(two_arrays_come_from_one_opening),
      CASE(the_only_array_of_an_npz_file_needs_no_name),
      CASE(a_damaged_npz_member_is_found_by_its_checksum),
      CASE(idx_files_of_every_type_are_read_packed_or_not),
      CASE(images_in_an_idx_file_keep_their_axes),
      CASE(bad_idx_files_are_refused),
      CASE(a_byte_order_mark_is_not_a_header),
      CASE(a_header_is_told),
      CASE(lines_may_end_with_a_carriage_return),
      CASE(decimal_commas_and_semicolons_are_refused_with_the_remedy),
      CASE(another_file_is_refused_with_what_it_is),
      CASE(links_and_groups_are_called_what_they_are),
      CASE(a_scale_that_is_not_one_number_is_refused),
      CASE(large_datasets_are_read_block_by_block),
      CASE(what_unpacks_to_more_than_the_limit_is_refused_before_it_is_read),
      CASE(every_reader_stops_between_its_blocks),
      CASE(damaged_files_are_read_or_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
