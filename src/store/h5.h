/* store/h5.h: HDF5 as the results file uses it: groups, dimension scales, variables with attributes. Every name is
 * UTF-8. Handles are closed by their opener. Errors name the file. */
#ifndef FSL_STORE_H5_H
#define FSL_STORE_H5_H

#include "fslens/base.h"

#include <hdf5.h>

typedef struct fsl_h5 {
  fsl_ctx *ctx;
  const char *path; /* for messages */
  hid_t file;
} fsl_h5;

/* Once, before anything else of HDF5: the library's own exit handler crashes after a file could not be closed on a full
 * disk, and with it would go the program's exit status. Every file is closed by its opener. */
void fsl_h5_start(void);
FSL_CHECKED fsl_status fsl_h5_create(fsl_ctx *ctx, const char *path, fsl_h5 *out);
FSL_CHECKED fsl_status fsl_h5_close(fsl_h5 *h);
/* The last step of writing `path` safely: its finished copy is synced, renamed to it, and the folder synced. */
FSL_CHECKED fsl_status fsl_h5_put_in_place(fsl_ctx *ctx, const char *beside, const char *path);
/* A group that keeps the order in which things are made in it. */
FSL_CHECKED fsl_status fsl_h5_group(fsl_h5 *h, const char *name, hid_t *out);

FSL_CHECKED fsl_status fsl_h5_attribute_text(fsl_h5 *h, hid_t object, const char *name, const char *value);
FSL_CHECKED fsl_status fsl_h5_attribute_integer(fsl_h5 *h, hid_t object, const char *name, int64_t value);
FSL_CHECKED fsl_status fsl_h5_attribute_real(fsl_h5 *h, hid_t object, const char *name, double value);
FSL_CHECKED fsl_status fsl_h5_attribute_bytes(fsl_h5 *h, hid_t object, const char *name, size_t n, const int8_t *value);

/* Dimension scales: one coordinate variable each. */
FSL_CHECKED fsl_status fsl_h5_scale_reals(fsl_h5 *h, hid_t group, const char *name, size_t n, const double *values,
                                          const char *long_name, hid_t *out);
FSL_CHECKED fsl_status fsl_h5_scale_texts(fsl_h5 *h, hid_t group, const char *name, size_t n, const char *const *values,
                                          const char *long_name, hid_t *out);
/* 0, 1, ..., n - 1 */
FSL_CHECKED fsl_status fsl_h5_scale_numbers(fsl_h5 *h, hid_t group, const char *name, size_t n, const char *long_name,
                                            hid_t *out);

typedef struct fsl_h5_about {
  const char *name, *long_name, *units, *source; /* units NULL: "1" for numbers; source may be NULL */
} fsl_h5_about;

enum { FSL_H5_MAX_RANK = 12 };

/* A chunked, compressed variable of `type` over the scales, fill value NaN for reals; attached to its scales. */
FSL_CHECKED fsl_status fsl_h5_variable(fsl_h5 *h, hid_t group, const fsl_h5_about *about, hid_t type, size_t rank,
                                       const hid_t *scale, hid_t *out);
/* Writes the slab start .. start + count of doubles, converted to the variable's type. */
FSL_CHECKED fsl_status fsl_h5_write_slab(fsl_h5 *h, hid_t variable, size_t rank, const hsize_t *start,
                                         const hsize_t *count, const double *values);
/* Reads the slab of a variable of this name ("sliced_w1", "reference/sliced_w1") of the file: *found tells whether
 * there is one. */
FSL_CHECKED fsl_status fsl_h5_read_slab(const fsl_h5 *h, const char *name, size_t rank, const hsize_t *start,
                                        const hsize_t *count, double *values, bool *found);
/* A variable of texts, and a slab of its only axis. */
FSL_CHECKED fsl_status fsl_h5_text_variable(fsl_h5 *h, hid_t group, const fsl_h5_about *about, size_t rank,
                                            const hid_t *scale, hid_t *out);
FSL_CHECKED fsl_status fsl_h5_write_texts(fsl_h5 *h, hid_t variable, size_t start, size_t count,
                                          const char *const *values);
/* A variable of texts, written whole. */
FSL_CHECKED fsl_status fsl_h5_texts(fsl_h5 *h, hid_t group, const fsl_h5_about *about, size_t rank, const hid_t *scale,
                                    const char *const *values);

#endif
