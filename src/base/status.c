/* base/status.c: names of status codes. */
#include "fslens/base.h"

const char *fsl_status_name(fsl_status status) {
  switch (status) {
  case FSL_OK:
    return "ok";
  case FSL_EINPUT:
    return "wrong input";
  case FSL_ENOMEM:
    return "out of memory";
  case FSL_EIO:
    return "input or output failed";
  case FSL_ENUMERIC:
    return "no finite result";
  case FSL_ESTOP:
    return "stopped";
  case FSL_ETIME:
    return "out of time";
  case FSL_EINTERNAL:
    return "internal error";
  }
  return "unknown status";
}
