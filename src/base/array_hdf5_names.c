/* base/array_hdf5_names.c: see array_hdf5.h. */
#include "base/array_hdf5.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static bool is_root(const char *inside) {
  return inside[strspn(inside, "/")] == '\0';
}

/* ---- what a group holds ------------------------------------------------------------------------------------------ */

typedef struct name_list {
  fsl_arena *arena;
  bool datasets_alone;
  size_t n, capacity;
  const char **names; /* NULL: only counted */
} name_list;

static bool is_of_type(hid_t group, const char *name, H5O_type_t type) {
  H5O_info_t info;
  return H5Oget_info_by_name(group, name, &info, H5P_DEFAULT) >= 0 && info.type == type;
}

static herr_t take_name(hid_t group, const char *name, const H5L_info_t *info, void *self) {
  name_list *const list = self;
  (void)info;
  if (list->datasets_alone && !is_of_type(group, name, H5O_TYPE_DATASET)) return 0;
  if (list->names == NULL) {
    list->capacity++;
  } else if (list->n < list->capacity) {
    const char *const copy = fsl_text_copy(list->arena, name);
    if (copy != NULL) list->names[list->n++] = copy;
  }
  return 0;
}

static const char *names_in(fsl_ctx *ctx, hid_t group, const char *wanted, bool datasets_alone) {
  name_list list = {.arena = ctx->arena, .datasets_alone = datasets_alone};
  H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, take_name, &list);
  list.names = fsl_arena_get(ctx->arena, list.capacity + 1, sizeof *list.names);
  if (list.names != NULL) H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, take_name, &list);
  return fsl_array_names(ctx, wanted, list.n, list.names);
}

static const char *names_in_group(fsl_ctx *ctx, hid_t file, const char *inside, const char *wanted, bool datasets) {
  const hid_t group = H5Gopen(file, is_root(inside) ? "/" : inside, H5P_DEFAULT);
  if (group < 0) return "";
  const char *const names = names_in(ctx, group, wanted, datasets);
  H5Gclose(group);
  return names;
}

/* ---- what a name is ---------------------------------------------------------------------------------------------- */

static herr_t find_circle(unsigned n, const H5E_error_t *error, void *self) {
  (void)n;
  if (error->min_num == H5E_NLINKS) *(bool *)self = true;
  return 0;
}

/* A link that exists and opens nothing. */
static fsl_status broken_link(fsl_ctx *ctx, hid_t file, const char *path, const char *part) {
  H5L_info_t info;
  const char *target_file = NULL, *target = NULL;
  bool circle = false;
  const hid_t opened = H5Oopen(file, part, H5P_DEFAULT);
  if (opened >= 0) H5Oclose(opened);
  H5Ewalk(H5E_DEFAULT, H5E_WALK_UPWARD, find_circle, &circle);
  if (circle) return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' is a link that leads in a circle", path, part);
  if (H5Lget_info(file, part, &info, H5P_DEFAULT) < 0 || info.type == H5L_TYPE_HARD)
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' cannot be opened: the file is damaged", path, part);
  char *const value = fsl_arena_get(ctx->arena, info.u.val_size + 1, 1);
  if (value == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a link");
  const bool known = H5Lget_val(file, part, value, info.u.val_size, H5P_DEFAULT) >= 0;
  if (known && info.type == H5L_TYPE_SOFT)
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' is a link to '%.200s', which does not exist", path, part, value);
  if (known && info.type == H5L_TYPE_EXTERNAL &&
      H5Lunpack_elink_val(value, info.u.val_size, NULL, &target_file, &target) >= 0)
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' is an external link to '%.200s' in the file %.200s, which %s", path,
                    part, target, target_file, "cannot be opened or holds no such name");
  return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' is a link that leads nowhere", path, part);
}

static fsl_status no_such_name(fsl_ctx *ctx, hid_t file, const char *path, const char *inside, size_t folder,
                               const char *name) {
  char *const parent = fsl_text_format(ctx->arena, "%.*s", (int)folder, inside);
  if (parent == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
  return fsl_fail(ctx, FSL_EINPUT, "%s: there is no dataset '%s'%s", path, inside,
                  names_in_group(ctx, file, parent, name, false));
}

/* Every part of the path must exist: HDF5 asks for that link by link. */
static fsl_status expect_object(fsl_ctx *ctx, hid_t file, const char *path, const char *inside) {
  for (size_t from = strspn(inside, "/"), to; inside[from] != '\0'; from = to + strspn(inside + to, "/")) {
    to = from + strcspn(inside + from, "/");
    char *const part = fsl_text_format(ctx->arena, "%.*s", (int)to, inside);
    if (part == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for a name");
    if (H5Lexists(file, part, H5P_DEFAULT) <= 0) return no_such_name(ctx, file, path, inside, from, part + from);
    if (H5Oexists_by_name(file, part, H5P_DEFAULT) <= 0) return broken_link(ctx, file, path, part);
  }
  return FSL_OK;
}

static bool exists(hid_t file, const char *inside) {
  char part[1024];
  const size_t n = strlen(inside);
  if (n >= sizeof part) return false;
  for (size_t i = strspn(inside, "/"); i <= n; i++) {
    if (i < n && inside[i] != '/') continue;
    memcpy(part, inside, i);
    part[i] = '\0';
    if (!is_root(part) && (H5Lexists(file, part, H5P_DEFAULT) <= 0 || H5Oexists_by_name(file, part, H5P_DEFAULT) <= 0))
      return false;
  }
  return true;
}

bool fsl_hdf5_is_group(hid_t file, const char *inside) {
  return is_root(inside) || (exists(file, inside) && is_of_type(file, inside, H5O_TYPE_GROUP));
}

fsl_status fsl_hdf5_expect_dataset(fsl_ctx *ctx, hid_t file, const char *path, const char *inside) {
  if (is_root(inside))
    return fsl_fail(ctx, FSL_EINPUT, "%s: name one of its datasets, as in FILE.h5:/NAME%s", path,
                    names_in_group(ctx, file, "/", NULL, true));
  FSL_TRY(expect_object(ctx, file, path, inside));
  if (is_of_type(file, inside, H5O_TYPE_DATASET)) return FSL_OK;
  if (!is_of_type(file, inside, H5O_TYPE_GROUP))
    return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' is a type, not a dataset", path, inside);
  return fsl_fail(ctx, FSL_EINPUT, "%s: '%s' is a group, not a dataset%s", path, inside,
                  names_in_group(ctx, file, inside, NULL, true));
}

/* ---- virtual datasets: HDF5 gives fill values for sources that are missing --------------------------------------- */

/* Where HDF5 looks for a source: as it is named, then beside the file, both after HDF5_VDS_PREFIX. */
static hid_t open_source(fsl_ctx *ctx, const char *path, const char *name) {
  const char *const prefix = getenv("HDF5_VDS_PREFIX"), *const beside = fsl_path_beside(ctx->arena, path, name);
  const char *const in_prefix = prefix == NULL ? NULL : fsl_text_format(ctx->arena, "%s/%s", prefix, name);
  const char *const tries[] = {in_prefix, beside, name};
  hid_t file = -1;
  for (size_t i = 0; file < 0 && i < sizeof tries / sizeof *tries; i++)
    if (tries[i] != NULL) file = H5Fopen(tries[i], H5F_ACC_RDONLY, H5P_DEFAULT);
  return file;
}

static fsl_status expect_source(fsl_ctx *ctx, const char *path, const char *inside, hid_t list, size_t i) {
  char name[1024] = "", dataset[1024] = "";
  H5Pget_virtual_filename(list, i, name, sizeof name);
  H5Pget_virtual_dsetname(list, i, dataset, sizeof dataset);
  if (strchr(name, '%') != NULL || strchr(dataset, '%') != NULL) return FSL_OK; /* as many as there are */
  const hid_t file = open_source(ctx, path, strcmp(name, ".") == 0 ? path : name);
  const bool found = file >= 0 && exists(file, dataset);
  if (file >= 0) H5Fclose(file);
  return found ? FSL_OK
               : fsl_fail(ctx, FSL_EINPUT,
                          "%s: '%s' is a virtual dataset whose source '%.200s' in the file %.200s is missing", path,
                          inside, dataset, name);
}

fsl_status fsl_hdf5_expect_sources(fsl_ctx *ctx, const char *path, const char *inside, hid_t dataset) {
  size_t n = 0;
  fsl_status status = FSL_OK;
  const hid_t list = H5Dget_create_plist(dataset);
  if (H5Pget_layout(list) == H5D_VIRTUAL) H5Pget_virtual_count(list, &n);
  for (size_t i = 0; i < n && status == FSL_OK; i++) {
    status = fsl_check_stop(ctx);
    if (status == FSL_OK) status = expect_source(ctx, path, inside, list, i);
  }
  H5Pclose(list);
  return status;
}
