/* commands/show_reasons.c: see show_reasons.h. */
#include "commands/show_reasons.h"

#include "base/text.h"
#include "metric/reason.h"

/* The next cell; false after the last. */
static bool advance(const fsl_results_variable *v, const long *index, size_t *counter) {
  for (size_t axis = v->rank; axis-- > 0;) {
    if (index[axis] >= 0) continue;
    if (++counter[axis] < v->axis[axis].n) return true;
    counter[axis] = 0;
  }
  return false;
}

uint64_t fsl_reasons_at(const fsl_results_variable *reason, const long *index) {
  size_t counter[FSL_READ_MAX_RANK] = {0};
  uint64_t found = 0;
  for (size_t i = 0; i < reason->rank; i++) counter[i] = index[i] >= 0 ? (size_t)index[i] : 0;
  do {
    size_t at = 0;
    for (size_t i = 0; i < reason->rank; i++) at = at * reason->axis[i].n + counter[i];
    const double code = reason->data[at];
    if (code == FSL_HAS_VALUE) return 0;
    if (code > 0 && code < FSL_N_REASONS) found |= (uint64_t)1 << (unsigned)code;
  } while (advance(reason, index, counter));
  return found;
}

fsl_status fsl_reasons_text(fsl_ctx *ctx, uint64_t reasons, const char **out) {
  fsl_text text;
  size_t n = 0;
  *out = NULL;
  if (reasons == 0) return FSL_OK;
  fsl_text_start(&text, ctx->arena);
  for (unsigned i = 0; i < FSL_N_REASONS; i++)
    if ((reasons >> i & 1U) != 0) fsl_text_add(&text, "%s%s", n++ == 0 ? "" : "; ", fsl_reasons[i].text);
  *out = fsl_text_end(&text);
  return *out != NULL ? FSL_OK : fsl_fail(ctx, FSL_ENOMEM, "out of memory for reasons");
}
