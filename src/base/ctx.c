/* base/ctx.c: errors with context, the log, the clock and the stop flag. */
#include "fslens/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void fsl_note(fsl_ctx *ctx, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(ctx->error, sizeof ctx->error, format, arguments);
  va_end(arguments);
}

fsl_status fsl_while(fsl_ctx *ctx, fsl_status status, const char *format, ...) {
  char before[sizeof ctx->error], after[sizeof ctx->error];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(before, sizeof before, format, arguments);
  va_end(arguments);
  memcpy(after, ctx->error, sizeof after);
  const size_t used = strnlen(before, sizeof before - 3);
  memcpy(ctx->error, before, used);
  snprintf(ctx->error + used, sizeof ctx->error - used, ": %.*s", (int)(sizeof ctx->error - used - 3), after);
  return status;
}

void fsl_say(const fsl_ctx *ctx, fsl_log_level level, const char *format, ...) {
  if (ctx->log == NULL || level > ctx->log->level) return;
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  ctx->log->write(ctx->log->self, level, text);
}

double fsl_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

fsl_status fsl_check_stop(fsl_ctx *ctx) {
  if (ctx->stop != NULL && *ctx->stop != 0) return fsl_fail(ctx, FSL_ESTOP, "stopped");
  if (ctx->deadline > 0 && fsl_now() > ctx->deadline) return fsl_fail(ctx, FSL_ETIME, "its time limit has passed");
  return FSL_OK;
}
