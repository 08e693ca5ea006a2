/* spec/spec.c: from YAML text to a validated spec. */
#include "spec/spec.h"

#include "spec/reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 4 << 20 };

static const char override_mark[] = "# --set ";

/* Where the block of override lines at the end of a kept text begins. */
static size_t overrides_start(const char *text, size_t length) {
  const size_t mark = strlen(override_mark);
  for (;;) {
    size_t line = length;
    while (line > 0 && text[line - 1] == '\n' && line == length) line--;
    while (line > 0 && text[line - 1] != '\n') line--;
    if (line == length || strncmp(text + line, override_mark, mark) != 0) return length;
    length = line;
  }
}

/* The text, and the overrides behind it as comments. */
static bool keep_text(fsl_reader *r, const char *text, size_t length, size_t n_overrides,
                      const char *const *overrides) {
  fsl_text kept;
  fsl_text_start(&kept, r->b.ctx->arena);
  fsl_text_add(&kept, "%.*s", (int)length, text);
  if (n_overrides > 0 && length > 0 && text[length - 1] != '\n') fsl_text_add(&kept, "\n");
  /* A comment of the spec's own that looks like an override is kept apart from them. */
  if (overrides_start(kept.data, kept.length) < kept.length) fsl_text_add(&kept, "\n#\n");
  for (size_t i = 0; i < n_overrides; i++) fsl_text_add(&kept, "%s%s\n", override_mark, overrides[i]);
  fsl_hasher *const hasher = fsl_hasher_create(r->b.ctx->arena);
  if (kept.failed || hasher == NULL) return fsl_complain(r->b.d, (fsl_place){r->b.file, 1, 1}, "out of memory");
  fsl_hash_text(hasher, kept.data);
  r->spec->text = kept.data;
  r->spec->hash = fsl_hash_value(hasher);
  return true;
}

static bool apply_overrides(fsl_reader *r, fsl_node *root, size_t n, const char *const *overrides) {
  bool good = true;
  for (size_t i = 0; i < n; i++) good = fsl_override(&r->b, root, (int)i + 1, overrides[i]) && good;
  return good;
}

/* Everything that can be checked without the rest is checked, so that all errors come at once. */
static bool read_all(fsl_reader *r) {
  if (r->root->type != FSL_NODE_MAP)
    return fsl_complain(r->b.d, r->root->place, "the spec is %s, expected a mapping",
                        fsl_node_describe(r->b.ctx->arena, r->root));
  const bool good = fsl_read_sections(r);
  return fsl_validate(r) && good && r->b.d->n == 0;
}

/* While the spec is read, an array of a file is read once, whatever uses it. */
static bool read_with_files(fsl_reader *r) {
  fsl_files *const before = r->b.ctx->files;
  r->b.ctx->files = &r->spec->files;
  const bool good = read_all(r);
  r->b.ctx->files = before;
  return good;
}

fsl_status fsl_spec_parse(fsl_ctx *ctx, const fsl_catalog *catalog, const char *file, const char *text, size_t length,
                          size_t n_overrides, const char *const *overrides, fsl_spec *out, const char **errors) {
  fsl_diagnostics d;
  const size_t refused = fsl_arena_refused(ctx->arena);
  fsl_diagnostics_start(&d, ctx->arena);
  *out = (fsl_spec){.file = fsl_text_copy(ctx->arena, file)};
  fsl_reader r = {.b = {.ctx = ctx, .d = &d, .file = file}, .catalog = catalog, .spec = out};
  fsl_node *const root = fsl_node_parse(ctx, &d, file, text, length);
  r.root = root;
  bool good = root != NULL && keep_text(&r, text, length, n_overrides, overrides);
  if (good) good = apply_overrides(&r, root, n_overrides, overrides);
  if (root != NULL) good = read_with_files(&r) && good;
  out->n_read = r.b.n_read;
  out->read = r.b.read;
  *errors = "";
  if (!good && fsl_check_stop(ctx) != FSL_OK)
    return fsl_fail(ctx, FSL_ESTOP, "%s: stopped while the spec and its data files were read", file);
  *errors = fsl_diagnostics_text(&d);
  if (fsl_arena_refused(ctx->arena) > refused) return fsl_fail(ctx, FSL_ENOMEM, "%s: out of memory for the spec", file);
  if (good) return FSL_OK;
  return fsl_fail(ctx, FSL_EINPUT, "%s: %zu error%s in the spec", file, d.n, d.n == 1 ? "" : "s");
}

size_t fsl_spec_overrides_start(const char *kept) {
  return overrides_start(kept, strlen(kept));
}

size_t fsl_spec_overrides(fsl_arena *arena, const char *kept, const char ***out) {
  const char *const text = kept + fsl_spec_overrides_start(kept);
  size_t n = 0;
  *out = fsl_arena_get(arena, strlen(text) / strlen(override_mark) + 1, sizeof **out);
  for (const char *at = text; *out != NULL && *at != '\0';) {
    const size_t line = strcspn(at, "\n");
    (*out)[n++] = fsl_text_format(arena, "%.*s", (int)(line - strlen(override_mark)), at + strlen(override_mark));
    at += line + (at[line] == '\n');
  }
  return n;
}

fsl_status fsl_spec_reparse(fsl_ctx *ctx, const fsl_catalog *catalog, const char *file, const char *kept, fsl_spec *out,
                            const char **errors) {
  const size_t length = fsl_spec_overrides_start(kept);
  const char **overrides;
  const size_t n = fsl_spec_overrides(ctx->arena, kept, &overrides);
  if (overrides == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for overrides");
  for (size_t i = 0; i < n; i++)
    if (overrides[i] == NULL) return fsl_fail(ctx, FSL_ENOMEM, "out of memory for overrides");
  return fsl_spec_parse(ctx, catalog, file, kept, length, n, overrides, out, errors);
}

fsl_status fsl_spec_load(fsl_ctx *ctx, const fsl_catalog *catalog, const char *file, size_t n_overrides,
                         const char *const *overrides, fsl_spec *out, const char **errors) {
  char *text;
  *errors = "";
  FSL_GET(ctx, text, MOST_BYTES + 2);
  FILE *const stream = fopen(file, "rb");
  if (stream == NULL) return fsl_fail(ctx, FSL_EINPUT, "%s: %s", file, strerror(errno));
  const size_t length = fread(text, 1, MOST_BYTES + 1, stream);
  const bool failed = ferror(stream) != 0;
  fclose(stream);
  if (failed) return fsl_fail(ctx, FSL_EINPUT, "%s: cannot be read", file);
  return fsl_spec_parse(ctx, catalog, file, text, length, n_overrides, overrides, out, errors);
}

uint32_t fsl_spec_computed_metrics(const fsl_spec *spec) {
  return spec->budget ? spec->metrics | 1U << FSL_SLICED_W1 : spec->metrics;
}
