/* Arrays from HDF5, .npy and .csv: values, shapes, and files that are wrong. */
#include "base/array_file.h"

#include <hdf5.h>

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
  char folder[64], path[128];
} fixture;

static int set_up(void **state) {
  fixture *const f = calloc(1, sizeof *f);
  f->ctx.arena = fsl_arena_create(0);
  f->ctx.team = &fsl_team_solo;
  strcpy(f->folder, "/tmp/fslens-array-XXXXXX");
  *state = f;
  return mkdtemp(f->folder) == NULL;
}

static int tear_down(void **state) {
  fixture *const f = *state;
  static const char *const names[] = {"a.csv", "a.npy", "a.h5", "b.h5", "text"};
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

static fsl_array read_good(fixture *f, const char *path, const char *dataset) {
  fsl_array array;
  const fsl_status status = fsl_array_read(&f->ctx, path, dataset, &array);
  if (status != FSL_OK) print_message("%s\n", f->ctx.error);
  assert_int_equal(status, FSL_OK);
  return array;
}

/* The read fails as the user's mistake, and says so with the file's name and `word`. */
static void read_bad(fixture *f, const char *path, const char *word) {
  fsl_array array;
  f->ctx.error[0] = '\0';
  assert_int_equal(fsl_array_read(&f->ctx, path, "x", &array), FSL_EINPUT);
  if (strstr(f->ctx.error, word) == NULL) print_message("'%s' is not in '%s'\n", word, f->ctx.error);
  assert_non_null(strstr(f->ctx.error, word));
  assert_non_null(strstr(f->ctx.error, f->folder));
}

static void assert_values(fsl_array array, size_t rows, size_t columns, const double *expected) {
  assert_true(array.rank == 2 && array.shape[0] == rows && array.shape[1] == columns);
  assert_true(fsl_array_size(array) == rows * columns);
  for (size_t i = 0; i < rows * columns; i++) assert_true(array.data[i] == expected[i]);
}

/* ---- csv --------------------------------------------------------------------------------------------------------- */

static const double six[6] = {1, 2, 3, 4.5, -5, 6e3};

static void write_csv(fixture *f, const char *text) {
  write_file(f, "a.csv", text, strlen(text));
}

static void a_csv_file_may_use_commas_or_blanks_comments_and_a_header(void **state) {
  fixture *const f = *state;
  static const char *const texts[] = {"1,2,3\n4.5,-5,6e3\n", "1 2\t3\r\n4.5  -5 6e3\r\n",
                                      "# made by hand\na,b,c\n1,2,3 # first\n\n4.5,-5,6e3",
                                      "x y z\n1, 2, 3\n4.5, -5, 6e3\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    write_csv(f, texts[i]);
    assert_values(read_good(f, f->path, NULL), 2, 3, six);
  }
}

static void a_long_csv_file_keeps_every_value(void **state) {
  fixture *const f = *state;
  snprintf(f->path, sizeof f->path, "%s/a.csv", f->folder);
  FILE *const file = fopen(f->path, "w");
  for (int i = 0; i < 5000; i++) fprintf(file, "%d,%d\n", i, -i);
  fclose(file);
  const fsl_array array = read_good(f, f->path, NULL);
  assert_true(array.shape[0] == 5000 && array.shape[1] == 2);
  for (size_t i = 0; i < 5000; i++) assert_true(array.data[2 * i] == (double)i && array.data[2 * i + 1] == -(double)i);
}

static void a_bad_csv_file_is_refused_with_its_line(void **state) {
  fixture *const f = *state;
  write_csv(f, "1,2,3\n4,5\n");
  read_bad(f, f->path, "a.csv:2: the row has 2 numbers");
  write_csv(f, "1,2\n3,x\n");
  read_bad(f, f->path, "a.csv:2: 'x' is not a number");
  write_csv(f, "a,b\nc,d\n1,2\n");
  read_bad(f, f->path, "a.csv:2: a second header");
  write_csv(f, "a,b\n");
  read_bad(f, f->path, "no numbers");
  write_csv(f, "");
  read_bad(f, f->path, "no numbers");
}

/* ---- npy --------------------------------------------------------------------------------------------------------- */

static void write_npy(fixture *f, int version, const char *header, const void *values, size_t bytes) {
  uint8_t file[1024] = "\x93NUMPY";
  const size_t length = strlen(header), start = version == 1 ? 10 : 12;
  file[6] = (uint8_t)version;
  file[8] = (uint8_t)length;
  memcpy(file + start, header, length);
  memcpy(file + start + length, values, bytes);
  write_file(f, "a.npy", file, start + length + bytes);
}

static void npy_files_of_every_type_are_read(void **state) {
  fixture *const f = *state;
  const double expected[6] = {1, 2, 3, 4, 5, 250}, f8[6] = {1, 2, 3, 4, 5, 250};
  const float f4[6] = {1, 2, 3, 4, 5, 250};
  const int16_t i2[6] = {1, 2, 3, 4, 5, 250};
  const int32_t i4[6] = {1, 2, 3, 4, 5, 250};
  const int64_t i8[6] = {1, 2, 3, 4, 5, 250};
  const uint8_t u1[6] = {1, 2, 3, 4, 5, 250}, big_i2[12] = {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 250};
  const struct {
    const char *type;
    const void *values;
    size_t bytes;
  } cases[] = {{"<f8", f8, sizeof f8}, {"<f4", f4, sizeof f4}, {"<i2", i2, sizeof i2},         {"<i4", i4, sizeof i4},
               {"<i8", i8, sizeof i8}, {"|u1", u1, sizeof u1}, {">i2", big_i2, sizeof big_i2}, {"<u4", i4, sizeof i4}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int version = 1; version <= 3; version++) {
      char header[128];
      snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3), }\n", cases[i].type);
      write_npy(f, version, header, cases[i].values, cases[i].bytes);
      assert_values(read_good(f, f->path, NULL), 2, 3, expected);
    }
  const int8_t minus = -3;
  write_npy(f, 1, "{'descr': '|i1', 'fortran_order': False, 'shape': (1,), }\n", &minus, 1);
  assert_true(read_good(f, f->path, NULL).data[0] == -3);
}

static void a_big_endian_double_is_read(void **state) {
  const uint8_t bytes[8] = {0xc0, 0x08, 0, 0, 0, 0, 0, 0}; /* -3.0 */
  write_npy(*state, 1, "{'descr': '>f8', 'fortran_order': False, 'shape': (), }\n", bytes, 8);
  const fsl_array array = read_good(*state, ((fixture *)*state)->path, NULL);
  assert_true(array.rank == 0 && fsl_array_size(array) == 1 && array.data[0] == -3);
}

static void fortran_order_becomes_row_major(void **state) {
  double stored[24];
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 3; j++)
      for (size_t k = 0; k < 4; k++) stored[i + 2 * j + 6 * k] = (double)(100 * i + 10 * j + k);
  write_npy(*state, 1, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3, 4), }\n", stored, sizeof stored);
  const fsl_array array = read_good(*state, ((fixture *)*state)->path, NULL), rows = fsl_array_rows(array);
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 3; j++)
      for (size_t k = 0; k < 4; k++) assert_true(array.data[(i * 3 + j) * 4 + k] == (double)(100 * i + 10 * j + k));
  assert_true(rows.rank == 2 && rows.shape[0] == 2 && rows.shape[1] == 12 && rows.data == array.data);
}

static void bad_npy_files_are_refused(void **state) {
  fixture *const f = *state;
  static const char *const headers[] = {
      "{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
      "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000,), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (1",
      "{'descr': '<f8', 'fortran_order': False, }",
      "",
  };
  const double one = 1;
  for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
    write_npy(f, 1, headers[i], &one, sizeof one);
    read_bad(f, f->path, "not an .npy file that can be read");
  }
  write_npy(f, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", &one, sizeof one);
  read_bad(f, f->path, "too early");
  for (size_t n = 0; n < 11; n++) {
    write_file(f, "a.npy", "\x93NUMPY\1\0\x40\0{", n);
    read_bad(f, f->path, "not an .npy");
  }
  assert_true(fsl_arena_peak(f->ctx.arena) < 1 << 24); /* a header that lies reserves nothing */
}

/* ---- HDF5 -------------------------------------------------------------------------------------------------------- */

static void put(hid_t group, const char *name, int rank, const hsize_t *shape, hid_t type, hid_t memory,
                const void *values) {
  const hid_t space = rank < 0 ? H5Screate(H5S_NULL) : H5Screate_simple(rank, shape, NULL);
  const hid_t set = H5Dcreate(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (values != NULL) assert_true(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(set);
  H5Sclose(space);
}

static void put_attribute(hid_t file, const char *set, const char *name, double value) {
  const hid_t dataset = H5Dopen(file, set, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate(dataset, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Dclose(dataset);
}

static void write_hdf5(fixture *f) {
  const double values[6] = {1, 2, 3, 4.5, -5, 6e3};
  const int codes[6] = {0, 255, 51, 102, 153, 204};
  const hsize_t shape[2] = {2, 3}, image[4] = {2, 1, 1, 3}, five[5] = {1, 1, 1, 1, 1}, huge[2] = {1u << 20, 1u << 20};
  snprintf(f->path, sizeof f->path, "%s/a.h5", f->folder);
  const hid_t file = H5Fcreate(f->path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t group = H5Gcreate(file, "set", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), text = H5Tcopy(H5T_C_S1);
  put(file, "x", 2, shape, H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, values);
  put(group, "x", 2, shape, H5T_IEEE_F32LE, H5T_NATIVE_DOUBLE, values);
  put(group, "codes", 4, image, H5T_STD_U8LE, H5T_NATIVE_INT, codes);
  put_attribute(file, "set/codes", "offset", -1);
  put_attribute(file, "set/codes", "scale", 2.0 / 255);
  put(file, "five", 5, five, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, NULL);
  put(file, "huge", 2, huge, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, NULL);
  put(file, "null", -1, NULL, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, NULL);
  put(file, "scalar", 0, NULL, H5T_STD_I16LE, H5T_NATIVE_INT, codes + 1);
  put(file, "words", 2, shape, text, text, NULL);
  H5Tclose(text);
  H5Gclose(group);
  H5Fclose(file);
}

static const char *inside(fixture *f, const char *file, const char *name) {
  snprintf(f->path, sizeof f->path, "%s/%s%s", f->folder, file, name);
  return f->path;
}

static void hdf5_datasets_are_read_by_name_group_or_default(void **state) {
  fixture *const f = *state;
  write_hdf5(f);
  assert_values(read_good(f, inside(f, "a.h5", ":/x"), NULL), 2, 3, six);
  assert_values(read_good(f, inside(f, "a.h5", ""), "x"), 2, 3, six);
  assert_values(read_good(f, inside(f, "a.h5", ":/set/x"), NULL), 2, 3, six);
  assert_values(read_good(f, inside(f, "a.h5", ":/set"), "x"), 2, 3, six);
  const fsl_array scalar = read_good(f, inside(f, "a.h5", ":/scalar"), NULL);
  assert_true(scalar.rank == 0 && scalar.data[0] == 255);
}

static void offset_and_scale_are_honoured(void **state) {
  fixture *const f = *state;
  write_hdf5(f);
  const fsl_array codes = read_good(f, inside(f, "a.h5", ":/set/codes"), NULL);
  const double expected[6] = {-1, 1, -0.6, -0.2, 0.2, 0.6};
  assert_true(codes.rank == 4 && codes.shape[0] == 2 && codes.shape[3] == 3);
  for (size_t i = 0; i < 6; i++) assert_true(fabs(codes.data[i] - expected[i]) < 1e-15);
}

static void a_wrong_hdf5_name_is_answered_with_the_nearest(void **state) {
  fixture *const f = *state;
  write_hdf5(f);
  read_bad(f, inside(f, "a.h5", ":/hugh"), "did you mean 'huge'");
  read_bad(f, inside(f, "a.h5", ":/set/code"), "did you mean 'codes'");
  read_bad(f, inside(f, "a.h5", ":/x/y"), "no dataset");
  read_bad(f, inside(f, "a.h5", ":/nowhere/at/all"), "no dataset");
}

static void hdf5_data_of_the_wrong_kind_are_refused(void **state) {
  fixture *const f = *state;
  write_hdf5(f);
  read_bad(f, inside(f, "a.h5", ":/words"), "not numeric");
  read_bad(f, inside(f, "a.h5", ":/five"), "5 axes");
  read_bad(f, inside(f, "a.h5", ":/huge"), "more than 2^31");
  read_bad(f, inside(f, "a.h5", ":/null"), "no values");
}

static void broken_and_missing_files_are_refused_silently(void **state) {
  fixture *const f = *state;
  write_hdf5(f);
  read_bad(f, inside(f, "missing.h5", ":/x"), "No such file");
  read_bad(f, inside(f, "missing.npy", ""), "No such file");
  read_bad(f, inside(f, "missing.csv", ""), "No such file");
  write_file(f, "b.h5", "not HDF5 at all", 15);
  read_bad(f, inside(f, "b.h5", ":/x"), "not an HDF5 file");
  write_file(f, "b.h5", "\x89HDF\r\n\x1a\n", 8); /* nothing but the signature */
  read_bad(f, inside(f, "b.h5", ":/x"), "not an HDF5 file");
}

/* ---- paths ----------------------------------------------------------------------------------------------------------
 */

static void paths_are_relative_to_the_file_that_names_them(void **state) {
  fsl_arena *const arena = ((fixture *)*state)->ctx.arena;
  assert_string_equal(fsl_path_beside(arena, "studies/a.yaml", "data/x.h5"), "studies/data/x.h5");
  assert_string_equal(fsl_path_beside(arena, "a.yaml", "data/x.h5"), "data/x.h5");
  assert_string_equal(fsl_path_beside(arena, "studies/a.yaml", "/data/x.h5"), "/data/x.h5");
  assert_string_equal(fsl_path_beside(arena, "/a.yaml", "x.h5"), "/x.h5");
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(a_csv_file_may_use_commas_or_blanks_comments_and_a_header),
      CASE(a_long_csv_file_keeps_every_value),
      CASE(a_bad_csv_file_is_refused_with_its_line),
      CASE(npy_files_of_every_type_are_read),
      CASE(a_big_endian_double_is_read),
      CASE(fortran_order_becomes_row_major),
      CASE(bad_npy_files_are_refused),
      CASE(hdf5_datasets_are_read_by_name_group_or_default),
      CASE(offset_and_scale_are_honoured),
      CASE(a_wrong_hdf5_name_is_answered_with_the_nearest),
      CASE(hdf5_data_of_the_wrong_kind_are_refused),
      CASE(broken_and_missing_files_are_refused_silently),
      CASE(paths_are_relative_to_the_file_that_names_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
