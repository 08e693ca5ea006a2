/* base/array_hdf5.h: what a name inside an HDF5 file stands for, for array_hdf5.c alone. */
#ifndef FSL_BASE_ARRAY_HDF5_H
#define FSL_BASE_ARRAY_HDF5_H

#include "base/array_readers.h"

#include <hdf5.h>

/* "" and "/" are the root group. */
bool fsl_hdf5_is_group(hid_t file, const char *inside);
/* FSL_OK where `inside` is a dataset; else FSL_EINPUT says what it is: nothing (with the nearest name), a group (with
 * its datasets), a link to nowhere or in a circle. */
FSL_CHECKED fsl_status fsl_hdf5_expect_dataset(fsl_ctx *ctx, hid_t file, const char *path, const char *inside);
/* FSL_EINPUT where a source of a virtual dataset is missing: HDF5 would give its fill values instead. */
FSL_CHECKED fsl_status fsl_hdf5_expect_sources(fsl_ctx *ctx, const char *path, const char *inside, hid_t dataset);

#endif
